/*
description: Names in the feeds that no table knows, and dates of quotes that cannot be; each becomes one question.
grain: one row a (feed, kind, subject)
period: none
columns:
  feed: feed the name came with
  source: source profiles, separated by a comma
  kind: unknown_site, unknown_product, unknown_county or date_far_off
  subject: the name, or the date
  row_count: rows that bear it
  snapshot_sha256: a file it came with
*/
SELECT
    'weighbridge_ticket' AS feed,
    string_agg(DISTINCT source, ', ' ORDER BY source) AS source,
    kind,
    subject,
    sum(row_count)::BIGINT AS row_count,
    min(snapshot_sha256) AS snapshot_sha256
FROM staging.unknown_ticket_name
GROUP BY ALL
UNION ALL
SELECT
    'price_quote' AS feed,
    string_agg(DISTINCT quote.source, ', ' ORDER BY quote.source) AS source,
    'unknown_product' AS kind,
    quote.product_name AS subject,
    count(*) AS row_count,
    min(quote.snapshot_sha256) AS snapshot_sha256
FROM staging.price_quote AS quote
ANTI JOIN reference.product AS product ON quote.product_id = product.product_id
GROUP BY ALL
UNION ALL
SELECT
    'capacity_filing' AS feed,
    'default' AS source,
    'unknown_county' AS kind,
    coalesce(county_code, '') AS subject,
    count(*) AS row_count,
    min(snapshot_sha256) AS snapshot_sha256
FROM staging.capacity_filing
WHERE county_name IS NULL
GROUP BY ALL
UNION ALL
SELECT
    'price_quote' AS feed,
    string_agg(DISTINCT quote.feed_source, ', ' ORDER BY quote.feed_source) AS source,
    'date_far_off' AS kind,
    quote.quoted_on::VARCHAR AS subject,
    count(*) AS row_count,
    min(quote.snapshot_sha256) AS snapshot_sha256
FROM raw.price_quote AS quote
ANTI JOIN staging.price_quote AS used
    ON quote.snapshot_sha256 = used.snapshot_sha256 AND quote.line = used.line
WHERE quote.outcome = 'accepted'
GROUP BY ALL
UNION ALL
SELECT
    'scale' AS feed,
    string_agg(DISTINCT entry.feed_source, ', ' ORDER BY entry.feed_source) AS source,
    'unknown_site' AS kind,
    entry.site_name AS subject,
    count(*) AS row_count,
    min(entry.snapshot_sha256) AS snapshot_sha256
FROM raw.scale AS entry
ANTI JOIN staging.site_alias AS alias ON entry.site_name = alias.alias
WHERE entry.outcome = 'accepted' AND entry.site_name IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT
    'penalty_case' AS feed,
    string_agg(DISTINCT entry.feed_source, ', ' ORDER BY entry.feed_source) AS source,
    'unknown_site' AS kind,
    entry.site_name AS subject,
    count(*) AS row_count,
    min(entry.snapshot_sha256) AS snapshot_sha256
FROM raw.penalty_case AS entry
ANTI JOIN staging.site_alias AS alias ON entry.site_name = alias.alias
WHERE entry.outcome = 'accepted' AND entry.site_name IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT
    'waybill' AS feed,
    string_agg(DISTINCT entry.feed_source, ', ' ORDER BY entry.feed_source) AS source,
    'unknown_site' AS kind,
    entry.site_name AS subject,
    count(*) AS row_count,
    min(entry.snapshot_sha256) AS snapshot_sha256
FROM raw.waybill AS entry
ANTI JOIN staging.site_alias AS alias ON entry.site_name = alias.alias
WHERE entry.outcome = 'accepted' AND entry.site_name IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT
    'waybill' AS feed,
    string_agg(DISTINCT form.source, ', ' ORDER BY form.source) AS source,
    'unknown_product' AS kind,
    form.product_name AS subject,
    count(*) AS row_count,
    min(form.snapshot_sha256) AS snapshot_sha256
FROM staging.waybill AS form
ANTI JOIN reference.product AS product ON form.product_id = product.product_id
WHERE form.product_name IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT
    'stock_report' AS feed,
    string_agg(DISTINCT report.source, ', ' ORDER BY report.source) AS source,
    'unknown_site' AS kind,
    report.site_name AS subject,
    count(*) AS row_count,
    min(report.snapshot_sha256) AS snapshot_sha256
FROM staging.stock_report AS report
ANTI JOIN staging.site AS site ON report.site_id = site.site_id
GROUP BY ALL
UNION ALL
SELECT
    'stock_report' AS feed,
    string_agg(DISTINCT report.source, ', ' ORDER BY report.source) AS source,
    'unknown_product' AS kind,
    report.product_given AS subject,
    count(*) AS row_count,
    min(report.snapshot_sha256) AS snapshot_sha256
FROM staging.stock_report AS report
ANTI JOIN reference.product AS product ON report.product_id = product.product_id
GROUP BY ALL
UNION ALL
SELECT
    'key_project_demand' AS feed,
    string_agg(DISTINCT demand.source, ', ' ORDER BY demand.source) AS source,
    'unknown_product' AS kind,
    demand.product_given AS subject,
    count(*) AS row_count,
    min(demand.snapshot_sha256) AS snapshot_sha256
FROM staging.key_project_demand AS demand
ANTI JOIN reference.product AS product ON demand.product_id = product.product_id
GROUP BY ALL
UNION ALL
SELECT
    'key_project_demand' AS feed,
    string_agg(DISTINCT demand.source, ', ' ORDER BY demand.source) AS source,
    'unknown_county' AS kind,
    demand.county_code AS subject,
    count(*) AS row_count,
    min(demand.snapshot_sha256) AS snapshot_sha256
FROM staging.key_project_demand AS demand
WHERE demand.county_name IS NULL
GROUP BY ALL
