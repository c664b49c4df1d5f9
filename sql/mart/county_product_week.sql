/*
description: Dispatch of each county by product in each week.
grain: one row a (county_code, product_name, week_start)
period: week_start
lookback: 0
columns:
  county_code: county of the site; NULL for sites outside the register
  county_name: county
  week_start: Monday of the ISO week
  product_id: product; NULL where the name is unknown
  product_name: product in words
  source_class: natural, manufactured, recycled or other
  release_count: releases
  dispatch_t: net mass of the releases, t
*/
SELECT
    weighing.county_code,
    region.county_name,
    weighing.week_start,
    weighing.product_id,
    weighing.product_name,
    weighing.source_class,
    count(*) AS release_count,
    sum(weighing.net_t)::DECIMAL(18, 3) AS dispatch_t
FROM mart.release AS weighing
LEFT JOIN reference.region AS region ON weighing.county_code = region.county_code
WHERE NOT weighing.is_reweighed
GROUP BY ALL
ORDER BY weighing.week_start, weighing.county_code, weighing.product_name
