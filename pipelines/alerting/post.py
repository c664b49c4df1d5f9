"""The way of a message to a channel: into the outbox, out when it may go, into the log once it was taken.

All that is told passes here, so that a hold, quiet hours, the spacing of tries and the logs hold for every kind of
message. What cannot be written down is not sent: it would be told again at every call.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from pipelines.alerting import alert_log, delivery_log, routing, waiting_words
from pipelines.alerting.alert_log import SentLog
from pipelines.alerting.outbox import Letter, Outbox, Waiting
from pipelines.alerting.routing import Recipient
from pipelines.alerting.triage import Hold, Triage
from pipelines.errors import MachineError, WrongCallError
from pipelines.settings import Settings


@dataclass
class Tally:
    """What came of the messages of a call, over all channels."""

    sent: int = 0
    pending: int = 0
    waiting: int = 0
    titles: list[str] = field(default_factory=list)
    dead_channels: list[str] = field(default_factory=list)


@dataclass
class Office:
    """All that one call sends, with the logs held by it alone.

    `is_forced` tries what is not due yet. `unreached` are channels that were not reached in this call: a dead one is
    waited for once and not for every message. `trouble` is the first thing that could not be written or read; it is
    raised when everything that could be told was told.
    """

    settings: Settings
    log: SentLog
    outbox: Outbox
    triage: Triage
    recipients: list[Recipient]
    clock: Callable[[], dt.datetime]
    is_forced: bool = False
    tally: Tally = field(default_factory=Tally)
    unreached: set[str] = field(default_factory=set)
    trouble: Exception | None = None

    @property
    def hold(self) -> Hold | None:
        """The hold in force."""
        return self.triage.hold(self.clock())

    def post(self, recipient: Recipient, letter: Letter, elder: Waiting | None = None) -> bool:
        """Lay a letter in the outbox and try to deliver it; true where the channel took it.

        Args:
            recipient: the channel.
            letter: what to tell.
            elder: a letter of the same matter under another key, whose place it takes.
        """
        try:
            waiting = self.outbox.put(recipient.channel_id, letter, self.clock(), elder)
            if elder and elder.path != waiting.path:
                self.take_back(recipient, elder, "replaced")
            return self._try(recipient, waiting)
        except MachineError as error:
            self.tally.pending += 1
            self.trouble = self.trouble or error
            return False

    def take_back(self, recipient: Recipient, waiting: Waiting, result: str = "withdrawn") -> None:
        """Take a letter out that is not to be told any more, and write that down."""
        self.outbox.remove(waiting)
        delivery_log.add(
            self.settings.alerts, recipient.channel_id, recipient.names, waiting, result, self.clock(), waiting.error
        )

    def forward(self, but: Collection[str] = ()) -> None:
        """Try all data and machine alarms that wait; price messages are made anew from the data.

        Args:
            but: keys of the letters that the caller makes anew itself.
        """
        for recipient in self.recipients:
            for _, waiting in self.outbox.waiting(recipient.channel_id):
                if waiting.letter.kind == "price" or waiting.letter.key in but:
                    continue
                try:
                    if self._is_told(recipient, waiting.letter):
                        self.outbox.remove(waiting)  # it was taken, and the run killed before this line
                    elif not recipient.wants(waiting.letter.kind):
                        self.take_back(recipient, waiting)  # the routes changed
                    else:
                        self._try(recipient, waiting)
                except MachineError as error:
                    self.trouble = self.trouble or error

    def _is_told(self, recipient: Recipient, letter: Letter) -> bool:
        title = letter.entry.get("alarm")
        digest = letter.entry.get("digest")
        return bool(title and digest) and self.log.alarm(recipient.channel_id, str(title)) == digest

    def _try(self, recipient: Recipient, waiting: Waiting) -> bool:
        letter, now = waiting.letter, self.clock()
        if why := self._must_wait(recipient, waiting, now):
            self.tally.waiting += 1
            self.tally.pending += 1
            if waiting.why != why:
                self._note_wait(waiting, why, now)
            return False
        message = letter.message
        if letter.kind != "price":  # a price message says so in its own words
            message = replace(message, body=message.body + waiting_words.late(waiting, now, recipient.language))
        answer = recipient.channel.deliver(message)
        result, at = "taken" if answer else "not_taken", self.clock()
        if not answer:
            self.tally.pending += 1
            _once(self.tally.dead_channels, recipient.channel_id)
            self.outbox.tried(waiting, at, answer.error, is_doubtful=not answer.is_passing)
            if answer.is_passing:
                self.unreached.add(recipient.channel_id)
        else:
            self.tally.sent += 1
            _once(self.tally.titles, message.title)
            sent_at = at.astimezone(dt.UTC).isoformat(timespec="seconds")
            entry = {"channel_id": recipient.channel_id, **letter.entry, "title": message.title}
            self.log.write(entry | {"message": message.name, "sent_at": sent_at})
            self.outbox.remove(waiting)
        delivery_log.add(
            self.settings.alerts, recipient.channel_id, recipient.names, waiting, result, at, answer.error
        )
        return bool(answer)

    def _must_wait(self, recipient: Recipient, waiting: Waiting, now: dt.datetime) -> str:
        letter, hold = waiting.letter, self.hold
        if hold and hold.holds(letter.kind, letter.level):
            return "held"
        if recipient.is_quiet(letter.kind, letter.level, now):
            return "quiet"
        is_early = waiting.next_try_at is not None and now < waiting.next_try_at and not self.is_forced
        if is_early or recipient.channel_id in self.unreached:
            _once(self.tally.dead_channels, recipient.channel_id)
            return "not_taken"
        return ""

    def _note_wait(self, waiting: Waiting, why: str, now: dt.datetime) -> None:
        hold = self.hold
        if why == "held" and hold and waiting.held_since is None:
            waiting = replace(waiting, held_since=now, hold_reason=hold.reason)
        self.outbox.keep(replace(waiting, why=why))


@contextmanager
def opened(settings: Settings, now: dt.datetime | None = None, *, is_forced: bool = False) -> Iterator[Office]:
    """Yield the office, held by this call alone; two calls at once cannot both send.

    Args:
        settings: whose messages, addresses and routes.
        now: the moment that quiet hours, holds and tries go by; default the clock.
        is_forced: try what is not due yet.

    Raises:
        WrongCallError: the file of the routes is wrong; who needs no route was told all the same.
        MachineError: something could not be written down, and was not sent for that reason.
    """
    with alert_log.opened(settings.alerts) as log:
        trouble: Exception | None = None
        try:
            found = routing.recipients(settings)
        except WrongCallError as error:
            found, trouble = routing.unrouted(settings), error
        office = Office(
            settings=settings,
            log=log,
            outbox=Outbox(settings.alerts),
            triage=Triage(settings.alerts),
            recipients=found,
            clock=(lambda: now) if now else (lambda: dt.datetime.now(dt.UTC)),
            is_forced=is_forced,
            trouble=trouble,
        )
        yield office
        if office.trouble:
            raise office.trouble


def at_once(settings: Settings, letter: Letter, now: dt.datetime | None = None) -> bool:
    """Tell an alarm of the machine without the logs: nothing that may be broken itself stands in its way.

    What a channel does not take, or what a hold or quiet hours keep, is laid in the outbox as far as that can be.
    Returns true where every channel took it.
    """
    moment = now or dt.datetime.now(dt.UTC)
    try:
        found = routing.recipients(settings)
    except (WrongCallError, MachineError):
        found = routing.unrouted(settings)
    hold = None
    with suppress(OSError, ValueError, KeyError):
        hold = Triage(settings.alerts).hold(moment)
    taken = []
    for recipient in found:
        if not recipient.wants(letter.kind):
            continue
        is_held = hold is not None and hold.holds(letter.kind, None)
        must_wait = is_held or recipient.is_quiet(letter.kind, None, moment)
        # All are tried: a dead channel must not hold up the others.
        taken.append(not must_wait and bool(recipient.channel.deliver(letter.message)))
        if not taken[-1]:
            with suppress(OSError, MachineError):
                Outbox(settings.alerts).put(recipient.channel_id, letter, moment)
    return all(taken)


def _once(found: list[str], item: str) -> None:
    if item not in found:
        found.append(item)
