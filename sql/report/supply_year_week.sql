/*
description: >-
  Dispatch of each county and the city beside that of a year before, by the calendar and by the moon. Compared only where
  both weeks are complete by rule supply_level.
grain: one row a (county_code, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  county_code: GB/T 2260 code
  county_name: county or city
  is_city: whether the row is the whole city
  dispatch_t: net mass of the releases, t
  is_complete: whether the week is seen well enough to be compared
  calendar_iso_week: ISO week of the same number a year before; NULL for week 53 (无同期)
  calendar_dispatch_t: dispatch of that week, t; NULL where the data do not reach back to it
  calendar_share: change on it, share; NULL where either week is incomplete
  new_year_week_count: weeks from the week of lunar new year to this one, negative before it
  lunar_iso_week: ISO week as many weeks from lunar new year, a year before
  lunar_dispatch_t: dispatch of that week, t; NULL where the data do not reach back to it
  lunar_share: change on it, share; NULL where either week is incomplete
*/
WITH dispatch AS (
    SELECT
        county_week.week_start,
        county_week.county_code,
        county_week.county_name,
        county_week.dispatch_t,
        coalesce(county_week.completeness_share >= threshold.value, FALSE) AS is_complete
    FROM mart.county_week AS county_week
    LEFT JOIN policy.threshold AS threshold
        ON threshold.rule = 'supply_level' AND threshold.part = 'completeness_share'
)

SELECT
    dispatch.week_start,
    dispatch.county_code,
    dispatch.county_name,
    region.kind = 'city' AS is_city,
    dispatch.dispatch_t,
    dispatch.is_complete,
    year_week.calendar_iso_week,
    by_calendar.dispatch_t AS calendar_dispatch_t,
    CASE
        WHEN dispatch.is_complete AND by_calendar.is_complete
            THEN dispatch.dispatch_t / nullif(by_calendar.dispatch_t, 0) - 1
    END::DECIMAL(12, 6) AS calendar_share,
    year_week.new_year_week_count,
    year_week.lunar_iso_week,
    by_moon.dispatch_t AS lunar_dispatch_t,
    CASE
        WHEN dispatch.is_complete AND by_moon.is_complete
            THEN dispatch.dispatch_t / nullif(by_moon.dispatch_t, 0) - 1
    END::DECIMAL(12, 6) AS lunar_share
FROM dispatch
INNER JOIN reference.region AS region ON dispatch.county_code = region.county_code
INNER JOIN mart.year_week AS year_week ON dispatch.week_start = year_week.week_start
LEFT JOIN dispatch AS by_calendar
    ON year_week.calendar_week_start = by_calendar.week_start AND dispatch.county_code = by_calendar.county_code
LEFT JOIN dispatch AS by_moon
    ON year_week.lunar_week_start = by_moon.week_start AND dispatch.county_code = by_moon.county_code
ORDER BY dispatch.week_start, dispatch.county_code
