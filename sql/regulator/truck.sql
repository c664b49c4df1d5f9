/*
description: >-
  Every release under a plate between two days, each with its overload record where there is one. `from` is a reserved
  word, so the days are called from_on and to_on; both are in. A release whose plate is in doubt is shown and flagged: it
  says something of the site, nothing of this truck. FROM overload.truck('豫Q12345', '2026-01-01', '2026-06-30')
arguments:
  plate_no: number plate; full width, blanks, dots and small letters do not matter (overload.find_plate knows more)
  from_on: first local day
  to_on: last local day
columns:
  record_id: ticket of the release, and the id of its overload record
  plate: number plate as the feeds keep it
  plate_doubt: why the plate may not be this truck's (impossible_trip, cloned, register_mismatch); NULL where nothing says so
  is_attributed: whether the release counts for this truck, because its plate is not in doubt
  weighed_at: when it was weighed
  site_id: site
  site_name: site as the ticket names it
  county_code: county of the site
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
  is_reweighed: whether a lighter weighing followed before the truck left; then it is no release
  verdict: breached, exempt or undetermined; NULL where no record stands, because the mass was within every possible limit or the truck was weighed again
  limit_kg: limit that is exceeded, kg
  limit_basis: stated, highest_possible or unlisted_layout
  over_kg: mass over that limit, kg; a lower bound where the basis is highest_possible
  max_error_kg: largest error of a scale in service at that mass, kg
  error_basis: where its scale interval comes from; scale, site_register or assumed
  over_beyond_error_kg: over_kg less max_error_kg, kg, not below 0
  over_rate: over_kg by limit_kg
  band: band of the rate
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
  reason_code: why it is exempt or undetermined
  missing_field: fact that would settle it
  carrier_uscc: unified social credit code of the registered carrier
  carrier_name: registered carrier
  lapses_on: last day on which the act can be penalised
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO overload.truck(plate_no, from_on, to_on) AS TABLE
    SELECT
        weighing.ticket_id AS record_id,
        weighing.plate,
        vehicle.plate_doubt,
        vehicle.ticket_id IS NOT NULL AND vehicle.plate_doubt IS NULL AS is_attributed,
        weighing.weighed_at,
        weighing.site_id,
        weighing.site_name,
        weighing.county_code,
        weighing.ticket_no,
        weighing.product_name,
        weighing.gross_kg,
        weighing.tare_kg,
        weighing.net_t,
        coalesce(vehicle.axle_count, weighing.axle_count) AS axle_count,
        vehicle.axle_count_source,
        coalesce(vehicle.body, weighing.body) AS body,
        vehicle.body_source,
        coalesce(vehicle.drive_axle_count, weighing.drive_axle_count) AS drive_axle_count,
        vehicle.drive_axle_count_source,
        vehicle.is_single_tyre,
        vehicle.exemption,
        weighing.is_reweighed,
        breach.verdict,
        breach.limit_kg,
        breach.limit_basis,
        breach.over_kg,
        breach.max_error_kg,
        breach.error_basis,
        breach.over_beyond_error_kg,
        breach.over_rate,
        breach.band,
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
        breach.reason_code,
        breach.missing_field,
        vehicle.carrier_uscc,
        vehicle.carrier_name,
        breach.lapses_on,
        weighing.source,
        weighing.snapshot_sha256,
        weighing.line
    FROM mart.release AS weighing
    -- The plate and the days are said of each table, so that each is read in its days only.
    LEFT JOIN mart.release_vehicle AS vehicle
        ON
            weighing.ticket_id = vehicle.ticket_id
            AND vehicle.plate = overload.plate_text(plate_no)
            AND vehicle.weighed_on BETWEEN from_on::DATE AND to_on::DATE
    LEFT JOIN mart.overload_record AS breach
        ON
            weighing.ticket_id = breach.record_id
            AND breach.plate = overload.plate_text(plate_no)
            AND breach.weighed_on BETWEEN from_on::DATE AND to_on::DATE
    LEFT JOIN mart.contested_record AS contested ON weighing.ticket_id = contested.record_id
    WHERE
        weighing.plate = overload.plate_text(plate_no)
        AND weighing.weighed_on BETWEEN from_on::DATE AND to_on::DATE
    ORDER BY weighing.weighed_at, weighing.ticket_id
