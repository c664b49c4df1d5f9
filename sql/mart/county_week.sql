/*
description: Dispatch, utilisation, operating rate and completeness of each county in each week, and of the whole city.
grain: one row a (county_code, week_start)
period: week_start
lookback: unbounded
columns:
  county_code: GB/T 2260 code; 411700 is the whole city, sites outside the register and of the city itself included
  county_name: county or city
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  dispatch_t: net mass of the releases, t
  dispatch_week_before_t: the same of the week before, t
  dispatch_change_share: >-
    change on the week before; NULL where either week is incomplete by rule supply_level, and for a running week,
    one whose Sunday is after the last ticket day of all sites
  release_count: releases
  site_count: sites that are expected to report or did
  active_site_count: sites with a load-out in the last 28 days
  operating_site_count: sites with tickets on at least 4 days of the week, as far as seen
  operating_rate_share: operating by active sites
  filed_capacity_t: filed capacity of the active sites, t per year
  utilisation_share: dispatch of active sites with a filed capacity, times 365/7, by that capacity
  expected_day_count: site-days on which tickets are expected
  seen_day_count: expected site-days with tickets
  completeness_share: seen by expected site-days
  firm_count: firms with dispatch in the week
  largest_firm_share: share of the largest firm in the dispatch
  is_holiday_week: whether a public holiday falls on Monday to Friday of the week
*/
WITH site_week AS (
    SELECT
        site_week.*,
        site_week.release_day_count >= 4 AS is_operating,
        sum(site_week.release_count) OVER (
            PARTITION BY site_week.site_id
            ORDER BY site_week.week_start
            RANGE BETWEEN INTERVAL 21 DAYS PRECEDING AND CURRENT ROW
        ) > 0 AS is_active
    FROM mart.site_week AS site_week
),

placed AS (
    -- A site registered under the city's own code is in the city row only, and there once.
    SELECT
        site_week.county_code AS place_code,
        site_week.*
    FROM site_week
    INNER JOIN reference.region AS county ON site_week.county_code = county.county_code
    WHERE county.kind <> 'city'
    UNION ALL
    SELECT
        city.county_code AS place_code,
        site_week.*
    FROM site_week
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
),

firm AS (
    SELECT
        place_code,
        week_start,
        count(*) AS firm_count,
        max(dispatch_t) / nullif(sum(dispatch_t), 0) AS largest_firm_share
    FROM (
        SELECT
            place_code,
            week_start,
            coalesce(firm_name, site_id) AS firm_name,
            sum(dispatch_t) AS dispatch_t
        FROM placed
        GROUP BY ALL
        HAVING sum(dispatch_t) > 0
    ) AS firm_week
    GROUP BY place_code, week_start
),

place AS (
    SELECT
        place_code,
        week_start,
        any_value(iso_week) AS iso_week,
        sum(dispatch_t) AS dispatch_t,
        sum(release_count)::BIGINT AS release_count,
        count(*) AS site_count,
        count(*) FILTER (is_active) AS active_site_count,
        count(*) FILTER (is_operating) AS operating_site_count,
        sum(filed_capacity_t) FILTER (is_active) AS filed_capacity_t,
        sum(dispatch_t) FILTER (is_active AND filed_capacity_t IS NOT NULL) AS capacity_dispatch_t,
        sum(expected_day_count)::BIGINT AS expected_day_count,
        sum(seen_day_count)::BIGINT AS seen_day_count,
        bool_or(is_holiday_week) AS is_holiday_week
    FROM placed
    GROUP BY place_code, week_start
),

compared AS (
    SELECT
        *,
        seen_day_count / nullif(expected_day_count, 0) AS completeness_share,
        lag(dispatch_t) OVER before AS dispatch_week_before_t,
        lag(seen_day_count / nullif(expected_day_count, 0)) OVER before AS completeness_before_share,
        lag(week_start) OVER before = week_start - 7 AS has_week_before
    FROM place
    WINDOW before AS (PARTITION BY place_code ORDER BY week_start)
),

data_through AS (
    SELECT max(last_weighed_at)::DATE AS last_weighed_on
    FROM mart.site_week
)

SELECT
    compared.place_code AS county_code,
    region.county_name,
    compared.week_start,
    compared.iso_week,
    compared.dispatch_t::DECIMAL(18, 3) AS dispatch_t,
    CASE WHEN compared.has_week_before THEN compared.dispatch_week_before_t END::DECIMAL(18, 3)
        AS dispatch_week_before_t,
    CASE
        WHEN
            compared.has_week_before
            AND compared.week_start + 6 <= data_through.last_weighed_on
            AND compared.completeness_share >= complete.value
            AND compared.completeness_before_share >= complete.value
            THEN compared.dispatch_t / nullif(compared.dispatch_week_before_t, 0) - 1
    END::DECIMAL(12, 6) AS dispatch_change_share,
    compared.release_count,
    compared.site_count,
    compared.active_site_count,
    compared.operating_site_count,
    (compared.operating_site_count / nullif(compared.active_site_count, 0))::DECIMAL(7, 6) AS operating_rate_share,
    compared.filed_capacity_t,
    (compared.capacity_dispatch_t * 365 / 7 / nullif(compared.filed_capacity_t, 0))::DECIMAL(12, 6)
        AS utilisation_share,
    compared.expected_day_count,
    compared.seen_day_count,
    compared.completeness_share::DECIMAL(7, 6) AS completeness_share,
    coalesce(firm.firm_count, 0) AS firm_count,
    firm.largest_firm_share::DECIMAL(7, 6) AS largest_firm_share,
    compared.is_holiday_week
FROM compared
CROSS JOIN data_through
INNER JOIN reference.region AS region ON compared.place_code = region.county_code
LEFT JOIN firm ON compared.place_code = firm.place_code AND compared.week_start = firm.week_start
LEFT JOIN policy.threshold AS complete ON complete.rule = 'supply_level' AND complete.part = 'completeness_share'
ORDER BY compared.week_start, compared.place_code
