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
  axle_count: axles
  body: rigid or train
  gross_kg: gross mass, kg
  limit_kg: highest limit of any layout with that axle count and body, kg
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
        week_start,
        plate,
        axle_count,
        body,
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
        week_start,
        plate,
        axle_count,
        body,
        gross_kg,
        snapshot_sha256,
        line
    FROM staging.weighbridge_ticket
    WHERE direction IN ('in', 'internal')
),

layout AS (
    SELECT DISTINCT
        axle_count,
        body
    FROM weighing
),

layout_limit AS (
    SELECT
        layout.axle_count,
        layout.body,
        max(gross_limit.limit_kg) AS limit_kg
    FROM layout
    INNER JOIN policy.axle_limit_gross_limit AS gross_limit
        ON
            coalesce(layout.axle_count BETWEEN gross_limit.axle_count_from AND gross_limit.axle_count_to, TRUE)
            AND coalesce(layout.body = gross_limit.body, TRUE)
    GROUP BY layout.axle_count, layout.body
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
    weighing.gross_kg,
    layout_limit.limit_kg,
    weighing.gross_kg - layout_limit.limit_kg AS over_kg,
    weighing.snapshot_sha256,
    weighing.line
FROM weighing
INNER JOIN layout_limit
    ON
        weighing.axle_count IS NOT DISTINCT FROM layout_limit.axle_count
        AND weighing.body IS NOT DISTINCT FROM layout_limit.body
WHERE weighing.gross_kg > layout_limit.limit_kg
ORDER BY weighing.weighed_at, weighing.ticket_id
