/*
description: >-
  Days around which a plate was at two sites at once on several days: more than one vehicle bears it, and what the register
  says of it holds for one of them only.
grain: one row a (plate, weighed_on)
period: week_start
lookback: 1
lookahead: 1
compare: true
columns:
  plate: number plate
  weighed_on: day on which the plate counts as cloned
  week_start: Monday of its ISO week
  conflict_day_count: days within the window of rule axle_limit on which the plate was at two sites at once
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

day_around AS (
    SELECT
        conflict_day.plate,
        conflict_day.weighed_on
        + unnest(range(-figure.cloned_window_days, figure.cloned_window_days + 1))::INTEGER AS weighed_on,
        figure.cloned_from_days
    FROM conflict_day
    CROSS JOIN figure
)

SELECT
    plate,
    weighed_on,
    date_trunc('week', weighed_on)::DATE AS week_start,
    count(*) AS conflict_day_count
FROM day_around
GROUP BY plate, weighed_on, cloned_from_days
HAVING count(*) >= cloned_from_days
ORDER BY weighed_on, plate
