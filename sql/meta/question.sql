/*
description: Open questions about what is unknown (a column, product, site, re-used number); the rows stay in.
grain: one row a (feed, source, kind, subject)
columns:
  feed: feed that raised the question
  source: source profile
  kind: what is unknown
  subject: the unknown name itself
  owner: who can answer
  row_count: rows it was seen on (reused numbers, for number_reused), where rows are meant
  snapshot_sha256: file it was first seen in
  first_seen_at: when it was first asked
*/
CREATE TABLE IF NOT EXISTS meta.question (
    feed VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    row_count BIGINT,
    snapshot_sha256 VARCHAR NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL
)
