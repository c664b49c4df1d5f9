/*
description: >-
  What the data show behind each week in which the supply of a county or of the city stands at a level or is tight: sites
  that dispatched less than usual, sites without tickets, closed sites, low stocks, projects whose demand rose or is not
  contracted. It is consistent with the level and no statement about causes; a site without tickets may trade.
grain: one row a (county_code, week_start, kind, subject, product_id)
period: week_start
lookback: unbounded
columns:
  county_code: GB/T 2260 code of the county, or of the city
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  driver_rank: place in the list of the week, those on a measure that speaks first, then by mass
  kind: >-
    dispatch_fell (where dispatch is judged), site_silent (days were expected, no ticket came), site_closed (the register says so), stock_low,
    project_uncovered or demand_rose
  measure: measure that it bears on, same_site_share, stock_days or project_cover_ratio
  is_speaking: whether the level or the tightness of the week rests on that measure
  subject: site or project
  subject_name: its name
  product_id: product, for projects; NULL otherwise
  value_t: >-
    mass, t. Sites: median less dispatch of the week, or stock lacking to the reserve; projects: demand of the next 4 weeks
    not contracted, or by which it is above the 4 weeks to this one, where the plan reaches back so far
  gap_share: part of the value in the sum of its kind in the week
  text_zh: the same in words
*/
WITH figure AS (
    SELECT value AS reserve_days
    FROM policy.parameter
    WHERE rule = 'supply_level' AND name = 'stock_reserve_days'
),

short AS (
    SELECT
        county_code,
        week_start,
        iso_week,
        dispatch_reason IS NULL AS is_dispatch_judged,
        coalesce(dispatch_reason, 'completeness_low') = 'completeness_low' AS is_week_looked_at,
        string_split(measures_met, ',') AS measures_met
    FROM mart.supply_level_week
    WHERE measures_met <> ''
),

place AS (
    SELECT
        region.county_code,
        city.county_code AS place_code
    FROM reference.region AS region
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
    UNION
    SELECT
        county_code,
        county_code AS place_code
    FROM short
),

site_week AS (
    SELECT
        short.county_code,
        short.week_start,
        short.is_dispatch_judged,
        short.is_week_looked_at,
        week.site_id,
        week.site_name,
        week.closed_day_count,
        supplied.dispatch_t,
        supplied.expected_day_count,
        supplied.seen_day_count,
        supplied.median_t,
        supplied.stock_t,
        supplied.stock_reported_on,
        supplied.daily_dispatch_t * figure.reserve_days AS reserve_t
    FROM short
    CROSS JOIN figure
    INNER JOIN place ON short.county_code = place.place_code
    INNER JOIN mart.supply_site_week AS supplied
        ON place.county_code = supplied.county_code AND short.week_start = supplied.week_start
    INNER JOIN mart.site_week AS week
        ON supplied.site_id = week.site_id AND supplied.week_start = week.week_start
),

line AS (
    SELECT
        project,
        county_code,
        product_id,
        product_name,
        week_start,
        demand_t,
        contracted_t,
        min(week_start) OVER (PARTITION BY project, county_code, product_id) AS first_week_start
    FROM staging.key_project_demand
),

need AS (
    SELECT
        short.county_code,
        short.week_start,
        demand.project,
        demand.product_id,
        any_value(demand.product_name) AS product_name,
        sum(demand.demand_t) FILTER (demand.week_start > short.week_start) AS demand_t,
        sum(demand.contracted_t) FILTER (demand.week_start > short.week_start) AS contracted_t,
        bool_or(demand.contracted_t IS NULL) FILTER (demand.week_start > short.week_start) AS is_unstated,
        sum(demand.demand_t) FILTER (demand.week_start <= short.week_start) AS demand_before_t,
        bool_and(demand.first_week_start <= short.week_start - 21) AS is_known_before
    FROM short
    INNER JOIN place ON short.county_code = place.place_code
    INNER JOIN line AS demand
        ON
            place.county_code = demand.county_code
            AND demand.week_start BETWEEN short.week_start - 21 AND short.week_start + 28
    GROUP BY short.county_code, short.week_start, demand.project, demand.product_id
),

driver AS (
    SELECT
        county_code,
        week_start,
        'dispatch_fell' AS kind,
        'same_site_share' AS measure,
        site_id AS subject,
        site_name AS subject_name,
        NULL::VARCHAR AS product_id,
        median_t - dispatch_t AS value_t,
        format('{}：本周发运 {:,.0f} t，前8周中位数 {:,.0f} t', site_name, dispatch_t::DOUBLE, median_t::DOUBLE) AS text_zh
    FROM site_week
    WHERE is_dispatch_judged AND seen_day_count > 0 AND dispatch_t < median_t
    UNION ALL
    SELECT
        county_code,
        week_start,
        CASE WHEN expected_day_count = 0 AND closed_day_count > 0 THEN 'site_closed' ELSE 'site_silent' END AS kind,
        'same_site_share' AS measure,
        site_id AS subject,
        site_name AS subject_name,
        NULL AS product_id,
        median_t AS value_t,
        CASE
            WHEN expected_day_count = 0 AND closed_day_count > 0
                THEN format('{}：登记为停业，前8周中位数 {:,.0f} t', site_name, median_t::DOUBLE)
            ELSE
                format(
                    '{}：应报 {} 天均无磅单，停产或数据中断均有可能，前8周中位数 {:,.0f} t',
                    site_name,
                    expected_day_count,
                    median_t::DOUBLE
                )
        END AS text_zh
    FROM site_week
    WHERE
        is_week_looked_at
        AND seen_day_count = 0
        AND (expected_day_count > 0 OR closed_day_count > 0)
        AND median_t > 0
    UNION ALL
    SELECT
        county_code,
        week_start,
        'stock_low' AS kind,
        'stock_days' AS measure,
        site_id AS subject,
        site_name AS subject_name,
        NULL AS product_id,
        reserve_t - stock_t AS value_t,
        format(
            '{}：{} 报告库存 {:,.0f} t，按28天日均发运折算的预警线为 {:,.0f} t',
            site_name,
            stock_reported_on,
            stock_t::DOUBLE,
            reserve_t::DOUBLE
        ) AS text_zh
    FROM site_week
    WHERE stock_t < reserve_t
    UNION ALL
    SELECT
        county_code,
        week_start,
        'project_uncovered' AS kind,
        'project_cover_ratio' AS measure,
        project AS subject,
        project AS subject_name,
        product_id,
        demand_t - contracted_t AS value_t,
        format(
            '{}（{}）：未来四周需 {:,.0f} t，已签合同 {:,.0f} t',
            project,
            product_name,
            demand_t::DOUBLE,
            contracted_t::DOUBLE
        ) AS text_zh
    FROM need
    WHERE contracted_t < demand_t AND NOT is_unstated
    UNION ALL
    SELECT
        county_code,
        week_start,
        'demand_rose' AS kind,
        'project_cover_ratio' AS measure,
        project AS subject,
        project AS subject_name,
        product_id,
        demand_t - demand_before_t AS value_t,
        format(
            '{}（{}）：未来四周需 {:,.0f} t，前四周需 {:,.0f} t',
            project,
            product_name,
            demand_t::DOUBLE,
            demand_before_t::DOUBLE
        ) AS text_zh
    FROM need
    WHERE is_known_before AND demand_t > demand_before_t
)

SELECT
    driver.county_code,
    driver.week_start,
    short.iso_week,
    row_number() OVER (
        PARTITION BY driver.county_code, driver.week_start
        ORDER BY
            list_contains(short.measures_met, driver.measure) DESC,
            round(driver.value_t, 3) DESC,
            driver.kind ASC,
            driver.subject ASC,
            driver.product_id ASC
    ) AS driver_rank,
    driver.kind,
    driver.measure,
    list_contains(short.measures_met, driver.measure) AS is_speaking,
    driver.subject,
    driver.subject_name,
    driver.product_id,
    driver.value_t::DECIMAL(18, 3) AS value_t,
    (driver.value_t / sum(driver.value_t::DECIMAL(18, 3)) OVER (
        PARTITION BY driver.county_code, driver.week_start, driver.kind
    ))::DECIMAL(7, 6) AS gap_share,
    driver.text_zh
FROM driver
INNER JOIN short ON driver.county_code = short.county_code AND driver.week_start = short.week_start
ORDER BY driver.week_start, driver.county_code, driver_rank
