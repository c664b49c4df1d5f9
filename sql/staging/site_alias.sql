/*
description: >-
  Every name a site goes by. A site's own name is its own, whoever else claims it; a site that a later register names as
  another's former name is retired, and all its names mean the new one. Any other name that two sites claim belongs to
  neither. What the register does not settle, an answer may (`sandwatch names import`).
grain: one row an alias
period: none
columns:
  alias: name as it may stand on a ticket
  site_id: site it means
*/
WITH own AS (
    SELECT
        site_name,
        load_no,
        line,
        string_split(coalesce(other_names, ''), '、') AS other_names
    FROM raw.site_register
    WHERE outcome = 'accepted'
),

other AS (
    SELECT
        trim(unnest(other_names)) AS alias,
        site_name,
        load_no
    FROM own
),

successor AS (
    SELECT
        own.site_name AS retired_name,
        max_by(other.site_name, other.load_no) AS site_name
    FROM own
    INNER JOIN other ON own.site_name = other.alias
    WHERE other.load_no > own.load_no AND other.site_name <> own.site_name
    GROUP BY own.site_name
),

name AS (
    SELECT
        own.site_name AS alias,
        coalesce(successor.site_name, own.site_name) AS site_id,
        0 AS claim
    FROM own
    LEFT JOIN successor ON own.site_name = successor.retired_name
    UNION ALL
    SELECT
        other.alias,
        coalesce(successor.site_name, other.site_name) AS site_id,
        1 AS claim
    FROM other
    LEFT JOIN successor ON other.site_name = successor.retired_name
    WHERE other.alias <> ''
),

first_claim AS (
    SELECT
        alias,
        site_id
    FROM name
    QUALIFY claim = min(claim) OVER (PARTITION BY alias)
),

registered AS (
    SELECT
        alias,
        min(site_id) AS site_id
    FROM first_claim
    GROUP BY alias
    HAVING count(DISTINCT site_id) = 1
),

-- Several feeds may ask about one name: the last answer stands.
answered AS (
    SELECT
        answer.subject AS alias,
        max_by(registered.site_id, (answer.load_no, answer.line)) AS site_id
    FROM raw.name_answer AS answer
    INNER JOIN registered ON answer.answer = registered.alias
    ANTI JOIN registered AS settled ON answer.subject = settled.alias
    WHERE answer.kind = 'unknown_site' AND answer.outcome = 'accepted'
    GROUP BY answer.subject
)

SELECT
    alias,
    site_id
FROM registered
UNION ALL
SELECT
    alias,
    site_id
FROM answered
ORDER BY alias
