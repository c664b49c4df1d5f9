"""The vintages of the price scores beside the snapshots: with them a rebuilt warehouse says what the old one said.

`snapshots/vintages/000001.jsonl` holds one vintage: a line with its head, then a line a score. A file is written
once, after the commit; what a crash left out the next judging makes up for. Scores are read back and never made
again, because today's rules may score otherwise than those of then.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import durable
from pipelines.building import changes, tables
from pipelines.errors import MachineError
from pipelines.rules import vintages
from pipelines.rules.vintages import Key, Vintage
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

FOLDER = "vintages"


def folder_of(settings: Settings) -> Path:
    """Return where the vintages lie."""
    return settings.snapshots / FOLDER


def settle(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Bring the warehouse and the files to the same vintages: each gets those that only the other one has.

    To be called by whoever holds the writer's lock, outside a transaction. Files that tell of another warehouse (it
    was deleted or put back, then loaded into) are kept aside, and begun anew.

    Raises:
        MachineError: a file is damaged, or cannot be written. What the warehouse holds is committed all the same.
    """
    if not changes.is_there(con, vintages.TABLE):
        return  # of a version that knew no vintages
    known = {vintage.vintage_no: vintage for vintage in vintages.all_vintages(con)}
    files = {int(path.stem): path for path in folder_of(settings).glob("[0-9]*.jsonl")}
    if files and not _is_of_this(con, known, files):
        _put_aside(settings, files)
        files = {}
    for number in sorted(files.keys() - known.keys()):
        _take_in(con, files[number])
    for number in sorted(known.keys() - files.keys()):
        _write(settings, known[number], vintages.rows_of(con, number))


def _is_of_this(con: duckdb.DuckDBPyConnection, known: dict[int, Vintage], files: dict[int, Path]) -> bool:
    common = known.keys() & files.keys()
    if common:
        newest = max(common)
        if _head(files[newest]).digest != known[newest].digest:
            return False
    loads = dict(con.execute("SELECT load_no, snapshot_sha256 FROM meta.load_account").fetchall())
    heads = [_head(files[number]) for number in sorted(files.keys() - known.keys())]
    # A load that is not there was refused when the warehouse was made anew; it is no other one.
    return all(loads.get(head.load_no, head.snapshot_sha256) == head.snapshot_sha256 for head in heads)


def _take_in(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    head, rows = _read(path)
    before = vintages.newest(con)
    is_next = head.vintage_no == (before.vintage_no if before else 0) + 1
    if not is_next or vintages.digest_of(head, rows, before.digest if before else "") != head.digest:
        raise _damaged(path)
    with tables.transaction(con):
        vintages.insert(con, head, rows)


def _head(path: Path) -> Vintage:
    with path.open(encoding="utf-8") as lines:
        return _vintage(path, lines.readline())


def _read(path: Path) -> tuple[Vintage, dict[Key, str | None]]:
    head, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows: dict[Key, str | None] = {}
    try:
        for *key, week_start, content in map(json.loads, lines):
            rows[*key, dt.date.fromisoformat(week_start)] = content
    except (ValueError, TypeError) as error:
        raise _damaged(path) from error
    return _vintage(path, head), rows


def _vintage(path: Path, line: str) -> Vintage:
    try:
        said = json.loads(line)
        return Vintage(**{**said, "judged_at": dt.datetime.fromisoformat(said["judged_at"])})
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> MachineError:
    return MachineError(
        f"{path} is damaged: it is not the vintage that was written. Restore it from a backup; or, where the"
        " warehouse is whole, move it away and run `sandwatch judge`, which writes it anew from there"
    )


def _write(settings: Settings, vintage: Vintage, rows: dict[Key, str | None]) -> None:
    folder = folder_of(settings)
    head = asdict(vintage) | {"judged_at": vintage.judged_at.astimezone(dt.UTC).isoformat()}
    parts = [head, *([*key[:-1], key[-1].isoformat(), content] for key, content in rows.items())]
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            durable.sync_folder(folder.parent)
    except OSError as error:
        raise durable.machine_error(error, folder) from error
    text = "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in parts)
    durable.write_text(folder / f"{vintage.vintage_no:06d}.jsonl", text)


def _put_aside(settings: Settings, files: dict[int, Path]) -> None:
    last = max(files)
    digest = durable.sha256_of(files[last])[:8]
    folder_of(settings).replace(settings.snapshots / f"vintages-until-{last}-{digest}")
