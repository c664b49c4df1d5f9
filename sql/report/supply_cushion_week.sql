/*
description: >-
  What stands between a county, or the city, and a shortage: reported stock in days of dispatch, and how far key projects
  are covered for the next 4 weeks. What was not reported is empty and has its reason; it is never nought.
grain: one row a (county_code, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  county_code: GB/T 2260 code of the county, or of the city
  county_name: county or city
  is_city: whether the row is the whole city
  stock_days: days of stock at the mean dispatch of 28 days of the sites that reported, days; NULL where unknown
  stock_reason: why the days of stock are unknown
  stock_t: stock of the sites with a report that counts, t
  stock_site_count: those sites
  stock_asked_count: sites with dispatch in the 28 days, or such a report
  stock_coverage_share: dispatch of the reporting sites by that of all, 28 days
  stock_age_days: days from the oldest of these reports to the Sunday of the week
  project_cover_ratio: contracted and free supply of the next 4 weeks by the demand of key projects; NULL where unknown
  cover_reason: why the cover is unknown
  demand_4w_t: demand of key projects in the next 4 weeks, as reported, t
  contracted_4w_t: the part of it under contract, t
  free_supply_t: free supply of the sites, t; NULL where no stock is known
  manufactured_share: manufactured and recycled material by all dispatch of the week (substitution share)
*/
WITH made AS (
    SELECT
        county_code,
        week_start,
        grouping(county_code) = 1 AS is_city,
        sum(dispatch_t) FILTER (source_class IN ('manufactured', 'recycled')) / nullif(sum(dispatch_t), 0)
            AS manufactured_share
    FROM mart.county_product_week
    -- The city holds sites outside the register too.
    GROUP BY GROUPING SETS ((county_code, week_start), (week_start))
)

SELECT
    supply.week_start,
    supply.county_code,
    region.county_name,
    region.kind = 'city' AS is_city,
    supply.stock_days,
    supply.stock_reason,
    supply.stock_t,
    supply.stock_site_count,
    supply.stock_asked_count,
    supply.stock_coverage_share,
    supply.stock_age_days,
    supply.project_cover_ratio,
    supply.cover_reason,
    supply.demand_4w_t,
    supply.contracted_4w_t,
    supply.free_supply_t,
    made.manufactured_share
FROM mart.supply_level_week AS supply
INNER JOIN reference.region AS region ON supply.county_code = region.county_code
LEFT JOIN made
    ON
        supply.week_start = made.week_start
        AND made.is_city = (region.kind = 'city')
        AND (made.is_city OR supply.county_code = made.county_code)
ORDER BY supply.week_start, supply.county_code
