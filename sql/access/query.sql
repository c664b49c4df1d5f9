/*
description: Every read that went through the access log, what it asked and what it was given.
grain: one row a query_id
columns:
  query_id: number of the read, drawn by lot
  asked_at: when it was asked
  ended_at: when its answer was ready; NULL where its process ended first
  person: who asked, as the way in knows the person (SANDWATCH_ACTOR, or the token's owner)
  account: account of the machine the reading process ran under
  channel: "way in: sql, serve, evidence, report, why, log; NULL in lines of earlier versions"
  edition: regulator or public; access_log where the log itself was read
  build: build of the edition
  purpose: why, as the asker said
  is_purpose_missing: whether plates could be read and no purpose was given
  sql_text: what was asked
  outcome: ok, refused, failed, limit; unfinished where its process ended first
  row_count: rows handed out
  duration_ms: time it took, ms
  message: what else the asker was told
  plates_asked_count: plates, and parts of plates, that the query names
  plates_read_count: plates in what was handed out, NULL in lines of earlier versions
  is_plate_list_cut: whether there were more plates than the log lists
  file_name: file of the log
  line: line of that file where the read began
*/
WITH started AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY id ORDER BY file_name, line) AS place
    FROM log.line
    WHERE event = 'started'
),

ended AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY id ORDER BY file_name, line) AS place
    FROM log.line
    WHERE event = 'ended'
)

SELECT
    started.id AS query_id,
    started.written_at AS asked_at,
    ended.written_at AS ended_at,
    started.actor AS person,
    started.account,
    started.channel,
    started.edition,
    started.build,
    started.purpose,
    coalesce(started.is_purpose_missing, started.edition <> 'public' AND trim(started.purpose) = '')
        AS is_purpose_missing,
    started.sql AS sql_text,
    coalesce(ended.outcome, 'unfinished') AS outcome,
    ended.row_count,
    ended.duration_ms,
    ended.message,
    started.plates_asked_count,
    ended.plates_read_count,
    coalesce(started.plates_asked_count > len(started.plates_asked), FALSE)
    OR coalesce(ended.plates_read_count > len(ended.plates_read), FALSE) AS is_plate_list_cut,
    started.file_name,
    started.line
FROM started
LEFT JOIN ended ON started.id = ended.id AND ended.place = 1
WHERE started.place = 1
ORDER BY asked_at, started.file_name, started.line
