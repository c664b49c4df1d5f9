/*
description: Capacity filings in force, one row a project, with the filed capacity summed from its three parts.
grain: one row a project_id
period: none
columns:
  project_id: project code
  project_name: project
  enterprise_name: firm
  enterprise_kind: kind of firm, as filed
  uscc: unified social credit code
  county_code: county of the project
  county_name: name of the county
  project_kind: new, expansion or renovation
  is_project_kind_assumed: whether the kind is the source profile's default
  filed_on: date of filing
  own_mine_capacity_t: part fed by the own mine, t per year
  own_mine_basis: max_extractable or stripped_waste_rock
  own_mine_basis_t: amount of the basis, t per year
  purchased_capacity_t: part fed by bought ore, t per year
  waste_capacity_t: part fed by waste, t per year
  filed_capacity_t: sum of the stated parts, t per year; NULL where none is stated
  blank_part_count: parts left blank, counted as 0 beside stated ones
  usable_resource_t: usable resource for the parts without an own mine, t
  source_statement: where bought ore and waste come from
  has_truth_declaration: whether the 真实性声明 is attached; NULL is blank
  planned_haul_t: planned haulage, t per year
  planned_rail_t: planned haulage by rail, t per year
  record_approved_on: filing receipt
  record_approved_on_is_none: stated as not obtained
  land_approved_on: land approval
  land_approved_on_is_none: stated as not obtained
  plan_approved_on: planning permit
  plan_approved_on_is_none: stated as not obtained
  eia_approved_on: environmental approval
  eia_approved_on_is_none: stated as not obtained
  construction_start_on: start of construction
  is_ultra_low_emission: whether an 超低排放 certificate is present
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    filing.project_id,
    filing.project_name,
    filing.enterprise_name,
    filing.enterprise_kind,
    filing.uscc,
    filing.county_code,
    region.county_name,
    filing.project_kind,
    list_contains(filing.assumed_columns, 'project_kind') AS is_project_kind_assumed,
    filing.filed_on,
    filing.own_mine_capacity_t,
    filing.own_mine_basis,
    filing.own_mine_basis_t,
    filing.purchased_capacity_t,
    filing.waste_capacity_t,
    CASE
        WHEN coalesce(filing.own_mine_capacity_t, filing.purchased_capacity_t, filing.waste_capacity_t) IS NOT NULL
            THEN
                coalesce(filing.own_mine_capacity_t, 0)
                + coalesce(filing.purchased_capacity_t, 0)
                + coalesce(filing.waste_capacity_t, 0)
    END::DECIMAL(18, 3) AS filed_capacity_t,
    (filing.own_mine_capacity_t IS NULL)::INTEGER
    + (filing.purchased_capacity_t IS NULL)::INTEGER
    + (filing.waste_capacity_t IS NULL)::INTEGER AS blank_part_count,
    filing.usable_resource_t,
    filing.source_statement,
    filing.has_truth_declaration,
    filing.planned_haul_t,
    filing.planned_rail_t,
    filing.record_approved_on,
    coalesce(filing.record_approved_on_is_none, FALSE) AS record_approved_on_is_none,
    filing.land_approved_on,
    coalesce(filing.land_approved_on_is_none, FALSE) AS land_approved_on_is_none,
    filing.plan_approved_on,
    coalesce(filing.plan_approved_on_is_none, FALSE) AS plan_approved_on_is_none,
    filing.eia_approved_on,
    coalesce(filing.eia_approved_on_is_none, FALSE) AS eia_approved_on_is_none,
    filing.construction_start_on,
    filing.is_ultra_low_emission,
    filing.snapshot_sha256,
    filing.line
FROM raw.capacity_filing AS filing
LEFT JOIN reference.region AS region ON filing.county_code = region.county_code
WHERE filing.outcome = 'accepted'
