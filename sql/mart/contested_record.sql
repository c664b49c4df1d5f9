/*
description: >-
  Overload records that were contested, each as it stood when it was last contested, and whether it still says so. A
  contest changes no record: who asks for records joins this table. A later version of the ticket, or its cancellation,
  leaves the row standing.
grain: one row a record_id
period: none
columns:
  record_id: record of mart.overload_record, of now or of then
  contest_id: its newest contest, an open one before those that were ruled on
  contested_on: day of that contest
  contested_by: who contests it
  reason: what is said against it
  document_no: number of the paper the contest came with
  ruling: open, upheld (the record stands) or withdrawn (the record is taken back)
  ruled_on: day of the ruling
  is_open: whether a contest of the record waits for a ruling
  is_withdrawn: whether the newest contest ended with the record taken back
  contest_count: contests of the record
  frozen_build: build of the regulator edition the record was contested in
  frozen_data_through_on: last day the data of that edition spoke of
  frozen_verdict: verdict then; breached, exempt or undetermined
  frozen_weighed_at: when it was weighed, as the record said then
  frozen_site_id: site then
  frozen_plate: number plate then
  frozen_gross_kg: gross mass then, kg
  frozen_limit_kg: limit exceeded then, kg
  frozen_limit_basis: stated, highest_possible or unlisted_layout then
  frozen_over_kg: mass over the limit then, kg
  frozen_over_beyond_error_kg: of it beyond the scale's in-service error then, kg
  frozen_is_enforcement_usable: whether it could go to enforcement then
  frozen_snapshot_sha256: SHA-256 of the file of the ticket
  frozen_line: physical line of that file
  frozen: all that was known of the record then, as JSON
  state_now: same, changed, or gone (mart.overload_record holds it no more)
  changed_columns: columns of the record that say something else now; empty where it is the same or gone
  gone_reason: why it is gone; superseded (a later version of the ticket), voided (cancelled by the sender), or not_over (the ticket is no release over a limit now)
  snapshot_sha256: SHA-256 of the file the contest was written down in
  line: line of that file
*/
WITH newest AS (
    SELECT
        contest.*,
        bool_or(contest.is_open) OVER by_record AS has_open,
        count(*) OVER by_record AS contest_count,
        json_extract(contest.frozen, '$.record') AS record
    FROM staging.record_contest AS contest
    WINDOW by_record AS (PARTITION BY contest.record_id)
    QUALIFY row_number() OVER (
        PARTITION BY contest.record_id
        ORDER BY contest.is_open DESC, contest.contested_on DESC, len(contest.contest_id) DESC, contest.contest_id DESC
    ) = 1
),

record_now AS (
    SELECT
        overload.record_id,
        to_json(overload) AS record
    FROM mart.overload_record AS overload
    WHERE overload.record_id IN (SELECT newest.record_id FROM newest)
),

column_then AS (
    SELECT
        record_id,
        record,
        unnest(json_keys(record)) AS name
    FROM newest
),

-- What the record did not say then (a column of a later version of this program) is no change.
difference AS (
    SELECT
        record_now.record_id,
        list(column_then.name ORDER BY column_then.name) AS names
    FROM record_now
    INNER JOIN column_then ON record_now.record_id = column_then.record_id
    WHERE
        json_exists(record_now.record, '$.' || column_then.name)
        AND json_extract_string(record_now.record, '$.' || column_then.name)
        IS DISTINCT FROM json_extract_string(column_then.record, '$.' || column_then.name)
    GROUP BY record_now.record_id
),

-- A cancelling line is a version of its own, the newest one: what it cancels was superseded by it.
ended AS (
    SELECT
        version.ticket_id AS record_id,
        CASE WHEN bool_or(later.outcome = 'voided') THEN 'voided' ELSE version.outcome END AS outcome
    FROM staging.ticket_history AS version
    LEFT JOIN staging.ticket_history AS later
        ON
            version.site_id = later.site_id
            AND version.ticket_no = later.ticket_no
            AND version.plate IS NOT DISTINCT FROM later.plate
            AND version.ended_load_no <= later.load_no
            AND abs(version.weighed_on - later.weighed_on) <= 1
    WHERE version.ticket_id IN (SELECT newest.record_id FROM newest)
    GROUP BY version.ticket_id, version.outcome
)

SELECT
    newest.record_id,
    newest.contest_id,
    newest.contested_on,
    newest.contested_by,
    newest.reason,
    newest.document_no,
    newest.ruling,
    newest.ruled_on,
    newest.has_open AS is_open,
    newest.ruling = 'withdrawn' AS is_withdrawn,
    newest.contest_count,
    try_cast(json_extract_string(newest.frozen, '$.build') AS INTEGER) AS frozen_build,
    try_cast(json_extract_string(newest.frozen, '$.data_through_on') AS DATE) AS frozen_data_through_on,
    json_extract_string(newest.record, '$.verdict') AS frozen_verdict,
    try_cast(json_extract_string(newest.record, '$.weighed_at') AS TIMESTAMPTZ) AS frozen_weighed_at,
    json_extract_string(newest.record, '$.site_id') AS frozen_site_id,
    json_extract_string(newest.record, '$.plate') AS frozen_plate,
    try_cast(json_extract_string(newest.record, '$.gross_kg') AS DECIMAL(14, 3)) AS frozen_gross_kg,
    try_cast(json_extract_string(newest.record, '$.limit_kg') AS INTEGER) AS frozen_limit_kg,
    json_extract_string(newest.record, '$.limit_basis') AS frozen_limit_basis,
    try_cast(json_extract_string(newest.record, '$.over_kg') AS DECIMAL(14, 3)) AS frozen_over_kg,
    try_cast(json_extract_string(newest.record, '$.over_beyond_error_kg') AS DECIMAL(14, 3))
        AS frozen_over_beyond_error_kg,
    try_cast(json_extract_string(newest.record, '$.is_enforcement_usable') AS BOOLEAN) AS frozen_is_enforcement_usable,
    json_extract_string(newest.record, '$.snapshot_sha256') AS frozen_snapshot_sha256,
    try_cast(json_extract_string(newest.record, '$.line') AS BIGINT) AS frozen_line,
    newest.frozen,
    CASE
        WHEN record_now.record_id IS NULL THEN 'gone'
        WHEN difference.record_id IS NULL THEN 'same'
        ELSE 'changed'
    END AS state_now,
    coalesce(difference.names, []) AS changed_columns,
    CASE WHEN record_now.record_id IS NULL THEN coalesce(ended.outcome, 'not_over') END AS gone_reason,
    newest.snapshot_sha256,
    newest.line
FROM newest
LEFT JOIN record_now ON newest.record_id = record_now.record_id
LEFT JOIN difference ON newest.record_id = difference.record_id
LEFT JOIN ended ON newest.record_id = ended.record_id
ORDER BY newest.record_id
