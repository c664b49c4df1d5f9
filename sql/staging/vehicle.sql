/*
description: >-
  Register of goods vehicles in force: what is known of a plate from a day on, until the day before its next row. Blank
  facts stay NULL; they are no evidence.
grain: one row a (plate, valid_from)
period: none
columns:
  plate: number plate, normalised; of a train that of the tractor
  valid_from: first day on which the row holds
  valid_until: last day on which it holds, the day before the plate's next row; NULL is open
  axle_count: axles, of a train those of tractor and trailer together
  body: rigid or train
  drive_axle_count: drive axles
  is_single_tyre: whether an axle other than a steering axle bears single tyres; NULL is blank
  has_air_suspension: whether the drive axles have air suspension; NULL is blank
  is_gb1589_ok: whether it conforms to GB 1589 by document; NULL is blank
  is_special_vehicle: whether it is a special vehicle; NULL is blank
  licence_gross_kg: maximum authorised total mass by the driving licence, kg
  licence_load_kg: authorised load by the driving licence, kg
  carrier_uscc: unified social credit code of the carrier
  carrier_name: carrier
  permit_no: number of the road transport permit
  permit_first_issued_on: day on which that permit was first issued
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    plate,
    valid_from,
    lead(valid_from) OVER (PARTITION BY plate ORDER BY valid_from) - 1 AS valid_until,
    axle_count,
    body,
    drive_axle_count,
    single_tyre AS is_single_tyre,
    air_suspension AS has_air_suspension,
    gb1589_ok AS is_gb1589_ok,
    special_vehicle AS is_special_vehicle,
    licence_gross_kg,
    licence_load_kg,
    carrier_uscc,
    carrier_name,
    permit_no,
    permit_first_issued_on,
    snapshot_sha256,
    line
FROM raw.vehicle
WHERE outcome = 'accepted'
ORDER BY plate, valid_from
