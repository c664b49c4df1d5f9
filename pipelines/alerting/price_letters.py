"""From transitions that are news to letters: grouped by shock, in the reader's language, with all that is known."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipelines.alerting import alert_facts, alert_message, channels, waiting_words
from pipelines.alerting.alert_facts import Context
from pipelines.alerting.alert_log import Told
from pipelines.alerting.alert_news import News
from pipelines.alerting.channels import Image, Message
from pipelines.alerting.outbox import Letter, Waiting
from pipelines.alerting.published_prices import PublishedPrices
from pipelines.alerting.routing import Recipient
from pipelines.alerting.triage import Triage
from pipelines.rules import levels
from pipelines.rules.levels import Row

PRICE = "【价格预警】"
_MAIL = "mailto"  # schemes whose messages carry HTML and a chart


@dataclass(frozen=True)
class Writer:
    """Writes the letters of one channel from a published edition, at a moment."""

    published: PublishedPrices
    recipient: Recipient
    triage: Triage
    stale_days: int | None
    now: dt.datetime

    def letters(self, news: News, waiting: Iterable[Waiting]) -> list[tuple[Letter, Waiting | None]]:
        """Return what the channel is told, each letter with the one in the outbox whose place it takes.

        One product moving one way in one week is one letter, however many places it hits.
        """
        elders = [each for each in waiting if each.letter.kind == "price"]
        shocks: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for event in news.wanted:
            shocks[(event["week_start"], event["product_id"], event["direction"])].append(event)
        found = []
        for key in sorted(shocks):
            events = shocks[key]
            ended = [told for event in events for told in news.replaced.get(event["event_id"], ())]
            elder = _elder(elders, {event["episode_id"] for event in events})
            found.append((self._letter(events, ended, elder), elder))
        gone: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for told in news.gone:
            gone[told.product_id, told.direction].append(told)
        for pair in sorted(gone):
            taken = sorted(gone[pair], key=lambda told: told.episode_id)
            elder = _elder(elders, {told.episode_id for told in taken})
            found.append((self._calling_off(taken), elder))
        return found

    def _letter(self, events: list[Row], ended: list[str], elder: Waiting | None) -> Letter:
        first, language = events[0], self.recipient.language
        # A correction may come back to a transition that was sent before: its file must not replace the first one.
        ids = sorted(event["event_id"] + (event["from_level"] if "is_corrected" in event else "") for event in events)
        name = _name(first["product_id"], first["direction"], ids)
        at = waiting_words.since(elder, self.now)
        context = Context(
            stale_days=self.stale_days,
            held_since=at,
            held_reason=waiting_words.reason(elder, self.now, language) if elder and at else None,
            triage={event["episode_id"]: self.triage.said(event["episode_id"]) for event in events},
            drivers=alert_facts.drivers(
                self.published.drivers, [e for e in events if e["event"] != "closed"], language
            ),
        )
        prices = self.published
        given: dict[str, Any] = {"language": language, "message_id": name, "context": context}
        title, body = alert_message.render(events, prices.alerts, prices.data_through, others=prices.others, **given)
        facts = alert_message.facts(events, prices.alerts, prices.data_through, **given)
        rises = any(event["event"] in ("opened", "raised") for event in events)
        level = max((event["level"] for event in events), key=levels.load("price_level").rank)
        message = self._illustrated(
            Message(
                title=channels.without_plates(PRICE + title),
                body=channels.without_plates(body),
                folder=first["iso_week"],
                name=name,
                kind="warning" if rises else "info",
                facts=channels.facts_without_plates(facts),
                level=level,
            ),
            events,
        )
        entry = {"events": events, "ended": ended}
        return Letter("price", name, message, level, entry, prices.received_at(events))

    def _illustrated(self, message: Message, events: list[Row]) -> Message:
        """The message with HTML and the chart of its first place, where its channel can show them."""
        if not is_mail(self.recipient):
            return message
        from pipelines.alerting import alert_chart

        first = message.facts["events"][0]["event_id"]
        event = next(event for event in events if event["event_id"] == first)
        language = self.recipient.language
        png = alert_chart.png(event, self.published.weeks, language)
        picture = {"image": "chart", "alt": channels.without_plates(alert_chart.alt(event, language))} if png else {}
        html = alert_message.render_html(
            message.title, message.body, level=message.level, language=language, **picture
        )
        return replace(message, html=html, images=(Image("chart", png),) if png else ())

    def _calling_off(self, gone: list[Told]) -> Letter:
        """A letter that episodes told are no more, because corrected data took away the rise itself."""
        first, through, language = gone[0], self.published.data_through, self.recipient.language
        name = _name(first.product_id, first.direction, ["gone", *(told.event_id for told in gone)])
        title, body = alert_message.render_gone(gone, through, language=language, message_id=name)
        message = Message(
            title=channels.without_plates(PRICE + title + waiting_words.overdue(self.stale_days, language)),
            body=channels.without_plates(body),
            folder=through.strftime("%G-W%V"),
            name=name,
            level=levels.NO_LEVEL,
        )
        entry: Mapping[str, Any] = {"events": [], "ended": [told.episode_id for told in gone]}
        return Letter("price", name, message, levels.NO_LEVEL, entry)


def is_mail(recipient: Recipient) -> bool:
    """Whether a channel shows HTML and a chart."""
    return recipient.channel_id.startswith(_MAIL)


def _elder(waiting: Iterable[Waiting], episodes: set[str]) -> Waiting | None:
    """The first letter that waits to tell of one of the episodes."""
    return next((each for each in waiting if any(told.episode_id in episodes for told in each.episodes())), None)


def _name(product_id: str, direction: str, ids: Iterable[str]) -> str:
    """Name of a message and its file: readable by its start, told apart by its digest."""
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:8]
    return f"price-{channels.file_word(product_id)}-{direction}-{digest}"
