"""Known errors of a source, mended while its rows are read: what is wrong, since when, by whom, and when it ends.

A correction is written in `expectations/corrections/<feed>.yaml`; the file as it came stays as it is. Each has a
guard: a row that no longer meets it was mended by the source itself, so it is left alone and one question is asked.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.contracts import Contract, Source, contracts
from pipelines.errors import MachineError
from pipelines.feeds.cells import reject_rules
from pipelines.literal import quoted
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

FOLDER = ROOT / "expectations" / "corrections"
ORIGIN = ("feed_source", "line", "snapshot_sha256")  # what a condition may ask beside the contract's columns
DROPPED = "known_error"
OBSOLETE = "correction_obsolete"
PERIODS = {"year": "%Y", "day": "%Y-%m-%d"}
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{2,63}")


@dataclass(frozen=True)
class Correction:
    """One known error: which rows (`where`), what is done to them, and why, since when and by whom.

    `values` are the columns that get a value (none for a drop); with `replaced` set, only rows whose column holds
    that value are changed. `guard` must hold for a matched row, or the source has repaired itself.
    """

    id: str
    where: str
    kind: str
    reason: str
    date: dt.date
    by: str
    guard: str
    values: Mapping[str, Any] = field(default_factory=dict)
    replaced: Any = None


@dataclass(frozen=True)
class AppliedCorrection:
    """What one correction did to one file, in rows: `matched` = `applied` + `obsolete` + already right."""

    id: str
    kind: str
    matched: int
    applied: int
    obsolete: int

    @property
    def question(self) -> dict[str, Any] | None:
        """The named question of a correction that the source has made obsolete; None while its guard holds."""
        if not self.obsolete:
            return None
        return {"kind": OBSOLETE, "subject": self.id, "row_count": self.obsolete}


def for_feed(feed: str, folder: Path | None = None) -> tuple[Correction, ...]:
    """Return the corrections of a feed in the order they are written, which is the order they are applied in.

    Raises:
        MachineError: the file has an unknown setting, a column that does not exist, or a condition that is none.
    """
    return _read((folder or FOLDER) / f"{feed}.yaml")


@cache
def _read(path: Path) -> tuple[Correction, ...]:
    if not path.exists():
        return ()
    contract = contracts()[path.stem]
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(entries, list):
        raise MachineError(f"corrections/{path.name}: it takes a list of corrections")
    found = tuple(_correction(f"corrections/{path.name}", contract, entry) for entry in entries)
    ids = [correction.id for correction in found]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise MachineError(f"corrections/{path.name}: {twice} stand there twice; an id names one correction")
    return found


def _correction(where: str, contract: Contract, entry: Any) -> Correction:
    known = {"id", "where", "action", "reason", "date", "by", "guard"}
    if not isinstance(entry, dict) or (set(entry) ^ known):
        given = set(entry) if isinstance(entry, dict) else set()
        raise MachineError(f"{where}: unknown setting {sorted(given - known)}, missing {sorted(known - given)}")
    name = entry["id"]
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise MachineError(f"{where}: {name!r} is no id; it takes 3 to 64 of a-z 0-9 _ . -")
    where = f"{where} {name}"
    if not isinstance(entry["date"], dt.date):
        raise MachineError(f"{where}: date is {entry['date']!r}; it takes the day the error is known since")
    for key in ("where", "reason", "by", "guard"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise MachineError(f"{where}: {key} is empty")
    for key in ("where", "guard"):
        _require_condition(f"{where} {key}", contract, entry[key])
    told = {key: entry[key] for key in entry if key != "action"}
    return Correction(**told, **_action(where, contract, entry["action"]))


def _action(where: str, contract: Contract, action: Any) -> dict[str, Any]:
    if action == "drop":
        return {"kind": "drop"}
    kind, spec = next(iter(action.items())) if isinstance(action, dict) and len(action) == 1 else (None, None)
    if kind == "set" and isinstance(spec, dict) and spec:
        found: dict[str, Any] = {"kind": kind, "values": spec}
    elif kind == "replace" and isinstance(spec, dict) and set(spec) == {"column", "from", "to"}:
        found = {"kind": kind, "values": {spec["column"]: spec["to"]}, "replaced": spec["from"]}
    else:
        raise MachineError(
            f"{where}: action is {action!r}; it takes drop, {{set: {{column: value}}}} or"
            " {replace: {column: name, from: value, to: value}}"
        )
    for name, value in found["values"].items():
        column = contract.columns.get(name)
        if column is None:
            raise MachineError(f"{where}: column {name!r} is not in the contract of {contract.feed}")
        if column.codes and value is not None and value not in column.codes:
            raise MachineError(f"{where}: {name} takes {', '.join(column.codes)}, not {value!r}")
    return found


def _require_condition(where: str, contract: Contract, text: str) -> None:
    """Refuse what is not a plain condition over one row: other columns, sub-queries, sums, clocks and chance."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(f"SELECT (\n{text}\n) AS holds", dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        raise MachineError(f"{where}: {text!r} is no SQL condition ({str(error).partition('.')[0]})") from error
    unknown = {column.name for column in tree.find_all(exp.Column)} - {*contract.columns, *ORIGIN}
    if unknown:
        raise MachineError(f"{where}: column {sorted(unknown)} does not exist; beside the contract's: {ORIGIN}")
    clocks = (exp.Rand, exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Anonymous)
    wider = (exp.Query, exp.Table, exp.AggFunc, exp.Window, exp.Placeholder, exp.Parameter, *clocks)
    if not isinstance(tree, exp.Select) or any(node is not tree for node in tree.find_all(*wider)):
        raise MachineError(f"{where}: {text!r} must speak of one row alone: no sub-query, sum, clock or own function")


def apply(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    corrections: Sequence[Correction],
    *,
    profile: Source,
    sha256: str,
    found: Iterable[str] = (),
    table: str = "typed",
    cells: str = "cell",
) -> list[AppliedCorrection]:
    """Mend the typed rows of one file in place and judge the changed ones by the row rules anew.

    The table gains a column `correction_ids`, NULL for a row as it came. A dropped row gets a `reject_no` above
    those of the row rules, see `dropped`. Each correction sees the rows as the one before it left them.

    Args:
        con: connection that holds the tables.
        contract: contract of the feed.
        corrections: those of the feed, in order; without any, nothing happens.
        profile: source profile the file is read with.
        sha256: SHA-256 of the file.
        found: contract columns that the file has, as in `cells`.
        table: typed rows: line, contract columns, suspect_codes, assumed_columns, reject_no.
        cells: text cells of the same lines.

    Raises:
        MachineError: a value does not fit its column, or a condition does not run.
    """
    import duckdb

    if not corrections:
        return []
    con.execute(f"ALTER TABLE {table} ADD COLUMN correction_ids VARCHAR[]")
    con.execute(f"ALTER TABLE {table} ADD COLUMN corrected_columns VARCHAR[]")
    applied = []
    for number, correction in enumerate(corrections):
        try:
            applied.append(_apply_one(con, contract, correction, number, profile.name, sha256, table))
        except duckdb.Error as error:
            raise MachineError(f"corrections/{contract.feed}.yaml {correction.id}: {error}") from error
    _judge_anew(con, contract, profile, set(found), table, cells)
    con.execute(f"ALTER TABLE {table} DROP COLUMN corrected_columns")
    return applied


def _apply_one(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    correction: Correction,
    number: int,
    source: str,
    sha256: str,
    table: str,
) -> AppliedCorrection:
    drop_no = len(reject_rules(contract)) + number
    first_drop_no = drop_no - number
    fits = "true"
    if correction.kind == "replace":
        (name,) = correction.values
        fits = f'"{name}" IS NOT DISTINCT FROM {_literal(contract, name, correction.replaced)}'
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE matched AS SELECT line, coalesce((\n{correction.guard}\n), false) AS holds,"
        f" {fits} AS fits FROM (SELECT *, {quoted(source)} AS feed_source, {quoted(sha256)} AS snapshot_sha256"
        f" FROM {table} WHERE coalesce(reject_no < {first_drop_no}, true)) WHERE (\n{correction.where}\n)"
    )
    names = list(correction.values)
    changes = [f'"{name}" = {_literal(contract, name, value)}' for name, value in correction.values.items()]
    changes += [f'"{name}_is_none" = false' for name in names if contract.columns[name].none_words]
    changes += [
        f"correction_ids = list_append(coalesce(correction_ids, []), {quoted(correction.id)})",
        f"corrected_columns = list_concat(coalesce(corrected_columns, []), {names!r}::VARCHAR[])",
    ]
    if correction.kind == "drop":
        changes.append(f"reject_no = {drop_no}")
    con.execute(
        f"UPDATE {table} SET {', '.join(changes)} WHERE line IN (SELECT line FROM matched WHERE holds AND fits)"
    )
    row = con.execute(
        "SELECT count(*), count(*) FILTER (holds AND fits), count(*) FILTER (NOT holds) FROM matched"
    ).fetchone()
    con.execute("DROP TABLE matched")
    matched, applied, obsolete = row or (0, 0, 0)
    return AppliedCorrection(correction.id, correction.kind, matched, applied, obsolete)


def _literal(contract: Contract, name: str, value: Any) -> str:
    sql_type = contract.columns[name].sql_type
    return f"NULL::{sql_type}" if value is None else f"{quoted(str(value))}::{sql_type}"


def _judge_anew(
    con: duckdb.DuckDBPyConnection, contract: Contract, profile: Source, found: set[str], table: str, cells: str
) -> None:
    """Lay the changed rows against the row rules again: a mended row is good, a row that was set wrong is not."""
    rules = reject_rules(contract, profile)
    # A column that was set has no cell of the file behind it any more.
    texts = ", ".join(
        (f'CASE WHEN NOT list_contains(corrected_columns, {quoted(name)}) THEN {cells}."{name}" END'
         if name in found else "NULL::VARCHAR") + f' AS "{name}__text"'
        for name in contract.columns
    )  # fmt: skip
    cases = " ".join(f"WHEN {condition} THEN {number}" for number, (_, _, condition) in enumerate(rules))
    flags = [rule for rule in contract.row_rules if rule.level == "suspect"]
    suspects = ", ".join(f"CASE WHEN {rule.fails_when} THEN {quoted(rule.code)} END" for rule in flags)
    codes = [rule.code for rule in flags]
    number_period = ""
    if contract.has_number_period and profile.number_period in PERIODS:
        number_period = f", number_period = strftime({contract.period}, {quoted(PERIODS[profile.number_period])})"
    if contract.identity:
        waits = " OR ".join(f'"{name}" IS NULL' for name in profile.pending_until) or "false"
        con.execute(f"UPDATE {table} SET is_incomplete = {waits} WHERE correction_ids IS NOT NULL")
    con.execute(
        f"UPDATE {table} SET reject_no = judged.reject_no, suspect_codes = list_concat("
        f" list_filter({table}.suspect_codes, lambda code: NOT list_contains({codes!r}::VARCHAR[], code)),"
        " judged.suspects), assumed_columns = list_filter(assumed_columns, lambda name:"
        f" NOT list_contains(corrected_columns, name)){number_period}"
        f" FROM (SELECT line, CASE {cases} END AS reject_no,"
        f" list_filter([{suspects}]::VARCHAR[], lambda code: code IS NOT NULL) AS suspects"
        f" FROM (SELECT {table}.*, {texts} FROM {table} LEFT JOIN {cells} USING (line)"
        f" WHERE correction_ids IS NOT NULL AND coalesce(reject_no < {len(rules)}, true))) AS judged"
        f" WHERE {table}.line = judged.line"
    )


def dropped(contract: Contract, corrections: Sequence[Correction], reject_no: int) -> Correction | None:
    """Return the correction that dropped a row with this `reject_no`; None where a row rule rejects it."""
    number = reject_no - len(reject_rules(contract))
    return corrections[number] if number >= 0 else None


def drop_message(correction: Correction, line: int) -> str:
    """Return where and why a row was dropped, and where that is decided."""
    return (
        f"line {line}: known error of the source, dropped by correction {correction.id} ({correction.reason}, known"
        f" since {correction.date}); if that is no longer so, take it out of expectations/corrections"
    )


def close_questions(con: duckdb.DuckDBPyConnection) -> None:
    """Close the questions about corrections that were taken out of their file: they are answered."""
    there = [correction.id for feed in contracts() for correction in for_feed(feed)]
    con.execute("DELETE FROM meta.question WHERE kind = ? AND NOT list_contains(?, subject)", [OBSOLETE, there])
