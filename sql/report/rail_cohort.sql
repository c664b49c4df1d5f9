/*
description: >-
  Parks and listed key firms with large haulage, city-wide and by county; members by name and how
  many sidings are missing.
grain: one row a place_code
period: none
columns:
  place_code: city or county code
  place_name: city or county
  is_city: whether the row is the whole city
  judged_on: end of the latest haulage year of the members
  member_count: members
  operating_count: members with an operating siding
  unknown_count: members whose siding is unknown
  more_needed: further sidings needed
  threshold: share that must be reached
  verdict: met, breached, exempt or undetermined
  reason_code: why it is exempt or undetermined
  operating_members: names of the members with an operating siding
  other_members: names and siding states of the other members
  haulage_unknown: parks and listed firms with unknown haulage; listed, not counted
*/
SELECT
    cohort.subject_id AS place_code,
    cohort.subject_name AS place_name,
    region.kind = 'city' AS is_city,
    cohort.judged_on,
    cohort.member_count,
    cohort.operating_count,
    cohort.unknown_count,
    cohort.more_needed,
    cohort.threshold,
    cohort.verdict,
    cohort.reason_code,
    cohort.operating_members,
    cohort.other_members,
    cohort.haulage_unknown
FROM policy.rail_siding_access AS cohort
INNER JOIN reference.region AS region ON cohort.subject_id = region.county_code
ORDER BY cohort.subject_id
