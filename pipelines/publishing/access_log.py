"""Who asked what of which edition, when and why: `logs/access.jsonl`, one JSON object a line.

Two lines a query, with the same id: `started` is on the disk before the query runs, `ended` before its result
is handed out. A query whose process was killed half way is thereby in the log too, and what cannot be logged
is not answered. Lines where `event` is `ended` are one a finished query and hold everything.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipelines.errors import MachineError
from pipelines.settings import TIME_ZONE

if TYPE_CHECKING:
    from pipelines.settings import Settings

FILE = "access.jsonl"
# Addresses, plates and purposes are in here: for the account and the group of the data officer.
MODE = 0o640
KEPT_SQL_CHARS = 100_000


@dataclass(frozen=True)
class Entry:
    """A query in the log, begun and not yet ended."""

    settings: Settings
    facts: dict[str, Any]
    started: float

    def end(self, outcome: str, *, row_count: int | None = None, message: str = "") -> None:
        """Write how the query ended: outcome is ok, refused, failed or limit.

        Raises:
            MachineError: the line cannot be written; the result must then not be handed out.
        """
        self._append(
            "ended",
            outcome=outcome,
            row_count=row_count,
            duration_ms=round((time.monotonic() - self.started) * 1000),
            message=message,
        )

    def _append(self, event: str, **result: object) -> None:
        at = datetime.now(ZoneInfo(TIME_ZONE)).isoformat(timespec="milliseconds")
        _append(self.settings, {"at": at, "event": event, **self.facts, **result})


def start(settings: Settings, *, edition: str, build: int | None, purpose: str, sql: str) -> Entry:
    """Write that a query was asked, before it runs.

    Raises:
        MachineError: the log cannot be written; the query must then not run.
    """
    facts = {
        "id": uuid.uuid4().hex,
        "actor": settings.actor,
        "edition": edition,
        "build": build,
        "purpose": purpose,
        "sql": sql[:KEPT_SQL_CHARS],
    }
    entry = Entry(settings, facts, time.monotonic())
    entry._append("started")
    return entry


def _append(settings: Settings, record: dict[str, Any]) -> None:
    # A lone surrogate (bytes of a terminal that are not UTF-8) becomes a JSON escape and not an error.
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
    path = settings.logs / FILE
    try:
        settings.logs.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                line = b"\n" + line  # a power cut left half a line: it must not swallow this one
            written = os.write(handle, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written; is the disk full?")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise MachineError(
            f"the access log logs/{FILE} cannot be written ({error.strerror or error}), so the query is not "
            "answered: every read has to leave a trace. Make the logs folder writable for this account, "
            "with room on its disk, and ask again"
        ) from error
