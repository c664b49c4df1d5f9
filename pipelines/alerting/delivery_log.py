"""What became of every try to tell somebody: one line a try, for ever, in `delivery.jsonl`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.alerting import json_lines
from pipelines.alerting.outbox import Waiting

NAME = "delivery.jsonl"


def add(
    folder: Path,
    channel_id: str,
    audiences: list[str],
    waiting: Waiting,
    result: str,
    now: dt.datetime,
    error: str = "",
) -> None:
    """Write down a try, or that a message was taken back before anybody heard of it.

    Args:
        folder: that of the messages.
        channel_id: the channel.
        audiences: who reads it, by the names of the routes.
        waiting: the message.
        result: taken, not_taken, replaced (by a newer message of the same matter) or withdrawn (it holds no more).
        now: when.
        error: why it was not taken, in plain words without secrets.

    Raises:
        MachineError: it cannot be written.
    """
    letter = waiting.letter
    delay = now - letter.received_at if letter.received_at else None
    json_lines.append(
        folder / NAME,
        {
            "tried_at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
            "channel_id": channel_id,
            "audiences": audiences,
            "kind": letter.kind,
            "message": letter.message.name,
            "event_ids": [event["event_id"] for event in letter.entry.get("events", [])],
            "level": letter.level,
            "result": result,
            "error": error,
            "try_no": waiting.tried_count + (result in ("taken", "not_taken")),
            "queued_at": waiting.queued_at,
            "received_at": letter.received_at,
            "delay_s": round(delay.total_seconds()) if delay is not None else None,
        },
    )


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines in order: what `add` was given, `delay_s` from the load of the newest quote to the try."""
    yield from json_lines.read(folder / NAME)
