/*
description: Plates that were weighed on the way out, by week; what a search for a plate looks through.
grain: one row a (plate, week_start)
period: week_start
lookback: 0
columns:
  plate: number plate
  week_start: Monday of the ISO week
  release_count: releases under the plate
  doubted_count: those of them that may be another vehicle's
*/
SELECT
    plate,
    week_start,
    count(*) AS release_count,
    count(plate_doubt) AS doubted_count
FROM mart.release_vehicle
WHERE plate IS NOT NULL
GROUP BY plate, week_start
ORDER BY week_start, plate
