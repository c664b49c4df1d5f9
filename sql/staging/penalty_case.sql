/*
description: Penalty decisions in overload cases, in force, with the site resolved. Cases, not tickets, count for repeats.
grain: one row a decision_no
period: none
columns:
  decision_no: number of the decision
  decided_on: day of the decision
  act_on: day of the act
  plate: number plate, normalised
  driver_permit_no: number of the driver's professional permit
  driver_permit_first_issued_on: day on which that permit was first issued
  carrier_uscc: unified social credit code of the carrier
  site_id: registered site, the name in the decision where the register does not know it; NULL where none is named
  site_name: site as the decision names it
  rule: provision that was breached, in the decision's words
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
SELECT
    decision.decision_no,
    decision.decided_on,
    decision.act_on,
    decision.plate,
    decision.driver_permit_no,
    decision.driver_permit_first_issued_on,
    decision.carrier_uscc,
    coalesce(alias.site_id, decision.site_name) AS site_id,
    decision.site_name,
    decision.rule,
    decision.snapshot_sha256,
    decision.line
FROM raw.penalty_case AS decision
LEFT JOIN staging.site_alias AS alias ON decision.site_name = alias.alias
WHERE decision.outcome = 'accepted'
ORDER BY decision.act_on, decision.decision_no
