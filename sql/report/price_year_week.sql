/*
description: >-
  Price index of the city and of each county beside those of a year before, by the calendar and by the moon. Only inside
  one segment: across a break of the chain there is no comparison.
grain: one row a (scope, area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  scope: city, city_product (as in report.price_total_week) or series (as in report.price_week)
  area_code: county code, the city code, or the given text for an area outside the region table
  area_name: name of the area
  product_id: product; NULL over all products
  product_name: product in words; NULL over all products
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  is_main_kind: whether the report's charts show this unit, basis and tax
  segment: number of the unbroken chain
  price_index: index of the week
  calendar_iso_week: ISO week of the same number a year before; NULL for week 53 (无同期)
  calendar_index: index in that week; NULL where the chain does not reach back to it
  calendar_share: index against it, share
  lunar_iso_week: ISO week as many weeks from lunar new year, a year before
  lunar_index: index in that week; NULL where the chain does not reach back to it
  lunar_share: index against it, share
*/
WITH indexed AS (
    SELECT
        week_start,
        scope,
        area_code,
        area_name,
        product_id,
        product_name,
        unit,
        basis,
        tax,
        is_main_kind,
        segment,
        price_index
    FROM report.price_total_week
    UNION ALL
    SELECT
        week_start,
        'series' AS scope,
        area_code,
        area_name,
        product_id,
        product_name,
        unit,
        basis,
        tax,
        is_main_kind,
        segment,
        price_index
    FROM report.price_week
    WHERE price_index IS NOT NULL
)

SELECT
    this_year.week_start,
    this_year.scope,
    this_year.area_code,
    this_year.area_name,
    this_year.product_id,
    this_year.product_name,
    this_year.unit,
    this_year.basis,
    this_year.tax,
    this_year.is_main_kind,
    this_year.segment,
    this_year.price_index,
    year_week.calendar_iso_week,
    by_calendar.price_index AS calendar_index,
    round(this_year.price_index / by_calendar.price_index - 1, 9) AS calendar_share,
    year_week.lunar_iso_week,
    by_moon.price_index AS lunar_index,
    round(this_year.price_index / by_moon.price_index - 1, 9) AS lunar_share
FROM indexed AS this_year
INNER JOIN mart.year_week AS year_week ON this_year.week_start = year_week.week_start
LEFT JOIN indexed AS by_calendar
    ON
        year_week.calendar_week_start = by_calendar.week_start
        AND this_year.scope = by_calendar.scope
        AND this_year.area_code = by_calendar.area_code
        AND this_year.product_id IS NOT DISTINCT FROM by_calendar.product_id
        AND this_year.unit = by_calendar.unit
        AND this_year.basis = by_calendar.basis
        AND this_year.tax IS NOT DISTINCT FROM by_calendar.tax
        AND this_year.segment = by_calendar.segment
LEFT JOIN indexed AS by_moon
    ON
        year_week.lunar_week_start = by_moon.week_start
        AND this_year.scope = by_moon.scope
        AND this_year.area_code = by_moon.area_code
        AND this_year.product_id IS NOT DISTINCT FROM by_moon.product_id
        AND this_year.unit = by_moon.unit
        AND this_year.basis = by_moon.basis
        AND this_year.tax IS NOT DISTINCT FROM by_moon.tax
        AND this_year.segment = by_moon.segment
ORDER BY
    this_year.week_start, this_year.scope, this_year.area_code, this_year.product_id, this_year.unit, this_year.basis,
    this_year.tax
