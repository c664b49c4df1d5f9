/*
description: What forms of each river sand permit carried on each day; small, so that sums over a permit's whole life stay cheap.
grain: one row a (permit_no, permit_valid_from, issued_on)
period: week_start
lookback: 0
columns:
  permit_no: permit
  permit_valid_from: first day of the permit's period
  issued_on: local day the forms were issued
  week_start: Monday of its ISO week
  form_count: forms in force
  counted_t: their mass, t
  weighed_t: net mass of the tickets that those forms name, t
  unknown_count: forms in force whose mass is not known
*/
SELECT
    permit_no,
    permit_valid_from,
    issued_on,
    week_start,
    count(*) AS form_count,
    coalesce(sum(counted_t), 0)::DECIMAL(18, 3) AS counted_t,
    coalesce(sum(ticket_net_t) FILTER (match_basis = 'ticket_no'), 0)::DECIMAL(18, 3) AS weighed_t,
    count(*) - count(counted_t) AS unknown_count
FROM mart.waybill_trip
WHERE is_in_force AND permit_valid_from IS NOT NULL AND coalesce(kind <> 'mine', TRUE)
GROUP BY permit_no, permit_valid_from, issued_on, week_start
ORDER BY issued_on, permit_no, permit_valid_from
