/*
description: >-
  Releases over the limit between two days that may not be handed over, and what stands in the way of each.
  FROM overload.handover_lacking('2026-06-01', '2026-06-30')
arguments:
  from_on: first local day
  to_on: last local day
columns:
  record_id: ticket of the release
  plate: number plate
  plate_doubt: why the plate may not be this vehicle's; such a release accuses no truck
  weighed_at: when it was weighed
  site_id: site that released it
  site_name: site as the ticket names it
  county_code: county
  gross_kg: gross mass, kg
  limit_kg: limit, kg
  limit_basis: stated, highest_possible or unlisted_layout
  over_kg: mass over the limit, kg
  over_beyond_error_kg: over_kg less the scale's in-service error, kg, not below 0
  lacking: what stands in the way, as codes; unusable_reasons of mart.overload_record, and contested or withdrawn
  lapses_on: last day on which the act can be penalised
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO overload.handover_lacking(from_on, to_on) AS TABLE
    WITH breach AS (
        SELECT
            overload_record.*,
            coalesce(overload_record.unusable_reasons, [])
            || CASE WHEN contested.is_open THEN ['contested'] ELSE [] END
            || CASE WHEN contested.ruling = 'withdrawn' THEN ['withdrawn'] ELSE [] END AS lacking
        FROM mart.overload_record
        LEFT JOIN mart.contested_record AS contested ON overload_record.record_id = contested.record_id
        WHERE
            overload_record.weighed_on BETWEEN from_on::DATE AND to_on::DATE
            AND overload_record.verdict = 'breached'
    )

    SELECT
        record_id,
        plate,
        plate_doubt,
        weighed_at,
        site_id,
        site_name,
        county_code,
        gross_kg,
        limit_kg,
        limit_basis,
        over_kg,
        over_beyond_error_kg,
        lacking,
        lapses_on,
        snapshot_sha256,
        line
    FROM breach
    WHERE len(lacking) > 0
    ORDER BY weighed_at, record_id
