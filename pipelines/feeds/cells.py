"""From text cells to typed values: the contract's columns and row rules as one SELECT.

The statements are built from the contract alone; the cells themselves never become part of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipelines.contracts import UNITS, Column, Contract, RowRule, Source
from pipelines.feeds import readings
from pipelines.feeds.headers import HeaderMap
from pipelines.literal import quoted
from pipelines.settings import TIME_ZONE


def text_cell(column: Column, profile: Source, found: Mapping[str, int]) -> str:
    """Return SQL for the text of a cell: the profile's default where it is empty, its word for a vendor's."""
    default = quoted(profile.defaults[column.name]) if column.name in profile.defaults else "NULL"
    if column.name not in found:
        return f"{default}::VARCHAR"
    cell = f'"{column.name}"' if default == "NULL" else f'coalesce("{column.name}", {default})'
    words = profile.values.get(column.name)
    if words:
        cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(meant)}" for word, meant in words.items())
        cell = f"CASE {cell} {cases} ELSE {cell} END"
    return cell


def typed_cell(column: Column, profile: Source, unit: str) -> str:
    """Return SQL for the typed value of `<column>__text`, NULL where it cannot be read."""
    cell, wall = f'"{column.name}__text"', f'"{column.name}__wall"'
    if column.type in UNITS:
        return readings.mass(cell, column, unit)
    if column.type == "number":
        double = f"coalesce(try_cast({cell} AS DOUBLE), {readings.number(cell)}::DOUBLE)"
        middle = readings.range_middle(cell)
        return readings.finite(f"coalesce({double}, {middle})" if column.name in profile.ranges else double)
    if column.type == "integer":
        number = readings.number(cell)
        return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS INTEGER) END"
    if column.type == "plate":
        return readings.plate(cell)
    if column.type == "time":
        return readings.moment(cell, wall, profile)
    if column.type == "date":
        return readings.day(cell, wall, profile)
    if column.type == "flag":
        return readings.flag(cell)
    if column.type == "code":
        cases = " ".join(
            f"WHEN {cell} IN ({', '.join(quoted(word) for word in (code, *words))}) THEN {quoted(code)}"
            for code, words in column.codes.items()
        )
        return f"CASE {cases} END"
    return f"{cell}::VARCHAR"


FORMAT_REASONS = {
    "mass_kg": "not_a_number",
    "mass_t": "not_a_number",
    "number": "not_a_number",
    "integer": "not_an_integer",
    "time": "bad_time",
    "date": "bad_date",
    "flag": "unknown_code",
    "code": "unknown_code",
}


AMBIGUOUS = {
    **dict.fromkeys(("mass_kg", "mass_t", "number", "integer"), ("ambiguous_number", readings.AMBIGUOUS_NUMBER)),
    **dict.fromkeys(("time", "date"), ("ambiguous_date", readings.AMBIGUOUS_DATE)),
}


def reject_rules(contract: Contract, profile: Source | None = None) -> list[tuple[str, str, str]]:
    """Return (reason code, column, SQL condition) of all that quarantines a row, the first that holds wins.

    Code and place of a rule are those of the contract; a profile only loosens its condition for rows that wait for
    the second weighing.
    """
    waits_for = profile.pending_until if profile else ()
    rules: list[tuple[str, str, str]] = []
    for column in contract.columns.values():
        name, text = f'"{column.name}"', f'"{column.name}__text"'
        if column.type in FORMAT_REASONS and not (column.type == "code" and column.on_unknown == "question"):
            is_none = f" AND {text} NOT IN ({', '.join(map(quoted, column.none_words))})" if column.none_words else ""
            unread = f"{text} IS NOT NULL AND {name} IS NULL{is_none}"
            if column.type in AMBIGUOUS:
                code, pattern = AMBIGUOUS[column.type]
                looks = f"regexp_matches({readings.half_width(text)}, {quoted(pattern)})"
                rules.append((code, column.name, f"{unread} AND {looks}"))
            rules.append((FORMAT_REASONS[column.type], column.name, unread))
        if column.not_null:
            waits = " AND NOT is_incomplete" if column.name in waits_for else ""
            rules.append(("missing_value", column.name, f"{name} IS NULL{waits}"))
        bounds = [
            f"{name} {operator} {bound}"
            for operator, bound in (("<=", column.above), ("<", column.at_least), (">=", column.below))
            if bound is not None
        ]
        if bounds:
            rules.append(("out_of_range", column.name, " OR ".join(bounds)))
    rules += [
        (rule.code, rule.column, _unless_waiting(rule, waits_for))
        for rule in contract.row_rules
        if rule.level == "reject"
    ]
    if contract.period:
        rules.append(("date_far_off", contract.period, "false"))  # needs the whole file: `far_off_update`
    return rules


def _unless_waiting(rule: RowRule, waits_for: tuple[str, ...]) -> str:
    concerns = any(re.search(rf"\b{name}\b", rule.fails_when) for name in waits_for)
    return f"({rule.fails_when}) AND NOT is_incomplete" if concerns else rule.fails_when


def far_off_days(days: str) -> str:
    """Return the SELECT of the few days (`day_on`) that lie more than a year away from all others.

    One mistyped year would otherwise stretch every calendar and age every alert. The file itself is the measure,
    not a clock, so that the same file is read alike whenever it is read. Where more than one row in a hundred is
    away from the main body, the file simply spans years and no day is far off.

    Args:
        days: relation with day_on and row_count.
    """
    return f"""
        WITH cut AS (SELECT *, (day_on - lag(day_on) OVER (ORDER BY day_on) > 366)::INTEGER AS is_cut FROM {days}),
        body AS (
            SELECT *, sum(coalesce(is_cut, 0)) OVER (ORDER BY day_on ROWS UNBOUNDED PRECEDING) AS body_no FROM cut
        ),
        size AS (SELECT body_no, sum(row_count) AS row_count FROM body GROUP BY 1),
        main AS (
            SELECT arg_max(body_no, row_count) AS body_no, max(row_count) AS main, sum(row_count) AS total FROM size
        )
        SELECT day_on FROM body, main
        WHERE body.body_no <> main.body_no AND main.total - main.main <= main.total / 100
    """


def far_off_update(contract: Contract, days: str | None = None) -> str:
    """Return the UPDATE that puts aside the rows of `typed` that lie far off (`far_off_days`).

    Args:
        contract: contract of the feed.
        days: relation with day_on and row_count of the whole file; default the good rows of `typed`.
    """
    last_rule = len(reject_rules(contract)) - 1
    day = f'"{contract.period}"::DATE'
    own = f"(SELECT {day} AS day_on, count(*) AS row_count FROM typed WHERE reject_no IS NULL GROUP BY 1)"
    return (
        f"UPDATE typed SET reject_no = {last_rule} WHERE reject_no IS NULL AND {day} IN ({far_off_days(days or own)})"
    )


def typed_select(contract: Contract, profile: Source, found: HeaderMap) -> str:
    """Return the SELECT that types the cells of table `cell` (line and the found columns as text).

    Its columns: line, the contract's columns (with `<column>_is_none` where the contract has words for it), for
    feeds with identity `number_period` and `is_incomplete` (a column of `pending_until` is still empty),
    suspect_codes, assumed_columns, and `reject_no`: the first broken rule of `reject_rules`, or NULL.
    """
    columns = contract.columns.values()
    cells = {column.name: text_cell(column, profile, found) for column in columns}
    for name in profile.ranges:
        for end, suffix in ((1, "low"), (2, "high")):
            if name in found and f"{name}_{suffix}" not in found:
                cells[f"{name}_{suffix}"] = readings.range_end(cells[name], end)
    units = {name: profile.units.get(name, found.units.get(name)) for name in cells}
    given = [column for column in columns if cells[column.name] != "NULL::VARCHAR"]
    texts = ",\n".join(f'{cell} AS "{name}__text"' for name, cell in cells.items())
    # A stage of its own, so that the cast of a time is written and made once.
    walls = "".join(
        f""",\n{readings.wall(f'"{column.name}__text"', column)} AS "{column.name}__wall\""""
        for column in given
        if column.type in ("time", "date")
    )
    values = ",\n".join(
        (
            typed_cell(column, profile, units[column.name] or UNITS.get(column.type, ""))
            if column in given
            else f"NULL::{column.sql_type}"
        )
        + f' AS "{column.name}"'
        for column in columns
    )
    nones = "".join(
        f',\n"{column.name}__text" IN ({", ".join(map(quoted, column.none_words))}) AS "{column.name}_is_none"'
        for column in columns
        if column.none_words
    )
    cases = " ".join(
        f"WHEN {condition} THEN {number}" for number, (_, _, condition) in enumerate(reject_rules(contract, profile))
    )
    suspects = [rule for rule in contract.row_rules if rule.level == "suspect"]
    suspicion = ", ".join(f"CASE WHEN {rule.fails_when} THEN {quoted(rule.code)} END" for rule in suspects)
    kept = ", ".join(
        f'"{column.name}"' + (f', "{column.name}_is_none"' if column.none_words else "") for column in columns
    )
    assumed = ", ".join(
        f'CASE WHEN "{name}" IS NULL THEN {quoted(name)} END' if name in found else quoted(name)
        for name in profile.defaults
    )
    waits = " OR ".join(f'"{name}" IS NULL' for name in profile.pending_until) or "false"
    period = (
        f", {number_period(contract, profile, found)} AS number_period, is_incomplete" if contract.identity else ""
    )
    return (
        f"WITH texts AS (SELECT line, [{assumed}]::VARCHAR[] AS assumed, {texts} FROM cell),\n"
        f"seen AS (SELECT *{walls} FROM texts),\n"
        f"read AS (SELECT *, {values}{nones} FROM seen),\n"
        f"typed AS (SELECT *, {waits} AS is_incomplete FROM read)\n"
        f"SELECT line, {kept}{period},"
        f" {_without_nulls(f'[{suspicion}]::VARCHAR[]', bool(suspects))} AS suspect_codes,"
        f" {_without_nulls('assumed', bool(profile.defaults))} AS assumed_columns,"
        f" CASE {cases} END AS reject_no FROM typed"
    )


def _without_nulls(codes: str, is_filled: bool) -> str:
    return f"list_filter({codes}, lambda code: code IS NOT NULL)" if is_filled else "[]::VARCHAR[]"


def number_period(contract: Contract, profile: Source, found: HeaderMap) -> str:
    """Return SQL for the period ticket numbers are unique in, from the canonical text where there is one."""
    if profile.number_period == "ever":
        return "''"
    length, pattern = (4, "%Y") if profile.number_period == "year" else (10, "%Y-%m-%d")
    asked = f"strftime({contract.period}, {quoted(pattern)})"
    if profile.time_zone != TIME_ZONE or contract.period not in found:
        return asked
    # Asking the calendar costs five times as much as the first letters of the text; 24:00 is already the next day.
    text, wall = f'"{contract.period}__text"', f'"{contract.period}__wall"'
    is_plain = f"{wall} IS NOT NULL AND {text} LIKE '{readings.CANONICAL_TIME}' AND {text}[12:13] < '24'"
    return f"CASE WHEN {is_plain} THEN left({text}, {length}) ELSE {asked} END"
