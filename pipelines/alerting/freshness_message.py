"""Words for sources that are silent or late: one message to whoever repairs them, Chinese by default or English."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from pipelines.alerting import alert_message
from pipelines.alerting.sources import CHASED, GAP_WINDOW_DAYS, Source, Standing
from pipelines.rules.levels import Row
from pipelines.settings import ROOT

_SHOWN = 10  # sources told in a message; the others are in the chase list
_LONGEST = 60


@cache
def words(language: str) -> Mapping[str, Any]:
    """Return the names of feeds, states and cadences, and what is asked for, in a language."""
    path = ROOT / "pipelines" / "alerting" / "messages" / "freshness.yaml"
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))[language]
    return found


def line(text: str) -> str:
    """Return text from outside as it fits a line: no control signs, no breaks, not too long."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def name(source: Source, language: str) -> str:
    """Return what a person calls the source: county and site, a profile, or a whole feed."""
    said = words(language)
    if source.is_site:
        return line(f"{source.place} {source.source_id}")
    feed = feed_name(source.feed, language)
    profile = line(source.source_id) if source.source_id != "default" or source.source_count > 1 else ""
    if source.source_count > 1:
        part = said["whole_profile"] if profile else said["whole"]
        return f"{feed} {part.format(profile=profile, count=source.source_count)}"
    return f"{feed} {said['profile'].format(profile=profile)}" if profile else feed


def feed_name(feed: str, language: str) -> str:
    """Return the name of a feed for people; one without words bears its own."""
    return str(words(language)["feed"].get(feed, feed))


def ask(source: Source, language: str) -> str:
    """Return what the source is asked for."""
    asks = words(language)["ask"]
    if source.source_count > 1 or (not source.source_id and not source.is_site):
        return str(asks["whole"])
    if source.cadence == "irregular":
        return str(asks["irregular"])
    return str(asks[source.state] if source.is_site else asks["quote"])


def contact(source: Source) -> str:
    """Return name and phone of the person to call; empty where the register names neither."""
    return line(" ".join(filter(None, (source.contact_name, source.contact_phone))))


def render(
    standing: Standing,
    who_fixes: str,
    before: Mapping[str, str] | None,
    *,
    language: str = "zh",
    message_id: str = "",
) -> tuple[str, str]:
    """Return title (without its alarm prefix) and body of one message.

    Args:
        standing: all sources on a day.
        who_fixes: whom the message is for; only what they repair is told.
        before: what the channel was told last, key of a source to its state; None where nothing is open.
        language: zh or en.
        message_id: shown at the end, so that a reader can name the message.
    """
    chased = [source for source in standing.chased if source.who_fixes == who_fixes]
    states = {source.key: source.state for source in chased}
    told = before or {}
    gone = {key: state for key, state in told.items() if key not in states}
    recovered, dropped = _gone(standing, gone, language)
    facts = {
        "as_of": standing.as_of,
        "who_fixes": who_fixes,
        "total": len(chased),
        "counts": [
            (words(language)["state"][state], n) for state in CHASED if (n := [*states.values()].count(state))
        ],
        "shown": [_spoken(source, told, language) for source in chased[:_SHOWN]],
        "rest": max(len(chased) - _SHOWN, 0),
        "longest": max((source.missed_count for source in chased), default=0),
        "recovered": recovered,
        "dropped": dropped,
        "is_first": before is None,
        "is_reminder": before == states and bool(states),
        "years": standing.unknown_years,
        "no_contact": words(language)["no_contact"],
        "loaded_at": standing.loaded,
        "message_id": message_id,
    }
    text = str(alert_message.template(f"freshness.{language}").make_module(facts)).strip()
    title, _, body = text.partition("\n")
    return title.strip(), body.strip()


def _gone(standing: Standing, gone: Mapping[str, str], language: str) -> tuple[list[str], list[str]]:
    """Names of what is chased no more: those that send again, and those left out for another reason."""
    known = {source.key: source for source in standing.sources}
    said = words(language)
    recovered, dropped = [], []
    for key, state in gone.items():
        feed, _, part = key.partition("/")
        source = known.get(key)
        if source is None and (not part or part.startswith("/")):  # its sources speak for themselves from here on
            recovered.append(" ".join(filter(None, (feed_name(feed, language), line(part[1:]), said["whole_over"]))))
        elif source is None:
            dropped.append(f"{line(part)} ({said['unregistered']})")
        elif source.state == "fresh" and state != "gap":
            recovered.append(name(source, language))
        elif source.state == "fresh":
            dropped.append(f"{name(source, language)} ({said['gap_over'].format(count=GAP_WINDOW_DAYS)})")
        elif source.state in ("ended", "unasked"):
            dropped.append(f"{name(source, language)} ({said['state'][source.state]})")
    return recovered, dropped


def _spoken(source: Source, told: Mapping[str, str], language: str) -> Row:
    return {
        "name": name(source, language),
        "feed": feed_name(source.feed, language),
        "firm": line(source.firm_name),
        "state": words(language)["state"][source.state],
        "is_late": source.state == "late",
        "is_gap": source.state == "gap",
        "is_new": told.get(source.key) != source.state,
        "lag_days": source.lag_days,
        "missed_count": source.missed_count,
        "allowed_days": source.allowed_days,
        "silences": source.silences,
        "last_on": source.last_on,
        "is_site": source.is_site,
        "contact": contact(source),
        "ask": ask(source, language),
    }
