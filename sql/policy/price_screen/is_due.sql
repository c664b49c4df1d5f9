/*
description: Whether the screens have anything to test, so that a warehouse of few quotes is not measured for nothing.
grain: one row
columns:
  most_seller_count: most sellers that quoted a product in a county and week, each way of quoting counted by itself
  has_stock: true where a stock report is there
*/
WITH county_week AS (
    SELECT SUM(collection_point_count) AS seller_count
    FROM mart.price_index_week
    GROUP BY area_code, product_id, week_start
)

SELECT
    COALESCE(MAX(seller_count), 0) AS most_seller_count,
    (SELECT COUNT(*) FROM staging.stock_report) > 0 AS has_stock
FROM county_week
