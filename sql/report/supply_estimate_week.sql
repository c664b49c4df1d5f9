/*
description: >-
  What was weighed and, beside it, 推算: weighed plus, for each expected site-day without a ticket, the site's median of
  that weekday in the 8 weeks before. The 80 % interval comes from 1,000 resamples: each missing day takes one of those
  past days by a seeded draw (median plus its residual is the past value itself), and the sums give their tenths.
grain: one row a (county_code, week_start)
period: week_start
lookback: 8
columns:
  week_start: Monday of the ISO week
  county_code: GB/T 2260 code; the city row holds all sites
  county_name: county or city
  is_city: whether the row is the whole city
  weighed_t: net mass of the releases as weighed, t
  missing_day_count: expected site-days without a ticket
  filled_day_count: those of them with a past day to go by
  estimate_t: weighed plus the medians of the filled days, t
  low_t: 10 % of the resampled sums lie below, t
  high_t: 10 % of the resampled sums lie above, t
*/
WITH reach AS (
    SELECT max(weighed_on) AS last_on
    FROM staging.ticket_day
),

missing AS (
    SELECT
        gone.site_id,
        gone.county_code,
        gone.week_start,
        gone.day_on,
        -- Whole kilograms as doubles: quantiles over decimals of 18 digits are two orders slower.
        list(past.dispatch_t::DOUBLE ORDER BY past.day_on) FILTER (past.day_on IS NOT NULL) AS past_t
    FROM mart.site_day AS gone
    LEFT JOIN mart.site_day AS past
        ON
            gone.site_id = past.site_id
            AND past.day_on BETWEEN gone.day_on - 56 AND gone.day_on - 7
            AND (gone.day_on - past.day_on) % 7 = 0
            AND past.is_expected
            AND past.ticket_count > 0
    CROSS JOIN reach
    WHERE gone.is_expected AND gone.ticket_count = 0 AND gone.day_on <= reach.last_on
    GROUP BY gone.site_id, gone.county_code, gone.week_start, gone.day_on
),

place AS (
    SELECT
        county_code,
        county_name,
        kind = 'city' AS is_city
    FROM reference.region
),

filled AS (
    SELECT
        place.county_code,
        missing.week_start,
        count(*) AS missing_day_count,
        count(missing.past_t) AS filled_day_count,
        coalesce(sum(list_median(missing.past_t)), 0) AS median_t
    FROM missing
    INNER JOIN place ON missing.county_code = place.county_code OR place.is_city
    GROUP BY place.county_code, missing.week_start
),

draw AS (
    SELECT
        missing.county_code,
        missing.week_start,
        resample.resample_no,
        sum(
            missing.past_t[
                1 + (
                    md5_number_lower(concat_ws('|', missing.site_id, missing.day_on, resample.resample_no))
                    % len(missing.past_t)
                )::INTEGER
            ]
        ) AS drawn_t
    FROM missing
    CROSS JOIN range(1000) AS resample (resample_no)
    WHERE missing.past_t IS NOT NULL
    GROUP BY missing.county_code, missing.week_start, resample.resample_no
),

drawn AS (
    SELECT
        place.county_code,
        draw.week_start,
        draw.resample_no,
        sum(draw.drawn_t) AS drawn_t
    FROM draw
    INNER JOIN place ON draw.county_code = place.county_code OR place.is_city
    GROUP BY place.county_code, draw.week_start, draw.resample_no
),

spread AS (
    SELECT
        county_code,
        week_start,
        quantile_cont(drawn_t, 1 / 10) AS low_t,
        quantile_cont(drawn_t, 9 / 10) AS high_t
    FROM drawn
    GROUP BY county_code, week_start
)

SELECT
    county_week.week_start,
    county_week.county_code,
    county_week.county_name,
    place.is_city,
    county_week.dispatch_t AS weighed_t,
    coalesce(filled.missing_day_count, 0) AS missing_day_count,
    coalesce(filled.filled_day_count, 0) AS filled_day_count,
    (county_week.dispatch_t + coalesce(filled.median_t, 0))::DECIMAL(18, 3) AS estimate_t,
    (county_week.dispatch_t + coalesce(spread.low_t, 0))::DECIMAL(18, 3) AS low_t,
    (county_week.dispatch_t + coalesce(spread.high_t, 0))::DECIMAL(18, 3) AS high_t
FROM mart.county_week AS county_week
INNER JOIN place ON county_week.county_code = place.county_code
LEFT JOIN filled
    ON county_week.county_code = filled.county_code AND county_week.week_start = filled.week_start
LEFT JOIN spread
    ON county_week.county_code = spread.county_code AND county_week.week_start = spread.week_start
ORDER BY county_week.week_start, county_week.county_code
