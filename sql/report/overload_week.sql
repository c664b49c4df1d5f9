/*
description: Releases over the limit by county and week, against the releases that can be determined.
grain: one row a (county_code, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  county_code: county of the sites; the city code for all sites, its own included; NULL for sites outside the register
  county_name: county or city
  is_city: whether the row is the whole city, sites outside the register included
  release_count: releases judged
  determinable_count: releases with a verdict met or breached
  breached_count: releases over the limit
  beyond_error_count: those of them that are over it by more than a scale in service may err
  usable_count: those of them whose record may go to enforcement as it stands
  exempt_count: releases exempt by evidence
  undetermined_count: releases that cannot be determined
  over_rate_per_1000: over the limit per 1,000 determinable releases
  undetermined_share: undetermined by judged releases
  over_t: mass over the limit, t, a lower bound
*/
WITH placed AS (
    -- A site registered under the city's own code is in the city row only; one outside the register has no county.
    SELECT
        site.county_code AS place_code,
        site.week_start,
        site.release_count,
        site.determinable_count,
        site.breached_count,
        site.beyond_error_count,
        site.usable_count,
        site.exempt_count,
        site.undetermined_count,
        site.over_t
    FROM mart.overload_site_week AS site
    LEFT JOIN reference.region AS county ON site.county_code = county.county_code
    WHERE county.kind IS DISTINCT FROM 'city'
    UNION ALL
    SELECT
        city.county_code AS place_code,
        site.week_start,
        site.release_count,
        site.determinable_count,
        site.breached_count,
        site.beyond_error_count,
        site.usable_count,
        site.exempt_count,
        site.undetermined_count,
        site.over_t
    FROM mart.overload_site_week AS site
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
)

SELECT
    placed.week_start,
    placed.place_code AS county_code,
    region.county_name,
    coalesce(region.kind = 'city', FALSE) AS is_city,
    sum(placed.release_count)::BIGINT AS release_count,
    sum(placed.determinable_count)::BIGINT AS determinable_count,
    sum(placed.breached_count)::BIGINT AS breached_count,
    sum(placed.beyond_error_count)::BIGINT AS beyond_error_count,
    sum(placed.usable_count)::BIGINT AS usable_count,
    sum(placed.exempt_count)::BIGINT AS exempt_count,
    sum(placed.undetermined_count)::BIGINT AS undetermined_count,
    (1000 * sum(placed.breached_count) / nullif(sum(placed.determinable_count), 0))::DECIMAL(9, 3)
        AS over_rate_per_1000,
    (sum(placed.undetermined_count) / nullif(sum(placed.release_count), 0))::DECIMAL(7, 6) AS undetermined_share,
    sum(placed.over_t)::DECIMAL(18, 3) AS over_t
FROM placed
LEFT JOIN reference.region AS region ON placed.place_code = region.county_code
GROUP BY placed.week_start, placed.place_code, region.county_name, region.kind
ORDER BY placed.week_start, placed.place_code
