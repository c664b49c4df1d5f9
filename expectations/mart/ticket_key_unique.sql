/*
description: >-
  No weighing counts twice. Two accepted tickets never agree in site, number, plate, time and weights, whatever
  source brought them; a ticket without a number has no key and is left out.
text_zh: 没有一次过磅被重复计入（站点、磅单号、车号、时间和重量均相同）
severity: critical
table: raw.weighbridge_ticket
action: load the snapshots into a new warehouse and compare; the load let a duplicate through
action_zh: 请用快照重建数据库并核对；装载程序放过了重复磅单
columns:
  site_name: site that weighed, as it calls itself
  ticket_no: number on the ticket
  copy_count: accepted rows that are the same ticket
  first_line: lowest physical line among them
*/
-- Rows that an earlier run checked are looked at again only where a new row bears their number and time.
WITH scope AS (
    SELECT COALESCE(MAX(after_load_no), 0) AS after_load_no
    FROM meta.check_scope
    WHERE feed = 'weighbridge_ticket'
),

new_ticket AS (
    SELECT HASH(ticket.ticket_no, ticket.weighed_at) AS ticket_hash
    FROM raw.weighbridge_ticket AS ticket
    CROSS JOIN scope
    WHERE
        scope.after_load_no > 0
        AND ticket.load_no > scope.after_load_no
),

-- Grouping all tickets by words is slow; nearly none share the hash of these five, so only those few are compared in
-- full.
shared_hash AS (
    SELECT HASH(ticket.ticket_no, ticket.weighed_at, ticket.gross_kg, ticket.tare_kg, ticket.net_kg) AS ticket_hash
    FROM raw.weighbridge_ticket AS ticket
    CROSS JOIN scope
    WHERE
        ticket.outcome = 'accepted'
        AND ticket.ticket_no IS NOT NULL
        AND (
            scope.after_load_no = 0
            OR HASH(ticket.ticket_no, ticket.weighed_at) IN (SELECT new_ticket.ticket_hash FROM new_ticket)
        )
    GROUP BY ticket_hash
    HAVING COUNT(*) > 1
)

SELECT
    ticket.site_name,
    ticket.ticket_no,
    COUNT(*) AS copy_count,
    MIN(ticket.line) AS first_line
FROM raw.weighbridge_ticket AS ticket
INNER JOIN shared_hash
    ON
        HASH(ticket.ticket_no, ticket.weighed_at, ticket.gross_kg, ticket.tare_kg, ticket.net_kg)
        = shared_hash.ticket_hash
WHERE
    ticket.outcome = 'accepted'
    AND ticket.ticket_no IS NOT NULL
GROUP BY
    ticket.site_name,
    ticket.ticket_no,
    ticket.plate,
    ticket.weighed_at,
    ticket.gross_kg,
    ticket.tare_kg,
    ticket.net_kg
HAVING COUNT(*) > 1
ORDER BY ticket.site_name, ticket.ticket_no, first_line
