/*
description: >-
  Who is expected to send, how far each reaches and whom to call. Facts only: whether a source is late needs a day, see
  `sandwatch chase`. Names and phones of contacts never leave the regulator edition.
grain: one row a (feed, source_id)
period: none
columns:
  feed: feed
  source_id: registered site for tickets, source profile for the other feeds
  source: source profiles it came with, separated by a comma
  county_code: county of the site
  county_name: name of the county
  firm_name: firm that runs the site
  expected_cadence: daily, workday, weekly or none by the register; NULL is the cadence of the feed's contract
  contact_name: person to call
  contact_phone: phone of that person
  first_on: first day the source told of; NULL where it never did, or its feed has no dates
  last_on: last day the source told of
  seen_day_count: days it told of
  row_count: rows in force of those days; rows of its files where the feed has no dates
  snapshot_sha256: file that registered the site
*/
WITH sent AS (
    SELECT
        feed,
        source_id,
        string_agg(DISTINCT source, ', ' ORDER BY source) AS source,
        min(day_on) AS first_on,
        max(day_on) AS last_on,
        count(*) AS seen_day_count,
        sum(row_count)::BIGINT AS row_count
    FROM mart.source_day
    GROUP BY feed, source_id
),

undated AS (
    SELECT
        account.feed,
        account.source,
        sum(account.row_count)::BIGINT AS row_count
    FROM meta.load_account AS account
    WHERE account.feed NOT IN ('weighbridge_ticket', 'price_quote')
    GROUP BY account.feed, account.source
)

SELECT
    'weighbridge_ticket' AS feed,
    site.site_id AS source_id,
    sent.source,
    site.county_code,
    site.county_name,
    site.firm_name,
    coalesce(site.expected_cadence, 'none') AS expected_cadence,
    site.contact_name,
    site.contact_phone,
    sent.first_on,
    sent.last_on,
    coalesce(sent.seen_day_count, 0) AS seen_day_count,
    coalesce(sent.row_count, 0) AS row_count,
    site.snapshot_sha256
FROM staging.site AS site
LEFT JOIN sent ON site.site_id = sent.source_id AND sent.feed = 'weighbridge_ticket'
UNION ALL
SELECT
    feed,
    source_id,
    source,
    NULL AS county_code,
    NULL AS county_name,
    NULL AS firm_name,
    NULL AS expected_cadence,
    NULL AS contact_name,
    NULL AS contact_phone,
    first_on,
    last_on,
    seen_day_count,
    row_count,
    NULL AS snapshot_sha256
FROM sent
WHERE feed <> 'weighbridge_ticket'
UNION ALL
SELECT
    feed,
    source AS source_id,
    source,
    NULL AS county_code,
    NULL AS county_name,
    NULL AS firm_name,
    NULL AS expected_cadence,
    NULL AS contact_name,
    NULL AS contact_phone,
    NULL AS first_on,
    NULL AS last_on,
    0 AS seen_day_count,
    row_count,
    NULL AS snapshot_sha256
FROM undated
ORDER BY feed, source_id
