/*
description: What each table was last made of, so that the next build knows what is still right.
grain: one row a table that is built or read by the build
columns:
  table_name: table
  fingerprint: SHA-256 over its file, or over its content where no file makes it
  whole_no: step_no at which it last changed as a whole
  seen_no: step_no up to which it holds what its inputs say
  load_no: for a feed, newest load that is taken into account
  row_count: for a feed, its rows at that load
*/
CREATE TABLE IF NOT EXISTS meta.built_table (
    table_name VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL,
    whole_no INTEGER NOT NULL,
    seen_no INTEGER NOT NULL,
    load_no INTEGER,
    row_count BIGINT
)
