/*
description: Tickets of a week that a named correction of a known source error changed when they were read.
grain: one row a (source, correction_id, week_start)
period: week_start
lookback: 0
columns:
  week_start: Monday of the ISO week of the weighing
  source: source profile
  correction_id: correction, an entry of expectations/corrections
  ticket_count: tickets
  site_count: their sites
*/
SELECT
    ticket.week_start,
    ticket.source,
    correction.correction_id,
    count(*) AS ticket_count,
    count(DISTINCT ticket.site_id) AS site_count
FROM staging.weighbridge_ticket AS ticket
CROSS JOIN unnest(ticket.correction_ids) AS correction (correction_id)
GROUP BY ticket.week_start, ticket.source, correction.correction_id
ORDER BY ticket.week_start, ticket.source, correction.correction_id
