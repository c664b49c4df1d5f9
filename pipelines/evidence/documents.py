"""The texts of law a record rests on: which it cites, how they were read, and whether their validity is open."""

from __future__ import annotations

import datetime as dt
from typing import Any

from pipelines.evidence.case import Case
from pipelines.evidence.words import Words
from pipelines.rules import policy

LIMITS = "order62"


def cited(case: Case) -> list[Case]:
    """Return the documents the page cites, that of the limits first."""
    record, by_id = case["record"], {row["document_id"]: row for row in case["documents"]}
    names = [LIMITS]
    if record["max_error_kg"] is not None:
        names.append("scale_verification")
    if record["verdict"] == "breached":
        names.append("penalty_law")
        if record["is_within_expressway_tolerance"]:
            names.append("expressway_notice")
    return [by_id[name] for name in names if name in by_id]


def is_open(document: Case, on: str | None) -> bool:
    """Whether a page of that day must say 依据文件效力待核."""
    if on is None:
        return False
    return policy.is_validity_open({**document, **_days(document)}, dt.date.fromisoformat(on))


def title(document: Case) -> str:
    """Return the document's title with its number."""
    name, number = document["title"], document["number"]
    return f"{name}（{number}）" if number and number not in name else str(name)


def validity(document: Case, on: str | None, words: Words) -> str:
    """Return what is known of a document's validity, in words."""
    checked = document["checked_on"]
    if is_open(document, on):
        if checked:
            return words("validity.recheck", checked=checked)
        return words("validity.open", until=document["valid_until"])
    return words("validity.checked", checked=checked) if checked else words("validity.unchecked")


def confidence(case: Case, words: Words, name: str = LIMITS) -> str:
    """Return how the text of a document was read."""
    found = next((row["confidence"] for row in case["documents"] if row["document_id"] == name), None)
    return words.name("confidence", found)


def parameter(case: Case, rule: str, name: str) -> dict[str, Any]:
    """Return a figure of a rule with value, unit and source; unknown ones are empty."""
    found: dict[str, Any] = next(
        (row for row in case["parameters"] if (row["rule"], row["name"]) == (rule, name)),
        {"value": None, "unit": "", "source": ""},
    )
    return found


def _days(document: Case) -> dict[str, dt.date | None]:
    return {
        name: dt.date.fromisoformat(document[name]) if document[name] else None
        for name in ("checked_on", "valid_until")
    }
