/*
description: >-
  Vehicles to check, release by release, with plates: for the annex of the internal edition and nothing else. A lead, not
  a finding. Releases whose plate is in doubt, and those taken back after they were contested, are not in it.
grain: one row a ticket_id
period: week_start
lookback: 53
columns:
  week_start: Monday of the ISO week
  lead_no: number of the vehicle within the week, most releases over the limit first; the report names vehicles by it
  is_repeat: whether year_lead_count is above lead_more_than_count of rule repeat_overload
  is_usable: whether the record may go to enforcement as it stands, and nobody contests it
  is_very_heavy: whether gross reaches 100 t (practice, not law)
  year_lead_count: releases of the vehicle over the limit in window_days of rule repeat_overload, up to the Sunday
  plate: number plate
  ticket_id: ticket
  ticket_no: number on the ticket
  site_id: site
  county_code: county of the site
  county_name: county
  weighed_at: when it was weighed
  gross_kg: gross mass, kg
  limit_kg: limit that is exceeded, kg
  limit_basis: stated, highest_possible or unlisted_layout
  over_kg: gross less limit, kg; a lower bound where the basis is not stated
  over_rate: over_kg by limit_kg
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH figure AS (
    SELECT
        max(value) FILTER (name = 'lead_more_than_count') AS lead_more_than_count,
        max(value) FILTER (name = 'window_days')::INTEGER AS window_days
    FROM policy.parameter
    WHERE rule = 'repeat_overload'
),

lead AS (
    SELECT
        overload.*,
        overload.is_enforcement_usable AND NOT coalesce(contested.is_open, FALSE) AS is_usable
    FROM mart.overload_record AS overload
    LEFT JOIN mart.contested_record AS contested ON overload.record_id = contested.record_id
    WHERE
        overload.verdict = 'breached'
        AND overload.plate IS NOT NULL
        AND overload.plate_doubt IS NULL
        AND NOT coalesce(contested.ruling = 'withdrawn', FALSE)
),

vehicle_week AS (
    SELECT
        plate,
        week_start,
        max(over_rate) AS max_over_rate
    FROM lead
    GROUP BY plate, week_start
),

counted AS (
    SELECT
        vehicle_week.plate,
        vehicle_week.week_start,
        vehicle_week.max_over_rate,
        count(*) AS year_lead_count
    FROM vehicle_week
    CROSS JOIN figure
    INNER JOIN lead
        ON
            vehicle_week.plate = lead.plate
            AND lead.weighed_on <= vehicle_week.week_start + 6
            AND lead.weighed_on > vehicle_week.week_start + 6 - figure.window_days
    GROUP BY vehicle_week.plate, vehicle_week.week_start, vehicle_week.max_over_rate
),

chosen AS (
    SELECT
        lead.*,
        counted.year_lead_count,
        counted.max_over_rate,
        counted.year_lead_count > figure.lead_more_than_count AS is_repeat
    FROM lead
    CROSS JOIN figure
    INNER JOIN counted ON lead.plate = counted.plate AND lead.week_start = counted.week_start
    WHERE counted.year_lead_count > figure.lead_more_than_count OR lead.is_usable OR lead.is_over_100t
)

SELECT
    chosen.week_start,
    dense_rank() OVER (
        PARTITION BY chosen.week_start
        ORDER BY chosen.year_lead_count DESC, chosen.max_over_rate DESC, chosen.plate ASC
    ) AS lead_no,
    chosen.is_repeat,
    chosen.is_usable,
    chosen.is_over_100t AS is_very_heavy,
    chosen.year_lead_count,
    chosen.plate,
    chosen.record_id AS ticket_id,
    chosen.ticket_no,
    chosen.site_id,
    chosen.county_code,
    region.county_name,
    chosen.weighed_at,
    chosen.gross_kg,
    chosen.limit_kg,
    chosen.limit_basis,
    chosen.over_kg,
    chosen.over_rate,
    chosen.snapshot_sha256,
    chosen.line
FROM chosen
LEFT JOIN reference.region AS region ON chosen.county_code = region.county_code
ORDER BY chosen.week_start, lead_no, chosen.weighed_at, chosen.record_id
