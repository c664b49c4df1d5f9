/*
description: >-
  Drivers who were penalised in the year, by their permit. The law counts cases: penalty decisions of which the act lies in
  the year that runs from the permit's first issue. Only `triggered` may say 触发.
  FROM overload.repeat_driver(as_of := '2026-06-30')
arguments:
  as_of: last local day that counts
columns:
  driver_permit_no: driver's permit
  trigger_state: triggered, possible (so only if what is missing should say so) or not
  trigger_word: 触发, 待核 or NULL
  case_count: penalty decisions in the permit's year, known at as_of; by case_basis rolling_year those in the year up to as_of
  case_basis: permit_year, or rolling_year where the day of first issue is not known or stated differently
  open_case_count: those of them of which the day of the act, or whether it is transport over the limit, is not known
  more_than_count: cases of a year above which the driver is triggered
  permit_first_issued_on: day the permit was first issued, as the decisions say
  year_from_on: first day of the permit's year that holds as_of; 28 February stands in for 29 February
  year_until_on: last day of it
  plates: plates of the cases
  decision_nos: the decisions, oldest act first
  basis: text the count rests on, and what is not confirmed of it
*/
CREATE OR REPLACE MACRO overload.repeat_driver(as_of) AS TABLE
    WITH figure AS (
        SELECT
            max(value) FILTER (name = 'driver_more_than_count')::BIGINT AS more_than_count,
            to_years(max(value) FILTER (name = 'case_window_years')::INTEGER) AS case_window,
            string_agg(source, '；' ORDER BY name DESC) FILTER (
                name IN ('driver_more_than_count', 'case_window_years')
            ) AS basis
        FROM policy.parameter
        WHERE rule = 'repeat_overload'
    ),

    known AS (
        SELECT *
        FROM mart.established_case
        WHERE driver_permit_no IS NOT NULL AND decided_on <= as_of::DATE
    ),

    driver AS (
        SELECT
            driver_permit_no,
            CASE WHEN count(DISTINCT driver_permit_first_issued_on) = 1 THEN min(driver_permit_first_issued_on) END
                AS permit_first_issued_on
        FROM known
        GROUP BY driver_permit_no
    ),

    aged AS (
        SELECT
            driver_permit_no,
            permit_first_issued_on,
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
        FROM driver
    ),

    permit AS (
        SELECT
            driver_permit_no,
            permit_first_issued_on,
            (permit_first_issued_on + to_years(year_count))::DATE AS year_from_on,
            (permit_first_issued_on + to_years(year_count + 1))::DATE - 1 AS year_until_on
        FROM aged
    ),

    -- One decision on several vehicles is one case of its driver.
    established AS (
        SELECT
            known.driver_permit_no,
            known.case_no,
            any_value(known.decision_no) AS decision_no,
            CASE WHEN count(DISTINCT known.act_on) = 1 THEN min(known.act_on) END AS act_on,
            max(known.decided_on) AS decided_on,
            coalesce(count(DISTINCT known.act_on) <> 1 OR bool_or(known.is_over_limit IS NULL), TRUE) AS is_open,
            list(DISTINCT known.plate) AS plates
        FROM known
        WHERE coalesce(known.is_over_limit, TRUE)
        GROUP BY known.driver_permit_no, known.case_no
    ),

    counted AS (
        SELECT
            established.driver_permit_no,
            count(*) AS case_count,
            count(*) FILTER (established.is_open) AS open_case_count,
            list_sort(list_distinct(flatten(list(established.plates)))) AS plates,
            list(established.decision_no ORDER BY established.act_on, established.decision_no) AS decision_nos
        FROM established
        CROSS JOIN figure
        INNER JOIN permit ON established.driver_permit_no = permit.driver_permit_no
        WHERE
            coalesce(established.act_on, established.decided_on) <= as_of::DATE
            AND coalesce(established.act_on, established.decided_on)
            >= coalesce(permit.year_from_on, as_of::DATE + 1 - figure.case_window)
        GROUP BY established.driver_permit_no
    ),

    judged AS (
        SELECT
            counted.*,
            permit.permit_first_issued_on,
            permit.year_from_on,
            permit.year_until_on,
            CASE
                WHEN
                    permit.year_from_on IS NOT NULL
                    AND counted.case_count - counted.open_case_count > figure.more_than_count
                    THEN 'triggered'
                WHEN counted.case_count > figure.more_than_count THEN 'possible'
                ELSE 'not'
            END AS trigger_state,
            figure.more_than_count,
            figure.basis
        FROM counted
        CROSS JOIN figure
        INNER JOIN permit ON counted.driver_permit_no = permit.driver_permit_no
    )

    SELECT
        driver_permit_no,
        trigger_state,
        CASE trigger_state WHEN 'triggered' THEN '触发' WHEN 'possible' THEN '待核' END AS trigger_word,
        case_count,
        CASE WHEN year_from_on IS NULL THEN 'rolling_year' ELSE 'permit_year' END AS case_basis,
        open_case_count,
        more_than_count,
        permit_first_issued_on,
        year_from_on,
        year_until_on,
        plates,
        decision_nos,
        basis
    FROM judged
    ORDER BY
        list_position(['triggered', 'possible', 'not'], trigger_state) ASC,
        case_count DESC,
        driver_permit_no ASC
