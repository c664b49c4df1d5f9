/*
description: Parks and listed key firms with large haulage, city-wide and by county, and how many have an operating siding; names members and gap.
grain: one row a (subject_id, part)
columns:
  subject_id: city code, or county code
  subject_name: city or county
  county_code: the same code
  part: siding_share
  judged_on: end of the latest haulage year of the members
  value_low: members with an operating siding
  value_high: members with an operating siding, were all unknown ones operating too
  base: members
  exempt_reason: out_of_scope where there is no member
  undetermined_reason: never set here
  breached_reason: never set here
  doubt_reason: never set here
  member_count: members
  operating_count: members with an operating siding
  unknown_count: members whose siding is unknown
  more_needed: further sidings needed to meet the share
  operating_members: names of the members with an operating siding
  other_members: names and siding states of the other members
  haulage_unknown: parks and listed firms whose haulage is unknown; listed, not counted
  snapshot_sha256: file of the register
  line: a line of that file
*/
WITH listed AS (
    SELECT
        site.*,
        coalesce(site.annual_haul_t >= haul_floor.value, FALSE) AS is_member
    FROM staging.site AS site
    CROSS JOIN policy.parameter AS haul_floor
    WHERE
        haul_floor.rule = 'rail_siding_access'
        AND haul_floor.name = 'haul_floor_t'
        AND (
            site.entity_kind IN ('logistics_park', 'industrial_park')
            OR (site.entity_kind = 'key_enterprise' AND site.key_list_source IS NOT NULL)
        )
        AND (site.annual_haul_t IS NULL OR site.annual_haul_t >= haul_floor.value)
),

place AS (
    SELECT
        region.county_code AS subject_id,
        region.county_name AS subject_name,
        listed.*
    FROM reference.region AS region
    LEFT JOIN listed ON region.kind = 'city' OR region.county_code = listed.county_code
),

counted AS (
    SELECT
        subject_id,
        any_value(subject_name) AS subject_name,
        make_date(max(haul_year) FILTER (is_member), 12, 31) AS judged_on,
        count(*) FILTER (is_member) AS member_count,
        count(*) FILTER (is_member AND siding_state = 'operating') AS operating_count,
        count(*) FILTER (is_member AND siding_state IS NULL) AS unknown_count,
        string_agg(site_name, '、' ORDER BY site_name) FILTER (is_member AND siding_state = 'operating')
            AS operating_members,
        string_agg(site_name || '（' || coalesce(siding_state, 'unknown') || '）', '、' ORDER BY site_name) FILTER (
            is_member AND siding_state IS DISTINCT FROM 'operating'
        ) AS other_members,
        string_agg(site_name, '、' ORDER BY site_name) FILTER (NOT is_member) AS haulage_unknown,
        min(snapshot_sha256) AS snapshot_sha256,
        -- The line belongs to the file that is named.
        min_by(line, (snapshot_sha256, line)) AS line
    FROM place
    GROUP BY subject_id
)

SELECT
    counted.subject_id,
    counted.subject_name,
    counted.subject_id AS county_code,
    'siding_share' AS part,
    coalesce(counted.judged_on, threshold.in_force_from) AS judged_on,
    counted.operating_count AS value_low,
    counted.operating_count + counted.unknown_count AS value_high,
    counted.member_count AS base,
    CASE WHEN counted.member_count = 0 THEN 'out_of_scope' END AS exempt_reason,
    NULL::VARCHAR AS undetermined_reason,
    NULL::VARCHAR AS breached_reason,
    NULL::VARCHAR AS doubt_reason,
    counted.member_count,
    counted.operating_count,
    counted.unknown_count,
    greatest(ceil(threshold.value * counted.member_count) - counted.operating_count, 0)::INTEGER AS more_needed,
    counted.operating_members,
    counted.other_members,
    counted.haulage_unknown,
    counted.snapshot_sha256,
    counted.line
FROM counted
CROSS JOIN policy.threshold AS threshold
WHERE threshold.rule = 'rail_siding_access' AND threshold.in_force_until IS NULL
