/*
description: >-
  Dispatch of each site and week as it was known at a moment, by the same rules as mart.site_week: outbound weighings,
  the last one of a plate before it leaves. As of now it equals mart.site_week where anything was released.
arguments:
  as_of: moment, as TIMESTAMPTZ '2026-11-16 09:00:00+08'; what a load brought is known from the time it ran
columns:
  site_id: site
  county_code: county of the site; NULL where the site is not registered
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  release_count: releases known then
  dispatch_t: net mass of the releases known then, t
  last_weighed_at: last release of the week known then
  last_known_at: when the newest load ran that these figures rest on
*/
CREATE OR REPLACE MACRO overload.known_site_week(as_of) AS TABLE
    WITH outbound AS MATERIALIZED (
        SELECT *
        FROM overload.known_ticket(as_of)
        WHERE direction = 'out'
    ),

    reweigh_window AS (
        SELECT to_minutes(value::bigint) AS length
        FROM policy.parameter
        WHERE rule = 'axle_limit' AND name = 'reweigh_window_min'
    ),

    reweigh_drop AS (
        SELECT value AS drop_kg
        FROM policy.parameter
        WHERE rule = 'axle_limit' AND name = 'reweigh_drop_kg'
    ),

    -- Where a weighing does not follow on the same load, another visit begins: too long ago, or a new tare.
    weighing AS (
        SELECT
            outbound.ticket_id,
            outbound.site_id,
            outbound.plate,
            outbound.weighed_at,
            outbound.first_weighed_at,
            outbound.gross_kg,
            outbound.tare_kg,
            NOT coalesce(
                outbound.weighed_at <= lag(outbound.weighed_at) OVER by_truck + reweigh_window.length
                AND coalesce(outbound.first_weighed_at <= lag(outbound.weighed_at) OVER by_truck, TRUE)
                AND coalesce(outbound.tare_kg = lag(outbound.tare_kg) OVER by_truck, TRUE),
                FALSE
            ) AS is_first
        FROM outbound
        CROSS JOIN reweigh_window
        WHERE outbound.plate IS NOT NULL
        WINDOW by_truck AS (
            PARTITION BY outbound.site_id, outbound.plate
            ORDER BY outbound.weighed_at, outbound.ticket_id
        )
    ),

    visit AS (
        SELECT
            *,
            count(*) FILTER (is_first) OVER (
                PARTITION BY site_id, plate
                ORDER BY weighed_at, ticket_id
            ) AS visit_no
        FROM weighing
        -- Most trucks are weighed once: what is neither followed nor follows cannot be re-weighed.
        QUALIFY
            NOT is_first
            OR NOT coalesce(lead(is_first) OVER (PARTITION BY site_id, plate ORDER BY weighed_at, ticket_id), TRUE)
    ),

    reweighed AS (
        SELECT DISTINCT heavy.ticket_id
        FROM visit AS heavy
        INNER JOIN visit AS light
            ON
                heavy.site_id = light.site_id
                AND heavy.plate = light.plate
                AND heavy.visit_no = light.visit_no
                AND heavy.weighed_at < light.weighed_at
        CROSS JOIN reweigh_drop
        WHERE
            light.gross_kg <= heavy.gross_kg - reweigh_drop.drop_kg
            -- A new tare means that the truck came back empty: another load (as in mart.release).
            AND coalesce(light.first_weighed_at <= heavy.weighed_at, TRUE)
            AND coalesce(light.tare_kg = heavy.tare_kg, TRUE)
    )

    SELECT
        outbound.site_id,
        outbound.county_code,
        outbound.week_start,
        strftime(outbound.week_start + 3, '%G-W%V') AS iso_week,
        count(*) AS release_count,
        coalesce(sum(outbound.net_t), 0)::decimal(18, 3) AS dispatch_t,
        max(outbound.weighed_at) AS last_weighed_at,
        max(outbound.known_at) AS last_known_at
    FROM outbound
    ANTI JOIN reweighed ON outbound.ticket_id = reweighed.ticket_id
    GROUP BY outbound.site_id, outbound.county_code, outbound.week_start
    ORDER BY outbound.week_start, outbound.site_id
