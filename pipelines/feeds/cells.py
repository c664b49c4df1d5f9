"""From text cells to typed values: the contract's columns and row rules as one SELECT.

The statements are built from the contract alone; the cells themselves never become part of a statement.
"""

from __future__ import annotations

from pipelines.contracts import Column, Contract, Source
from pipelines.literal import quoted

TIME_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S"]
DATE_FORMATS = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%Y.%m.%d"]
YES = ("true", "1", "是", "y", "yes", "有", "已提供")
NO = ("false", "0", "否", "n", "no", "无", "未提供")
KG_PER_UNIT = {"kg": "1", "t": "1000", "lb": "0.45359237"}
T_PER_UNIT = {"t": "1", "kg": "0.001", "万吨": "10000"}
FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
HALF_WIDTH = "".join(chr(code) for code in range(0x21, 0x7F))


def _text_cell(column: Column, profile: Source, found: dict[str, int]) -> str:
    default = quoted(profile.defaults[column.name]) if column.name in profile.defaults else "NULL"
    if column.name not in found:
        return f"{default}::VARCHAR"
    cell = f'"{column.name}"' if default == "NULL" else f'coalesce("{column.name}", {default})'
    words = profile.values.get(column.name)
    if words:
        cases = " ".join(f"WHEN {quoted(word)} THEN {quoted(meant)}" for word, meant in words.items())
        cell = f"CASE {cell} {cases} ELSE {cell} END"
    return cell


def _typed_cell(column: Column, profile: Source) -> str:
    cell = f'"{column.name}__text"'
    plain = f"translate({cell}, {quoted(FULL_WIDTH)}, {quoted(HALF_WIDTH)})"
    # At most 18 digits: a wider decimal is held in 128 bits and its cast is 180 times slower.
    number = f"coalesce(try_cast({cell} AS DECIMAL(18, 6)), try_cast(replace({plain}, ',', '') AS DECIMAL(18, 6)))"
    if column.type in ("mass_kg", "mass_t"):
        per_unit = KG_PER_UNIT if column.type == "mass_kg" else T_PER_UNIT
        unit = profile.units.get(column.name, "kg" if column.type == "mass_kg" else "t")
        if per_unit[unit] == "1":
            return f"try_cast({number} AS {column.sql_type})"
        # Through a double: a decimal product overflows with an error on absurd cells, this one is rejected.
        return f"try_cast(({number})::DOUBLE * {per_unit[unit]} AS {column.sql_type})"
    if column.type == "number":
        double = f"coalesce(try_cast({cell} AS DOUBLE), try_cast(replace({plain}, ',', '') AS DOUBLE))"
        return f"CASE WHEN isfinite({double}) THEN {double} END"  # nan and inf are words, not numbers
    if column.type == "integer":
        return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS INTEGER) END"
    if column.type == "plate":
        return f"nullif(regexp_replace(upper({plain}), '[\\s·•.\\-]', '', 'g'), '')"
    if column.type == "time":
        formats = "[" + ", ".join(map(quoted, TIME_FORMATS)) + "]"
        wall = f"coalesce(try_cast({cell} AS TIMESTAMP), try_strptime({cell}, {formats}))"
        return f"CASE WHEN year({wall}) BETWEEN 1990 AND 2100 THEN timezone('{profile.time_zone}', {wall}) END"
    if column.type == "date":
        formats = "[" + ", ".join(map(quoted, DATE_FORMATS)) + "]"
        day = f"coalesce(try_cast({cell} AS DATE), try_strptime({cell}, {formats})::DATE)"
        return f"CASE WHEN year({day}) BETWEEN 1990 AND 2100 THEN {day} END"
    if column.type == "flag":
        return (
            f"CASE WHEN lower({cell}) IN ({', '.join(map(quoted, YES))}) THEN true"
            f" WHEN lower({cell}) IN ({', '.join(map(quoted, NO))}) THEN false END"
        )
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


def reject_rules(contract: Contract) -> list[tuple[str, str, str]]:
    """Return (reason code, column, SQL condition) of all that quarantines a row, the first that holds wins."""
    rules: list[tuple[str, str, str]] = []
    for column in contract.columns.values():
        name, text = f'"{column.name}"', f'"{column.name}__text"'
        if column.type in FORMAT_REASONS and not (column.type == "code" and column.on_unknown == "question"):
            is_none = f" AND {text} NOT IN ({', '.join(map(quoted, column.none_words))})" if column.none_words else ""
            rules.append(
                (FORMAT_REASONS[column.type], column.name, f"{text} IS NOT NULL AND {name} IS NULL{is_none}")
            )
        if column.not_null:
            rules.append(("missing_value", column.name, f"{name} IS NULL"))
        bounds = [
            f"{name} {operator} {bound}"
            for operator, bound in (("<=", column.above), ("<", column.at_least), (">=", column.below))
            if bound is not None
        ]
        if bounds:
            rules.append(("out_of_range", column.name, " OR ".join(bounds)))
    rules += [(rule.code, rule.column, rule.fails_when) for rule in contract.row_rules if rule.level == "reject"]
    if contract.period:
        rules.append(("date_far_off", contract.period, "false"))  # needs the whole file: `far_off_update`
    return rules


def far_off_update(contract: Contract) -> str:
    """Return the UPDATE that puts aside the few rows whose date lies more than a year away from all others.

    One mistyped year would otherwise stretch every calendar and age every alert. The file itself is the measure,
    not a clock, so that the same file is read alike whenever it is read. Where more than one row in a hundred is
    away from the main body, the file simply spans years and stays as it is.
    """
    last_rule = len(reject_rules(contract)) - 1
    day = f'"{contract.period}"::DATE'
    return f"""
        WITH day AS (SELECT {day} AS day_on, count(*) AS row_count FROM typed WHERE reject_no IS NULL GROUP BY 1),
        cut AS (SELECT *, (day_on - lag(day_on) OVER (ORDER BY day_on) > 366)::INTEGER AS is_cut FROM day),
        body AS (
            SELECT *, sum(coalesce(is_cut, 0)) OVER (ORDER BY day_on ROWS UNBOUNDED PRECEDING) AS body_no FROM cut
        ),
        size AS (SELECT body_no, sum(row_count) AS row_count FROM body GROUP BY 1),
        main AS (
            SELECT arg_max(body_no, row_count) AS body_no, max(row_count) AS main, sum(row_count) AS total FROM size
        )
        UPDATE typed SET reject_no = {last_rule} WHERE reject_no IS NULL AND {day} IN (
            SELECT day_on FROM body, main
            WHERE body.body_no <> main.body_no AND main.total - main.main <= main.total / 100
        )
    """


def typed_select(contract: Contract, profile: Source, found: dict[str, int]) -> str:
    """Return the SELECT that types the cells; `reject_no` is the first broken rule of `reject_rules`, or NULL."""
    columns = contract.columns.values()
    texts = ",\n".join(f'{_text_cell(column, profile, found)} AS "{column.name}__text"' for column in columns)
    values = ",\n".join(f'{_typed_cell(column, profile)} AS "{column.name}"' for column in columns)
    nones = "".join(
        f',\n"{column.name}__text" IN ({", ".join(map(quoted, column.none_words))}) AS "{column.name}_is_none"'
        for column in columns
        if column.none_words
    )
    cases = " ".join(
        f"WHEN {condition} THEN {number}" for number, (_, _, condition) in enumerate(reject_rules(contract))
    )
    suspects = ", ".join(
        f"CASE WHEN {rule.fails_when} THEN {quoted(rule.code)} END"
        for rule in contract.row_rules
        if rule.level == "suspect"
    )
    kept = ", ".join(
        f'"{column.name}"' + (f', "{column.name}_is_none"' if column.none_words else "") for column in columns
    )
    assumed = ", ".join(
        f'CASE WHEN "{name}" IS NULL THEN {quoted(name)} END' if name in found else quoted(name)
        for name in profile.defaults
    )
    number_period = {
        "ever": "''",
        "year": f"strftime({contract.period}, '%Y')",
        "day": f"strftime({contract.period}, '%Y-%m-%d')",
    }[profile.number_period]
    period = f", {number_period} AS number_period" if contract.has_number_period else ""
    return (
        f"WITH texts AS (SELECT line, [{assumed}]::VARCHAR[] AS assumed, {texts} FROM cell),\n"
        f"typed AS (SELECT *, {values}{nones} FROM texts)\n"
        f"SELECT line, {kept}{period}, list_filter([{suspects}]::VARCHAR[], lambda code: code IS NOT NULL)"
        " AS suspect_codes, list_filter(assumed, lambda name: name IS NOT NULL) AS assumed_columns,"
        f" CASE {cases} END AS reject_no FROM typed"
    )
