/*
description: Dispatch and completeness of each county in each week. A figure that would show a single firm is withheld.
grain: one row a (county_code, week_start)
period: week_start
lookback: 4
columns:
  county_code: GB/T 2260 code; 411700 is the whole city
  county_name: county or city
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  is_withheld: whether figures are withheld because fewer than 3 firms, or one firm above 80 %, stand behind them
  dispatch_t: net mass dispatched, t; NULL where withheld
  dispatch_change_share: change on the week before; NULL where withheld or incomplete
  utilisation_share: capacity utilisation; NULL where withheld
  completeness_share: seen by expected site-days
*/
WITH limits AS (
    SELECT
        max(value) FILTER (name = 'least_firm_count') AS least_firm_count,
        max(value) FILTER (name = 'largest_firm_share') AS largest_firm_share
    FROM policy.parameter
    WHERE rule = 'publication'
),

shown AS (
    SELECT
        county_week.*,
        county_week.firm_count < limits.least_firm_count
        OR coalesce(county_week.largest_firm_share > limits.largest_firm_share, TRUE) AS is_withheld
    FROM mart.county_week AS county_week
    CROSS JOIN limits
)

SELECT
    county_code,
    county_name,
    week_start,
    iso_week,
    is_withheld,
    CASE WHEN NOT is_withheld THEN dispatch_t END AS dispatch_t,
    CASE WHEN NOT is_withheld THEN dispatch_change_share END AS dispatch_change_share,
    CASE WHEN NOT is_withheld THEN utilisation_share END AS utilisation_share,
    completeness_share
FROM shown
ORDER BY week_start, county_code
