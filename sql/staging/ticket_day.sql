/*
description: Tickets in force of each site and day, all directions; the calendar spans their days.
grain: one row a (site_id, weighed_on)
period: week_start
lookback: 0
spans: reference.calendar
columns:
  site_id: registered site, or the name on the ticket where the register does not know it
  weighed_on: local date of the tickets
  week_start: Monday of its ISO week
  ticket_count: tickets
  last_weighed_at: when the last of them was weighed
*/
SELECT
    site_id,
    weighed_on,
    week_start,
    count(*) AS ticket_count,
    max(weighed_at) AS last_weighed_at
FROM staging.weighbridge_ticket
GROUP BY site_id, weighed_on, week_start
ORDER BY weighed_on, site_id
