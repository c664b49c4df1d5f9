/*
description: >-
  The six outcomes of every loaded file add up to its rows, and header, title lines, totals, blank lines, newlines
  inside quotes and rows add up to its physical lines.
text_zh: 每个文件的六种去向之和等于行数，表头、标题行、合计行、空行、引号内换行与行数之和等于物理行数
severity: critical
table: meta.load_account
action: load the snapshot into a new warehouse and compare the accounts; the reader or the load lost or invented rows
action_zh: 请在新库中重新装载该快照并核对；读取或装载程序丢失或多出了行
columns:
  feed: feed of the file
  snapshot_sha256: SHA-256 of the file
  row_count: rows below the header, as counted by the reader
  outcome_count: rows that ended in one of the six outcomes
  physical_lines: lines of the file, as counted by the reader
  line_count: lines that the account explains
*/
WITH explained AS (
    SELECT
        feed,
        snapshot_sha256,
        row_count,
        physical_lines,
        accepted_count
        + duplicate_count
        + superseded_count
        + voided_count
        + pending_count
        + quarantined_count AS outcome_count,
        header_lines + title_lines + total_lines + blank_lines + quoted_newlines + row_count AS line_count
    FROM meta.load_account
)

SELECT
    feed,
    snapshot_sha256,
    row_count,
    outcome_count,
    physical_lines,
    line_count
FROM explained
WHERE
    row_count <> outcome_count
    OR physical_lines <> line_count
ORDER BY feed, snapshot_sha256
