"""What is compared: for each thing the keys that are true and the keys that were found, as two queries.

A key is text that holds all that must agree, so that a wrong mass is one missed and one false. The views `truth_*`
are the truth's own files, `truth_line` its ticket lines with the pipeline's ticket id beside them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One thing to compare: two queries for keys, one text column each, and the tables that must be there."""

    what: str
    true: str
    found: str
    needs: tuple[str, ...] = ()


def _breached(columns: str, where: str = "TRUE") -> str:
    return f"SELECT concat_ws(' ', ticket_id, {columns}) FROM truth_line WHERE verdict = 'breached' AND {where}"


def _record(columns: str, where: str = "TRUE") -> str:
    where = f"verdict = 'breached' AND {where}"
    return f"SELECT concat_ws(' ', record_id, {columns}) FROM mart.overload_record WHERE {where}"


def _subject(kind: str, where: str) -> str:
    return f"SELECT subject FROM truth_penalty_subjects WHERE subject_kind = '{kind}' AND {where}"


NOBODY = "SELECT 'nobody' WHERE FALSE"
AS_OF = "(SELECT max(weighed_on) FROM mart.release)::VARCHAR"
ACCUSED = (
    " JOIN truth_line ON truth_line.ticket_id = named.record_id"
    # A plate that no truck carries accuses nobody; it is listed apart.
    " WHERE NOT truth_line.is_plate_accusable AND NOT truth_line.is_plate_of_nobody"
)
FACTS = (
    "coalesce({axles}::VARCHAR, '-'), coalesce({axles_from}, '-'), coalesce({body}, '-'), coalesce({body_from}, '-'),"
    " coalesce({drive}::VARCHAR, '-'), coalesce({drive_from}, '-'), coalesce(is_single_tyre, FALSE)"
)
TRUE_FACTS = FACTS.format(
    axles="known_axle_count", axles_from="nullif(axle_count_source, '')", body="nullif(known_body, '')",
    body_from="nullif(body_source, '')", drive="known_drive_axle_count",
    drive_from="nullif(drive_axle_count_source, '')",
)  # fmt: skip
FOUND_FACTS = FACTS.format(
    axles="axle_count", axles_from="axle_count_source", body="body", body_from="body_source",
    drive="drive_axle_count", drive_from="drive_axle_count_source",
)  # fmt: skip

COMPARISONS = (
    Comparison(
        "breached, with limit and kg over", _breached("limit_kg, over_kg"), _record("limit_kg, over_kg::INTEGER")
    ),
    Comparison(
        "undetermined, with the missing fact",
        "SELECT concat_ws(' ', ticket_id, missing_field) FROM truth_line WHERE verdict = 'undetermined'",
        "SELECT concat_ws(' ', record_id, missing_field) FROM mart.overload_record WHERE verdict = 'undetermined'",
    ),
    Comparison(
        "exempt, with the exemption",
        "SELECT concat_ws(' ', ticket_id, exemption) FROM truth_line WHERE verdict = 'exempt'",
        "SELECT concat_ws(' ', record_id, exemption) FROM mart.overload_record WHERE verdict = 'exempt'",
    ),
    Comparison(
        "re-weighed",
        "SELECT ticket_id FROM truth_line WHERE verdict = 'reweighed'",
        "SELECT ticket_id FROM mart.release WHERE is_reweighed",
    ),
    Comparison(
        "over, but not released",
        "SELECT ticket_id FROM truth_line WHERE verdict = 'not_release'"
        " AND gross_kg > CASE WHEN limit_high_kg > 0 THEN limit_high_kg END AND outcome = 'accepted'",
        "SELECT ticket_id FROM mart.overload_lead WHERE lead_kind IN ('in', 'internal')",
    ),
    Comparison("facts and their source", _breached(TRUE_FACTS), _record(FOUND_FACTS)),
    Comparison("error of the scale", _breached("max_error_kg"), _record("max_error_kg::INTEGER")),
    Comparison(
        "why not usable",
        _breached("unusable_reasons"),
        _record("array_to_string(list_sort(unusable_reasons), ' ')"),
    ),
    Comparison(
        "usable for enforcement", _breached("''", "is_enforcement_usable"), _record("''", "is_enforcement_usable")
    ),
    Comparison(
        "plates in doubt",
        "SELECT ticket_id FROM truth_line WHERE plate_doubt <> ''",
        "SELECT ticket_id FROM mart.release_vehicle WHERE plate_doubt IS NOT NULL",
    ),
    Comparison(
        "plates falsely usable",
        NOBODY,
        "SELECT record_id || ' ' || named.plate FROM (FROM mart.overload_record WHERE is_enforcement_usable) AS named"
        + ACCUSED,
    ),
    Comparison(
        "plates falsely handed over",
        NOBODY,
        f"SELECT record_id || ' ' || named.plate FROM overload.handover('2000-01-01', {AS_OF}) AS named" + ACCUSED,
    ),
    Comparison(
        "plates with more than three leads",
        "SELECT plate || ' ' || count(*) FROM truth_line"
        " WHERE verdict = 'breached' AND plate_doubt = '' GROUP BY plate HAVING count(*) > 3",
        f"SELECT plate || ' ' || lead_count FROM overload.repeat(as_of := {AS_OF}) WHERE lead_count > 3",
    ),
    Comparison(
        "over the licensed load",
        "SELECT ticket_id || ' ' || over_licence_kg FROM truth_line WHERE over_licence_kg > 0",
        "SELECT ticket_id || ' ' || over_licence_kg::INTEGER FROM mart.licence_excess",
    ),
    Comparison(
        "findings of waybills",
        "SELECT left(file.sha256, 12) || '-' || form.line || ' ' || unnest(string_split(form.findings, ' '))"
        " FROM truth_waybills AS form JOIN truth_files AS file USING (file) WHERE form.findings IS NOT NULL",
        "SELECT subject_id || ' ' || finding FROM mart.waybill_finding"
        " WHERE subject_kind = 'form' AND finding <> 'over_permitted'",
    ),
    Comparison(
        "tickets without waybill",
        "SELECT form.site_name || ' ' || form.ticket_no FROM truth_tickets_without_form AS form"
        " WHERE form.ticket_no IS NOT NULL",
        "SELECT site_id || ' ' || ticket_no FROM mart.waybill_finding WHERE subject_kind = 'ticket'",
    ),
    Comparison(
        "river permits passed",
        "SELECT permit_no FROM truth_river_permits WHERE is_passed = 'True'",
        "SELECT permit_no FROM mart.river_permit_state WHERE state = 'over'",
    ),
    Comparison(
        "plates with a 4th case",
        _subject("plate", "is_triggered = 'True'"),
        f"SELECT plate FROM overload.repeat(as_of := {AS_OF}) WHERE trigger_state = 'triggered'",
    ),
    Comparison(
        "drivers with a 4th case",
        _subject("driver", "is_triggered = 'True'"),
        f"SELECT driver_permit_no FROM overload.repeat_driver(as_of := {AS_OF}) WHERE trigger_state = 'triggered'",
    ),
    Comparison(
        "firms over their share",
        _subject("firm", "is_triggered = 'True'"),
        f"SELECT carrier_uscc FROM overload.repeat_firm(as_of := {AS_OF}) WHERE trigger_state = 'triggered'",
    ),
    Comparison(
        "cases of plates and firms",
        "SELECT subject || ' ' || coalesce(case_truck_count, case_count) FROM truth_penalty_subjects"
        " WHERE subject_kind = 'firm' AND case_truck_count <> '0'"
        " UNION ALL SELECT subject || ' ' || case_count FROM truth_penalty_subjects"
        " WHERE subject_kind = 'plate' AND permit_year_known = 'True'",
        f"SELECT carrier_uscc || ' ' || case_vehicle_count FROM overload.repeat_firm(as_of := {AS_OF})"
        " WHERE carrier_uscc IN (SELECT subject FROM truth_penalty_subjects)"
        f" UNION ALL SELECT plate || ' ' || case_count FROM overload.repeat(as_of := {AS_OF})"
        " WHERE case_count > 0 AND case_basis = 'permit_year'"
        " AND plate IN (SELECT subject FROM truth_penalty_subjects)",
    ),
    Comparison(
        "connection of firms",
        "SELECT site_name || ' ' || state FROM truth_platform_firms",
        "SELECT site_id || ' ' || state FROM mart.platform_connection",
        needs=("mart.platform_connection",),
    ),
    Comparison(
        "rows by file and outcome",
        "SELECT concat_ws(' ', file, data_lines, accepted, duplicate, superseded, quarantined, voided)"
        " FROM truth_files",
        "SELECT concat_ws(' ', file_name, row_count, accepted_count, duplicate_count, superseded_count,"
        " quarantined_count, voided_count) FROM meta.load_account",
    ),
    Comparison(
        "dispatch by county and week, t",
        "SELECT concat_ws(' ', county_code, week_start, (sum(released_net_kg::BIGINT) / 1000)::DECIMAL(14, 3))"
        " FROM truth_dispatch_county_week WHERE county_code IS NOT NULL GROUP BY county_code, week_start"
        " HAVING sum(released_count::BIGINT) > 0",
        "SELECT concat_ws(' ', county_code, week_start, sum(dispatch_t)::DECIMAL(14, 3)) FROM mart.site_week"
        " WHERE county_code IS NOT NULL GROUP BY county_code, week_start HAVING sum(dispatch_t) > 0",
    ),
    *(
        Comparison(
            f"projects: {rule}",
            f"SELECT project_id || ' ' || {rule} FROM truth_filings WHERE {rule} IS NOT NULL",
            f"SELECT subject_id || ' ' || verdict FROM policy.verdict WHERE rule = '{rule}'"
            f" AND subject_id IN (SELECT project_id FROM truth_filings WHERE {rule} IS NOT NULL)",
        )
        for rule in ("capacity_floor", "capacity_basis", "approvals_before_start", "rail_share")
    ),
    Comparison(
        "rail cohort of city and counties",
        "SELECT concat_ws(' ', area_code, verdict, member_count) FROM truth_rail_cohort",
        "SELECT concat_ws(' ', subject_id, verdict, base::INTEGER) FROM policy.verdict"
        " WHERE rule = 'rail_siding_access'",
    ),
    Comparison(
        "supply at 橙, with what is short",
        "SELECT concat_ws(' ', county_code, week_start, short_of) FROM truth_supply_short"
        " WHERE county_code IS NOT NULL",
        "SELECT concat_ws(' ', county_code, week_start, CASE rule WHEN 'stock_7' THEN 'stock' ELSE 'cover' END)"
        " FROM mart.supply_level_week WHERE level = '橙'",
    ),
    Comparison(
        "weeks of tight supply",
        "SELECT county_code || ' ' || week_start FROM truth_supply_short WHERE county_code IS NOT NULL",
        "SELECT county_code || ' ' || week_start FROM mart.supply_level_week WHERE is_tight",
    ),
    Comparison(
        "counties without stock reports are unknown",
        "SELECT DISTINCT county_code FROM truth_sites WHERE county_code = '411723'",
        "SELECT DISTINCT county_code FROM mart.supply_level_week WHERE county_code = '411723'"
        " AND supply_state = '供应未知' AND stock_reason = 'stock_not_reported'",
    ),
    Comparison(
        "price alerts from 黄 on",
        "SELECT county_code || ' ' || product_id FROM truth_price_spike",
        "SELECT DISTINCT area_code || ' ' || product_id FROM mart.price_alert WHERE max_level IN ('黄', '橙', '红')",
    ),
)
