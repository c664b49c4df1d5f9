/*
description: Releases over the limit by site and week; leads, counted against the releases that can be determined.
grain: one row a (site_id, week_start)
period: week_start
lookback: 0
columns:
  site_id: site
  county_code: county of the site
  week_start: Monday of the ISO week
  release_count: releases judged
  determinable_count: releases with a verdict met or breached
  breached_count: releases over the limit
  beyond_error_count: those of them that are over it by more than a scale in service may err
  usable_count: those of them whose record may go to enforcement as it stands
  undetermined_count: releases that cannot be determined
  exempt_count: releases exempt by evidence
  over_rate_per_1000: breached per 1,000 determinable releases
  undetermined_share: undetermined by judged releases
  over_t: mass over the limit, t, a lower bound
*/
SELECT
    weighing.site_id,
    weighing.county_code,
    weighing.week_start,
    count(*) AS release_count,
    count(*) FILTER (judged.verdict IN ('met', 'breached')) AS determinable_count,
    count(*) FILTER (judged.verdict = 'breached') AS breached_count,
    count(*) FILTER (overload.over_beyond_error_kg > 0) AS beyond_error_count,
    count(*) FILTER (overload.is_enforcement_usable) AS usable_count,
    count(*) FILTER (judged.verdict = 'undetermined') AS undetermined_count,
    count(*) FILTER (judged.verdict = 'exempt') AS exempt_count,
    (
        1000 * count(*) FILTER (judged.verdict = 'breached')
        / nullif(count(*) FILTER (judged.verdict IN ('met', 'breached')), 0)
    )::DECIMAL(9, 3) AS over_rate_per_1000,
    (count(*) FILTER (judged.verdict = 'undetermined') / count(*))::DECIMAL(7, 6) AS undetermined_share,
    coalesce(sum(judged.value_low) FILTER (judged.verdict = 'breached') / 1000, 0)::DECIMAL(18, 3) AS over_t
FROM policy.axle_limit AS judged
INNER JOIN mart.release AS weighing ON judged.subject_id = weighing.ticket_id
LEFT JOIN mart.overload_record AS overload ON judged.subject_id = overload.record_id AND overload.verdict = 'breached'
GROUP BY ALL
ORDER BY weighing.week_start, weighing.site_id
