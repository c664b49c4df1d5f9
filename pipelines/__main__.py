"""The verbs of sandwatch: each step of a run, the demo, and queries on the published editions."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.errors import SandwatchError
from pipelines.settings import Settings
from pipelines.verbs import chasing, ingesting, naming, profiling, tracing, upkeep
from pipelines.verbs.console import Json, Strict, Week, say, show

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
def build() -> None:
    """Build staging and the marts that need no verdict."""
    from pipelines import run as steps

    say(f"built {len(steps.build(settings_module.load()))} tables")


@app.command()
def check() -> None:
    """Run Great Expectations and the cross-table checks; a failed critical one stops publishing."""
    from pipelines import run as steps

    summary = steps.check(settings_module.load())
    say(f"{summary.result_count} checks, {len(summary.failed_warning)} warnings; pages: {summary.docs_path}")


@app.command()
def judge(strict: Strict = False) -> None:
    """Judge rules, prices and supply."""
    from pipelines import run as steps

    current = settings_module.load()
    steps.judge(current)
    say_verdicts(current, strict)


def say_verdicts(current: Settings, strict: bool) -> None:
    """Print how many subjects have which verdict; with `strict`, exit 1 when a rule of law is breached."""
    from pipelines import run as steps

    counts = steps.verdict_counts(current)
    for rule, kind, verdict, count in counts:
        say(f"{rule} ({kind}): {verdict} {count}")
    if strict and any(kind == "law" and verdict == "breached" for _, kind, verdict, _ in counts):
        raise typer.Exit(1)


@app.command()
def publish() -> None:
    """Publish the regulator and the public edition."""
    from pipelines import run as steps

    for name, path in steps.publish(settings_module.load()).items():
        say(f"{name}: {path}")


@app.command()
def alert() -> None:
    """Send price events that were not sent yet."""
    from pipelines import run as steps

    show(steps.alert(settings_module.load()).to_json())


@app.command()
def report(week: Week = None) -> None:
    """Write the weekly report."""
    from pipelines import run as steps

    say(str(steps.report(settings_module.load(), week)))


@app.command()
def run(week: Week = None, strict: Strict = False, as_json: Json = False) -> None:
    """Build, check, judge, publish, alert and report."""
    from pipelines import run as steps

    current = settings_module.load()
    done = steps.run_all(current, week, say)
    if as_json:
        show({"report": done["report"], "editions": done["editions"], "alerts": done["alerts"].to_json()})
    elif done["report"]:
        say(f"report: {done['report']}")
    if strict:
        say_verdicts(current, strict)


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


for topic in (ingesting, profiling, naming, tracing, chasing, upkeep):
    topic.register(app)


def main() -> None:
    """Run a verb; expected errors become one line and their exit code."""
    settings_module.close_to_others()  # also for verbs that need no settings
    try:
        app()
    except SandwatchError as error:
        say(f"sandwatch: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
