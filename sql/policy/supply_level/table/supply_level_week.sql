/*
description: >-
  Supply level of every county and week, and of the city, which is judged on the sites and projects of all counties. Empty
  where the week was not seen well enough; unknown supply is never tight.
grain: one row a (county_code, week_start)
columns:
  county_code: GB/T 2260 code of the county, or of the city
  week_start: Monday of the week
  iso_week: ISO week
  dispatch_t: net mass released outbound in the week, t
  same_site_dispatch_t: the part of it released by the compared sites, t
  same_site_median_t: sum of the compared sites medians over the 8 weeks before, t
  same_site_share: same-site dispatch over its median, share
  same_site_count: sites compared
  base_week_count: weeks of the 8 before with data, holiday weeks left out
  completeness_share: site-days seen over site-days expected
  missing_day_count: days from the last ticket of all sites to the Sunday of the week, 0 for a week that is over
  is_holiday_week: true where the week holds a public holiday
  is_spring_festival_week: true where a day of the week lies in the Spring Festival season
  is_calendar_unknown: true where it may, because the calendar of the year is not announced
  project_cover_ratio: >-
    contracted and free supply of the next 4 weeks for key projects over their demand; empty where unknown. Free is the
    stock beyond a reserve of some days of dispatch, of the products asked for
  cover_reason: >-
    why the cover is unknown, one of demand_not_reported, plan_short, contract_unstated, stock_not_reported,
    stock_coverage_low, stock_dispatch_incomplete, measure_missing
  demand_4w_t: demand of key projects in the next 4 weeks, as reported, t
  contracted_4w_t: the part of it under contract, t
  free_supply_t: free supply of the sites, t; empty where no stock is known
  stock_days: days of stock at the mean dispatch of 28 days of the sites that reported; empty where unknown
  stock_reason: >-
    why the days of stock are unknown, one of stock_not_reported, stock_coverage_low, stock_dispatch_incomplete,
    measure_missing
  stock_t: stock of the sites with a report that counts, t
  stock_site_count: those sites
  stock_asked_count: sites with dispatch in the 28 days, or such a report
  stock_coverage_share: dispatch of the reporting sites over that of all, 28 days
  stock_age_days: days from the oldest of these reports to the Sunday of the week
  level: 蓝 黄 橙 or 无; empty where it cannot be judged
  rule: clause of sql/policy/supply_level that speaks
  value: what it measured
  bound: figure it was compared with
  must_be: comparison of value with bound
  reason: why there is no level, one of week_running, holiday_week, spring_festival, calendar_unknown, completeness_low, history_short, measure_missing
  dispatch_reason: why dispatch is not judged, one of the same, also where another measure gives a level
  measures_met: measures of all clauses that are met, those of tightness included, by comma
  is_tight: whether supply is tight; empty where unknown
  supply_state: 供应紧张, 供应不紧 or 供应未知
*/
CREATE OR REPLACE TABLE mart.supply_level_week (
    county_code VARCHAR NOT NULL,
    week_start DATE NOT NULL,
    iso_week VARCHAR NOT NULL,
    dispatch_t DOUBLE,
    same_site_dispatch_t DOUBLE,
    same_site_median_t DOUBLE,
    same_site_share DOUBLE,
    same_site_count INTEGER NOT NULL,
    base_week_count INTEGER NOT NULL,
    completeness_share DOUBLE,
    missing_day_count INTEGER,
    is_holiday_week BOOLEAN,
    is_spring_festival_week BOOLEAN,
    is_calendar_unknown BOOLEAN,
    project_cover_ratio DOUBLE,
    cover_reason VARCHAR,
    demand_4w_t DOUBLE,
    contracted_4w_t DOUBLE,
    free_supply_t DOUBLE,
    stock_days DOUBLE,
    stock_reason VARCHAR,
    stock_t DOUBLE,
    stock_site_count INTEGER,
    stock_asked_count INTEGER,
    stock_coverage_share DOUBLE,
    stock_age_days INTEGER,
    level VARCHAR,
    rule VARCHAR,
    value DOUBLE,
    bound DOUBLE,
    must_be VARCHAR,
    reason VARCHAR,
    dispatch_reason VARCHAR,
    measures_met VARCHAR NOT NULL,
    is_tight BOOLEAN,
    supply_state VARCHAR NOT NULL
)
