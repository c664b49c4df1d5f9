/*
description: >-
  Ex-works and delivered prices of the same area, product, unit and tax side by side, for weeks in which both have a
  value. Different sellers quote them, so the gap holds haulage, handling and the sellers' own prices alike; it is no
  freight rate, and neither price is turned into the other.
grain: one row a (area_code, product_id, unit, tax, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  area_code: county code, the city code, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: whether the area is in the region table
  product_id: product
  product_name: product in words
  unit: what one price is for, t or m3
  tax: incl or excl, value added tax in the price or not
  ex_works_price_yuan: geometric mean of the ex-works quotes, yuan per unit
  delivered_price_yuan: geometric mean of the delivered quotes, yuan per unit
  gap_yuan: delivered less ex works, yuan per unit
  gap_share: delivered by ex works less 1, share
  ex_works_month_share: change of the ex-works index against 4 weeks before, share
  delivered_month_share: change of the delivered index against 4 weeks before, share
  ex_works_quote_count: ex-works quote lines of the week
  delivered_quote_count: delivered quote lines of the week
  ex_works_point_count: markets with an ex-works quote in the week
  delivered_point_count: markets with a delivered quote in the week
  is_imputed: whether one of the two only carries older quotes
*/
SELECT
    ex_works.week_start,
    ex_works.area_code,
    ex_works.area_name,
    ex_works.is_city_area,
    ex_works.product_id,
    ex_works.product_name,
    ex_works.unit,
    ex_works.tax,
    ex_works.price_yuan AS ex_works_price_yuan,
    delivered.price_yuan AS delivered_price_yuan,
    round(delivered.price_yuan - ex_works.price_yuan, 4) AS gap_yuan,
    round(delivered.price_yuan / ex_works.price_yuan - 1, 9) AS gap_share,
    ex_works.change_4w_share AS ex_works_month_share,
    delivered.change_4w_share AS delivered_month_share,
    ex_works.quote_count AS ex_works_quote_count,
    delivered.quote_count AS delivered_quote_count,
    ex_works.collection_point_count AS ex_works_point_count,
    delivered.collection_point_count AS delivered_point_count,
    ex_works.is_imputed OR delivered.is_imputed AS is_imputed
FROM mart.price_index_week AS ex_works
INNER JOIN mart.price_index_week AS delivered
    ON
        ex_works.week_start = delivered.week_start
        AND ex_works.area_code = delivered.area_code
        AND ex_works.product_id = delivered.product_id
        AND ex_works.unit = delivered.unit
        AND ex_works.tax IS NOT DISTINCT FROM delivered.tax
WHERE ex_works.basis = 'ex_works' AND delivered.basis = 'delivered'
ORDER BY ex_works.week_start, ex_works.area_code, ex_works.product_id, ex_works.unit, ex_works.tax
