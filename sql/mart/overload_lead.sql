/*
description: Heavy weighings that are no release; re-weighed before leaving, inbound or internal. Leads only, outside every rate.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  ticket_id: ticket
  lead_kind: reweighed, in or internal
  reweighed_ticket_id: lighter weighing that followed
  ticket_no: number on the ticket
  site_id: site
  county_code: county of the site
  weighed_at: when it was weighed
  week_start: Monday of its ISO week
  plate: number plate
  axle_count: axles, from the ticket or else the vehicle register
  body: rigid or train, likewise
  drive_axle_count: drive axles, likewise
  gross_kg: gross mass, kg
  limit_kg: highest limit of any layout that these facts leave possible, kg
  over_kg: gross less that limit, kg
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH weighing AS (
    SELECT
        ticket_id,
        'reweighed' AS lead_kind,
        reweighed_ticket_id,
        ticket_no,
        site_id,
        county_code,
        weighed_at,
        weighed_on,
        week_start,
        plate,
        axle_count,
        body,
        drive_axle_count,
        gross_kg,
        snapshot_sha256,
        line
    FROM mart.release
    WHERE is_reweighed
    UNION ALL
    SELECT
        ticket_id,
        direction AS lead_kind,
        NULL AS reweighed_ticket_id,
        ticket_no,
        site_id,
        county_code,
        weighed_at,
        weighed_on,
        week_start,
        plate,
        axle_count,
        body,
        drive_axle_count,
        gross_kg,
        snapshot_sha256,
        line
    FROM staging.weighbridge_ticket
    WHERE direction IN ('in', 'internal')
),

lowest AS (
    SELECT min(limit_kg) AS limit_kg
    FROM policy.axle_limit_gross_limit
),

-- Nothing is taken from the register for a plate that was at two sites at once.
known AS (
    SELECT
        weighing.ticket_id,
        weighing.lead_kind,
        weighing.reweighed_ticket_id,
        weighing.ticket_no,
        weighing.site_id,
        weighing.county_code,
        weighing.weighed_at,
        weighing.week_start,
        weighing.plate,
        coalesce(weighing.axle_count, vehicle.axle_count) AS axle_count,
        coalesce(weighing.body, vehicle.body) AS body,
        coalesce(weighing.drive_axle_count, vehicle.drive_axle_count) AS drive_axle_count,
        weighing.gross_kg,
        weighing.snapshot_sha256,
        weighing.line
    FROM weighing
    CROSS JOIN lowest
    LEFT JOIN mart.plate_conflict AS conflict ON weighing.ticket_id = conflict.ticket_id
    LEFT JOIN mart.cloned_plate AS cloned
        ON
            weighing.plate = cloned.plate
            AND weighing.week_start = cloned.week_start
            AND weighing.weighed_on BETWEEN cloned.from_on AND coalesce(cloned.until_on, '9999-12-31')
    LEFT JOIN staging.vehicle AS vehicle
        ON
            weighing.plate = vehicle.plate
            AND weighing.weighed_on >= vehicle.valid_from
            AND weighing.weighed_on <= coalesce(vehicle.valid_until, '9999-12-31')
            AND conflict.ticket_id IS NULL
            AND cloned.plate IS NULL
    WHERE weighing.gross_kg > lowest.limit_kg
),

layout AS (
    SELECT DISTINCT
        axle_count,
        body,
        drive_axle_count
    FROM known
),

layout_limit AS (
    SELECT
        layout.axle_count,
        layout.body,
        layout.drive_axle_count,
        max(gross_limit.limit_kg) AS limit_kg
    FROM layout
    INNER JOIN policy.axle_limit_gross_limit AS gross_limit
        ON
            coalesce(layout.axle_count BETWEEN gross_limit.axle_count_from AND gross_limit.axle_count_to, TRUE)
            AND coalesce(layout.body = gross_limit.body, TRUE)
            AND coalesce(
                layout.drive_axle_count BETWEEN gross_limit.drive_axle_count_from AND gross_limit.drive_axle_count_to,
                TRUE
            )
    GROUP BY layout.axle_count, layout.body, layout.drive_axle_count
)

SELECT
    weighing.ticket_id,
    weighing.lead_kind,
    weighing.reweighed_ticket_id,
    weighing.ticket_no,
    weighing.site_id,
    weighing.county_code,
    weighing.weighed_at,
    weighing.week_start,
    weighing.plate,
    weighing.axle_count,
    weighing.body,
    weighing.drive_axle_count,
    weighing.gross_kg,
    layout_limit.limit_kg,
    weighing.gross_kg - layout_limit.limit_kg AS over_kg,
    weighing.snapshot_sha256,
    weighing.line
FROM known AS weighing
INNER JOIN layout_limit
    ON
        weighing.axle_count IS NOT DISTINCT FROM layout_limit.axle_count
        AND weighing.body IS NOT DISTINCT FROM layout_limit.body
        AND weighing.drive_axle_count IS NOT DISTINCT FROM layout_limit.drive_axle_count
WHERE weighing.gross_kg > layout_limit.limit_kg
ORDER BY weighing.weighed_at, weighing.ticket_id
