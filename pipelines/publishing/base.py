"""The file a new edition may start from, one published before, and what changed in each table since."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.building import changes, state, tables
from pipelines.building.weeks import Weeks
from pipelines.publishing import regulator_macros

if TYPE_CHECKING:
    import duckdb

    from pipelines.publishing.edition_file import View

# A file of which more than this share lies free is written anew: it would stay as large as it ever was.
MOST_FREE_SHARE = 1 / 3
NOTES = "meta.published_edition"


@dataclass(frozen=True)
class Base:
    """An edition's earlier file; `changed` gives the weeks of each table that changed since, None all of it.

    `periods` gives the column that tells a row's week, for tables of which only weeks are exchanged. A retired file
    is one no pointer leads to and that would be deleted: it may be written, if nobody reads it (`take`). A copy of
    another costs as much as its history is long.
    """

    path: Path
    is_retired: bool
    changed: Mapping[str, Weeks]
    periods: Mapping[str, str]


def find(
    con: duckdb.DuckDBPyConnection,
    path: Path | None,
    name: str,
    names: Sequence[str],
    views: Sequence[View],
    *,
    is_retired: bool = False,
) -> Base | None:
    """Return a file as what a new edition may start from, or None where it may not.

    It may not where it is not the very file that was written (size and time of writing tell), where tables, views,
    macros or fixed tables were others, or where too much of it lies free.

    Args:
        con: the writer's connection.
        path: the file the pointer of the edition leads to, or a retired one.
        name: regulator or public.
        names: qualified tables of the new edition.
        views: its views.
        is_retired: whether no pointer leads to the file any more.
    """
    if path is None or not changes.is_there(con, NOTES) or not path.is_file():
        return None
    row = con.execute(
        f"SELECT byte_count, modified_ns, step_no, fingerprint, free_share FROM {NOTES}"
        " WHERE edition = ? AND file_name = ?",
        [name, path.name],
    ).fetchone()
    if row is None:
        return None
    byte_count, modified_ns, step_no, fingerprint, free_share = row
    found = path.stat()
    if (found.st_size, found.st_mtime_ns) != (byte_count, modified_ns):
        return None
    if fingerprint != _fingerprint(con, names, views) or free_share > MOST_FREE_SHARE:
        return None
    periods = {table: period for table in names if (period := tables.period_of(table))}
    changed = {table: state.changed_since(con, table, step_no) for table in names}
    return Base(path, is_retired, changed, periods)


def take(path: Path, target: Path) -> bool:
    """Move a retired file to where it may be written; return whether nobody reads it, else leave it in place.

    Moved first, it cannot be opened by its name any more. DuckDB locks what it reads; a reader in this process would
    not stand in the way of our own lock, so the files this process has open are looked at too.
    """
    mode = path.stat().st_mode & 0o777
    path.rename(target)
    target.chmod(0o640)
    if _is_idle(target):
        return True
    target.chmod(mode)
    target.rename(path)
    return False


def _is_idle(path: Path) -> bool:
    own = path.stat()
    try:
        handles = list(Path("/proc/self/fd").iterdir())
    except OSError:  # no way to tell: nobody's file is written
        return False
    for handle in handles:
        with contextlib.suppress(OSError):
            if os.path.samestat(handle.stat(), own):
                return False
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def note(
    con: duckdb.DuckDBPyConnection,
    name: str,
    path: Path,
    names: Sequence[str],
    views: Sequence[View],
    free_share: float,
) -> None:
    """Note the file an edition was published as; a warehouse without such notes is left as it is."""
    if not changes.is_there(con, NOTES):
        return
    found = path.stat()
    step_no = state.last_no(con)
    there = [file.name for file in path.parent.iterdir() if file != path]
    con.execute(f"DELETE FROM {NOTES} WHERE edition = ? AND NOT list_contains(?, file_name)", [name, there])
    con.execute(
        f"INSERT INTO {NOTES} VALUES (?, ?, ?, ?, ?, ?, ?)",
        [name, path.name, found.st_size, found.st_mtime_ns, step_no, _fingerprint(con, names, views), free_share],
    )


def _fingerprint(con: duckdb.DuckDBPyConnection, names: Sequence[str], views: Sequence[View]) -> str:
    """What an edition is made of beside its rows: a change of the fixed tables or their comments counts too."""
    prepared = con.execute("FROM meta.prepared").fetchall() if changes.is_there(con, "meta.prepared") else []
    return state.fingerprint(
        *names,
        *map(repr, views),
        *(text for macro in regulator_macros.read() for text in macro.statements),
        repr(prepared),
    )
