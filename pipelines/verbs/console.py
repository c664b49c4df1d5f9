"""How verbs speak: results on stdout, words for people on stderr, options that several share."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Week = Annotated[str | None, typer.Option("--week", help="ISO week such as 2026-W47; default the last complete one.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 when a rule of law is breached.")]


def say(text: str) -> None:
    """Print a line for people: on stderr, so that stdout holds results only."""
    typer.echo(text, err=True)


def show(value: Any) -> None:
    """Print a result as one JSON object."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))
