/*
description: >-
  Vehicles that were penalised in the year or have many releases over the limit, established cases and leads apart. The
  law counts cases: penalty decisions of which the act lies in the year that runs from the permit's first issue. Only
  `triggered` may say 触发; releases are leads (线索). FROM overload.repeat(as_of := '2026-06-30')
arguments:
  as_of: last local day that counts
columns:
  plate: number plate
  trigger_state: >-
    triggered (more cases in the permit's year than the law bears), possible (so only if what is missing should say so),
    or not
  trigger_word: 触发, 待核 or NULL
  case_count: >-
    penalty decisions in the permit's year, known at as_of; by case_basis rolling_year those in the year up to as_of, more
    than which no permit's year can hold
  case_basis: permit_year, or rolling_year where the day of first issue is not known
  open_case_count: those of them of which the day of the act, or whether it is transport over the limit, is not known
  more_than_count: cases of a year above which the vehicle is triggered
  permit_no: transport permit in the register on as_of
  permit_first_issued_on: day it was first issued
  year_from_on: first day of the permit's year that holds as_of; 28 February stands in for 29 February
  year_until_on: last day of it
  decision_nos: the decisions, oldest act first
  lead_count: releases over the limit in the window_days up to as_of; none of a plate in doubt, none taken back
  lead_word: 线索 where they are more than lead_more_than_count of rule repeat_overload
  half_year_lead_count: those in the last half_window_days
  usable_lead_count: leads that may go to enforcement as they stand
  contested_lead_count: leads that somebody contests, without a ruling
  stated_count: leads whose limit rests on stated facts alone
  site_count: sites that released them
  first_on: first day of such a release
  last_on: last day of such a release
  max_over_rate: highest rate over the limit
  over_t: mass over the limit, summed, t; a lower bound
  over_beyond_error_t: of it beyond the scales' in-service error, t
  carrier_uscc: unified social credit code of the registered carrier on as_of
  carrier_name: registered carrier on as_of
  basis: text the count of cases rests on, and what is not confirmed of it
*/
CREATE OR REPLACE MACRO overload.repeat(as_of) AS TABLE
    WITH figure AS (
        SELECT
            max(value) FILTER (name = 'vehicle_more_than_count')::BIGINT AS more_than_count,
            to_years(max(value) FILTER (name = 'case_window_years')::INTEGER) AS case_window,
            max(value) FILTER (name = 'lead_more_than_count') AS lead_more_than_count,
            max(value) FILTER (name = 'half_window_days')::INTEGER AS half_window_days,
            string_agg(source, '；' ORDER BY name DESC) FILTER (
                name IN ('vehicle_more_than_count', 'case_window_years')
            ) AS basis
        FROM policy.parameter
        WHERE rule = 'repeat_overload'
    ),

    vehicle AS (
        SELECT
            plate,
            permit_no,
            permit_first_issued_on,
            carrier_uscc,
            carrier_name,
            -- Counted from the first day each time, so that a 29 February comes back in leap years.
            CASE
                WHEN permit_first_issued_on <= as_of::DATE
                    THEN
                        year(as_of::DATE) - year(permit_first_issued_on)
                        - CASE
                            WHEN
                                permit_first_issued_on
                                + to_years((year(as_of::DATE) - year(permit_first_issued_on))::INTEGER) > as_of::DATE
                                THEN 1
                            ELSE 0
                        END
            END::INTEGER AS year_count
        FROM staging.vehicle
        WHERE valid_from <= as_of::DATE AND coalesce(valid_until, '9999-12-31') >= as_of::DATE
    ),

    permit AS (
        SELECT
            plate,
            permit_no,
            permit_first_issued_on,
            (permit_first_issued_on + to_years(year_count))::DATE AS year_from_on,
            (permit_first_issued_on + to_years(year_count + 1))::DATE - 1 AS year_until_on,
            carrier_uscc,
            carrier_name
        FROM vehicle
    ),

    -- No permit's year that holds as_of begins earlier than a year before the day after it.
    established AS (
        SELECT
            established.plate,
            established.decision_no,
            established.decided_on,
            established.act_on,
            established.act_on IS NULL OR established.is_over_limit IS NULL AS is_open
        FROM mart.established_case AS established
        CROSS JOIN figure
        WHERE
            established.plate IS NOT NULL
            AND established.decided_on <= as_of::DATE
            AND coalesce(established.is_over_limit, TRUE)
            AND coalesce(established.act_on, established.decided_on) >= as_of::DATE + 1 - figure.case_window
            AND coalesce(established.act_on, established.decided_on) <= as_of::DATE
    ),

    counted AS (
        SELECT
            established.plate,
            count(*) AS case_count,
            count(*) FILTER (established.is_open) AS open_case_count,
            list(established.decision_no ORDER BY established.act_on, established.decision_no) AS decision_nos
        FROM established
        LEFT JOIN permit ON established.plate = permit.plate
        WHERE
            coalesce(established.act_on, established.decided_on)
            >= coalesce(permit.year_from_on, established.act_on, established.decided_on)
        GROUP BY established.plate
    ),

    -- Days and not bounds: a join on equal days lets the scan leave out all others.
    lead_day AS (
        SELECT as_of::DATE - unnest(range(value::INTEGER))::INTEGER AS weighed_on
        FROM policy.parameter
        WHERE rule = 'repeat_overload' AND name = 'window_days'
    ),

    lead AS (
        SELECT
            overload.plate,
            count(*) AS lead_count,
            count(*) FILTER (overload.weighed_on > as_of::DATE - figure.half_window_days) AS half_year_lead_count,
            count(*) FILTER (overload.is_enforcement_usable AND NOT coalesce(contested.is_open, FALSE))
                AS usable_lead_count,
            count(*) FILTER (contested.is_open) AS contested_lead_count,
            count(*) FILTER (overload.limit_basis = 'stated') AS stated_count,
            count(DISTINCT overload.site_id) AS site_count,
            min(overload.weighed_on) AS first_on,
            max(overload.weighed_on) AS last_on,
            max(overload.over_rate) AS max_over_rate,
            (sum(overload.over_kg) / 1000)::DECIMAL(18, 3) AS over_t,
            (sum(overload.over_beyond_error_kg) / 1000)::DECIMAL(18, 3) AS over_beyond_error_t
        FROM mart.overload_record AS overload
        INNER JOIN lead_day ON overload.weighed_on = lead_day.weighed_on
        CROSS JOIN figure
        LEFT JOIN mart.contested_record AS contested ON overload.record_id = contested.record_id
        WHERE
            overload.verdict = 'breached'
            AND overload.plate IS NOT NULL
            AND overload.plate_doubt IS NULL
            AND overload.weighed_on <= as_of::DATE
            AND NOT coalesce(contested.ruling = 'withdrawn', FALSE)
        GROUP BY overload.plate
    ),

    seen AS (
        SELECT
            coalesce(counted.plate, lead.plate) AS plate,
            coalesce(counted.case_count, 0) AS case_count,
            coalesce(counted.open_case_count, 0) AS open_case_count,
            counted.decision_nos,
            coalesce(lead.lead_count, 0) AS lead_count,
            coalesce(lead.half_year_lead_count, 0) AS half_year_lead_count,
            coalesce(lead.usable_lead_count, 0) AS usable_lead_count,
            coalesce(lead.contested_lead_count, 0) AS contested_lead_count,
            coalesce(lead.stated_count, 0) AS stated_count,
            coalesce(lead.site_count, 0) AS site_count,
            lead.first_on,
            lead.last_on,
            lead.max_over_rate,
            coalesce(lead.over_t, 0) AS over_t,
            coalesce(lead.over_beyond_error_t, 0) AS over_beyond_error_t
        FROM counted
        FULL JOIN lead ON counted.plate = lead.plate
        CROSS JOIN figure
        WHERE counted.case_count > 0 OR lead.lead_count > figure.lead_more_than_count
    ),

    judged AS (
        SELECT
            seen.*,
            permit.permit_no,
            permit.permit_first_issued_on,
            permit.year_from_on,
            permit.year_until_on,
            permit.carrier_uscc,
            permit.carrier_name,
            CASE
                WHEN
                    permit.year_from_on IS NOT NULL
                    AND seen.case_count - seen.open_case_count > figure.more_than_count
                    THEN 'triggered'
                WHEN seen.case_count > figure.more_than_count THEN 'possible'
                ELSE 'not'
            END AS trigger_state,
            figure.more_than_count,
            figure.lead_more_than_count,
            figure.basis
        FROM seen
        CROSS JOIN figure
        LEFT JOIN permit ON seen.plate = permit.plate
    )

    SELECT
        plate,
        trigger_state,
        CASE trigger_state WHEN 'triggered' THEN '触发' WHEN 'possible' THEN '待核' END AS trigger_word,
        case_count,
        CASE WHEN year_from_on IS NULL THEN 'rolling_year' ELSE 'permit_year' END AS case_basis,
        open_case_count,
        more_than_count,
        permit_no,
        permit_first_issued_on,
        year_from_on,
        year_until_on,
        decision_nos,
        lead_count,
        CASE WHEN lead_count > lead_more_than_count THEN '线索' END AS lead_word,
        half_year_lead_count,
        usable_lead_count,
        contested_lead_count,
        stated_count,
        site_count,
        first_on,
        last_on,
        max_over_rate,
        over_t,
        over_beyond_error_t,
        carrier_uscc,
        carrier_name,
        basis
    FROM judged
    ORDER BY
        list_position(['triggered', 'possible', 'not'], trigger_state) ASC,
        lead_count DESC,
        over_t DESC,
        plate ASC
