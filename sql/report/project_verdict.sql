/*
description: Verdicts on the projects as they stand by their filings, with value, threshold and clause.
grain: one row a (rule, subject_id)
period: none
columns:
  rule: rule, a folder of sql/policy
  kind: law, management or default; a management rule unmet is no breach of law
  subject_id: project code
  subject_name: project
  county_code: county of the project
  county_name: county
  judged_on: date that selects the threshold
  part: part of the rule that decided
  value: value measured
  base: what the value is measured against before the threshold
  must_be: how the value must stand to the threshold
  threshold: threshold in force on judged_on
  threshold_unit: its unit
  headroom: >-
    how far value stands on the right side of threshold by base, in the unit of value; negative on the wrong side; NULL
    where nothing was measured
  headroom_share: headroom by threshold times base; NULL where that is 0
  verdict: met, breached, exempt, undetermined or not_in_force
  reason_code: why it is exempt, undetermined or not in force, or breached without measuring
  outcome: verdict, with exempt told apart as exempted (by the text) and not_applicable
  document: document
  clause: clause of the document
*/
SELECT
    verdict.rule,
    verdict.kind,
    verdict.subject_id,
    verdict.subject_name,
    verdict.county_code,
    region.county_name,
    verdict.judged_on,
    verdict.part,
    verdict.value,
    verdict.base,
    verdict.must_be,
    verdict.threshold,
    verdict.threshold_unit,
    CASE
        WHEN verdict.must_be IN ('at_least', 'more_than') THEN verdict.value - verdict.threshold * verdict.base
        WHEN verdict.must_be IN ('at_most', 'less_than') THEN verdict.threshold * verdict.base - verdict.value
    END::DECIMAL(18, 3) AS headroom,
    (
        CASE
            WHEN verdict.must_be IN ('at_least', 'more_than') THEN verdict.value - verdict.threshold * verdict.base
            WHEN verdict.must_be IN ('at_most', 'less_than') THEN verdict.threshold * verdict.base - verdict.value
        END / nullif(verdict.threshold * verdict.base, 0)
    )::DECIMAL(18, 6) AS headroom_share,
    verdict.verdict,
    verdict.reason_code,
    CASE
        WHEN verdict.verdict <> 'exempt' THEN verdict.verdict
        WHEN verdict.reason_code = 'exempted_by_text' THEN 'exempted'
        ELSE 'not_applicable'
    END AS outcome,
    verdict.document,
    verdict.clause
FROM policy.verdict AS verdict
LEFT JOIN reference.region AS region ON verdict.county_code = region.county_code
WHERE verdict.subject_kind = 'project'
ORDER BY verdict.rule, verdict.subject_id
