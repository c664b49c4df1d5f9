"""Verbs about what was scored when: list the vintages, show the versions of a week, make vintages anew to compare."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show


def register(app: typer.Typer) -> None:
    """Add `vintage list`, `vintage show` and `vintage verify`."""
    group = typer.Typer(help="Price scores as they were given: 初值 to 终值, never changed.", no_args_is_help=True)
    group.command("list")(list_vintages)
    group.command("show")(show_week)
    group.command("verify")(verify)
    app.add_typer(group, name="vintage")


def list_vintages(as_json: Json = False) -> None:
    """List the vintages: when a judging said something new, why, and of how many weeks of series."""
    from dataclasses import asdict

    from pipelines import warehouse
    from pipelines.rules import vintages

    with warehouse.writer(settings_module.load()) as con:
        found = vintages.all_vintages(con)
    if as_json:
        show({"vintages": [asdict(vintage) for vintage in found]})
        return
    for vintage in found:
        typer.echo(
            f"{vintage.vintage_no:>4}  {vintage.judged_at:%Y-%m-%d %H:%M}  load {vintage.load_no}, {vintage.reason}:"
            f" {vintage.row_count} scores, {vintage.withdrawn_count} withdrawn  {vintage.digest[:12]}"
        )
    if not found:
        say("nothing was scored yet; `sandwatch judge` does, once quotes are loaded and built")


def show_week(
    week: Annotated[str, typer.Option("--week", help="ISO week such as 2026-W47.")],
    area: Annotated[str | None, typer.Option(help="County code, or the area's name as quoted.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was said of a week in every vintage that said something new about it, from 初值 to 终值."""
    from pipelines import warehouse
    from pipelines.rules import vintages
    from pipelines.upkeep.backfill import monday_of

    with warehouse.writer(settings_module.load()) as con:
        found = vintages.versions(con, monday_of(week), area)
    if as_json:
        show({"week": week, "versions": found})
        return
    for version in found:
        typer.echo(_version_line(version))
    if not found:
        say(
            f"nothing was said of {week}{f' in {area}' if area else ''}; `sandwatch vintage list` tells what there is"
        )


def _version_line(version: dict[str, Any]) -> str:
    series = " ".join(str(version[name]) for name in ("area_code", "product_id", "unit", "basis", "tax"))
    head = f"{series}  v{version['version_no']} (vintage {version['vintage_no']}, load {version['load_no']}):"
    score = version["score"]
    if score is None:
        return f"{head} withdrawn"
    index = "" if score.get("price_index") is None else f" index {score['price_index']:.2f},"
    rule = f" {score['rule']}" if score.get("rule") else ""
    changed = f"; changed: {', '.join(version['changed'])}" if version["version_no"] > 1 else ""
    return f"{head} {score['price_yuan']:.2f} yuan,{index} {score['level']}{rule}{changed}"


def verify(
    number: Annotated[int | None, typer.Option("--no", help="Vintage; default the newest.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All vintages, one after the other.")] = False,
    as_json: Json = False,
) -> None:
    """Score the quotes known at a vintage anew and compare byte for byte; exit 1 where what is stored differs."""
    from dataclasses import asdict

    from pipelines import warehouse
    from pipelines.errors import CheckFailedError
    from pipelines.rules import vintage_check, vintages

    with warehouse.writer(settings_module.load()) as con:
        known = [vintage.vintage_no for vintage in vintages.all_vintages(con)]
        wanted = [number] if number is not None else known if every else known[-1:]
        found = [vintage_check.verify(con, vintage_no) for vintage_no in wanted]
    if as_json:
        differing = [
            [{"series": key, "columns": names} for key, names in verified.differing.items()] for verified in found
        ]
        facts = zip(found, differing, strict=True)
        show({"vintages": [asdict(one) | {"differing": rows, "is_kept": one.is_kept} for one, rows in facts]})
    else:
        for verified in found:
            typer.echo(verified.words())
    if not found:
        say("no vintage is stored yet; `sandwatch judge` stores the first one")
    if bad := [verified for verified in found if not verified.is_kept]:
        raise CheckFailedError(f"{len(bad)} of {len(found)} vintages do not hold. {bad[0].words()}")
