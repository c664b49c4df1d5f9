"""The doctor: everything sandwatch leans on, looked at once, each line with what to do."""

from __future__ import annotations

from pipelines.settings import Settings
from pipelines.upkeep import holdings, machine
from pipelines.upkeep.line import Line


def examine(settings: Settings, *, deep: bool = False, send: bool = False) -> list[Line]:
    """Look at machine and home and return a line a finding; nothing is changed, and nothing sent without `send`.

    Args:
        settings: what to look at.
        deep: hash every snapshot, which reads them all.
        send: send a test message over each channel.
    """
    return [
        machine.home(settings),
        *machine.versions(),
        machine.fonts(),
        *machine.channels(settings, send=send),
        machine.disk(settings),
        machine.clock(settings),
        machine.calendar(),
        holdings.lock(settings),
        *holdings.write_ahead(settings),
        holdings.leftovers(settings),
        *holdings.records(settings, deep=deep),
        holdings.modes(settings),
    ]
