/*
description: Plates that reads named, and plates they were given.
grain: one row a (query_id, plate, how)
columns:
  query_id: the read, in access.query
  plate: plate in its normal form; a part or one with wildcards as it was written
  how: asked (the query names it) or read (what was handed out holds it)
*/
SELECT DISTINCT
    id AS query_id,
    unnest(plates_asked) AS plate,
    'asked' AS how
FROM log.line
WHERE event = 'started'

UNION ALL

SELECT DISTINCT
    id AS query_id,
    unnest(plates_read) AS plate,
    'read' AS how
FROM log.line
WHERE event = 'ended'
ORDER BY query_id, how, plate
