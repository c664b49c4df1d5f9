"""From silent and late sources to messages: one to each who repairs them, and again only when something changed.

A channel is told when a source falls silent or late, when one of several recovers, when the last one has recovered,
and once a week as long as nothing changes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import contracts
from pipelines.alerting import alerts, channels, freshness_message, outbox, post, sources
from pipelines.alerting.channels import Message
from pipelines.alerting.outbox import Letter
from pipelines.alerting.sources import Standing
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

LOG = logging.getLogger(__name__)
REMIND_DAYS = 7  # from one message to the next while nothing changes


@dataclass
class FreshnessSummary:
    """What a call found and did. `sent` and `pending` count messages over all channels, `unchanged` those not due.

    `silent`, `gap` and `late` count entries to chase: a feed that stopped as a whole is one.
    """

    as_of: dt.date
    silent: int = 0
    gap: int = 0
    late: int = 0
    sent: int = 0
    pending: int = 0
    unchanged: int = 0
    titles: list[str] = field(default_factory=list)
    dead_channels: list[str] = field(default_factory=list)
    unknown_years: list[int] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON types."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}


@dataclass(frozen=True)
class _Told:
    """What a channel was told last: on which day, and the state of each source."""

    on: dt.date
    states: dict[str, str]

    @classmethod
    def read(cls, text: str | None) -> _Told | None:
        """From the log; None where nothing is open."""
        if text is None:
            return None
        raw = json.loads(text)
        return cls(dt.date.fromisoformat(raw["on"]), raw["states"])

    def write(self) -> str:
        """For the log."""
        return json.dumps({"on": self.on.isoformat(), "states": self.states}, ensure_ascii=False, sort_keys=True)


def check(
    settings: Settings,
    as_of: dt.date | None = None,
    edition: duckdb.DuckDBPyConnection | Path | None = None,
    *,
    now: dt.datetime | None = None,
) -> FreshnessSummary:
    """Look which sources are silent or late, tell who repairs them what changed; safe to call at any time.

    Args:
        settings: language, addresses, and the folder of messages and of the log.
        as_of: last day that counts; see `sources.standing` for the default.
        edition: a published regulator edition or a connection to one; by default the one of the settings.
        now: the moment that quiet hours, holds and tries go by; default the clock.

    Raises:
        WrongCallError: nothing is published yet; or the file of the routes is wrong: who needs no route was told.
        MachineError: something could not be written down; it was not sent and will be at the next call.
    """
    standing = sources.standing(settings, as_of, edition)
    counts = Counter(source.state for source in standing.chased)
    summary = FreshnessSummary(
        standing.as_of, counts["silent"], counts["gap"], counts["late"], unknown_years=[*standing.unknown_years]
    )
    if standing.unknown_years:
        LOG.warning(
            "holidays of %s are not known: Monday to Friday count as work days. Install a newer chinesecalendar",
            ", ".join(map(str, standing.unknown_years)),
        )
    repairers = dict.fromkeys(contract.who_fixes for contract in contracts.contracts().values())
    with post.opened(settings, now) as office:
        office.forward(but=[outbox.key_of("data", _title(who_fixes)) for who_fixes in repairers])
        for recipient in office.recipients:
            if not recipient.wants("data"):
                continue
            for who_fixes in repairers:
                title = _title(who_fixes)
                told = _Told.read(office.log.alarm(recipient.channel_id, title))
                told_now = _Told(
                    standing.as_of, {s.key: s.state for s in standing.chased if s.who_fixes == who_fixes}
                )
                key = outbox.key_of("data", title)
                waiting = office.outbox.get(recipient.channel_id, key)
                if told is None and not told_now.states:
                    if waiting:  # over before anybody heard of it
                        office.take_back(recipient, waiting)
                    continue
                if told and told.states == told_now.states and (told_now.on - told.on).days < REMIND_DAYS:
                    summary.unchanged += 1
                    if waiting:
                        office.take_back(recipient, waiting)
                    continue
                message = _message(standing, who_fixes, told, told_now, recipient.language)
                entry = {"alarm": title, "digest": told_now.write() if told_now.states else None}
                office.post(recipient, Letter("data", key, message, entry=entry))
    tally = office.tally
    summary.sent, summary.pending = tally.sent, tally.pending
    summary.titles, summary.dead_channels = tally.titles, tally.dead_channels
    return summary


def _title(who_fixes: str) -> str:
    """Name of the matter in the log: what is wrong with the sources of one repairer."""
    return f"freshness {who_fixes}"


def _message(standing: Standing, who_fixes: str, told: _Told | None, now: _Told, language: str) -> Message:
    # The same words to every channel that heard the same before: one file, however often it is tried.
    parts = (who_fixes, told.write() if told else "", now.write())
    message_id = f"freshness-{now.on:%Y%m%d}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"
    before = told.states if told else None
    title, body = freshness_message.render(standing, who_fixes, before, language=language, message_id=message_id)
    return Message(
        title=channels.without_plates(alerts.DATA + title),
        body=channels.without_plates(body),
        folder="data",
        name=message_id,
        kind="warning" if now.states else "info",
    )
