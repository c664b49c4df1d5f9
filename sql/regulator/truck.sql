/*
description: >-
  Every release of a truck between two days, each with its overload record where there is one. `from` is a reserved
  word, so the days are called from_on and to_on; both are in. FROM truck('豫Q12345', '2026-01-01', '2026-06-30')
arguments:
  plate_no: number plate; blanks, dots and small letters do not matter
  from_on: first local day
  to_on: last local day
columns:
  record_id: ticket of the release, and the id of its overload record
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
  body: rigid or train
  drive_axle_count: drive axles
  is_reweighed: whether a lighter weighing followed before the truck left; then it is no release
  verdict: breached or undetermined; NULL where no record stands, because the mass was within every possible limit or the truck was weighed again
  limit_kg: limit that is exceeded, kg
  limit_basis: stated, highest_possible or unlisted_layout
  over_kg: mass over that limit, kg; a lower bound where the basis is highest_possible
  over_rate: over_kg by limit_kg
  band: band of the rate
  reason_code: why it is undetermined
  missing_field: fact that would settle it
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO truck(plate_no, from_on, to_on) AS TABLE
    SELECT
        weighing.ticket_id AS record_id,
        weighing.weighed_at,
        weighing.site_id,
        weighing.site_name,
        weighing.county_code,
        weighing.ticket_no,
        weighing.product_name,
        weighing.gross_kg,
        weighing.tare_kg,
        weighing.net_t,
        weighing.axle_count,
        weighing.body,
        weighing.drive_axle_count,
        weighing.is_reweighed,
        overload.verdict,
        overload.limit_kg,
        overload.limit_basis,
        overload.over_kg,
        overload.over_rate,
        overload.band,
        overload.reason_code,
        overload.missing_field,
        weighing.source,
        weighing.snapshot_sha256,
        weighing.line
    FROM mart.release AS weighing
    -- The plate and the days are said on both sides, so that each table is read in its days only.
    LEFT JOIN mart.overload_record AS overload
        ON
            weighing.ticket_id = overload.record_id
            AND overload.plate = upper(regexp_replace(plate_no, '[\s·・.]', '', 'g'))
            AND overload.weighed_on BETWEEN from_on::DATE AND to_on::DATE
    WHERE
        weighing.plate = upper(regexp_replace(plate_no, '[\s·・.]', '', 'g'))
        AND weighing.weighed_on BETWEEN from_on::DATE AND to_on::DATE
    ORDER BY weighing.weighed_at, weighing.ticket_id
