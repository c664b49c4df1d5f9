/*
description: >-
  How far the projects that were measured stand from their thresholds, by rule and part. Counted are verdicts met or
  breached by measuring; parts that only ask whether something is there or was in time have no headroom.
grain: one row a (rule, part)
period: none
columns:
  rule: rule, a folder of sql/policy
  kind: law, management or default
  part: part of the rule that decided
  must_be: how the value must stand to the threshold
  threshold: newest threshold of the part
  threshold_unit: its unit
  met_count: projects on the right side, those exactly on the threshold included where the rule lets them
  exact_count: of them, projects exactly on the threshold
  breached_count: projects on the wrong side
  least_headroom: smallest headroom among the met, in the unit of the value (t, or t per year)
  median_headroom: median headroom among the met, likewise
  met_headroom: sum of the headroom of the met, likewise
  lacking: sum of what the breached lack, likewise, as a positive figure
*/
SELECT
    rule,
    kind,
    part,
    any_value(must_be) AS must_be,
    arg_max(threshold, judged_on) AS threshold,
    any_value(threshold_unit) AS threshold_unit,
    count(*) FILTER (outcome = 'met') AS met_count,
    count(*) FILTER (outcome = 'met' AND headroom = 0) AS exact_count,
    count(*) FILTER (outcome = 'breached') AS breached_count,
    min(headroom) FILTER (outcome = 'met') AS least_headroom,
    (median(headroom) FILTER (outcome = 'met'))::DECIMAL(18, 3) AS median_headroom,
    sum(headroom) FILTER (outcome = 'met')::DECIMAL(18, 3) AS met_headroom,
    -sum(headroom) FILTER (outcome = 'breached')::DECIMAL(18, 3) AS lacking
FROM report.project_verdict
WHERE outcome IN ('met', 'breached') AND headroom IS NOT NULL AND threshold_unit IN ('t per year', 'share', 'years')
GROUP BY rule, kind, part
ORDER BY rule, part
