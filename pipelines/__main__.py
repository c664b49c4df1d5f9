"""The verbs of sandwatch: each step of a run, the demo, and queries on the published editions."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines import durable
from pipelines import settings as settings_module
from pipelines.errors import SandwatchError
from pipelines.verbs import (
    backtesting,
    catalogue,
    chasing,
    evidence,
    forms,
    ingesting,
    logging,
    naming,
    profiling,
    running,
    scoring,
    serving,
    tracing,
    triage,
    upkeep,
    vintages,
)
from pipelines.verbs.console import say

app = typer.Typer(
    name="sandwatch",
    help="Sand and gravel supply monitoring: feeds in; verdicts, early warnings and a weekly report out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Edition(StrEnum):
    """The published editions."""

    regulator = "regulator"
    public = "public"


class Format(StrEnum):
    """How a query's rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Another seed is another city.")] = 57,
    scale: Annotated[float, typer.Option(help="Size of the city; 1 is about 60 sites and 300,000 tickets.")] = 1.0,
) -> None:
    """Simulate a city, run the whole chain on it and say where everything is."""
    from pipelines import demo as demonstration

    demonstration.run(settings_module.load(), seed=seed, scale=scale, say=say)


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder that receives inbox/ and truth/.")],
    seed: Annotated[int, typer.Option(help="Another seed is another city.")] = 57,
    scale: Annotated[float, typer.Option(help="Size of the city.")] = 1.0,
    weeks: Annotated[int | None, typer.Option(help="Only the last weeks of the 26.")] = None,
) -> None:
    """Write the feeds of a simulated city, and the truth about them, into a folder."""
    from pipelines import simulate as simulation

    summary = simulation.write_city(out / "inbox", out / "truth", seed=seed, scale=scale, weeks=weeks)
    say(f"{summary.tickets} tickets in {len(summary.files)} files: {out / 'inbox'}; the truth: {out / 'truth'}")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    edition: Annotated[Edition, typer.Option(help="Which published edition.")] = Edition.regulator,
    output: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.table,
    purpose: Annotated[str, typer.Option(help="Why, for the access log.")] = "",
) -> None:
    """Query a published edition: read-only, sandboxed, logged, also while a load runs."""
    from pipelines.publishing import query as querying

    result = querying.run(settings_module.load(), query, edition=edition.value, output=output.value, purpose=purpose)
    typer.echo(result.text)
    if result.truncated and output is not Format.table:
        say(result.note)


for topic in (
    running,
    ingesting,
    profiling,
    forms,
    naming,
    tracing,
    triage,
    chasing,
    upkeep,
    serving,
    evidence,
    logging,
    catalogue,
    scoring,
    vintages,
    backtesting,
):
    topic.register(app)


def main() -> None:
    """Run a verb; expected errors, those of the disk too, become one line and their exit code."""
    settings_module.close_to_others()  # also for verbs that need no settings
    try:
        app()
    except SandwatchError as error:
        say(f"sandwatch: {error}")
        sys.exit(error.exit_code)
    except Exception as error:
        named = getattr(error, "filename", None)
        trouble = durable.disk_trouble(error, Path(os.fsdecode(named)) if named else settings_module.load().home)
        if trouble is None:
            raise
        say(f"sandwatch: {trouble}")
        sys.exit(trouble.exit_code)


if __name__ == "__main__":
    main()
