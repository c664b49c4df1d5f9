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
  exempt_reason: never set here
  undetermined_reason: gross_missing for a net-only ticket
  breached_reason: never set here
  doubt_reason: never set here
  missing_field: fact that would settle it, where gross lies between two limits
  limit_low_kg: lowest possible limit, kg
  limit_high_kg: highest possible limit, kg
  limit_count: number of possible limits
  is_layout_unlisted: whether the stated facts fit no listed layout, so that all limits count as possible
  gross_kg: gross mass, kg
  snapshot_sha256: file of the ticket
  line: line of that file
*/
WITH release_at AS (
    SELECT *
    FROM mart.release
    WHERE NOT is_reweighed
),

layout AS (
    SELECT DISTINCT
        axle_count,
        body,
        drive_axle_count
    FROM release_at
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
)

SELECT
    release_at.ticket_id AS subject_id,
    release_at.plate AS subject_name,
    release_at.county_code,
    'over_limit' AS part,
    release_at.weighed_on AS judged_on,
    release_at.week_start,
    release_at.gross_kg - coalesce(layout_limit.limit_high_kg, any_limit.limit_high_kg) AS value_low,
    release_at.gross_kg - coalesce(layout_limit.limit_low_kg, any_limit.limit_low_kg) AS value_high,
    1 AS base,
    NULL::VARCHAR AS exempt_reason,
    CASE WHEN release_at.gross_kg IS NULL THEN 'gross_missing' END AS undetermined_reason,
    NULL::VARCHAR AS breached_reason,
    NULL::VARCHAR AS doubt_reason,
    CASE
        WHEN release_at.gross_kg IS NULL THEN 'gross_kg'
        WHEN layout_limit.limit_count = 0 THEN 'layout'
        WHEN release_at.axle_count IS NULL THEN 'axle_count'
        WHEN release_at.body IS NULL AND release_at.axle_count < 5 THEN 'body'
        WHEN release_at.drive_axle_count IS NULL THEN 'drive_axle_count'
    END AS missing_field,
    coalesce(layout_limit.limit_low_kg, any_limit.limit_low_kg) AS limit_low_kg,
    coalesce(layout_limit.limit_high_kg, any_limit.limit_high_kg) AS limit_high_kg,
    CASE WHEN layout_limit.limit_count = 0 THEN any_limit.limit_count ELSE layout_limit.limit_count END AS limit_count,
    layout_limit.limit_count = 0 AS is_layout_unlisted,
    release_at.gross_kg,
    release_at.snapshot_sha256,
    release_at.line
FROM release_at
LEFT JOIN layout_limit
    ON
        release_at.axle_count IS NOT DISTINCT FROM layout_limit.axle_count
        AND release_at.body IS NOT DISTINCT FROM layout_limit.body
        AND release_at.drive_axle_count IS NOT DISTINCT FROM layout_limit.drive_axle_count
CROSS JOIN any_limit
