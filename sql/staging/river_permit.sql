/*
description: >-
  Permits for sand extraction in force, with period, hours and amount. Hours that end before they begin run overnight;
  24:00 is midnight at the day's end. Without hours the permit sets none.
grain: one row a (permit_no, valid_from)
period: none
columns:
  permit_no: number of the permit
  zone: zone in which it allows extraction
  holder_name: firm that holds it
  site_id: registered site that weighs the sand, or its name where the register does not know it
  valid_from: first day of the period
  valid_until: last day of the period
  hours_from: time of day from which work is allowed; NULL where none is set
  hours_until: time of day until which it is allowed; before hours_from it is the next day's
  permitted_t: amount permitted for the period, t
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
-- A workbook keeps a time of day as a fraction of the day, and 24:00 as a whole one.
WITH plain AS (
    SELECT
        *,
        replace(
            translate(hours_from, '０１２３４５６７８９：时点分', '0123456789:::'), '1 day, 0:00:00', '24:00'
        ) AS from_text,
        replace(
            translate(hours_until, '０１２３４５６７８９：时点分', '0123456789:::'), '1 day, 0:00:00', '24:00'
        ) AS until_text
    FROM raw.river_permit
    WHERE outcome = 'accepted'
),

-- A span stands in one cell, its end then in no other.
ends AS (
    SELECT
        *,
        regexp_split_to_array(from_text, '[-–—~～至到]') AS span
    FROM plain
),

clock AS (
    SELECT
        *,
        regexp_extract(span[1], '(\d{1,2}):(\d{0,2})', ['hour', 'minute']) AS start,
        regexp_extract(coalesce(until_text, span[2]), '(\d{1,2}):(\d{0,2})', ['hour', 'minute']) AS finish,
        to_seconds(round(86400 * try_cast(span[1] AS DOUBLE))) AS start_after,
        to_seconds(round(86400 * try_cast(coalesce(until_text, span[2]) AS DOUBLE))) AS finish_after
    FROM ends
)

SELECT
    permit.permit_no,
    permit.zone,
    permit.holder_name,
    coalesce(alias.site_id, permit.site_name) AS site_id,
    permit.valid_from,
    permit.valid_until,
    coalesce(
        try_cast(permit.start.hour || ':' || coalesce(nullif(permit.start.minute, ''), '00') || ':00' AS TIME),
        TIME '00:00:00' + permit.start_after
    ) AS hours_from,
    coalesce(
        try_cast(permit.finish.hour || ':' || coalesce(nullif(permit.finish.minute, ''), '00') || ':00' AS TIME),
        TIME '00:00:00' + permit.finish_after
    ) AS hours_until,
    permit.permitted_t,
    permit.snapshot_sha256,
    permit.line
FROM clock AS permit
LEFT JOIN staging.site_alias AS alias ON permit.site_name = alias.alias
ORDER BY permit.permit_no, permit.valid_from
