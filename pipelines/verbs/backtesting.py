"""Verb `backtest`: how each price rule does on simulated rises, on the published quotes and on real series."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show
from pipelines.verbs.tracing import Language


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("backtest")(backtest)


def backtest(
    out: Annotated[Path | None, typer.Option(help="Page to write; default backtest.html below home.")] = None,
    prices: Annotated[
        list[Path] | None, typer.Option(help="File of the feed price_quote to try the rules on too; may be repeated.")
    ] = None,
    source: Annotated[str, typer.Option(help="Source profile of those files.")] = "default",
    seed: Annotated[int, typer.Option(help="Another seed is another set of simulated cities.")] = 57,
    series: Annotated[int, typer.Option(min=1, help="Simulated series of each shape, four years each.")] = 20,
    language: Annotated[Language | None, typer.Option(help="zh or en; default SANDWATCH_LANGUAGE.")] = None,
    as_json: Json = False,
) -> None:
    """Write the back-test page: detection, precision, lead time and false alarms of each rule, with intervals."""
    from pipelines.backtest import writing

    current = settings_module.load()
    done = writing.write(
        current,
        out or current.home / "backtest.html",
        files=prices or [],
        source=source,
        seed=seed,
        series=series,
        language=language.value if language else current.language,
        say=say,
    )
    if as_json:
        show(done.to_json())
    else:
        typer.echo(str(done.path))
