"""The access log, asked by the data officer: as tables of a database file of its own, through the same sandbox.

The tables are `sql/access`. They are made anew for each question in a folder that only this account can enter, and
are gone with the answer. Who may ask is not decided here: locally the log's files say it, remotely the role.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import WrongCallError
from pipelines.literal import quoted
from pipelines.publishing import access_files, access_log, plates, query
from pipelines.settings import ROOT, TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

EDITION = "access_log"  # what the log says is read when it is read itself
DEFAULT_SQL = "FROM access.recent"
LIMITS = query.Limits()
TABLES = ("query", "plate", "recent")
COLUMNS = {
    "file_name": "VARCHAR", "line": "BIGINT", "written_at": "TIMESTAMPTZ", "event": "VARCHAR", "id": "VARCHAR",
    "actor": "VARCHAR", "account": "VARCHAR", "channel": "VARCHAR", "edition": "VARCHAR", "build": "BIGINT",
    "purpose": "VARCHAR", "is_purpose_missing": "BOOLEAN", "sql": "VARCHAR", "outcome": "VARCHAR",
    "row_count": "BIGINT", "duration_ms": "BIGINT", "message": "VARCHAR", "plates_asked_count": "BIGINT",
    "plates_asked": "VARCHAR[]", "plates_read_count": "BIGINT", "plates_read": "VARCHAR[]",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which reads are of interest: asked on these local days (both included), by this person, of this plate."""

    since: dt.date | None = None
    until: dt.date | None = None
    person: str | None = None
    plate: str | None = None


def ask(
    settings: Settings,
    sql: str = DEFAULT_SQL,
    wanted: Wanted = Wanted(),
    *,
    output: str = "table",
    limits: query.Limits = LIMITS,
    purpose: str = "",
    actor: str | None = None,
    channel: str = "log",
) -> query.QueryResult:
    """Run one reading statement on access.query, access.plate and access.recent; this look is logged too.

    Args:
        settings: whose log.
        sql: one SELECT.
        wanted: which reads the tables hold. A plate keeps reads that named it or a part of it, that were given it,
            and those that were given more plates than the log lists, since it may be among them.
        output: the form of the text: table, csv or json.
        limits: what the query may use.
        purpose: why the log is looked at.
        actor: person who asks, by default that of the settings.
        channel: the way in, for the log.

    Raises:
        WrongCallError: the query has an error, is refused or hit a limit, or the days are the wrong way round.
        MachineError: the log cannot be read or written by this account.
    """
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise WrongCallError(f"from {wanted.since} to {wanted.until} holds no day: give the earlier one first")
    asked = [wanted.plate] if wanted.plate else []
    with (
        access_log.logged(
            settings, edition=EDITION, build=None, purpose=purpose, sql=sql, actor=actor, channel=channel,
            plates_asked=asked,
        ) as entry,
        tempfile.TemporaryDirectory(prefix="sandwatch-log-") as folder,
    ):  # fmt: skip
        path = Path(folder) / "reads.duckdb"  # not named as the schema: every name would be ambiguous
        lost = _write(settings, path, wanted, entry.facts["id"])
        result = query.on_file(path, sql, output=output, limits=limits)
        entry.found(row_count=len(result.rows), plates_read=plates.read(result.columns, result.rows), message=lost)
    return result


def unreadable(settings: Settings) -> list[str]:
    """Return the lines of the log that no question can see, by file and line."""
    return [f"{line.file} line {line.number}" for line in access_files.lines(settings) if line.record is None]


def _write(settings: Settings, path: Path, wanted: Wanted, own_id: str) -> str:
    """Write the tables, without this very look; return a word about lines that could not be read."""
    import duckdb

    from pipelines import catalog
    from pipelines.building import tables

    lines = path.with_suffix(".jsonl")
    lost = 0
    with lines.open("w", encoding="utf-8") as file:
        for line in access_files.lines(settings):
            if line.record is None:
                lost += 1
                continue
            if line.record.get("id") == own_id:
                continue
            record = _typed(line.record) | {"file_name": line.file, "line": line.number}
            file.write(json.dumps(record) + "\n")
    path.touch(0o600)
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute(f"SET TimeZone = '{TIME_ZONE}'")
        con.execute("CREATE SCHEMA log; CREATE SCHEMA access")
        columns = ", ".join(f"{name}: {quoted(kind)}" for name, kind in COLUMNS.items())
        con.execute(
            f"CREATE TABLE log.line AS FROM read_json({quoted(str(lines))}, format = 'newline_delimited',"
            f" columns = {{{columns}}}, maximum_object_size = 8000000)"
        )
        lines.unlink()
        for name in TABLES:
            tables.make(con, catalog.read_model(ROOT / "sql" / "access" / f"{name}.sql", "access"))
            if name == "plate":
                _narrow(con, wanted)
        con.execute("DROP TABLE log.line; DROP SCHEMA log")
    return f"{lost} lines of the log cannot be read" if lost else ""


def _narrow(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Leave the reads that are wanted."""
    if wanted.since:
        con.execute("DELETE FROM access.query WHERE asked_at::DATE < ?", [wanted.since])
    if wanted.until:
        con.execute("DELETE FROM access.query WHERE asked_at::DATE > ?", [wanted.until])
    if wanted.person:
        con.execute("DELETE FROM access.query WHERE person <> ? AND account IS DISTINCT FROM ?", [wanted.person] * 2)
    if wanted.plate:
        plate = plates.normal(wanted.plate)
        con.execute(
            "DELETE FROM access.query WHERE NOT is_plate_list_cut AND query_id NOT IN"
            " (SELECT query_id FROM access.plate WHERE contains(?, plate) OR contains(plate, ?) OR ? LIKE plate)",
            [plate] * 3,
        )
    con.execute("DELETE FROM access.plate WHERE query_id NOT IN (SELECT query_id FROM access.query)")


def _typed(record: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a line that have their type: an altered line must not keep the others from being read."""
    typed = {}
    for name, kind in COLUMNS.items():
        value = record.get("at" if name == "written_at" else name)
        match kind:
            case "BIGINT":
                is_right = isinstance(value, int)
            case "BOOLEAN":
                is_right = isinstance(value, bool)
            case "VARCHAR[]":
                is_right = isinstance(value, list) and all(isinstance(one, str) for one in value)
            case _:
                is_right = isinstance(value, str)
        if is_right:
            typed[name] = value
    return typed
