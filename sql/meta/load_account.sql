/*
description: What became of every row of every loaded file; the outcomes add up to rows, and rows to physical lines.
grain: one row a (snapshot_sha256, feed)
columns:
  snapshot_sha256: SHA-256 of the file as it came
  feed: feed the file was loaded into
  source: source profile it was read with
  file_name: name the file came under
  load_no: running number of the load, later is higher
  encoding: encoding (or xlsx) the file was read with
  delimiter: what stands between two cells; empty for a workbook
  physical_lines: lines of the file, after CRLF and CR became LF
  header_lines: lines of the header
  title_lines: lines above the header
  total_lines: lines below the rows that only sum them (合计), checked and left out
  blank_lines: lines without any cell
  quoted_newlines: line ends inside quoted cells
  row_count: rows below the header
  accepted_count: rows in force
  duplicate_count: rows that were known already, equal in key and weights
  superseded_count: rows replaced by a later export of the same key
  voided_count: rows the sender cancelled
  pending_count: rows that wait for their second weighing
  quarantined_count: rows put aside with a reason
  first_period_on: first local date of the accepted rows
  last_period_on: last local date of the accepted rows
  loaded_at: when the load ran
*/
CREATE TABLE IF NOT EXISTS meta.load_account (
    snapshot_sha256 VARCHAR NOT NULL,
    feed VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    file_name VARCHAR NOT NULL,
    load_no INTEGER NOT NULL,
    encoding VARCHAR NOT NULL,
    delimiter VARCHAR NOT NULL,
    physical_lines BIGINT NOT NULL,
    header_lines BIGINT NOT NULL,
    title_lines BIGINT NOT NULL,
    total_lines BIGINT NOT NULL,
    blank_lines BIGINT NOT NULL,
    quoted_newlines BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    accepted_count BIGINT NOT NULL,
    duplicate_count BIGINT NOT NULL,
    superseded_count BIGINT NOT NULL,
    voided_count BIGINT NOT NULL,
    pending_count BIGINT NOT NULL,
    quarantined_count BIGINT NOT NULL,
    first_period_on DATE,
    last_period_on DATE,
    loaded_at TIMESTAMPTZ NOT NULL
)
