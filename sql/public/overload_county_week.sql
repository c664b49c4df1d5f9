/*
description: >-
  Releases over the limit by county and week, per 1,000 releases that can be determined; small cells withheld, the
  same counties as in public.county_week. There is no city row, so nothing can be subtracted. Leads, not findings.
grain: one row a (county_code, week_start)
period: week_start
lookback: 1
columns:
  county_code: GB/T 2260 code of the county
  county_name: county
  week_start: Monday of the ISO week
  is_withheld: whether figures are withheld because too few firms stand behind them
  determinable_count: releases with a verdict; NULL where withheld
  over_rate_per_1000: breached per 1,000 determinable releases; NULL where withheld
  undetermined_share: undetermined by judged releases; NULL where withheld
*/
WITH county AS (
    SELECT
        site.county_code,
        site.week_start,
        sum(site.release_count) AS release_count,
        sum(site.determinable_count) AS determinable_count,
        sum(site.breached_count) AS breached_count,
        sum(site.undetermined_count) AS undetermined_count
    FROM mart.overload_site_week AS site
    INNER JOIN reference.region AS region ON site.county_code = region.county_code
    WHERE region.kind <> 'city'
    GROUP BY site.county_code, site.week_start
)

SELECT
    county.county_code,
    published.county_name,
    county.week_start,
    published.is_withheld,
    CASE WHEN NOT published.is_withheld THEN county.determinable_count END::BIGINT AS determinable_count,
    CASE
        WHEN NOT published.is_withheld
            THEN 1000 * county.breached_count / nullif(county.determinable_count, 0)
    END::DECIMAL(9, 3) AS over_rate_per_1000,
    CASE
        WHEN NOT published.is_withheld THEN county.undetermined_count / county.release_count
    END::DECIMAL(7, 6) AS undetermined_share
FROM county
INNER JOIN public.county_week AS published
    ON county.county_code = published.county_code AND county.week_start = published.week_start
ORDER BY county.week_start, county.county_code
