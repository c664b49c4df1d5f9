"""Keeping every file as it came, untouched, under its SHA-256, before anything else looks at it."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import InputRefusedError
from pipelines.settings import Settings

CHUNK_BYTES = 1 << 20
SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Snapshot:
    """A file that is kept: its content hash, the name it came under, and where the copy lies."""

    sha256: str
    file_name: str
    path: Path
    size_bytes: int


def take(settings: Settings, path: Path) -> Snapshot:
    """Copy a file into the snapshots and return where it lies; the same content is kept once.

    Raises:
        InputRefusedError: the file does not exist, is empty, or is still being written.
    """
    if not path.is_file():
        raise InputRefusedError(f"{path}: no such file; check the name, or send the file again")
    before = path.stat()
    if before.st_size == 0:
        raise InputRefusedError(f"{path}: the file is empty (0 bytes); export it again and send it once more")
    if time.time() - before.st_mtime < SETTLE_SECONDS:
        # A sender may be half way: a file that still grows is told from one that was just finished.
        time.sleep(SETTLE_SECONDS)
    settings.snapshots.mkdir(parents=True, exist_ok=True)
    partial = settings.snapshots / f".partial-{os.getpid()}-{path.name}"
    digest = hashlib.sha256()
    try:
        with path.open("rb") as source, partial.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise InputRefusedError(
                f"{path}: still being written ({before.st_size} bytes when reading began, {after.st_size} now);"
                " nothing was loaded. Let the sender finish (write under another name, then rename) and load again"
            )
        sha256 = digest.hexdigest()
        kept = settings.snapshots / sha256[:2] / f"{sha256}{path.suffix.lower()}"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            partial.chmod(0o440)
            partial.replace(kept)
    finally:
        partial.unlink(missing_ok=True)
    return Snapshot(sha256, path.name, kept, before.st_size)
