"""Verbs about single overload records: the paper to defend one with, and contests of one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show
from pipelines.verbs.tracing import Language

Record = Annotated[str, typer.Argument(metavar="RECORD", help="record_id of mart.overload_record.")]


class Ruling(StrEnum):
    """How a contest ends."""

    upheld = "upheld"
    withdrawn = "withdrawn"


def register(app: typer.Typer) -> None:
    """Add the verbs of this topic."""
    app.command("evidence")(evidence)
    app.command("contest")(contest)


def evidence(
    record: Record,
    out: Annotated[Path | None, typer.Option(help="PDF to write; default one in evidence/.")] = None,
    language: Annotated[Language | None, typer.Option(help="zh or en; default SANDWATCH_LANGUAGE.")] = None,
    purpose: Annotated[str, typer.Option(help="Why, for the access log and the page.")] = "",
    as_json: Json = False,
) -> None:
    """Write one PDF with all that is known of an overload record, and what it does not prove."""
    from dataclasses import asdict

    from pipelines.evidence import writing

    done = writing.write(
        settings_module.load(), record, out=out, language=language.value if language else None, purpose=purpose
    )
    if done.snapshot != "whole":
        say(f"the file of the ticket is {done.snapshot} among the snapshots: the page says so; restore a backup")
    if done.contest:
        say(f"the record is contested: the page shows it as it was frozen; now it is {done.contest}")
    if done.verdict != "breached":
        say(f"the record is {done.verdict}: the page accuses nobody and is no evidence of overloading")
    if as_json:
        show(asdict(done))
    else:
        typer.echo(str(done.path))


def contest(
    record: Record,
    by: Annotated[str, typer.Option(help="Who contests the record.")] = "",
    reason: Annotated[str, typer.Option(help="What is said against it.")] = "",
    document: Annotated[str, typer.Option(help="Number of the paper it came with.")] = "",
    ruling: Annotated[
        Ruling | None,
        typer.Option(help="Rule on it: upheld, the record stands; withdrawn, the record is taken back."),
    ] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the contest or ruling; default today.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write down that a record is contested and freeze it as published, or rule on its open contests."""
    from dataclasses import asdict

    from pipelines.errors import WrongCallError
    from pipelines.evidence import contests

    current, day = settings_module.load(), on.date() if on else None
    if ruling and (by or reason or document):
        raise WrongCallError("--ruling ends contests that were written down; leave out --by, --reason and --document")
    if ruling:
        done = contests.rule(current, record, ruling=ruling.value, on=day)
        say(f"{', '.join(done.contest_ids)}: {done.ruling} on {done.day}; now `sandwatch run`")
    else:
        done = contests.contest(current, record, by=by, reason=reason, document_no=document, on=day)
        say(
            f"{done.contest_ids[0]}: contested on {done.day}, frozen as of build {done.frozen_build};"
            " now `sandwatch run`, so that the editions show it"
        )
    if as_json:
        show(asdict(done))
