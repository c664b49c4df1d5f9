/*
description: >-
  Price index of the city by product and over all products, weighted by tonnes, with what a reader needs beside the
  number: method, base, weights, quotes, and the Laspeyres index that it is checked against.
grain: one row a (scope, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  iso_week: ISO week, like 2026-W47
  scope: city_product (counties of one product) or city (counties and products)
  area_code: city code
  area_name: name of the city
  product_id: product; NULL over all products
  product_name: product in words; NULL over all products
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  is_main_kind: whether the report's charts show this unit, basis and tax; the one with most quotes
  segment: number of the unbroken chain; an index is compared inside one segment only
  base_week: ISO week in which the segment stands at 100
  price_index: chained weighted geometric mean (Jevons), 100 in base_week
  laspeyres_index: chained cost of the same tonnes, 100 in base_week
  laspeyres_gap_points: laspeyres_index less price_index, index points
  week_share: price_index against the week before, share
  month_share: price_index against 4 weeks before, share
  year_share: price_index against 52 weeks before, share
  weight_basis: tonnes, or equal where no tonnes were weighed in the quarter; NULL in the first week of a segment
  weight_quarter: quarter whose tonnes weigh, like 2026-Q3
  element_count: county series with a value in the week
  matched_element_count: those with a value in the week before too, and a weight
  quote_count: quote lines of the week
  matched_weight_share: tonnes of the matched series by all tonnes of the quarter, share
  imputed_weight_share: weight that stands on carried quotes, share
  is_imputed: whether no series with a weight was quoted in the week
*/
WITH kind AS (
    SELECT
        scope,
        product_id,
        unit,
        basis,
        tax
    FROM mart.price_index_total_week
    WHERE scope IN ('city_product', 'city')
    GROUP BY scope, product_id, unit, basis, tax
    QUALIFY
        row_number() OVER (
            PARTITION BY scope, product_id
            ORDER BY sum(quote_count) DESC, unit ASC, basis ASC, tax ASC
        ) = 1
)

SELECT
    total.week_start,
    total.iso_week,
    total.scope,
    total.area_code,
    total.area_name,
    total.product_id,
    total.product_name,
    total.unit,
    total.basis,
    total.tax,
    kind.scope IS NOT NULL AS is_main_kind,
    total.segment,
    total.base_week,
    total.price_index,
    total.laspeyres_index,
    round(total.laspeyres_index - total.price_index, 6) AS laspeyres_gap_points,
    total.change_1w_share AS week_share,
    total.change_4w_share AS month_share,
    total.change_52w_share AS year_share,
    total.weight_basis,
    total.weight_quarter,
    total.element_count,
    total.matched_element_count,
    total.quote_count,
    total.matched_weight_share,
    total.imputed_weight_share,
    total.is_imputed
FROM mart.price_index_total_week AS total
LEFT JOIN kind
    ON
        total.scope = kind.scope
        AND total.product_id IS NOT DISTINCT FROM kind.product_id
        AND total.unit = kind.unit
        AND total.basis = kind.basis
        AND total.tax IS NOT DISTINCT FROM kind.tax
WHERE total.scope IN ('city_product', 'city')
ORDER BY total.week_start, total.scope, total.product_id, total.unit, total.basis, total.tax
