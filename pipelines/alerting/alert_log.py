"""What was already told to whom: one line a message and channel, written down at once after it was taken."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class SentLog:
    """The log `sent.jsonl`: read whole at the start, appended to and synced after each delivery."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told: set[tuple[str, str]] = set()
        self._heard: set[tuple[str, str]] = set()
        self._read()

    def _read(self) -> None:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                # The machine stopped while writing this line: the message counts as not sent.
                continue
            self._note(entry["channel_id"], entry["event_ids"])

    def _note(self, channel_id: str, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            self._told.add((channel_id, event_id))
            self._heard.add((channel_id, event_id.partition("#")[0]))

    def has(self, channel_id: str, event_id: str) -> bool:
        """Whether the channel already took the event."""
        return (channel_id, event_id) in self._told

    def has_heard_of(self, channel_id: str, episode_id: str) -> bool:
        """Whether the channel already took any event of the episode; an event's id opens with its episode and #."""
        return (channel_id, episode_id) in self._heard

    def add(self, channel_id: str, event_ids: Iterable[str], **facts: Any) -> None:
        """Write down that the channel took these events."""
        ids = list(event_ids)
        line = json.dumps({"channel_id": channel_id, "event_ids": ids, **facts}, ensure_ascii=False)
        with self.path.open("ab+") as file:
            if file.tell() and not self._ends_line(file.fileno(), file.tell()):
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._note(channel_id, ids)

    @staticmethod
    def _ends_line(descriptor: int, size: int) -> bool:
        return os.pread(descriptor, 1, size - 1) == b"\n"


@contextmanager
def opened(folder: Path) -> Iterator[SentLog]:
    """Yield the log, held by this run alone, so that two runs at once cannot both send."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".sending.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield SentLog(folder / "sent.jsonl")
