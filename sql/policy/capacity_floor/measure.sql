/*
description: Filed capacity of each project, with what the text exempts or leaves open, in the order of the floor's decision list.
grain: one row a (subject_id, part)
columns:
  subject_id: project code
  subject_name: project
  county_code: county of the project
  part: filed_capacity
  judged_on: date of filing
  value_low: filed capacity, t per year
  value_high: the same; the value is exact
  base: 1
  exempt_reason: exempted_by_text or out_of_scope
  undetermined_reason: what is missing
  breached_reason: never set here
  doubt_reason: why a figure under the floor is no breach yet
  project_kind: new, expansion or renovation
  is_project_kind_assumed: whether the kind is the source profile's default
  own_mine_capacity_t: part fed by the own mine, t per year
  own_mine_basis: max_extractable or stripped_waste_rock
  purchased_capacity_t: part fed by bought ore, t per year
  waste_capacity_t: part fed by waste, t per year
  blank_part_count: parts left blank, counted as 0 beside stated ones
  snapshot_sha256: file of the filing
  line: line of that file
*/
SELECT
    project_id AS subject_id,
    project_name AS subject_name,
    county_code,
    'filed_capacity' AS part,
    filed_on AS judged_on,
    filed_capacity_t AS value_low,
    filed_capacity_t AS value_high,
    1 AS base,
    CASE
        WHEN project_kind IN ('expansion', 'renovation') THEN 'out_of_scope'
        WHEN
            waste_capacity_t > 0
            AND coalesce(own_mine_capacity_t, 0) = 0
            AND coalesce(purchased_capacity_t, 0) = 0
            THEN 'exempted_by_text'
    END AS exempt_reason,
    CASE
        WHEN project_kind IS NULL THEN 'project_kind_blank'
        WHEN filed_capacity_t IS NULL THEN 'capacity_blank'
    END AS undetermined_reason,
    NULL::VARCHAR AS breached_reason,
    CASE
        WHEN
            own_mine_basis = 'stripped_waste_rock' AND own_mine_capacity_t > 0 AND coalesce(purchased_capacity_t, 0) = 0
            THEN 'own_mine_on_waste_rock'
        WHEN waste_capacity_t > 0 THEN 'mixed_with_waste'
    END AS doubt_reason,
    project_kind,
    is_project_kind_assumed,
    own_mine_capacity_t,
    own_mine_basis,
    purchased_capacity_t,
    waste_capacity_t,
    blank_part_count,
    snapshot_sha256,
    line
FROM staging.capacity_filing
