"""Verbs that walk a ticket to its figures and put weeks right: why, backfill."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show


class Language(StrEnum):
    """Languages of the answer."""

    zh = "zh"
    en = "en"


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    app.command("why")(why)
    app.command("backfill")(backfill)


def why(
    site: Annotated[str, typer.Argument(help="Site, as the register or the ticket names it.")],
    ticket_no: Annotated[str, typer.Argument(help="Number on the ticket.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the weighing.")] = None,
    language: Annotated[Language | None, typer.Option(help="zh or en; default SANDWATCH_LANGUAGE.")] = None,
    as_json: Json = False,
) -> None:
    """Walk a ticket from the line of its file to the figures of the report; exit 2 where nothing is known of it."""
    from pipelines.tracing import walk, wording

    current = settings_module.load()
    found = walk.trace(current, site, ticket_no, day.date() if day else None)
    if as_json:
        show(found)
    else:
        typer.echo(wording.render(found, language.value if language else current.language), nl=False)
    if not found["tickets"] and not found["put_aside"]:
        raise typer.Exit(2)


def backfill(
    feed: Annotated[str, typer.Argument(help="Feed, a contract in expectations/raw.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Late files; without any the kept files are read again.")
    ] = None,
    from_week: Annotated[str, typer.Option(help="First ISO week, such as 2026-W20.")] = "",
    to_week: Annotated[str | None, typer.Option(help="Last ISO week; default the first one.")] = None,
    source: Annotated[str | None, typer.Option(help="Source profile of the files.")] = None,
    as_json: Json = False,
) -> None:
    """Put some weeks of a feed right and no others: load late files, or read the kept ones again."""
    from dataclasses import asdict

    from pipelines.errors import WrongCallError
    from pipelines.upkeep import backfill as filling

    if not from_week:
        raise WrongCallError("--from-week is missing; name the first week, such as --from-week 2026-W20")
    current = settings_module.load()
    weeks = filling.span(from_week, to_week)
    if files:
        result = filling.load_files(current, feed, weeks, files, source)
        if as_json:
            show(result.to_json())
        else:
            say(
                f"{feed} {weeks}: {result.total('accepted')} rows accepted of {result.total('rows')};"
                " now `sandwatch run`"
            )
        return
    if source:
        raise WrongCallError("--source goes with files; kept files are read with the source they were loaded with")
    read = filling.read_again(current, feed, weeks)
    if as_json:
        show(asdict(read))
        return
    for file in read.files:
        if file["before"] != file["now"]:
            changed = ", ".join(
                f"{name} {file['before'][name]} -> {count}"
                for name, count in file["now"].items()
                if count != file["before"][name]
            )
            say(f"  load {file['load_no']} {file['path']}: {changed}")
    what = (
        f"changed {', '.join(read.changed_weeks)}; now `sandwatch run`" if read.changed_weeks else "nothing changed"
    )
    say(f"{feed} {read.span}: {len(read.files)} files read again, {what}")
