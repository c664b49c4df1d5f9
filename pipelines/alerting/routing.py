"""Who is told what: audiences with least levels, places, a language and quiet hours, from the file of the routes.

Every address of `SANDWATCH_NOTIFY_URLS` and the text files hear everything at once. The addresses of an audience hear
what it asks for; the file names their environment variables only, so it holds no secret and may be shown to anybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.alerting import channels
from pipelines.alerting.channels import Channel
from pipelines.alerting.route_file import Audience, read
from pipelines.rules import levels
from pipelines.settings import TIME_ZONE, Settings

EVERYTHING = Audience("everything", least={"price": 0, "data": 0, "machine": 0})


@dataclass(frozen=True)
class Recipient:
    """A channel and the audiences behind it; an address that several audiences name is told once, by the widest."""

    channel: Channel
    audiences: tuple[Audience, ...]
    language: str

    @property
    def channel_id(self) -> str:
        """Name of the channel in the logs."""
        return self.channel.channel_id

    @property
    def names(self) -> list[str]:
        """Names of the audiences."""
        return [audience.name for audience in self.audiences if audience is not EVERYTHING]

    def floor(self, fact: Mapping[str, Any]) -> int | None:
        """Least rank of a level that the channel is told of a product and area; None where it is told nothing.

        Args:
            fact: a row with product_id, product_name, area_code and area_name.
        """
        found = [audience.least["price"] for audience in self._asking("price") if audience.is_of(fact)]
        return min(found, default=None)

    def wants(self, kind: str) -> bool:
        """Whether the channel is told of alarms of a kind: price, data or machine."""
        return bool(self._asking(kind))

    def is_quiet(self, kind: str, level: str | None, now: dt.datetime) -> bool:
        """Whether a message has to wait for the end of the quiet hours.

        Args:
            kind: price, data or machine.
            level: level of a price message; the highest one never waits.
            now: the moment, with its zone.
        """
        if kind == "price" and level == levels.load("price_level").levels[-1]:
            return False
        local = now.astimezone(ZoneInfo(TIME_ZONE)).time()
        return all(
            audience.is_quiet_at(local) and not (kind == "machine" and audience.is_machine_through)
            for audience in self._asking(kind)
        )

    def _asking(self, kind: str) -> list[Audience]:
        return [audience for audience in self.audiences if kind in audience.least]


def unrouted(settings: Settings) -> list[Recipient]:
    """Return the channels that need no file of routes and hear everything, the text files first."""
    return [Recipient(channel, (EVERYTHING,), settings.language) for channel in channels.of(settings)]


def recipients(settings: Settings) -> list[Recipient]:
    """Return all channels with who stands behind them, the text files first.

    Raises:
        WrongCallError: the file of the routes is missing or says something that is not allowed.
    """
    plain = unrouted(settings)
    behind: dict[str, list[Audience]] = {}
    for audience in read(settings):
        for name in audience.addresses:
            for url in settings.addresses.get(name, ()):
                behind.setdefault(url, []).append(audience)
    routed = []
    known = {recipient.channel_id for recipient in plain}  # who hears everything hears nothing twice
    for url, audiences in behind.items():
        address = channels.Address(url)
        if address.channel_id not in known:
            routed.append(Recipient(address, tuple(audiences), audiences[0].language or settings.language))
    return plain + routed


def find(settings: Settings, name: str) -> list[Recipient]:
    """Return the channels of that id, or all of an audience of that name; none where there is neither.

    Raises:
        WrongCallError: the file of the routes says something that is not allowed.
    """
    return [each for each in recipients(settings) if name == each.channel_id or name in each.names]
