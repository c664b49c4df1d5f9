"""Verbs that run the chain, one step each or all in their order: build, check, judge, publish, alert, report."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.settings import Settings
from pipelines.verbs.console import Json, Strict, Week, say, show


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    for verb in (build, check, judge, publish, alert, report, issue, run):
        app.command(verb.__name__)(verb)


def build(
    whole: Annotated[
        bool, typer.Option("--whole", help="Build, judge and publish every table whole, not what loads changed.")
    ] = False,
) -> None:
    """Build staging and the marts that need no verdict."""
    from pipelines import run as steps

    say(f"built {len(steps.build(settings_module.load(), whole=whole))} tables")


def check(
    full: Annotated[
        bool, typer.Option("--full", help="Look at every row, not only at those that came since the last check.")
    ] = False,
) -> None:
    """Run Great Expectations and the cross-table checks; a failed critical one stops publishing."""
    from pipelines import run as steps

    summary = steps.check(settings_module.load(), is_full=full)
    say(f"{summary.result_count} checks, {len(summary.failed_warning)} warnings; pages: {summary.docs_path}")


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


def publish() -> None:
    """Publish the regulator and the public edition."""
    from pipelines import run as steps

    for name, path in steps.publish(settings_module.load()).items():
        say(f"{name}: {path}")


def alert(
    now: Annotated[bool, typer.Option("--now", help="Also try channels that failed a short while ago.")] = False,
) -> None:
    """Send price events that were not sent yet, and what waits in the outbox and may go."""
    from pipelines import run as steps

    show(steps.alert(settings_module.load(), is_forced=now).to_json())


def report(week: Week = None) -> None:
    """Write the weekly report."""
    from pipelines import run as steps

    say(str(steps.report(settings_module.load(), week)))


def issue(
    week: Annotated[str, typer.Option(help="ISO week, as 2026-W47.")],
    stage: Annotated[str, typer.Option(help="preliminary (初报), final (终报) or correction (更正).")],
    by: Annotated[str, typer.Option(help="Who lets it out.")],
    reason: Annotated[str, typer.Option(help="Why, of a correction.")] = "",
) -> None:
    """Issue the report of a week: a numbered bundle that nobody writes again."""
    from pipelines import run as steps

    say(str(steps.issue(settings_module.load(), week, stage, by, reason)))


def run(week: Week = None, strict: Strict = False, as_json: Json = False) -> None:
    """Build, check, judge, publish, alert, look for silent sources and report."""
    from pipelines import run as steps

    current = settings_module.load()
    done = steps.run_all(current, week, say)
    if as_json:
        show(
            {
                "report": done["report"],
                "editions": done["editions"],
                "alerts": done["alerts"].to_json(),
                "freshness": done["freshness"].to_json(),
            }
        )
    elif done["report"]:
        say(f"report: {done['report']}")
    if strict:
        say_verdicts(current, strict)
