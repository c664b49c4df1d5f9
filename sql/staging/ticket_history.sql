/*
description: >-
  Versions of tickets that are not in force: replaced by a later version, or cancelled by the sender. Loads are named by
  their number; meta.load_account says when each ran.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  ticket_id: first 12 digits of the file's SHA-256 and the line, as in staging.weighbridge_ticket
  site_id: registered site, or the name on the ticket where the register does not know it
  site_name: site as the ticket names it
  county_code: county of the site; NULL where the site is not registered
  ticket_no: number on the ticket
  number_period: period within which the number is unique
  weighed_at: when the judged weight was taken
  weighed_on: local date of it
  week_start: Monday of its ISO week
  first_weighed_at: when the first of two weighings (usually tare) was taken
  received_at: when the platform received it
  plate: number plate, normalised
  product_id: product; NULL where the name is unknown
  product_name: product in the standards' words, or as the ticket names it
  direction: out, in or internal
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t; gross less tare where the ticket gives no net
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  is_void: whether this version cancels the ticket (作废); such a one was never in force
  outcome: superseded (a later version replaced it) or voided (it is the newest one and cancels the ticket)
  load_no: load that brought the version
  ended_load_no: load that brought the version after it; NULL for the newest
  suspect_codes: row rules that flag the row
  correction_ids: corrections that changed the row (expectations/corrections)
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    left(ticket.snapshot_sha256, 12) || '-' || ticket.line AS ticket_id,
    coalesce(alias.site_id, ticket.site_name) AS site_id,
    ticket.site_name,
    site.county_code,
    ticket.ticket_no,
    ticket.number_period,
    ticket.weighed_at,
    ticket.weighed_at::DATE AS weighed_on,
    date_trunc('week', ticket.weighed_at)::DATE AS week_start,
    ticket.first_weighed_at,
    ticket.received_at,
    ticket.plate,
    product.product_id,
    coalesce(product.product_name, ticket.product_name) AS product_name,
    ticket.direction,
    ticket.gross_kg,
    ticket.tare_kg,
    (coalesce(ticket.net_kg, ticket.gross_kg - ticket.tare_kg) / 1000)::DECIMAL(14, 3) AS net_t,
    ticket.axle_count,
    ticket.body,
    ticket.drive_axle_count,
    coalesce(ticket.is_void, FALSE) AS is_void,
    ticket.outcome,
    ticket.load_no,
    ticket.ended_load_no,
    ticket.suspect_codes,
    ticket.correction_ids,
    ticket.feed_source AS source,
    ticket.snapshot_sha256,
    ticket.line
FROM raw.weighbridge_ticket AS ticket
LEFT JOIN staging.site_alias AS alias ON ticket.site_name = alias.alias
LEFT JOIN staging.site AS site ON alias.site_id = site.site_id
LEFT JOIN staging.product_alias AS product_name ON ticket.product_name = product_name.alias
LEFT JOIN reference.product AS product ON product_name.product_id = product.product_id
WHERE ticket.outcome IN ('superseded', 'voided')
ORDER BY ticket.weighed_at, ticket.snapshot_sha256, ticket.line
