/*
description: >-
  Stock of the sites as reported, with site, county and product resolved. A site that reports a product twice for a day,
  under two of its names, counts once: the newest line.
grain: one row a (site_id, reported_on, product_given)
period: none
columns:
  reported_on: day at whose end the stock lay there
  week_start: Monday of its ISO week
  site_id: registered site, or the name as reported where the register does not know it
  site_name: site as reported
  county_code: county of the site; NULL where the site is not registered
  product_id: product; the name as reported where it is unknown
  product_name: product in the standards' words, or as reported
  product_given: product as reported
  stock_t: stock, t
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    report.reported_on,
    date_trunc('week', report.reported_on)::DATE AS week_start,
    coalesce(alias.site_id, report.site) AS site_id,
    report.site AS site_name,
    site.county_code,
    coalesce(product.product_id, report.product) AS product_id,
    coalesce(product.product_name, report.product) AS product_name,
    report.product AS product_given,
    report.stock_t,
    report.feed_source AS source,
    report.snapshot_sha256,
    report.line
FROM raw.stock_report AS report
LEFT JOIN staging.site_alias AS alias ON report.site = alias.alias
LEFT JOIN staging.site AS site ON alias.site_id = site.site_id
LEFT JOIN staging.product_alias AS product_name ON report.product = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
WHERE report.outcome = 'accepted'
QUALIFY
    row_number() OVER (
        PARTITION BY coalesce(alias.site_id, report.site), report.reported_on, report.product
        ORDER BY report.load_no DESC, report.line DESC
    ) = 1
ORDER BY report.reported_on, site_id, product_given
