/*
description: >-
  Each day of each site: whether tickets were expected, whether any came, and what went out. Days without tickets have
  their row, so that a gap is a row too; of sites outside the register only days with tickets.
grain: one row a (site_id, day_on)
period: week_start
lookback: 0
columns:
  site_id: site
  is_registered_site: whether the register knows the site
  county_code: county of the site
  day_on: local day
  week_start: Monday of its ISO week
  is_closed: whether the register says that the site is closed on the day
  is_expected: whether tickets are expected by the register's cadence, its closures and the calendar
  ticket_count: tickets in force, all directions
  release_count: releases that were not weighed again
  dispatch_t: net mass of those releases, t
  last_weighed_at: last ticket of the day
*/
WITH week_day AS (
    SELECT
        day_on,
        date_trunc('week', day_on)::DATE AS week_start,
        is_workday
    FROM reference.calendar
),

site AS (
    SELECT
        site_id,
        TRUE AS is_registered_site,
        county_code,
        expected_cadence,
        closed_on,
        reopened_on
    FROM staging.site
    UNION ALL
    SELECT DISTINCT
        ticket.site_id,
        FALSE AS is_registered_site,
        NULL AS county_code,
        'none' AS expected_cadence,
        NULL::DATE AS closed_on,
        NULL::DATE AS reopened_on
    FROM staging.ticket_day AS ticket
    ANTI JOIN staging.site AS registered ON ticket.site_id = registered.site_id
),

-- A site that opened again before it closed is closed still: only the last closure is in the register.
site_day AS (
    SELECT
        site.site_id,
        site.is_registered_site,
        site.county_code,
        week_day.week_start,
        week_day.day_on,
        coalesce(
            week_day.day_on >= site.closed_on
            AND (coalesce(site.reopened_on <= site.closed_on, TRUE) OR week_day.day_on < site.reopened_on),
            FALSE
        ) AS is_closed,
        coalesce(
            site.expected_cadence = 'daily' OR (site.expected_cadence = 'workday' AND week_day.is_workday), FALSE
        ) AS is_asked
    FROM site
    CROSS JOIN week_day
),

dispatch AS (
    SELECT
        site_id,
        weighed_on,
        count(*) AS release_count,
        sum(net_t) AS dispatch_t
    FROM mart.release
    WHERE NOT is_reweighed
    GROUP BY site_id, weighed_on
)

SELECT
    site_day.site_id,
    site_day.is_registered_site,
    site_day.county_code,
    site_day.day_on,
    site_day.week_start,
    site_day.is_closed,
    site_day.is_asked AND NOT site_day.is_closed AS is_expected,
    coalesce(ticket_day.ticket_count, 0)::BIGINT AS ticket_count,
    coalesce(dispatch.release_count, 0) AS release_count,
    coalesce(dispatch.dispatch_t, 0)::DECIMAL(18, 3) AS dispatch_t,
    ticket_day.last_weighed_at
FROM site_day
LEFT JOIN staging.ticket_day AS ticket_day
    ON site_day.site_id = ticket_day.site_id AND site_day.day_on = ticket_day.weighed_on
LEFT JOIN dispatch ON site_day.site_id = dispatch.site_id AND site_day.day_on = dispatch.weighed_on
WHERE site_day.is_registered_site OR ticket_day.site_id IS NOT NULL
ORDER BY site_day.day_on, site_day.site_id
