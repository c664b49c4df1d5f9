/*
description: >-
  Penalty decisions, each once however its number was written. What its rows contradict each other in is unknown here; the
  carrier is the decision's, else the register's on the day of the act.
grain: one row a (case_no, plate)
period: none
columns:
  case_no: number of the decision, without brackets and blanks
  decision_no: number of the decision as it was sent
  decided_on: day of the decision; the latest where its rows differ
  act_on: day of the act; NULL where it is missing or its rows differ
  plate: number plate
  driver_permit_no: driver's permit; NULL where its rows differ
  driver_permit_first_issued_on: day it was first issued, as the decision says
  carrier_uscc: unified social credit code of the carrier
  carrier_source: decision or register
  site_id: site the decision names
  rule: what was penalised, in words
  is_over_limit: whether that is transport over the limit (超限), as the decisions of this feed are; FALSE for 超载 alone, NULL where no word is there
  snapshot_sha256: SHA-256 of the file of its newest row
  line: line of that file
*/
WITH decision AS (
    SELECT
        *,
        regexp_replace(
            upper(translate(decision_no, '０１２３４５６７８９', '0123456789')), '[^\p{L}\p{N}]', '', 'g'
        ) AS case_no
    FROM staging.penalty_case
),

case_at AS (
    SELECT
        case_no,
        plate,
        max_by(decision_no, (decided_on, snapshot_sha256, line)) AS decision_no,
        max(decided_on) AS decided_on,
        CASE WHEN count(DISTINCT act_on) = 1 THEN min(act_on) END AS act_on,
        CASE WHEN count(DISTINCT driver_permit_no) = 1 THEN min(driver_permit_no) END AS driver_permit_no,
        CASE WHEN count(DISTINCT driver_permit_first_issued_on) = 1 THEN min(driver_permit_first_issued_on) END
            AS driver_permit_first_issued_on,
        CASE WHEN count(DISTINCT carrier_uscc) = 1 THEN min(carrier_uscc) END AS carrier_uscc,
        CASE WHEN count(DISTINCT site_id) = 1 THEN min(site_id) END AS site_id,
        string_agg(DISTINCT rule, '；' ORDER BY rule) AS rule,
        max_by(snapshot_sha256, (decided_on, snapshot_sha256, line)) AS snapshot_sha256,
        max_by(line, (decided_on, snapshot_sha256, line)) AS line
    FROM decision
    GROUP BY case_no, plate
),

register AS (
    SELECT
        case_at.case_no,
        case_at.plate,
        max_by(vehicle.carrier_uscc, vehicle.valid_from) AS carrier_uscc
    FROM case_at
    INNER JOIN staging.vehicle AS vehicle
        ON
            case_at.plate = vehicle.plate
            AND case_at.act_on >= vehicle.valid_from
            AND case_at.act_on <= coalesce(vehicle.valid_until, '9999-12-31')
    GROUP BY case_at.case_no, case_at.plate
)

SELECT
    case_at.case_no,
    case_at.decision_no,
    case_at.decided_on,
    case_at.act_on,
    case_at.plate,
    case_at.driver_permit_no,
    case_at.driver_permit_first_issued_on,
    coalesce(case_at.carrier_uscc, register.carrier_uscc) AS carrier_uscc,
    CASE
        WHEN case_at.carrier_uscc IS NOT NULL THEN 'decision'
        WHEN register.carrier_uscc IS NOT NULL THEN 'register'
    END AS carrier_source,
    case_at.site_id,
    case_at.rule,
    CASE
        WHEN case_at.rule LIKE '%超载%' AND case_at.rule NOT LIKE '%超限%' THEN FALSE
        WHEN case_at.rule IS NOT NULL THEN TRUE
    END AS is_over_limit,
    case_at.snapshot_sha256,
    case_at.line
FROM case_at
LEFT JOIN register ON case_at.case_no = register.case_no AND case_at.plate = register.plate
ORDER BY case_at.decided_on, case_at.case_no, case_at.plate
