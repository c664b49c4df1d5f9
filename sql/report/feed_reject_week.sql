/*
description: >-
  Rows that were put aside, by feed, source, reason and column, so that someone can mend the source. A file belongs to
  the week of its last date; a file without dates counts in every week's total.
grain: one row a (feed, source, reason_code, column_name, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  feed: feed
  source: source profile
  reason_code: why they were put aside
  column_name: column that is at fault, where one is
  row_count: rows of the files of the week
  file_count: those files
  total_row_count: rows of all files up to the week, those without dates among them
*/
WITH reject AS (
    SELECT
        snapshot_sha256,
        feed,
        reason_code,
        column_name,
        count(*) AS row_count
    FROM meta.reject
    GROUP BY ALL
),

placed AS (
    SELECT
        week.week_start,
        account.feed,
        account.source,
        reject.reason_code,
        reject.column_name,
        reject.row_count,
        coalesce(date_trunc('week', account.last_period_on)::DATE = week.week_start, FALSE) AS is_of_week
    FROM report.week AS week
    INNER JOIN meta.load_account AS account
        ON coalesce(week.week_end_on >= date_trunc('week', account.last_period_on)::DATE, TRUE)
    INNER JOIN reject ON account.snapshot_sha256 = reject.snapshot_sha256 AND account.feed = reject.feed
)

SELECT
    week_start,
    feed,
    source,
    reason_code,
    column_name,
    coalesce(sum(row_count) FILTER (is_of_week), 0)::BIGINT AS row_count,
    count(*) FILTER (is_of_week) AS file_count,
    sum(row_count)::BIGINT AS total_row_count
FROM placed
GROUP BY week_start, feed, source, reason_code, column_name
ORDER BY week_start ASC, row_count DESC, feed ASC, source ASC, reason_code ASC, column_name ASC
