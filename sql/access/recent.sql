/*
description: Reads, the newest first, with what a data officer looks at; the answer of `sandwatch log` without a query.
grain: one row a query_id
columns:
  asked_at: when it was asked
  person: who asked
  channel: way in
  edition: what was read
  purpose: why; 未说明 where plates could be read and nothing was said
  outcome: ok, refused, failed, limit or unfinished
  row_count: rows handed out
  plates: the first plates asked for and read, with the number of all
  sql_text: what was asked, its first 200 signs
*/
WITH listed AS (
    SELECT
        query_id,
        list(DISTINCT plate ORDER BY plate) AS plates
    FROM access.plate
    GROUP BY query_id
)

SELECT
    date_trunc('second', query.asked_at) AS asked_at,
    query.person,
    query.channel,
    query.edition,
    CASE WHEN query.is_purpose_missing THEN '未说明' ELSE query.purpose END AS purpose,
    query.outcome,
    query.row_count,
    CASE
        WHEN len(listed.plates) > 3
            THEN array_to_string(listed.plates[1:3], ' ') || ' … ' || greatest(
                len(listed.plates), query.plates_asked_count, query.plates_read_count
            )
        ELSE array_to_string(listed.plates, ' ')
    END AS plates,
    left(query.sql_text, 200) AS sql_text
FROM access.query AS query
LEFT JOIN listed ON query.query_id = listed.query_id
ORDER BY query.asked_at DESC, query.file_name DESC, query.line DESC
