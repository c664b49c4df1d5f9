/*
description: >-
  Warning level of every price series and week, with the clause that speaks; judged on data up to that week only.
  One series speaks for its product and area in a week, the lead; the others are shown and open no alert.
grain: one row a (area_code, product_id, unit, basis, tax, week_start)
columns:
  area_code: county code, the city code for a city alert, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: true where the area is in the region table
  product_id: product
  product_name: Chinese name of the product
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  is_lead: >-
    true where this series speaks for its product and area in the week, the one with most collection points of late;
    exactly one does
  week_start: Monday of the week
  iso_week: ISO week
  segment: number of the unbroken chain; empty for a city row that only counts counties
  last_quoted_on: date of the newest quote behind the point
  price_yuan: geometric mean price, yuan per unit; for the city without quotes of its own, of its counties
  price_index: chained index, 100 in the first week of the segment
  quote_count: quote lines quoted in the week
  collection_point_count: markets with a quote in the week
  is_low_sample: true under the least number of collection points of sql/policy/price_level
  is_imputed: true where the point only carries older quotes; such a week decides nothing
  week_share: change against the week before, share
  month_share: change against 4 weeks before, share
  year_share: change against 52 weeks before, share
  low_26w_share: rise above the lowest of the last 26 weeks, share
  month_low_share: lower end of the 95 % interval of month_share, from the spread of its quote lines
  month_high_share: upper end of that interval, share
  median_13w_share: index above its median of 13 weeks, this one included, share
  rolling_level: >-
    1 at the highest of 366 days, 2 at the highest of 1,096 days, else 0; empty where the history is too short or a
    higher method speaks
  ifpa_score: indicator of food price anomalies (FAO) on months, the running one as far as seen; from 36 months
  alps_score: alert for price spikes (WFP) on months, fitted to data up to the week; from 36 months
  history_week_count: weeks of the segment so far
  history_month_count: calendar months of the segment so far
  best_rung: highest method of the ladder that this history allows
  rung_reason: the history it needs and has, and what the methods above it lack
  level: level of the open episode, 蓝 黄 橙 红, or 无; always 无 where the series is not the lead
  rule_level: highest level whose clause is met this week alone; empty where the week cannot be judged
  price_level: level in force before supply is considered; always 无 where the series is not the lead
  rule: >-
    clause of sql/policy/price_level that speaks loudest, or the one that was left; of a series that is not the lead
    the highest one met this week
  value: what that clause measured, a share or a count by value_unit
  bound: figure it was compared with
  must_be: comparison of value with bound
  value_unit: share, score, step or county
  rung: method of the ladder that the clause belongs to, statutory, significance, rolling_maximum, ifpa or alps
  without_one_share: what the clause measured without the quote line that rose most, where it has such a figure
  rules_met: all clauses met this week, from the lowest, separated by comma
  county_count: counties whose lead series stands at the counted level or higher, for the city only
  supply_state: 供应紧张, 供应不紧 or 供应未知
  is_fall_noted: true where the price fell by the noted share against the week before; information only
  fall_rule: clause that a rise as large as this week's fall would meet, the highest one; information only
  fall_level: its level; falls open no episode
  episode_id: open episode of the product and area in the week, on its lead row only
*/
CREATE OR REPLACE TABLE mart.price_level_week (
    area_code VARCHAR NOT NULL,
    area_name VARCHAR NOT NULL,
    is_city_area BOOLEAN NOT NULL,
    product_id VARCHAR NOT NULL,
    product_name VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    basis VARCHAR NOT NULL,
    tax VARCHAR,
    is_lead BOOLEAN NOT NULL,
    week_start DATE NOT NULL,
    iso_week VARCHAR NOT NULL,
    segment INTEGER,
    last_quoted_on DATE NOT NULL,
    price_yuan DOUBLE NOT NULL,
    price_index DOUBLE,
    quote_count INTEGER NOT NULL,
    collection_point_count INTEGER NOT NULL,
    is_low_sample BOOLEAN NOT NULL,
    is_imputed BOOLEAN NOT NULL,
    week_share DOUBLE,
    month_share DOUBLE,
    year_share DOUBLE,
    low_26w_share DOUBLE,
    month_low_share DOUBLE,
    month_high_share DOUBLE,
    median_13w_share DOUBLE,
    rolling_level INTEGER,
    ifpa_score DOUBLE,
    alps_score DOUBLE,
    history_week_count INTEGER,
    history_month_count INTEGER,
    best_rung VARCHAR,
    rung_reason VARCHAR,
    level VARCHAR NOT NULL,
    rule_level VARCHAR,
    price_level VARCHAR NOT NULL,
    rule VARCHAR,
    value DOUBLE,
    bound DOUBLE,
    must_be VARCHAR,
    value_unit VARCHAR,
    rung VARCHAR,
    without_one_share DOUBLE,
    rules_met VARCHAR,
    county_count INTEGER,
    supply_state VARCHAR NOT NULL,
    is_fall_noted BOOLEAN NOT NULL,
    fall_rule VARCHAR,
    fall_level VARCHAR NOT NULL,
    episode_id VARCHAR
)
