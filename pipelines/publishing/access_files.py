"""The files of the access log: one a month, `logs/access/2026-11.jsonl`, a JSON object a line, bound to the last.

`prev_sha256` of a line is the SHA-256 of the line before it, across files too: a line that is altered, taken out or
put in later breaks the chain (`access_keeping.verify`). `logs/access.jsonl`, as earlier versions wrote it, is taken
over whole as `<month>.before.jsonl`; a line of the chain holds its SHA-256.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from pipelines import durable
from pipelines.errors import MachineError
from pipelines.settings import TIME_ZONE

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Addresses, plates and purposes are in here: for the account and the group of the data officer.
MODE, FOLDER_MODE = 0o640, 0o750
FIRST = ""  # prev_sha256 of the very first line
_BEFORE = ".before"
_PIECE = 2**16


class Line(NamedTuple):
    """A physical line of the log; `record` is None where it is no JSON object (torn, or altered)."""

    file: str
    number: int
    raw: bytes
    record: dict[str, Any] | None

    @property
    def sha256(self) -> str:
        """What the next line's `prev_sha256` is to be."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def is_chained(self) -> bool:
        """Whether the line is bound to the one before it; those of earlier versions are not."""
        return _BEFORE not in self.file


def folder(settings: Settings) -> Path:
    """Return the folder of the log."""
    return settings.logs / "access"


def now() -> str:
    """Return the time of now as the log has it."""
    return datetime.now(ZoneInfo(TIME_ZONE)).isoformat(timespec="milliseconds")


def month_of(file: str) -> str:
    """Return the month a file's name says, such as 2026-11."""
    return file[:7]


def names(settings: Settings) -> list[str]:
    """Return the names of the log's files, oldest first."""
    return sorted(path.name for path in folder(settings).glob("*.jsonl"))


def append(settings: Settings, record: dict[str, Any]) -> None:
    """Add a line and bring it to the disk; writers wait for each other.

    Raises:
        MachineError: the line cannot be written: what it tells of must then not happen.
    """
    try:
        with locked(settings):
            take_over(settings)
            write(settings, record)
    except OSError as error:
        raise MachineError(
            f"the access log logs/access cannot be written ({error.strerror or error}), so the query is not "
            "answered: every read has to leave a trace. Make the logs folder writable for this account, "
            "with room on its disk, and ask again"
        ) from error


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Keep all other writers of the log out; the kernel frees the lock with the process."""
    for path in (settings.logs, folder(settings)):
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    handle = os.open(folder(settings) / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(settings: Settings, record: dict[str, Any]) -> None:
    """Add a line with the time of now; the caller holds the lock.

    Raises:
        OSError: it could not be written whole.
    """
    record = {"at": now(), **record}
    chain = [name for name in names(settings) if _BEFORE not in name]
    # Never into a month before the newest, whatever the clock says: lines stand in the order they were written.
    name = max([*chain[-1:], f"{record['at'][:7]}.jsonl"])
    last = next((found for file in reversed(chain) if (found := _last_line(folder(settings) / file))), None)
    record = record | {"prev_sha256": hashlib.sha256(last).hexdigest() if last else FIRST}
    # A lone surrogate (bytes of a terminal that are not UTF-8) becomes a JSON escape and not an error.
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    is_new = name not in chain
    handle = os.open(
        folder(settings) / name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE
    )
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line  # a power cut left half a line: it must not swallow this one
        written = os.write(handle, line)
        if written != len(line):
            raise OSError(f"only {written} of {len(line)} bytes were written; is the disk full?")
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        durable.sync_folder(folder(settings))


def lines(settings: Settings) -> Iterator[Line]:
    """Yield every line there is now, oldest file first; what is added meanwhile is left for the next time.

    Raises:
        MachineError: the log cannot be read by this account.
    """
    try:
        if (settings.logs / "access.jsonl").exists():
            with locked(settings):
                take_over(settings)
        yield from lines_there(settings)
    except OSError as error:
        raise MachineError(
            f"the access log logs/access cannot be read ({error.strerror or error}): it is for the account that "
            "keeps it and the data officer; ask as one of them"
        ) from error


def lines_there(settings: Settings) -> Iterator[Line]:
    """Yield the lines as `lines` does, without looking for a file of earlier versions.

    Raises:
        OSError: a file cannot be read.
    """
    there = [(name, (folder(settings) / name).stat().st_size) for name in names(settings)]
    for name, size in there:
        with (folder(settings) / name).open("rb") as file:
            yield from _lines(name, file.read(size))


def _lines(name: str, content: bytes) -> Iterator[Line]:
    for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n") if content else [], start=1):
        try:
            record = json.loads(raw)
        except ValueError:
            record = None
        yield Line(name, number, raw, record if isinstance(record, dict) else None)


def take_over(settings: Settings) -> None:
    """Move the file of earlier versions here, its SHA-256 first in the chain; the caller holds the lock."""
    old = settings.logs / "access.jsonl"
    if not old.is_file():
        return
    content = old.read_bytes()
    told = [line.record for line in _lines("", content) if line.record and isinstance(line.record.get("at"), str)]
    month = month_of(told[-1]["at"] if told else now())
    name = f"{month}{_BEFORE}.jsonl"
    number = 1
    while (folder(settings) / name).exists():
        number += 1
        name = f"{month}{_BEFORE}-{number}.jsonl"
    digest = hashlib.sha256(content).hexdigest()
    write(settings, {"event": "taken_over", "file": name, "sha256": digest})
    old.chmod(MODE)
    old.rename(folder(settings) / name)
    durable.sync_folder(folder(settings))


def _last_line(path: Path) -> bytes | None:
    """Return the last line of a file without its end, None where it holds nothing."""
    with path.open("rb") as file:
        start = file.seek(0, os.SEEK_END)
        tail = b""
        while start and b"\n" not in tail[:-1]:
            end, start = start, max(0, start - _PIECE)
            file.seek(start)
            tail = file.read(end - start) + tail
        return tail.removesuffix(b"\n").rpartition(b"\n")[2] or None
