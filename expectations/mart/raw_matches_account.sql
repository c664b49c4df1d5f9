/*
description: >-
  For every file, the rows that stand in the warehouse by outcome, and the rows put aside, are as many as its
  account says.
text_zh: 每个文件按去向留存的行数（含隔离行）与装载账目一致
severity: critical
table: meta.load_account
action: find who changed the raw tables outside a load; load the snapshots into a new warehouse
action_zh: 请查明何人在装载之外改动了原始表，并用快照重建数据库
columns:
  feed: feed of the file
  snapshot_sha256: SHA-256 of the file
  outcome: accepted, superseded, voided, pending or quarantined
  stored_count: rows found in the raw table, for quarantined rows in meta.reject
  account_count: rows by the account of the load
*/
WITH stored AS (
    SELECT
        'capacity_filing' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.capacity_filing
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'key_project_demand' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.key_project_demand
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'name_answer' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.name_answer
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'penalty_case' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.penalty_case
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'price_quote' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.price_quote
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'record_contest' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.record_contest
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'river_permit' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.river_permit
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'scale' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.scale
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'site_register' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.site_register
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'stock_report' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.stock_report
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'vehicle' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.vehicle
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'waybill' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.waybill
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        'weighbridge_ticket' AS feed,
        snapshot_sha256,
        outcome,
        COUNT(*) AS stored_count
    FROM raw.weighbridge_ticket
    GROUP BY snapshot_sha256, outcome
    UNION ALL
    SELECT
        feed,
        snapshot_sha256,
        'quarantined' AS outcome,
        COUNT(*) AS stored_count
    FROM meta.reject
    GROUP BY feed, snapshot_sha256
),

account AS (
    SELECT
        feed,
        snapshot_sha256,
        UNNEST(['accepted', 'superseded', 'voided', 'pending', 'quarantined']) AS outcome,
        UNNEST([
            accepted_count, superseded_count, voided_count, pending_count, quarantined_count
        ]) AS account_count
    FROM meta.load_account
),

paired AS (
    SELECT
        COALESCE(stored.feed, account.feed) AS feed,
        COALESCE(stored.snapshot_sha256, account.snapshot_sha256) AS snapshot_sha256,
        COALESCE(stored.outcome, account.outcome) AS outcome,
        COALESCE(stored.stored_count, 0) AS stored_count,
        COALESCE(account.account_count, 0) AS account_count
    FROM stored
    FULL OUTER JOIN account
        ON
            stored.feed = account.feed
            AND stored.snapshot_sha256 = account.snapshot_sha256
            AND stored.outcome = account.outcome
)

SELECT
    feed,
    snapshot_sha256,
    outcome,
    stored_count,
    account_count
FROM paired
WHERE stored_count <> account_count
ORDER BY feed, snapshot_sha256, outcome
