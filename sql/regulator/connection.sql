/*
description: >-
  Who should send weighing tickets to the platform (五(二)) and whether they do; silent and never connected ones first. As of
  the last day any site told of. FROM overload.connection WHERE state <> 'complete'
arguments: {}
columns:
  county_code: county
  county_name: county
  firm_name: firm that runs the site
  site_id: site
  site_name: site
  entity_kind: kind of site
  expected_cadence: daily, workday or weekly, by the register
  state: never, silent, incomplete, complete or undetermined
  first_on: day of the first ticket
  last_on: day of the last ticket
  silent_since_on: first of the days that went by without one; NULL where it is not silent
  missed_day_count: expected days since the last ticket
  completeness_share: seen by expected days of the last whole weeks; NULL where none is expected
  expected_day_count: expected days of those weeks
  seen_day_count: of those, days with tickets
  data_through_on: last day any site told of
*/
CREATE OR REPLACE MACRO overload.connection() AS TABLE
    SELECT
        sending.county_code,
        sending.county_name,
        sending.firm_name,
        sending.site_id,
        sending.site_name,
        sending.entity_kind,
        sending.expected_cadence,
        sending.state,
        sending.first_on,
        sending.last_on,
        sending.silent_since_on,
        sending.missed_day_count,
        sending.completeness_share,
        sending.expected_day_count,
        sending.seen_day_count,
        sending.data_through_on
    FROM mart.platform_connection AS sending
    ORDER BY
        list_position(['never', 'silent', 'incomplete', 'undetermined', 'complete'], sending.state),
        sending.county_code,
        sending.site_id
