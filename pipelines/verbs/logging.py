"""Verb `log`: the access log for the data officer: ask it, prove it whole, delete what is older than the rule."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.errors import WrongCallError
from pipelines.settings import Settings
from pipelines.verbs.console import say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("log")(log)


def log(
    what: Annotated[
        str, typer.Argument(help="One SELECT on access.query and access.plate; or verify; or prune.", metavar="SQL")
    ] = "",
    since: Annotated[
        dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of interest.")
    ] = None,
    until: Annotated[
        dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of interest.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="Reads of this person or account.")] = None,
    plate: Annotated[str | None, typer.Option(help="Reads that asked for this plate or were given it.")] = None,
    output: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    purpose: Annotated[str, typer.Option(help="Why the log is looked at; this look is logged too.")] = "",
    head: Annotated[str | None, typer.Option(help="With verify: head noted earlier; it must still be there.")] = None,
) -> None:
    """Ask who read what, when and why; `verify` proves the log whole, `prune` deletes what the rule lets go."""
    current = settings_module.load()
    if what == "verify":
        _verify(current, head)
        return
    if what == "prune":
        _prune(current)
        return
    if head:
        raise WrongCallError("--head goes with `sandwatch log verify`")
    from pipelines.publishing import access_query

    wanted = access_query.Wanted(
        since=since.date() if since else None, until=until.date() if until else None, person=person, plate=plate
    )
    sql = what or access_query.DEFAULT_SQL
    result = access_query.ask(current, sql, wanted, output=output, purpose=purpose)
    typer.echo(result.text)
    if result.truncated and output != "table":
        say(result.note)
    if lost := access_query.unreadable(current):
        shown = ", ".join(lost[:3])
        say(
            f"attention: {len(lost)} lines cannot be read and are not in the answer ({shown}): `sandwatch log verify`"
        )


def _verify(current: Settings, head: str | None) -> None:
    from pipelines.publishing import access_keeping

    found = access_keeping.verify(current, head)
    for problem in found.problems:
        typer.echo(problem)
    older = f", {found.unchained_count} of an earlier version" if found.unchained_count else ""
    say(f"{found.line_count} lines in a chain{older}; {len(found.problems)} problems; head {found.head or 'none'}")
    if found.problems:
        raise typer.Exit(1)


def _prune(current: Settings) -> None:
    from pipelines.publishing import access_keeping

    done = access_keeping.prune(current)
    for name, count in done.files.items():
        say(f"deleted: logs/access/{name}, {count} lines")
    say(
        f"{len(done.files)} files deleted; kept are {access_keeping.kept_months()} months "
        f"(sql/policy/access_log), from {done.keep_from} on"
    )
