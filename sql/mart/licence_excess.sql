/*
description: >-
  Releases above what the vehicle is licensed to carry (超载). Apart from the limits of order 62: a load may exceed its licence
  and stay within the axle limit, and the other way round. Leads; a ticket proves loading, not driving on a road.
grain: one row a ticket_id
period: week_start
lookback: 0
columns:
  ticket_id: ticket of the release
  plate: number plate
  site_id: site
  site_name: site as the ticket names it
  county_code: county of the site
  weighed_at: when it was weighed
  week_start: Monday of its ISO week
  licence_basis: load (net mass against the licensed load) or gross (gross mass against the licensed gross mass, where no load is licensed)
  licence_gross_kg: licensed gross mass, kg
  licence_load_kg: licensed load, kg
  gross_kg: gross mass, kg
  net_kg: net mass, kg
  over_licence_kg: mass above the licence, kg
  over_licence_share: over_licence_kg by what is licensed
  carrier_uscc: unified social credit code of the registered carrier
  vehicle_snapshot_sha256: file of the vehicle register's row
  vehicle_line: line of that file
  snapshot_sha256: SHA-256 of the ticket's file
  line: physical line of the file
*/
WITH licensed AS (
    SELECT
        release.ticket_id,
        release.plate,
        release.site_id,
        release.site_name,
        release.county_code,
        release.weighed_at,
        release.week_start,
        vehicle.licence_gross_kg,
        vehicle.licence_load_kg,
        release.gross_kg,
        (release.net_t * 1000)::DECIMAL(14, 3) AS net_kg,
        vehicle.carrier_uscc,
        vehicle.vehicle_snapshot_sha256,
        vehicle.vehicle_line,
        release.snapshot_sha256,
        release.line,
        -- A tractor's own papers license no load.
        coalesce(vehicle.licence_load_kg > 0, FALSE) AS has_load
    FROM mart.release_vehicle AS vehicle
    INNER JOIN mart.release AS release ON vehicle.ticket_id = release.ticket_id
    WHERE vehicle.licence_load_kg > 0 OR vehicle.licence_gross_kg > 0
),

compared AS (
    SELECT
        *,
        CASE WHEN has_load THEN 'load' ELSE 'gross' END AS licence_basis,
        CASE WHEN has_load THEN net_kg ELSE gross_kg END AS carried_kg,
        CASE WHEN has_load THEN licence_load_kg ELSE licence_gross_kg END AS licensed_kg
    FROM licensed
)

SELECT
    ticket_id,
    plate,
    site_id,
    site_name,
    county_code,
    weighed_at,
    week_start,
    licence_basis,
    licence_gross_kg,
    licence_load_kg,
    gross_kg,
    net_kg,
    (carried_kg - licensed_kg)::DECIMAL(14, 3) AS over_licence_kg,
    ((carried_kg - licensed_kg) / licensed_kg)::DECIMAL(18, 6) AS over_licence_share,
    carrier_uscc,
    vehicle_snapshot_sha256,
    vehicle_line,
    snapshot_sha256,
    line
FROM compared
WHERE carried_kg > licensed_kg
ORDER BY weighed_at, ticket_id
