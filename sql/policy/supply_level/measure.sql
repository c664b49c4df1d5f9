/*
description: >-
  What the supply levels are judged on, one row a county and week. Same-site dispatch is that of the sites seen in
  the week and in at least half of the 8 weeks before; each site's usual week is its median over those 8 weeks,
  holiday weeks left out. Key-project cover and days of stock have no feed yet: unknown, which never means tight.
grain: one row a (county_code, week_start)
period: week_start
lookback: unbounded
columns:
  county_code: GB/T 2260 code of the county
  week_start: Monday of the week
  base_week_count: weeks of the 8 before with data, holiday weeks left out
  is_holiday_week: true where the week holds a public holiday
  dispatch_t: net mass released outbound by all sites in the week, t
  same_site_dispatch_t: the part of it released by the compared sites, t
  same_site_median_t: sum of the compared sites' medians over the 8 weeks before, t
  project_cover_ratio: supply of the next 4 weeks for key projects over their demand; unknown until a feed exists
  stock_days: days of stock at the mean dispatch of 28 days; unknown until a feed exists
  iso_week: ISO week
  same_site_share: same-site dispatch over its median, share
  same_site_count: sites compared
  completeness_share: site-days seen over site-days expected
  missing_day_count: days from the last ticket of all sites to the Sunday of the week, 0 for a week that is over
*/
WITH last_ticket AS (
    SELECT CAST(MAX(last_weighed_at) AS DATE) AS weighed_on
    FROM mart.site_week
),

county_week AS (
    SELECT
        county_code,
        week_start,
        SUM(dispatch_t) AS dispatch_t,
        SUM(expected_day_count) AS expected_day_count,
        SUM(seen_day_count) AS seen_day_count,
        BOOL_OR(is_holiday_week) AS is_holiday_week
    FROM mart.site_week
    WHERE county_code IS NOT NULL
    GROUP BY county_code, week_start
),

county_base AS (
    SELECT
        this_week.county_code,
        this_week.week_start,
        COUNT(base_week.week_start) AS base_week_count
    FROM county_week AS this_week
    LEFT JOIN county_week AS base_week
        ON
            this_week.county_code = base_week.county_code
            AND base_week.week_start BETWEEN this_week.week_start - 56 AND this_week.week_start - 7
            AND base_week.seen_day_count > 0
            AND NOT base_week.is_holiday_week
    GROUP BY this_week.county_code, this_week.week_start
),

site_base AS (
    SELECT
        this_week.site_id,
        this_week.county_code,
        this_week.week_start,
        MAX(this_week.dispatch_t) AS dispatch_t,
        MEDIAN(base_week.dispatch_t) AS median_t,
        COUNT(base_week.week_start) AS base_week_count
    FROM mart.site_week AS this_week
    INNER JOIN mart.site_week AS base_week
        ON
            this_week.site_id = base_week.site_id
            AND base_week.week_start BETWEEN this_week.week_start - 56 AND this_week.week_start - 7
            AND base_week.seen_day_count > 0
            AND NOT base_week.is_holiday_week
    WHERE this_week.seen_day_count > 0
    GROUP BY this_week.site_id, this_week.county_code, this_week.week_start
),

same_site AS (
    SELECT
        site_base.county_code,
        site_base.week_start,
        SUM(site_base.dispatch_t) AS same_site_dispatch_t,
        SUM(site_base.median_t) AS same_site_median_t,
        COUNT(*) AS same_site_count
    FROM site_base
    INNER JOIN county_base
        ON site_base.county_code = county_base.county_code AND site_base.week_start = county_base.week_start
    WHERE site_base.base_week_count * 2 >= county_base.base_week_count
    GROUP BY site_base.county_code, site_base.week_start
)

SELECT
    county_week.county_code,
    county_week.week_start,
    county_base.base_week_count,
    county_week.is_holiday_week,
    CAST(county_week.dispatch_t AS DOUBLE) AS dispatch_t,
    CAST(same_site.same_site_dispatch_t AS DOUBLE) AS same_site_dispatch_t,
    CAST(same_site.same_site_median_t AS DOUBLE) AS same_site_median_t,
    CAST(NULL AS DOUBLE) AS project_cover_ratio,
    CAST(NULL AS DOUBLE) AS stock_days,
    STRFTIME(county_week.week_start, '%G-W%V') AS iso_week,
    ROUND(same_site.same_site_dispatch_t / NULLIF(same_site.same_site_median_t, 0), 9) AS same_site_share,
    COALESCE(same_site.same_site_count, 0) AS same_site_count,
    ROUND(county_week.seen_day_count / NULLIF(county_week.expected_day_count, 0), 9) AS completeness_share,
    GREATEST(county_week.week_start + 6 - last_ticket.weighed_on, 0) AS missing_day_count
FROM county_week
CROSS JOIN last_ticket
INNER JOIN county_base
    ON county_week.county_code = county_base.county_code AND county_week.week_start = county_base.week_start
LEFT JOIN same_site
    ON county_week.county_code = same_site.county_code AND county_week.week_start = same_site.week_start
ORDER BY county_week.county_code, county_week.week_start
