"""How prices and their alerts are said: the name of a series, why a level speaks, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.alerting import alert_facts
from pipelines.report import facts as fact
from pipelines.report.blocks import Row
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import levels
from pipelines.rules.policy import compare


def series_name(row: Row, words: Words) -> str:
    """A price series in words: area, product and what kind of price."""
    place, product = (
        words.place(row["area_code"], row["area_name"]),
        words.product(row["product_id"], row["product_name"]),
    )
    return words("price.series", place=place, product=product, kind=words.kind(row))


def reason(row: Row, words: Words) -> str:
    """The clause that speaks with its value and bound, and why it speaks where the value is under the bound."""
    if row["is_imputed"]:
        return words("price.no_quote_this_week")
    if row["rule"] is None:
        return words("price.waits_to_close") if row.get("event") != "closed" else NOTHING
    clause = levels.load("price_level").clause(row["rule"])
    text = words(
        "price.reason",
        text=clause.text[words.language],
        value=_figure(row["value"], row["value_unit"], words, signed=True),
        sign=SIGNS[row["must_be"]],
        bound=_figure(row["bound"], row["value_unit"], words, digits=0),
    )
    # A clause that builds on a level shows the figure of the clause under it: compare what is printed.
    held = row["value"] is not None and not compare(float(row["value"]), row["must_be"], float(row["bound"]))
    is_month = clause.bounds[0].measure in ("month_share", "month_high_share")
    return (
        text
        + (words("price.held") if held else "")
        + (words("price.default") if clause.bounds[0].is_system_default else "")
        + (_month_interval(row, words) if is_month else "")
    )


def _figure(value: Any, unit: str, words: Words, digits: int = 1, *, signed: bool = False) -> str:
    """A measured value or its bound: a share in percent, a score with its decimals, counts whole."""
    if unit == "share":
        return words.percent(value, digits, signed=signed)
    return words.number(value, 2 if unit == "score" else 0)


def _month_interval(row: Row, words: Words) -> str:
    """The 95 % interval of the change over four weeks; empty where the quotes do not tell."""
    low, high = row["month_low_share"], row["month_high_share"]
    if low is None or high is None:
        return ""
    return words("price.month_interval", low=words.percent(low, signed=True), high=words.percent(high, signed=True))


def method(row: Row, words: Words) -> str:
    """Which method spoke, what else is met, and which history that took; empty where nothing speaks."""
    if row["rule"] is None or row["is_imputed"]:
        return ""
    rule = levels.load("price_level")
    said = _spoken(row, words)
    others = [name for name in (row["rules_met"] or "").split(",") if name and name != row["rule"]]
    also = words.listed(_clause(rule.clause(name), words) for name in reversed(others))
    return words("price.method", rung=said["rung_text"], also=words("price.also_met", names=also) if also else "") + (
        words("price.rung_reason", reason=said["rung_reason_text"]) if said["rung_reason_text"] else ""
    )


def _clause(clause: levels.Clause, words: Words) -> str:
    """A clause that is met too, with its bound."""
    bound = clause.bounds[0]
    if bound.unit in ("step", "flag", "level"):
        return clause.text[words.language]  # the text says it all; a count of steps means nothing to a reader
    value = _figure(bound.value, bound.unit, words, digits=0)
    return words("price.also", text=clause.text[words.language], sign=SIGNS[bound.must_be], bound=value)


def how_sure(row: Row, words: Words) -> tuple[str, bool]:
    """What a reader should know of the sample, and whether it is too weak to be quoted without a check."""
    notes = [words("price.low_sample")] if row["is_low_sample"] else []
    is_weak = bool(row["is_low_sample"])
    if row["rule"] is not None and row["without_one_share"] is not None and not row["is_imputed"]:
        hangs = bool(_spoken(row, words)["hangs_on_one"])
        is_weak = is_weak or hangs
        share = words.percent(row["without_one_share"], signed=True)
        notes.append(words("price.hangs_on_one" if hangs else "price.without_one", share=share))
    if row["quote_source_count"] == 1:
        notes.append(words("price.one_source"))
    return words("price.note_break").join(notes), is_weak


def _spoken(row: Row, words: Words) -> dict[str, Any]:
    """The same words on method and sample as in the message of the alert."""
    day = row["last_quoted_on"]
    return alert_facts.spoken(row, levels.load("price_level"), day, words.language, alert_facts.Context())


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Alerts as people want them: highest level first, new ones before old ones, ended ones last."""
    return sorted(
        rows,
        key=lambda row: (
            row["event"] == "closed",
            -fact.rank(row["level"]),
            row["is_low_sample"],
            row["weeks_running"],
            row["episode_id"],
        ),
    )
