/*
description: What each source of each feed sent for a week, and how far it reaches by then.
grain: one row a (feed, source, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  feed: feed
  source: source profile
  file_count: files whose last date lies in the week
  row_count: rows of those files
  accepted_count: rows in force
  duplicate_count: rows known already
  superseded_count: rows replaced by a later export
  quarantined_count: rows put aside
  quarantined_share: quarantined by all rows
  last_on: newest date of the source up to the week's end; NULL for feeds without dates
  total_row_count: rows of all files of the source that begin by the week's end
  total_quarantined_share: quarantined by all of those
*/
WITH sent AS (
    SELECT
        week.week_start,
        account.feed,
        account.source,
        sum(account.row_count)::BIGINT AS total_row_count,
        sum(account.quarantined_count) / nullif(sum(account.row_count), 0) AS total_quarantined_share,
        max(least(account.last_period_on, week.week_end_on)) AS last_on
    FROM report.week AS week
    INNER JOIN meta.load_account AS account
        ON coalesce(week.week_end_on >= account.first_period_on, TRUE)
    GROUP BY ALL
)

SELECT
    sent.week_start,
    sent.feed,
    sent.source,
    coalesce(source_week.file_count, 0) AS file_count,
    coalesce(source_week.row_count, 0) AS row_count,
    coalesce(source_week.accepted_count, 0) AS accepted_count,
    coalesce(source_week.duplicate_count, 0) AS duplicate_count,
    coalesce(source_week.superseded_count, 0) AS superseded_count,
    coalesce(source_week.quarantined_count, 0) AS quarantined_count,
    source_week.quarantined_share,
    sent.last_on,
    sent.total_row_count,
    sent.total_quarantined_share::DECIMAL(7, 6) AS total_quarantined_share
FROM sent
LEFT JOIN mart.source_week AS source_week
    ON
        sent.week_start = source_week.week_start
        AND sent.feed = source_week.feed
        AND sent.source = source_week.source
ORDER BY sent.week_start, sent.feed, sent.source
