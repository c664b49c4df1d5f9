/*
description: City dispatch by product and week, with its share of all dispatch.
grain: one row a (product_name, week_start)
period: week_start
lookback: 1
columns:
  week_start: Monday of the ISO week
  product_id: product; NULL where the name is unknown
  product_name: product in words
  source_class: natural, manufactured, recycled or other
  release_count: releases
  dispatch_t: net mass of the releases, t
  dispatch_share: part of the week's dispatch
  dispatch_change_share: change on the week before; NULL where the city's dispatch cannot be compared either
*/
WITH product AS (
    SELECT
        week_start,
        product_id,
        product_name,
        source_class,
        sum(release_count)::BIGINT AS release_count,
        sum(dispatch_t)::DECIMAL(18, 3) AS dispatch_t
    FROM mart.county_product_week
    GROUP BY ALL
)

SELECT
    product.week_start,
    product.product_id,
    product.product_name,
    product.source_class,
    product.release_count,
    product.dispatch_t,
    (product.dispatch_t / nullif(sum(product.dispatch_t) OVER (PARTITION BY product.week_start), 0))::DECIMAL(7, 6)
        AS dispatch_share,
    CASE
        WHEN city.dispatch_change_share IS NOT NULL
            THEN (product.dispatch_t / nullif(product_before.dispatch_t, 0) - 1)::DECIMAL(12, 6)
    END AS dispatch_change_share
FROM product
LEFT JOIN product AS product_before
    ON
        product.week_start = product_before.week_start + 7
        AND product.product_name IS NOT DISTINCT FROM product_before.product_name
        AND product.product_id IS NOT DISTINCT FROM product_before.product_id
LEFT JOIN report.supply_week AS city ON product.week_start = city.week_start AND city.is_city
ORDER BY product.week_start ASC, product.dispatch_t DESC, product.product_name ASC
