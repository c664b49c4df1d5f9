/*
description: >-
  Supply level of every county and week. Empty where the week was not seen well enough; unknown supply is never tight.
grain: one row a (county_code, week_start)
columns:
  county_code: GB/T 2260 code of the county
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
  project_cover_ratio: key-project cover; unknown until a feed exists
  stock_days: days of stock; unknown until a feed exists
  level: 蓝 黄 橙 or 无; empty where it cannot be judged
  rule: clause of sql/policy/supply_level that speaks
  value: what it measured
  bound: figure it was compared with
  must_be: comparison of value with bound
  reason: why there is no level, one of week_running, holiday_week, completeness_low, history_short, measure_missing
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
    project_cover_ratio DOUBLE,
    stock_days DOUBLE,
    level VARCHAR,
    rule VARCHAR,
    value DOUBLE,
    bound DOUBLE,
    must_be VARCHAR,
    reason VARCHAR,
    is_tight BOOLEAN,
    supply_state VARCHAR NOT NULL
)
