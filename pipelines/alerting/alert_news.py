"""What is news to a channel: the published transitions against what it was told, corrected data included.

A late or corrected quote can move the week an episode opened in, and with it the episode's id. What a reader knows
is a level of a product in an area; only what differs from that is told, whatever id or week it bears now.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.alerting.alert_log import SentLog, Told
from pipelines.rules import levels
from pipelines.rules.levels import Row
from pipelines.rules.policy import compare


@dataclass
class News:
    """What a channel is told, and what is only written down."""

    wanted: list[Row] = field(default_factory=list)  # to be sent
    known: list[Row] = field(default_factory=list)  # the reader knows it already, under another week or id
    gone: list[Told] = field(default_factory=list)  # told, open, and no more in the data: to be called off
    replaced: dict[str, list[str]] = field(default_factory=dict)  # event: episodes told that it goes on with
    stale: list[str] = field(default_factory=list)  # too old, or the end of what was never heard of


def of(log: SentLog, channel_id: str, events: Iterable[Row], data_through: dt.date) -> News:
    """Return what is news to a channel.

    Args:
        log: what was told so far.
        channel_id: the channel.
        events: rows of mart.price_alert_event.
        data_through: newest date of the price data, which age is counted from.
    """
    newest = {event["episode_id"]: event for event in sorted(events, key=_by_week)}
    last_at = {Told.of(event).place: event for event in sorted(newest.values(), key=_by_week)}
    lost: dict[tuple[str, str, str], list[Told]] = defaultdict(list)
    for told in log.still_open(channel_id):
        if told.episode_id not in newest:
            lost[told.place].append(told)
    news = News()
    for event in newest.values():
        told_now, place = Told.of(event), Told.of(event).place
        before = log.told(channel_id, event["episode_id"])
        if before is None and last_at[place] is event and _goes_on(lost[place], event):
            before = lost[place][-1]
            news.replaced[event["event_id"]] = [told.episode_id for told in lost.pop(place)]
        is_corrected = before is not None and (
            event["event_id"] in news.replaced or event["iso_week"] <= before.iso_week
        )
        if before is None and event["level"] == levels.NO_LEVEL:  # over before anybody heard of it
            news.stale.append(event["event_id"])
        elif before is not None and told_now.state == before.state:
            if told_now.event_id != before.event_id:
                news.known.append(event)
        elif is_corrected and before is not None:
            news.wanted.append(_corrected(event, before))
        elif _is_old(event, data_through):
            news.stale.append(event["event_id"])
        else:
            news.wanted.append(event)
    news.gone = [told for place in lost.values() for told in place]
    return news


def _by_week(event: Row) -> tuple[dt.date, str]:
    return event["week_start"], event["event_id"]


def _is_old(event: Row, data_through: dt.date) -> bool:
    days = levels.load("price_level").life["send_within_days"]
    return compare((data_through - event["event_on"]).days, "at_most", days) is not True


def _goes_on(lost: list[Told], event: Row) -> bool:
    """Whether the transition is of the rise that was told: open still, or not closed before that one was seen."""
    return bool(lost) and (event["event"] != "closed" or str(event["event_on"]) >= lost[-1].opened_on)


def _corrected(event: Row, before: Told) -> Row:
    """The transition as the reader sees it: from the level that was told."""
    rule = levels.load("price_level")
    event_name = "raised" if rule.rank(event["level"]) > rule.rank(before.level) else "lowered"
    return event | {
        "event": "closed" if event["event"] == "closed" else event_name,
        "from_level": before.level,
        "is_corrected": True,
    }
