/*
description: Days from each approval to the start of construction, per new project.
grain: one row a (subject_id, part)
columns:
  subject_id: project code
  subject_name: project
  county_code: county of the project
  part: record, land, plan or eia
  judged_on: date of filing
  value_low: days from the approval to the start of construction
  value_high: the same; the value is exact
  base: 1
  exempt_reason: out_of_scope for other than new projects, not_due before construction starts
  undetermined_reason: what is missing
  breached_reason: approval_stated_as_not_obtained
  doubt_reason: never set here
  approved_on: date of the approval
  construction_start_on: start of construction
  snapshot_sha256: file of the filing
  line: line of that file
*/
WITH approval AS (
    SELECT
        *,
        'record' AS part,
        record_approved_on AS approved_on,
        record_approved_on_is_none AS is_none
    FROM staging.capacity_filing
    UNION ALL
    SELECT
        *,
        'land' AS part,
        land_approved_on AS approved_on,
        land_approved_on_is_none AS is_none
    FROM staging.capacity_filing
    UNION ALL
    SELECT
        *,
        'plan' AS part,
        plan_approved_on AS approved_on,
        plan_approved_on_is_none AS is_none
    FROM staging.capacity_filing
    UNION ALL
    SELECT
        *,
        'eia' AS part,
        eia_approved_on AS approved_on,
        eia_approved_on_is_none AS is_none
    FROM staging.capacity_filing
)

SELECT
    project_id AS subject_id,
    project_name AS subject_name,
    county_code,
    part,
    filed_on AS judged_on,
    date_diff('day', approved_on, construction_start_on) AS value_low,
    date_diff('day', approved_on, construction_start_on) AS value_high,
    1 AS base,
    CASE
        WHEN project_kind IN ('expansion', 'renovation') THEN 'out_of_scope'
        WHEN construction_start_on IS NULL THEN 'not_due'
    END AS exempt_reason,
    CASE
        WHEN project_kind IS NULL THEN 'project_kind_blank'
        WHEN approved_on IS NULL AND NOT is_none THEN 'approval_blank'
    END AS undetermined_reason,
    CASE WHEN is_none THEN 'approval_stated_as_not_obtained' END AS breached_reason,
    NULL::VARCHAR AS doubt_reason,
    approved_on,
    construction_start_on,
    snapshot_sha256,
    line
FROM approval
