/*
description: >-
  Forms of sand haulage (五联单) beside the ticket each of them names, with what a comparison of the two says. A check
  says ok, finding, undetermined (a fact is blank) or not_applicable; the findings stand in mart.waybill_finding. Leads to
  be looked at, never verdicts.
grain: one row a waybill_id
period: week_start
lookback: 1
lookahead: 2
columns:
  waybill_id: form, as in staging.waybill
  form_no: number on the form
  kind: river or mine
  permit_no: permit the form names
  permit_valid_from: first day of the permit's period that the form falls in, or of the nearest; NULL where no permit is known
  zone: zone the form names
  site_id: site of origin
  site_name: site of origin as the form names it
  county_code: county of that site
  source_class: natural, manufactured or recycled by the form's product; NULL where it is unknown
  issued_at: when it was issued
  issued_on: local date of it
  week_start: Monday of its ISO week
  valid_until: until when it holds
  plate: number plate on the form
  net_t: net mass on the form, t
  is_void: whether the form is voided
  is_replaced: whether another form names it as the one it replaces
  is_in_force: whether it is neither voided nor replaced; only such a form counts
  counted_t: >-
    mass that counts towards the permit, t; the form's, or the ticket's where the form leaves it blank; NULL where it does
    not count or neither is known
  receiver_copy_state: state of the receiver's copy (rule waybill says which one it is); issued, returned or lost
  named_ticket_no: ticket number on the form
  match_basis: >-
    ticket_no where the site has a ticket of that number near the issue; plate_and_time where it only has one of that
    plate, which proves that a truck was there and nothing more; NULL where there is neither
  ticket_id: that ticket
  ticket_no: its number
  ticket_plate: plate on the ticket
  ticket_net_t: net mass of the ticket, t
  weighed_at: when it was weighed
  weighed_on: local date of it
  plate_check: whether form and ticket name one plate
  net_check: whether the net masses agree within net_bound_t
  net_bound_t: larger of the tolerances of rule waybill for that ticket, t
  expired_check: whether it was weighed while the form held
  dates_check: whether it was issued within the dates of the permit
  hours_check: whether it was issued within the hours of the permit
  zone_check: whether it names a zone of the permit
  ticket_check: >-
    whether there is a ticket; a finding only where the site's tickets are there for every day on which the form held, and
    reach past it
  snapshot_sha256: file of the form
  line: line of that file
  ticket_snapshot_sha256: file of the ticket
  ticket_line: line of that file
*/
WITH setting AS (
    SELECT
        to_hours(max(value) FILTER (name = 'match_hours')::BIGINT) AS match_length,
        max(value) FILTER (name = 'match_hours')::BIGINT * 3600000 AS match_ms,
        max(value) FILTER (name = 'near_hours')::BIGINT * 3600000 AS near_ms,
        to_hours(max(value) FILTER (name = 'near_hours')::BIGINT) AS near_length,
        max(value) FILTER (name = 'net_tolerance_share') AS net_tolerance_share,
        max(value) FILTER (name = 'net_tolerance_t') AS net_tolerance_t
    FROM policy.parameter
    WHERE rule = 'waybill'
),

receiver_copy AS (
    SELECT max(copy_no) AS copy_no
    FROM policy.waybill_copy
    WHERE holder = 'receiver'
),

permit AS (
    SELECT
        *,
        -- A form outside every period is laid beside the nearest: the first one, or the one that ended last.
        CASE WHEN row_number() OVER by_permit = 1 THEN DATE '-infinity' ELSE valid_from END AS applies_from,
        coalesce(lead(valid_from) OVER by_permit, DATE 'infinity') AS applies_before
    FROM staging.river_permit
    WINDOW by_permit AS (PARTITION BY permit_no ORDER BY valid_from)
),

ticket AS (
    SELECT
        ticket_id,
        site_id,
        ticket_no,
        number_period,
        week_start,
        weighed_at,
        weighed_on,
        plate,
        net_t,
        snapshot_sha256,
        line
    FROM staging.weighbridge_ticket
    WHERE direction = 'out'
),

form AS (
    SELECT
        waybill.*,
        CASE receiver_copy.copy_no
            WHEN 1 THEN waybill.copy_1_state
            WHEN 2 THEN waybill.copy_2_state
            WHEN 3 THEN waybill.copy_3_state
            WHEN 4 THEN waybill.copy_4_state
            WHEN 5 THEN waybill.copy_5_state
        END AS receiver_copy_state,
        coalesce(waybill.is_void, FALSE) AS is_voided,
        replacement.waybill_id IS NOT NULL AS is_replaced
    FROM staging.waybill AS waybill
    CROSS JOIN receiver_copy
    LEFT JOIN mart.waybill_replacement AS replacement ON waybill.waybill_id = replacement.waybill_id
),

-- Nearly every form: a ticket of its number and plate, in its own week and near it. A truck weighed before and after at
-- the very same distance is taken by the later weighing, so that the answer is always one.
plain AS (
    SELECT
        form.waybill_id,
        arg_min(
            ticket.ticket_id,
            2 * abs(epoch_ms(ticket.weighed_at) - epoch_ms(form.issued_at))
            + (ticket.weighed_at < form.issued_at)::BIGINT
        ) AS ticket_id
    FROM form
    INNER JOIN ticket
        ON
            form.site_id = ticket.site_id
            AND form.ticket_no = ticket.ticket_no
            AND form.plate = ticket.plate
            AND form.week_start = ticket.week_start
    CROSS JOIN setting
    WHERE abs(epoch_ms(ticket.weighed_at) - epoch_ms(form.issued_at)) <= setting.near_ms
    GROUP BY form.waybill_id
),

form_week AS (
    SELECT
        form.waybill_id,
        form.site_id,
        form.ticket_no,
        form.plate,
        form.issued_at,
        form.issued_on,
        form.valid_until,
        near.days + form.week_start AS ticket_week
    FROM form
    ANTI JOIN plain ON form.waybill_id = plain.waybill_id
    CROSS JOIN (VALUES (-7), (0), (7)) AS near (days)
),

-- Numbers restart: of the tickets that bear it, the one of the form's plate, or else the nearest in time.
other_numbered AS (
    SELECT
        form.waybill_id,
        min({
            'is_other_plate': coalesce(form.plate <> ticket.plate, TRUE),
            'distance': abs(epoch_ms(ticket.weighed_at) - epoch_ms(form.issued_at)),
            'ticket_id': ticket.ticket_id
        }) AS best
    FROM form_week AS form
    INNER JOIN ticket
        ON
            form.site_id = ticket.site_id
            AND form.ticket_no = ticket.ticket_no
            AND form.ticket_week = ticket.week_start
    CROSS JOIN setting
    WHERE
        abs(epoch_ms(ticket.weighed_at) - epoch_ms(form.issued_at)) <= setting.match_ms
        -- Where numbers restart each day, another truck bears the same one tomorrow.
        AND (
            form.plate = ticket.plate
            OR ticket.weighed_on = form.issued_on
            OR coalesce(length(ticket.number_period), 0) < 8
        )
    GROUP BY form.waybill_id
),

numbered AS (
    SELECT
        plain.waybill_id,
        plain.ticket_id
    FROM plain
    UNION ALL
    SELECT
        other_numbered.waybill_id,
        other_numbered.best.ticket_id
    FROM other_numbered
),

taken AS (
    SELECT numbered.ticket_id
    FROM numbered
    INNER JOIN form ON numbered.waybill_id = form.waybill_id
    WHERE NOT form.is_voided AND NOT form.is_replaced
    UNION ALL
    SELECT ticket_id
    FROM mart.release
    WHERE is_reweighed
),

-- A form that names no ticket, or none that is there: was a truck of its plate there that no other form names?
open_form AS (
    SELECT form_week.*
    FROM form_week
    ANTI JOIN numbered ON form_week.waybill_id = numbered.waybill_id
    WHERE form_week.plate IS NOT NULL
),

seen AS (
    SELECT
        form.waybill_id,
        min({
            'distance': abs(epoch_ms(ticket.weighed_at) - epoch_ms(form.issued_at)),
            'ticket_id': ticket.ticket_id
        }) AS best
    FROM open_form AS form
    INNER JOIN ticket
        ON form.site_id = ticket.site_id AND form.plate = ticket.plate AND form.ticket_week = ticket.week_start
    CROSS JOIN setting
    ANTI JOIN taken ON ticket.ticket_id = taken.ticket_id
    WHERE
        ticket.weighed_at BETWEEN form.issued_at - setting.near_length
        AND greatest(
            form.issued_at + setting.near_length, least(form.valid_until, form.issued_at + setting.match_length)
        )
    GROUP BY form.waybill_id
),

matched AS (
    SELECT
        numbered.waybill_id,
        numbered.ticket_id,
        'ticket_no' AS match_basis
    FROM numbered
    UNION ALL
    SELECT
        seen.waybill_id,
        seen.best.ticket_id,
        'plate_and_time' AS match_basis
    FROM seen
),

-- Only forms without any ticket need to know whether the site's tickets are all there while they held.
missing AS (
    SELECT
        form.waybill_id,
        form.site_id,
        form.issued_on,
        coalesce(form.valid_until, form.issued_at + setting.match_length) AS held_until
    FROM form
    CROSS JOIN setting
    ANTI JOIN matched ON form.waybill_id = matched.waybill_id
    SEMI JOIN staging.ticket_day AS issue_day
        ON form.site_id = issue_day.site_id AND form.issued_on = issue_day.weighed_on
    -- A form that holds for longer may have gone later than tickets are looked for.
    WHERE coalesce(form.valid_until <= form.issued_at + setting.match_length, TRUE)
),

owed AS (
    SELECT
        missing.waybill_id,
        missing.site_id,
        missing.held_until,
        calendar.day_on,
        CASE site.expected_cadence WHEN 'workday' THEN calendar.is_workday ELSE TRUE END AS is_owed
    FROM missing
    INNER JOIN reference.calendar AS calendar
        ON calendar.day_on BETWEEN missing.issued_on AND missing.held_until::DATE
    LEFT JOIN staging.site AS site ON missing.site_id = site.site_id
),

all_seen AS (
    SELECT
        owed.waybill_id,
        owed.site_id,
        owed.held_until
    FROM owed
    LEFT JOIN staging.ticket_day AS site_day ON owed.site_id = site_day.site_id AND owed.day_on = site_day.weighed_on
    GROUP BY owed.waybill_id, owed.site_id, owed.held_until
    HAVING NOT bool_or(owed.is_owed AND site_day.site_id IS NULL)
),

watched AS (
    SELECT DISTINCT all_seen.waybill_id
    FROM all_seen
    INNER JOIN staging.ticket_day AS site_day
        ON
            all_seen.site_id = site_day.site_id
            AND all_seen.held_until < site_day.last_weighed_at
            AND all_seen.held_until::DATE + 7 > site_day.weighed_on
),

laid AS (
    SELECT
        form.*,
        permit.permit_no IS NOT NULL AS has_permit,
        permit.zone AS permit_zone,
        permit.valid_from AS permit_valid_from,
        permit.valid_until AS permit_valid_until,
        permit.hours_from,
        permit.hours_until,
        product.source_class,
        matched.match_basis,
        matched.ticket_id,
        coalesce(matched.match_basis = 'ticket_no', FALSE) AS is_named,
        ticket.ticket_no AS found_ticket_no,
        ticket.plate AS ticket_plate,
        ticket.net_t AS ticket_net_t,
        ticket.weighed_at,
        ticket.weighed_on,
        ticket.snapshot_sha256 AS ticket_snapshot_sha256,
        ticket.line AS ticket_line,
        greatest(setting.net_tolerance_share * ticket.net_t, setting.net_tolerance_t)::DECIMAL(18, 5) AS net_bound_t,
        watched.waybill_id IS NOT NULL AS is_watched,
        CASE WHEN permit.hours_from IS NOT NULL THEN form.issued_at::TIMESTAMP::TIME END AS issued_time
    FROM form
    CROSS JOIN setting
    LEFT JOIN permit
        ON
            form.permit_no = permit.permit_no
            AND form.issued_on >= permit.applies_from
            AND form.issued_on < permit.applies_before
    LEFT JOIN reference.product AS product ON form.product_id = product.product_id
    LEFT JOIN matched ON form.waybill_id = matched.waybill_id
    LEFT JOIN ticket ON matched.ticket_id = ticket.ticket_id
    LEFT JOIN watched ON form.waybill_id = watched.waybill_id
)

SELECT
    waybill_id,
    form_no,
    kind,
    permit_no,
    permit_valid_from,
    zone,
    site_id,
    site_name,
    county_code,
    source_class,
    issued_at,
    issued_on,
    week_start,
    valid_until,
    plate,
    net_t,
    is_voided AS is_void,
    is_replaced,
    NOT is_voided AND NOT is_replaced AS is_in_force,
    CASE
        WHEN NOT is_voided AND NOT is_replaced THEN coalesce(net_t, CASE WHEN is_named THEN ticket_net_t END)
    END AS counted_t,
    receiver_copy_state,
    ticket_no AS named_ticket_no,
    match_basis,
    ticket_id,
    found_ticket_no AS ticket_no,
    ticket_plate,
    ticket_net_t,
    weighed_at,
    weighed_on,
    CASE
        WHEN is_voided OR is_replaced OR ticket_id IS NULL THEN 'not_applicable'
        WHEN NOT is_named OR plate IS NULL OR ticket_plate IS NULL THEN 'undetermined'
        WHEN plate <> ticket_plate THEN 'finding'
        ELSE 'ok'
    END AS plate_check,
    CASE
        WHEN is_voided OR is_replaced OR ticket_id IS NULL THEN 'not_applicable'
        WHEN NOT is_named OR net_t IS NULL OR ticket_net_t IS NULL THEN 'undetermined'
        WHEN abs(net_t - ticket_net_t) > net_bound_t THEN 'finding'
        ELSE 'ok'
    END AS net_check,
    net_bound_t,
    CASE
        WHEN is_voided OR is_replaced OR ticket_id IS NULL THEN 'not_applicable'
        WHEN NOT is_named OR valid_until IS NULL THEN 'undetermined'
        WHEN weighed_at > valid_until THEN 'finding'
        ELSE 'ok'
    END AS expired_check,
    CASE
        WHEN is_voided OR is_replaced OR kind = 'mine' THEN 'not_applicable'
        WHEN NOT has_permit THEN 'undetermined'
        WHEN issued_on < permit_valid_from OR issued_on > permit_valid_until THEN 'finding'
        WHEN permit_valid_until IS NULL OR issued_on IS NULL THEN 'undetermined'
        ELSE 'ok'
    END AS dates_check,
    CASE
        WHEN is_voided OR is_replaced OR kind = 'mine' THEN 'not_applicable'
        WHEN NOT has_permit OR hours_from IS NULL OR hours_until IS NULL OR issued_time IS NULL THEN 'undetermined'
        WHEN hours_from <= hours_until AND issued_time BETWEEN hours_from AND hours_until THEN 'ok'
        -- Hours may run past midnight.
        WHEN hours_from > hours_until AND (issued_time >= hours_from OR issued_time <= hours_until) THEN 'ok'
        ELSE 'finding'
    END AS hours_check,
    CASE
        WHEN is_voided OR is_replaced OR kind = 'mine' THEN 'not_applicable'
        WHEN NOT has_permit OR zone IS NULL OR permit_zone IS NULL THEN 'undetermined'
        WHEN zone = permit_zone OR list_contains(string_split_regex(permit_zone, '\s*[、,，;；]\s*'), zone) THEN 'ok'
        ELSE 'finding'
    END AS zone_check,
    CASE
        WHEN is_voided OR is_replaced THEN 'not_applicable'
        WHEN is_named THEN 'ok'
        WHEN ticket_id IS NOT NULL OR NOT is_watched OR (ticket_no IS NULL AND plate IS NULL) THEN 'undetermined'
        ELSE 'finding'
    END AS ticket_check,
    snapshot_sha256,
    line,
    ticket_snapshot_sha256,
    ticket_line
FROM laid
ORDER BY issued_at, waybill_id
