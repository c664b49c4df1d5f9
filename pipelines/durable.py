"""Files that are whole or not there, and plain words where the machine refuses to write them."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import MachineError

CHUNK_BYTES = 4 << 20
PIECE_BYTES = 64 << 20
NOT_IN_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def copy_hashed(source: BinaryIO, target: BinaryIO) -> str:
    """Copy all bytes of an open file, bring them to the disk and return the SHA-256 in hex of what was written.

    Args:
        source: file open for reading, at its start.
        target: file open for writing, empty, that has a name.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with Path(target.name).open("rb", buffering=0) as written, ThreadPoolExecutor(1) as pool:

        def hash_to(end: int) -> None:
            while written.tell() < end and (size := written.readinto(buffer[: end - written.tell()])):
                digest.update(buffer[:size])

        copied = 0
        hashing = pool.submit(hash_to, copied)
        while size := _copy_some(source, target, copied):
            copied += size
            hashing.result()
            # What lies in the copy is what counts: it is hashed while the kernel copies the next piece.
            hashing = pool.submit(hash_to, copied)
        hashing.result()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _copy_some(source: BinaryIO, target: BinaryIO, offset: int) -> int:
    """Copy the next piece within the kernel, which costs a tenth of reading and writing it; else by hand."""
    try:
        return os.copy_file_range(source.fileno(), target.fileno(), PIECE_BYTES, offset, offset)
    except OSError as error:
        if error.errno not in NOT_IN_KERNEL:
            raise
    source.seek(offset)
    size = target.write(source.read(CHUNK_BYTES))
    target.flush()
    return size


def sync_folder(path: Path) -> None:
    """Bring a folder's names to the disk, so that a rename outlives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all, and bring it to the disk.

    Raises:
        MachineError: there is no room, or it may not be written; what stood there before stays.
    """
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise machine_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)


def size_text(size_bytes: float) -> str:
    """Return a size for people, in MiB or GiB."""
    mib = size_bytes / (1 << 20)
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.1f} MiB"


def free_bytes(path: Path) -> int:
    """Return how many bytes are free where a path lies, or would lie."""
    there = path
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def machine_error(error: OSError, path: Path, needed_bytes: int | None = None) -> MachineError:
    """Return what a person is told when a file cannot be written: what, where, how much, what to do."""
    reason = error.strerror or str(error)
    needed = f" {size_text(needed_bytes)} are needed," if needed_bytes is not None else ""
    if error.errno in NO_ROOM:
        free = _quietly(lambda: size_text(free_bytes(path)), "an unknown amount")
        return MachineError(
            f"{path}: no room to write ({reason});{needed} {free} are free there. Nothing half-written was kept. Free"
            " some space, raise the limit of file sizes (ulimit -f), or set SANDWATCH_HOME to a larger disk; then"
            " run the same command again"
        )
    if error.errno in NOT_ALLOWED:
        return MachineError(
            f"{path}: may not be written ({reason}) by user {os.getuid()}. Nothing was changed. Give that user the"
            " folder (chown), mount it for writing, or set SANDWATCH_HOME to another folder; then run the same"
            " command again"
        )
    return MachineError(f"{path}: cannot be written ({reason}). Look at the disk, then run the same command again")


def disk_trouble(error: BaseException, path: Path) -> MachineError | None:
    """Return the machine's error behind what a reading or writing of ours raised, None where it is another one.

    Broken archives raise OSError too, but without a number of the system; DuckDB says the system's words.
    """
    if isinstance(error, OSError):
        return machine_error(error, path) if error.errno in (*NO_ROOM, *NOT_ALLOWED, errno.EIO) else None
    if type(error).__module__.split(".")[0] in ("duckdb", "_duckdb", "pyarrow"):
        for number in (*NO_ROOM, *NOT_ALLOWED, errno.EIO):
            if os.strerror(number) in str(error):
                return machine_error(OSError(number, os.strerror(number)), path)
    return None


def _quietly(ask: Callable[[], str], otherwise: str) -> str:
    try:
        return ask()
    except OSError:
        return otherwise
