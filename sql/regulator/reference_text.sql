/*
description: >-
  What order 62 art. 43 has for a mass over the limit, in words that say it is a reference and no fine.
  SELECT overload.reference_text('amount', 1500)
arguments:
  kind: warning or amount
  yuan: reference amount, yuan
returns: 参考：警告, or 参考金额 and the yuan; NULL where there is none
*/
CREATE OR REPLACE MACRO overload.reference_text(kind, yuan) AS (
    CASE kind WHEN 'warning' THEN '参考：警告' WHEN 'amount' THEN '参考金额：' || yuan || '元' END
)
