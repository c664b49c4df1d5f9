"""Verb `catalogue`: the data catalogue of the published edition as a workbook and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("catalogue")(catalogue)


def catalogue(
    out: Annotated[Path | None, typer.Option(help="Folder of the two files; default catalogue/ below home.")] = None,
    language: Annotated[str | None, typer.Option(help="zh or en; default SANDWATCH_LANGUAGE.")] = None,
) -> None:
    """Write the data catalogue: datasets, owners, fields, sharing types, update cycles, where personal data lie."""
    from pipelines.cataloguing import tables, writing
    from pipelines.publishing import editions

    current = settings_module.load()
    datasets = tables.published(current)
    edition = editions.current(current, "regulator").name
    for path in writing.write(
        datasets,
        out or current.home / "catalogue",
        language or current.language,
        edition,
        is_simulated=current.simulated_mark.exists(),
    ):
        typer.echo(str(path))
    say(f"{len(datasets)} datasets, {sum(len(dataset.fields) for dataset in datasets)} fields, from {edition}")
