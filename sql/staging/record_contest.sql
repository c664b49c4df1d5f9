/*
description: >-
  Contests of overload records with the ruling on each, and the record as it stood when it was contested. None is ever
  taken away, whatever becomes of its record.
grain: one row a contest_id
period: none
columns:
  contest_id: number of the contest
  record_id: record that is contested
  contested_on: day it was contested
  contested_by: who contests it
  reason: what is said against it
  document_no: number of the paper the contest came with
  ruling: open, upheld (the record stands) or withdrawn (the record is taken back)
  ruled_on: day of the ruling
  is_open: whether nobody has ruled on it yet
  frozen: all that was known of the record then, as JSON
  snapshot_sha256: SHA-256 of the file the contest was written down in
  line: line of that file
*/
SELECT
    contest_id,
    record_id,
    contested_on,
    contested_by,
    reason,
    document_no,
    ruling,
    ruled_on,
    ruling = 'open' AS is_open,
    frozen::JSON AS frozen,
    snapshot_sha256,
    line
FROM raw.record_contest
WHERE outcome = 'accepted'
ORDER BY contest_id
