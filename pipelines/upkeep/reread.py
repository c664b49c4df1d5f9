"""Kept files against what stands of them in the warehouse: which rows differ, week by week, and putting them in.

The rows of the files, and all rows that bear the same numbers, are taken out and judged anew in the order of their
loads, by the one rule that `load` uses. Taking rows out and putting them in are the only writes past a load.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pipelines import storage
from pipelines.contracts import Contract
from pipelines.feeds import account, incoming, outcomes
from pipelines.feeds.parsed_file import ParsedFile

if TYPE_CHECKING:
    import duckdb

COUNTED = ("rows", *account.OUTCOMES)
NO_LOAD = 1 << 30  # above every load: only those that are named are counted


@dataclass(frozen=True)
class LoadedFile:
    """A file as it was loaded: its number, content, name and source profile."""

    load_no: int
    sha256: str
    file_name: str
    source: str


@dataclass(frozen=True)
class Changes:
    """Weeks whose rows differ: `inside` those asked for; `outside` others, with the number of rows that differ.

    `accounts` holds, a file: path, load_no, and of rows and each outcome the count before and now.
    """

    inside: list[dt.date]
    outside: dict[dt.date, int]
    accounts: list[dict[str, Any]]


def files_of(con: duckdb.DuckDBPyConnection, contract: Contract, in_weeks: str) -> list[LoadedFile]:
    """Return the loaded files that may have rows in some weeks, in the order of their loads.

    Args:
        con: warehouse.
        contract: contract of the feed.
        in_weeks: SQL condition on a column `week_start`.
    """
    table = storage.table_of(contract)
    week = f"date_trunc('week', \"{contract.period}\")::DATE AS week_start"
    rows = con.execute(
        f"WITH stored AS (SELECT DISTINCT load_no FROM (SELECT load_no, {week} FROM {table}) WHERE {in_weeks})"
        " SELECT load_no, snapshot_sha256, file_name, source FROM meta.load_account AS account"
        " WHERE feed = ? AND EXISTS (FROM stored)"
        " AND (load_no IN (FROM stored) OR duplicate_count > 0 OR quarantined_count > 0)"
        " ORDER BY load_no",
        [contract.feed],
    ).fetchall()
    return [LoadedFile(*row) for row in rows]


def replace(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    in_weeks: str,
    files: Sequence[LoadedFile],
    parsed: Sequence[ParsedFile],
) -> Changes:
    """Put the rows as they are read now in the place of those that stand, in the caller's transaction.

    Where `outside` of the result is not empty the caller must roll back: rows of other weeks would change.
    """
    before = _accounts(con, contract, files)
    _take_out(con, contract, files, parsed)
    nothing = "(SELECT *, '' AS outcome FROM read_anew WHERE false)"
    judged = outcomes.outcome_select(contract, "read_anew", nothing, stored=True)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE fresh AS SELECT read_anew.* EXCLUDE (is_incomplete), judged.outcome,"
        f" judged.ended_load_no FROM read_anew JOIN ({judged}) AS judged USING (load_no, line)"
        " WHERE judged.outcome <> 'duplicate'"
    )
    table = storage.table_of(contract)
    con.execute(f"INSERT INTO {table} BY NAME FROM fresh ORDER BY load_no, line")
    con.execute(f"CREATE OR REPLACE TEMP TABLE now_standing AS FROM {table} SEMI JOIN fresh USING (load_no, line)")
    week = f"SELECT date_trunc('week', \"{contract.period}\")::DATE AS week_start"
    differing = (
        f"{week} FROM (FROM standing EXCEPT FROM now_standing)"
        f" UNION ALL {week} FROM (FROM now_standing EXCEPT FROM standing)"
    )
    outside = con.execute(f"SELECT week_start, count(*) FROM ({differing}) WHERE NOT ({in_weeks}) GROUP BY 1")
    others = dict(outside.fetchall())
    inside = con.execute(f"SELECT DISTINCT week_start FROM ({differing}) WHERE {in_weeks} ORDER BY 1").fetchall()
    _recount(con, contract, files, parsed)
    after = _accounts(con, contract, files)
    for name in ("read_anew", "standing", "fresh", "now_standing"):
        con.execute(f"DROP TABLE {name}")
    accounts = [
        {
            "path": file.file_name,
            "load_no": file.load_no,
            "before": dict(zip(COUNTED, before[file.sha256], strict=True)),
            "now": dict(zip(COUNTED, after[file.sha256], strict=True)),
        }
        for file in files
    ]
    return Changes([monday for (monday,) in inside], others, accounts)


def _take_out(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[LoadedFile], parsed: Sequence[ParsedFile]
) -> None:
    """Move the rows of the files, and all that bear their numbers, from the store to table `standing`.

    Table `read_anew` gets the files' rows as they are read now, and the rows of other files as they stand.
    """
    table = storage.table_of(contract)
    key = ", ".join(f'"{storage.stored_name(contract, column)}"' for column in contract.key)
    name = f"hash({key})"
    loads = ", ".join(str(file.load_no) for file in files)
    incoming.lay_out(con, contract, parsed, {file.sha256: file.load_no for file in files})
    con.execute("CREATE OR REPLACE TEMP TABLE read_now AS FROM incoming")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE standing AS FROM {table} WHERE load_no IN ({loads})"
        f" OR {name} IN (SELECT {name} FROM read_now)"
        f" OR {name} IN (SELECT {name} FROM {table} WHERE load_no IN ({loads}))"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE read_anew AS FROM read_now UNION ALL BY NAME"
        " SELECT * EXCLUDE (outcome, ended_load_no), outcome = 'pending' AS is_incomplete FROM standing"
        f" WHERE load_no NOT IN ({loads})"
    )
    con.execute("DROP TABLE read_now")
    con.execute(f"DELETE FROM {table} WHERE (load_no, line) IN (SELECT (load_no, line) FROM standing)")


def _accounts(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[LoadedFile]
) -> dict[str, tuple[int, ...]]:
    counts = ", ".join(f"{outcome}_count" for outcome in account.OUTCOMES)
    rows = con.execute(
        f"SELECT snapshot_sha256, row_count, {counts} FROM meta.load_account WHERE feed = ?"
        " AND list_contains(?, snapshot_sha256)",
        [contract.feed, [file.sha256 for file in files]],
    ).fetchall()
    return {sha256: tuple(numbers) for sha256, *numbers in rows}


def _recount(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[LoadedFile], parsed: Sequence[ParsedFile]
) -> None:
    """Write what was read of each file, and count its rows by outcome anew; number and time of the load stay."""
    there = {row[0] for row in con.execute("DESCRIBE meta.load_account").fetchall()} - {"feed", "source"}
    told = [name.name for name in fields(ParsedFile) if name.name in there]
    for file in parsed:
        values = {name: getattr(file, name) for name in told}
        values |= {"row_count": file.rows, "quarantined_count": file.quarantined}
        # A file may have no stored row any more: then the count below does not meet it.
        values |= dict.fromkeys(
            (f"{outcome}_count" for outcome in ("accepted", "superseded", "voided", "pending")), 0
        )
        values |= {"first_period_on": None, "last_period_on": None}
        sets = ", ".join(f"{name} = ?" for name in values)
        con.execute(
            f"UPDATE meta.load_account SET {sets} WHERE feed = ? AND snapshot_sha256 = ?",
            [*values.values(), contract.feed, file.sha256],
        )
        con.execute("DELETE FROM meta.reject WHERE feed = ? AND snapshot_sha256 = ?", [contract.feed, file.sha256])
    account.write_rejects(con, contract, parsed)
    numbers = ", ".join(str(file.load_no) for file in files)
    account.recount(con, contract, numbers, NO_LOAD)
    con.execute(
        "UPDATE meta.load_account SET duplicate_count = row_count - quarantined_count - accepted_count"
        f" - superseded_count - voided_count - pending_count WHERE load_no IN ({numbers})"
    )
