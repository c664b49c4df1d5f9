/*
description: >-
  Answers in force to questions about names, with who gave them and when. One that changes nothing yet says so: a site
  that left the register, or the meaning of a column or code word, which takes a line in a source profile.
grain: one row a question_id
period: none
columns:
  question_id: number of the question
  feed: feed that raised it
  kind: what was unknown
  subject: the unknown name
  answer: what it means, or keep where it is to stay as it is
  takes_effect: whether the answer settles the question by itself
  answered_by: who answered
  answered_on: day of the answer
  note: remark of whoever answered
  workbook_sha256: SHA-256 of the answered workbook
  workbook_line: row of that workbook
  snapshot_sha256: SHA-256 of the file of answers taken from it
  line: line of that file
*/
SELECT
    answer.question_id,
    answer.feed,
    answer.kind,
    answer.subject,
    answer.answer,
    answer.answer = 'keep'
    OR (answer.kind = 'unknown_site' AND site.alias IS NOT NULL)
    OR (answer.kind = 'unknown_product' AND product.alias IS NOT NULL) AS takes_effect,
    answer.answered_by,
    answer.answered_on,
    answer.note,
    answer.workbook_sha256,
    answer.workbook_line,
    answer.snapshot_sha256,
    answer.line
FROM raw.name_answer AS answer
LEFT JOIN staging.site_alias AS site ON answer.subject = site.alias
LEFT JOIN staging.product_alias AS product ON answer.subject = product.alias
WHERE answer.outcome = 'accepted'
ORDER BY answer.question_id
