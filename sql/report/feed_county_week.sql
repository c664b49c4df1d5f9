/*
description: >-
  Health of the ticket feed by county and week; sites due and seen, what is known of the missing days, and days whose
  tickets came too late.
grain: one row a (county_code, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  county_code: county of the sites; the city code for all registered sites
  county_name: county or city
  is_city: whether the row is the whole city
  due_site_count: registered sites of which tickets were due in the week
  seen_site_count: those of them with tickets on a due day
  full_site_count: those of them with tickets on every due day
  due_day_count: days on which tickets were due, over all sites
  seen_day_count: of them, days with tickets
  completeness_share: seen by due days; NULL where none is due
  feed_down_day_count: missing days with a sign that the feed was down (断报)
  no_trade_day_count: missing days with a sign that nothing was sold (无成交)
  unknown_day_count: missing days of unknown cause (原因不明)
  closed_day_count: days on which the register says that a site is closed (停产); not due
  timed_day_count: site-days whose tickets say when the platform received them
  late_day_count: of them, days whose tickets came later, in the mean, than the feed's contract allows
  late_share: late by timed days; NULL where no ticket says when it was received
*/
WITH late_day AS (
    SELECT
        day.source_id AS site_id,
        day.week_start,
        count(*) AS timed_day_count,
        count(*) FILTER (day.mean_lag_days > feed.max_age_days) AS late_day_count
    FROM mart.source_day AS day
    INNER JOIN reference.feed AS feed ON day.feed = feed.feed
    WHERE day.feed = 'weighbridge_ticket' AND day.mean_lag_days IS NOT NULL
    GROUP BY day.source_id, day.week_start
),

gap AS (
    SELECT
        site_id,
        week_start,
        sum(week_day_count) FILTER (kind = 'feed_down') AS feed_down_day_count,
        sum(week_day_count) FILTER (kind = 'no_trade') AS no_trade_day_count,
        sum(week_day_count) FILTER (kind = 'unknown') AS unknown_day_count
    FROM report.feed_gap_week
    GROUP BY site_id, week_start
),

site AS (
    SELECT
        site_week.site_id,
        site_week.county_code,
        site_week.week_start,
        site_week.expected_day_count,
        site_week.seen_day_count,
        site_week.closed_day_count,
        coalesce(gap.feed_down_day_count, 0) AS feed_down_day_count,
        coalesce(gap.no_trade_day_count, 0) AS no_trade_day_count,
        coalesce(gap.unknown_day_count, 0) AS unknown_day_count,
        coalesce(late_day.timed_day_count, 0) AS timed_day_count,
        coalesce(late_day.late_day_count, 0) AS late_day_count
    FROM mart.site_week AS site_week
    LEFT JOIN gap ON site_week.site_id = gap.site_id AND site_week.week_start = gap.week_start
    LEFT JOIN late_day ON site_week.site_id = late_day.site_id AND site_week.week_start = late_day.week_start
    WHERE site_week.is_registered_site
),

placed AS (
    -- A site registered under the city's own code is in the city row only.
    SELECT
        site.county_code AS place_code,
        site.*
    FROM site
    INNER JOIN reference.region AS county ON site.county_code = county.county_code
    WHERE county.kind <> 'city'
    UNION ALL
    SELECT
        city.county_code AS place_code,
        site.*
    FROM site
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city'
)

SELECT
    placed.week_start,
    placed.place_code AS county_code,
    region.county_name,
    region.kind = 'city' AS is_city,
    count(*) FILTER (placed.expected_day_count > 0) AS due_site_count,
    count(*) FILTER (placed.seen_day_count > 0) AS seen_site_count,
    count(*) FILTER (placed.expected_day_count > 0 AND placed.seen_day_count = placed.expected_day_count)
        AS full_site_count,
    sum(placed.expected_day_count)::BIGINT AS due_day_count,
    sum(placed.seen_day_count)::BIGINT AS seen_day_count,
    (sum(placed.seen_day_count) / nullif(sum(placed.expected_day_count), 0))::DECIMAL(7, 6) AS completeness_share,
    sum(placed.feed_down_day_count)::BIGINT AS feed_down_day_count,
    sum(placed.no_trade_day_count)::BIGINT AS no_trade_day_count,
    sum(placed.unknown_day_count)::BIGINT AS unknown_day_count,
    sum(placed.closed_day_count)::BIGINT AS closed_day_count,
    sum(placed.timed_day_count)::BIGINT AS timed_day_count,
    sum(placed.late_day_count)::BIGINT AS late_day_count,
    (sum(placed.late_day_count) / nullif(sum(placed.timed_day_count), 0))::DECIMAL(7, 6) AS late_share
FROM placed
INNER JOIN reference.region AS region ON placed.place_code = region.county_code
GROUP BY placed.week_start, placed.place_code, region.county_name, region.kind
ORDER BY placed.week_start, placed.place_code
