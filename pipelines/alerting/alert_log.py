"""What was already told to whom: one line a message and channel, written down at once after it was taken."""

from __future__ import annotations

import datetime as dt
import fcntl
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.alerting import json_lines

Place = tuple[str, str, str]


@dataclass(frozen=True)
class Told:
    """What a channel heard of an episode: the facts of a transition of mart.price_alert_event, as they were then.

    `row` is the whole transition in JSON types, its score with it, kept for ever; empty in a log of earlier versions.
    """

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
    row: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Told:
        """The facts of a transition, from a row of the mart or from what the log kept of one."""
        facts = {fact.name: str(event[fact.name]) for fact in fields(cls) if fact.name != "row"}
        return cls(**facts, row=json_lines.plain(event))

    @property
    def place(self) -> Place:
        """What an episode is about: product, area, direction."""
        return place_of(vars(self))

    @property
    def state(self) -> tuple[str, bool]:
        """What the reader knows: the level in force, and whether the episode is over."""
        return state_of(vars(self))

    @property
    def on(self) -> dt.date:
        """Day of the transition; an earlier version kept its week only, whose Monday is taken."""
        if event_on := self.row.get("event_on"):
            return dt.date.fromisoformat(event_on)
        year, week = self.iso_week.split("-W")
        return dt.date.fromisocalendar(int(year), int(week), 1)


def place_of(event: Mapping[str, Any]) -> Place:
    """Return what the episode of a transition is about: product, area, direction."""
    return event["product_id"], event["area_code"], event["direction"]


def state_of(event: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the level in force after a transition, and whether the episode is over."""
    return event["level"], event["event"] == "closed"


class SentLog:
    """The log `sent.jsonl`: read whole at the start, appended to and synced after each delivery."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told: dict[str, dict[str, Told]] = {}
        self._heard: dict[tuple[str, Place], list[Told]] = defaultdict(list)
        self._alarms: dict[tuple[str, str], str | None] = {}
        for entry in json_lines.read(path):
            self._note(entry)

    def _note(self, entry: dict[str, Any]) -> None:
        told = self._told.setdefault(entry["channel_id"], {})
        for episode_id in entry.get("ended", []):
            told.pop(episode_id, None)
        for event in entry.get("events", []):
            fact = Told.of(event)
            told.pop(fact.episode_id, None)  # the newest one stands last
            told[fact.episode_id] = fact
            if entry.get("message"):
                self._heard[entry["channel_id"], fact.place].append(fact)
        if "alarm" in entry:
            self._alarms[entry["channel_id"], entry["alarm"]] = entry["digest"]

    def told(self, channel_id: str, episode_id: str) -> Told | None:
        """What the channel heard last of the episode; None where nothing, or where it was told that it never was."""
        return self._told.get(channel_id, {}).get(episode_id)

    def still_open(self, channel_id: str) -> list[Told]:
        """What the channel heard last of each episode whose end it did not hear of, the newest message last."""
        return [told for told in self._told.get(channel_id, {}).values() if told.event != "closed"]

    def channels_told(self, episode_id: str) -> list[str]:
        """Channels that know of an episode."""
        return sorted(channel_id for channel_id, told in self._told.items() if episode_id in told)

    def heard(self, channel_id: str, place: Place) -> list[Told]:
        """All that the channel was sent of a product and area, in order; what was only written down is not in it."""
        return self._heard.get((channel_id, place), [])

    def add(
        self, channel_id: str, events: Iterable[Mapping[str, Any]] = (), *, ended: Iterable[str] = (), **facts: Any
    ) -> None:
        """Write down that the channel knows of these transitions.

        Args:
            channel_id: the channel.
            events: rows of mart.price_alert_event, kept whole.
            ended: episodes that corrected data took away, so that the channel is owed nothing about them any more.
            facts: what else is worth keeping, such as title and time; without them nothing was sent.

        Raises:
            MachineError: the log cannot be written.
        """
        told = [dict(event) for event in events]
        self.write({"channel_id": channel_id, "events": told, "ended": [*ended], **facts})

    def alarm(self, channel_id: str, title: str) -> str | None:
        """Digest of the alarm of that title that the channel took last; None where it is over or never was."""
        return self._alarms.get((channel_id, title))

    def alarms(self, title: str) -> list[str]:
        """Channels on which an alarm of that title is not over."""
        return [channel_id for (channel_id, told), digest in self._alarms.items() if told == title and digest]

    def add_alarm(self, channel_id: str, title: str, digest: str | None, **facts: Any) -> None:
        """Write down that the channel took an alarm, or with None that the matter is over."""
        self.write({"channel_id": channel_id, "alarm": title, "digest": digest, **facts})

    def write(self, entry: dict[str, Any]) -> None:
        """Write down a line, as `add` and `add_alarm` make them.

        Raises:
            MachineError: the log cannot be written.
        """
        json_lines.append(self.path, entry)
        self._note(entry)


def sent(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every transition that was sent, whole and as it was sent, in order.

    Args:
        folder: that of the messages.

    Yields:
        dict: `channel_id`, `sent_at`, `message` and the columns of mart.price_alert_event of that day in JSON types;
            from a log of an earlier version only those that it kept.
    """
    for entry in json_lines.read(folder / "sent.jsonl"):
        for event in entry.get("events", []) if entry.get("message") else []:
            yield {name: entry.get(name) for name in ("channel_id", "sent_at", "message")} | event


@contextmanager
def opened(folder: Path) -> Iterator[SentLog]:
    """Yield the log, held by this run alone, so that two runs at once cannot both send.

    Raises:
        MachineError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".sending.lock").open("a")
    except OSError as error:
        raise durable.machine_error(error, folder) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield SentLog(folder / "sent.jsonl")
