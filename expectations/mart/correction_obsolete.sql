/*
description: No correction is left in force that its source has made needless.
text_zh: 更正规则均仍有必要（来源自行修正后应撤销）
severity: warning
table: meta.question
action: take the correction out of expectations/corrections, or narrow its where to the files that are still wrong
action_zh: 请从 expectations/corrections 撤销该更正规则，或缩小其适用范围
columns:
  feed: feed of the correction
  source: source profile of the file
  subject: id of the correction
  owner: who wrote it
  row_count: rows that no longer meet its guard
  snapshot_sha256: file they were first seen in
*/
SELECT
    feed,
    source,
    subject,
    owner,
    row_count,
    snapshot_sha256
FROM meta.question
WHERE kind = 'correction_obsolete'
ORDER BY feed, subject
