/*
description: Every name a product goes by.
grain: one row an alias
period: none
columns:
  alias: name as it may stand on a ticket or quote
  product_id: product it means
*/
SELECT
    product_name AS alias,
    product_id
FROM reference.product
UNION
SELECT
    unnest(string_split(aliases, '|')) AS alias,
    product_id
FROM reference.product
WHERE aliases IS NOT NULL
