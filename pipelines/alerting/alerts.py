"""From published price transitions to messages: few, each once, none lost.

Reads the regulator edition, compares with the log of what was sent, and tells every channel the newest transition
of each episode. That an episode is over is told to those who heard of it, so a first call on old data tells open
episodes alone. A dead channel keeps its messages pending until the next call. The three alarms never mix: their
titles open with 【价格预警】, 【数据可信】 or 【系统故障】.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.alerting import alert_log, alert_message, channels
from pipelines.alerting.channels import Message
from pipelines.errors import WrongCallError
from pipelines.rules import levels
from pipelines.rules.levels import Row
from pipelines.rules.policy import compare
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
    if not published.events:
        return summary
    fresh, old = _newest(published)
    unheard: set[str] = set()
    titles: dict[str, None] = {}
    with alert_log.opened(settings.alerts) as log:
        for channel in channels.of(settings):
            wanted = []
            for event in fresh:
                if _is_over(event) and not log.has_heard_of(channel.channel_id, event["episode_id"]):
                    unheard.add(event["event_id"])
                elif not log.has(channel.channel_id, event["event_id"]):
                    wanted.append(event)
            for events in _by_shock(wanted):
                message = _message(events, published, settings.language)
                if not channel.deliver(message):
                    summary.pending += 1
                    _once(summary.dead_channels, channel.channel_id)
                    continue
                ids = [event["event_id"] for event in events]
                now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
                log.add(channel.channel_id, ids, title=message.title, message=message.name, sent_at=now)
                summary.sent += 1
                titles[message.title] = None
    summary.titles = list(titles)
    summary.suppressed = len(old) + len(unheard)
    return summary


def _is_over(event: Row) -> bool:
    """Whether the transition leaves no level in force: news only to those who know of one."""
    level: str = event["level"]
    return level == levels.NO_LEVEL  # a closed episode has none either


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


def _newest(published: _Published) -> tuple[list[Row], list[Row]]:
    """Newest transition of each episode, and those among them that are too old to be news."""
    newest: dict[str, Row] = {}
    for event in sorted(published.events, key=lambda row: (row["week_start"], row["event_id"])):
        newest[event["episode_id"]] = event
    days = levels.load("price_level").life["send_within_days"]
    fresh: list[Row] = []
    old: list[Row] = []
    for event in newest.values():
        age = (published.data_through - event["event_on"]).days
        (fresh if compare(age, "at_most", days) else old).append(event)
    return fresh, old


def _by_shock(events: Iterable[Row]) -> list[list[Row]]:
    """One product moving one way in one week is one message, however many places it hits."""
    shocks: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for event in events:
        shocks[(event["week_start"], event["product_id"], event["direction"])].append(event)
    return [shocks[key] for key in sorted(shocks)]


def _message(events: list[Row], published: _Published, language: str) -> Message:
    digest = hashlib.sha256("\n".join(sorted(event["event_id"] for event in events)).encode()).hexdigest()[:8]
    first = events[0]
    name = f"price-{first['product_id']}-{first['direction']}-{digest}"
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


def machine_alarm(settings: Settings, title: str, body: str) -> bool:
    """Tell the engineers that the machine or our code broke; True where every channel took it."""
    return _alarm(settings, MACHINE, "machine", title, body)


def data_alarm(settings: Settings, title: str, body: str) -> bool:
    """Tell those who repair a feed that its data are not trusted; True where every channel took it."""
    return _alarm(settings, DATA, "data", title, body)


def _alarm(settings: Settings, prefix: str, folder: str, title: str, body: str) -> bool:
    now = dt.datetime.now(dt.UTC)
    digest = hashlib.sha256(f"{title}\n{body}".encode()).hexdigest()[:8]
    message = Message(
        title=prefix + channels.without_plates(title),
        body=channels.without_plates(body),
        folder=folder,
        name=f"{now:%Y%m%dT%H%M%S}-{digest}",
        kind="failure" if prefix == MACHINE else "warning",
    )
    # All are tried: a dead channel must not hold up the others.
    taken = [channel.deliver(message) for channel in channels.of(settings)]
    return all(taken)


def _once(found: list[str], item: str) -> None:
    if item not in found:
        found.append(item)
