"""Notes of what was built of what: running numbers instead of clocks, which may be set back."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.building.weeks import Weeks
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

# Bookkeeping of this warehouse; it says nothing to a reader of an edition.
OWN_TABLES = frozenset({"meta.built_table", "meta.built_week", "meta.price_vintage_row", "meta.published_edition"})


@dataclass(frozen=True)
class Built:
    """What is noted of a table; `load_no` and `row_count` are for feeds only."""

    fingerprint: str
    whole_no: int
    seen_no: int
    load_no: int | None
    row_count: int | None


@dataclass(frozen=True)
class Step:
    """How far a step has come: the newest load it has seen, its running number, what it ran with, when it ended."""

    load_no: int
    step_no: int
    fingerprint: str
    finished_at: dt.datetime


def next_no(con: duckdb.DuckDBPyConnection) -> int:
    """Return a number above that of every step and change so far."""
    return last_no(con) + 1


def last_no(con: duckdb.DuckDBPyConnection) -> int:
    """Return the highest number of a step or change; 0 before the first build."""
    row = con.execute(
        "SELECT greatest((SELECT coalesce(max(step_no), 0) FROM meta.step),"
        " (SELECT coalesce(max(greatest(whole_no, seen_no)), 0) FROM meta.built_table),"
        " (SELECT coalesce(max(change_no), 0) FROM meta.built_week),"
        " (SELECT coalesce(max(step_no), 0) FROM meta.published_edition))"
    ).fetchone()
    return int(row[0]) if row else 0


def built(con: duckdb.DuckDBPyConnection, table: str) -> Built | None:
    """Return what is noted of a table, None where it was never built."""
    row = con.execute(
        "SELECT fingerprint, whole_no, seen_no, load_no, row_count FROM meta.built_table WHERE table_name = ?",
        [table],
    ).fetchone()
    return Built(*row) if row else None


def changed_since(con: duckdb.DuckDBPyConnection, table: str, number: int) -> Weeks:
    """Return the weeks of a table that changed after a step; a table nothing is noted of may always have."""
    known = built(con, table)
    if known is None or known.whole_no > number:
        return None
    rows = con.execute(
        "SELECT week_start FROM meta.built_week WHERE table_name = ? AND change_no > ?", [table, number]
    ).fetchall()
    return frozenset(week for (week,) in rows)


def write(
    con: duckdb.DuckDBPyConnection,
    table: str,
    weeks: Weeks,
    number: int,
    fingerprint: str,
    *,
    load_no: int | None = None,
    row_count: int | None = None,
) -> None:
    """Write that a table holds what its inputs say at a step, and which of its weeks changed at it.

    Call it in the transaction that changes the table: a build that breaks off leaves both or none.
    """
    known = built(con, table)
    if weeks is None or known is None:
        con.execute("DELETE FROM meta.built_week WHERE table_name = ?", [table])
        whole_no = number
    else:
        mondays = sorted(weeks)
        con.execute(
            "DELETE FROM meta.built_week WHERE table_name = ? AND list_contains(?, week_start)", [table, mondays]
        )
        con.execute("INSERT INTO meta.built_week SELECT ?, unnest(?::DATE[]), ?", [table, mondays, number])
        whole_no = known.whole_no
    con.execute("DELETE FROM meta.built_table WHERE table_name = ?", [table])
    con.execute(
        "INSERT INTO meta.built_table VALUES (?, ?, ?, ?, ?, ?)",
        [table, fingerprint, whole_no, number, load_no, row_count],
    )


def forget(con: duckdb.DuckDBPyConnection) -> None:
    """Forget what was built, so that the next build makes every table whole."""
    con.execute("DELETE FROM meta.built_week")
    con.execute("DELETE FROM meta.built_table")


def steps(con: duckdb.DuckDBPyConnection) -> dict[str, Step]:
    """Return the steps that ended, by name."""
    rows = con.execute("SELECT step, load_no, step_no, fingerprint, finished_at FROM meta.step").fetchall()
    return {name: Step(*rest) for name, *rest in rows}


def begin(con: duckdb.DuckDBPyConnection, step: str) -> int:
    """Take a step's end back (one that breaks off has not ended) and return its running number."""
    number = next_no(con)
    con.execute("DELETE FROM meta.step WHERE step = ?", [step])
    return number


def finish(con: duckdb.DuckDBPyConnection, step: str, number: int) -> None:
    """Write that a step ended, and the newest load it has seen."""
    con.execute("DELETE FROM meta.step WHERE step = ?", [step])
    con.execute("INSERT INTO meta.step VALUES (?, ?, ?, ?, now())", [step, last_load(con), number, files_now()])


def last_load(con: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the newest load; 0 before the first."""
    row = con.execute("SELECT coalesce(max(load_no), 0) FROM meta.load_account").fetchone()
    return int(row[0]) if row else 0


def files_now() -> str:
    """Return the SHA-256 over all that a build runs with: contracts, SQL, reference tables, rules."""
    folders = (ROOT / "expectations" / "raw", ROOT / "sql")
    paths = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".yaml", ".sql", ".csv"}
    )
    return fingerprint(*(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes() for path in paths))


def fingerprint(*parts: bytes | str) -> str:
    """Return the SHA-256 over texts and the version of DuckDB, whose functions make the tables."""
    import duckdb

    digest = hashlib.sha256(duckdb.__version__.encode())
    for part in parts:
        digest.update(part.encode() if isinstance(part, str) else part)
        digest.update(b"\0")
    return digest.hexdigest()
