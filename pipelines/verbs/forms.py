"""The verb that hands out the form of a feed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.verbs.console import say
from pipelines.verbs.tracing import Language


def register(app: typer.Typer) -> None:
    """Add `template` to the verbs."""
    app.command("template")(template)


def template(
    feed: Annotated[str, typer.Argument(help="Feed, for instance vehicle.")],
    out: Annotated[Path | None, typer.Option(help="Workbook to write; default FEED.xlsx here.")] = None,
    language: Annotated[Language, typer.Option(help="zh: usual header words; en: our column names.")] = Language.zh,
) -> None:
    """Write an empty form of a feed: headers, units, lists, notes and an example; filled in, `ingest` takes it."""
    from pipelines.feeds import form_book
    from pipelines.feeds.parse import contract_of
    from pipelines.report.words import Words

    contract = contract_of(feed)
    path = form_book.write(
        out or Path(f"{feed}.xlsx"), contract, language.value, Words(language.value).name("feed", feed)
    )
    say(f"{len(contract.columns)} columns; delete the example row, fill in, then: sandwatch ingest {feed} {path}")
    typer.echo(str(path))
