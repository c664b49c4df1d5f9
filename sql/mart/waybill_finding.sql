/*
description: >-
  What does not fit between forms of sand haulage (五联单), tickets and river sand permits. Each row is a lead for somebody
  to look at, never a verdict: a form may be mistyped, a file may be late. A blank fact gives no row (mart.waybill_check_week
  counts those), and where one of the two feeds is not there nothing is missing from the other.
grain: one row a (subject_id, finding)
period: week_start
lookback: 2
lookahead: 2
columns:
  finding: what was found, as in policy.waybill_finding
  subject_kind: form or ticket
  subject_id: waybill_id of the form, or ticket_id of the ticket
  waybill_id: form; NULL for a ticket without one
  ticket_id: ticket; NULL for a form without one
  form_no: number on the form
  ticket_no: number on the ticket, or the one that the form names where there is none
  kind: river or mine, by the form
  permit_no: permit the form names
  site_id: site
  site_name: site as form or ticket names it
  county_code: county of the site
  issued_at: when the form was issued
  weighed_at: when the ticket was weighed
  week_start: Monday of the ISO week of the form's issue, or of the weighing for a ticket
  plate: number plate on the form
  ticket_plate: number plate on the ticket
  stated: what the form (or the ticket) says, in words
  against: what it is laid against, in words
  value: figure that is laid against the bound; NULL where neither is a figure
  bound: figure that it may be at most
  unit: unit of both
  other_waybill_id: another form that belongs to the finding
  document: document the finding rests on, in policy.document
  clause: clause of it
  confidence: P primary text read, S secondary copy, M not confirmed
  bound_source: where the bound comes from
  snapshot_sha256: file of the form
  line: line of that file
  ticket_snapshot_sha256: file of the ticket
  ticket_line: line of that file
*/
WITH setting AS (
    SELECT
        to_hours(max(value) FILTER (rule = 'waybill' AND name = 'match_hours')::BIGINT) AS match_length,
        to_hours(max(value) FILTER (rule = 'waybill' AND name = 'near_hours')::BIGINT) AS near_length,
        max(value) FILTER (rule = 'waybill' AND name = 'net_tolerance_t') AS net_tolerance_t,
        to_minutes(max(value) FILTER (rule = 'axle_limit' AND name = 'reweigh_window_min')::BIGINT) AS visit_length
    FROM policy.parameter
    WHERE rule IN ('waybill', 'axle_limit')
),

named AS (
    SELECT
        ticket_id,
        bool_or(is_in_force) AS has_form
    FROM mart.waybill_trip
    WHERE match_basis = 'ticket_no'
    GROUP BY ticket_id
),

-- A form that found no ticket by its number may be that of any ticket of its plate near it.
open_form AS (
    SELECT
        trip.site_id,
        trip.plate,
        trip.issued_on,
        trip.issued_at - setting.near_length AS near_from,
        greatest(
            trip.issued_at + setting.near_length, least(trip.valid_until, trip.issued_at + setting.match_length)
        ) AS near_until
    FROM mart.waybill_trip AS trip
    CROSS JOIN setting
    WHERE trip.is_in_force AND trip.match_basis IS DISTINCT FROM 'ticket_no'
),

form_week AS (
    SELECT
        site_id,
        source_class,
        week_start,
        min(issued_on) AS first_on,
        max(issued_on) AS last_on
    FROM mart.waybill_trip
    WHERE is_in_force
    GROUP BY site_id, source_class, week_start
),

unnamed AS (
    SELECT
        weighing.ticket_id,
        weighing.site_id,
        weighing.ticket_no,
        weighing.weighed_at,
        weighing.weighed_on,
        weighing.first_weighed_at,
        weighing.week_start,
        weighing.plate,
        weighing.product_id,
        weighing.source_class,
        weighing.tare_kg,
        weighing.net_t
    FROM mart.release AS weighing
    ANTI JOIN named ON weighing.ticket_id = named.ticket_id
    WHERE NOT weighing.is_reweighed
),

unnamed_day AS (
    SELECT DISTINCT
        site_id,
        source_class,
        weighed_on,
        week_start
    FROM unnamed
),

-- Forms are in use for such goods at the site in that week, and reach past the day on both sides.
form_in_use AS (
    SELECT
        unnamed_day.site_id,
        unnamed_day.source_class,
        unnamed_day.weighed_on
    FROM unnamed_day
    INNER JOIN form_week
        ON
            unnamed_day.site_id = form_week.site_id
            AND form_week.week_start BETWEEN unnamed_day.week_start - 7 AND unnamed_day.week_start + 7
            AND coalesce(unnamed_day.source_class = form_week.source_class, TRUE)
    GROUP BY unnamed_day.site_id, unnamed_day.source_class, unnamed_day.weighed_on, unnamed_day.week_start
    HAVING
        bool_or(form_week.week_start = unnamed_day.week_start)
        AND min(form_week.first_on) <= unnamed_day.weighed_on
        AND max(form_week.last_on) >= unnamed_day.weighed_on
),

bare AS (
    SELECT unnamed.*
    FROM unnamed
    SEMI JOIN form_in_use
        ON
            unnamed.site_id = form_in_use.site_id
            AND unnamed.source_class = form_in_use.source_class
            AND unnamed.weighed_on = form_in_use.weighed_on
    WHERE unnamed.plate IS NOT NULL
),

-- Trucks are weighed twice on one load: a form that names one of the two weighings is the form of both.
weighed_twice AS (
    SELECT DISTINCT bare.ticket_id
    FROM bare
    CROSS JOIN setting
    INNER JOIN mart.release AS other
        ON
            bare.site_id = other.site_id
            AND bare.plate = other.plate
            AND bare.ticket_id <> other.ticket_id
            AND other.weighed_at BETWEEN bare.weighed_at - setting.visit_length
            AND bare.weighed_at + setting.visit_length
    SEMI JOIN named ON other.ticket_id = named.ticket_id
    WHERE
        (other.is_reweighed OR coalesce(abs(other.net_t - bare.net_t) <= setting.net_tolerance_t, TRUE))
        AND coalesce(other.tare_kg = bare.tare_kg, TRUE)
        AND coalesce(
            CASE
                WHEN other.weighed_at < bare.weighed_at THEN bare.first_weighed_at <= other.weighed_at
                ELSE other.first_weighed_at <= bare.weighed_at
            END,
            TRUE
        )
),

without_form AS (
    SELECT
        bare.ticket_id,
        bare.plate,
        bare.ticket_no
    FROM bare
    ANTI JOIN weighed_twice ON bare.ticket_id = weighed_twice.ticket_id
    ANTI JOIN open_form AS of_plate
        ON
            bare.plate = of_plate.plate
            AND bare.site_id = of_plate.site_id
            AND bare.weighed_at BETWEEN of_plate.near_from AND of_plate.near_until
    ANTI JOIN open_form AS of_nobody
        ON bare.site_id = of_nobody.site_id AND bare.weighed_on = of_nobody.issued_on AND of_nobody.plate IS NULL
),

void_used AS (
    SELECT trip.waybill_id
    FROM mart.waybill_trip AS trip
    ANTI JOIN named ON trip.ticket_id = named.ticket_id AND named.has_form
    ANTI JOIN open_form
        ON
            trip.plate = open_form.plate
            AND trip.site_id = open_form.site_id
            AND trip.weighed_at BETWEEN open_form.near_from AND open_form.near_until
    WHERE
        trip.is_void
        AND NOT trip.is_replaced
        AND trip.match_basis = 'ticket_no'
        -- A voided form of another truck was voided because it names the wrong ticket.
        AND trip.plate = trip.ticket_plate
),

form_finding AS (
    SELECT
        waybill_id,
        'plate_differs' AS finding,
        plate AS stated,
        ticket_plate AS against,
        NULL::DECIMAL(18, 5) AS value,
        NULL::DECIMAL(18, 5) AS bound,
        NULL::VARCHAR AS unit,
        NULL::VARCHAR AS other_waybill_id
    FROM mart.waybill_trip
    WHERE plate_check = 'finding'
    UNION ALL
    SELECT
        waybill_id,
        'net_differs' AS finding,
        net_t || ' t' AS stated,
        ticket_net_t || ' t' AS against,
        abs(net_t - ticket_net_t) AS value,
        net_bound_t AS bound,
        't' AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip
    WHERE net_check = 'finding'
    UNION ALL
    SELECT
        waybill_id,
        'expired' AS finding,
        strftime(valid_until, '%Y-%m-%d %H:%M') AS stated,
        strftime(weighed_at, '%Y-%m-%d %H:%M') AS against,
        ((epoch_ms(weighed_at) - epoch_ms(valid_until)) / 60000)::DECIMAL(18, 5) AS value,
        0 AS bound,
        'min' AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip
    WHERE expired_check = 'finding'
    UNION ALL
    SELECT
        trip.waybill_id,
        'outside_permit_dates' AS finding,
        trip.issued_on::VARCHAR AS stated,
        permit.valid_from || ' / ' || coalesce(permit.valid_until::VARCHAR, '') AS against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip AS trip
    INNER JOIN staging.river_permit AS permit
        ON trip.permit_no = permit.permit_no AND trip.permit_valid_from = permit.valid_from
    WHERE trip.dates_check = 'finding'
    UNION ALL
    SELECT
        trip.waybill_id,
        'outside_permit_hours' AS finding,
        strftime(trip.issued_at, '%Y-%m-%d %H:%M:%S') AS stated,
        permit.hours_from || ' - ' || permit.hours_until AS against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip AS trip
    INNER JOIN staging.river_permit AS permit
        ON trip.permit_no = permit.permit_no AND trip.permit_valid_from = permit.valid_from
    WHERE trip.hours_check = 'finding'
    UNION ALL
    SELECT
        trip.waybill_id,
        'outside_zone' AS finding,
        trip.zone AS stated,
        permit.zone AS against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip AS trip
    INNER JOIN staging.river_permit AS permit
        ON trip.permit_no = permit.permit_no AND trip.permit_valid_from = permit.valid_from
    WHERE trip.zone_check = 'finding'
    UNION ALL
    SELECT
        waybill_id,
        'form_without_ticket' AS finding,
        named_ticket_no AS stated,
        NULL AS against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id
    FROM mart.waybill_trip
    WHERE ticket_check = 'finding'
    UNION ALL
    SELECT
        waybill_id,
        'void_form_used' AS finding,
        NULL AS stated,
        NULL AS against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id
    FROM void_used
    UNION ALL
    SELECT
        waybill_id,
        finding,
        NULL AS stated,
        NULL AS against,
        value,
        bound,
        unit,
        other_waybill_id
    FROM mart.waybill_history_finding
),

-- Policy clause 三(一) speaks of when sand was taken: a form of the last day may travel after it.
late_ticket AS (
    SELECT
        trip.ticket_id,
        trip.waybill_id,
        trip.weighed_on::VARCHAR AS stated,
        permit.valid_from || ' / ' || permit.valid_until AS against
    FROM mart.waybill_trip AS trip
    INNER JOIN staging.river_permit AS permit
        ON trip.permit_no = permit.permit_no AND trip.permit_valid_from = permit.valid_from
    WHERE
        trip.dates_check = 'ok'
        AND trip.match_basis = 'ticket_no'
        AND trip.weighed_on NOT BETWEEN permit.valid_from AND permit.valid_until
    -- Several forms may name one ticket.
    QUALIFY row_number() OVER (PARTITION BY trip.ticket_id ORDER BY trip.waybill_id) = 1
),

river_site AS (
    SELECT
        unnamed_day.site_id,
        unnamed_day.weighed_on,
        max(permit.valid_until) FILTER (permit.valid_until < unnamed_day.weighed_on) AS last_until,
        min(permit.valid_from) FILTER (permit.valid_from > unnamed_day.weighed_on) AS next_from
    FROM unnamed_day
    INNER JOIN staging.river_permit AS permit ON unnamed_day.site_id = permit.site_id
    WHERE unnamed_day.source_class = 'natural'
    GROUP BY unnamed_day.site_id, unnamed_day.weighed_on
    HAVING
        NOT bool_or(
            unnamed_day.weighed_on BETWEEN permit.valid_from AND coalesce(permit.valid_until, unnamed_day.weighed_on)
        )
),

-- Between two periods of the site's permits; before the first and after the last a permit may only not be here yet.
between_periods AS (
    SELECT
        unnamed.ticket_id,
        NULL::VARCHAR AS waybill_id,
        unnamed.weighed_on::VARCHAR AS stated,
        river_site.last_until || ' / ' || river_site.next_from AS against
    FROM unnamed
    INNER JOIN river_site ON unnamed.site_id = river_site.site_id AND unnamed.weighed_on = river_site.weighed_on
    WHERE
        unnamed.product_id = 'natural_sand'
        AND river_site.last_until IS NOT NULL
        AND river_site.next_from IS NOT NULL
),

ticket_finding AS (
    SELECT
        ticket_id,
        'ticket_without_form' AS finding,
        NULL::VARCHAR AS waybill_id,
        ticket_no AS stated,
        NULL::VARCHAR AS against
    FROM without_form
    UNION ALL
    SELECT
        ticket_id,
        'outside_permit_dates' AS finding,
        waybill_id,
        stated,
        against
    FROM late_ticket
    UNION ALL
    SELECT
        ticket_id,
        'outside_permit_dates' AS finding,
        waybill_id,
        stated,
        against
    FROM between_periods
),

found AS (
    SELECT
        form_finding.finding,
        'form' AS subject_kind,
        trip.waybill_id AS subject_id,
        trip.waybill_id,
        trip.ticket_id,
        trip.form_no,
        coalesce(trip.ticket_no, trip.named_ticket_no) AS ticket_no,
        trip.kind,
        trip.permit_no,
        trip.site_id,
        trip.site_name,
        trip.county_code,
        trip.issued_at,
        trip.weighed_at,
        trip.week_start,
        trip.plate,
        trip.ticket_plate,
        form_finding.stated,
        form_finding.against,
        form_finding.value,
        form_finding.bound,
        form_finding.unit,
        form_finding.other_waybill_id,
        trip.snapshot_sha256,
        trip.line,
        trip.ticket_snapshot_sha256,
        trip.ticket_line
    FROM form_finding
    INNER JOIN mart.waybill_trip AS trip ON form_finding.waybill_id = trip.waybill_id
    UNION ALL
    SELECT
        ticket_finding.finding,
        'ticket' AS subject_kind,
        weighing.ticket_id AS subject_id,
        ticket_finding.waybill_id,
        weighing.ticket_id,
        trip.form_no,
        weighing.ticket_no,
        trip.kind,
        trip.permit_no,
        weighing.site_id,
        weighing.site_name,
        weighing.county_code,
        trip.issued_at,
        weighing.weighed_at,
        weighing.week_start,
        trip.plate,
        weighing.plate AS ticket_plate,
        ticket_finding.stated,
        ticket_finding.against,
        NULL AS value,
        NULL AS bound,
        NULL AS unit,
        NULL AS other_waybill_id,
        trip.snapshot_sha256,
        trip.line,
        weighing.snapshot_sha256 AS ticket_snapshot_sha256,
        weighing.line AS ticket_line
    FROM ticket_finding
    INNER JOIN mart.release AS weighing ON ticket_finding.ticket_id = weighing.ticket_id
    LEFT JOIN mart.waybill_trip AS trip ON ticket_finding.waybill_id = trip.waybill_id
)

SELECT
    found.finding,
    found.subject_kind,
    found.subject_id,
    found.waybill_id,
    found.ticket_id,
    found.form_no,
    found.ticket_no,
    found.kind,
    found.permit_no,
    found.site_id,
    found.site_name,
    found.county_code,
    found.issued_at,
    found.weighed_at,
    found.week_start,
    found.plate,
    found.ticket_plate,
    found.stated,
    found.against,
    found.value::DECIMAL(18, 3) AS value,
    found.bound::DECIMAL(18, 3) AS bound,
    found.unit,
    found.other_waybill_id,
    known.document,
    known.clause,
    known.confidence,
    known.bound_source,
    found.snapshot_sha256,
    found.line,
    found.ticket_snapshot_sha256,
    found.ticket_line
FROM found
LEFT JOIN policy.waybill_finding AS known ON found.finding = known.finding
ORDER BY found.week_start, found.subject_id, found.finding
