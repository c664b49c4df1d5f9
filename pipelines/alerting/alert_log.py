"""What was already told to whom: one line a message and channel, written down at once after it was taken."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Told:
    """What a channel heard of an episode: the facts of a transition of mart.price_alert_event, as they were then."""

    event_id: str
    episode_id: str
    product_id: str
    product_name: str
    area_code: str
    area_name: str
    direction: str
    event: str
    level: str
    iso_week: str
    opened_on: str

    @classmethod
    def of(cls, event: dict[str, Any]) -> Told:
        """The facts of a transition that are kept."""
        return cls(**{fact.name: str(event[fact.name]) for fact in fields(cls)})

    @property
    def place(self) -> tuple[str, str, str]:
        """What an episode is about: product, area, direction."""
        return self.product_id, self.area_code, self.direction

    @property
    def state(self) -> tuple[str, bool]:
        """What the reader knows: the level in force, and whether the episode is over."""
        return self.level, self.event == "closed"


class SentLog:
    """The log `sent.jsonl`: read whole at the start, appended to and synced after each delivery."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told: dict[str, dict[str, Told]] = {}
        self._alarms: dict[tuple[str, str], str | None] = {}
        self._read()

    def _read(self) -> None:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                # The machine stopped while writing this line: the message counts as not sent.
                continue
            self._note(entry)

    def _note(self, entry: dict[str, Any]) -> None:
        told = self._told.setdefault(entry["channel_id"], {})
        for episode_id in entry.get("ended", []):
            told.pop(episode_id, None)
        for event in entry.get("events", []):
            told.pop(event["episode_id"], None)  # the newest one stands last
            told[event["episode_id"]] = Told(**event)
        if "alarm" in entry:
            self._alarms[entry["channel_id"], entry["alarm"]] = entry["digest"]

    def told(self, channel_id: str, episode_id: str) -> Told | None:
        """What the channel heard last of the episode; None where nothing, or where it was told that it never was."""
        return self._told.get(channel_id, {}).get(episode_id)

    def still_open(self, channel_id: str) -> list[Told]:
        """What the channel heard last of each episode whose end it did not hear of, the newest message last."""
        return [told for told in self._told.get(channel_id, {}).values() if told.event != "closed"]

    def add(
        self, channel_id: str, events: Iterable[dict[str, Any]] = (), *, ended: Iterable[str] = (), **facts: Any
    ) -> None:
        """Write down that the channel knows of these transitions.

        Args:
            channel_id: the channel.
            events: rows of mart.price_alert_event.
            ended: episodes that corrected data took away, so that the channel is owed nothing about them any more.
            facts: what else is worth keeping, such as title and time; without them nothing was sent.
        """
        told = [asdict(Told.of(event)) for event in events]
        self._append({"channel_id": channel_id, "events": told, "ended": list(ended), **facts})

    def alarm(self, channel_id: str, title: str) -> str | None:
        """Digest of the alarm of that title that the channel took last; None where it is over or never was."""
        return self._alarms.get((channel_id, title))

    def alarms(self, title: str) -> list[str]:
        """Channels on which an alarm of that title is not over."""
        return [channel_id for (channel_id, told), digest in self._alarms.items() if told == title and digest]

    def add_alarm(self, channel_id: str, title: str, digest: str | None, **facts: Any) -> None:
        """Write down that the channel took an alarm, or with None that the matter is over."""
        self._append({"channel_id": channel_id, "alarm": title, "digest": digest, **facts})

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False)
        with self.path.open("ab+") as file:
            if file.tell() and not self._ends_line(file.fileno(), file.tell()):
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._note(entry)

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
