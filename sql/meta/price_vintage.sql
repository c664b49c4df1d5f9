/*
description: >-
  Vintages of the price scores, one for each judging that said something new. What was said then stays as it is, in
  mart.price_vintage; `sandwatch vintage verify` scores the quotes known then anew and compares byte for byte.
grain: one row a vintage
columns:
  vintage_no: running number of the vintage, later is higher
  load_no: newest load of quotes or of answers about names that the judging had seen; what came later was not known
  snapshot_sha256: SHA-256 of the file of that load
  reason: >-
    first (nothing was scored before), rules (a rule, file or figure that scores changed), quotes (later loads) or
    reread (the same loads read otherwise, by a backfill or after a contract changed)
  row_count: weeks of series whose score was new or another one
  withdrawn_count: weeks of series that had a score before and have none any more, as after a correction
  rules_sha256: SHA-256 over the rules, SQL, reference tables and modules that score, and the version of DuckDB
  quotes_sha256: SHA-256 over the quotes and answers known then
  digest: SHA-256 over all of this, the scores of the vintage and the digest of the vintage before
  judged_at: when it was said
*/
CREATE TABLE IF NOT EXISTS meta.price_vintage (
    vintage_no INTEGER NOT NULL,
    load_no INTEGER NOT NULL,
    snapshot_sha256 VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    row_count INTEGER NOT NULL,
    withdrawn_count INTEGER NOT NULL,
    rules_sha256 VARCHAR NOT NULL,
    quotes_sha256 VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    judged_at TIMESTAMPTZ NOT NULL
)
