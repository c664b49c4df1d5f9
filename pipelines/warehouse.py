"""The one warehouse file: who may write, how it is opened, and its fixed tables."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import catalog, contracts
from pipelines.errors import BusyError, MachineError
from pipelines.literal import quoted
from pipelines.settings import ROOT, TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("raw", "meta", "reference", "staging", "mart", "policy", "report", "public")


@contextmanager
def writer(settings: Settings, *, wait_s: float = 30) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the only writing connection; everyone else reads the published editions.

    Our own lock file guards it, because DuckDB's lock is lost as soon as the owning process reads the file.

    Raises:
        BusyError: another writer holds it longer than `wait_s` seconds; says since when and who.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / ".writer.lock").open("a+", encoding="utf-8") as lock:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    lock.seek(0)
                    holder = lock.read().strip() or "unknown"
                    raise BusyError(
                        f"the warehouse is being written by another run ({holder}); waited {wait_s:g} s."
                        " Let it finish, or stop it, then try again"
                    ) from error
                time.sleep(0.05)
        lock.seek(0)
        lock.truncate()
        now = dt.datetime.now(dt.UTC).astimezone().isoformat(timespec="seconds")
        lock.write(f"process {os.getpid()} since {now}")
        lock.flush()
        con = _open(settings)
        try:
            yield con
        finally:
            con.close()


def _open(settings: Settings) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        con = duckdb.connect(str(settings.warehouse))
    except duckdb.Error as error:
        raise MachineError(
            f"{settings.warehouse} cannot be opened ({error}). Restore it from a backup, or delete it and load"
            " the snapshots again: nothing is lost that is in snapshots/"
        ) from error
    configure(con)
    prepare(con)
    return con


def configure(con: duckdb.DuckDBPyConnection) -> None:
    """Set what every connection of ours agrees on."""
    con.execute(f"SET TimeZone = '{TIME_ZONE}'")
    con.execute("SET enable_progress_bar = false")


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas, the meta tables, the raw tables and the reference tables where they are missing.

    A warehouse that these files prepared before is left as it is.
    """
    for schema in SCHEMAS:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    fingerprint = _fingerprint()
    con.execute("CREATE TABLE IF NOT EXISTS meta.prepared (fingerprint VARCHAR)")
    if con.execute("FROM meta.prepared").fetchall() == [(fingerprint,)]:
        return
    con.execute("DELETE FROM meta.prepared")
    for table in catalog.meta_tables().values():
        con.execute(table.sql)
        comment(con, table.name, table.description, table.columns)
    for contract in contracts.contracts().values():
        columns = raw_columns(contract)
        body = ", ".join(f'"{name}" {sql_type}' for name, (sql_type, _) in columns.items())
        con.execute(f"CREATE TABLE IF NOT EXISTS raw.{contract.feed} ({body})")
        there = {row[0] for row in con.execute(f"DESCRIBE raw.{contract.feed}").fetchall()}
        for name in columns.keys() - there:  # the contract grew since this warehouse was made
            con.execute(f'ALTER TABLE raw.{contract.feed} ADD COLUMN "{name}" {columns[name][0]}')
        comment(con, f"raw.{contract.feed}", contract.text, {name: text for name, (_, text) in columns.items()})
    for reference in catalog.references().values():
        con.execute(
            f"CREATE OR REPLACE TABLE reference.{reference.name} AS SELECT * FROM"
            " read_csv(?, header = true, columns = ?)",
            [str(reference.path), reference.types],
        )
        comment(con, f"reference.{reference.name}", reference.description, reference.columns)
    comment(con, "meta.prepared", "Which contracts and fixed tables this warehouse was prepared for.", {
        "fingerprint": "SHA-256 over expectations/raw, sql/meta, sql/reference and the preparing module",
    })  # fmt: skip
    con.execute(f"INSERT INTO meta.prepared VALUES ('{fingerprint}')")


def _fingerprint() -> str:
    folders = (ROOT / "expectations" / "raw", ROOT / "sql" / "meta", ROOT / "sql" / "reference")
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def raw_columns(contract: contracts.Contract) -> dict[str, tuple[str, str]]:
    """Return the columns of a raw table: those of the contract, then where each row came from."""
    columns: dict[str, tuple[str, str]] = {}
    for column in contract.columns.values():
        columns[column.name] = (column.sql_type, column.comment)
        if column.none_words:
            columns[f"{column.name}_is_none"] = ("BOOLEAN", f"{column.name} is stated as not obtained")
    if contract.has_number_period:
        columns["number_period"] = ("VARCHAR", "Period within which numbers are unique, by the source profile.")
    columns["suspect_codes"] = ("VARCHAR[]", "Row rules that flag the row without rejecting it.")
    columns["assumed_columns"] = ("VARCHAR[]", "Columns filled from the source profile's defaults.")
    columns["feed_source"] = ("VARCHAR", "Source profile the file was read with.")
    columns["snapshot_sha256"] = ("VARCHAR", "SHA-256 of the file as it came.")
    columns["line"] = ("BIGINT", "Physical line of the file.")
    columns["load_no"] = ("INTEGER", "Running number of the load that brought the row.")
    columns["ended_load_no"] = ("INTEGER", "Load that brought the version after this one; NULL for the newest.")
    columns["outcome"] = ("VARCHAR", "accepted, superseded, voided or pending.")
    return columns


def comment(con: duckdb.DuckDBPyConnection, table: str, description: str, columns: dict[str, str]) -> None:
    """Write the comments of a table and its columns (they cannot be bound, so they are quoted)."""
    con.execute(f"COMMENT ON TABLE {table} IS {quoted(description)}")
    for name, text in columns.items():
        con.execute(f'COMMENT ON COLUMN {table}."{name}" IS {quoted(text)}')
