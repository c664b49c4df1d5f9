/*
description: Outbound weighings. The last one of a plate before it leaves is the release; an earlier, heavier one is kept as re-weighed.
grain: one row a ticket_id
period: week_start
lookback: 0
lookahead: 1
columns:
  ticket_id: ticket
  site_id: site
  site_name: site as the ticket names it
  is_registered_site: whether the register knows the site
  firm_name: firm that runs the site
  county_code: county of the site
  ticket_no: number on the ticket
  weighed_at: when it was weighed
  weighed_on: local date of it
  week_start: Monday of its ISO week
  plate: number plate
  product_id: product
  product_name: product in words
  source_class: natural, manufactured, recycled or other
  gross_kg: gross mass, kg
  tare_kg: tare mass, kg
  net_t: net mass, t
  destination_county_code: county of the destination
  axle_count: axles
  body: rigid or train
  drive_axle_count: drive axles
  is_direction_assumed: whether the direction is the source profile's default
  is_above_scale_max: whether gross is above the scale's maximum
  is_reweighed: whether a lighter weighing without a new tare followed within the window of rule axle_limit
  reweighed_ticket_id: that later ticket
  source: source profile
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
WITH outbound AS (
    SELECT *
    FROM staging.weighbridge_ticket
    WHERE direction = 'out'
),

reweigh_window AS (
    SELECT to_minutes(value::BIGINT) AS length
    FROM policy.parameter
    WHERE rule = 'axle_limit' AND name = 'reweigh_window_min'
),

reweigh_drop AS (
    SELECT value AS drop_kg
    FROM policy.parameter
    WHERE rule = 'axle_limit' AND name = 'reweigh_drop_kg'
),

reweighed AS (
    SELECT
        heavy.ticket_id,
        min_by(light.ticket_id, (light.weighed_at, light.ticket_id)) AS reweighed_ticket_id
    FROM outbound AS heavy
    INNER JOIN outbound AS light
        ON
            heavy.site_id = light.site_id
            AND heavy.plate = light.plate
            AND heavy.weighed_at < light.weighed_at
    CROSS JOIN reweigh_window
    CROSS JOIN reweigh_drop
    WHERE
        light.weighed_at <= heavy.weighed_at + reweigh_window.length
        AND light.gross_kg <= heavy.gross_kg - reweigh_drop.drop_kg
        -- A new tare means that the truck came back empty: another load.
        AND coalesce(light.first_weighed_at <= heavy.weighed_at, TRUE)
        AND coalesce(light.tare_kg = heavy.tare_kg, TRUE)
    GROUP BY heavy.ticket_id
)

SELECT
    outbound.ticket_id,
    outbound.site_id,
    outbound.site_name,
    outbound.is_registered_site,
    outbound.firm_name,
    outbound.county_code,
    outbound.ticket_no,
    outbound.weighed_at,
    outbound.weighed_on,
    outbound.week_start,
    outbound.plate,
    outbound.product_id,
    outbound.product_name,
    outbound.source_class,
    outbound.gross_kg,
    outbound.tare_kg,
    outbound.net_t,
    outbound.destination_county_code,
    outbound.axle_count,
    outbound.body,
    outbound.drive_axle_count,
    outbound.is_direction_assumed,
    outbound.is_above_scale_max,
    reweighed.ticket_id IS NOT NULL AS is_reweighed,
    reweighed.reweighed_ticket_id,
    outbound.source,
    outbound.snapshot_sha256,
    outbound.line
FROM outbound
LEFT JOIN reweighed ON outbound.ticket_id = reweighed.ticket_id
ORDER BY outbound.weighed_at, outbound.ticket_id
