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
-- Grouping all tickets by seven columns is slow; nearly none share a hash, so only those few are compared in full.
WITH shared_hash AS (
    SELECT HASH(site_name, ticket_no, plate, weighed_at, gross_kg, tare_kg, net_kg) AS ticket_hash
    FROM raw.weighbridge_ticket
    WHERE
        outcome = 'accepted'
        AND ticket_no IS NOT NULL
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
        HASH(
            ticket.site_name,
            ticket.ticket_no,
            ticket.plate,
            ticket.weighed_at,
            ticket.gross_kg,
            ticket.tare_kg,
            ticket.net_kg
        ) = shared_hash.ticket_hash
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
