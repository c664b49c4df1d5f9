/*
description: Gross mass of every release against the limits that its known facts leave possible (interval rule).
grain: one row a (subject_id, part), a release
period: week_start
lookback: 0
columns:
  subject_id: ticket of the release
  subject_name: plate
  county_code: county of the site
  part: over_limit
  judged_on: local date of the weighing
  week_start: Monday of its ISO week
  value_low: gross less the highest possible limit, kg
  value_high: gross less the lowest possible limit, kg
  base: 1
  exempt_reason: exempted_by_text where the register proves an exemption
  undetermined_reason: gross_missing for a net-only ticket
  breached_reason: never set here
  doubt_reason: exemption_open where an exemption may apply that is not proved
  missing_field: fact that would settle it, where gross lies between two limits
  limit_low_kg: lowest possible limit, kg
  limit_high_kg: highest possible limit, kg
  limit_count: number of possible limits
  is_layout_unlisted: whether the stated facts fit no listed layout, so that all limits count as possible
  gross_kg: gross mass, kg
  snapshot_sha256: file of the ticket
  line: line of that file
*/
WITH single_tyre AS (
    SELECT value AS reduction_kg
    FROM policy.parameter
    WHERE rule = 'axle_limit' AND name = 'single_tyre_reduction_kg'
),

layout AS (
    SELECT DISTINCT
        axle_count,
        body,
        drive_axle_count
    FROM mart.release_vehicle
),

layout_limit AS (
    SELECT
        layout.axle_count,
        layout.body,
        layout.drive_axle_count,
        min(gross_limit.limit_kg) AS limit_low_kg,
        max(gross_limit.limit_kg) AS limit_high_kg,
        count(DISTINCT gross_limit.limit_kg) AS limit_count
    FROM layout
    LEFT JOIN policy.axle_limit_gross_limit AS gross_limit
        ON
            coalesce(layout.axle_count BETWEEN gross_limit.axle_count_from AND gross_limit.axle_count_to, TRUE)
            AND coalesce(layout.body = gross_limit.body, TRUE)
            AND coalesce(
                layout.drive_axle_count BETWEEN gross_limit.drive_axle_count_from AND gross_limit.drive_axle_count_to,
                TRUE
            )
    GROUP BY layout.axle_count, layout.body, layout.drive_axle_count
),

any_limit AS (
    SELECT
        min(limit_kg) AS limit_low_kg,
        max(limit_kg) AS limit_high_kg,
        count(DISTINCT limit_kg) AS limit_count
    FROM policy.axle_limit_gross_limit
),

limited AS (
    SELECT
        vehicle.*,
        layout_limit.limit_count = 0 AS is_layout_unlisted,
        CASE WHEN layout_limit.limit_count = 0 THEN any_limit.limit_count ELSE layout_limit.limit_count END
            AS limit_count,
        -- Tyres that are not stated count as dual.
        (
            coalesce(layout_limit.limit_low_kg, any_limit.limit_low_kg)
            - CASE WHEN vehicle.is_single_tyre THEN single_tyre.reduction_kg ELSE 0 END
        )::INTEGER AS limit_low_kg,
        (
            coalesce(layout_limit.limit_high_kg, any_limit.limit_high_kg)
            - CASE WHEN vehicle.is_single_tyre THEN single_tyre.reduction_kg ELSE 0 END
        )::INTEGER AS limit_high_kg
    FROM mart.release_vehicle AS vehicle
    LEFT JOIN layout_limit
        ON
            vehicle.axle_count IS NOT DISTINCT FROM layout_limit.axle_count
            AND vehicle.body IS NOT DISTINCT FROM layout_limit.body
            AND vehicle.drive_axle_count IS NOT DISTINCT FROM layout_limit.drive_axle_count
    CROSS JOIN any_limit
    CROSS JOIN single_tyre
)

SELECT
    ticket_id AS subject_id,
    plate AS subject_name,
    county_code,
    'over_limit' AS part,
    weighed_on AS judged_on,
    week_start,
    gross_kg - limit_high_kg AS value_low,
    gross_kg - limit_low_kg AS value_high,
    1 AS base,
    CASE WHEN exemption IS NOT NULL THEN 'exempted_by_text' END AS exempt_reason,
    CASE WHEN gross_kg IS NULL THEN 'gross_missing' END AS undetermined_reason,
    NULL::VARCHAR AS breached_reason,
    CASE WHEN exemption_doubt IS NOT NULL THEN 'exemption_open' END AS doubt_reason,
    CASE
        WHEN gross_kg IS NULL THEN 'gross_kg'
        WHEN exemption_doubt = 'body' AND gross_kg > limit_high_kg THEN 'body'
        WHEN exemption_doubt = 'plate_doubt' AND gross_kg > limit_high_kg THEN 'plate'
        WHEN is_layout_unlisted THEN 'layout'
        WHEN axle_count IS NULL THEN 'axle_count'
        WHEN body IS NULL AND axle_count < 5 THEN 'body'
        WHEN drive_axle_count IS NULL THEN 'drive_axle_count'
    END AS missing_field,
    limit_low_kg,
    limit_high_kg,
    limit_count,
    is_layout_unlisted,
    gross_kg,
    snapshot_sha256,
    line
FROM limited
