"""The one warehouse file: who may write, how it is opened, and its fixed tables."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import catalog, contracts, durable, ledger, storage, versions
from pipelines.errors import BusyError, MachineError
from pipelines.literal import quoted
from pipelines.settings import ROOT, TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("store", "raw", "meta", "reference", "staging", "mart", "policy", "report", "public")


@contextmanager
def writer(settings: Settings, *, wait_s: float = 30) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the only writing connection; everyone else reads the published editions.

    Before and after, the ledger beside the snapshots gets the loads it does not tell of yet.

    Raises:
        BusyError: another writer holds it longer than `wait_s` seconds; says since when and who.
        OutdatedError: an earlier version made the warehouse and it cannot be altered: `sandwatch migrate`.
        MachineError: the warehouse cannot be opened or written: no room, not allowed, damaged.
    """
    import duckdb

    with locked(settings, wait_s=wait_s):
        con = _open(settings)
        try:
            ledger.append(settings, con)
            yield con
            ledger.append(settings, con)
        except duckdb.Error as error:
            cause = _disk_error(error)
            if cause is None:
                raise
            raise MachineError(
                f"{settings.warehouse} could not be written ({_first_line(cause)};"
                f" {durable.size_text(durable.free_bytes(settings.home))} are free there). What was committed before"
                " stands and the editions stay. Make room or mend the disk, then run the same command again"
            ) from error
        finally:
            con.close()


@contextmanager
def locked(settings: Settings, *, wait_s: float = 30) -> Iterator[None]:
    """Keep every other writer out, without opening the warehouse.

    Our own lock file guards it, because DuckDB's lock is lost as soon as the owning process reads the file.

    Raises:
        BusyError: another writer holds it longer than `wait_s` seconds; says since when and who.
        MachineError: the home folder may not be written.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        lock = lock_path(settings).open("a+", encoding="utf-8")
    except OSError as error:
        raise durable.machine_error(error, settings.home) from error
    with lock:
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
        now = dt.datetime.now(dt.UTC).astimezone().isoformat(timespec="seconds")
        with contextlib.suppress(OSError):  # a courtesy to who waits: on a full disk the lock holds all the same
            lock.seek(0)
            lock.truncate()
            lock.write(f"process {os.getpid()} since {now}")
            lock.flush()
        yield


def lock_path(settings: Settings) -> Path:
    """Return the file whose lock the writer holds; the kernel frees it when the process ends, however it ends."""
    return settings.home / ".writer.lock"


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a warehouse file for writing as it is, without looking at its tables; the caller holds the lock.

    Raises:
        BusyError: a program of another kind has it open.
        MachineError: it cannot be opened.
    """
    import duckdb

    try:
        con = duckdb.connect(str(path))
    except duckdb.Error as error:
        reason = _first_line(error)
        if "Conflicting lock" in str(error):
            raise BusyError(
                f"{path} is open in another program, not one of ours ({reason}). Close it there and try again; to"
                " look at data use `sandwatch sql`, which reads the published editions"
            ) from error
        if isinstance(error, duckdb.IOException) and (path.exists() or not path.parent.exists()):
            advice = (
                "Look who may write it, whether there is room, and whether a newer DuckDB wrote it, then try again"
            )
        else:
            advice = "Restore it from a backup (`sandwatch restore`)"
        raise MachineError(
            f"{path} cannot be opened ({reason}). {advice}; or make it anew from the snapshots with"
            " `sandwatch rebuild`: nothing is lost that is in snapshots/"
        ) from error
    configure(con)
    return con


def _open(settings: Settings) -> duckdb.DuckDBPyConnection:
    import duckdb

    con = connect(settings.warehouse)
    try:
        prepare(con)
    except BaseException as error:
        con.close()
        if isinstance(error, duckdb.IOException):
            raise MachineError(
                f"{settings.warehouse} cannot be prepared ({_first_line(error)}). Make room or mend the disk, then"
                " run the same command again"
            ) from error
        raise
    return con


def _disk_error(error: BaseException | None) -> BaseException | None:
    """Return what the disk said, also where a rollback that had nothing left to roll back came after it."""
    import duckdb

    while error is not None:
        is_io = isinstance(error, duckdb.IOException | duckdb.FatalException)
        if is_io or durable.disk_trouble(error, Path()):  # a commit that finds no room is called by another name
            return error
        error = error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def configure(con: duckdb.DuckDBPyConnection) -> None:
    """Set what every connection of ours agrees on."""
    con.execute(f"SET TimeZone = '{TIME_ZONE}'")
    con.execute("SET enable_progress_bar = false")


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas, the meta tables, the raw tables and the reference tables, or bring them up to their files.

    A warehouse that these files prepared before is left as it is; one that cannot be brought up is left unchanged.

    Raises:
        OutdatedError: an earlier version made it and its rows cannot be altered.
    """
    for schema in SCHEMAS:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    fingerprint = _fingerprint()
    con.execute("CREATE TABLE IF NOT EXISTS meta.prepared (fingerprint VARCHAR)")
    if con.execute("FROM meta.prepared").fetchall() == [(fingerprint,)]:
        return
    con.begin()
    try:
        _prepare_tables(con)
        con.execute("DELETE FROM meta.prepared")
        con.execute(f"INSERT INTO meta.prepared VALUES ('{fingerprint}')")
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _prepare_tables(con: duckdb.DuckDBPyConnection) -> None:
    for table in catalog.meta_tables().values():
        versions.bring_up(con, table)
        comment(con, table.name, table.description, table.columns)
    for contract in contracts.contracts().values():
        columns = raw_columns(contract)
        storage.prepare(con, contract, {name: kind for name, (kind, _) in columns.items()})
        texts = {name: text for name, (_, text) in columns.items()}
        comment(con, f"raw.{contract.feed}", contract.text, texts, kind=storage.comment_target(contract))
    for reference in catalog.references().values():
        con.execute(
            f"CREATE OR REPLACE TABLE reference.{reference.name} AS SELECT * FROM"
            " read_csv(?, header = true, columns = ?)",
            [str(reference.path), reference.types],
        )
        comment(con, f"reference.{reference.name}", reference.description, reference.columns)
    _write_feeds(con)
    comment(con, "meta.prepared", "Which contracts and fixed tables this warehouse was prepared for.", {
        "fingerprint": "SHA-256 over expectations/raw, sql/meta, sql/reference and the preparing modules",
    })  # fmt: skip


def _write_feeds(con: duckdb.DuckDBPyConnection) -> None:
    """Write what the contracts agree on with those who send: figures have their home there, SQL reads them here."""
    con.execute(
        "CREATE OR REPLACE TABLE reference.feed (feed VARCHAR, owner VARCHAR, who_fixes VARCHAR, cadence VARCHAR,"
        " max_age_days INTEGER)"
    )
    for feed in contracts.contracts().values():
        con.execute(
            "INSERT INTO reference.feed VALUES (?, ?, ?, ?, ?)",
            [feed.feed, feed.owner, feed.who_fixes, feed.cadence, feed.max_age_days],
        )
    comment(con, "reference.feed", "Feeds as their contracts agree on them (expectations/raw).", {
        "feed": "feed", "owner": "who owns it", "who_fixes": "who repairs what is wrong with it",
        "cadence": "how often it comes", "max_age_days": "expected days that may go by without a row at that cadence",
    })  # fmt: skip


def _fingerprint() -> str:
    folders = (ROOT / "expectations" / "raw", ROOT / "sql" / "meta", ROOT / "sql" / "reference")
    digest = hashlib.sha256()
    for module in (__file__, storage.__file__, versions.__file__):
        digest.update(Path(module).read_bytes())
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
    columns["correction_ids"] = ("VARCHAR[]", "Corrections that changed the row (expectations/corrections).")
    columns["feed_source"] = ("VARCHAR", "Source profile the file was read with.")
    columns["snapshot_sha256"] = ("VARCHAR", "SHA-256 of the file as it came.")
    columns["line"] = ("BIGINT", "Physical line of the file.")
    columns["load_no"] = ("INTEGER", "Running number of the load that brought the row.")
    columns["ended_load_no"] = ("INTEGER", "Load that brought the version after this one; NULL for the newest.")
    columns["outcome"] = ("VARCHAR", "accepted, superseded, voided or pending.")
    return columns


def comment(
    con: duckdb.DuckDBPyConnection, table: str, description: str, columns: dict[str, str], kind: str = "TABLE"
) -> None:
    """Write the comments of a table or view and its columns (they cannot be bound, so they are quoted)."""
    con.execute(f"COMMENT ON {kind} {table} IS {quoted(description)}")
    for name, text in columns.items():
        con.execute(f'COMMENT ON COLUMN {table}."{name}" IS {quoted(text)}')
