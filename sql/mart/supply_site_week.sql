/*
description: >-
  What each site supplied in each week against what it usually does, and what it reported to have in stock. The usual
  week is the median of the 8 weeks before; holiday weeks are left out of it, and weeks around the Spring Festival (春节)
  are not counted among the 8, so that the weeks after it are laid beside those before it.
grain: one row a (site_id, week_start)
period: week_start
lookback: unbounded
columns:
  site_id: site
  county_code: county of the site; sites without one are left out
  week_start: Monday of the ISO week
  ordinary_week_no: number of the week, those around the Spring Festival not counted
  is_holiday_week: whether a public holiday falls on Monday to Friday of the week
  is_spring_festival_week: whether a day of the week lies in the Spring Festival season, by rule supply_level
  is_calendar_unknown: the same by the days it can fall on, in a year whose calendar is not announced
  is_base_week: whether the week was seen and may stand in a median
  dispatch_t: net mass of the releases, t
  expected_day_count: days on which tickets are expected
  seen_day_count: expected days with tickets
  base_week_count: weeks behind the median
  median_t: median dispatch of the base weeks among the 8 before, t
  dispatch_28d_t: net mass of the releases of the 28 days to the Sunday, or as far as tickets reach, t
  daily_dispatch_t: the same a day, t; NULL where the tickets do not reach back 28 days
  expected_28d_count: days of the 28 on which tickets are expected
  seen_28d_count: expected days of the 28 with tickets
  missing_day_count: days from the last ticket of all sites to the Sunday of the week, 0 for a week that is over
  stock_reported_on: day of the newest stock report by the Sunday, none older than rule supply_level allows
  stock_t: stock of that report, all products, t
*/
WITH figure AS (
    SELECT
        max(value) FILTER (name = 'spring_festival_before_days') AS before_days,
        max(value) FILTER (name = 'spring_festival_after_days') AS after_days,
        max(value) FILTER (name = 'stock_report_days')::INTEGER AS report_days
    FROM policy.parameter
    WHERE rule = 'supply_level'
),

season AS (
    SELECT
        date_trunc('week', day.day_on)::DATE AS week_start,
        bool_or(
            day.is_known_year AND day.spring_festival_days BETWEEN -figure.before_days AND figure.after_days
        ) AS is_spring_festival_week,
        bool_or(
            NOT day.is_known_year AND day.spring_festival_days BETWEEN -figure.before_days AND figure.after_days
        ) AS is_calendar_unknown
    FROM reference.calendar AS day
    CROSS JOIN figure
    GROUP BY ALL
),

numbered AS (
    SELECT
        week_start,
        is_spring_festival_week,
        is_calendar_unknown,
        sum((is_spring_festival_week OR is_calendar_unknown)::INTEGER) OVER (ORDER BY week_start) AS season_week_count
    FROM season
),

data_span AS (
    SELECT
        min(week_start) AS first_week_start,
        max(last_weighed_at)::DATE AS last_weighed_on
    FROM mart.site_week
),

site_week AS (
    SELECT
        site.site_id,
        site.county_code,
        site.week_start,
        (site.week_start - DATE '2000-01-03') // 7 - coalesce(numbered.season_week_count, 0) AS ordinary_week_no,
        site.is_holiday_week,
        coalesce(numbered.is_spring_festival_week, FALSE) AS is_spring_festival_week,
        coalesce(numbered.is_calendar_unknown, FALSE) AS is_calendar_unknown,
        site.seen_day_count > 0
        AND NOT site.is_holiday_week
        AND NOT coalesce(numbered.is_spring_festival_week OR numbered.is_calendar_unknown, FALSE) AS is_base_week,
        site.dispatch_t,
        site.expected_day_count,
        site.seen_day_count,
        greatest(site.week_start + 6 - data_span.last_weighed_on, 0) AS missing_day_count,
        site.week_start - 21 >= data_span.first_week_start AS has_28_days,
        sum(site.dispatch_t) OVER month AS dispatch_28d_t,
        sum(site.expected_day_count) OVER month AS expected_28d_count,
        sum(site.seen_day_count) OVER month AS seen_28d_count
    FROM mart.site_week AS site
    CROSS JOIN data_span
    LEFT JOIN numbered ON site.week_start = numbered.week_start
    WHERE site.county_code IS NOT NULL
    WINDOW month AS (
        PARTITION BY site.site_id
        ORDER BY site.week_start
        RANGE BETWEEN INTERVAL 21 DAYS PRECEDING AND CURRENT ROW
    )
),

base AS (
    SELECT
        this_week.site_id,
        this_week.week_start,
        count(*) AS base_week_count,
        median(base_week.dispatch_t) AS median_t
    FROM site_week AS this_week
    INNER JOIN site_week AS base_week
        ON
            this_week.site_id = base_week.site_id
            AND base_week.ordinary_week_no BETWEEN this_week.ordinary_week_no - 8 AND this_week.ordinary_week_no - 1
    WHERE base_week.is_base_week
    GROUP BY this_week.site_id, this_week.week_start
),

reported AS (
    SELECT
        site_id,
        reported_on,
        sum(stock_t) AS stock_t
    FROM staging.stock_report
    GROUP BY site_id, reported_on
),

stocked AS (
    SELECT
        site_week.site_id,
        site_week.week_start,
        reported.reported_on,
        reported.stock_t
    FROM site_week
    CROSS JOIN figure
    ASOF INNER JOIN reported
        ON site_week.site_id = reported.site_id AND site_week.week_start + 6 >= reported.reported_on
    WHERE reported.reported_on >= site_week.week_start + 6 - figure.report_days
)

SELECT
    site_week.site_id,
    site_week.county_code,
    site_week.week_start,
    site_week.ordinary_week_no,
    site_week.is_holiday_week,
    site_week.is_spring_festival_week,
    site_week.is_calendar_unknown,
    site_week.is_base_week,
    site_week.dispatch_t,
    site_week.expected_day_count,
    site_week.seen_day_count,
    coalesce(base.base_week_count, 0) AS base_week_count,
    base.median_t,
    site_week.dispatch_28d_t,
    CASE WHEN site_week.has_28_days THEN site_week.dispatch_28d_t / (28 - site_week.missing_day_count) END
        AS daily_dispatch_t,
    site_week.expected_28d_count::BIGINT AS expected_28d_count,
    site_week.seen_28d_count::BIGINT AS seen_28d_count,
    site_week.missing_day_count,
    stocked.reported_on AS stock_reported_on,
    stocked.stock_t
FROM site_week
LEFT JOIN base ON site_week.site_id = base.site_id AND site_week.week_start = base.week_start
LEFT JOIN stocked ON site_week.site_id = stocked.site_id AND site_week.week_start = stocked.week_start
ORDER BY site_week.week_start, site_week.site_id
