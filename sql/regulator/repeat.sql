/*
description: >-
  Plates with more releases over the limit, in the year up to a day, than rule repeat_overload allows. Leads (线索): the
  law counts penalty decisions, which no feed brings yet. FROM repeat('2026-06-30')
arguments:
  as_of: last local day that counts
columns:
  plate: number plate
  lead_count: releases over the limit in the year up to as_of (window_days of rule repeat_overload)
  half_year_lead_count: those in its last half_window_days
  case_count: penalty decisions in that year; NULL, because no feed brings them
  stated_count: leads whose limit rests on stated facts alone
  site_count: sites that released them
  first_on: first day of such a release
  last_on: last day of such a release
  max_over_rate: highest rate over the limit
  over_t: mass over the limit, summed, t; a lower bound
*/
CREATE OR REPLACE MACRO repeat(as_of) AS TABLE
    WITH figure AS (
        SELECT
            max(value) FILTER (name = 'more_than_count') AS more_than_count,
            max(value) FILTER (name = 'window_days')::INTEGER AS window_days,
            max(value) FILTER (name = 'half_window_days')::INTEGER AS half_window_days
        FROM policy.parameter
        WHERE rule = 'repeat_overload'
    ),

    lead AS (
        SELECT
            plate,
            site_id,
            weighed_on,
            limit_basis,
            over_kg,
            over_rate
        FROM mart.overload_record
        WHERE
            verdict = 'breached'
            AND plate IS NOT NULL
            AND weighed_on <= as_of::DATE
            AND weighed_on > as_of::DATE - (SELECT window_days FROM figure)
    )

    SELECT
        lead.plate,
        count(*) AS lead_count,
        count(*) FILTER (lead.weighed_on > as_of::DATE - figure.half_window_days) AS half_year_lead_count,
        NULL::BIGINT AS case_count,
        count(*) FILTER (lead.limit_basis = 'stated') AS stated_count,
        count(DISTINCT lead.site_id) AS site_count,
        min(lead.weighed_on) AS first_on,
        max(lead.weighed_on) AS last_on,
        max(lead.over_rate) AS max_over_rate,
        (sum(lead.over_kg) / 1000)::DECIMAL(18, 3) AS over_t
    FROM lead
    CROSS JOIN figure
    GROUP BY lead.plate, figure.more_than_count
    HAVING count(*) > figure.more_than_count
    ORDER BY lead_count DESC, over_t DESC, lead.plate ASC
