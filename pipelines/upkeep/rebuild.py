"""The whole warehouse made anew from the snapshots and their ledger, as if it had never been lost."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import durable, ledger, run, versions, warehouse
from pipelines.errors import MachineError
from pipelines.feeds import ingest
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.ledger import Entry
from pipelines.rules import vintage_log
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

SCRATCH = ".rebuild"


@dataclass
class Rebuilt:
    """What a rebuild did: loads replayed, what is refused by today's contracts, where the old file lies now."""

    loads: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)
    old_file: Path | None = None


def rebuild(settings: Settings, say: Callable[[str], None] = lambda _: None, *, only_load: bool = False) -> Rebuilt:
    """Read every snapshot again in the order of the ledger into a new warehouse, build and judge it, swap it in.

    With `only_load` building and judging are left to the next run.

    Load numbers and load times are the original ones, and what was loaded together is loaded together again. Scores
    that were given come back as they were given, whatever today's rules say. The old file is kept beside the new
    one. Readers see nothing of it until the next publish.

    Raises:
        MachineError: a snapshot is missing or altered, or there is no ledger; the old warehouse stays as it is.
        BusyError: a writer is at work.
    """
    with warehouse.locked(settings):
        _heal_ledger(settings, say)
        entries = ledger.read(settings)
        if not entries:
            raise MachineError(
                f"{ledger.path_of(settings)}: no load is written there, so there is nothing to rebuild from. Restore"
                " a backup (`sandwatch restore DIR`), or load the senders' files again (`sandwatch ingest FEED`)"
            )
        _require_snapshots(settings, entries)
        home = settings.home / SCRATCH
        shutil.rmtree(home, ignore_errors=True)
        try:
            scratch = _scratch(settings, home)
            result = Rebuilt(len(entries))
            for batch in _batches(entries):
                say(f"load {batch[0].load_no} of {entries[-1].load_no}: {batch[0].feed}, {len(batch)} files")
                result.refused += _replay(settings, scratch, batch)
            with warehouse.writer(scratch) as con:
                _restore_times(con, entries)
                _require_same_numbers(con, entries, len(result.refused))
            if not only_load:
                say("build and judge")
                run.build(scratch)
                run.judge(scratch)
            with warehouse.writer(scratch) as con:
                con.execute("CHECKPOINT")
            result.old_file = _swap_in(settings, scratch)
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return result


def _heal_ledger(settings: Settings, say: Callable[[str], None]) -> None:
    """Let the old warehouse tell what the ledger lacks, where it still opens; this also replays its .wal."""
    if not settings.warehouse.exists():
        return
    import duckdb

    try:
        con = warehouse.connect(settings.warehouse)
    except MachineError as error:
        say(f"the old warehouse is not asked: {error}")
        return
    try:
        ledger.append(settings, con)
        vintage_log.settle(settings, con)
        con.execute("CHECKPOINT")
    except duckdb.Error as error:
        say(f"the old warehouse is not asked: {error}")
    finally:
        con.close()


def _require_snapshots(settings: Settings, entries: list[Entry]) -> None:
    bad = []
    for entry in entries:
        path = ledger.snapshot_of(settings, entry)
        if not path.exists():
            bad.append(f"load {entry.load_no} {entry.feed}/{entry.file_name}: {path} is missing")
        elif durable.sha256_of(path) != entry.sha256:
            bad.append(f"load {entry.load_no} {entry.feed}/{entry.file_name}: {path} is altered")
    if bad:
        raise MachineError(
            f"{len(bad)} of {len(entries)} snapshots cannot be read again, so nothing was rebuilt:"
            f" {'; '.join(bad[:5])}. Put them back from a backup, or ask the sender for the very same file"
            " and copy it there"
        )


def _scratch(settings: Settings, home: Path) -> Settings:
    """A home of its own for the time of the rebuild, that reads the same snapshots and tells nobody anything."""
    (home / "snapshots").mkdir(parents=True)
    for folder in settings.snapshots.iterdir():
        if folder.name == vintage_log.FOLDER:  # a copy: what is judged anew belongs to the old home once swapped in
            shutil.copytree(folder, home / "snapshots" / folder.name)
        elif folder.is_dir():
            (home / "snapshots" / folder.name).symlink_to(folder)
    return dataclasses.replace(settings, home=home, notify_urls=())


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """What was loaded together: files of one feed with one load time."""
    for _, batch in groupby(entries, key=lambda entry: (entry.feed, entry.loaded_at)):
        yield list(batch)


def _replay(settings: Settings, scratch: Settings, batch: list[Entry]) -> list[dict[str, str]]:
    """Load a batch again and return what is refused now; the files after a refused one keep their numbers."""
    feed, folder = batch[0].feed, scratch.home / "files"
    parsed: list[tuple[int, ParsedFile]] = []
    refused = []
    for entry in batch:
        # Under its own name: a link, so that nothing is copied.
        link = folder / str(entry.load_no) / entry.file_name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ledger.snapshot_of(settings, entry))
        file, refusal = ingest.parse_or_refuse(scratch, feed, link, entry.source)
        if file:
            parsed.append((entry.load_no, file))
        if refusal:
            refused.append(refusal)
    # Numbers that follow each other differ from their place in the list by one and the same.
    for _, group in groupby(enumerate(parsed), key=lambda item: item[1][0] - item[0]):
        numbered = [item[1] for item in group]
        first = numbered[0][0]
        if refused or first != batch[0].load_no or _has_gap(scratch, first):
            with warehouse.writer(scratch) as con:
                _count_up_to(con, first - 1)
        ingest.load_parsed(scratch, ingest.IngestResult(feed), [file for _, file in numbered])
    shutil.rmtree(folder)
    return refused


def _has_gap(scratch: Settings, load_no: int) -> bool:
    """Whether the load before this one is not there; told by the scratch ledger, which costs no connection."""
    told = ledger.last(scratch)
    return (told.load_no if told else 0) != load_no - 1


def _count_up_to(con: duckdb.DuckDBPyConnection, load_no: int) -> None:
    """Let the next load get the number after this one, where numbers before it are not used (a refused file)."""
    row = con.execute("SELECT coalesce(max(load_no), 0) FROM meta.load_account").fetchone()
    if row and row[0] < load_no:
        columns = versions.columns(con, "meta.load_account")
        given = {"load_no": str(load_no), "loaded_at": "now()"}
        named = {
            name: given.get(name, versions.neutral_value(kind)) for name, kind, is_needed, _ in columns if is_needed
        }
        listed = ", ".join(f"{value} AS {name}" for name, value in named.items())
        con.execute(f"INSERT INTO meta.load_account BY NAME SELECT {listed}")


def _require_same_numbers(con: duckdb.DuckDBPyConnection, entries: list[Entry], refused_count: int) -> None:
    con.execute("DELETE FROM meta.load_account WHERE feed = ''")  # what kept a number free
    told = {(entry.load_no, entry.feed, entry.sha256) for entry in entries}
    found = set(con.execute("SELECT load_no, feed, snapshot_sha256 FROM meta.load_account").fetchall())
    if found - told or len(found) != len(told) - refused_count:
        raise MachineError(
            f"{len(found)} of {len(told)} loads came back, {len(found - told)} of them under another number, and"
            f" {refused_count} were refused: this is an error of ours. The old warehouse stays as it is"
        )


def _restore_times(con: duckdb.DuckDBPyConnection, entries: list[Entry]) -> None:
    con.execute("CREATE TEMP TABLE told (load_no INTEGER, loaded_at TIMESTAMPTZ)")
    con.executemany("INSERT INTO told VALUES (?, ?)", [[entry.load_no, entry.loaded_at] for entry in entries])
    con.execute(
        "UPDATE meta.load_account AS account SET loaded_at = told.loaded_at FROM told"
        " WHERE account.load_no = told.load_no"
    )


def _swap_in(settings: Settings, scratch: Settings) -> Path | None:
    fresh, old = scratch.warehouse, settings.warehouse
    if wal_of(fresh).exists():
        raise MachineError(
            f"{fresh} still has a write-ahead file after its checkpoint; run `sandwatch rebuild` again"
        )
    with fresh.open("rb") as handle:  # closed in this process by now, so reading it drops no lock
        os.fsync(handle.fileno())
    aside = None
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    if old.exists():
        aside = old.with_name(f"{old.name}.before-{stamp}")
        os.link(old, aside)
    if wal_of(old).exists():  # of a warehouse that does not open: it must not be replayed into the new one
        wal_of(old).replace(old.with_name(f"{old.name}.before-{stamp}.wal"))
    fresh.replace(old)
    durable.sync_folder(settings.home)
    return aside


def wal_of(path: Path) -> Path:
    """Return where DuckDB keeps what is not yet in a warehouse file."""
    return path.with_name(f"{path.name}.wal")
