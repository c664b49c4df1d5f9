/*
description: >-
  Releases and overloads of each site by week, with the site's name and county and how complete its feed was.
  FROM site_week(); some weeks only: FROM site_week(from_on := '2026-01-05', to_on := '2026-03-29')
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
  undetermined_count: releases that cannot be determined
  over_rate_per_1000: over the limit per 1,000 determinable releases
  undetermined_share: undetermined by judged releases
  over_t: mass over the limit, t; a lower bound
  completeness_share: days with tickets by days on which the register expects some
*/
CREATE OR REPLACE MACRO site_week(from_on := NULL, to_on := NULL) AS TABLE
    SELECT
        overload.week_start,
        overload.site_id,
        coalesce(site_week.site_name, overload.site_id) AS site_name,
        site_week.firm_name,
        coalesce(site_week.is_registered_site, FALSE) AS is_registered_site,
        overload.county_code,
        region.county_name,
        overload.release_count,
        overload.determinable_count,
        overload.breached_count,
        overload.undetermined_count,
        overload.over_rate_per_1000,
        overload.undetermined_share,
        overload.over_t,
        site_week.completeness_share
    FROM mart.overload_site_week AS overload
    LEFT JOIN mart.site_week AS site_week
        ON overload.site_id = site_week.site_id AND overload.week_start = site_week.week_start
    LEFT JOIN reference.region AS region ON overload.county_code = region.county_code
    WHERE
        overload.week_start >= coalesce(from_on::DATE, '-infinity'::DATE)
        AND overload.week_start <= coalesce(to_on::DATE, 'infinity'::DATE)
    ORDER BY overload.week_start, overload.site_id
