/*
description: >-
  Plates that were at two sites at once on several days close together: more than one vehicle bears them, and what the register
  says of one holds for one of them only. It stays so, from the days before the first proof on, until the register has a
  newer row for the plate.
grain: one row a (plate, week_start)
period: week_start
lookback: unbounded
compare: true
columns:
  plate: number plate
  week_start: Monday of an ISO week in which it counts as cloned
  from_on: first day on which it counts as cloned
  until_on: last day; NULL while nobody has cleared it
  proved_on: day of the first proof
*/
WITH figure AS (
    SELECT
        max(value) FILTER (name = 'cloned_from_days')::INTEGER AS cloned_from_days,
        max(value) FILTER (name = 'cloned_window_days')::INTEGER AS cloned_window_days
    FROM policy.parameter
    WHERE rule = 'axle_limit'
),

conflict_day AS (
    SELECT DISTINCT
        plate,
        weighed_on
    FROM mart.plate_conflict
),

counted AS (
    SELECT
        conflict_day.plate,
        conflict_day.weighed_on,
        count(*) AS day_count
    FROM conflict_day
    CROSS JOIN figure
    INNER JOIN conflict_day AS earlier
        ON
            conflict_day.plate = earlier.plate
            AND conflict_day.weighed_on >= earlier.weighed_on
            AND conflict_day.weighed_on - earlier.weighed_on <= figure.cloned_window_days
    GROUP BY conflict_day.plate, conflict_day.weighed_on
),

proof AS (
    SELECT
        counted.plate,
        min(counted.weighed_on) AS proved_on
    FROM counted
    CROSS JOIN figure
    WHERE counted.day_count >= figure.cloned_from_days
    GROUP BY counted.plate
),

newest_conflict AS (
    SELECT
        plate,
        max(weighed_on) AS weighed_on
    FROM conflict_day
    GROUP BY plate
),

-- A row of the register that begins after the last conflict says that the plate was looked into.
cleared AS (
    SELECT
        newest_conflict.plate,
        min(vehicle.valid_from) AS cleared_on
    FROM newest_conflict
    INNER JOIN staging.vehicle AS vehicle
        ON newest_conflict.plate = vehicle.plate AND newest_conflict.weighed_on < vehicle.valid_from
    GROUP BY newest_conflict.plate
),

spell AS (
    SELECT
        proof.plate,
        proof.proved_on,
        (proof.proved_on - 2 * figure.cloned_window_days)::DATE AS from_on,
        (cleared.cleared_on - 1)::DATE AS until_on
    FROM proof
    CROSS JOIN figure
    LEFT JOIN cleared ON proof.plate = cleared.plate
),

week AS (
    SELECT DISTINCT date_trunc('week', day_on)::DATE AS week_start
    FROM reference.calendar
)

SELECT
    spell.plate,
    week.week_start,
    spell.from_on,
    spell.until_on,
    spell.proved_on
FROM spell
INNER JOIN week
    ON
        date_trunc('week', spell.from_on) <= week.week_start
        AND week.week_start <= coalesce(spell.until_on, '9999-12-31')
ORDER BY week.week_start, spell.plate
