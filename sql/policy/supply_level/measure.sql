/*
description: >-
  What the supply levels are judged on, one row a county and week, and one for the city, which is measured on the sites
  and projects of all its counties. Same-site dispatch is that of the sites seen in the week and in at least half of the
  weeks behind the county's median. Days of stock are those of the sites that reported lately, over their own dispatch.
  Free supply is the stock that these sites hold beyond the reserve of some days of their dispatch, of the products that
  projects ask for, raised to all sites by their share of the dispatch: what could be given without taking from those
  who buy today. Usual dispatch is not counted, it has its buyers. Unknown, which never means tight, is what was not
  reported; `known_when` of the rule says when a report is enough.
grain: one row a (county_code, week_start)
period: week_start
lookback: unbounded
columns:
  county_code: GB/T 2260 code of the county or city
  week_start: Monday of the week
  base_week_count: weeks with data among those behind the medians, holiday weeks left out
  is_holiday_week: true where the week holds a public holiday
  is_spring_festival_week: true where a day of the week lies in the Spring Festival season
  is_calendar_unknown: true where it may, because the calendar of the year is not announced
  dispatch_t: net mass released outbound by all sites in the week, t
  same_site_dispatch_t: the part of it released by the compared sites, t
  same_site_median_t: sum of the compared sites' medians over the 8 weeks before, t
  iso_week: ISO week
  same_site_share: same-site dispatch over its median, share
  same_site_count: sites compared
  completeness_share: site-days seen over site-days expected
  missing_day_count: days from the last ticket of all sites to the Sunday of the week, 0 for a week that is over
  stock_days: stock of the sites that reported over their mean daily dispatch of 28 days
  stock_t: stock of those sites, t
  stock_site_count: sites with a report that counts
  stock_asked_count: sites with dispatch in the 28 days, or such a report
  stock_coverage_share: dispatch of the reporting sites over that of all, 28 days
  stock_completeness_share: days of the reporting sites seen over expected in the 28, weighed by their dispatch
  stock_age_days: days from the oldest of these reports to the Sunday of the week
  project_cover_ratio: contracted and free supply of the next 4 weeks for key projects over their demand
  demand_4w_t: demand of key projects in the next 4 weeks, as reported, t
  contracted_4w_t: the part of it under contract, t
  free_supply_t: free supply, see above, t
  demand_line_count: lines of the plan for those weeks
  unstated_line_count: lines that do not say what is contracted
  plan_week_count: weeks of the 4 that the plan reaches, of the county whose plan is shortest
*/
WITH figure AS (
    SELECT value AS reserve_days
    FROM policy.parameter
    WHERE rule = 'supply_level' AND name = 'stock_reserve_days'
),

city AS (
    SELECT county_code
    FROM reference.region
    WHERE kind = 'city'
),

place AS (
    SELECT
        county.county_code,
        county.county_code AS place_code
    FROM (
        SELECT county_code FROM mart.supply_site_week
        UNION
        SELECT county_code FROM staging.key_project_demand
    ) AS county
    UNION
    SELECT
        region.county_code,
        city.county_code AS place_code
    FROM reference.region AS region
    CROSS JOIN city
),

site_week AS (
    SELECT
        place.place_code,
        site.*
    FROM mart.supply_site_week AS site
    INNER JOIN place ON site.county_code = place.county_code
),

place_week AS (
    SELECT
        place_code,
        week_start,
        ANY_VALUE(ordinary_week_no) AS ordinary_week_no,
        SUM(dispatch_t) AS dispatch_t,
        SUM(expected_day_count) AS expected_day_count,
        SUM(seen_day_count) AS seen_day_count,
        MAX(missing_day_count) AS missing_day_count,
        BOOL_OR(is_holiday_week) AS is_holiday_week,
        BOOL_OR(is_spring_festival_week) AS is_spring_festival_week,
        BOOL_OR(is_calendar_unknown) AS is_calendar_unknown,
        BOOL_OR(is_base_week) AS is_base_week
    FROM site_week
    GROUP BY place_code, week_start
),

place_base AS (
    SELECT
        this_week.place_code,
        this_week.week_start,
        COUNT(base_week.week_start) AS base_week_count
    FROM place_week AS this_week
    LEFT JOIN place_week AS base_week
        ON
            this_week.place_code = base_week.place_code
            AND base_week.ordinary_week_no BETWEEN this_week.ordinary_week_no - 8 AND this_week.ordinary_week_no - 1
            AND base_week.is_base_week
    GROUP BY this_week.place_code, this_week.week_start
),

same_site AS (
    SELECT
        site_week.place_code,
        site_week.week_start,
        SUM(site_week.dispatch_t) AS same_site_dispatch_t,
        SUM(site_week.median_t) AS same_site_median_t,
        COUNT(*) AS same_site_count
    FROM site_week
    INNER JOIN place_base
        ON site_week.place_code = place_base.place_code AND site_week.week_start = place_base.week_start
    WHERE
        site_week.seen_day_count > 0
        AND site_week.median_t IS NOT NULL
        AND site_week.base_week_count * 2 >= place_base.base_week_count
    GROUP BY site_week.place_code, site_week.week_start
),

stock AS (
    SELECT
        place_code,
        week_start,
        SUM(stock_t) AS stock_t,
        SUM(stock_t) / NULLIF(SUM(daily_dispatch_t) FILTER (stock_t IS NOT NULL), 0) AS stock_days,
        COUNT(stock_t) AS stock_site_count,
        COUNT(*) FILTER (dispatch_28d_t > 0 OR stock_t IS NOT NULL) AS stock_asked_count,
        COALESCE(SUM(dispatch_28d_t) FILTER (stock_t IS NOT NULL), 0) / NULLIF(SUM(dispatch_28d_t), 0)
            AS stock_coverage_share,
        SUM(dispatch_28d_t * seen_28d_count / expected_28d_count) FILTER (
            stock_t IS NOT NULL AND expected_28d_count > 0
        )
        / NULLIF(SUM(dispatch_28d_t) FILTER (stock_t IS NOT NULL AND expected_28d_count > 0), 0)
            AS stock_completeness_share,
        week_start + 6 - MIN(stock_reported_on) AS stock_age_days
    FROM site_week
    GROUP BY place_code, week_start
),

need AS (
    SELECT
        place_week.place_code,
        place_week.week_start,
        demand.county_code,
        demand.product_id,
        SUM(demand.demand_t) AS demand_t,
        SUM(demand.contracted_t) AS contracted_t,
        COUNT(*) AS line_count,
        COUNT(*) - COUNT(demand.contracted_t) AS unstated_line_count
    FROM place_week
    INNER JOIN place ON place_week.place_code = place.place_code
    INNER JOIN staging.key_project_demand AS demand
        ON
            place.county_code = demand.county_code
            AND demand.week_start BETWEEN place_week.week_start + 7 AND place_week.week_start + 28
    GROUP BY place_week.place_code, place_week.week_start, demand.county_code, demand.product_id
),

reach AS (
    SELECT
        county_code,
        MAX(week_start) AS last_week_start
    FROM staging.key_project_demand
    GROUP BY county_code
),

plan AS (
    SELECT
        need.place_code,
        need.week_start,
        SUM(need.demand_t) AS demand_4w_t,
        SUM(need.contracted_t) AS contracted_4w_t,
        SUM(need.line_count) AS demand_line_count,
        SUM(need.unstated_line_count) AS unstated_line_count,
        LEAST(MIN(reach.last_week_start - need.week_start) // 7, 4) AS plan_week_count
    FROM need
    INNER JOIN reach ON need.county_code = reach.county_code
    GROUP BY need.place_code, need.week_start
),

asked AS (
    SELECT DISTINCT
        place_code,
        week_start,
        product_id
    FROM need
    WHERE demand_t > 0
),

product_stock AS (
    SELECT
        site_id,
        reported_on,
        product_id,
        SUM(stock_t) AS stock_t
    FROM staging.stock_report
    GROUP BY site_id, reported_on, product_id
),

-- A site gives up what it has beyond its reserve, of each product alike; only what is asked for is of use.
free AS (
    SELECT
        site_week.place_code,
        site_week.week_start,
        SUM(
            GREATEST(site_week.stock_t - site_week.daily_dispatch_t * figure.reserve_days, 0)
            * product_stock.stock_t / NULLIF(site_week.stock_t, 0)
        ) AS free_t
    FROM site_week
    CROSS JOIN figure
    INNER JOIN asked
        ON site_week.place_code = asked.place_code AND site_week.week_start = asked.week_start
    INNER JOIN product_stock
        ON
            site_week.site_id = product_stock.site_id
            AND site_week.stock_reported_on = product_stock.reported_on
            AND asked.product_id = product_stock.product_id
    GROUP BY site_week.place_code, site_week.week_start
),

measured AS (
    SELECT
        place_week.*,
        stock.stock_t,
        stock.stock_days,
        stock.stock_site_count,
        stock.stock_asked_count,
        stock.stock_coverage_share,
        stock.stock_completeness_share,
        stock.stock_age_days,
        plan.demand_4w_t,
        plan.contracted_4w_t,
        plan.demand_line_count,
        plan.unstated_line_count,
        plan.plan_week_count,
        CASE
            WHEN stock.stock_days IS NOT NULL THEN ROUND(COALESCE(free.free_t, 0) / stock.stock_coverage_share, 3)
        END AS free_supply_t
    FROM place_week
    INNER JOIN stock ON place_week.place_code = stock.place_code AND place_week.week_start = stock.week_start
    LEFT JOIN plan ON place_week.place_code = plan.place_code AND place_week.week_start = plan.week_start
    LEFT JOIN free ON place_week.place_code = free.place_code AND place_week.week_start = free.week_start
)

SELECT
    measured.place_code AS county_code,
    measured.week_start,
    place_base.base_week_count,
    measured.is_holiday_week,
    measured.is_spring_festival_week,
    measured.is_calendar_unknown,
    CAST(measured.dispatch_t AS DOUBLE) AS dispatch_t,
    CAST(same_site.same_site_dispatch_t AS DOUBLE) AS same_site_dispatch_t,
    CAST(same_site.same_site_median_t AS DOUBLE) AS same_site_median_t,
    STRFTIME(measured.week_start, '%G-W%V') AS iso_week,
    ROUND(same_site.same_site_dispatch_t / NULLIF(same_site.same_site_median_t, 0), 9) AS same_site_share,
    COALESCE(same_site.same_site_count, 0) AS same_site_count,
    ROUND(measured.seen_day_count / NULLIF(measured.expected_day_count, 0), 9) AS completeness_share,
    measured.missing_day_count,
    ROUND(measured.stock_days, 9) AS stock_days,
    CAST(measured.stock_t AS DOUBLE) AS stock_t,
    measured.stock_site_count,
    measured.stock_asked_count,
    ROUND(measured.stock_coverage_share, 9) AS stock_coverage_share,
    ROUND(measured.stock_completeness_share, 9) AS stock_completeness_share,
    measured.stock_age_days,
    ROUND((measured.contracted_4w_t + measured.free_supply_t) / NULLIF(measured.demand_4w_t, 0), 9)
        AS project_cover_ratio,
    CAST(measured.demand_4w_t AS DOUBLE) AS demand_4w_t,
    CAST(measured.contracted_4w_t AS DOUBLE) AS contracted_4w_t,
    CAST(measured.free_supply_t AS DOUBLE) AS free_supply_t,
    CAST(COALESCE(measured.demand_line_count, 0) AS BIGINT) AS demand_line_count,
    CAST(COALESCE(measured.unstated_line_count, 0) AS BIGINT) AS unstated_line_count,
    CAST(COALESCE(measured.plan_week_count, 0) AS BIGINT) AS plan_week_count
FROM measured
INNER JOIN place_base
    ON measured.place_code = place_base.place_code AND measured.week_start = place_base.week_start
LEFT JOIN same_site ON measured.place_code = same_site.place_code AND measured.week_start = same_site.week_start
ORDER BY measured.place_code, measured.week_start
