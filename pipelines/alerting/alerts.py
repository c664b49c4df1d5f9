"""From published price transitions to messages: few, each once, none lost.

Reads the regulator edition, compares with the log of what was sent, and tells every channel the newest transition
of each episode. That an episode is over is told to those who heard of it, so a first call on old data tells open
episodes alone. What late or corrected quotes change is told as a correction, never as a new alert. What a channel
does not take waits in the outbox. The three alarms never mix: their titles open with 【价格预警】, 【数据可信】 or
【系统故障】.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.alerting import alert_news, channels, outbox, post, published_prices
from pipelines.alerting.alert_news import Owed
from pipelines.alerting.channels import Message
from pipelines.alerting.outbox import Letter
from pipelines.alerting.post import Office
from pipelines.alerting.price_letters import PRICE, Writer, is_mail
from pipelines.alerting.published_prices import PublishedPrices
from pipelines.alerting.routing import Recipient
from pipelines.errors import MachineError
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

__all__ = ["DATA", "MACHINE", "PRICE", "Summary", "data_alarm", "data_recovered", "machine_alarm", "send"]
DATA, MACHINE = "【数据可信】", "【系统故障】"


@dataclass
class Summary:
    """What a call did. `sent` and `pending` count messages over all channels.

    Of the pending ones, `waiting` are not tried now: quiet hours, a hold, or a channel that failed a short while ago.
    `suppressed` counts transitions that are no news: too old, like one told lately, or the end of what a channel
    never heard of.
    """

    sent: int = 0
    pending: int = 0
    suppressed: int = 0
    titles: list[str] = field(default_factory=list)
    dead_channels: list[str] = field(default_factory=list)
    waiting: int = 0

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON types."""
        return asdict(self)


def send(
    settings: Settings,
    edition: duckdb.DuckDBPyConnection | Path | None = None,
    *,
    now: dt.datetime | None = None,
    is_forced: bool = False,
) -> Summary:
    """Send what changed since the last call, and what waits and may go; safe to call again at any time.

    Args:
        settings: language, addresses and routes, and the folder of messages and of the log.
        edition: a published regulator edition or a connection to one; by default the one of the settings.
        now: the moment that quiet hours, holds, tries and the age of the data go by; default the clock.
        is_forced: try what is not due yet; quiet hours and a hold stand.

    Raises:
        WrongCallError: nothing is published yet; or the file of the routes is wrong: who needs no route was told.
        MachineError: something could not be written down; it was not sent and will be at the next call.
    """
    stale: set[str] = set()
    with post.opened(settings, now, is_forced=is_forced) as office:
        office.forward()
        published = published_prices.read(
            settings.editions / "regulator.duckdb" if edition is None else edition,
            with_weeks=any(is_mail(recipient) for recipient in office.recipients),
        )
        if published.data_through != dt.date.min:  # without a price nothing is known to have changed
            office.triage.follow(published.events, office.clock())
            for recipient in office.recipients:
                try:
                    stale.update(_tell(office, recipient, published))
                except MachineError as error:  # the others are still told what can be written down
                    office.trouble = office.trouble or error
    tally = office.tally
    return Summary(tally.sent, tally.pending, len(stale), tally.titles, tally.dead_channels, tally.waiting)


def _tell(office: Office, recipient: Recipient, published: PublishedPrices) -> list[str]:
    """Tell one channel what is news to it; return the transitions that are none."""
    channel_id, log, now = recipient.channel_id, office.log, office.clock()
    waiting = [each for _, each in office.outbox.waiting(channel_id) if each.letter.kind == "price"]
    # What the log has was taken: only the run that told it was killed before it could take the letter out.
    unheard = [each for each in waiting if not _is_logged(office, recipient, each.letter)]
    doubtful = outbox.owed(each for each in unheard if each.is_doubtful)
    owed = Owed(outbox.owed(unheard), frozenset(doubtful))
    news = alert_news.of(log, recipient, published.events, published.data_through, owed=owed, triage=office.triage)
    for event in news.known:
        log.add(channel_id, [event], ended=news.replaced.get(event["event_id"], ()))
    if news.dropped:
        log.add(channel_id, ended=[told.episode_id for told in news.dropped])
    stale_days = published.stale_days(office.settings, now)
    writer = Writer(published, recipient, office.triage, stale_days, now)
    kept = set()
    for letter, elder in writer.letters(news, unheard):
        office.post(recipient, letter, elder)
        kept.add(letter.key)
    for each in waiting:
        if each.letter.key not in kept and each.path.exists():
            office.take_back(recipient, each, "withdrawn" if each in unheard else "taken")
    return news.stale


def _is_logged(office: Office, recipient: Recipient, letter: Letter) -> bool:
    told = [office.log.told(recipient.channel_id, event["episode_id"]) for event in letter.entry.get("events", [])]
    events = letter.entry.get("events", [])
    return bool(events) and all(
        told and told.event_id == event["event_id"] for told, event in zip(told, events, strict=True)
    )


def machine_alarm(settings: Settings, title: str, body: str, *, now: dt.datetime | None = None) -> bool:
    """Tell the engineers that the machine or our code broke; True where every channel took it.

    Sent at every call, and without the log: nothing that may be broken itself stands in its way. What a channel does
    not take goes out with a later call of `send`.
    """
    message = _alarm(MACHINE, "machine", title, body, now)
    letter = Letter("machine", outbox.key_of("machine", message.title, message.body), message)
    return post.at_once(settings, letter, now)


def data_alarm(settings: Settings, title: str, body: str, *, now: dt.datetime | None = None) -> bool:
    """Tell those who repair a feed that its data are not trusted; True where every channel took it.

    A channel that took the same title and body last is not told again, until `data_recovered`. What a channel does
    not take goes out with a later call of `send`.

    Raises:
        WrongCallError: the file of the routes is wrong; who needs no route was told.
        MachineError: something could not be written down.
    """
    message = _alarm(DATA, "data", title, body, now)
    digest = hashlib.sha256(f"{message.title}\n{message.body}".encode()).hexdigest()
    letter = Letter(
        "data", outbox.key_of("data", message.title), message, entry={"alarm": message.title, "digest": digest}
    )
    taken = []
    with post.opened(settings, now) as office:
        for recipient in office.recipients:
            if recipient.wants("data"):
                is_known = office.log.alarm(recipient.channel_id, message.title) == digest
                taken.append(is_known or office.post(recipient, letter))
    return all(taken)


def data_recovered(settings: Settings, title: str, *, now: dt.datetime | None = None) -> None:
    """Note that the matter of the data alarms of this title is over: the next one is news, whatever it says.

    Who did not hear of it yet is not told any more.
    """
    told = DATA + channels.without_plates(title)
    with post.opened(settings, now) as office:
        for channel_id in office.log.alarms(told):
            office.log.add_alarm(channel_id, told, None)
        for recipient in office.recipients:
            if waiting := office.outbox.get(recipient.channel_id, outbox.key_of("data", told)):
                office.take_back(recipient, waiting)


def _alarm(prefix: str, folder: str, title: str, body: str, now: dt.datetime | None) -> Message:
    at = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    digest = hashlib.sha256(f"{title}\n{body}".encode()).hexdigest()[:8]
    return Message(
        title=prefix + channels.without_plates(title),
        body=channels.without_plates(body),
        folder=folder,
        name=f"{at:%Y%m%dT%H%M%S}-{digest}",
        kind="failure" if prefix == MACHINE else "warning",
    )
