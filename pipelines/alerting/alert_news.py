"""What is news to a channel: the published transitions against what it was told, corrected data included.

A late or corrected quote can move the week an episode opened in, and with it the episode's id. What a reader knows
is a level of a product in an area; only what differs from that is told, whatever id or week it bears now.

Few, too: who asks for 黄 and higher hears of a place when it rises there, with all that went before, and once when it
falls below. An equal alert within half a year waits for the weekly report where nothing is to be done yet, or where
only a statistical method gave it; percentages at 黄 and higher are always told, because a second rise in half a year
is news to who must act. A false alarm is heard of again only above the level at which somebody said so.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.alerting.alert_log import Place, SentLog, Told, place_of, state_of
from pipelines.alerting.routing import Recipient
from pipelines.alerting.triage import Triage, grouped
from pipelines.rules import levels
from pipelines.rules.levels import Row
from pipelines.rules.policy import compare


@dataclass
class News:
    """What a channel is told, and what is only written down."""

    wanted: list[Row] = field(default_factory=list)  # to be sent
    known: list[Row] = field(default_factory=list)  # the reader knows it already, or does not want to
    gone: list[Told] = field(default_factory=list)  # told, open, and no more in the data: to be called off
    dropped: list[Told] = field(default_factory=list)  # no more in the data, and of no interest to the reader
    replaced: dict[str, list[str]] = field(default_factory=dict)  # event: episodes told that it goes on with
    stale: list[str] = field(default_factory=list)  # too old, too like the last one, or the end of what nobody heard


@dataclass(frozen=True)
class Owed:
    """What waits in the outbox of a channel, by episode; of `doubtful` ones the reader may know all the same."""

    told: Mapping[str, Told] = field(default_factory=dict)
    doubtful: Collection[str] = ()


def of(
    log: SentLog,
    recipient: Recipient,
    events: Iterable[Row],
    data_through: dt.date,
    *,
    owed: Owed | None = None,
    triage: Triage | None = None,
) -> News:
    """Return what is news to a channel.

    Args:
        log: what was told so far.
        recipient: the channel, and what it asks for.
        events: rows of mart.price_alert_event.
        data_through: newest date of the price data, which age is counted from.
        owed: what the channel would have heard if it had been there. It is told how that stands now, even that it is
            over, and however old it is.
        triage: what people decided.
    """
    return _Reader(log, recipient, data_through, owed or Owed(), triage).read(list(events))


@dataclass
class _Reader:
    log: SentLog
    recipient: Recipient
    data_through: dt.date
    owed: Owed
    triage: Triage | None

    def read(self, events: list[Row]) -> News:
        newest = {event["episode_id"]: event for event in sorted(events, key=_by_week)}
        last_at = {place_of(event): event for event in sorted(newest.values(), key=_by_week)}
        self.by_episode = grouped(events)
        told_before = self.log.still_open(self.recipient.channel_id)
        lost = _vanished(told_before, newest)
        waiting = _vanished(self.owed.told.values(), newest)
        news = News()
        for event in newest.values():
            place = place_of(event)
            is_last = last_at[place] is event
            before = self.log.told(self.recipient.channel_id, event["episode_id"])
            if before is None and is_last and _goes_on(lost[place], event):
                before = lost[place][-1]
                news.replaced[event["event_id"]] = [told.episode_id for told in lost.pop(place)]
            is_owed = event["episode_id"] in self.owed.told
            if not is_owed and is_last and _goes_on(waiting[place], event):
                is_owed = bool(waiting.pop(place))
            self._sort(news, event, before, is_owed=is_owed)
        doubtful = [told for place in waiting.values() for told in place if told.episode_id in self.owed.doubtful]
        for told in [told for place in lost.values() for told in place] + doubtful:
            (news.gone if self._cares(told) else news.dropped).append(told)
        return news

    def _sort(self, news: News, event: Row, before: Told | None, *, is_owed: bool) -> None:
        rule = levels.load("price_level")
        floor, rank = self.recipient.floor(event), rule.rank(event["level"])
        is_corrected = before is not None and (
            event["event_id"] in news.replaced or event["iso_week"] <= before.iso_week
        )
        if before is None and rank == 0 and not is_owed:  # over before anybody heard of it
            news.stale.append(event["event_id"])
        elif before is not None and state_of(event) == before.state and not self._may_know_other(event):
            if event["event_id"] != before.event_id:
                news.known.append(event)
        elif self._is_unasked(floor, rank, before, is_owed=is_owed) or self._is_dismissed(event["episode_id"]):
            if before is not None:
                news.known.append(event)
        elif is_corrected and before is not None:
            news.wanted.append(_corrected(event, before))
        elif not is_owed and (self._is_old(event) or (before is None and self._is_repeated(event))):
            news.stale.append(event["event_id"])
        else:
            news.wanted.append(event)

    def _is_unasked(self, floor: int | None, rank: int, before: Told | None, *, is_owed: bool) -> bool:
        """Whether the place is no matter of the reader, or stays below the level the reader asks for."""
        if floor is None:
            return True
        known = levels.load("price_level").rank(before.level) if before else 0
        return rank < floor and known < floor and not (is_owed and before is None)

    def _may_know_other(self, event: Row) -> bool:
        """Whether a message with another level may have reached the reader, though nobody said so."""
        told = self.owed.told.get(event["episode_id"])
        return told is not None and told.episode_id in self.owed.doubtful and told.state != state_of(event)

    def _is_dismissed(self, episode_id: str) -> bool:
        return self.triage is not None and bool(
            self.triage.dismissed(episode_id, self.by_episode.get(episode_id, ()))
        )

    def _is_old(self, event: Row) -> bool:
        days = levels.load("price_level").life["send_within_days"]
        return compare((self.data_through - event["event_on"]).days, "at_most", days) is not True

    def _is_repeated(self, event: Row) -> bool:
        """Whether the reader heard as much of the product and area lately, and need not hear it again."""
        rule = levels.load("price_level")
        life, rank = rule.raw["life"], rule.rank(event["level"])
        is_statistical = event.get("rung") in life["refractory_rungs"]["value"]
        if rank > rule.rank(life["refractory_level"]["value"]) and not is_statistical:
            return False
        return any(
            rule.rank(told.level) >= rank
            and compare(abs((event["event_on"] - told.on).days), "at_most", life["refractory_days"]["value"]) is True
            for told in self.log.heard(self.recipient.channel_id, place_of(event))
        )

    def _cares(self, told: Told) -> bool:
        """Whether the reader is told that corrected data took an episode away."""
        floor = self.recipient.floor(vars(told))
        return (
            floor is not None
            and levels.load("price_level").rank(told.level) >= floor
            and not self._is_dismissed(told.episode_id)
        )


def _by_week(event: Row) -> tuple[dt.date, str]:
    return event["week_start"], event["event_id"]


def _vanished(known: Iterable[Told], newest: Collection[str]) -> dict[Place, list[Told]]:
    found: dict[Place, list[Told]] = defaultdict(list)
    for told in known:
        if told.episode_id not in newest:
            found[told.place].append(told)
    return found


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
