"""The verb that drafts a source profile from a stranger's file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import WrongCallError
from pipelines.verbs.console import Json, say, show


def register(app: typer.Typer) -> None:
    """Add `profile` to the verbs."""
    app.command("profile")(profile)


def profile(
    feed: Annotated[str, typer.Argument(help="Feed, for instance weighbridge_ticket.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that no profile describes.")],
    name: Annotated[str, typer.Option(help="Name of the new source profile.")] = "new_source",
    as_json: Json = False,
) -> None:
    """Draft a source profile from a file: YAML to paste, each guess with its reason, and what it would load."""
    from pipelines.feeds.parse import contract_of
    from pipelines.feeds.profile_draft import draft

    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise WrongCallError(f"--name {name!r}: a source is named with small letters, digits and underscores")
    contract = contract_of(feed)
    if name in contract.sources:
        raise WrongCallError(f"feed {feed} already has a source {name!r}; choose another --name")
    made = draft(contract, file, name)
    if as_json:
        show(made.to_json())
        return
    say(f"paste below `sources:` in expectations/raw/{feed}.yaml, then: sandwatch ingest {feed} FILE --source {name}")
    typer.echo(made.yaml, nl=False)
    for doubt in made.doubts:
        say(f"could not be told: {doubt}")
    for answer in made.answers:
        say(f"to answer: {answer}")
    trial = made.trial
    if trial.refused:
        say(f"trial: the file would be refused: {trial.refused}")
        return
    put_aside = sum(trial.reasons.values())
    say(f"trial of the first {trial.rows} rows: {trial.good} good, {put_aside} put aside {trial.reasons}")
    if trial.first_message:
        say(f"  first: {trial.first_message}")
