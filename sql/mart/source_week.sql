/*
description: Rows of each feed and source by the week they tell of, and what was put aside, for the health of the feeds.
grain: one row a (feed, source, week_start)
period: week_start
lookback: unbounded
columns:
  feed: feed
  source: source profile
  week_start: Monday of the ISO week of the file's last date
  file_count: files
  row_count: rows below the headers
  accepted_count: rows in force
  duplicate_count: rows known already
  superseded_count: rows replaced by a later export
  quarantined_count: rows put aside
  quarantined_share: quarantined by all rows
*/
SELECT
    feed,
    source,
    date_trunc('week', last_period_on)::DATE AS week_start,
    count(*) AS file_count,
    sum(row_count)::BIGINT AS row_count,
    sum(accepted_count)::BIGINT AS accepted_count,
    sum(duplicate_count)::BIGINT AS duplicate_count,
    sum(superseded_count)::BIGINT AS superseded_count,
    sum(quarantined_count)::BIGINT AS quarantined_count,
    (sum(quarantined_count) / nullif(sum(row_count), 0))::DECIMAL(7, 6) AS quarantined_share
FROM meta.load_account
GROUP BY ALL
ORDER BY week_start, feed, source
