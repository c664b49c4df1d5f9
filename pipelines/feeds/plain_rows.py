"""The fast route from a large text to typed rows: cut undecoded, words decoded once per spelling.

DuckDB cuts the bytes as if they were Latin-1. Numbers and times are cast where they are plainly canonical; of the
columns that hold words, each distinct spelling is decoded, cleaned and typed once, by the statements of `cells`. A
row with anything else in it (a unit in a cell, a broken rule, bytes of no encoding) is left to the exact reader,
so this route never judges a row, it only recognises good ones. A permanent test compares both, row by row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import KG_PER_UNIT, UNITS, Column, Contract, Source
from pipelines.errors import MachineError
from pipelines.feeds import cells, readings
from pipelines.feeds.layout import Layout
from pipelines.feeds.plain_scan import Scan
from pipelines.feeds.plain_words import given_columns, spelling, word_columns
from pipelines.literal import quoted
from pipelines.settings import TIME_ZONE

if TYPE_CHECKING:
    import duckdb

NUMBER_TYPES = (*UNITS, "number", "integer")
SHIFT_US = readings.FIXED_SHIFT_US
DAY_US = 86_400_000_000


def is_supported(contract: Contract, profile: Source) -> bool:
    """Whether nothing in contract and profile asks for more than this route knows."""
    typed = [name for name in contract.columns if name not in word_columns(contract)]
    return (
        bool(contract.identity)
        and profile.time_zone in SHIFT_US
        and not profile.ranges
        and not any(column.none_words for column in contract.columns.values())
        and not any(name in profile.values or name in profile.defaults for name in typed)
        and all(contract.columns[name].type in (*NUMBER_TYPES, "time", "text") for name in typed)
    )


def cut(
    con: duckdb.DuckDBPyConnection, contract: Contract, profile: Source, layout: Layout, scan: Scan, rows: Path
) -> None:
    """Write every line of the scan as a row: typed cells, spellings of words, and whether it is plainly good."""
    columns = {f"c{index}": "VARCHAR" for index in range(len(layout.headers))}
    read = (
        f"read_csv({quoted(str(scan.path))}, columns = {columns}, delim = {quoted(layout.delimiter)},"
        f" header = false, skip = {scan.skip}, auto_detect = false, quote = '', escape = '', nullstr = '',"
        f" encoding = {quoted(scan.reads_as)}, new_line = '\\n')"
    )
    con.execute(
        f"COPY ({_select(contract, profile, layout, read)}) TO {quoted(str(rows))}"
        " (FORMAT parquet, COMPRESSION lz4_raw)"
    )


def _select(contract: Contract, profile: Source, layout: Layout, read: str) -> str:
    words, found = word_columns(contract), layout.found
    given = given_columns(contract, profile, found)
    units = {name: profile.units.get(name, layout.found.units.get(name)) for name in contract.columns}
    texts, walls, values, spellings, is_read = [], [], [], [], []
    for name, column in contract.columns.items():
        cell = f"c{found[name]}" if name in found else "NULL::VARCHAR"
        if name in words and name in given:
            default = profile.defaults.get(name)
            fallback = "" if default is None else f", {quoted(spelling(default, layout.encoding))}"
            spellings.append(f'coalesce({cell}{fallback}) AS "{name}"')
            if name in found and (default is not None or column.not_null):
                spellings.append(f'{cell} IS NOT NULL AS "{name}__given"')
                is_read.append(f'"{name}__given"')
        if name in words:
            continue
        text = f'"{name}__text"'
        texts.append(f"{cell} AS {text}")
        if name not in found:
            values.append(f'NULL::{column.sql_type} AS "{name}"')
            continue
        if column.type == "time":
            walls.append(f'{readings.wall(text, column)} AS "{name}__wall"')
        values.append(f'{_canonical(column, profile, units[name] or UNITS.get(column.type, ""))} AS "{name}"')
        if column.type == "text":
            clean = f"strlen({text}) = length({text}) AND {text} = trim({text}) AND NOT contains({text}, chr(127))"
            is_read.append(f"coalesce({clean}, true)")
        else:
            is_read.append(f'({text} IS NULL) = ("{name}" IS NULL)')
    rules = _rules(contract, profile, found)
    is_good = " AND ".join([*is_read, *(f"NOT coalesce({rule}, false)" for rule in rules)])
    kept = ", ".join(f'"{name}"' for name in given)
    waits = " OR ".join(f'"{name}" IS NULL' for name in profile.pending_until) or "false"
    assumed = [name for name in profile.defaults if name not in found]
    listed = quoted("|".join(assumed)) if assumed else "NULL::VARCHAR"
    period = cells.number_period(contract, profile, layout.found)
    return (
        f"WITH cut AS (SELECT {', '.join([*texts, *spellings])} FROM {read}),\n"
        f"seen AS (SELECT *{''.join(f', {wall}' for wall in walls)} FROM cut),\n"
        f"valued AS (SELECT *, {', '.join(values)} FROM seen),\n"
        f"waiting AS (SELECT *, {waits} AS is_incomplete FROM valued)\n"
        f"SELECT {kept}, {period} AS number_period, is_incomplete, {listed} AS assumed_columns,"
        f" coalesce({is_good}, false) AS is_plain FROM waiting"
    )


def _canonical(column: Column, profile: Source, unit: str) -> str:
    """SQL of the branch of `readings` that a canonical cell takes; NULL for every other cell."""
    cell = f'"{column.name}__text"'
    if column.type == "text":
        return cell
    if column.type == "time":
        wall = f'"{column.name}__wall"'
        bounds = f"TIMESTAMP '1992-01-01' AND TIMESTAMP '{readings.LAST_YEAR}-12-31 23:59:59'"
        zoned = f"make_timestamptz(epoch_us({wall}) - {SHIFT_US[profile.time_zone]})"
        return f"CASE WHEN {wall} BETWEEN {bounds} THEN {zoned} END"
    number = f"try_cast({cell} AS DECIMAL(18, 6))"
    if column.type == "number":
        return f"try_cast({cell} AS DOUBLE)"
    if column.type == "integer":
        return f"CASE WHEN {number} = trunc({number}) THEN try_cast({number} AS INTEGER) END"
    base = UNITS[column.type]
    if KG_PER_UNIT[unit] == KG_PER_UNIT[base]:
        return f"try_cast({number} AS {column.sql_type})"
    return f"try_cast({number}::DOUBLE * {KG_PER_UNIT[unit] / KG_PER_UNIT[base]!r} AS {column.sql_type})"


def _rules(contract: Contract, profile: Source, found: Mapping[str, int]) -> list[str]:
    """Conditions under which a row is not plainly good: row rules and bounds over the columns that are typed here."""
    words = word_columns(contract)
    unread = {*cells.FORMAT_REASONS.values(), *(code for code, _ in cells.AMBIGUOUS.values())}
    conditions = [
        condition for code, column, condition in cells.reject_rules(contract, profile)
        if code not in unread and column not in words
        and not (code == "out_of_range" and column not in found)
    ]  # fmt: skip
    conditions += [rule.fails_when for rule in contract.row_rules if rule.level == "suspect"]
    return [text for text in conditions if text != "false" and not _speaks_of_words(contract, text)]


def _speaks_of_words(contract: Contract, condition: str) -> bool:
    return any(re.search(rf"\b{name}\b", condition) for name in word_columns(contract))


def word_conditions(contract: Contract) -> list[str]:
    """Return the row rules that speak of words, so that `cut` could not look at them."""
    return [rule.fails_when for rule in contract.row_rules if _speaks_of_words(contract, rule.fails_when)]


def rows_select(contract: Contract, scan: Scan, rows: Path, given: Collection[str]) -> str:
    """Return the SELECT of the plainly good rows with their words read and line numbers, from table `word`."""
    words = [name for name in word_columns(contract) if name in given]
    shown = ", ".join(
        f'"w_{name}".word::{column.sql_type} AS "{name}"'
        if name in words
        else f'cut."{name}"'
        if name in given
        else f'NULL::{column.sql_type} AS "{name}"'
        for name, column in contract.columns.items()
    )
    joins = " ".join(
        f'LEFT JOIN word AS "w_{name}" ON "w_{name}".column_name = {quoted(name)}'
        f' AND cut."{name}" = "w_{name}".spelling'
        for name in words
    )
    return f"SELECT cut.line, {shown} FROM (FROM {_numbered(scan, rows)} WHERE is_plain) AS cut {joins}"


def _numbered(scan: Scan, rows: Path) -> str:
    read = f"read_parquet({quoted(str(rows))}, file_row_number = true)"
    return f"(SELECT *, file_row_number + {scan.first_line} AS line FROM {read})"


def find_odd(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    scan: Scan,
    rows: Path,
    given: Collection[str],
    conditions: list[str],
) -> None:
    """Write table `odd`: the lines that are left to the exact reader.

    Those `cut` did not find plain, those with an odd spelling, and those that meet one of the conditions, which
    speak of the columns of the contract (and may read the rows themselves as `plain`).

    Raises:
        MachineError: the CSV reader saw other lines than the scan.
    """
    read = _numbered(scan, rows)
    row = con.execute(f"SELECT count(*) FROM {read}").fetchone()
    if not row or row[0] != scan.lines - scan.first_line + 1:
        raise MachineError(
            f"{scan.path.name}: {scan.lines - scan.first_line + 1} lines were counted and {row[0] if row else 0} cut;"
            " nothing was loaded. Send the file to the developers"
        )
    parts = [f"SELECT line FROM {read} WHERE NOT is_plain"]
    for (name,) in con.execute("SELECT DISTINCT column_name FROM word WHERE is_odd").fetchall():
        parts.append(
            f'SELECT line FROM {read} WHERE is_plain AND "{name}" IN'
            f" (SELECT spelling FROM word WHERE is_odd AND column_name = {quoted(name)})"
        )
    con.execute(f"CREATE VIEW plain AS {rows_select(contract, scan, rows, given)}")
    parts += [f"SELECT line FROM plain WHERE {condition}" for condition in conditions]
    con.execute(f"CREATE TABLE odd AS SELECT DISTINCT line FROM ({' UNION ALL '.join(parts)})")


def day_counts(contract: Contract, rows: Path) -> str:
    """Return the SELECT of (day_on, row_count) of the plainly good rows, days of Asia/Shanghai."""
    return (
        "SELECT DATE '1970-01-01' + day_no::INTEGER AS day_on, row_count FROM ("
        f"SELECT {_day_no(contract)} AS day_no, count(*) AS row_count"
        f" FROM read_parquet({quoted(str(rows))}) WHERE is_plain GROUP BY 1)"
    )


def lines_of_days(contract: Contract, scan: Scan, rows: Path, days: str) -> str:
    """Return the SELECT of the lines of plainly good rows on some days (a SELECT of day_on)."""
    return (
        f"SELECT line FROM {_numbered(scan, rows)} WHERE is_plain AND {_day_no(contract)} IN"
        f" (SELECT day_on - DATE '1970-01-01' FROM ({days}))"
    )


def _day_no(contract: Contract) -> str:
    return f'(epoch_us("{contract.period}") + {SHIFT_US[TIME_ZONE]}) // {DAY_US}'


def unknown_codes(
    con: duckdb.DuckDBPyConnection, contract: Contract, rows: Path, scan: Scan
) -> dict[tuple[str, str], int]:
    """Return the words of code columns that mean nothing yet, with the plainly good rows that bear them."""
    asked: dict[tuple[str, str], int] = {}
    spelled = con.execute(
        "SELECT column_name, spelling, text FROM word WHERE word IS NULL AND text IS NOT NULL AND NOT is_odd"
        " ORDER BY ALL"
    ).fetchall()
    for name, spelled_as, text in spelled:
        if contract.columns[name].type == "code":
            row = con.execute(
                f'SELECT count(*) FROM (FROM {_numbered(scan, rows)} WHERE is_plain AND "{name}" = ?)'
                " ANTI JOIN odd USING (line)",
                [spelled_as],
            ).fetchone()
            asked[(name, text)] = asked.get((name, text), 0) + (row[0] if row else 0)
    return {word: count for word, count in asked.items() if count}
