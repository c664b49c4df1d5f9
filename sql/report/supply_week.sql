/*
description: >-
  Dispatch, utilisation, operating rate, completeness and supply level of each county and the city by
  week.
grain: one row a (county_code, week_start)
period: week_start
lookback: 1
columns:
  week_start: Monday of the ISO week
  county_code: GB/T 2260 code; the city row holds sites outside the register too
  county_name: county or city
  is_city: whether the row is the whole city
  dispatch_t: net mass of the releases, t
  dispatch_week_before_t: the same of the week before, t
  dispatch_change_share: change on the week before; NULL where either week is incomplete
  utilisation_share: dispatch of active sites with a filed capacity, times 365/7, by that capacity
  filed_capacity_t: filed capacity of the active sites, t per year
  active_site_count: sites with a load-out in the last 28 days
  operating_site_count: sites with tickets on at least 4 days of the week
  operating_rate_share: operating by active sites
  expected_day_count: site-days on which tickets are expected
  seen_day_count: expected site-days with tickets
  completeness_share: seen by expected site-days
  is_holiday_week: whether a public holiday falls on Monday to Friday
  same_site_share: same-site dispatch by its 8-week median, share
  level: supply level; NULL where it cannot be judged
  level_before: supply level of the week before
  rule: clause of sql/policy/supply_level that speaks
  value: what it measured
  bound: figure it was compared with
  must_be: comparison of value with bound
  reason: why there is no level
  supply_state: 供应紧张, 供应不紧 or 供应未知
*/
SELECT
    county_week.week_start,
    county_week.county_code,
    county_week.county_name,
    region.kind = 'city' AS is_city,
    county_week.dispatch_t,
    county_week.dispatch_week_before_t,
    county_week.dispatch_change_share,
    county_week.utilisation_share,
    county_week.filed_capacity_t,
    county_week.active_site_count,
    county_week.operating_site_count,
    county_week.operating_rate_share,
    county_week.expected_day_count,
    county_week.seen_day_count,
    county_week.completeness_share,
    county_week.is_holiday_week,
    supply.same_site_share,
    supply.level,
    supply_before.level AS level_before,
    supply.rule,
    supply.value,
    supply.bound,
    supply.must_be,
    supply.reason,
    supply.supply_state
FROM mart.county_week AS county_week
INNER JOIN reference.region AS region ON county_week.county_code = region.county_code
LEFT JOIN mart.supply_level_week AS supply
    ON county_week.county_code = supply.county_code AND county_week.week_start = supply.week_start
LEFT JOIN mart.supply_level_week AS supply_before
    ON county_week.county_code = supply_before.county_code AND county_week.week_start = supply_before.week_start + 7
ORDER BY county_week.week_start, county_week.county_code
