/*
description: >-
  Carriers whose vehicles had releases over the limit in the week, as leads; the carrier is the one the vehicle register
  names for the plate on the day. A release whose plate is in doubt says nothing of a carrier and is left out.
grain: one row a (carrier_id, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  carrier_id: unified social credit code of the registered carrier; its name where the register has no code
  carrier_name: registered carrier
  release_count: releases of its vehicles
  determinable_count: of them, releases with a verdict met or breached
  breached_count: of them, releases over the limit
  undetermined_count: releases that cannot be determined
  over_rate_per_1000: over the limit per 1,000 determinable releases
  over_rate_low_per_1000: lower end of its 95 % interval (Wilson score, two-sided)
  over_rate_high_per_1000: upper end of it
  vehicle_count: vehicles with a release over the limit
  site_count: sites that released them
  over_t: mass over the limit, t, a lower bound
*/
WITH counted AS (
    SELECT
        vehicle.week_start,
        coalesce(vehicle.carrier_uscc, vehicle.carrier_name) AS carrier_id,
        max(vehicle.carrier_name) AS carrier_name,
        count(*) AS release_count,
        count(*) FILTER (judged.verdict IN ('met', 'breached')) AS determinable_count,
        count(*) FILTER (judged.verdict = 'breached') AS breached_count,
        count(*) FILTER (judged.verdict = 'undetermined') AS undetermined_count,
        count(DISTINCT vehicle.plate) FILTER (judged.verdict = 'breached') AS vehicle_count,
        count(DISTINCT release.site_id) FILTER (judged.verdict = 'breached') AS site_count,
        (sum(judged.value_low) FILTER (judged.verdict = 'breached') / 1000)::DECIMAL(18, 3) AS over_t
    FROM mart.release_vehicle AS vehicle
    INNER JOIN policy.axle_limit AS judged ON vehicle.ticket_id = judged.subject_id
    INNER JOIN mart.release AS release ON vehicle.ticket_id = release.ticket_id
    WHERE vehicle.plate_doubt IS NULL AND coalesce(vehicle.carrier_uscc, vehicle.carrier_name) IS NOT NULL
    GROUP BY vehicle.week_start, coalesce(vehicle.carrier_uscc, vehicle.carrier_name)
),

measured AS (
    SELECT
        *,
        breached_count / determinable_count AS rate,
        1.96 * 1.96 / determinable_count AS spread
    FROM counted
    WHERE breached_count > 0
)

SELECT
    week_start,
    carrier_id,
    carrier_name,
    release_count,
    determinable_count,
    breached_count,
    undetermined_count,
    (1000 * rate)::DECIMAL(9, 3) AS over_rate_per_1000,
    (1000 * (rate + spread / 2 - sqrt(spread * (rate * (1 - rate) + spread / 4))) / (1 + spread))::DECIMAL(9, 3)
        AS over_rate_low_per_1000,
    (1000 * (rate + spread / 2 + sqrt(spread * (rate * (1 - rate) + spread / 4))) / (1 + spread))::DECIMAL(9, 3)
        AS over_rate_high_per_1000,
    vehicle_count,
    site_count,
    over_t
FROM measured
ORDER BY week_start ASC, breached_count DESC, over_t DESC, carrier_id ASC
