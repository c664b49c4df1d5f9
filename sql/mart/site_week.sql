/*
description: What each site dispatched in each week, and whether its feed was there. Published figures are what was weighed.
grain: one row a (site_id, week_start)
period: week_start
lookback: 0
columns:
  site_id: site
  site_name: site
  firm_name: firm that runs the site
  is_registered_site: whether the register knows the site
  county_code: county of the site
  entity_kind: kind of site
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  ticket_count: tickets in force, all directions
  release_count: releases
  release_day_count: days with releases
  dispatch_t: net mass of the releases, t
  expected_day_count: days on which tickets are expected by the register's cadence, its closures and the calendar
  seen_day_count: expected days with at least one ticket
  completeness_share: seen by expected days; NULL where none is expected
  closed_day_count: days on which the register says that the site is closed
  is_holiday_week: whether a public holiday falls on Monday to Friday of the week
  filed_capacity_t: filed capacity, t per year
  utilisation_share: dispatch_t times 365/7 by filed capacity
  last_weighed_at: last ticket of the week
*/
WITH week_day AS (
    SELECT
        day_on,
        date_trunc('week', day_on)::DATE AS week_start,
        is_public_holiday
    FROM reference.calendar
),

week AS (
    SELECT
        week_start,
        strftime(week_start + 3, '%G-W%V') AS iso_week,
        bool_or(is_public_holiday AND isodow(day_on) <= 5) AS is_holiday_week
    FROM week_day
    GROUP BY week_start
),

site AS (
    SELECT
        site_id,
        site_name,
        firm_name,
        TRUE AS is_registered_site,
        county_code,
        entity_kind,
        filed_capacity_t,
        expected_cadence
    FROM staging.site
    UNION ALL
    SELECT DISTINCT
        ticket.site_id,
        ticket.site_id AS site_name,
        NULL AS firm_name,
        FALSE AS is_registered_site,
        NULL AS county_code,
        NULL AS entity_kind,
        NULL AS filed_capacity_t,
        'none' AS expected_cadence
    FROM staging.ticket_day AS ticket
    ANTI JOIN staging.site AS registered ON ticket.site_id = registered.site_id
),

expected AS (
    SELECT
        site_id,
        week_start,
        count(*) FILTER (is_expected) AS expected_day_count,
        count(*) FILTER (is_expected AND ticket_count > 0) AS seen_day_count,
        count(*) FILTER (is_closed) AS closed_day_count,
        sum(ticket_count)::BIGINT AS ticket_count,
        sum(release_count)::BIGINT AS release_count,
        count(*) FILTER (release_count > 0) AS release_day_count,
        sum(dispatch_t) AS dispatch_t,
        max(last_weighed_at) AS last_weighed_at
    FROM mart.site_day
    GROUP BY site_id, week_start
)

SELECT
    site.site_id,
    site.site_name,
    site.firm_name,
    site.is_registered_site,
    site.county_code,
    site.entity_kind,
    expected.week_start,
    week.iso_week,
    expected.ticket_count,
    expected.release_count,
    expected.release_day_count,
    expected.dispatch_t::DECIMAL(18, 3) AS dispatch_t,
    expected.expected_day_count,
    expected.seen_day_count,
    (expected.seen_day_count / nullif(expected.expected_day_count, 0))::DECIMAL(7, 6) AS completeness_share,
    expected.closed_day_count,
    week.is_holiday_week,
    site.filed_capacity_t,
    (expected.dispatch_t * 365 / 7 / nullif(site.filed_capacity_t, 0))::DECIMAL(18, 6)
        AS utilisation_share,
    expected.last_weighed_at
FROM expected
INNER JOIN site ON expected.site_id = site.site_id
INNER JOIN week ON expected.week_start = week.week_start
WHERE site.expected_cadence IS DISTINCT FROM 'none' OR expected.ticket_count > 0
ORDER BY expected.week_start, site.site_id
