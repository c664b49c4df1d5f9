"""The verb that says whom to call: sources that are silent, incomplete or late."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show


def chase(
    as_of: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day that counts; default yesterday, or a demo's last day."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the XLSX goes; default below alerts/.")] = None,
    tell: Annotated[bool, typer.Option("--tell", help="Also send the alarms that are due, for a daily job.")] = False,
    as_json: Json = False,
) -> None:
    """Write the chase list: silent and late sources, the days they miss and a contact, as XLSX."""
    from pipelines.alerting import chase as chasing
    from pipelines.alerting import freshness, freshness_message, sources

    current = settings_module.load()
    standing = sources.standing(current, as_of.date() if as_of else None)
    default = current.alerts / "chase" / f"chase-{standing.as_of}.xlsx"
    path = chasing.write(standing, out or default)
    told = freshness.check(current, standing.as_of) if tell else None
    if as_json:
        chased = [
            {
                "feed": source.feed, "source": source.source_id, "place": source.place, "state": source.state,
                "last_on": source.last_on, "since_on": source.since_on, "missed_days": source.missed_count,
                "allowed_days": source.allowed_days, "lag_days": source.lag_days,
                "sources": source.source_count, "who_fixes": source.who_fixes,
            }
            for source in standing.chased
        ]  # fmt: skip
        show({"as_of": standing.as_of, "path": path, "sources": len(standing.sources), "chased": chased,
              "alarms": told.to_json() if told else None})  # fmt: skip
        return
    for source in standing.chased:
        name = freshness_message.name(source, current.language)
        what = (
            f"{source.lag_days:.1f} days of lag" if source.state == "late" else f"{source.missed_count} days missing"
        )
        since = f" since {source.since_on}" if source.since_on else ""
        say(f"{source.state}: {name}: {what}{since}, {source.allowed_days} allowed")
    if told:
        say(f"{told.sent} messages sent, {told.pending} pending, {told.unchanged} not due")
    say(f"{len(standing.chased)} of {len(standing.sources)} sources to chase as of {standing.as_of}: {path}")


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    app.command("chase")(chase)
