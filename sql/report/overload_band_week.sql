/*
description: Releases over the limit by band of the rate and week, beside the mean of the 4 weeks before.
grain: one row a (band, week_start)
period: week_start
lookback: 4
columns:
  week_start: Monday of the ISO week
  over_rate_from: lower end of the band, included
  band: band of the rate over the limit
  breached_count: releases over the limit in the week
  mean_before_count: mean of the 4 weeks before; NULL where there are fewer
*/
WITH week AS (
    SELECT DISTINCT week_start
    FROM mart.overload_site_week
),

counted AS (
    SELECT
        week.week_start,
        over_band.over_rate_from,
        over_band.band,
        count(overload.record_id) AS breached_count
    FROM week
    CROSS JOIN policy.axle_limit_over_band AS over_band
    LEFT JOIN mart.overload_record AS overload
        ON
            week.week_start = overload.week_start
            AND over_band.band = overload.band
            AND overload.verdict = 'breached'
    GROUP BY ALL
)

SELECT
    week_start,
    over_rate_from,
    band,
    breached_count,
    CASE WHEN count(*) OVER weeks_before = 4 THEN avg(breached_count) OVER weeks_before END::DECIMAL(12, 2)
        AS mean_before_count
FROM counted
WINDOW
    weeks_before AS (
        PARTITION BY band
        ORDER BY week_start
        RANGE BETWEEN INTERVAL 28 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
    )
ORDER BY week_start, over_rate_from
