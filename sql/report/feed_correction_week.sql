/*
description: >-
  Tickets that a later file replaced or cancelled, by the week of that file (of its last date); a file without dates
  belongs to no week. What they were changed from stays in staging.ticket_history.
grain: one row a (source, kind, week_start)
period: week_start
lookback: unbounded
columns:
  week_start: Monday of the ISO week of the file that corrects
  source: source profile of the tickets
  kind: superseded (other weights) or voided (cancelled by the sender)
  ticket_count: tickets
  site_count: their sites
  first_weighed_on: oldest day of weighing among them
  last_weighed_on: newest day of weighing among them
  before_t: their net mass as it stood before, t
*/
SELECT
    date_trunc('week', account.last_period_on)::DATE AS week_start,
    ticket.source,
    ticket.outcome AS kind,
    count(*) AS ticket_count,
    count(DISTINCT ticket.site_id) AS site_count,
    min(ticket.weighed_on) AS first_weighed_on,
    max(ticket.weighed_on) AS last_weighed_on,
    sum(ticket.net_t)::DECIMAL(18, 3) AS before_t
FROM staging.ticket_history AS ticket
INNER JOIN meta.load_account AS account
    ON coalesce(ticket.ended_load_no, ticket.load_no) = account.load_no AND account.feed = 'weighbridge_ticket'
WHERE account.last_period_on IS NOT NULL
GROUP BY ALL
ORDER BY week_start, ticket.source, kind
