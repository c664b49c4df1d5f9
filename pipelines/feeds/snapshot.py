"""Keeping every file as it came, untouched, under its SHA-256, before anything else looks at it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import threading
import time
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from pipelines import durable
from pipelines.errors import InputRefusedError
from pipelines.settings import Settings

SETTLE_SECONDS = 0.3
PARTIAL_DAYS = 1


@dataclass(frozen=True)
class Snapshot:
    """A file that is kept: its content hash, the name it came under, and where the copy lies."""

    sha256: str
    file_name: str
    path: Path
    size_bytes: int


def take(settings: Settings, path: Path) -> Snapshot:
    """Copy a file into the snapshots and return where it lies; the same content is kept once.

    What is kept already is hashed to its last byte and not written again. What is new is copied and hashed in one
    pass and is on the disk, whole, before this returns.

    Raises:
        InputRefusedError: the file does not exist, may not be read, is empty, or is still being written.
        MachineError: the snapshot cannot be kept: no room, or its folder may not be written.
    """
    if not path.is_file():
        raise InputRefusedError(f"{path}: no such file; check the name, or send the file again")
    before = path.stat()
    if before.st_size == 0:
        raise InputRefusedError(f"{path}: the file is empty (0 bytes); export it again and send it once more")
    if abs(time.time() - before.st_mtime) < SETTLE_SECONDS:
        # A sender may be half way: a file that still grows is told from one that was just finished.
        time.sleep(SETTLE_SECONDS)
    try:
        source = path.open("rb")
    except PermissionError as error:
        raise InputRefusedError(
            f"{path}: may not be read by user {os.getuid()} ({error.strerror}); give the file to that user or its"
            " group (chown, chmod g+r) and load it again"
        ) from error
    suffix = path.suffix.lower()
    with source:
        sha256 = _hash_of_known(settings, source, before.st_size, suffix)
        if sha256 is None:
            try:
                sha256 = _keep(settings, path, source, before)
            except OSError as error:
                raise durable.machine_error(error, settings.snapshots, before.st_size) from error
        else:
            _refuse_if_growing(path, before)
    return Snapshot(sha256, path.name, kept_path(settings, sha256, suffix), before.st_size)


def kept_path(settings: Settings, sha256: str, suffix: str) -> Path:
    """Return where a content with that hash lies, or would lie."""
    return settings.snapshots / sha256[:2] / f"{sha256}{suffix}"


def remove_leftovers(settings: Settings) -> list[Path]:
    """Remove copies that a killed process left half-written, and return them."""
    removed = []
    for path in settings.snapshots.glob(".partial-*") if settings.snapshots.is_dir() else ():
        if _is_left_over(path):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _hash_of_known(settings: Settings, source: BufferedReader, size_bytes: int, suffix: str) -> str | None:
    """Return the hash of a content that is kept already; None, with the source at its start, where it is not.

    Hashing first costs a second reading where the content is new after all, so a large file is only hashed
    when a snapshot of its size lies there.
    """
    if size_bytes > durable.CHUNK_BYTES and not _has_size(settings, size_bytes, suffix):
        return None
    sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    source.seek(0)
    kept = kept_path(settings, sha256, suffix)
    try:
        is_whole = kept.stat().st_size == size_bytes
    except FileNotFoundError:
        return None
    return sha256 if is_whole else None  # cut short by a broken disk: it is written again


def _has_size(settings: Settings, size_bytes: int, suffix: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        for folder in os.scandir(settings.snapshots):
            if len(folder.name) == 2 and folder.is_dir():
                with os.scandir(folder) as entries:
                    if any(entry.name.endswith(suffix) and entry.stat().st_size == size_bytes for entry in entries):
                        return True
    return False


def _keep(settings: Settings, path: Path, source: BufferedReader, before: os.stat_result) -> str:
    """Copy a content that is not kept yet and return its hash; nothing half-written stays, whatever happens."""
    settings.snapshots.mkdir(parents=True, exist_ok=True)
    remove_leftovers(settings)
    if before.st_size > durable.free_bytes(settings.snapshots):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    partial = settings.snapshots / f".partial-{os.getpid()}-{threading.get_ident()}"
    try:
        with partial.open("wb") as target:
            fcntl.flock(target, fcntl.LOCK_EX)  # whoever tidies up sees that this one is alive
            sha256 = durable.copy_hashed(source, target)
        _refuse_if_growing(path, before)
        kept = kept_path(settings, sha256, path.suffix.lower())
        is_new_folder = not kept.parent.exists()
        kept.parent.mkdir(exist_ok=True)
        partial.chmod(0o440)
        partial.replace(kept)
        durable.sync_folder(kept.parent)
        if is_new_folder:
            durable.sync_folder(settings.snapshots)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return sha256


def _refuse_if_growing(path: Path, before: os.stat_result) -> None:
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise InputRefusedError(
            f"{path}: still being written ({before.st_size} bytes when reading began, {after.st_size} now);"
            " nothing was loaded. Let the sender finish (write under another name, then rename) and load again"
        )


def _is_left_over(partial: Path) -> bool:
    """Whether nobody writes this copy any more: its process is gone, or it is a day old and nobody locks it."""
    number = partial.name.split("-")[1]
    try:
        is_old = time.time() - partial.stat().st_mtime > PARTIAL_DAYS * 86400
        if not is_old and number.isdigit() and _is_alive(int(number)):
            return False
        with partial.open("rb") as copy:
            fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # gone by now, or held
        return False
    return True


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
