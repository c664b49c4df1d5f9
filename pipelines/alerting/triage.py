"""What people decided about alerts: confirmed, a false alarm, a remark, hold everything; kept with who and when.

Nothing here changes a level, an episode or the report: it says what the channels are still told, and what the next
message adds. A decision is about a rise. Where corrected data give it another id, it goes on with the rise.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.alerting import json_lines
from pipelines.alerting.alert_log import Place, place_of
from pipelines.errors import WrongCallError
from pipelines.rules import levels
from pipelines.rules.levels import Row
from pipelines.settings import TIME_ZONE

ABOUT_EPISODES = ("ack", "dismiss", "note")
_KEPT = ("episode_id", "product_id", "product_name", "area_code", "area_name", "direction", "level", "iso_week")


@dataclass(frozen=True)
class Hold:
    """Since when nothing leaves, until when (None: until the release), why, by whom, and whether 红 waits too."""

    since: dt.datetime
    until: dt.datetime | None
    reason: str
    by: str
    is_red_held: bool

    def holds(self, kind: str, level: str | None) -> bool:
        """Whether a message waits for its end: all do, but for one at the highest level unless that is held too."""
        is_red = kind == "price" and level == levels.load("price_level").levels[-1]
        return self.is_red_held or not is_red


class Triage:
    """The decisions in `triage.jsonl`, and what they mean for the episodes of the data at hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "triage.jsonl"
        self.entries = list(json_lines.read(self.path))
        self._moved = {entry["episode_id"]: entry["to"] for entry in self.entries if entry["action"] == "moved"}

    def add(self, action: str, by: str, now: dt.datetime, **facts: Any) -> dict[str, Any]:
        """Write down a decision and return it as it is kept.

        Raises:
            MachineError: it cannot be written.
        """
        entry = {"at": now.astimezone(dt.UTC).isoformat(timespec="seconds"), "by": by, "action": action, **facts}
        json_lines.append(self.path, entry)
        self.entries.append(entry)
        return entry

    def add_about(self, action: str, alert: Row, by: str, now: dt.datetime, **facts: Any) -> dict[str, Any]:
        """Write down a decision about an episode, a row of mart.price_alert with the `iso_week` it was seen in."""
        kept = {name: alert[name] for name in _KEPT} | {"opened_on": str(alert["opened_on"])}
        return self.add(action, by, now, **kept, **facts)

    def hold(self, now: dt.datetime) -> Hold | None:
        """The hold in force at a moment."""
        last = next((e for e in reversed(self.entries) if e["action"] in ("hold", "release")), None)
        if last is None or last["action"] == "release":
            return None
        until = dt.datetime.fromisoformat(last["until"]) if last.get("until") else None
        if until and until <= now:
            return None
        since = dt.datetime.fromisoformat(last["at"])
        return Hold(since, until, last["reason"], last["by"], bool(last.get("is_red_held")))

    def follow(self, events: Iterable[Row], now: dt.datetime | None = None) -> None:
        """Learn which episode of the data at hand goes on with one that was decided about under another id.

        Args:
            events: rows of mart.price_alert_event.
            now: where given, what is new is written down, so that it is known when that episode goes too.

        Raises:
            MachineError: it cannot be written down.
        """
        newest: dict[str, Row] = {}
        last_at: dict[Place, Row] = {}
        for event in sorted(events, key=lambda event: (event["week_start"], event["event_id"])):
            newest[event["episode_id"]] = last_at[place_of(event)] = event
        for entry in [entry for entry in self.entries if entry["action"] in ABOUT_EPISODES]:
            known = self._ids(entry["episode_id"])
            last = last_at.get(place_of(entry))
            if last is None or not newest.keys().isdisjoint(known):
                continue
            if last["event"] != "closed" or str(last["event_on"]) >= entry["opened_on"]:
                self._moved[known[-1]] = last["episode_id"]
                if now:
                    self.add("moved", "sandwatch", now, episode_id=known[-1], to=last["episode_id"])

    def _ids(self, episode_id: str) -> list[str]:
        """The ids an episode bore since somebody decided about it, the newest last."""
        found = [episode_id]
        while (following := self._moved.get(found[-1])) and following not in found:
            found.append(following)
        return found

    def about(self, episode_id: str) -> list[dict[str, Any]]:
        """The decisions about an episode, in order."""
        return [
            entry
            for entry in self.entries
            if entry["action"] in ABOUT_EPISODES and episode_id in self._ids(entry["episode_id"])
        ]

    def said(self, episode_id: str) -> list[dict[str, Any]]:
        """What the next message tells of the decisions about an episode, in order.

        Returns:
            entries with `verb` (ack, dismiss or note), `actor`, `at` (local time to the minute) and `text`.
        """
        return [
            {"verb": entry["action"], "actor": entry["by"], "at": local(entry["at"]), "text": entry.get("text", "")}
            for entry in self.about(episode_id)
        ]

    def dismissed(self, episode_id: str, events: Iterable[Row] = ()) -> dict[str, Any] | None:
        """The decision that an episode is a false alarm, as long as it holds.

        It ends for good with a transition since then to a level above the one it was dismissed at: what is told then
        is told to its end.

        Args:
            episode_id: the episode.
            events: transitions of it, rows of mart.price_alert_event.
        """
        rule = levels.load("price_level")
        found = [entry for entry in self.about(episode_id) if entry["action"] == "dismiss"]
        if not found:
            return None
        rank, week = rule.rank(found[-1]["level"]), found[-1]["iso_week"]
        is_over = any(event["iso_week"] >= week and rule.rank(event["level"]) > rank for event in events)
        return None if is_over else found[-1]


def local(moment: str | dt.datetime) -> str:
    """Return a moment for people: local time to the minute."""
    at = dt.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{at.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%d %H:%M}"


def find(alerts: Sequence[Row], asked: str) -> Row:
    """Return the episode that a few words mean; among several an open one, if it is the only open one.

    Args:
        alerts: rows of mart.price_alert.
        asked: an episode_id, the beginning of one, or words of it, such as product, area or ISO week.

    Raises:
        WrongCallError: no episode is meant, or several are; the message lists them.
    """
    words = asked.replace("/", " ").split()
    exact = [alert for alert in alerts if alert["episode_id"] == asked]
    by_start = [alert for alert in alerts if asked and alert["episode_id"].startswith(asked)]
    by_words = [alert for alert in alerts if words and all(_says(alert, word) for word in words)]
    found = exact or by_start or by_words
    still_open = [alert for alert in found if alert["closed_on"] is None]
    if len(found) == 1 or len(still_open) == 1:
        return (still_open or found)[0]
    shown = still_open or found
    if not shown:
        raise WrongCallError(f"no price episode is meant by {asked!r}; `sandwatch alerts list --all` names them")
    listed = "; ".join(f"{a['episode_id']} ({a['product_name']} {a['area_name']} {a['level']})" for a in shown[:10])
    raise WrongCallError(f"{asked!r} means {len(shown)} episodes: {listed}. Give more of the one you mean")


def _says(alert: Mapping[str, Any], word: str) -> bool:
    """Whether a word is part of what the episode is called; product and area may be written together."""
    product, area = alert["product_name"], alert["area_name"]
    names = (f"{product}{area}", f"{area}{product}", alert["episode_id"], alert["opened_week"], alert["level"])
    return any(word in name for name in names)


def grouped(events: Iterable[Row]) -> dict[str, list[Row]]:
    """Return transitions by their episode."""
    found: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        found[event["episode_id"]].append(event)
    return found
