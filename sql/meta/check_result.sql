/*
description: Result of every check of the last run, by expectation; a machine error is not untrusted data.
grain: one row a check of the last run
columns:
  run_id: run of the checks
  feed: feed or mart that was checked
  table_name: table
  column_name: column, where one is meant
  check_name: name of the check
  expectation: Great Expectations type, or mart_sql
  severity: critical stops publishing; warning and info do not
  is_success: whether the data met it
  is_machine_error: whether the check itself broke
  observed_value: what was seen
  unexpected_count: rows that did not meet it
  message: one line for people
  checked_at: when it ran
*/
CREATE TABLE IF NOT EXISTS meta.check_result (
    run_id INTEGER NOT NULL,
    feed VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    column_name VARCHAR,
    check_name VARCHAR NOT NULL,
    expectation VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    is_success BOOLEAN NOT NULL,
    is_machine_error BOOLEAN NOT NULL,
    observed_value VARCHAR,
    unexpected_count BIGINT,
    message VARCHAR NOT NULL,
    checked_at TIMESTAMPTZ NOT NULL
)
