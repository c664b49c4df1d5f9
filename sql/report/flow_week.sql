/*
description: >-
  Where the releases of the week went: tonnes by county of the site and destination as the ticket names it. Tonnes that
  were dispatched to one of our counties are what is seen of its consumption.
grain: one row a (week_start, origin_code, destination_code)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week
  origin_code: county of the site; the city code for sites of the city itself or outside the register
  origin_name: its name
  destination_code: county of the destination; outside for a place that is none of ours, unstated where no ticket says
  destination_name: its name; NULL for outside and unstated
  release_count: releases that were not weighed again
  flow_t: net mass of those releases, t
*/
WITH flow AS (
    SELECT
        release.week_start,
        coalesce(release.county_code, city.county_code) AS origin_code,
        coalesce(
            release.destination_county_code,
            CASE WHEN trim(coalesce(ticket.destination, '')) = '' THEN 'unstated' ELSE 'outside' END
        ) AS destination_code,
        count(*) AS release_count,
        sum(release.net_t) AS flow_t
    FROM mart.release AS release
    INNER JOIN staging.weighbridge_ticket AS ticket
        ON release.ticket_id = ticket.ticket_id AND release.week_start = ticket.week_start
    CROSS JOIN reference.region AS city
    WHERE city.kind = 'city' AND NOT release.is_reweighed
    GROUP BY ALL
)

SELECT
    flow.week_start,
    flow.origin_code,
    origin.county_name AS origin_name,
    flow.destination_code,
    destination.county_name AS destination_name,
    flow.release_count,
    flow.flow_t::DECIMAL(18, 3) AS flow_t
FROM flow
INNER JOIN reference.region AS origin ON flow.origin_code = origin.county_code
LEFT JOIN reference.region AS destination ON flow.destination_code = destination.county_code
ORDER BY flow.week_start, flow.origin_code, flow.destination_code
