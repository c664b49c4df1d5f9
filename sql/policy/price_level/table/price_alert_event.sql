/*
description: >-
  What is sent, every transition of a price alert with the facts of its message as they were known then. Price and
  index are those of the lead series the episode was opened by.
grain: one row a transition of an episode
columns:
  event_id: episode, event, level and ISO week
  episode_id: episode it belongs to
  event: opened, raised, lowered or closed
  event_on: date of the newest quote of the week; the Monday of the first week without one where quotes stopped
  week_start: Monday of the week
  iso_week: ISO week
  area_code: county code, the city code for a city alert, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: true where the area is in the region table
  product_id: product
  product_name: Chinese name of the product
  unit: what one price of the lead series is for, t or m3
  basis: ex_works or delivered, of the lead series
  tax: incl or excl, value added tax in the price of the lead series or not
  direction: up
  level: level after the transition; 无 where no clause speaks any more
  from_level: level before it
  max_level: highest level of the episode so far
  close_reason: why it closed, for closed only
  rule: clause of sql/policy/price_level that speaks loudest, or the one that was left
  value: what that clause measured, a share or a count by value_unit
  bound: figure it was compared with
  must_be: comparison of value with bound
  value_unit: share, score, step or county
  rung: method of the ladder that the clause belongs to, statutory, significance, rolling_maximum, ifpa or alps
  without_one_share: >-
    what the clause measured without the quote line that rose most; empty where the clause has no such figure or the
    series fewer than 2 matched lines
  rules_met: all clauses met this week, from the lowest, separated by comma
  is_system_default: true where the bound is our own default, without a precedent
  base_price_yuan: price level before the episode opened, yuan per unit; unknown where the city index has no quotes
  base_index: index before the episode opened
  base_on: date of the newest quote behind the base
  price_yuan: geometric mean price of the week, yuan per unit
  price_index: chained index of the week
  rise_over_base_share: index above its base, share
  month_share: change against 4 weeks before, share
  quote_count: quote lines quoted in the week
  collection_point_count: markets with a quote in the week
  is_low_sample: true under the least number of collection points of sql/policy/price_level; flagged, not silenced
  county_count: counties whose lead series stands at the counted level or higher, for the city only
  supply_state: 供应紧张, 供应不紧 or 供应未知
  neighbour_count: other areas with a price of the same kind in the week
  neighbour_price_yuan: median price of those areas, yuan per unit
  neighbour_spread_share: price above that median, share
  best_rung: highest method of the ladder that the history of the series allows
  rung_reason: the history it needs and has, and what the methods above it lack
  last_quoted_on: date of the newest quote the facts stand on
  opened_on: date the episode was first seen
  opened_level: level it opened at
  weeks_running: calendar weeks since opening, both counted
  history: levels of the episode so far with their dates
*/
CREATE OR REPLACE TABLE mart.price_alert_event (
    event_id VARCHAR NOT NULL,
    episode_id VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    event_on DATE NOT NULL,
    week_start DATE NOT NULL,
    iso_week VARCHAR NOT NULL,
    area_code VARCHAR NOT NULL,
    area_name VARCHAR NOT NULL,
    is_city_area BOOLEAN NOT NULL,
    product_id VARCHAR NOT NULL,
    product_name VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    basis VARCHAR NOT NULL,
    tax VARCHAR,
    direction VARCHAR NOT NULL,
    level VARCHAR NOT NULL,
    from_level VARCHAR NOT NULL,
    max_level VARCHAR NOT NULL,
    close_reason VARCHAR,
    rule VARCHAR,
    value DOUBLE,
    bound DOUBLE,
    must_be VARCHAR,
    value_unit VARCHAR,
    rung VARCHAR,
    without_one_share DOUBLE,
    rules_met VARCHAR,
    is_system_default BOOLEAN,
    base_price_yuan DOUBLE,
    base_index DOUBLE,
    base_on DATE,
    price_yuan DOUBLE,
    price_index DOUBLE,
    rise_over_base_share DOUBLE,
    month_share DOUBLE,
    quote_count INTEGER NOT NULL,
    collection_point_count INTEGER NOT NULL,
    is_low_sample BOOLEAN NOT NULL,
    county_count INTEGER,
    supply_state VARCHAR NOT NULL,
    neighbour_count INTEGER NOT NULL,
    neighbour_price_yuan DOUBLE,
    neighbour_spread_share DOUBLE,
    best_rung VARCHAR,
    rung_reason VARCHAR,
    last_quoted_on DATE NOT NULL,
    opened_on DATE NOT NULL,
    opened_level VARCHAR NOT NULL,
    weeks_running INTEGER NOT NULL,
    history VARCHAR NOT NULL
)
