/*
description: >-
  One overload record with all its evidence: the ticket as it was sent, the file and line it stands on, the facts and the
  limits they leave, the scale, the legal text. FROM record('0123456789ab-42')
arguments:
  id: record_id of mart.overload_record (first 12 digits of the file's SHA-256 and the line)
columns:
  record_id: ticket of the release
  verdict: breached or undetermined
  reason_code: why it is undetermined
  missing_field: fact that would settle it
  plate: number plate
  weighed_at: when it was weighed
  site_id: site
  site_name: site as the ticket names it
  firm_name: firm that runs the site
  is_registered_site: whether the register knows the site
  county_code: county of the site
  county_name: county of the site
  ticket_no: number on the ticket
  product_name: product in words
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  limit_kg: limit that is exceeded, kg
  limit_basis: stated, highest_possible or unlisted_layout
  limit_low_kg: lowest limit the facts leave possible, kg
  limit_high_kg: highest limit the facts leave possible, kg
  over_kg: mass over the limit, kg
  over_rate: over_kg by limit_kg
  band: band of the rate
  first_weighed_at: when the first of two weighings (usually tare) was taken
  received_at: when the platform received the ticket
  direction: out
  is_direction_assumed: whether the direction is the source profile's default
  destination: destination as the ticket names it
  receiver: receiving firm
  operator: person who weighed
  scale_no: scale
  scale_max_kg: maximum of the site's scale, kg
  scale_division_kg: verification scale interval e of the site's scale, kg
  is_above_scale_max: whether gross is above that maximum
  is_off_division: whether gross is no multiple of that interval
  suspect_codes: row rules that flag the ticket
  heavier_ticket_ids: heavier weighings of the same load that this release followed
  document: text the limit rests on
  clause_source: where the limits stand, by policy.threshold
  document_confidence: P primary text read, S secondary copy, M not confirmed
  file_name: name the file came under
  source: source profile it was read with
  encoding: encoding it was read with
  load_no: running number of the load
  loaded_at: when it was loaded
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO record(id) AS TABLE
    -- The id is the beginning of the file's SHA-256 and the line: numbers are found faster than texts, and the weighing's
    -- day then narrows the ticket.
    WITH overload AS (
        SELECT *
        FROM mart.overload_record
        WHERE
            line = split_part(id, '-', 2)::BIGINT
            AND starts_with(snapshot_sha256, split_part(id, '-', 1))
            AND record_id = id
    ),

    ticket AS (
        SELECT *
        FROM staging.weighbridge_ticket
        WHERE
            line = split_part(id, '-', 2)::BIGINT
            AND starts_with(snapshot_sha256, split_part(id, '-', 1))
            AND ticket_id = id
    ),

    heavier AS (
        SELECT list(ticket_id ORDER BY weighed_at, ticket_id) AS ticket_ids
        FROM mart.overload_lead
        WHERE reweighed_ticket_id = id
    ),

    legal_text AS (
        SELECT
            document.title || '（' || document.number || '）' AS document,
            threshold.source AS clause_source,
            document.confidence
        FROM policy.threshold AS threshold
        LEFT JOIN policy.document AS document ON document.document_id = 'order62'
        WHERE threshold.rule = 'axle_limit' AND threshold.part = 'over_limit'
    )

    SELECT
        overload.record_id,
        overload.verdict,
        overload.reason_code,
        overload.missing_field,
        overload.plate,
        overload.weighed_at,
        overload.site_id,
        overload.site_name,
        overload.firm_name,
        overload.is_registered_site,
        overload.county_code,
        region.county_name,
        overload.ticket_no,
        overload.product_name,
        overload.gross_kg,
        ticket.tare_kg,
        ticket.net_t,
        overload.axle_count,
        overload.body,
        overload.drive_axle_count,
        overload.limit_kg,
        overload.limit_basis,
        overload.limit_low_kg,
        overload.limit_high_kg,
        overload.over_kg,
        overload.over_rate,
        overload.band,
        ticket.first_weighed_at,
        ticket.received_at,
        ticket.direction,
        overload.is_direction_assumed,
        ticket.destination,
        ticket.receiver,
        ticket.operator,
        ticket.scale_no,
        site.scale_max_kg,
        site.scale_division_kg,
        overload.is_above_scale_max,
        ticket.is_off_division,
        ticket.suspect_codes,
        heavier.ticket_ids AS heavier_ticket_ids,
        legal_text.document,
        legal_text.clause_source,
        legal_text.confidence AS document_confidence,
        account.file_name,
        overload.source,
        account.encoding,
        account.load_no,
        account.loaded_at,
        overload.snapshot_sha256,
        overload.line
    FROM overload
    LEFT JOIN ticket ON overload.record_id = ticket.ticket_id
    LEFT JOIN staging.site AS site ON overload.site_id = site.site_id
    LEFT JOIN reference.region AS region ON overload.county_code = region.county_code
    LEFT JOIN meta.load_account AS account
        ON overload.snapshot_sha256 = account.snapshot_sha256 AND account.feed = 'weighbridge_ticket'
    CROSS JOIN heavier
    LEFT JOIN legal_text ON TRUE
