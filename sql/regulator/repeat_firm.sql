/*
description: >-
  Transport firms by the share of their fleet that was penalised in the year up to a day: distinct vehicles with an
  established case by the vehicles the register holds for the firm on that day. Only `triggered` may say 触发.
  FROM overload.repeat_firm(as_of := '2026-06-30')
arguments:
  as_of: last local day that counts
columns:
  carrier_uscc: unified social credit code of the firm
  carrier_name: firm, as the register names it on as_of
  trigger_state: triggered, possible (so only if what is missing or doubtful should say so) or not
  trigger_word: 触发, 待核 or NULL
  consequence: >-
    what the law has for it; suspension (more than firm_suspension_percent of the fleet) or revocation (Henan: more than
    firm_revocation_percent); where trigger_state is possible the gravest that may follow
  fleet_count: vehicles registered for the firm on as_of; NULL where the register holds none
  case_vehicle_count: distinct vehicles with a case that the firm was the carrier of, known at as_of
  sure_vehicle_count: those of them still in its fleet, and with a case of known day that is transport over the limit
  case_share: case_vehicle_count by fleet_count
  case_count: decisions on them
  plates: the vehicles
  decision_nos: the decisions, oldest act first
  basis: text the shares rest on
*/
CREATE OR REPLACE MACRO overload.repeat_firm(as_of) AS TABLE
    WITH figure AS (
        SELECT
            max(value) FILTER (name = 'firm_suspension_percent')::BIGINT AS suspension_percent,
            max(value) FILTER (name = 'firm_revocation_percent')::BIGINT AS revocation_percent,
            to_years(max(value) FILTER (name = 'case_window_years')::INTEGER) AS case_window,
            string_agg(source, '；' ORDER BY name DESC) FILTER (
                name IN ('firm_suspension_percent', 'firm_revocation_percent')
            ) AS basis
        FROM policy.parameter
        WHERE rule = 'repeat_overload'
    ),

    vehicle AS (
        SELECT
            plate,
            carrier_uscc,
            carrier_name
        FROM staging.vehicle
        WHERE
            carrier_uscc IS NOT NULL
            AND valid_from <= as_of::DATE
            AND coalesce(valid_until, '9999-12-31') >= as_of::DATE
    ),

    established AS (
        SELECT
            established.carrier_uscc,
            established.plate,
            established.case_no,
            established.decision_no,
            established.act_on,
            vehicle.plate IS NOT NULL
            AND established.act_on IS NOT NULL
            AND established.is_over_limit IS NOT NULL AS is_sure
        FROM mart.established_case AS established
        CROSS JOIN figure
        LEFT JOIN vehicle
            ON established.plate = vehicle.plate AND established.carrier_uscc = vehicle.carrier_uscc
        WHERE
            established.carrier_uscc IS NOT NULL
            AND established.plate IS NOT NULL
            AND established.decided_on <= as_of::DATE
            AND coalesce(established.is_over_limit, TRUE)
            AND coalesce(established.act_on, established.decided_on) >= as_of::DATE + 1 - figure.case_window
            AND coalesce(established.act_on, established.decided_on) <= as_of::DATE
    ),

    fleet AS (
        SELECT
            carrier_uscc,
            max(carrier_name) AS carrier_name,
            count(DISTINCT plate) AS fleet_count
        FROM vehicle
        WHERE carrier_uscc IN (SELECT carrier_uscc FROM established)
        GROUP BY carrier_uscc
    ),

    counted AS (
        SELECT
            established.carrier_uscc,
            any_value(fleet.carrier_name) AS carrier_name,
            any_value(fleet.fleet_count) AS fleet_count,
            count(DISTINCT established.plate) AS case_vehicle_count,
            count(DISTINCT established.plate) FILTER (established.is_sure) AS sure_vehicle_count,
            count(DISTINCT established.case_no) AS case_count,
            list_sort(list_distinct(list(established.plate))) AS plates,
            list_distinct(list(established.decision_no ORDER BY established.act_on, established.decision_no))
                AS decision_nos
        FROM established
        LEFT JOIN fleet ON established.carrier_uscc = fleet.carrier_uscc
        GROUP BY established.carrier_uscc
    ),

    judged AS (
        SELECT
            counted.*,
            CASE
                WHEN 100 * counted.sure_vehicle_count > figure.suspension_percent * counted.fleet_count THEN 'triggered'
                WHEN
                    counted.fleet_count IS NULL
                    OR 100 * counted.case_vehicle_count > figure.suspension_percent * counted.fleet_count
                    THEN 'possible'
                ELSE 'not'
            END AS trigger_state,
            coalesce(100 * counted.sure_vehicle_count > figure.revocation_percent * counted.fleet_count, FALSE)
                AS is_surely_revoked,
            coalesce(100 * counted.case_vehicle_count > figure.revocation_percent * counted.fleet_count, TRUE)
                AS may_be_revoked,
            figure.basis
        FROM counted
        CROSS JOIN figure
    )

    SELECT
        carrier_uscc,
        carrier_name,
        trigger_state,
        CASE trigger_state WHEN 'triggered' THEN '触发' WHEN 'possible' THEN '待核' END AS trigger_word,
        CASE
            WHEN is_surely_revoked OR (trigger_state = 'possible' AND may_be_revoked) THEN 'revocation'
            WHEN trigger_state <> 'not' THEN 'suspension'
        END AS consequence,
        fleet_count,
        case_vehicle_count,
        sure_vehicle_count,
        (case_vehicle_count / fleet_count)::DECIMAL(7, 4) AS case_share,
        case_count,
        plates,
        decision_nos,
        basis
    FROM judged
    ORDER BY
        list_position(['triggered', 'possible', 'not'], trigger_state) ASC,
        case_share DESC NULLS LAST,
        carrier_uscc ASC
