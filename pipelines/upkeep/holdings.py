"""What the doctor finds in the home folder: locks, write-ahead files, leftovers, ledger and snapshots, file modes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pipelines import durable, ledger, warehouse
from pipelines.errors import MachineError
from pipelines.settings import Settings
from pipelines.upkeep.line import Line
from pipelines.upkeep.rebuild import wal_of

SHOWN = 3


def lock(settings: Settings) -> Line:
    """Who writes now. The kernel frees the lock with its process, so a lock that is held is never a stale one."""
    if holder := _holder(settings):
        return Line("lock", "ok", f"a writer is at work: {holder}", "let it finish before you start another one")
    return Line("lock", "ok", "no writer is at work")


def write_ahead(settings: Settings) -> Iterator[Line]:
    """Whether a .wal lies where none belongs."""
    name, is_busy = "write-ahead", bool(_holder(settings))
    wal = wal_of(settings.warehouse)
    strays = sorted(settings.editions.glob("*.wal*")) if settings.editions.is_dir() else []
    for stray in strays:
        yield Line(
            name, "broken", f"{stray} lies beside an edition: readers would be shown what is in it",
            "find out who put it there, move it away, then run `sandwatch publish`",
        )  # fmt: skip
    if wal.exists() and not settings.warehouse.exists():
        yield Line(
            name, "broken", f"{wal} lies there without its warehouse", "restore a backup, or move it away and rebuild"
        )
    elif wal.exists() and not is_busy:
        yield Line(
            name, "attention", f"{wal.name}: a run was cut off", "nothing: the next writer takes it up by itself"
        )
    elif not strays:
        yield Line(name, "ok", "none lies astray")


def leftovers(settings: Settings) -> Line:
    """Files that a killed run left half-written, and old warehouses that were put aside."""
    patterns = (
        "snapshots/.partial-*", "parsed/**/.*.text", "parsed/**/*.partial", ".rebuild", ".restoring-*",
        "backups/.*.partial-*", "editions/.building-*",
    )  # fmt: skip
    is_busy = bool(_holder(settings))
    unfinished = [] if is_busy else [path for pattern in patterns for path in settings.home.glob(pattern)]
    aside = [path for pattern in ("*.before-*", "replaced-*") for path in settings.home.glob(pattern)]
    if not unfinished and not aside:
        return Line("leftovers", "ok", "none")
    found = [f"{len(unfinished)} half-written ({_shown(unfinished)})"] * bool(unfinished)
    found += [f"{len(aside)} put aside ({_shown(aside)}), {durable.size_text(sum(map(_size, aside)))}"] * bool(aside)
    todo = "half-written ones are replaced or removed by the next run; delete what was put aside when you are content"
    return Line("leftovers", "attention", "; ".join(found), todo)


def records(settings: Settings, *, deep: bool) -> Iterator[Line]:
    """Whether ledger, warehouse and snapshots tell the same; with `deep` every snapshot is hashed."""
    try:
        entries = ledger.read(settings)
    except MachineError as error:
        yield Line("ledger", "broken", "cannot be read", str(error))
        return
    yield _against_warehouse(settings, entries)
    missing, altered = [], []
    for entry in entries:
        path = ledger.snapshot_of(settings, entry)
        if not path.exists():
            missing.append(f"{entry.feed}/{entry.file_name} (load {entry.load_no})")
        elif deep and durable.sha256_of(path) != entry.sha256:
            altered.append(f"{entry.feed}/{entry.file_name} (load {entry.load_no})")
    depth = "every byte hashed" if deep else "--deep hashes them"
    if missing or altered:
        found = f"{len(missing)} missing, {len(altered)} altered of {len(entries)} ({depth}): "
        todo = "put them back from a backup; without them the warehouse cannot be made anew"
        yield Line("snapshots", "broken", found + ", ".join([*missing, *altered][:SHOWN]), todo)
    else:
        yield Line("snapshots", "ok", f"{len(entries)} are there ({depth})")


def modes(settings: Settings) -> Line:
    """Whether others on this machine may read files with plates; only the public edition is for all."""
    if not settings.home.exists() or not settings.home.stat().st_mode & 0o001:
        return Line("permissions", "ok", "others may not enter home")
    exposed = [path for path in _open_to_others(settings.home) if not _is_public(settings, path)]
    if not exposed:
        return Line("permissions", "ok", "others may read the public edition only")
    return Line(
        "permissions", "attention", f"{len(exposed)} files can be read by everyone here ({_shown(exposed)})",
        f"chmod -R o-rwx {settings.home}; senders' files too, they hold plates",
    )  # fmt: skip


def _against_warehouse(settings: Settings, entries: list[ledger.Entry]) -> Line:
    if not settings.warehouse.exists():
        if entries:
            return Line(
                "ledger",
                "broken",
                f"{len(entries)} loads are written, and the warehouse is gone",
                "sandwatch rebuild",
            )
        return Line("ledger", "ok", "nothing was loaded yet")
    if holder := _holder(settings):
        return Line("ledger", "ok", f"{len(entries)} loads; not compared while a writer is at work ({holder})")
    import duckdb

    try:
        with warehouse.locked(settings, wait_s=1):
            con = duckdb.connect(str(settings.warehouse), read_only=True)
            try:
                lacking = ledger.lacks(settings, con)
                row = con.execute("SELECT count(*) FROM meta.load_account").fetchone()
            finally:
                con.close()
    except MachineError as error:
        return Line("ledger", "broken", "the warehouse cannot be asked", str(error))
    except duckdb.Error as error:
        todo = "close it if another program has it open; else restore a backup, or `sandwatch rebuild`"
        return Line("ledger", "broken", f"the warehouse cannot be asked ({error})", todo)
    loads = row[0] if row else 0
    if lacking:
        first = lacking[0]
        return Line(
            "ledger", "broken",
            f"{len(lacking)} of {len(entries)} loads are not in the warehouse, the first:"
            f" {first.feed}/{first.file_name} (load {first.load_no}); an older warehouse was put back",
            "sandwatch rebuild makes it anew with all of them",
        )  # fmt: skip
    if loads > len(entries):
        return Line(
            "ledger", "attention", f"{loads - len(entries)} loads are not in the ledger yet: a run was cut off",
            "nothing: the next writer adds them",
        )  # fmt: skip
    return Line("ledger", "ok", f"{loads} loads, in the warehouse and in the ledger alike")


def _holder(settings: Settings) -> str:
    """Return who holds the writer's lock, nothing where nobody does."""
    path = warehouse.lock_path(settings)
    try:
        with path.open("r", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return handle.read().strip() or "unknown"
    except OSError:
        return ""
    return ""


def _open_to_others(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if (Path(root) / name).stat().st_mode & 0o001]
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o004:
                yield path


def _is_public(settings: Settings, path: Path) -> bool:
    return path.parent == settings.editions and path.name.startswith(("public-", "published"))


def _shown(paths: list[Path]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(path.name for path in paths[:SHOWN]) + more


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
