/*
description: Every release over a limit, or not determinable, with the evidence. A ticket proves loading and release, not driving on a road.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  record_id: ticket of the release
  ticket_no: number on the ticket
  site_id: site
  site_name: site as the ticket names it
  firm_name: firm that runs the site
  is_registered_site: whether the register knows the site
  county_code: county of the site
  weighed_at: when it was weighed
  weighed_on: local date of it
  week_start: Monday of its ISO week
  plate: number plate
  product_name: product in words
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  gross_kg: gross mass, kg
  limit_kg: limit that is exceeded; the highest possible one where the facts leave several; NULL where undetermined
  limit_basis: stated (one limit fits the facts), highest_possible, or unlisted_layout (the highest of all)
  limit_low_kg: lowest limit the facts leave possible, kg
  limit_high_kg: highest limit the facts leave possible, kg
  over_kg: gross less limit_kg; a lower bound where limit_basis is highest_possible
  over_rate: over_kg by limit_kg
  band: band of the rate
  verdict: breached or undetermined
  reason_code: why it is undetermined
  missing_field: fact that would settle it
  is_direction_assumed: whether the direction is the source profile's default
  is_above_scale_max: whether gross is above the scale's maximum; then it is no evidence for enforcement
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH judged AS (
    SELECT
        *,
        CASE WHEN verdict = 'breached' THEN limit_high_kg END AS limit_kg,
        CASE WHEN verdict = 'breached' THEN (value_low / limit_high_kg)::DECIMAL(18, 6) END AS over_rate
    FROM policy.axle_limit
    WHERE verdict IN ('breached', 'undetermined')
)

SELECT
    weighing.ticket_id AS record_id,
    weighing.ticket_no,
    weighing.site_id,
    weighing.site_name,
    weighing.firm_name,
    weighing.is_registered_site,
    weighing.county_code,
    weighing.weighed_at,
    weighing.weighed_on,
    weighing.week_start,
    weighing.plate,
    weighing.product_name,
    weighing.axle_count,
    weighing.body,
    weighing.drive_axle_count,
    weighing.gross_kg,
    judged.limit_kg,
    CASE
        WHEN judged.is_layout_unlisted THEN 'unlisted_layout'
        WHEN judged.limit_count = 1 THEN 'stated'
        ELSE 'highest_possible'
    END AS limit_basis,
    judged.limit_low_kg,
    judged.limit_high_kg,
    weighing.gross_kg - judged.limit_kg AS over_kg,
    judged.over_rate,
    over_band.band,
    judged.verdict,
    judged.reason_code,
    CASE WHEN judged.verdict = 'undetermined' THEN judged.missing_field END AS missing_field,
    weighing.is_direction_assumed,
    weighing.is_above_scale_max,
    weighing.source,
    weighing.snapshot_sha256,
    weighing.line
FROM judged
INNER JOIN mart.release AS weighing ON judged.subject_id = weighing.ticket_id
LEFT JOIN policy.axle_limit_over_band AS over_band
    ON judged.over_rate >= over_band.over_rate_from AND judged.over_rate < over_band.over_rate_below
ORDER BY weighing.weighed_at, weighing.ticket_id
