/*
description: Every row that was put aside, with its line and reason, so that someone can mend it.
grain: one row a quarantined row of a file
columns:
  snapshot_sha256: SHA-256 of the file as it came
  feed: feed of the file
  line: physical line the row starts on
  reason_code: why it was put aside
  column_name: column that is at fault, where one is
  value: value as it came
  message: what is wrong, against what, and what to do
  raw_text: the row as it came, at most 2000 characters
*/
CREATE TABLE IF NOT EXISTS meta.reject (
    snapshot_sha256 VARCHAR NOT NULL,
    feed VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    reason_code VARCHAR NOT NULL,
    column_name VARCHAR,
    value VARCHAR,
    message VARCHAR NOT NULL,
    raw_text VARCHAR
)
