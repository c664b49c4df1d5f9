/*
description: Every name a product goes by. What the product table does not know, an answer may (`sandwatch names import`).
grain: one row an alias
period: none
columns:
  alias: name as it may stand on a ticket or quote
  product_id: product it means
*/
WITH known AS (
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
),

-- Several feeds may ask about one name: the last answer stands.
answered AS (
    SELECT
        answer.subject AS alias,
        max_by(product.product_id, (answer.load_no, answer.line)) AS product_id
    FROM raw.name_answer AS answer
    INNER JOIN reference.product AS product ON answer.answer = product.product_id
    ANTI JOIN known AS settled ON answer.subject = settled.alias
    WHERE answer.kind = 'unknown_product' AND answer.outcome = 'accepted'
    GROUP BY answer.subject
)

SELECT
    alias,
    product_id
FROM known
UNION ALL
SELECT
    alias,
    product_id
FROM answered
ORDER BY alias
