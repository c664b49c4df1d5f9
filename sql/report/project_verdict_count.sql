/*
description: Projects by rule and outcome.
grain: one row a (rule, outcome)
period: none
columns:
  rule: rule, a folder of sql/policy
  kind: law, management or default
  outcome: met, breached, undetermined, exempted (by the text), not_applicable or not_in_force
  project_count: projects
*/
SELECT
    rule,
    kind,
    outcome,
    count(*) AS project_count
FROM report.project_verdict
GROUP BY rule, kind, outcome
ORDER BY rule, outcome
