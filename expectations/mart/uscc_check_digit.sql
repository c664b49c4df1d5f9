/*
description: >-
  The check digit of every unified social credit code in filings and register is right (GB 32100-2015: the
  characters weigh 3^(i-1) mod 31, and with the check digit the sum is a multiple of 31).
text_zh: 备案和名录中的统一社会信用代码校验位正确（GB 32100-2015）
severity: warning
table: raw.site_register
action: ask the office that keeps the list to correct the code; rows stay in use
action_zh: 请名录或备案维护单位更正代码；相关行仍照常使用
columns:
  feed: capacity_filing or site_register
  subject: project code or site name
  uscc: code as given
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH coded AS (
    SELECT
        'capacity_filing' AS feed,
        project_id AS subject,
        uscc,
        snapshot_sha256,
        line
    FROM raw.capacity_filing
    WHERE
        outcome = 'accepted'
        AND uscc IS NOT NULL
    UNION ALL
    SELECT
        'site_register' AS feed,
        site_name AS subject,
        uscc,
        snapshot_sha256,
        line
    FROM raw.site_register
    WHERE
        outcome = 'accepted'
        AND uscc IS NOT NULL
),

place AS (
    SELECT
        UNNEST(RANGE(1, 19)) AS place_no,
        UNNEST([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1]) AS weight
),

summed AS (
    SELECT
        coded.feed,
        coded.subject,
        coded.uscc,
        coded.snapshot_sha256,
        coded.line,
        -- I, O, S, V and Z do not occur in a code.
        BOOL_AND(
            LENGTH(coded.uscc) = 18
            AND STRPOS('0123456789ABCDEFGHJKLMNPQRTUWXY', SUBSTR(coded.uscc, place.place_no, 1)) > 0
        ) AS is_well_formed,
        SUM(
            place.weight
            * (STRPOS('0123456789ABCDEFGHJKLMNPQRTUWXY', SUBSTR(coded.uscc, place.place_no, 1)) - 1)
        ) AS weighted_sum
    FROM coded
    CROSS JOIN place
    GROUP BY
        coded.feed,
        coded.subject,
        coded.uscc,
        coded.snapshot_sha256,
        coded.line
)

SELECT
    feed,
    subject,
    uscc,
    snapshot_sha256,
    line
FROM summed
WHERE
    NOT is_well_formed
    OR weighted_sum % 31 <> 0
ORDER BY feed, subject, line
