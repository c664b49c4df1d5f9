/*
description: Names on the tickets of each week that no table knows; staging.unknown_name puts the weeks together.
grain: one row a (kind, subject, source, week_start)
period: week_start
lookback: 0
columns:
  kind: unknown_site or unknown_product
  subject: the name
  source: source profile
  week_start: Monday of the ISO week
  row_count: tickets that bear it
  snapshot_sha256: a file it came with
*/
SELECT
    'unknown_site' AS kind,
    site_name AS subject,
    source,
    week_start,
    count(*) AS row_count,
    min(snapshot_sha256) AS snapshot_sha256
FROM staging.weighbridge_ticket
WHERE NOT is_registered_site
GROUP BY ALL
UNION ALL
SELECT
    'unknown_product' AS kind,
    product_name AS subject,
    source,
    week_start,
    count(*) AS row_count,
    min(snapshot_sha256) AS snapshot_sha256
FROM staging.weighbridge_ticket
WHERE product_id IS NULL AND product_name IS NOT NULL
GROUP BY ALL
