/*
description: Planned rail haulage against all planned haulage of each project from the haulage on that the rule names.
grain: one row a (subject_id, part)
columns:
  subject_id: project code
  subject_name: project
  county_code: county of the project
  part: rail_share
  judged_on: date of filing
  value_low: planned haulage by rail, t per year
  value_high: the same; the value is exact
  base: planned haulage, t per year
  exempt_reason: out_of_scope under the haulage floor
  undetermined_reason: plan_missing
  breached_reason: never set here
  doubt_reason: never set here
  planned_haul_t: planned haulage, t per year
  planned_rail_t: planned haulage by rail, t per year
  snapshot_sha256: file of the filing
  line: line of that file
*/
SELECT
    filing.project_id AS subject_id,
    filing.project_name AS subject_name,
    filing.county_code,
    'rail_share' AS part,
    filing.filed_on AS judged_on,
    filing.planned_rail_t AS value_low,
    filing.planned_rail_t AS value_high,
    filing.planned_haul_t AS base,
    CASE WHEN filing.planned_haul_t < haul_floor.value THEN 'out_of_scope' END AS exempt_reason,
    CASE WHEN filing.planned_haul_t IS NULL OR filing.planned_rail_t IS NULL THEN 'plan_missing' END
        AS undetermined_reason,
    NULL::VARCHAR AS breached_reason,
    NULL::VARCHAR AS doubt_reason,
    filing.planned_haul_t,
    filing.planned_rail_t,
    filing.snapshot_sha256,
    filing.line
FROM staging.capacity_filing AS filing
CROSS JOIN policy.parameter AS haul_floor
WHERE haul_floor.rule = 'rail_share' AND haul_floor.name = 'haul_floor_t'
