"""From published price transitions to messages: few, each once, none lost.

Reads the regulator edition, compares with the log of what was sent, and tells every channel the newest transition
of each episode. That an episode is over is told to those who heard of it, so a first call on old data tells open
episodes alone. What late or corrected quotes change is told as a correction, never as a new alert. A dead channel
keeps its messages pending until the next call. The three alarms never mix: their titles open with 【价格预警】,
【数据可信】 or 【系统故障】.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.alerting import alert_log, alert_message, alert_news, channels
from pipelines.alerting.alert_log import SentLog, Told
from pipelines.alerting.channels import Channel, Message
from pipelines.errors import WrongCallError
from pipelines.rules.levels import Row
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

PRICE, DATA, MACHINE = "【价格预警】", "【数据可信】", "【系统故障】"


@dataclass
class Summary:
    """What a call did. `sent` and `pending` count messages over all channels.

    `suppressed` counts transitions that are no news: too old, or the end of what a channel never heard of.
    """

    sent: int = 0
    pending: int = 0
    suppressed: int = 0
    titles: list[str] = field(default_factory=list)
    dead_channels: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON types."""
        return asdict(self)


def send(settings: Settings, edition: duckdb.DuckDBPyConnection | Path | None = None) -> Summary:
    """Send what changed since the last call; safe to call again at any time.

    Args:
        settings: language, addresses, and the folder of messages and of the log.
        edition: a published regulator edition or a connection to one; by default the one of the settings.

    Raises:
        WrongCallError: nothing is published yet.
    """
    published = _read(settings.editions / "regulator.duckdb" if edition is None else edition)
    summary = Summary()
    if published.data_through == dt.date.min:  # no price at all: nothing is known to have changed
        return summary
    stale: set[str] = set()
    with alert_log.opened(settings.alerts) as log:
        for channel in channels.of(settings):
            news = alert_news.of(log, channel.channel_id, published.events, published.data_through)
            stale.update(news.stale)
            for event in news.known:
                log.add(channel.channel_id, [event], ended=news.replaced.get(event["event_id"], ()))
            for events in _by_shock(news.wanted):
                ended = [told for event in events for told in news.replaced.get(event["event_id"], ())]
                _tell(channel, _message(events, published, settings.language), summary, log, events, ended)
            for gone in _by_product(news.gone):
                ended = [told.episode_id for told in gone]
                _tell(channel, _calling_off(gone, published, settings.language), summary, log, [], ended)
    summary.suppressed = len(stale)
    return summary


def _tell(
    channel: Channel, message: Message, summary: Summary, log: SentLog, events: list[Row], ended: list[str]
) -> None:
    if not channel.deliver(message):
        summary.pending += 1
        _once(summary.dead_channels, channel.channel_id)
        return
    log.add(channel.channel_id, events, ended=ended, title=message.title, message=message.name, sent_at=_now())
    summary.sent += 1
    _once(summary.titles, message.title)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class _Published:
    events: list[Row]
    alerts: list[Row]
    others: list[Row]
    data_through: dt.date


def _read(edition: duckdb.DuckDBPyConnection | Path) -> _Published:
    import duckdb

    if isinstance(edition, Path):
        if not edition.exists():
            raise WrongCallError(f"no edition at {edition.name}: run `sandwatch run` to publish one, then alert")
        # The pointer is followed first: a path that is open in this process would be the old file.
        with duckdb.connect(str(edition.resolve()), read_only=True) as con:
            return _read(con)
    events = _rows(edition, "SELECT * FROM mart.price_alert_event")
    alerts = _rows(edition, "SELECT * FROM mart.price_alert")
    others = _rows(edition, "SELECT * FROM mart.price_level_week WHERE NOT is_lead AND rules_met IS NOT NULL")
    weeks = _rows(edition, "SELECT MAX(last_quoted_on) AS data_through FROM mart.price_index_week")
    known = [day for day in (weeks[0]["data_through"], *(event["event_on"] for event in events)) if day]
    return _Published(events, alerts, others, max(known, default=dt.date.min))


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    result = con.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _by_shock(events: Iterable[Row]) -> list[list[Row]]:
    """One product moving one way in one week is one message, however many places it hits."""
    shocks: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for event in events:
        shocks[(event["week_start"], event["product_id"], event["direction"])].append(event)
    return [shocks[key] for key in sorted(shocks)]


def _by_product(gone: Iterable[Told]) -> list[list[Told]]:
    found: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for told in gone:
        found[told.product_id, told.direction].append(told)
    return [sorted(found[key], key=lambda told: told.episode_id) for key in sorted(found)]


def _message(events: list[Row], published: _Published, language: str) -> Message:
    first = events[0]
    # A correction may come back to a transition that was sent before: its file must not replace the first one.
    ids = sorted(event["event_id"] + (event["from_level"] if "is_corrected" in event else "") for event in events)
    name = _name(first["product_id"], first["direction"], ids)
    title, body = alert_message.render(
        events,
        published.alerts,
        published.data_through,
        others=published.others,
        language=language,
        message_id=name,
    )
    rises = any(event["event"] in ("opened", "raised") for event in events)
    return Message(
        title=channels.without_plates(PRICE + title),
        body=channels.without_plates(body),
        folder=first["iso_week"],
        name=name,
        kind="warning" if rises else "info",
    )


def _calling_off(gone: list[Told], published: _Published, language: str) -> Message:
    """A message that episodes told are no more, because corrected data took away the rise itself."""
    first = gone[0]
    name = _name(first.product_id, first.direction, ["gone", *(told.event_id for told in gone)])
    title, body = alert_message.render_gone(gone, published.data_through, language=language, message_id=name)
    return Message(
        title=channels.without_plates(PRICE + title),
        body=channels.without_plates(body),
        folder=published.data_through.strftime("%G-W%V"),
        name=name,
        kind="info",
    )


def _name(product_id: str, direction: str, ids: Iterable[str]) -> str:
    """Name of a message and its file: readable by its start, told apart by its digest."""
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:8]
    return f"price-{channels.file_word(product_id)}-{direction}-{digest}"


def machine_alarm(settings: Settings, title: str, body: str) -> bool:
    """Tell the engineers that the machine or our code broke; True where every channel took it.

    Sent at every call, and without the log: nothing that may be broken itself stands in its way.
    """
    message = _alarm(MACHINE, "machine", title, body)
    # All are tried: a dead channel must not hold up the others.
    taken = [channel.deliver(message) for channel in channels.of(settings)]
    return all(taken)


def data_alarm(settings: Settings, title: str, body: str) -> bool:
    """Tell those who repair a feed that its data are not trusted; True where every channel took it.

    A channel that took the same title and body last is not told again, until `data_recovered`.
    """
    message = _alarm(DATA, "data", title, body)
    digest = hashlib.sha256(f"{message.title}\n{message.body}".encode()).hexdigest()
    taken = []
    with alert_log.opened(settings.alerts) as log:
        for channel in channels.of(settings):
            is_known = log.alarm(channel.channel_id, message.title) == digest
            taken.append(is_known or channel.deliver(message))
            if taken[-1] and not is_known:
                log.add_alarm(channel.channel_id, message.title, digest, message=message.name, sent_at=_now())
    return all(taken)


def data_recovered(settings: Settings, title: str) -> None:
    """Note that the matter of the data alarms of this title is over: the next one is news, whatever it says."""
    told = DATA + channels.without_plates(title)
    with alert_log.opened(settings.alerts) as log:
        for channel_id in log.alarms(told):
            log.add_alarm(channel_id, told, None)


def _alarm(prefix: str, folder: str, title: str, body: str) -> Message:
    now = dt.datetime.now(dt.UTC)
    digest = hashlib.sha256(f"{title}\n{body}".encode()).hexdigest()[:8]
    return Message(
        title=prefix + channels.without_plates(title),
        body=channels.without_plates(body),
        folder=folder,
        name=f"{now:%Y%m%dT%H%M%S}-{digest}",
        kind="failure" if prefix == MACHINE else "warning",
    )


def _once(found: list[str], item: str) -> None:
    if item not in found:
        found.append(item)
