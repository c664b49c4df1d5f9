/*
description: >-
  Sites with releases over the limit in the week, as leads; a ticket proves loading and release, not
  driving on a road.
grain: one row a (site_id, week_start)
period: week_start
lookback: 4
columns:
  week_start: Monday of the ISO week
  site_id: site
  site_name: site
  firm_name: firm that runs it
  is_registered_site: whether the register knows it
  county_code: county
  county_name: county
  release_count: releases judged
  determinable_count: releases with a verdict met or breached
  breached_count: releases over the limit
  undetermined_count: releases that cannot be determined
  over_rate_per_1000: over the limit per 1,000 determinable releases
  over_rate_low_per_1000: lower end of its 95 % interval (Wilson score, two-sided)
  over_rate_high_per_1000: upper end of it
  over_t: mass over the limit, t, a lower bound
  max_over_share: highest rate over the limit of one release
  breached_4w_count: releases over the limit in this week and the 3 before
*/
WITH heaviest AS (
    SELECT
        site_id,
        week_start,
        max(over_rate) AS max_over_share
    FROM mart.overload_record
    WHERE verdict = 'breached'
    GROUP BY site_id, week_start
),

site AS (
    SELECT
        *,
        (sum(breached_count) OVER (
            PARTITION BY site_id
            ORDER BY week_start
            RANGE BETWEEN INTERVAL 21 DAYS PRECEDING AND CURRENT ROW
        ))::BIGINT AS breached_4w_count,
        breached_count / nullif(determinable_count, 0) AS rate,
        1.96 * 1.96 / nullif(determinable_count, 0) AS spread
    FROM mart.overload_site_week
)

SELECT
    site.week_start,
    site.site_id,
    coalesce(site_week.site_name, site.site_id) AS site_name,
    site_week.firm_name,
    coalesce(site_week.is_registered_site, FALSE) AS is_registered_site,
    site.county_code,
    region.county_name,
    site.release_count,
    site.determinable_count,
    site.breached_count,
    site.undetermined_count,
    site.over_rate_per_1000,
    (
        1000 * (site.rate + site.spread / 2 - sqrt(site.spread * (site.rate * (1 - site.rate) + site.spread / 4)))
        / (1 + site.spread)
    )::DECIMAL(9, 3) AS over_rate_low_per_1000,
    (
        1000 * (site.rate + site.spread / 2 + sqrt(site.spread * (site.rate * (1 - site.rate) + site.spread / 4)))
        / (1 + site.spread)
    )::DECIMAL(9, 3) AS over_rate_high_per_1000,
    site.over_t,
    heaviest.max_over_share,
    site.breached_4w_count
FROM site
LEFT JOIN mart.site_week AS site_week
    ON site.site_id = site_week.site_id AND site.week_start = site_week.week_start
LEFT JOIN reference.region AS region ON site.county_code = region.county_code
LEFT JOIN heaviest ON site.site_id = heaviest.site_id AND site.week_start = heaviest.week_start
WHERE site.breached_count > 0
ORDER BY site.week_start ASC, site.breached_count DESC, site.over_t DESC, site.site_id ASC
