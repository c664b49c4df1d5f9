"""Verbs about names: hand out the open questions as a workbook, take the answers back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines import settings as settings_module
from pipelines.verbs.console import Json, say, show


def register(app: typer.Typer) -> None:
    """Add `names export` and `names import`."""
    names = typer.Typer(help="Open questions about unknown names, as a workbook out and back.", no_args_is_help=True)
    names.command("export")(export_questions)
    names.command("import")(import_answers)
    app.add_typer(names, name="names")


def export_questions(
    file: Annotated[Path | None, typer.Argument(help="Workbook to write; default the next one in names/.")] = None,
    as_json: Json = False,
) -> None:
    """Write the open questions as a workbook with drop-down lists; no file is overwritten."""
    from pipelines.naming import question_book
    from pipelines.report.words import Words

    words = Words("zh")
    done = question_book.export(settings_module.load(), file, lambda feed: words.name("feed", feed))
    say(f"{done.open_count} open questions, {done.answered_count} answered before")
    if done.left_out_count:
        say(f"{done.left_out_count} more do not fit: answer these, import them, build and export again")
    if not done.open_count:
        say("nothing is asked; names are held against the register by `sandwatch build`, so build after a load")
    if as_json:
        show({"path": done.path, "open": done.open_count, "answered": done.answered_count})
    else:
        typer.echo(str(done.path))


def import_answers(
    file: Annotated[Path, typer.Argument(help="The workbook, filled in.")],
    as_json: Json = False,
) -> None:
    """Take the answers of a workbook; those that cannot be are named, the others hold from the next build on."""
    from pipelines.naming import answers

    done = answers.import_answers(settings_module.load(), file)
    for message in (*done.refused, *done.to_do):
        say(message)
    say(
        f"{done.path}: {done.taken} answers taken, {done.unchanged} known before, {len(done.refused)} refused,"
        f" {done.blank} questions without an answer"
        + ("; run `sandwatch run` to count with them" if done.taken else "")
    )
    if as_json:
        show(done.to_json())
    if done.refused and not (done.taken or done.unchanged):
        raise typer.Exit(1)
