/*
description: >-
  Releases over the limit of which the two years in which the act can be penalised end within lapse_warning_days of rule
  repeat_overload, and of which no decision is known. FROM overload.lapsing(as_of := '2026-06-30')
arguments:
  as_of: local day from which the days are counted; decisions up to it count
columns:
  record_id: ticket of the release
  lapses_on: last day on which the act can be penalised
  days_left: days from as_of to it
  plate: number plate
  plate_doubt: why the plate may not be this vehicle's; then only the site is meant
  weighed_at: when it was weighed
  site_id: site that released it
  site_name: site as the ticket names it
  firm_name: firm that runs it
  county_code: county
  county_name: county
  over_kg: mass over the limit, kg
  over_beyond_error_kg: over_kg less the scale's in-service error, kg, not below 0
  is_enforcement_usable: whether it may go to enforcement as it stands
  unusable_reasons: why not, as codes
  is_contested: whether somebody contests the record and nobody has ruled
  snapshot_sha256: SHA-256 of the file
  line: physical line of the file
*/
CREATE OR REPLACE MACRO overload.lapsing(as_of) AS TABLE
    -- Days and not bounds: a join on equal days lets the scan leave out all others.
    WITH lapse_day AS (
        SELECT as_of::DATE + unnest(range(value::INTEGER + 1))::INTEGER AS lapses_on
        FROM policy.parameter
        WHERE rule = 'repeat_overload' AND name = 'lapse_warning_days'
    ),

    decided AS (
        SELECT DISTINCT
            plate,
            act_on,
            site_id
        FROM mart.established_case
        WHERE decided_on <= as_of::DATE
    )

    SELECT
        breach.record_id,
        breach.lapses_on,
        breach.lapses_on - as_of::DATE AS days_left,
        breach.plate,
        breach.plate_doubt,
        breach.weighed_at,
        breach.site_id,
        breach.site_name,
        breach.firm_name,
        breach.county_code,
        region.county_name,
        breach.over_kg,
        breach.over_beyond_error_kg,
        breach.is_enforcement_usable,
        breach.unusable_reasons,
        coalesce(contested.is_open, FALSE) AS is_contested,
        breach.snapshot_sha256,
        breach.line
    FROM mart.overload_record AS breach
    INNER JOIN lapse_day ON breach.lapses_on = lapse_day.lapses_on
    -- A decision that names another site is about another act.
    ANTI JOIN decided
        ON
            breach.plate = decided.plate
            AND breach.weighed_on = decided.act_on
            AND breach.site_id = coalesce(decided.site_id, breach.site_id)
    LEFT JOIN mart.contested_record AS contested ON breach.record_id = contested.record_id
    LEFT JOIN reference.region AS region ON breach.county_code = region.county_code
    WHERE
        breach.verdict = 'breached'
        AND breach.lapses_on >= as_of::DATE
        AND NOT coalesce(contested.ruling = 'withdrawn', FALSE)
    ORDER BY breach.lapses_on, breach.weighed_at, breach.record_id
