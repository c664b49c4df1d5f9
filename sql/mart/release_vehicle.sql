/*
description: >-
  What is known of the vehicle of each release: from the ticket, else from the vehicle register by plate and date, and only
  while the plate is not in doubt. A blank stays unknown, and no exemption follows from it.
grain: one row a ticket_id
period: week_start
lookback: 0
compare: true
columns:
  ticket_id: ticket of the release
  county_code: county of the site
  weighed_on: local date of the weighing
  week_start: Monday of its ISO week
  plate: number plate
  gross_kg: gross mass, kg
  plate_doubt: >-
    why the plate may not be this vehicle's; impossible_trip (at two sites at once), cloned (so on several days, mart.cloned_plate),
    register_mismatch (the registered vehicle has other axles, body or empty mass); NULL where nothing speaks against it
  axle_count: axles
  axle_count_source: ticket or register
  body: rigid or train
  body_source: ticket or register
  drive_axle_count: drive axles
  drive_axle_count_source: ticket or register
  is_single_tyre: whether the register states single tyres; NULL where it does not say
  exemption: exemption of order 62 art. 3 with evidence in the register; gb1589_train, air_suspension or special_vehicle
  exemption_doubt: >-
    why an exemption may apply that is not proved; plate_doubt (the registered vehicle of that plate is exempt) or body
    (a vehicle that conforms to GB1589 and may be a train)
  licence_gross_kg: licensed gross mass, kg
  licence_load_kg: licensed load, kg
  carrier_uscc: unified social credit code of the registered carrier
  carrier_name: registered carrier
  vehicle_valid_from: first day of the register's row
  vehicle_snapshot_sha256: file of the register's row
  vehicle_line: line of that file
  snapshot_sha256: file of the ticket
  line: physical line of that file
*/
WITH figure AS (
    SELECT
        max(value) FILTER (name = 'kerb_deviation_share') AS kerb_deviation_share,
        max(value) FILTER (name = 'kerb_deviation_kg') AS kerb_deviation_kg
    FROM policy.parameter
    WHERE rule = 'axle_limit'
),

registered AS (
    SELECT
        release.ticket_id,
        release.county_code,
        release.weighed_on,
        release.week_start,
        release.plate,
        release.gross_kg,
        release.axle_count,
        release.body,
        release.drive_axle_count,
        release.snapshot_sha256,
        release.line,
        CASE
            WHEN conflict.ticket_id IS NOT NULL THEN 'impossible_trip'
            WHEN cloned.plate IS NOT NULL THEN 'cloned'
            WHEN
                release.axle_count <> vehicle.axle_count
                OR release.body <> vehicle.body
                OR release.drive_axle_count <> vehicle.drive_axle_count
                OR (
                    abs(release.tare_kg - (vehicle.licence_gross_kg - vehicle.licence_load_kg))
                    > greatest(
                        figure.kerb_deviation_share * (vehicle.licence_gross_kg - vehicle.licence_load_kg),
                        figure.kerb_deviation_kg
                    )
                    -- The register may hold a tractor alone, which its train outweighs.
                    AND (
                        coalesce(vehicle.body, 'rigid') = 'rigid'
                        OR release.tare_kg < vehicle.licence_gross_kg - vehicle.licence_load_kg
                    )
                )
                THEN 'register_mismatch'
        END AS plate_doubt,
        {
            'axle_count': vehicle.axle_count,
            'body': vehicle.body,
            'drive_axle_count': vehicle.drive_axle_count,
            'is_single_tyre': vehicle.is_single_tyre,
            'has_air_suspension': vehicle.has_air_suspension,
            'is_gb1589_ok': vehicle.is_gb1589_ok,
            'is_special_vehicle': vehicle.is_special_vehicle,
            'licence_gross_kg': vehicle.licence_gross_kg,
            'licence_load_kg': vehicle.licence_load_kg,
            'carrier_uscc': vehicle.carrier_uscc,
            'carrier_name': vehicle.carrier_name,
            'valid_from': vehicle.valid_from,
            'snapshot_sha256': vehicle.snapshot_sha256,
            'line': vehicle.line
        } AS vehicle
    FROM mart.release AS release
    CROSS JOIN figure
    LEFT JOIN mart.plate_conflict AS conflict ON release.ticket_id = conflict.ticket_id
    LEFT JOIN mart.cloned_plate AS cloned
        ON
            release.plate = cloned.plate
            AND release.week_start = cloned.week_start
            AND release.weighed_on BETWEEN cloned.from_on AND coalesce(cloned.until_on, '9999-12-31')
    LEFT JOIN staging.vehicle AS vehicle
        ON
            release.plate = vehicle.plate
            AND release.weighed_on >= vehicle.valid_from
            AND release.weighed_on <= coalesce(vehicle.valid_until, '9999-12-31')
    WHERE NOT release.is_reweighed
),

fact AS (
    SELECT
        registered.*,
        CASE WHEN registered.plate_doubt IS NULL THEN registered.vehicle END AS known
    FROM registered
),

completed AS (
    SELECT
        fact.*,
        coalesce(fact.body, fact.known.body) AS known_body,
        coalesce(fact.vehicle.has_air_suspension, FALSE)
        OR coalesce(fact.vehicle.is_special_vehicle, FALSE)
        OR (coalesce(fact.vehicle.is_gb1589_ok, FALSE) AND coalesce(fact.body, fact.vehicle.body, 'train') = 'train')
            AS may_be_exempt
    FROM fact
)

SELECT
    completed.ticket_id,
    completed.county_code,
    completed.weighed_on,
    completed.week_start,
    completed.plate,
    completed.gross_kg,
    completed.plate_doubt,
    coalesce(completed.axle_count, completed.known.axle_count) AS axle_count,
    CASE
        WHEN completed.axle_count IS NOT NULL THEN 'ticket'
        WHEN completed.known.axle_count IS NOT NULL THEN 'register'
    END AS axle_count_source,
    completed.known_body AS body,
    CASE
        WHEN completed.body IS NOT NULL THEN 'ticket'
        WHEN completed.known.body IS NOT NULL THEN 'register'
    END AS body_source,
    coalesce(completed.drive_axle_count, completed.known.drive_axle_count) AS drive_axle_count,
    CASE
        WHEN completed.drive_axle_count IS NOT NULL THEN 'ticket'
        WHEN completed.known.drive_axle_count IS NOT NULL THEN 'register'
    END AS drive_axle_count_source,
    completed.known.is_single_tyre,
    CASE
        WHEN completed.known.is_gb1589_ok AND completed.known_body = 'train' THEN 'gb1589_train'
        WHEN completed.known.has_air_suspension THEN 'air_suspension'
        WHEN completed.known.is_special_vehicle THEN 'special_vehicle'
    END AS exemption,
    CASE
        WHEN completed.plate_doubt IS NOT NULL AND completed.may_be_exempt THEN 'plate_doubt'
        WHEN completed.known.is_gb1589_ok AND completed.known_body IS NULL THEN 'body'
    END AS exemption_doubt,
    completed.known.licence_gross_kg,
    completed.known.licence_load_kg,
    completed.known.carrier_uscc,
    completed.known.carrier_name,
    completed.known.valid_from AS vehicle_valid_from,
    completed.known.snapshot_sha256 AS vehicle_snapshot_sha256,
    completed.known.line AS vehicle_line,
    completed.snapshot_sha256,
    completed.line
FROM completed
ORDER BY completed.weighed_on, completed.ticket_id
