/*
description: Every release over a limit, or not determinable, with the evidence. A ticket proves loading and release, not driving on a road.
grain: one row a ticket_id
period: week_start
lookback: 1
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
        CASE WHEN verdict = 'breached' THEN (value_low / limit_high_kg)::DECIMAL(9, 6) END AS over_rate
    FROM policy.axle_limit
    WHERE verdict IN ('breached', 'undetermined')
)

SELECT
    release.ticket_id AS record_id,
    release.ticket_no,
    release.site_id,
    release.site_name,
    release.firm_name,
    release.is_registered_site,
    release.county_code,
    release.weighed_at,
    release.weighed_on,
    release.week_start,
    release.plate,
    release.product_name,
    release.axle_count,
    release.body,
    release.drive_axle_count,
    release.gross_kg,
    judged.limit_kg,
    CASE
        WHEN judged.is_layout_unlisted THEN 'unlisted_layout'
        WHEN judged.limit_count = 1 THEN 'stated'
        ELSE 'highest_possible'
    END AS limit_basis,
    judged.limit_low_kg,
    judged.limit_high_kg,
    release.gross_kg - judged.limit_kg AS over_kg,
    judged.over_rate,
    over_band.band,
    judged.verdict,
    judged.reason_code,
    CASE WHEN judged.verdict = 'undetermined' THEN judged.missing_field END AS missing_field,
    release.is_direction_assumed,
    release.is_above_scale_max,
    release.source,
    release.snapshot_sha256,
    release.line
FROM judged
INNER JOIN mart.release AS release ON judged.subject_id = release.ticket_id
LEFT JOIN policy.axle_limit_over_band AS over_band
    ON judged.over_rate >= over_band.over_rate_from AND judged.over_rate < over_band.over_rate_below
ORDER BY release.weighed_at, release.ticket_id
