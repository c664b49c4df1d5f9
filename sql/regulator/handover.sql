/*
description: >-
  Records fit to be handed to the enforcement authority between two days: breached by a limit that rests on stated facts,
  with plate, registered site and stated direction, weighed within the scale's range. A ticket proves loading and release,
  not driving on a road, and `lacking` says what the register does not hold yet. `from` is a reserved word, so the days
  are called from_on and to_on; both are in. FROM handover('2026-06-01', '2026-06-30')
arguments:
  from_on: first local day
  to_on: last local day
columns:
  record_id: ticket of the release; record(record_id) gives all its evidence
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
  body: rigid or train
  drive_axle_count: drive axles
  gross_kg: gross mass, kg
  limit_kg: limit, kg
  over_kg: mass over the limit, kg
  over_rate: over_kg by limit_kg
  band: band of the rate
  scale_max_kg: maximum of the site's scale, kg
  scale_division_kg: verification scale interval e of the site's scale, kg
  lapses_on: day after which the act is no longer penalised (limitation_years of rule repeat_overload)
  lacking: evidence that must be added before use, as codes; scale_certificate and scale_review are in no feed
  file_name: name the file came under
  source: source profile it was read with
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO handover(from_on, to_on) AS TABLE
    WITH figure AS (
        SELECT to_years(value::INTEGER) AS limitation
        FROM policy.parameter
        WHERE rule = 'repeat_overload' AND name = 'limitation_years'
    )

    SELECT
        overload.record_id,
        overload.plate,
        overload.weighed_at,
        overload.site_id,
        overload.site_name,
        overload.firm_name,
        overload.county_code,
        region.county_name,
        overload.ticket_no,
        overload.product_name,
        overload.axle_count,
        overload.body,
        overload.drive_axle_count,
        overload.gross_kg,
        overload.limit_kg,
        overload.over_kg,
        overload.over_rate,
        overload.band,
        site.scale_max_kg,
        site.scale_division_kg,
        (overload.weighed_on + figure.limitation)::DATE AS lapses_on,
        ['scale_certificate', 'scale_review']
        || CASE WHEN site.scale_max_kg IS NULL THEN ['scale_max'] ELSE [] END
        || CASE WHEN site.scale_division_kg IS NULL THEN ['scale_division'] ELSE [] END AS lacking,
        account.file_name,
        overload.source,
        overload.snapshot_sha256,
        overload.line
    FROM mart.overload_record AS overload
    CROSS JOIN figure
    LEFT JOIN staging.site AS site ON overload.site_id = site.site_id
    LEFT JOIN reference.region AS region ON overload.county_code = region.county_code
    LEFT JOIN meta.load_account AS account
        ON overload.snapshot_sha256 = account.snapshot_sha256 AND account.feed = 'weighbridge_ticket'
    WHERE
        overload.weighed_on BETWEEN from_on::DATE AND to_on::DATE
        AND overload.verdict = 'breached'
        AND overload.limit_basis = 'stated'
        AND overload.plate IS NOT NULL
        AND overload.is_registered_site
        AND NOT overload.is_direction_assumed
        AND NOT coalesce(overload.is_above_scale_max, FALSE)
    ORDER BY overload.weighed_at, overload.record_id
