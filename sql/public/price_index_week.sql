/*
description: Chained price index by county and product; a point with fewer than 3 collection points is withheld.
grain: one row a (area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: unbounded
columns:
  area_code: GB/T 2260 code of the county
  area_name: county
  product_id: product
  product_name: product in words
  unit: unit of the quotes
  basis: ex_works or delivered
  tax: incl or excl
  week_start: Monday of the ISO week
  iso_week: ISO week
  is_withheld: whether the point is withheld
  price_index: index, 100 in base_week; NULL where withheld
  base_week: week in which the index is 100
  change_1w_share: change on the week before; NULL where withheld
  change_4w_share: change on four weeks before; NULL where withheld
  is_imputed: whether the point is carried forward
*/
WITH limits AS (
    SELECT value AS least_firm_count
    FROM policy.parameter
    WHERE rule = 'publication' AND name = 'least_firm_count'
),

shown AS (
    SELECT
        point.*,
        point.collection_point_count < limits.least_firm_count AS is_withheld
    FROM mart.price_index_week AS point
    CROSS JOIN limits
    WHERE point.is_city_area
)

SELECT
    area_code,
    area_name,
    product_id,
    product_name,
    unit,
    basis,
    tax,
    week_start,
    iso_week,
    is_withheld,
    CASE WHEN NOT is_withheld THEN price_index END AS price_index,
    base_week,
    CASE WHEN NOT is_withheld THEN change_1w_share END AS change_1w_share,
    CASE WHEN NOT is_withheld THEN change_4w_share END AS change_4w_share,
    is_imputed
FROM shown
ORDER BY week_start, area_code, product_id, unit, basis, tax
