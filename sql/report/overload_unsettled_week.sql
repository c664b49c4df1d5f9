/*
description: >-
  What keeps weighings out of the overload rate; releases by the fact that is missing, and weighings
  that are no release.
grain: one row a (kind, cause, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  kind: undetermined (a release, outside the rate for want of a fact) or lead (over a limit, but no release)
  cause: missing fact, or reweighed, in or internal
  weighing_count: weighings
*/
SELECT
    week_start,
    'undetermined' AS kind,
    coalesce(missing_field, reason_code) AS cause,
    count(*) AS weighing_count
FROM mart.overload_record
WHERE verdict = 'undetermined'
GROUP BY ALL
UNION ALL
SELECT
    week_start,
    'lead' AS kind,
    lead_kind AS cause,
    count(*) AS weighing_count
FROM mart.overload_lead
GROUP BY ALL
ORDER BY week_start ASC, kind ASC, weighing_count DESC, cause ASC
