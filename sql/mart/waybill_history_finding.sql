/*
description: >-
  Findings of forms that only their whole history shows: a number used again, a permit sold out, a copy that stays away.
  Small; mart.waybill_finding shows them beside the others. Leads to be looked at, never verdicts.
grain: one row a (waybill_id, finding)
period: week_start
lookback: unbounded
compare: true
columns:
  waybill_id: form
  week_start: Monday of the ISO week it was issued in
  finding: duplicate_number, form_on_two_trips, over_permitted or receiver_copy_missing
  other_waybill_id: another form of that number; the form that crossed for over_permitted
  value: forms or trips of the number, mass sold so far (t), or days the copy is out
  bound: how many there may be, permitted mass (t), or days it may be out
  unit: unit of both
*/
WITH setting AS (
    SELECT
        max(value) FILTER (name = 'number_life_days')::INTEGER AS number_life_days,
        max(value) FILTER (name = 'receiver_copy_days')::INTEGER AS receiver_copy_days
    FROM policy.parameter
    WHERE rule = 'waybill'
),

repeated AS (
    SELECT form_no
    FROM mart.waybill_trip
    WHERE is_in_force AND form_no IS NOT NULL
    GROUP BY form_no
    HAVING count(*) > 1
),

use AS (
    SELECT
        trip.waybill_id,
        trip.form_no,
        trip.week_start,
        trip.issued_at,
        trip.plate,
        CASE WHEN trip.match_basis = 'ticket_no' THEN trip.ticket_id END AS ticket_id,
        -- Numbers may start anew: uses further apart than a number lives are of different numbers.
        coalesce(
            trip.issued_on - lag(trip.issued_on) OVER by_number > setting.number_life_days,
            FALSE
        ) AS is_new_number
    FROM mart.waybill_trip AS trip
    CROSS JOIN setting
    SEMI JOIN repeated ON trip.form_no = repeated.form_no
    WHERE trip.is_in_force
    WINDOW by_number AS (PARTITION BY trip.form_no ORDER BY trip.issued_at, trip.waybill_id)
),

numbered AS (
    SELECT
        *,
        count(*) FILTER (is_new_number) OVER (
            PARTITION BY form_no
            ORDER BY issued_at, waybill_id
        ) AS life_no
    FROM use
),

life AS (
    SELECT
        form_no,
        life_no,
        count(DISTINCT plate) AS plate_count,
        greatest(count(DISTINCT plate), count(DISTINCT issued_at)) AS form_count
    FROM numbered
    GROUP BY form_no, life_no
),

truck AS (
    SELECT
        form_no,
        life_no,
        plate,
        count(DISTINCT ticket_id) AS trip_count
    FROM numbered
    WHERE plate IS NOT NULL
    GROUP BY form_no, life_no, plate
),

other AS (
    SELECT
        one.waybill_id,
        min(another.waybill_id) AS other_waybill_id
    FROM numbered AS one
    INNER JOIN numbered AS another
        ON one.form_no = another.form_no AND one.life_no = another.life_no AND one.waybill_id <> another.waybill_id
    GROUP BY one.waybill_id
),

counted AS (
    SELECT
        numbered.waybill_id,
        numbered.week_start,
        other.other_waybill_id,
        life.plate_count,
        life.form_count,
        numbered.ticket_id IS NOT NULL AND coalesce(truck.trip_count, 0) > 1 AS is_on_two_trips,
        truck.trip_count
    FROM numbered
    INNER JOIN other ON numbered.waybill_id = other.waybill_id
    INNER JOIN life ON numbered.form_no = life.form_no AND numbered.life_no = life.life_no
    LEFT JOIN truck
        ON
            numbered.form_no = truck.form_no
            AND numbered.life_no = truck.life_no
            AND numbered.plate = truck.plate
),

crossed AS (
    SELECT
        permit_no,
        valid_from,
        permitted_t
    FROM mart.river_permit_state
    WHERE state = 'over'
),

sold AS (
    SELECT
        trip.waybill_id,
        trip.week_start,
        trip.permit_no,
        trip.permit_valid_from,
        trip.issued_at,
        trip.form_no,
        trip.plate,
        trip.named_ticket_no,
        crossed.permitted_t,
        sum(trip.counted_t) OVER (
            PARTITION BY trip.permit_no, trip.permit_valid_from
            ORDER BY trip.issued_at, trip.form_no, trip.plate, trip.named_ticket_no, trip.waybill_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS sold_so_far_t
    FROM mart.waybill_trip AS trip
    INNER JOIN crossed ON trip.permit_no = crossed.permit_no AND trip.permit_valid_from = crossed.valid_from
    WHERE trip.is_in_force AND coalesce(trip.kind <> 'mine', TRUE)
),

calendar_end AS (
    SELECT max(day_on) AS last_on
    FROM reference.calendar
),

-- What a site's forms say of copies holds for the days its forms reach, and only where any came back at all.
kept AS (
    SELECT
        trip.site_id,
        max(trip.issued_on) FILTER (trip.issued_on <= calendar_end.last_on) AS last_issued_on
    FROM mart.waybill_trip AS trip
    CROSS JOIN calendar_end
    GROUP BY trip.site_id
    HAVING bool_or(trip.receiver_copy_state = 'returned')
)

SELECT
    waybill_id,
    week_start,
    'form_on_two_trips' AS finding,
    other_waybill_id,
    trip_count::DECIMAL(18, 3) AS value,
    1::DECIMAL(18, 3) AS bound,
    'trips' AS unit
FROM counted
WHERE is_on_two_trips
UNION ALL
SELECT
    waybill_id,
    week_start,
    'duplicate_number' AS finding,
    other_waybill_id,
    form_count AS value,
    1 AS bound,
    'forms' AS unit
FROM counted
WHERE plate_count > 1 OR (form_count > 1 AND NOT is_on_two_trips)
UNION ALL
SELECT
    waybill_id,
    week_start,
    'over_permitted' AS finding,
    first_value(waybill_id) OVER (
        PARTITION BY permit_no, permit_valid_from
        ORDER BY issued_at, form_no, plate, named_ticket_no, waybill_id
    ) AS other_waybill_id,
    sold_so_far_t AS value,
    permitted_t AS bound,
    't' AS unit
FROM sold
WHERE sold_so_far_t > permitted_t
UNION ALL
SELECT
    trip.waybill_id,
    trip.week_start,
    'receiver_copy_missing' AS finding,
    NULL AS other_waybill_id,
    kept.last_issued_on - trip.issued_on AS value,
    setting.receiver_copy_days AS bound,
    'days' AS unit
FROM mart.waybill_trip AS trip
INNER JOIN kept ON trip.site_id = kept.site_id
CROSS JOIN setting
WHERE
    trip.is_in_force
    AND trip.receiver_copy_state IN ('issued', 'lost')
    AND kept.last_issued_on - trip.issued_on > setting.receiver_copy_days
ORDER BY week_start, waybill_id, finding
