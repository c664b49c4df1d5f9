/*
description: The city's dispatch is the sum of all releases, no site left out and none counted twice.
text_zh: 全市发运量等于全部放行净重之和（站点不重不漏）
severity: critical
table: mart.county_week
action: look for a site that stands twice in staging.site or in mart.site_week
action_zh: 请检查 staging.site 与 mart.site_week 中是否有重复站点
columns:
  week_start: Monday of the ISO week
  dispatch_t: dispatch of the city, t
  released_t: sum of the releases, t
*/
WITH released AS (
    SELECT
        weighing.week_start,
        SUM(weighing.net_t) AS released_t
    FROM mart.release AS weighing
    -- A ticket dated decades away is in no week of the calendar; one bad row must not stop the city.
    SEMI JOIN reference.calendar AS calendar ON weighing.week_start = calendar.day_on
    WHERE NOT weighing.is_reweighed
    GROUP BY weighing.week_start
),

city AS (
    SELECT
        county_week.week_start,
        county_week.dispatch_t
    FROM mart.county_week AS county_week
    INNER JOIN reference.region AS region ON county_week.county_code = region.county_code
    WHERE region.kind = 'city'
)

SELECT
    COALESCE(city.week_start, released.week_start) AS week_start,
    city.dispatch_t,
    released.released_t
FROM city
FULL JOIN released ON city.week_start = released.week_start
WHERE COALESCE(city.dispatch_t, 0) <> COALESCE(released.released_t, 0)
ORDER BY week_start
