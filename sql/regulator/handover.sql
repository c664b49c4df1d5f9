/*
description: >-
  Releases over the limit that may be handed to the enforcement authority (抄告) between two days: usable for enforcement as
  they stand (plate, register, direction, scale, certificate, review, published place, more over than the scale may err),
  plate not in doubt, and neither contested without a ruling nor taken back. A ticket proves loading and release, not
  driving on a road. What is over and not here is in overload.handover_lacking.
  FROM overload.handover('2026-06-01', '2026-06-30')
arguments:
  from_on: first local day
  to_on: last local day
columns:
  record_id: ticket of the release; overload.record(record_id) gives all its evidence
  plate: number plate
  weighed_at: when it was weighed
  site_id: site that released it
  site_name: site as the ticket names it
  firm_name: firm that runs it
  county_code: county
  county_name: county
  ticket_no: number on the ticket
  product_name: product in words
  axle_count: axles
  axle_count_source: ticket or register
  body: rigid or train
  body_source: ticket or register
  drive_axle_count: drive axles
  drive_axle_count_source: ticket or register
  is_single_tyre: whether the register states single tyres; NULL counts as dual
  exemption: exemption of order 62 art. 3; of what is handed over none
  gross_kg: gross mass, kg
  limit_kg: limit, kg
  limit_basis: stated, highest_possible (over_kg is then a lower bound) or unlisted_layout
  over_kg: mass over the limit, kg
  max_error_kg: largest error of a scale in service at that mass, kg
  error_basis: where its scale interval comes from; scale, site_register or assumed
  over_beyond_error_kg: over_kg less max_error_kg, kg
  over_rate: over_kg by limit_kg
  band: band of the rate
  is_over_55t: whether gross reaches 55 t (practice, not law)
  is_over_100t: whether gross reaches 100 t (百吨王; practice, not law)
  is_within_expressway_tolerance: whether gross is within 105 % of the limit, which expressway entries hold not over for now
  reference_kind: warning or amount, by order 62 art. 43
  reference_amount_yuan: 参考金额, yuan; a reference, never a fine
  reference_text: the two in words, 参考金额 or 参考 first
  is_enforcement_usable: whether it may go to enforcement as it stands; here always
  unusable_reasons: why not; here none
  is_contested: whether somebody contests the record and nobody has ruled; here never
  contest_ruling: upheld where a contest was turned down; NULL where nobody contested it
  contested_on: day it was contested
  carrier_uscc: unified social credit code of the registered carrier
  carrier_name: registered carrier
  scale_no: scale
  certificate_no: certificate of that scale in force when it weighed
  certificate_valid_until: last day of that certificate
  scale_max_kg: maximum of the scale, kg
  scale_division_kg: verification scale interval e, kg
  lapses_on: last day on which the act can be penalised (limitation_years of rule repeat_overload)
  file_name: name the file came under
  source: source profile it was read with
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO overload.handover(from_on, to_on) AS TABLE
    SELECT
        breach.record_id,
        breach.plate,
        breach.weighed_at,
        breach.site_id,
        breach.site_name,
        breach.firm_name,
        breach.county_code,
        region.county_name,
        breach.ticket_no,
        breach.product_name,
        breach.axle_count,
        breach.axle_count_source,
        breach.body,
        breach.body_source,
        breach.drive_axle_count,
        breach.drive_axle_count_source,
        breach.is_single_tyre,
        breach.exemption,
        breach.gross_kg,
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
        breach.carrier_uscc,
        breach.carrier_name,
        breach.scale_no,
        breach.certificate_no,
        breach.certificate_valid_until,
        breach.scale_max_kg,
        breach.scale_division_kg,
        breach.lapses_on,
        account.file_name,
        breach.source,
        breach.snapshot_sha256,
        breach.line
    FROM mart.overload_record AS breach
    LEFT JOIN mart.contested_record AS contested ON breach.record_id = contested.record_id
    LEFT JOIN reference.region AS region ON breach.county_code = region.county_code
    LEFT JOIN meta.load_account AS account
        ON breach.snapshot_sha256 = account.snapshot_sha256 AND account.feed = 'weighbridge_ticket'
    WHERE
        breach.weighed_on BETWEEN from_on::DATE AND to_on::DATE
        AND breach.verdict = 'breached'
        AND breach.is_enforcement_usable
        AND breach.plate IS NOT NULL
        AND breach.plate_doubt IS NULL
        AND NOT coalesce(contested.is_open, FALSE)
        AND NOT coalesce(contested.ruling = 'withdrawn', FALSE)
    ORDER BY breach.weighed_at, breach.record_id
