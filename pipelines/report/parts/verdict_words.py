"""Verdicts in words: rule, clause, measured value, threshold; no figure is rounded onto its threshold."""

from __future__ import annotations

from decimal import Decimal

from pipelines.report.blocks import Row
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import policy


def rule_title(rule: str, words: Words) -> str:
    """Title of a rule, as its folder states it."""
    return policy.rules()[rule].title[words.language]


def outcome_word(row: Row, words: Words) -> str:
    """A verdict in words: a management rule unmet is 未达管理指标, never a breach of the document."""
    if row["outcome"] == "breached" and row["kind"] == "management":
        return words("outcome.unmet_management")
    return words.name("outcome", row["outcome"])


def clause(document: str, number: str, words: Words) -> str:
    """Short name of a document with the clause."""
    return words("word.clause", document=words.name("document", document), clause=number)


def basis(row: Row, words: Words) -> str:
    """The clause a verdict rests on; a management rule only follows it."""
    named = clause(row["document"], row["clause"], words)
    return words("project.after", clause=named) if row["kind"] == "management" else named


def measured(row: Row, words: Words) -> str:
    """The measured value in the unit of its rule; a share is never rounded onto its threshold."""
    unit, value, base = _unit(row), row["value"], row["base"]
    if value is None or unit == "present":
        return NOTHING
    if unit == "share":
        if not base:
            return NOTHING
        shown = exact_percent(Decimal(value) / Decimal(base), row["threshold"])
        return words("project.share_of", share=shown, part=words.number(value), whole=words.number(base))
    if unit == "years":
        if not base:
            return NOTHING
        return words("project.years", years=exact(Decimal(value) / Decimal(base), row["threshold"]))
    if unit == "days before construction":
        part = policy.rules()[row["rule"]].parts[row["part"]]["title"][words.language]
        return words("project.days_before" if value >= 0 else "project.days_after", part=part, days=abs(int(value)))
    return words("project.t_per_year", t=words.number(value))


def bound(row: Row, words: Words) -> str:
    """The threshold with its comparison, in the unit of its rule."""
    return NOTHING if row["threshold"] is None else threshold_text(row, words)


def threshold_text(row: Row, words: Words) -> str:
    """A threshold that is there, likewise."""
    unit, threshold = _unit(row), row["threshold"]
    if unit == "present":
        return words("project.must_be_present")
    sign = SIGNS[row["must_be"]] + "\u00a0"
    if unit == "share":
        return f"{sign}{words.percent(threshold, 0)}"
    if unit == "years":
        return f"{sign}{words('project.years', years=words.number(threshold))}"
    if unit == "days before construction":
        return words("project.before_construction")
    return f"{sign}{words('project.t_per_year', t=words.number(threshold))}"


def _unit(row: Row) -> str:
    """Unit of the part that decided; a filing without a date has no threshold to take it from."""
    return str(policy.rules()[row["rule"]].parts[row["part"]]["unit"])


def exact(value: Decimal, threshold: Decimal | None, digits: int = 1) -> str:
    """A number with as many decimals as it takes not to look like the threshold when it is not."""
    if threshold is None:
        return f"{value:.{digits}f}"
    for places in range(digits, 9):
        text = f"{value:.{places}f}"
        if value == threshold or Decimal(text) != threshold:
            return text
    return str(value)


def exact_percent(share: Decimal, threshold: Decimal | None) -> str:
    """The same for a share, in percent."""
    return f"{exact(share * 100, None if threshold is None else threshold * 100)}%"
