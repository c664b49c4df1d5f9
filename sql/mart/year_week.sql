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

calendar_week AS (
    SELECT
        week_start,
        CASE
            WHEN week(week_start) < 53
                THEN (date_trunc('week', make_date(isoyear(week_start)::INTEGER - 1, 1, 4))::DATE
                    + 7 * (week(week_start)::INTEGER - 1))::DATE
        END AS calendar_week_start
    FROM data_week
),

-- A year without its neighbour in the table is nobody's nearest: the true one may be missing.
festival AS (
    SELECT
        new_year_on,
        date_trunc('week', new_year_on)::DATE AS festival_week_start,
        lag(date_trunc('week', new_year_on)::DATE) OVER (ORDER BY calendar_year) AS before_week_start
    FROM reference.lunar_new_year
),

nearest AS (
    SELECT
        calendar_week.week_start,
        festival.new_year_on,
        festival.festival_week_start,
        festival.before_week_start
    FROM calendar_week
    INNER JOIN festival ON abs(calendar_week.week_start + 3 - festival.new_year_on) <= 200
    QUALIFY
        row_number() OVER (
            PARTITION BY calendar_week.week_start
            ORDER BY abs(calendar_week.week_start + 3 - festival.new_year_on), festival.new_year_on
        ) = 1
)

SELECT
    calendar_week.week_start,
    strftime(calendar_week.week_start, '%G-W%V') AS iso_week,
    calendar_week.calendar_week_start,
    strftime(calendar_week.calendar_week_start, '%G-W%V') AS calendar_iso_week,
    nearest.new_year_on,
    ((calendar_week.week_start - nearest.festival_week_start) // 7)::INTEGER AS new_year_week_count,
    (calendar_week.week_start - (nearest.festival_week_start - nearest.before_week_start))::DATE AS lunar_week_start,
    strftime(
        (calendar_week.week_start - (nearest.festival_week_start - nearest.before_week_start))::DATE, '%G-W%V'
    ) AS lunar_iso_week
FROM calendar_week
LEFT JOIN nearest ON calendar_week.week_start = nearest.week_start
ORDER BY calendar_week.week_start
