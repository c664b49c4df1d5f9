/*
description: Open questions about what is unknown (a column, product, site, re-used number); the rows stay in.
grain: one row a (feed, source, kind, subject)
columns:
  question_id: number of the question, the same wherever and whenever this feed asks this about this subject
  feed: feed that raised the question
  source: source profile
  kind: what is unknown
  subject: the unknown name itself
  owner: who can answer
  row_count: rows it was seen on (reused numbers, for number_reused), where rows are meant
  similar_names: known names most like it, the likest first, with a score up to 1 (equal but for width, case and blanks)
  snapshot_sha256: file it was first seen in
  first_seen_at: when the file it was first seen in was loaded
*/
CREATE TABLE IF NOT EXISTS meta.question (
    question_id VARCHAR NOT NULL,
    feed VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    row_count BIGINT,
    similar_names MAP (VARCHAR, DOUBLE),
    snapshot_sha256 VARCHAR NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL
)
