/*
description: >-
  How many forms each check of rule waybill looked at, by site and week; with the ones it could not decide for a blank or
  unknown fact, so that few findings and few facts are not mistaken for each other.
grain: one row a (site_id, week_start, finding)
period: week_start
lookback: 0
columns:
  site_id: site of origin
  county_code: county of that site
  week_start: Monday of the ISO week of the forms' issue
  finding: what is looked for, as in policy.waybill_finding
  form_count: forms in force to which the check applies
  finding_count: of those, with the finding
  undetermined_count: of those, that could not be decided
*/
-- Forms with the same outcomes are counted before the outcomes are set below each other: there are few sorts of them.
WITH sort_of_form AS (
    SELECT
        site_id,
        county_code,
        week_start,
        plate_check,
        net_check,
        expired_check,
        dates_check,
        hours_check,
        zone_check,
        ticket_check,
        count(*) AS form_count
    FROM mart.waybill_trip
    WHERE is_in_force
    GROUP BY ALL
),

checked AS (
    SELECT
        site_id,
        county_code,
        week_start,
        form_count,
        unnest([
            'plate_differs',
            'net_differs',
            'expired',
            'outside_permit_dates',
            'outside_permit_hours',
            'outside_zone',
            'form_without_ticket'
        ]) AS finding,
        unnest([
            plate_check,
            net_check,
            expired_check,
            dates_check,
            hours_check,
            zone_check,
            ticket_check
        ]) AS outcome
    FROM sort_of_form
)

SELECT
    checked.site_id,
    any_value(checked.county_code) AS county_code,
    checked.week_start,
    checked.finding,
    sum(checked.form_count)::BIGINT AS form_count,
    coalesce(sum(checked.form_count) FILTER (checked.outcome = 'finding'), 0)::BIGINT AS finding_count,
    coalesce(sum(checked.form_count) FILTER (checked.outcome = 'undetermined'), 0)::BIGINT AS undetermined_count
FROM checked
WHERE checked.outcome <> 'not_applicable'
GROUP BY checked.site_id, checked.week_start, checked.finding
ORDER BY checked.week_start, checked.site_id, checked.finding
