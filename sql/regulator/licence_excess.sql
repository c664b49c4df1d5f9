/*
description: >-
  Releases above what the vehicle is licensed to carry (超载), apart from the limits of order 62: a load may exceed its
  licence and stay within the axle limit. Leads. FROM overload.licence_excess('2026-06-01', '2026-06-30')
arguments:
  from_on: first local day
  to_on: last local day
columns:
  ticket_id: ticket of the release
  plate: number plate
  weighed_at: when it was weighed
  site_id: site
  site_name: site as the ticket names it
  county_code: county
  licence_basis: load, or gross where no load is licensed
  licence_gross_kg: licensed gross mass, kg
  licence_load_kg: licensed load, kg
  gross_kg: gross mass, kg
  net_kg: net mass, kg
  over_licence_kg: mass above the licence, kg
  over_licence_share: over_licence_kg by what is licensed
  carrier_uscc: unified social credit code of the registered carrier
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO overload.licence_excess(from_on, to_on) AS TABLE
    SELECT
        ticket_id,
        plate,
        weighed_at,
        site_id,
        site_name,
        county_code,
        licence_basis,
        licence_gross_kg,
        licence_load_kg,
        gross_kg,
        net_kg,
        over_licence_kg,
        over_licence_share,
        carrier_uscc,
        snapshot_sha256,
        line
    FROM mart.licence_excess
    WHERE
        week_start BETWEEN from_on::DATE - 6 AND to_on::DATE
        AND (weighed_at AT TIME ZONE 'Asia/Shanghai')::DATE BETWEEN from_on::DATE AND to_on::DATE
    ORDER BY weighed_at, ticket_id
