"""A backup that proves itself: the warehouse, the snapshots with their ledger, and what was told to whom."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import durable, ledger, warehouse
from pipelines.errors import InputRefusedError, MachineError, WrongCallError
from pipelines.settings import Settings
from pipelines.upkeep.rebuild import wal_of

MANIFEST = "manifest.json"
# What a backup carries besides the warehouse; editions, drafts of reports and typed rows are made from these again.
FOLDERS = ("snapshots", "alerts", "logs", "access", "reports")
# What was told to people and asked by them stays so, whatever the warehouse goes back to; and nobody whose access was
# revoked since gets it back.
NEVER_TAKEN_BACK = ("alerts", "logs", "access", "reports")


@dataclass
class Backup:
    """Where a backup lies, what it holds, and the snapshots whose bytes are not those of their name any more."""

    folder: Path
    files: int = 0
    size_bytes: int = 0
    loads: int = 0
    damaged: list[str] = field(default_factory=list)


def backup(settings: Settings, folder: Path | None = None) -> Backup:
    """Write a backup into a new folder (default: `backups/<UTC time>` below home) and return what it holds.

    Snapshots are never written again, so they are hard links where the disk is the same. The folder gets its name
    when all is on the disk: a backup that was cut off is not one.

    Raises:
        WrongCallError: there is no warehouse, or the folder exists already.
        BusyError: a writer is at work.
        MachineError: no room, not allowed, or a write-ahead file lies beside the warehouse that is not ours.
    """
    if not settings.warehouse.exists():
        raise WrongCallError(f"{settings.warehouse} does not exist: there is nothing to back up; load files first")
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    target = (folder or settings.home / "backups" / stamp).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise WrongCallError(f"{target} exists and is not empty; name a new folder, a backup never replaces another")
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    result = Backup(target)
    with warehouse.locked(settings):
        loads = _close_warehouse(settings)
        try:
            partial.mkdir(parents=True)
            files = {"warehouse.duckdb": _copy(settings.warehouse, partial / "warehouse.duckdb")}
            for name in FOLDERS:
                for path in _kept_files(settings.home / name):
                    relative = path.relative_to(settings.home).as_posix()
                    # A message may leave the outbox meanwhile: it was told, there is nothing to keep.
                    with suppress(FileNotFoundError) if _is_waiting(relative) else nullcontext():
                        files[relative] = _take(path, partial / relative)
            if settings.simulated_mark.exists():
                name = settings.simulated_mark.name
                files[name] = _copy(settings.simulated_mark, partial / name)
            result.files, result.loads = len(files), loads
            result.size_bytes = sum(file["size_bytes"] for file in files.values())
            result.damaged = [
                name for name, file in files.items() if _is_snapshot(name) and Path(name).stem != file["sha256"]
            ]
            manifest = {"made_at": stamp, "loads": loads, "damaged": result.damaged, "files": files}
            durable.write_text(partial / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
            _sync_folders(partial)
            if target.exists():
                target.rmdir()
            partial.replace(target)
            durable.sync_folder(target.parent)
        except OSError as error:
            raise durable.machine_error(error, target, settings.warehouse.stat().st_size) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return result


def restore(settings: Settings, folder: Path, *, replace: bool = False) -> Path | None:
    """Put a backup in place of the home's warehouse and snapshots.

    Every file is compared with the manifest first. What was there is kept aside, and its folder is returned (None
    where nothing was). The inbox, the published editions and the reports stay: readers notice nothing until the
    next publish. The alert log, the access log and the reports that were issued come back only where home has none:
    what was sent since the backup would be sent twice otherwise.

    Raises:
        WrongCallError: that is no backup, or home holds data and `replace` is not given.
        InputRefusedError: a file of the backup is missing or is not what the manifest says.
        BusyError: a writer is at work.
        MachineError: no room, or not allowed.
    """
    manifest = verify(folder)
    with warehouse.locked(settings):
        there = [path for path in _carried(settings) if _holds_anything(path)]
        if there and not replace:
            raise WrongCallError(
                f"{settings.home} holds {', '.join(path.name for path in there)} already. Set SANDWATCH_HOME to an"
                " empty folder, or give --replace: what is there is then kept aside"
            )
        staging = settings.home / f".restoring-{os.getpid()}"
        with _removed_after(staging), _explained(settings.home):
            kept = [name for name in NEVER_TAKEN_BACK if _holds_anything(settings.home / name)]
            for name in manifest["files"]:
                if Path(name).parts[0] in kept:
                    continue
                _copy(folder / name, staging / name)
                (staging / name).chmod((folder / name).stat().st_mode & 0o777)
            _sync_folders(staging)
            aside = _put_aside(settings, there)
            # The warehouse comes last: until it is there, a run that was cut off is seen and repeated.
            for path in sorted(staging.iterdir(), key=lambda path: path.name == settings.warehouse.name):
                if path.is_dir() and (settings.home / path.name).is_dir():
                    (settings.home / path.name).rmdir()  # an empty one
                path.replace(settings.home / path.name)
            durable.sync_folder(settings.home)
    return aside


def verify(folder: Path) -> dict[str, Any]:
    """Compare a backup with its manifest and return the manifest.

    Raises:
        WrongCallError: there is no manifest.
        InputRefusedError: a file is missing, altered or not named in the manifest.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise WrongCallError(
            f"{folder} is no backup: {MANIFEST} is missing; name the folder `sandwatch backup` wrote"
        )
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    bad = []
    for name, file in manifest["files"].items():
        if not (folder / name).is_file():
            bad.append(f"{name} is missing")
        elif durable.sha256_of(folder / name) != file["sha256"]:
            bad.append(f"{name} is altered")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    # A write-ahead file beside the warehouse would be replayed into it.
    bad += [f"{name} is not named in {MANIFEST}" for name in sorted(there - manifest["files"].keys() - {MANIFEST})]
    if bad:
        raise InputRefusedError(
            f"{folder}: {len(bad)} of {len(manifest['files'])} files are not as they were backed up:"
            f" {'; '.join(bad[:5])}. Nothing was restored; take another backup"
        )
    return manifest


def _close_warehouse(settings: Settings) -> int:
    """Bring all commits into the warehouse file and close it, so that the file alone is the whole; return loads."""
    con = warehouse.connect(settings.warehouse)
    try:
        ledger.append(settings, con)
        row = con.execute("SELECT count(*) FROM meta.load_account").fetchone()
        con.execute("CHECKPOINT")
    finally:
        con.close()
    if wal_of(settings.warehouse).exists():
        raise MachineError(
            f"{wal_of(settings.warehouse)} lies there after a checkpoint, so a copy would lack what is in it."
            " Stop the program that has the warehouse open (`sandwatch doctor` names it), then back up again"
        )
    return row[0] if row else 0


def _is_waiting(name: str) -> bool:
    """Whether a file of home is a message that waits to be told."""
    return name.startswith("alerts/outbox/")


def _kept_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if (
            path.is_file()
            and not path.name.startswith(".")
            and not (folder.name == "reports" and _is_draft(path, folder))
        ):
            yield path


def _is_draft(path: Path, reports: Path) -> bool:
    """Whether a file of the reports is made again: all but what was issued, and what people wrote."""
    inner = path.relative_to(reports).parts
    return not (inner[1:2] == ("issued",) or inner[1:] == ("notes.md",))


def _take(path: Path, target: Path) -> dict[str, Any]:
    if not _is_snapshot(f"{path.parent.parent.name}/{path.parent.name}/{path.name}"):
        return _copy(path, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:  # another disk, or one without links
        return _copy(path, target, keep_mode=True)
    return {"sha256": durable.sha256_of(target), "size_bytes": target.stat().st_size}


def _copy(path: Path, target: Path, *, keep_mode: bool = False) -> dict[str, Any]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("wb") as copy:
        sha256 = durable.copy_hashed(source, copy)
    if keep_mode:
        target.chmod(path.stat().st_mode & 0o777)
    return {"sha256": sha256, "size_bytes": target.stat().st_size}


def _is_snapshot(name: str) -> bool:
    parts = Path(name).parts
    return len(parts) == 3 and parts[0] == "snapshots" and len(parts[1]) == 2


def _carried(settings: Settings) -> list[Path]:
    """What a restore takes the place of: what a backup carries, and the typed rows, which belong to it."""
    files = [settings.warehouse, wal_of(settings.warehouse)]
    return [*files, settings.snapshots, settings.parsed]


def _holds_anything(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _put_aside(settings: Settings, there: list[Path]) -> Path | None:
    if not there:
        return None
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = settings.home / f"replaced-{stamp}-{os.getpid()}"
    aside.mkdir()
    for path in there:
        path.replace(aside / path.name)
    return aside


def _sync_folders(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            durable.sync_folder(path)


@contextmanager
def _removed_after(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise durable.machine_error(error, path) from error
