"""Verb `ingest`: files into the warehouse, or only checked for their sender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines import settings as settings_module
from pipelines.errors import WrongCallError
from pipelines.settings import Settings
from pipelines.verbs.console import Json, say, show


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("ingest")(ingest)


def ingest(
    feed: Annotated[str, typer.Argument(help="Feed, a contract in expectations/raw.")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files; default all of the feed's inbox.")] = None,
    source: Annotated[str | None, typer.Option(help="Source profile of the files.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Load nothing: write the table as XLSX with the bad cells marked.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="With --check: where the workbook goes.")] = None,
    as_json: Json = False,
) -> None:
    """Load files of a feed; every row ends in exactly one outcome, twice changes nothing."""
    from pipelines.feeds import ingest as ingesting

    current = settings_module.load()
    if check:
        _check(current, feed, files or [], source, out, as_json)
        return
    waiting = files or ingesting.inbox_files(current, feed)
    if not waiting:
        say(f"{feed}: nothing lies in {current.inbox / feed}; put files there, or name them")
    result = ingesting.ingest(current, feed, waiting, source)
    if as_json:
        show(result.to_json())
    else:
        report_ingest(result)
    for refusal in result.refused:
        say(f"refused: {refusal['message']}")
    if result.refused:
        raise typer.Exit(1)


def _check(
    current: Settings, feed: str, files: list[Path], source: str | None, out: Path | None, as_json: bool
) -> None:
    from pipelines.feeds import check_file

    if not files or (out and len(files) > 1):
        raise WrongCallError("--check takes the files to look at; with --out exactly one")
    checked = [check_file.check(current, feed, path, source, out) for path in files]
    if as_json:
        show([found.to_json() for found in checked])
    for found in checked:
        if not as_json:
            typer.echo(str(found.out))
        said = f"{found.rows} rows, {found.quarantined} to mend; the rest would be loaded"
        say(found.message or said)
    if any(found.is_refused for found in checked):
        raise typer.Exit(1)


def report_ingest(result: Any) -> None:
    """Print a feed's account for people, with reasons and questions."""
    counts = result.to_json()
    say(
        f"{result.feed}: {counts['rows']} rows in {len(result.files)} files = {counts['accepted']} accepted"
        f" + {counts['duplicate']} duplicate + {counts['superseded']} superseded + {counts['voided']} voided"
        f" + {counts['pending']} pending + {counts['quarantined']} quarantined"
    )
    for file in result.files:
        if file["reasons"] and not file["already_loaded"]:
            say(f"  {file['path']}: put aside {file['reasons']} (see quarantine/{result.feed}/)")
        for question in file["questions"]:
            say(f"  {file['path']}: question: {question['kind']} {question['subject']!r}")
        for note in file["notes"]:
            say(f"  {file['path']}: {note}")
