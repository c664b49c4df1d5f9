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
  over_rate_low_per_1000: lower end of its 95 % interval (Wilson score, two-sided)
  over_rate_high_per_1000: upper end of it
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
),

counted AS (
    SELECT
        week_start,
        place_code,
        sum(release_count)::BIGINT AS release_count,
        sum(determinable_count)::BIGINT AS determinable_count,
        sum(breached_count)::BIGINT AS breached_count,
        sum(beyond_error_count)::BIGINT AS beyond_error_count,
        sum(usable_count)::BIGINT AS usable_count,
        sum(exempt_count)::BIGINT AS exempt_count,
        sum(undetermined_count)::BIGINT AS undetermined_count,
        sum(over_t)::DECIMAL(18, 3) AS over_t
    FROM placed
    GROUP BY week_start, place_code
),

-- Wilson score interval: it holds near a rate of 0 and for few releases, where the plain one does not.
measured AS (
    SELECT
        *,
        breached_count / nullif(determinable_count, 0) AS rate,
        1.96 * 1.96 / nullif(determinable_count, 0) AS spread
    FROM counted
)

SELECT
    measured.week_start,
    measured.place_code AS county_code,
    region.county_name,
    coalesce(region.kind = 'city', FALSE) AS is_city,
    measured.release_count,
    measured.determinable_count,
    measured.breached_count,
    measured.beyond_error_count,
    measured.usable_count,
    measured.exempt_count,
    measured.undetermined_count,
    (1000 * measured.rate)::DECIMAL(9, 3) AS over_rate_per_1000,
    (
        1000 * (
            measured.rate + measured.spread / 2
            - sqrt(measured.spread * (measured.rate * (1 - measured.rate) + measured.spread / 4))
        ) / (1 + measured.spread)
    )::DECIMAL(9, 3) AS over_rate_low_per_1000,
    (
        1000 * (
            measured.rate + measured.spread / 2
            + sqrt(measured.spread * (measured.rate * (1 - measured.rate) + measured.spread / 4))
        ) / (1 + measured.spread)
    )::DECIMAL(9, 3) AS over_rate_high_per_1000,
    (measured.undetermined_count / nullif(measured.release_count, 0))::DECIMAL(7, 6) AS undetermined_share,
    measured.over_t
FROM measured
LEFT JOIN reference.region AS region ON measured.place_code = region.county_code
ORDER BY measured.week_start, measured.place_code
