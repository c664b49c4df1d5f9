"""Published editions: read-only copies of chosen tables, swapped in whole so no reader sees half a build.

A build is a new file under a new name; people and programs follow the pointer `editions/<name>.duckdb`. A
published file is never written again while anyone can read it: that is what lets any number of readers stay
open while the next build runs. Only the oldest kept one, once no pointer leads to it and no reader holds it,
is taken out of its name and brought up to date instead of being deleted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import MachineError, WrongCallError

if TYPE_CHECKING:
    import duckdb

    from pipelines.publishing.base import Base
    from pipelines.publishing.edition_file import View
    from pipelines.settings import Settings

# The regulator edition holds plates: its group may read it, the world may not.
MODES = {"regulator": 0o440, "public": 0o444}
KEPT_VERSIONS = 3
_BUILDING = ".building-"


def publish(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: Mapping[str, Sequence[str]],
    *,
    views: Mapping[str, Sequence[View]] | None = None,
    data_through: date | None = None,
) -> dict[str, Path]:
    """Publish both editions from the committed state of the warehouse and return their files by name.

    Args:
        con: the writer's connection; the caller holds the writer's lock, so both editions are one state.
        settings: where the editions live.
        tables: qualified table names of each edition, both editions named.
        views: views of each edition, in the order they build on each other.
        data_through: the last day the data speaks of; written to `published.json`.

    Raises:
        WrongCallError: an edition or a table is named that does not exist.
        MachineError: a write-ahead file lies beside an edition, or the copy cannot be written. What was
            published before stays as it is.
    """
    if set(tables) != set(MODES):
        raise WrongCallError(f"editions given: {sorted(tables)}; publish takes exactly {sorted(MODES)}")
    import duckdb

    from pipelines.publishing import base

    folder = settings.editions
    folder.mkdir(parents=True, exist_ok=True)
    with _writable(folder):
        _remove_unfinished(folder)
        _refuse_stray_wal(folder)
        build = _next_build(folder)
        try:
            unfinished = {}
            free_shares = {}
            for name in MODES:
                unfinished[name], free_shares[name] = _write(
                    con, folder, name, build, tables[name], (views or {}).get(name, ())
                )
            published = _swap(folder, build, unfinished)
        except (duckdb.Error, OSError) as error:
            _remove_unfinished(folder)
            raise MachineError(
                f"build {build} of the editions could not be published: {_first_line(error)}. "
                "The editions published before stay in use; repair the cause and run `sandwatch publish`"
            ) from error
        except BaseException:
            _remove_unfinished(folder)
            raise
        for name, path in published.items():
            base.note(con, name, path, tables[name], (views or {}).get(name, ()), free_shares[name])
        _write_account(folder, build, tables, views or {}, data_through)
        _prune(folder)
        _sync(folder)
    return published


def current(settings: Settings, name: str) -> Path:
    """Return the file the pointer of an edition leads to now.

    Connect by this path and never by the pointer: while a process holds any connection to a path, DuckDB
    gives it the file it opened first, so after a swap the pointer's name would still show the old build.

    Raises:
        WrongCallError: no such edition, or none published yet.
        MachineError: the pointer leads nowhere, or a write-ahead file lies beside the edition.
    """
    if name not in MODES:
        raise WrongCallError(f"there is no edition {name!r}; it takes {' or '.join(MODES)}")
    pointer = _pointer(settings.editions, name)
    if not pointer.is_symlink() and not pointer.exists():
        raise WrongCallError(
            f"no {name} edition is published yet: run `sandwatch run` (or `sandwatch publish` after a build)"
        )
    path = pointer.resolve()
    if not path.is_file():
        raise MachineError(
            f"the pointer of the {name} edition leads to {path.name}, which is gone: run `sandwatch publish`"
        )
    # DuckDB replays a .wal it finds beside a file, on a read-only connection too: whoever can leave one
    # there decides what the next reader sees.
    for wal in (_beside(path), _beside(pointer)):
        if wal.exists():
            raise _stray_wal(wal)
    return path


def build_of(path: Path) -> int | None:
    """Return the build number in the name of an edition's file, None where it carries none."""
    match = re.fullmatch(r".+-(\d+)\.duckdb", path.name)
    return int(match[1]) if match else None


def _write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    build: int,
    tables: Sequence[str],
    views: Sequence[View],
) -> tuple[Path, float]:
    """Write one edition under a name nobody follows yet, to the disk and closed to writing; and its free share.

    It starts from an earlier file where that is the very one that was published.
    """
    from pipelines.publishing import edition_file

    path = folder / f"{_BUILDING}{name}-{build}.duckdb"
    free_share = edition_file.write(con, path, tables, views, _base(con, folder, name, path, tables, views))
    if _beside(path).exists():
        raise MachineError(f"{path.name} still has a write-ahead file after its checkpoint: publish again")
    path.chmod(MODES[name])
    _sync(path)
    return path, free_share


def _base(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    path: Path,
    tables: Sequence[str],
    views: Sequence[View],
) -> Base | None:
    """Return the file to start from: the one that would be deleted, moved to the new path, or the last one."""
    from pipelines.publishing import base

    versions = _versions(folder, name)
    current = _pointer(folder, name).resolve()
    oldest = versions[min(versions)] if len(versions) >= KEPT_VERSIONS else None
    if oldest and oldest != current:
        retired = base.find(con, oldest, name, tables, views, is_retired=True)
        if retired and base.take(oldest, path):
            return retired
    return base.find(con, current, name, tables, views)


def _swap(folder: Path, build: int, unfinished: Mapping[str, Path]) -> dict[str, Path]:
    """Give the files their names and turn the pointers, back to back."""
    published = {name: folder / f"{name}-{build}.duckdb" for name in unfinished}
    for name, path in unfinished.items():
        path.replace(published[name])
    _sync(folder)  # the files are there before a pointer says so
    fresh = {name: folder / f"{_BUILDING}{name}.pointer" for name in published}
    for name, pointer in fresh.items():
        pointer.symlink_to(published[name].name)  # relative: the home folder may be moved
    for name, pointer in fresh.items():
        pointer.replace(_pointer(folder, name))
    _sync(folder)
    return published


def _write_account(
    folder: Path,
    build: int,
    tables: Mapping[str, Sequence[str]],
    views: Mapping[str, Sequence[View]],
    data_through: date | None,
) -> None:
    """Write what is published to `published.json`, for people and for the page that shows the data's date."""
    account = {
        "build": build,
        "data_through": data_through.isoformat() if data_through else None,
        "editions": {
            name: {
                "file": f"{name}-{build}.duckdb",
                "tables": list(tables[name]),
                "views": [view.name for view in views.get(name, ())],
            }
            for name in MODES
        },
    }
    fresh = folder / f"{_BUILDING}published.json"
    fresh.write_text(json.dumps(account, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _sync(fresh)
    fresh.replace(folder / "published.json")


def _versions(folder: Path, name: str) -> dict[int, Path]:
    found = {build_of(path): path for path in folder.glob(f"{name}-*.duckdb")}
    return {build: path for build, path in found.items() if build is not None}


def _next_build(folder: Path) -> int:
    """Return a number above every file that lies there: also one left by a crash before its swap."""
    return max((build for name in MODES for build in _versions(folder, name)), default=0) + 1


def _prune(folder: Path) -> None:
    """Delete all but the newest versions; a reader that still has one open keeps it until it closes."""
    for name in MODES:
        versions = _versions(folder, name)
        for build in sorted(versions)[:-KEPT_VERSIONS]:
            versions[build].unlink()


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob(f"{_BUILDING}*"):
        path.unlink()


def _refuse_stray_wal(folder: Path) -> None:
    for wal in sorted(folder.glob("*.wal*")):
        raise _stray_wal(wal)


def _stray_wal(wal: Path) -> MachineError:
    return MachineError(
        f"{wal.name} lies in the editions folder: an edition is never written in place, so this file is not "
        "ours, and DuckDB would replay it into what readers see. Find out who put it there, move it away, "
        "then run `sandwatch publish`"
    )


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Open the folder for the time of a publish; otherwise it is closed.

    A reader of the same account that opens an edition with a client of its own can then not leave a .wal
    beside it.
    """
    folder.chmod(0o755)
    try:
        yield
    finally:
        folder.chmod(0o555)


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk; only after DETACH, since closing the live file drops its lock."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pointer(folder: Path, name: str) -> Path:
    return folder / f"{name}.duckdb"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
