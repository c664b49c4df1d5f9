/*
description: >-
  Weighings that one plate cannot both have had: at two sites at once, or one after the other in less than the least
  travel time. Either the plate is cloned or one ticket bears a wrong plate; none of them proves who drove.
grain: one row a ticket_id
period: week_start
lookback: 1
lookahead: 1
compare: true
columns:
  ticket_id: ticket
  plate: number plate
  site_id: site
  weighed_at: when it was weighed
  weighed_on: local date of it
  week_start: Monday of its ISO week
  other_ticket_id: ticket of the same plate at another site that it cannot stand beside
*/
WITH travel AS (
    SELECT to_minutes(value::BIGINT) AS least
    FROM policy.parameter
    WHERE rule = 'axle_limit' AND name = 'least_travel_min'
),

visit AS (
    SELECT to_minutes(value::BIGINT) AS longest
    FROM policy.parameter
    WHERE rule = 'axle_limit' AND name = 'conflict_visit_min'
),

weighing AS (
    SELECT
        ticket_id,
        site_id,
        weighed_at,
        first_weighed_at,
        lag(ticket_id) OVER by_plate AS earlier_ticket_id,
        lag(site_id) OVER by_plate AS earlier_site_id,
        lag(weighed_at) OVER by_plate AS earlier_at
    FROM staging.weighbridge_ticket
    WHERE plate IS NOT NULL
    WINDOW by_plate AS (PARTITION BY plate ORDER BY weighed_at, ticket_id)
),

pair AS (
    SELECT
        weighing.ticket_id,
        weighing.earlier_ticket_id
    FROM weighing
    CROSS JOIN travel
    CROSS JOIN visit
    WHERE
        weighing.site_id <> weighing.earlier_site_id
        AND (
            weighing.weighed_at < weighing.earlier_at + travel.least
            -- The truck stood here from its first weighing on; one that long ago is a stored tare.
            OR (
                weighing.first_weighed_at < weighing.earlier_at
                AND weighing.first_weighed_at >= weighing.weighed_at - visit.longest
            )
        )
),

side AS (
    SELECT
        ticket_id,
        earlier_ticket_id AS other_ticket_id
    FROM pair
    UNION ALL
    SELECT
        earlier_ticket_id AS ticket_id,
        ticket_id AS other_ticket_id
    FROM pair
),

conflict AS (
    SELECT
        ticket_id,
        min(other_ticket_id) AS other_ticket_id
    FROM side
    GROUP BY ticket_id
)

SELECT
    ticket.ticket_id,
    ticket.plate,
    ticket.site_id,
    ticket.weighed_at,
    ticket.weighed_on,
    ticket.week_start,
    conflict.other_ticket_id
FROM staging.weighbridge_ticket AS ticket
INNER JOIN conflict ON ticket.ticket_id = conflict.ticket_id
ORDER BY ticket.weighed_at, ticket.ticket_id
