"""What waits to be told: a file a message below `outbox/<channel>/`, laid in before it is tried, taken out once told.

A message lies here because its channel did not take it, because of quiet hours, or because everything is held. A
later message of the same matter takes its place. Where a run is killed between delivery and log line, or the
connection breaks before the receiver answers, it still lies here and is told again: perhaps twice, never lost.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.alerting import json_lines
from pipelines.alerting.alert_log import Told
from pipelines.alerting.channels import Message

# Minutes from one failed try to the next, 系统默认: the next run may try at once, a channel that stays dead is left
# alone for longer and longer, and is tried twice a day for ever.
SPACING_MINUTES = (0, 5, 15, 60, 240, 720)


@dataclass(frozen=True)
class Letter:
    """A message, what it is about, and what the log is told once it is taken.

    Attributes:
        kind: price, data or machine.
        key: the matter; a later letter of the same key takes the place of this one.
        message: the words.
        level: level of a price message.
        entry: the line of the log without its channel: `events` and `ended`, or `alarm` and `digest`.
        received_at: when the newest quote behind a price message was loaded.
    """

    kind: str
    key: str
    message: Message
    level: str | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)
    received_at: dt.datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """A letter in the outbox: since when, why, and how often it was tried.

    `why` is new, not_taken, quiet or held. `held_since` is when a hold first kept it. `is_doubtful` after a try whose
    answer leaves open whether the receiver has the message all the same. `times` counts how often it was put in.
    """

    letter: Letter
    path: Path
    queued_at: dt.datetime
    why: str = "new"
    tried_count: int = 0
    next_try_at: dt.datetime | None = None
    held_since: dt.datetime | None = None
    hold_reason: str = ""
    is_doubtful: bool = False
    error: str = ""
    times: int = 1

    def episodes(self) -> list[Told]:
        """The transitions of a price message that its reader is owed."""
        return [Told.of(event) for event in self.letter.entry.get("events", [])]


class Outbox:
    """The outbox of one home; every file is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "outbox"

    def waiting(self, channel_id: str | None = None) -> Iterator[tuple[str, Waiting]]:
        """Yield what waits, with its channel, the oldest first."""
        found = []
        for path in self.folder.glob(f"{channel_id or '*'}/*.json"):
            if waiting := _read(path):
                found.append((waiting.queued_at, path.name, path.parent.name, waiting))
        for _, _, channel, waiting in sorted(found, key=lambda entry: entry[:3]):
            yield channel, waiting

    def get(self, channel_id: str, key: str) -> Waiting | None:
        """Return what waits of a matter for a channel; None where nothing does."""
        return _read(self._path(channel_id, key))

    def put(self, channel_id: str, letter: Letter, now: dt.datetime, elder: Waiting | None = None) -> Waiting:
        """Lay a letter in and return it as it lies there; the tries of the same words go on, other words begin anew.

        Args:
            channel_id: the channel.
            letter: what to tell.
            now: the moment.
            elder: what it takes the place of under another key, which says since when it waits and was held.

        Raises:
            MachineError: there is no room, or it may not be written; what lay there before still does.
        """
        before = self.get(channel_id, letter.key)
        fresh = Waiting(letter, self._path(channel_id, letter.key), now)
        if before and _is_same(before.letter.message, letter.message):
            fresh = replace(before, letter=letter)
        elder = before or elder
        if elder:
            doubtful = elder.is_doubtful or fresh.is_doubtful
            fresh = replace(
                fresh, queued_at=elder.queued_at, held_since=elder.held_since, hold_reason=elder.hold_reason,
                is_doubtful=doubtful, times=elder.times + 1,
            )  # fmt: skip
        self.keep(fresh)
        return fresh

    def keep(self, waiting: Waiting) -> None:
        """Write a letter down as it waits now.

        Raises:
            MachineError: there is no room, or it may not be written.
        """
        content = asdict(waiting)
        del content["path"]
        message = content["letter"]["message"]
        for name in ("html", "images", "facts"):  # made again for the next try of a price message
            message.pop(name, None)
        try:
            waiting.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise durable.machine_error(error, waiting.path.parent) from error
        durable.write_text(waiting.path, json.dumps(json_lines.plain(content), ensure_ascii=False, indent=1) + "\n")

    def tried(self, waiting: Waiting, now: dt.datetime, error: str, *, is_doubtful: bool) -> Waiting:
        """Note a try that failed, and return the letter with the moment of the next one."""
        minutes = SPACING_MINUTES[min(waiting.tried_count, len(SPACING_MINUTES) - 1)]
        kept = replace(
            waiting, why="not_taken", tried_count=waiting.tried_count + 1, error=error,
            next_try_at=now + dt.timedelta(minutes=minutes), is_doubtful=waiting.is_doubtful or is_doubtful,
        )  # fmt: skip
        self.keep(kept)
        return kept

    def remove(self, waiting: Waiting) -> None:
        """Take a letter out."""
        waiting.path.unlink(missing_ok=True)

    def _path(self, channel_id: str, key: str) -> Path:
        return self.folder / channel_id / f"{key}.json"


def key_of(kind: str, *words: str) -> str:
    """Return the key of a matter: a word a file may be called by, however long or odd the words are."""
    return f"{kind}-{hashlib.sha256(chr(10).join(words).encode('utf-8', 'replace')).hexdigest()[:12]}"


def owed(waiting: Iterable[Waiting]) -> dict[str, Told]:
    """Return what price messages in the outbox would have told, by episode."""
    return {told.episode_id: told for each in waiting if each.letter.kind == "price" for told in each.episodes()}


def _is_same(one: Message, other: Message) -> bool:
    return one.name == other.name or (one.title, one.body) == (other.title, other.body)


def _read(path: Path) -> Waiting | None:
    """A file that cannot be read is none of ours: the state of the alerts is told from the data again."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        moments = {
            name: dt.datetime.fromisoformat(raw[name]) if raw[name] else None
            for name in ("queued_at", "next_try_at", "held_since")
        }
        letter = raw["letter"]
        received_at = letter["received_at"]
        return Waiting(
            **raw | moments | {
                "path": path,
                "letter": Letter(**letter | {
                    "message": Message(**letter["message"]),
                    "received_at": dt.datetime.fromisoformat(received_at) if received_at else None,
                }),
            }
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
