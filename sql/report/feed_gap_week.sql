/*
description: >-
  Days on which a registered site was due to send tickets and sent none, run by run, with what is known of the cause; and
  the days on which the register says that it is closed. Never filled with 0. Without a sign of the cause it is unknown:
  nobody is accused on missing data.
grain: one row a (site_id, since_on, kind, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  site_id: site
  firm_name: firm that runs the site
  county_code: county of the site
  county_name: county
  kind: feed_down (断报), site_closed (停产), no_trade (无成交) or unknown (原因不明)
  sign: >-
    what speaks for the kind; register (closed by the register), waybill (waybills were issued there on a missing day),
    profile_silent (on most missing days at least three quarters of the due sites of its source profile, 3 or more, sent
    nothing: late corrections may still bring single tickets), stock_fell or stock_still (stock reported on two days of
    the run was less, or the same), holiday (all missing days are public holidays); NULL where nothing does
  since_on: first missing day of the run
  until_on: last missing day of the run up to the week's Sunday
  is_running: whether nothing that was due has come since, up to the week's Sunday
  week_day_count: missing days in the week
  day_count: missing days of the run up to the week's Sunday
  last_seen_on: last day with tickets before the run; NULL where none ever came
*/
WITH data_span AS (
    SELECT max(weighed_on) AS last_on
    FROM staging.ticket_day
),

profile AS (
    SELECT
        source_id AS site_id,
        arg_max(source, day_on) AS source
    FROM mart.source_day
    WHERE feed = 'weighbridge_ticket'
    GROUP BY source_id
),

site AS (
    SELECT
        registered.site_id,
        registered.firm_name,
        registered.county_code,
        registered.county_name,
        registered.expected_cadence,
        registered.closed_on,
        registered.reopened_on,
        profile.source
    FROM staging.site AS registered
    LEFT JOIN profile ON registered.site_id = profile.site_id
    WHERE registered.expected_cadence IN ('daily', 'workday')
),

-- A site that opened again before it closed is closed still: only the last closure is in the register.
due AS (
    SELECT
        site.site_id,
        site.source,
        calendar.day_on,
        calendar.is_public_holiday,
        ticket_day.site_id IS NOT NULL AS is_seen,
        coalesce(
            calendar.day_on >= site.closed_on
            AND (coalesce(site.reopened_on <= site.closed_on, TRUE) OR calendar.day_on < site.reopened_on),
            FALSE
        ) AS is_closed
    FROM site
    CROSS JOIN reference.calendar AS calendar
    CROSS JOIN data_span
    LEFT JOIN staging.ticket_day AS ticket_day
        ON site.site_id = ticket_day.site_id AND calendar.day_on = ticket_day.weighed_on
    WHERE (site.expected_cadence = 'daily' OR calendar.is_workday) AND calendar.day_on <= data_span.last_on
),

profile_day AS (
    SELECT
        source,
        day_on,
        count(*) >= 3 AND 4 * count(*) FILTER (is_seen) <= count(*) AS is_silent
    FROM due
    WHERE source IS NOT NULL AND NOT is_closed
    GROUP BY source, day_on
),

-- A run ends with the next ticket, and where the site closes or opens again.
numbered AS (
    SELECT
        *,
        count(*) FILTER (is_seen) OVER (PARTITION BY site_id ORDER BY day_on) AS seen_before_count,
        max(day_on) FILTER (is_seen) OVER (PARTITION BY site_id ORDER BY day_on) AS last_seen_on
    FROM due
),

missing AS (
    SELECT
        numbered.site_id,
        numbered.day_on,
        date_trunc('week', numbered.day_on)::DATE AS week_start,
        numbered.is_closed,
        numbered.is_public_holiday,
        numbered.last_seen_on,
        coalesce(profile_day.is_silent, FALSE) AS is_profile_silent,
        min(numbered.day_on) OVER run AS since_on
    FROM numbered
    LEFT JOIN profile_day ON numbered.source = profile_day.source AND numbered.day_on = profile_day.day_on
    WHERE NOT numbered.is_seen
    WINDOW run AS (PARTITION BY numbered.site_id, numbered.seen_before_count, numbered.is_closed)
),

last_due AS (
    SELECT
        site_id,
        date_trunc('week', day_on)::DATE AS week_start,
        max(day_on) AS last_due_on
    FROM due
    GROUP BY ALL
),

run_week AS (
    SELECT
        missing.site_id,
        missing.since_on,
        missing.is_closed,
        missing.week_start,
        any_value(missing.last_seen_on) AS last_seen_on,
        max(missing.day_on) AS until_on,
        count(*) AS week_day_count,
        bool_and(missing.is_public_holiday) AS is_holiday,
        count(*) FILTER (missing.is_profile_silent) AS silent_day_count
    FROM missing
    GROUP BY missing.site_id, missing.since_on, missing.is_closed, missing.week_start
),

-- What is told of a run in a week is what was known by its Sunday.
grown AS (
    SELECT
        *,
        sum(week_day_count) OVER run AS day_count,
        bool_and(is_holiday) OVER run AS is_all_holiday,
        2 * sum(silent_day_count) OVER run > sum(week_day_count) OVER run AS is_mostly_silent
    FROM run_week
    WINDOW run AS (PARTITION BY site_id, since_on, is_closed ORDER BY week_start)
),

waybill AS (
    SELECT
        grown.site_id,
        grown.since_on,
        grown.week_start,
        TRUE AS has_waybill
    FROM grown
    INNER JOIN staging.waybill AS waybill
        ON
            grown.site_id = waybill.site_id
            AND waybill.issued_on BETWEEN grown.since_on AND grown.until_on
    WHERE NOT waybill.is_void
    GROUP BY grown.site_id, grown.since_on, grown.week_start
),

stock_day AS (
    SELECT
        site_id,
        reported_on,
        sum(stock_t) AS stock_t
    FROM staging.stock_report
    GROUP BY site_id, reported_on
),

-- The evening before the run counts as its start: what lay there then has not been loaded yet.
stock AS (
    SELECT
        grown.site_id,
        grown.since_on,
        grown.week_start,
        arg_min(stock_day.stock_t, stock_day.reported_on) AS first_stock_t,
        arg_max(stock_day.stock_t, stock_day.reported_on) AS last_stock_t
    FROM grown
    INNER JOIN stock_day
        ON
            grown.site_id = stock_day.site_id
            AND stock_day.reported_on BETWEEN grown.since_on - 1 AND grown.until_on
    GROUP BY grown.site_id, grown.since_on, grown.week_start
    HAVING count(*) > 1
),

signed AS (
    SELECT
        grown.*,
        CASE
            WHEN grown.is_closed THEN 'register'
            WHEN coalesce(waybill.has_waybill, FALSE) THEN 'waybill'
            WHEN grown.is_all_holiday THEN 'holiday'
            WHEN grown.is_mostly_silent THEN 'profile_silent'
            WHEN stock.last_stock_t < stock.first_stock_t THEN 'stock_fell'
            WHEN stock.last_stock_t = stock.first_stock_t THEN 'stock_still'
        END AS sign
    FROM grown
    LEFT JOIN waybill
        ON
            grown.site_id = waybill.site_id
            AND grown.since_on = waybill.since_on
            AND grown.week_start = waybill.week_start
    LEFT JOIN stock
        ON
            grown.site_id = stock.site_id
            AND grown.since_on = stock.since_on
            AND grown.week_start = stock.week_start
)

SELECT
    signed.week_start,
    signed.site_id,
    site.firm_name,
    site.county_code,
    site.county_name,
    CASE
        WHEN signed.sign = 'register' THEN 'site_closed'
        WHEN signed.sign IN ('waybill', 'profile_silent', 'stock_fell') THEN 'feed_down'
        WHEN signed.sign IN ('holiday', 'stock_still') THEN 'no_trade'
        ELSE 'unknown'
    END AS kind,
    signed.sign,
    signed.since_on,
    signed.until_on,
    signed.until_on = last_due.last_due_on AS is_running,
    signed.week_day_count,
    signed.day_count::BIGINT AS day_count,
    signed.last_seen_on
FROM signed
INNER JOIN site ON signed.site_id = site.site_id
INNER JOIN last_due ON signed.site_id = last_due.site_id AND signed.week_start = last_due.week_start
ORDER BY signed.week_start, signed.site_id, signed.since_on, kind
