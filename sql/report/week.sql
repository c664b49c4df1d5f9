/*
description: >-
  Weeks a report can be written for, with how far the data of each feed reach. Where neither tickets nor quotes came,
  the one week of the newest filing.
grain: one row a week_start
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week
  iso_week: ISO week, as 2026-W47
  week_end_on: Sunday of the week
  ticket_through_on: newest ticket up to the end of the week
  quote_through_on: newest price quote up to the end of the week
  filing_through_on: newest capacity filing up to the end of the week
  is_complete: whether the data reach the week's Sunday; TRUE for the week of a filing, which has no days to wait for
  is_holiday_week: whether a public holiday falls on Monday to Friday; NULL before the first ticket
  release_count: releases of the week
  quote_count: price quotes of the week
*/
WITH ticket_week AS (
    SELECT
        week_start,
        max(last_weighed_at)::DATE AS last_weighed_on,
        bool_or(is_holiday_week) AS is_holiday_week,
        sum(release_count)::BIGINT AS release_count
    FROM mart.site_week
    GROUP BY week_start
),

quote_week AS (
    SELECT
        week_start,
        max(last_quoted_on) AS last_quoted_on,
        sum(quote_count)::BIGINT AS quote_count
    FROM mart.price_index_week
    WHERE NOT is_imputed
    GROUP BY week_start
),

filing_week AS (
    SELECT
        date_trunc('week', filed_on)::DATE AS week_start,
        max(filed_on) AS last_filed_on
    FROM staging.capacity_filing
    WHERE filed_on IS NOT NULL
    GROUP BY ALL
),

fed_week AS (
    SELECT week_start
    FROM ticket_week
    UNION
    SELECT week_start
    FROM quote_week
),

week AS (
    SELECT week_start
    FROM fed_week
    UNION
    SELECT max(week_start) AS week_start
    FROM filing_week
    WHERE NOT EXISTS (FROM fed_week)
    HAVING max(week_start) IS NOT NULL
),

data_through AS (
    SELECT
        coalesce(
            (SELECT max(last_weighed_on) FROM ticket_week),
            (SELECT max(last_quoted_on) FROM quote_week)
        ) AS through_on
)

SELECT
    week.week_start,
    strftime(week.week_start + 3, '%G-W%V') AS iso_week,
    week.week_start + 6 AS week_end_on,
    max(ticket_week.last_weighed_on) OVER up_to_week AS ticket_through_on,
    max(quote_week.last_quoted_on) OVER up_to_week AS quote_through_on,
    (
        SELECT max(filing_week.last_filed_on)
        FROM filing_week
        WHERE filing_week.week_start <= week.week_start
    ) AS filing_through_on,
    coalesce(week.week_start + 6 <= data_through.through_on, TRUE) AS is_complete,
    ticket_week.is_holiday_week,
    coalesce(ticket_week.release_count, 0) AS release_count,
    coalesce(quote_week.quote_count, 0) AS quote_count
FROM week
CROSS JOIN data_through
LEFT JOIN ticket_week ON week.week_start = ticket_week.week_start
LEFT JOIN quote_week ON week.week_start = quote_week.week_start
WINDOW up_to_week AS (ORDER BY week.week_start)
ORDER BY week.week_start
