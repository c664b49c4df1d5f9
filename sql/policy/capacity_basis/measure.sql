/*
description: What each part of a filing rests on; own mine against its basis, bought ore and waste against five years of use and a declaration.
grain: one row a (subject_id, part)
columns:
  subject_id: project code
  subject_name: project
  county_code: county of the project
  part: own_mine, usable_years or declaration
  judged_on: date of filing
  value_low: own_mine the part's capacity, usable_years the usable resource, declaration 1 where it is there
  value_high: the same; the value is exact
  base: own_mine the basis, usable_years the capacity of both parts, declaration 1
  exempt_reason: out_of_scope where the filing has no such part
  undetermined_reason: what is missing
  breached_reason: declaration_stated_false
  doubt_reason: never set here
  own_mine_capacity_t: part fed by the own mine, t per year
  own_mine_basis_t: amount of its basis, t per year
  without_own_mine_t: parts fed by bought ore and waste, t per year
  usable_resource_t: usable resource, t
  source_statement: where bought ore and waste come from
  snapshot_sha256: file of the filing
  line: line of that file
*/
WITH filing AS (
    SELECT
        *,
        CASE
            WHEN purchased_capacity_t IS NOT NULL OR waste_capacity_t IS NOT NULL
                THEN coalesce(purchased_capacity_t, 0) + coalesce(waste_capacity_t, 0)
        END AS without_own_mine_t
    FROM staging.capacity_filing
),

part AS (
    SELECT
        *,
        'own_mine' AS part,
        own_mine_capacity_t AS measured,
        own_mine_basis_t AS base,
        CASE
            WHEN
                own_mine_capacity_t = 0 OR (own_mine_capacity_t IS NULL AND filed_capacity_t IS NOT NULL)
                THEN 'out_of_scope'
        END
            AS exempt_reason,
        CASE
            WHEN filed_capacity_t IS NULL THEN 'capacity_blank'
            WHEN own_mine_basis_t IS NULL OR own_mine_basis IS NULL THEN 'basis_blank'
        END AS undetermined_reason,
        NULL::VARCHAR AS breached_reason
    FROM filing
    UNION ALL
    SELECT
        *,
        'usable_years' AS part,
        usable_resource_t AS measured,
        without_own_mine_t AS base,
        CASE
            WHEN
                without_own_mine_t = 0 OR (without_own_mine_t IS NULL AND filed_capacity_t IS NOT NULL)
                THEN 'out_of_scope'
        END
            AS exempt_reason,
        CASE
            WHEN filed_capacity_t IS NULL THEN 'capacity_blank'
            WHEN usable_resource_t IS NULL THEN 'resource_blank'
        END AS undetermined_reason,
        NULL::VARCHAR AS breached_reason
    FROM filing
    UNION ALL
    SELECT
        *,
        'declaration' AS part,
        1 AS measured,
        1 AS base,
        CASE
            WHEN
                without_own_mine_t = 0 OR (without_own_mine_t IS NULL AND filed_capacity_t IS NOT NULL)
                THEN 'out_of_scope'
        END
            AS exempt_reason,
        CASE
            WHEN filed_capacity_t IS NULL THEN 'capacity_blank'
            WHEN has_truth_declaration IS NULL THEN 'declaration_blank'
            WHEN has_truth_declaration AND source_statement IS NULL THEN 'sources_blank'
        END AS undetermined_reason,
        CASE WHEN NOT has_truth_declaration THEN 'declaration_stated_false' END AS breached_reason
    FROM filing
)

SELECT
    project_id AS subject_id,
    project_name AS subject_name,
    county_code,
    part,
    filed_on AS judged_on,
    measured AS value_low,
    measured AS value_high,
    base,
    exempt_reason,
    undetermined_reason,
    breached_reason,
    NULL::VARCHAR AS doubt_reason,
    own_mine_capacity_t,
    own_mine_basis_t,
    without_own_mine_t,
    usable_resource_t,
    source_statement,
    snapshot_sha256,
    line
FROM part
