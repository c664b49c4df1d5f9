/*
description: >-
  Days on which a source told something: a site for tickets, a source profile for quotes. Tickets dated outside the
  calendar are left out.
grain: one row a (feed, source_id, day_on)
period: week_start
lookback: 0
columns:
  feed: feed
  source_id: site of the tickets, or source profile of the quotes
  day_on: local day the rows tell of
  week_start: Monday of its ISO week
  source: source profiles of the rows, separated by a comma
  row_count: rows in force
  received_count: rows that say when the platform received them
  mean_lag_days: mean time from weighing to reception of those rows, days; NULL where none says so
*/
WITH profile_day AS (
    SELECT
        'weighbridge_ticket' AS feed,
        ticket.site_id AS source_id,
        ticket.weighed_on AS day_on,
        ticket.week_start,
        ticket.source,
        count(*) AS row_count,
        count(ticket.received_at) AS received_count,
        sum(epoch_ms(ticket.received_at) - epoch_ms(ticket.weighed_at)) AS lag_ms
    FROM staging.weighbridge_ticket AS ticket
    INNER JOIN reference.calendar AS calendar ON ticket.weighed_on = calendar.day_on
    GROUP BY ticket.site_id, ticket.weighed_on, ticket.week_start, ticket.source
    UNION ALL
    SELECT
        'price_quote' AS feed,
        source AS source_id,
        quoted_on AS day_on,
        week_start,
        source,
        count(*) AS row_count,
        0 AS received_count,
        NULL AS lag_ms
    FROM staging.price_quote
    GROUP BY source, quoted_on, week_start
)

SELECT
    feed,
    source_id,
    day_on,
    week_start,
    string_agg(source, ', ' ORDER BY source) AS source,
    sum(row_count)::BIGINT AS row_count,
    sum(received_count)::BIGINT AS received_count,
    (sum(lag_ms) / nullif(sum(received_count), 0) / 86400000)::DECIMAL(9, 2) AS mean_lag_days
FROM profile_day
GROUP BY feed, source_id, day_on, week_start
ORDER BY day_on, feed, source_id
