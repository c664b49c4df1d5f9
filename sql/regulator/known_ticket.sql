/*
description: >-
  Tickets as they were known at a moment: the versions that loads up to then had brought and none up to then had
  replaced or cancelled. Sites and products carry the names of today's register.
arguments:
  as_of: moment, as TIMESTAMPTZ '2026-11-16 09:00:00+08'; what a load brought is known from the time it ran
columns:
  ticket_id: first 12 digits of the file's SHA-256 and the line
  site_id: registered site, or the name on the ticket where the register does not know it
  site_name: site as the ticket names it
  county_code: county of the site; NULL where the site is not registered
  ticket_no: number on the ticket
  number_period: period within which the number is unique
  weighed_at: when the judged weight was taken
  weighed_on: local date of it
  week_start: Monday of its ISO week
  first_weighed_at: when the first of two weighings (usually tare) was taken
  received_at: when the platform received it, if the sender says so
  plate: number plate, normalised
  product_id: product; NULL where the name is unknown
  product_name: product in the standards' words, or as the ticket names it
  direction: out, in or internal
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
  load_no: load that brought the version
  known_at: when that load ran
  replaced_at: when the load ran that replaced it, after as_of; NULL where it is in force still
*/
CREATE OR REPLACE MACRO overload.known_ticket(as_of) AS TABLE
    WITH version AS (
        SELECT
            ticket_id,
            site_id,
            site_name,
            county_code,
            ticket_no,
            number_period,
            weighed_at,
            weighed_on,
            week_start,
            first_weighed_at,
            received_at,
            plate,
            product_id,
            product_name,
            direction,
            gross_kg,
            tare_kg,
            net_t,
            axle_count,
            body,
            drive_axle_count,
            source,
            snapshot_sha256,
            line,
            load_no
        FROM staging.weighbridge_ticket
        UNION ALL BY NAME
        SELECT
            ticket_id,
            site_id,
            site_name,
            county_code,
            ticket_no,
            number_period,
            weighed_at,
            weighed_on,
            week_start,
            first_weighed_at,
            received_at,
            plate,
            product_id,
            product_name,
            direction,
            gross_kg,
            tare_kg,
            net_t,
            axle_count,
            body,
            drive_axle_count,
            source,
            snapshot_sha256,
            line,
            load_no,
            ended_load_no
        FROM staging.ticket_history
        -- A version that cancels the ticket was never in force; it only ended the one before it.
        WHERE outcome = 'superseded' AND NOT is_void
    ),

    known_load AS (
        SELECT
            load_no,
            loaded_at
        FROM meta.load_account
        WHERE loaded_at <= as_of
    ),

    later_load AS (
        SELECT
            load_no,
            loaded_at
        FROM meta.load_account
        WHERE loaded_at > as_of
    ),

    waiting AS (
        -- A version without a net mass whose next one has it was waiting for its second weighing: not in force yet.
        SELECT version.ticket_id
        FROM version
        INNER JOIN version AS completed
            ON
                version.ended_load_no = completed.load_no
                AND version.site_name = completed.site_name
                AND version.ticket_no = completed.ticket_no
                AND version.number_period = completed.number_period
                AND version.plate IS NOT DISTINCT FROM completed.plate
        WHERE version.net_t IS NULL AND completed.net_t IS NOT NULL
    ),

    known AS (
        SELECT
            version.*,
            known_load.loaded_at AS known_at,
            later_load.loaded_at AS replaced_at
        FROM version
        INNER JOIN known_load ON version.load_no = known_load.load_no
        LEFT JOIN later_load ON version.ended_load_no = later_load.load_no
        ANTI JOIN waiting ON version.ticket_id = waiting.ticket_id
        WHERE version.ended_load_no IS NULL OR later_load.load_no IS NOT NULL
    )

    SELECT * EXCLUDE (ended_load_no)
    FROM known
