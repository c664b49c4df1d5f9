"""The question whether a report may go out, with the figures that whoever answers looks at first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from pipelines.report.words import Words


@dataclass(frozen=True)
class Question:
    """Of which week, in one line, and what stands below it (Markdown)."""

    week: str
    subject: str
    body: str


def week_before(week: str) -> str:
    """Return the ISO week before one, both as 2026-W47."""
    year, number = week.split("-W")
    monday = dt.date.fromisocalendar(int(year), int(number), 1)
    return f"{monday - dt.timedelta(weeks=1):%G-W%V}"


def question(about: dict[str, Any], stage: str, words: Words) -> Question:
    """Return the question for the draft of a week.

    Args:
        about: the draft's manifest.
        stage: preliminary or final.
        words: the language of who answers.
    """
    week, named = about["iso_week"], words(f"issue.{stage}")
    lines = [words("ask.draft", iso_week=week, day=about["data_through"])]
    lines += [
        words("ask.tile", label=tile["label"], value=tile["value"], note=tile["note"]) for tile in about["tiles"]
    ]
    lines.append(
        words("ask.notes", names=words.listed(about["notes"])) if about["notes"] else words("ask.no_notes")
    )  # fmt: skip
    lines.append(words("ask.final") if stage == "final" else words("ask.preliminary"))
    return Question(week, words("ask.subject", iso_week=week, stage=named), "\n".join(lines))
