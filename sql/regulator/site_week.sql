/*
description: >-
  Releases and overloads of each site by week, with the site's name and county and how complete its feed was.
  FROM overload.site_week; some weeks only: FROM overload.site_week(from_on := '2026-01-05', to_on := '2026-03-29')
arguments:
  from_on: first day; weeks that begin on it or later; all where it is not given
  to_on: last day; weeks that begin on it or earlier; all where it is not given
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
  beyond_error_count: those of them that are over it by more than a scale in service may err
  undetermined_count: releases that cannot be determined
  exempt_count: releases exempt by evidence
  over_rate_per_1000: over the limit per 1,000 determinable releases
  undetermined_share: undetermined by judged releases
  over_t: mass over the limit, t; a lower bound
  completeness_share: days with tickets by days on which the register expects some
*/
CREATE OR REPLACE MACRO overload.site_week(from_on := NULL, to_on := NULL) AS TABLE
    SELECT
        judged.week_start,
        judged.site_id,
        coalesce(site_week.site_name, judged.site_id) AS site_name,
        site_week.firm_name,
        coalesce(site_week.is_registered_site, FALSE) AS is_registered_site,
        judged.county_code,
        region.county_name,
        judged.release_count,
        judged.determinable_count,
        judged.breached_count,
        judged.beyond_error_count,
        judged.undetermined_count,
        judged.exempt_count,
        judged.over_rate_per_1000,
        judged.undetermined_share,
        judged.over_t,
        site_week.completeness_share
    FROM mart.overload_site_week AS judged
    LEFT JOIN mart.site_week AS site_week
        ON judged.site_id = site_week.site_id AND judged.week_start = site_week.week_start
    LEFT JOIN reference.region AS region ON judged.county_code = region.county_code
    WHERE
        judged.week_start >= coalesce(from_on::DATE, '-infinity'::DATE)
        AND judged.week_start <= coalesce(to_on::DATE, 'infinity'::DATE)
    ORDER BY judged.week_start, judged.site_id
