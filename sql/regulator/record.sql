/*
description: >-
  One overload record with all its evidence: the ticket as it was sent, the file and line it stands on, the facts and the
  limits they leave, the scale, the legal text. FROM overload.record('0123456789ab-42')
arguments:
  id: record_id of mart.overload_record (first 12 digits of the file's SHA-256 and the line)
columns:
  record_id: ticket of the release
  verdict: breached, exempt or undetermined
  reason_code: why it is exempt or undetermined
  missing_field: fact that would settle it
  plate: number plate
  plate_doubt: why the plate may not be this vehicle's (impossible_trip, cloned, register_mismatch); then only the site is meant
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
  axle_count_source: ticket or register
  body: rigid or train
  body_source: ticket or register
  drive_axle_count: drive axles
  drive_axle_count_source: ticket or register
  is_single_tyre: whether the register states single tyres; NULL counts as dual
  exemption: exemption of order 62 art. 3 with evidence (gb1589_train, air_suspension, special_vehicle)
  exemption_doubt: why an exemption may apply that is not proved (plate_doubt, body)
  carrier_uscc: unified social credit code of the registered carrier
  carrier_name: registered carrier
  vehicle_snapshot_sha256: file of the vehicle register's row
  vehicle_line: line of that file
  limit_kg: limit that is exceeded, kg
  limit_basis: stated, highest_possible or unlisted_layout
  limit_low_kg: lowest limit the facts leave possible, kg
  limit_high_kg: highest limit the facts leave possible, kg
  over_kg: mass over the limit, kg
  over_rate: over_kg by limit_kg
  band: band of the rate
  max_error_kg: largest error of a scale in service at that mass, kg
  error_basis: where its scale interval comes from; scale, site_register or assumed
  over_beyond_error_kg: over_kg less max_error_kg, kg, not below 0
  is_over_55t: whether gross reaches 55 t (practice, not law)
  is_over_100t: whether gross reaches 100 t (百吨王; practice, not law)
  is_within_expressway_tolerance: whether gross is within 105 % of the limit, which expressway entries hold not over for now
  reference_kind: warning or amount, by order 62 art. 43
  reference_amount_yuan: 参考金额, yuan; a reference, never a fine
  reference_text: the two in words, 参考金额 or 参考 first
  is_enforcement_usable: whether a breach may go to enforcement as it stands; false is no acquittal
  unusable_reasons: why not, as codes
  is_contested: whether somebody contests the record and nobody has ruled
  contest_ruling: open, upheld (the record stands) or withdrawn (taken back); NULL where nobody contested it
  contested_on: day it was contested
  decision_nos: penalty decisions on the plate for that day; empty where none is known or the plate is in doubt
  lapses_on: last day on which the act can be penalised
  first_weighed_at: when the first of two weighings (usually tare) was taken
  received_at: when the platform received the ticket
  direction: out
  is_direction_assumed: whether the direction is the source profile's default
  destination: destination as the ticket names it
  receiver: receiving firm
  operator: person who weighed
  scale_no: scale
  certificate_no: certificate of that scale in force when it weighed
  certificate_valid_until: last day of that certificate
  scale_max_kg: maximum of the scale, kg
  scale_division_kg: verification scale interval e that max_error_kg rests on, kg
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
CREATE OR REPLACE MACRO overload.record(id) AS TABLE
    -- The id is the beginning of the file's SHA-256 and the line: numbers are found faster than texts, and the weighing's
    -- day then narrows the ticket.
    WITH breach AS (
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

    decided AS (
        SELECT coalesce(list(established.decision_no ORDER BY established.decision_no), []) AS decision_nos
        FROM mart.established_case AS established
        INNER JOIN breach
            ON
                established.plate = breach.plate
                AND established.act_on = breach.weighed_on
                AND breach.plate_doubt IS NULL
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
        breach.record_id,
        breach.verdict,
        breach.reason_code,
        breach.missing_field,
        breach.plate,
        breach.plate_doubt,
        breach.weighed_at,
        breach.site_id,
        breach.site_name,
        breach.firm_name,
        breach.is_registered_site,
        breach.county_code,
        region.county_name,
        breach.ticket_no,
        breach.product_name,
        breach.gross_kg,
        ticket.tare_kg,
        ticket.net_t,
        breach.axle_count,
        breach.axle_count_source,
        breach.body,
        breach.body_source,
        breach.drive_axle_count,
        breach.drive_axle_count_source,
        breach.is_single_tyre,
        breach.exemption,
        breach.exemption_doubt,
        breach.carrier_uscc,
        breach.carrier_name,
        breach.vehicle_snapshot_sha256,
        breach.vehicle_line,
        breach.limit_kg,
        breach.limit_basis,
        breach.limit_low_kg,
        breach.limit_high_kg,
        breach.over_kg,
        breach.over_rate,
        breach.band,
        breach.max_error_kg,
        breach.error_basis,
        breach.over_beyond_error_kg,
        breach.is_over_55t,
        breach.is_over_100t,
        breach.is_within_expressway_tolerance,
        breach.reference_kind,
        breach.reference_amount_yuan,
        overload.reference_text(breach.reference_kind, breach.reference_amount_yuan) AS reference_text,
        breach.is_enforcement_usable,
        breach.unusable_reasons,
        coalesce(contested.is_open, FALSE) AS is_contested,
        contested.ruling AS contest_ruling,
        contested.contested_on,
        decided.decision_nos,
        breach.lapses_on,
        ticket.first_weighed_at,
        ticket.received_at,
        ticket.direction,
        breach.is_direction_assumed,
        ticket.destination,
        ticket.receiver,
        ticket.operator,
        breach.scale_no,
        breach.certificate_no,
        breach.certificate_valid_until,
        breach.scale_max_kg,
        breach.scale_division_kg,
        breach.is_above_scale_max,
        ticket.is_off_division,
        ticket.suspect_codes,
        heavier.ticket_ids AS heavier_ticket_ids,
        legal_text.document,
        legal_text.clause_source,
        legal_text.confidence AS document_confidence,
        account.file_name,
        breach.source,
        account.encoding,
        account.load_no,
        account.loaded_at,
        breach.snapshot_sha256,
        breach.line
    FROM breach
    LEFT JOIN ticket ON breach.record_id = ticket.ticket_id
    LEFT JOIN mart.contested_record AS contested ON breach.record_id = contested.record_id
    LEFT JOIN reference.region AS region ON breach.county_code = region.county_code
    LEFT JOIN meta.load_account AS account
        ON breach.snapshot_sha256 = account.snapshot_sha256 AND account.feed = 'weighbridge_ticket'
    CROSS JOIN heavier
    CROSS JOIN decided
    LEFT JOIN legal_text ON TRUE
