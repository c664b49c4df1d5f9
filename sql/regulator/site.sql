/*
description: >-
  Sites that released trucks over the limit in the window_days of rule repeat_overload up to a day, the worst first, with
  the range that Henan's ordinance has for a source firm that releases them. A reference (参考), never a fine.
  FROM overload.site(as_of := '2026-06-30')
arguments:
  as_of: last local day that counts
columns:
  site_id: site
  site_name: site, as its newest ticket names it
  firm_name: firm that runs it
  is_registered_site: whether the register knows it
  county_code: county
  county_name: county
  breached_count: releases over the limit, taken back ones left out
  beyond_error_count: those of them over it by more than a scale in service may err
  usable_count: those that may go to enforcement as they stand and are not contested
  contested_count: those that somebody contests, without a ruling
  over_100t_count: those of 100 t and more (百吨王; practice, not law)
  plate_count: different plates of them, doubted ones left out
  max_over_rate: highest rate over the limit
  over_t: mass over the limit, t; a lower bound
  over_beyond_error_t: of it beyond the scale's in-service error, t
  first_on: first day of such a release
  last_on: last day of such a release
  reference_low_yuan: lower end of the range, yuan; NULL where nothing is beyond the scale's error
  reference_high_yuan: upper end of the range, yuan
  reference_text: the range in words, 参考 first
  reference_source: text the range stands in
*/
CREATE OR REPLACE MACRO overload.site(as_of) AS TABLE
    WITH figure AS (
        SELECT
            max(value) FILTER (name = 'site_reference_low_yuan')::INTEGER AS low_yuan,
            max(value) FILTER (name = 'site_reference_high_yuan')::INTEGER AS high_yuan,
            max(source) FILTER (name = 'site_reference_low_yuan') AS source
        FROM policy.parameter
        WHERE rule = 'repeat_overload'
    ),

    -- Days and not bounds: a join on equal days lets the scan leave out all others.
    lead_day AS (
        SELECT as_of::DATE - unnest(range(value::INTEGER))::INTEGER AS weighed_on
        FROM policy.parameter
        WHERE rule = 'repeat_overload' AND name = 'window_days'
    ),

    released AS (
        SELECT
            breach.site_id,
            max_by(breach.site_name, breach.weighed_at) AS site_name,
            max_by(breach.firm_name, breach.weighed_at) AS firm_name,
            bool_or(breach.is_registered_site) AS is_registered_site,
            max_by(breach.county_code, breach.weighed_at) AS county_code,
            count(*) AS breached_count,
            count(*) FILTER (breach.over_beyond_error_kg > 0) AS beyond_error_count,
            count(*) FILTER (breach.is_enforcement_usable AND NOT coalesce(contested.is_open, FALSE)) AS usable_count,
            count(*) FILTER (contested.is_open) AS contested_count,
            count(*) FILTER (breach.is_over_100t) AS over_100t_count,
            count(DISTINCT breach.plate) FILTER (breach.plate_doubt IS NULL) AS plate_count,
            max(breach.over_rate) AS max_over_rate,
            (sum(breach.over_kg) / 1000)::DECIMAL(18, 3) AS over_t,
            (sum(breach.over_beyond_error_kg) / 1000)::DECIMAL(18, 3) AS over_beyond_error_t,
            min(breach.weighed_on) AS first_on,
            max(breach.weighed_on) AS last_on
        FROM mart.overload_record AS breach
        INNER JOIN lead_day ON breach.weighed_on = lead_day.weighed_on
        LEFT JOIN mart.contested_record AS contested ON breach.record_id = contested.record_id
        WHERE
            breach.verdict = 'breached'
            AND breach.weighed_on <= as_of::DATE
            AND NOT coalesce(contested.ruling = 'withdrawn', FALSE)
        GROUP BY breach.site_id
    )

    SELECT
        released.site_id,
        released.site_name,
        released.firm_name,
        released.is_registered_site,
        released.county_code,
        region.county_name,
        released.breached_count,
        released.beyond_error_count,
        released.usable_count,
        released.contested_count,
        released.over_100t_count,
        released.plate_count,
        released.max_over_rate,
        released.over_t,
        released.over_beyond_error_t,
        released.first_on,
        released.last_on,
        CASE WHEN released.beyond_error_count > 0 THEN figure.low_yuan END AS reference_low_yuan,
        CASE WHEN released.beyond_error_count > 0 THEN figure.high_yuan END AS reference_high_yuan,
        CASE
            WHEN released.beyond_error_count > 0
                THEN '参考：' || figure.low_yuan || '元至' || figure.high_yuan || '元'
        END AS reference_text,
        CASE WHEN released.beyond_error_count > 0 THEN figure.source END AS reference_source
    FROM released
    CROSS JOIN figure
    LEFT JOIN reference.region AS region ON released.county_code = region.county_code
    ORDER BY released.beyond_error_count DESC, released.over_beyond_error_t DESC, released.site_id ASC
