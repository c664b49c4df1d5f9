/*
description: >-
  What the price levels are judged on, one row a series and week: the changes of mart.price_index_week, and whether
  the week before was really quoted, because a change over 7 days is one only between two quoted weeks.
grain: one row a (area_code, product_id, unit, basis, tax, week_start)
period: week_start
lookback: 1
columns:
  area_code: county code, or the given text for an area outside the region table
  area_name: name of the area
  is_city_area: true where the area is in the region table
  product_id: product
  product_name: Chinese name of the product
  unit: what one price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl, value added tax in the price or not
  segment: number of the unbroken chain within the series
  week_start: Monday of the week
  iso_week: ISO week
  last_quoted_on: date of the newest quote behind this point
  price_yuan: geometric mean price, yuan per unit
  price_index: chained index, 100 in the first week of the segment
  quote_count: quote lines quoted in the week
  collection_point_count: markets with a quote in the week
  is_imputed: true where the point only carries older quotes
  week_share: change against the week before, which may be carried from the last quote, share
  seven_day_share: the same, only where the week before was quoted itself, share
  month_share: change against 4 weeks before, share
  year_share: change against 52 weeks before, share
  low_26w_share: rise above the lowest week of the last 26, share
  history_week_count: weeks of the segment up to this one
  matched_4w_count: lines quoted in this week with a value 4 weeks before
  month_se_share: standard error of the change against 4 weeks before, share
  week_without_one_share: week_share without the line that rose most
  month_without_one_share: month_share without the line that rose most
*/
WITH neighboured_week AS (
    SELECT
        *,
        LAG(is_imputed) OVER (
            PARTITION BY area_code, product_id, unit, basis, tax, segment
            ORDER BY week_start
        ) AS is_previous_imputed
    FROM mart.price_index_week
),

measured_week AS (
    SELECT
        *,
        change_1w_share AS week_share,
        change_4w_share AS month_share,
        change_52w_share AS year_share,
        rise_from_26w_low_share AS low_26w_share,
        change_4w_se_share AS month_se_share,
        change_1w_without_one_share AS week_without_one_share,
        change_4w_without_one_share AS month_without_one_share,
        CASE WHEN NOT is_previous_imputed THEN change_1w_share END AS seven_day_share
    FROM neighboured_week
)

SELECT
    area_code,
    area_name,
    is_city_area,
    product_id,
    product_name,
    unit,
    basis,
    tax,
    segment,
    week_start,
    iso_week,
    last_quoted_on,
    price_yuan,
    price_index,
    quote_count,
    collection_point_count,
    is_imputed,
    week_share,
    seven_day_share,
    month_share,
    year_share,
    low_26w_share,
    history_week_count,
    matched_4w_count,
    month_se_share,
    week_without_one_share,
    month_without_one_share
FROM measured_week
ORDER BY area_code, product_id, unit, basis, tax, week_start
