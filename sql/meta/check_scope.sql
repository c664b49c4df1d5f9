/*
description: Which loads of each feed the last run of the checks looked at; the next run goes on from there.
grain: one row a feed
columns:
  feed: feed
  after_load_no: rows of loads after this one were checked; 0 where all rows were
  load_no: newest load that was checked
  is_trusted: whether every critical expectation of the feed was met; if not, the next run looks at the same rows again
  fingerprint: SHA-256 over what the contract expects; where it changed, the next run checks all rows
*/
CREATE TABLE IF NOT EXISTS meta.check_scope (
    feed VARCHAR NOT NULL,
    after_load_no INTEGER NOT NULL,
    load_no INTEGER NOT NULL,
    is_trusted BOOLEAN NOT NULL,
    fingerprint VARCHAR NOT NULL
)
