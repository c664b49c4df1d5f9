/*
description: Sites as registered, one row each, with their county, firm, rail siding and scale. A renamed site stands once.
grain: one row a site_id
period: none
columns:
  site_id: name of the site in the register
  site_name: the same name, for people
  firm_name: firm that runs the site
  uscc: unified social credit code of the firm
  county_code: GB/T 2260 code of the county or district
  county_name: name of the county or district
  entity_kind: quarry, plant, yard, logistics_park, industrial_park or key_enterprise
  key_list_source: list that names the entity as a key firm
  project_id: project code of its capacity filing
  filed_capacity_t: filed capacity, t per year
  annual_haul_t: haulage of sand and gravel, t per year
  haul_year: year of that haulage
  siding_state: state of the dedicated railway siding; NULL is unknown
  siding_since: date the siding began to operate
  expected_cadence: how often tickets are expected
  closed_on: first day on which it is closed
  reopened_on: first day on which it works again after that
  scale_max_kg: maximum capacity of the weighbridge, kg
  scale_division_kg: verification scale interval e, kg
  contact_name: person to call when tickets stay away
  contact_phone: phone of that person
  snapshot_sha256: file the row came with
  line: line of that file
*/
SELECT
    site.site_name AS site_id,
    site.site_name,
    site.firm_name,
    site.uscc,
    site.county_code,
    region.county_name,
    site.entity_kind,
    site.key_list_source,
    site.project_id,
    site.filed_capacity_t,
    site.annual_haul_t,
    site.haul_year,
    site.siding_state,
    site.siding_since,
    site.expected_cadence,
    site.closed_on,
    site.reopened_on,
    site.scale_max_kg,
    site.scale_division_kg,
    site.contact_name,
    site.contact_phone,
    site.snapshot_sha256,
    site.line
FROM raw.site_register AS site
LEFT JOIN reference.region AS region ON site.county_code = region.county_code
-- A name that a later register gives as another site's former name is that site's: see staging.site_alias.
INNER JOIN staging.site_alias AS own_name ON site.site_name = own_name.alias AND site.site_name = own_name.site_id
WHERE site.outcome = 'accepted'
