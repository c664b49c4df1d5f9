/*
description: >-
  Price quotes in force, with product and area resolved; an area outside the region table is an area of its own. A quote
  dated more than a year after 99 in 100 others is a mistyped year: it is left out, and asked about.
grain: one row a quote_id
period: week_start
lookback: unbounded
columns:
  quote_id: first 12 digits of the file's SHA-256 and the line
  quoted_on: date the price was quoted for
  week_start: Monday of its ISO week
  market: market or seller
  area_code: GB/T 2260 code, or the area's name as given
  area_name: name of the area
  is_city_area: whether the area is in the region table
  product_id: product; the name as given where it is unknown
  product_name: product in the standards' words, or as given
  spec: grading
  unit: unit the price is for, t or m3
  basis: ex_works or delivered
  tax: incl or excl; NULL where not given
  price_yuan: price per unit, yuan
  price_low_yuan: lower end of the range, yuan
  price_high_yuan: upper end of the range, yuan
  quote_source: who collected or published the quote
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH plausible AS (
    SELECT quantile_disc(quoted_on, 0.99) + 366 AS latest_on
    FROM raw.price_quote
    WHERE outcome = 'accepted'
)

SELECT
    left(quote.snapshot_sha256, 12) || '-' || quote.line AS quote_id,
    quote.quoted_on,
    date_trunc('week', quote.quoted_on)::DATE AS week_start,
    quote.market,
    quote.county_code AS area_code,
    coalesce(region.county_name, quote.county_code) AS area_name,
    region.county_code IS NOT NULL AS is_city_area,
    coalesce(product.product_id, quote.product) AS product_id,
    coalesce(product.product_name, quote.product) AS product_name,
    quote.spec,
    quote.unit,
    quote.basis,
    quote.tax,
    quote.price AS price_yuan,
    quote.price_low AS price_low_yuan,
    quote.price_high AS price_high_yuan,
    quote.source AS quote_source,
    quote.feed_source AS source,
    quote.snapshot_sha256,
    quote.line
FROM raw.price_quote AS quote
CROSS JOIN plausible
LEFT JOIN reference.region AS region ON quote.county_code = region.county_code
LEFT JOIN staging.product_alias AS product_name ON quote.product = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
WHERE quote.outcome = 'accepted' AND quote.quoted_on <= plausible.latest_on
ORDER BY quote.quoted_on, quote.snapshot_sha256, quote.line
