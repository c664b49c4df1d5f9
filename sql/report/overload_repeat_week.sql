/*
description: >-
  Vehicles that were released over the limit in the week and more often in the year up to it than rule repeat_overload
  takes for a repeat; without their plates, which stand in the annex under the same number. Leads: the law counts
  established cases, not releases.
grain: one row a (lead_no, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  lead_no: number of the vehicle within the week, as in the annex
  week_count: its releases over the limit in the week
  year_lead_count: those of the year up to the Sunday (window_days of rule repeat_overload)
  site_count: sites that released it in the week
  site_names: those sites
  usable_count: releases of the week whose record may go to enforcement as it stands
  max_over_share: highest rate over the limit in the week
  over_t: mass over the limit in the week, t, a lower bound
*/
SELECT
    week_start,
    lead_no,
    count(*) AS week_count,
    any_value(year_lead_count) AS year_lead_count,
    count(DISTINCT site_id) AS site_count,
    string_agg(DISTINCT site_id, '、' ORDER BY site_id) AS site_names,
    count(*) FILTER (is_usable) AS usable_count,
    max(over_rate) AS max_over_share,
    (sum(over_kg) / 1000)::DECIMAL(18, 3) AS over_t
FROM report.overload_annex_week
WHERE is_repeat
GROUP BY week_start, lead_no
ORDER BY week_start, lead_no
