/*
description: >-
  The week a year before each week of the data: by the calendar, the week of the same ISO number; by the moon, the week
  that lies as many weeks from lunar new year. Week 53 has no week of its number a year before (无同期).
grain: one row a week_start
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  iso_week: ISO week, like 2026-W47
  calendar_week_start: Monday of the week of the same ISO number a year before; NULL for week 53
  calendar_iso_week: its name
  new_year_on: lunar new year nearest to the week's Thursday; NULL outside reference.lunar_new_year
  new_year_week_count: weeks from the week of that day to this one, negative before it
  lunar_week_start: Monday of the week as many weeks from the lunar new year before that; NULL where it is not known
  lunar_iso_week: its name
*/
WITH data_week AS (
    SELECT week_start FROM mart.county_week
    UNION
    SELECT week_start FROM mart.price_index_week
),

numbered AS (
    SELECT
        week_start,
        week(week_start)::INTEGER AS week_no,
        date_trunc('week', make_date(isoyear(week_start) - 1, 1, 4))::DATE AS first_week_start
    FROM data_week
),

festival AS (
    SELECT
        new_year_on,
        date_trunc('week', new_year_on)::DATE AS festival_week_start,
        lag(date_trunc('week', new_year_on)::DATE) OVER (ORDER BY calendar_year) AS before_week_start
    FROM reference.lunar_new_year
),

-- No lunar year is longer than 385 days: further than half of that from any known one, the nearest is not in the table.
nearest AS (
    SELECT
        numbered.week_start,
        festival.new_year_on,
        ((numbered.week_start - festival.festival_week_start) // 7)::INTEGER AS new_year_week_count,
        (numbered.week_start - (festival.festival_week_start - festival.before_week_start)::INTEGER)::DATE
            AS lunar_week_start
    FROM numbered
    INNER JOIN festival ON abs(numbered.week_start + 3 - festival.new_year_on) <= 193
    QUALIFY
        row_number() OVER (
            PARTITION BY numbered.week_start
            ORDER BY abs(numbered.week_start + 3 - festival.new_year_on), festival.new_year_on
        ) = 1
),

paired AS (
    SELECT
        numbered.week_start,
        CASE
            WHEN numbered.week_no < 53 THEN (numbered.first_week_start + 7 * (numbered.week_no - 1))::DATE
        END AS calendar_week_start,
        nearest.new_year_on,
        nearest.new_year_week_count,
        nearest.lunar_week_start
    FROM numbered
    LEFT JOIN nearest ON numbered.week_start = nearest.week_start
)

SELECT
    week_start,
    strftime(week_start, '%G-W%V') AS iso_week,
    calendar_week_start,
    strftime(calendar_week_start, '%G-W%V') AS calendar_iso_week,
    new_year_on,
    new_year_week_count,
    lunar_week_start,
    strftime(lunar_week_start, '%G-W%V') AS lunar_iso_week
FROM paired
ORDER BY week_start
