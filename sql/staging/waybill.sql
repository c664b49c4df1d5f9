/*
description: >-
  Forms of sand haulage (五联单) in their newest version, cancelled ones among them, with site, county and product
  resolved. A number that was used more than once has a row for each use.
grain: one row a waybill_id
period: week_start
lookback: 0
columns:
  waybill_id: first 12 digits of the file's SHA-256 and the line
  form_no: number on the form; one that stands on several rows was used several times
  kind: river or mine
  permit_no: permit the material was extracted under
  zone: extraction zone
  issuer: who issued the form
  product_id: product; NULL where the name is unknown
  product_name: product in the standards' words, or as the form names it
  plate: number plate, normalised
  carrier_name: carrier as the form names it
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t; gross less tare where the form gives no net
  ticket_no: number of the weighing ticket the form names
  issued_at: when it was issued
  issued_on: local date of it
  week_start: Monday of its ISO week
  valid_until: until when it allows transport
  site_id: registered site of origin, or the name on the form where the register does not know it
  site_name: site of origin as the form names it
  county_code: county of the site; NULL where the site is not registered
  destination: where the load goes, as the form names it
  receiver: who receives the load
  copy_1_state: state of copy 1; issued, returned or lost
  copy_2_state: state of copy 2; issued, returned or lost
  copy_3_state: state of copy 3; issued, returned or lost
  copy_4_state: state of copy 4; issued, returned or lost
  copy_5_state: state of copy 5; issued, returned or lost
  is_void: whether the form was cancelled
  void_reason: why it was cancelled
  parent_form_no: form that it replaces or divides
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    left(waybill.snapshot_sha256, 12) || '-' || waybill.line AS waybill_id,
    waybill.form_no,
    waybill.kind,
    waybill.permit_no,
    waybill.zone,
    waybill.issuer,
    product.product_id,
    coalesce(product.product_name, waybill.product_name) AS product_name,
    waybill.plate,
    waybill.carrier_name,
    waybill.gross_kg,
    waybill.tare_kg,
    (coalesce(waybill.net_kg, waybill.gross_kg - waybill.tare_kg) / 1000)::DECIMAL(14, 3) AS net_t,
    waybill.ticket_no,
    waybill.issued_at,
    waybill.issued_at::DATE AS issued_on,
    date_trunc('week', waybill.issued_at)::DATE AS week_start,
    waybill.valid_until,
    coalesce(alias.site_id, waybill.site_name) AS site_id,
    waybill.site_name,
    site.county_code,
    waybill.destination,
    waybill.receiver,
    waybill.copy_1_state,
    waybill.copy_2_state,
    waybill.copy_3_state,
    waybill.copy_4_state,
    waybill.copy_5_state,
    coalesce(waybill.is_void, FALSE) AS is_void,
    waybill.void_reason,
    waybill.parent_form_no,
    waybill.feed_source AS source,
    waybill.snapshot_sha256,
    waybill.line
FROM raw.waybill AS waybill
LEFT JOIN staging.site_alias AS alias ON waybill.site_name = alias.alias
LEFT JOIN staging.site AS site ON alias.site_id = site.site_id
LEFT JOIN staging.product_alias AS product_name ON waybill.product_name = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
WHERE waybill.outcome IN ('accepted', 'voided')
ORDER BY waybill.issued_at, waybill.snapshot_sha256, waybill.line
