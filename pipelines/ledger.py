"""The ledger of loads beside the snapshots: with it they alone can rebuild the whole warehouse.

`snapshots/ledger.jsonl` has one JSON line a load, in the order of load numbers, appended and synced after the
commit. A crash in between is healed by the next writer: what `meta.load_account` holds beyond the ledger is
appended then. A line that was torn by a power cut is cut off first.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import durable
from pipelines.errors import MachineError
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class Entry:
    """One load: which snapshot came in under which name, feed and source, as which number, and when (UTC)."""

    load_no: int
    feed: str
    source: str
    sha256: str
    file_name: str
    loaded_at: str


def path_of(settings: Settings) -> Path:
    """Return where the ledger lies."""
    return settings.snapshots / "ledger.jsonl"


def read(settings: Settings) -> list[Entry]:
    """Return all entries in the order of their load numbers; a torn last line is left out.

    Raises:
        MachineError: a line in the middle cannot be read, or the numbers do not rise.
    """
    path = path_of(settings)
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    entries: list[Entry] = []
    for number, line in enumerate(lines[:-1], 1):
        entry = _entry(line)
        if entry is None or (entries and entry.load_no <= entries[-1].load_no):
            raise _damaged(path, f"line {number}")
        entries.append(entry)
    return entries


def last(settings: Settings) -> Entry | None:
    """Return the newest entry, without reading the others."""
    return _last(path_of(settings))


def append(settings: Settings, con: duckdb.DuckDBPyConnection) -> int:
    """Append the loads that the warehouse holds beyond the ledger and return how many; cheap when there are none.

    To be called by whoever holds the writer's lock, outside a transaction. Where the ledger tells of another
    warehouse (it was deleted or put back, then loaded into), it is kept aside and begun anew.

    Raises:
        MachineError: the ledger cannot be written. The loads are committed all the same and are appended later.
    """
    path = path_of(settings)
    try:
        newest_told = _last(path)
        known = con.execute("SELECT max(load_no) FROM meta.load_account").fetchone()
        newest = known[0] if known else None
        if newest is None or (newest_told and newest == newest_told.load_no and _holds(con, newest_told)):
            return 0
        if newest_told and not _holds(con, newest_told):
            if _is_prefix(con, path, newest):
                return 0  # an older copy of the warehouse was put back and nothing was loaded since
            _put_aside(path, newest_told)
            newest_told = None
        return _write(path, _beyond(con, newest_told.load_no if newest_told else 0))
    except OSError as error:
        raise MachineError(
            f"what was loaded stands; only the ledger beside the snapshots could not be written, which the next run"
            f" makes up for. {durable.machine_error(error, path)}"
        ) from error


def lacks(settings: Settings, con: duckdb.DuckDBPyConnection) -> list[Entry]:
    """Return the loads of the ledger that the warehouse does not have."""
    there = set(con.execute("SELECT load_no, feed, snapshot_sha256 FROM meta.load_account").fetchall())
    return [entry for entry in read(settings) if (entry.load_no, entry.feed, entry.sha256) not in there]


def snapshot_of(settings: Settings, entry: Entry) -> Path:
    """Return where an entry's snapshot lies, or should lie."""
    suffix = Path(entry.file_name).suffix.lower()
    return settings.snapshots / entry.sha256[:2] / f"{entry.sha256}{suffix}"


def _damaged(path: Path, where: str) -> MachineError:
    return MachineError(
        f"{path}: {where} is damaged. Move the file away and run any verb that loads or builds: it is written anew"
        " from the warehouse; or restore it from a backup"
    )


def _entry(line: bytes) -> Entry | None:
    try:
        return Entry(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _last(path: Path) -> Entry | None:
    """Return the last whole entry and cut off what a crash left behind it."""
    if not path.exists():
        return None
    with path.open("r+b") as ledger:
        size = ledger.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES)
        ledger.seek(start)
        tail = ledger.read(size - start)
        end = len(tail)
        while (cut := tail.rfind(b"\n", 0, end)) >= 0:
            # Blocks that never reached the disk read as NULs: a whole line may be rubbish too.
            if entry := _entry(tail[tail.rfind(b"\n", 0, cut) + 1 : cut]):
                if start + cut + 1 < size:
                    ledger.truncate(start + cut + 1)
                return entry
            end = cut
        if start:
            raise _damaged(path, "its end")
        ledger.truncate(0)
    return None


def _holds(con: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    row = con.execute(
        "SELECT 1 FROM meta.load_account WHERE load_no = ? AND feed = ? AND snapshot_sha256 = ?",
        [entry.load_no, entry.feed, entry.sha256],
    ).fetchone()
    return row is not None


def _is_prefix(con: duckdb.DuckDBPyConnection, path: Path, newest: int) -> bool:
    """Whether the ledger tells of all that the warehouse holds, and then of more."""
    told = {
        (entry.load_no, entry.feed, entry.sha256)
        for entry in map(_entry, path.read_bytes().split(b"\n"))
        if entry and entry.load_no <= newest
    }
    return told == set(con.execute("SELECT load_no, feed, snapshot_sha256 FROM meta.load_account").fetchall())


def _put_aside(path: Path, last: Entry) -> None:
    digest = durable.sha256_of(path)[:8]
    path.replace(path.with_name(f"ledger-until-{last.load_no}-{digest}.jsonl"))


def _beyond(con: duckdb.DuckDBPyConnection, load_no: int) -> list[Entry]:
    rows = con.execute(
        "SELECT load_no, feed, source, snapshot_sha256, file_name, loaded_at FROM meta.load_account"
        " WHERE load_no > ? ORDER BY load_no",
        [load_no],
    ).fetchall()
    return [
        Entry(load_no, feed, source, sha256, file_name, loaded_at.astimezone(dt.UTC).isoformat())
        for load_no, feed, source, sha256, file_name, loaded_at in rows
    ]


def _write(path: Path, entries: list[Entry]) -> int:
    if entries:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as ledger:
            text = "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries)
            ledger.write(text.encode("utf-8"))
            ledger.flush()
            os.fsync(ledger.fileno())
        durable.sync_folder(path.parent)
    return len(entries)
