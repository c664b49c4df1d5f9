"""What a transition says besides its columns: whether it hangs on one seller, which method spoke, how old it is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.rules.levels import WEEK, Clause, LevelRule, Row
from pipelines.rules.policy import compare

SIGN = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<"}
STATUTORY = "statutory"
_HAS = re.compile(r"^(\w+): (\d+) of (\d+) (\w+?)s$")
_NEEDS = re.compile(r"^(\w+) needs (\d+) (\w+?)s, (\d+) seen$")
_PERIOD = {"week": "周", "month": "个月"}
_BEST_EN = "best one available: {rung}, needs {needed} {each}, {seen} seen"
_LACKS_EN = "{rung} needs {needed} {each}, {seen} seen"
_DRIVERS = 3  # in a message; the report has them all
_LONGEST_NAME = 40
_LONGEST_NOTE = 200


@dataclass(frozen=True)
class Context:
    """What is known of a message besides the price data; all of it may be unknown.

    Attributes:
        stale_days: days the price data are overdue; the title says so.
        held_since: when the message was ready, as text, where it is sent later than that.
        held_reason: why it waited, in the reader's language.
        triage: what people said to an episode, by episode_id; each entry with verb (ack, dismiss or note), actor,
            at and text, of which the last three may be missing.
        drivers: what the supply data show in an area, by area_code, in the reader's words.
        report: where the weekly report is, where not in its usual place.
    """

    stale_days: int | None = None
    held_since: str | None = None
    held_reason: str | None = None
    triage: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    drivers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    report: str | None = None


def plain(row: Mapping[str, Any]) -> Row:
    """Return the row with names that fit a line: they come from outside, with any sign and of any length."""
    found = dict(row)
    for name in ("product_id", "product_name", "area_name"):
        found[name] = line(found[name], _LONGEST_NAME)
    return found


def line(text: Any, longest: int = _LONGEST_NOTE) -> str:
    """Return a text from outside as one line of printable signs, shortened with … where it is too long."""
    signs = "".join(sign if sign.isprintable() else " " for sign in str(text or ""))
    word = " ".join(signs.split())
    return word if len(word) <= longest else f"{word[: longest - 1]}…"


def spoken(event: Row, rule: LevelRule, data_through: dt.date, language: str, context: Context) -> Row:
    """Return the transition with all that its message says, the names already plain."""
    clause = next((c for c in rule.clauses if c.rule == event["rule"]), None)
    below_orange = rule.rank(event["level"]) < rule.rank("橙")
    rung = event.get("rung") or (clause.rung if clause else STATUTORY)
    return event | {
        "is_corrected": event.get("is_corrected", False),
        "clause_text": clause.text[language] if clause else "",
        "sign": SIGN.get(event["must_be"] or "", ""),
        "source": clause.bounds[0].source if clause else "",
        "is_dear_and_tight": not below_orange and event["supply_state"] == "供应紧张",
        "is_dear": not below_orange,
        "age_days": (data_through - event["last_quoted_on"]).days,
        "least_points": int(rule.bound("low_sample").value),
        "plateau_weeks": int(rule.life["plateau_weeks"]),
        "return_weeks": int(rule.life["return_weeks"]),
        "rung": rung,
        "rung_text": _rung_text(rung, rule, language),
        "rung_reason_text": _reason(event.get("rung_reason"), rule, language),
        "without_one_share": event.get("without_one_share"),
        "month_share": event.get("month_share"),
        "hangs_on_one": _hangs_on_one(event, clause),
        "triage": [_note(entry) for entry in context.triage.get(event["episode_id"], ())],
        "drivers": [line(words) for words in context.drivers.get(event["area_code"], ())],
    }


def _hangs_on_one(event: Row, clause: Clause | None) -> bool | None:
    """Whether the clause would not be met without the one collection point that rose most; None where unknown."""
    without = event.get("without_one_share")
    if without is None or clause is None:
        return None
    own = next((bound for bound in clause.bounds if bound.measure.endswith("without_one_share")), None)
    # A clause that builds on a level is shown with the figure and bound of the one under it: hold it against those.
    must_be, bound = (own.must_be, own.value) if own else (event["must_be"], event["bound"])
    return compare(without, must_be, bound) is False


def _rung_text(rung: str, rule: LevelRule, language: str) -> str:
    known = rule.raw.get("rungs", {}).get(rung)
    return str(known["text"][language]) if known else rung


def _reason(reason: str | None, rule: LevelRule, language: str) -> str:
    """Why this method: which history it needs and has, and what the next better one lacks, in the reader's words."""
    said = []
    for part in (reason or "").split("; "):
        if found := _HAS.match(part):
            rung, seen, needed, period = found.groups()
            words = {"zh": "可用的最高方法 {rung}，需{needed}{each}，历史{seen}{each}", "en": _BEST_EN}[language]
        elif found := _NEEDS.match(part):
            rung, needed, period, seen = found.groups()
            words = {"zh": "{rung} 需{needed}{each}，现有{seen}", "en": _LACKS_EN}[language]
        else:
            continue
        each = _PERIOD.get(period, period) if language == "zh" else f"{period}s"
        said.append(words.format(rung=_rung_text(rung, rule, language), needed=needed, seen=seen, each=each))
    return ("；" if language == "zh" else "; ").join(said)


def drivers(rows: Iterable[Row], events: Iterable[Row], language: str) -> dict[str, list[str]]:
    """Return what the supply data show in the places of some transitions, for `Context.drivers`: the three foremost.

    Args:
        rows: rows of mart.supply_driver_week.
        events: rows of mart.price_alert_event; the newest week of drivers that is no later counts, and no older than
            a week before.
        language: zh or en.
    """
    known = list(rows)
    found: dict[str, list[str]] = {}
    for event in events:
        first = event["week_start"] - WEEK
        near = [
            row
            for row in known
            if row["county_code"] == event["area_code"] and first <= row["week_start"] <= event["week_start"]
        ]
        newest = max((row["week_start"] for row in near), default=None)
        foremost = sorted((row for row in near if row["week_start"] == newest), key=lambda row: row["driver_rank"])
        if foremost:
            found[event["area_code"]] = [_driver(row, language) for row in foremost[:_DRIVERS]]
    return found


def _driver(row: Row, language: str) -> str:
    if language == "zh":
        return str(row["text_zh"])
    return f"{row['kind'].replace('_', ' ')}: {row['subject_name'] or row['subject']}, {row['value_t'] or 0:,.0f} t"


def _note(entry: Mapping[str, Any]) -> Row:
    return {name: line(entry.get(name)) for name in ("verb", "actor", "at", "text")}


def query(event: Row) -> str:
    """Return the statement that gives the row again, for `sandwatch sql`; a product of an odd name is left out."""
    wanted = {"area_code": event["area_code"], "iso_week": event["iso_week"]}
    if re.fullmatch(r"[\w.-]{1,39}", event["product_id"]):
        wanted["product_id"] = event["product_id"]
    said = (
        f"{name} = '{line(value, _LONGEST_NAME).replace(chr(39), chr(39) * 2)}'" for name, value in wanted.items()
    )
    return f"SELECT * FROM mart.price_alert_event WHERE {' AND '.join(said)}"


def json_types(value: Any) -> Any:
    """Return rows with their days as text, so that any JSON reader takes them."""
    if isinstance(value, Mapping):
        return {str(name): json_types(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_types(item) for item in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
