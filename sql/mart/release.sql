/*
description: >-
  Outbound weighings. The last one of a plate before it leaves is the release; an earlier, heavier one of the same visit is
  kept as re-weighed. A visit goes on while each weighing follows within the window of rule axle_limit and has no new tare.
grain: one row a ticket_id
period: week_start
lookback: 0
lookahead: 1
columns:
  ticket_id: ticket
  site_id: site
  site_name: site as the ticket names it
  is_registered_site: whether the register knows the site
  firm_name: firm that runs the site
  county_code: county of the site
  ticket_no: number on the ticket
  weighed_at: when it was weighed
  weighed_on: local date of it
  week_start: Monday of its ISO week
  plate: number plate
  product_id: product
  product_name: product in words
  source_class: natural, manufactured, recycled or other
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t
  destination_county_code: county of the destination
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  is_direction_assumed: whether the direction is the source profile's default
  is_above_scale_max: whether gross is above the scale's maximum
  is_reweighed: whether a lighter weighing of the same visit followed, by the drop of rule axle_limit at least
  reweighed_ticket_id: that later ticket
  first_weighed_at: when the first of two weighings (usually tare) was taken
  scale_no: scale
  axle_sum_kg: sum of the masses on the axles, kg, where the station weighs axle by axle
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH outbound AS (
    SELECT *
    FROM staging.weighbridge_ticket
    WHERE direction = 'out'
),

reweigh_window AS (
    SELECT to_minutes(value::BIGINT) AS length
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
    WINDOW by_truck AS (PARTITION BY outbound.site_id, outbound.plate ORDER BY outbound.weighed_at, outbound.ticket_id)
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
    SELECT
        heavy.ticket_id,
        min_by(light.ticket_id, (light.weighed_at, light.ticket_id)) AS reweighed_ticket_id
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
        -- A new tare means that the truck came back empty: another load.
        AND coalesce(light.first_weighed_at <= heavy.weighed_at, TRUE)
        AND coalesce(light.tare_kg = heavy.tare_kg, TRUE)
    GROUP BY heavy.ticket_id
)

SELECT
    outbound.ticket_id,
    outbound.site_id,
    outbound.site_name,
    outbound.is_registered_site,
    outbound.firm_name,
    outbound.county_code,
    outbound.ticket_no,
    outbound.weighed_at,
    outbound.weighed_on,
    outbound.week_start,
    outbound.plate,
    outbound.product_id,
    outbound.product_name,
    outbound.source_class,
    outbound.gross_kg,
    outbound.tare_kg,
    outbound.net_t,
    outbound.destination_county_code,
    outbound.axle_count,
    outbound.body,
    outbound.drive_axle_count,
    outbound.is_direction_assumed,
    outbound.is_above_scale_max,
    reweighed.ticket_id IS NOT NULL AS is_reweighed,
    reweighed.reweighed_ticket_id,
    outbound.first_weighed_at,
    outbound.scale_no,
    outbound.axle_sum_kg,
    outbound.source,
    outbound.snapshot_sha256,
    outbound.line
FROM outbound
LEFT JOIN reweighed ON outbound.ticket_id = reweighed.ticket_id
ORDER BY outbound.weighed_at, outbound.ticket_id
