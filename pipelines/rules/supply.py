"""Supply levels of each county, of the city and week: measures of `sql/policy/supply_level` in, levels out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pipelines.rules import levels
from pipelines.rules.levels import NO_LEVEL, Bound, LevelRule, Row

SUPPLY_UNKNOWN = "供应未知"
SUPPLY_STATE = {True: "供应紧张", False: "供应不紧", None: SUPPLY_UNKNOWN}
MISSING = "measure_missing"
# Measures that are known only where `known_when` of the rule holds, with the column that says why they are not.
REASON_COLUMNS = {"stock_days": "stock_reason", "project_cover_ratio": "cover_reason"}
FLAGS = {
    "holiday_count": "is_holiday_week",
    "spring_festival_count": "is_spring_festival_week",
    "calendar_unknown_count": "is_calendar_unknown",
}


def supply_weeks(measured: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Return a supply level for every county and week.

    Days of stock and cover that too little was reported for become unknown, with the reason beside them.

    Args:
        measured: rows of `sql/policy/supply_level/measure.sql`, by county and week; the city is a row like them.
        rule: the supply levels.
    """
    found: list[Row] = []
    running: dict[str, int] = {}
    before: Row = {}
    for given in measured:
        row = given | _known(given, rule)
        is_next = (row["county_code"], row["week_start"]) == (
            before.get("county_code"),
            before.get("week_start", dt.date.min) + levels.WEEK,
        )
        measures = row | {count: int(bool(row.get(flag))) for count, flag in FLAGS.items()}
        # The first condition that does not hold is the reason; an unknown one does not hold.
        reason = next((why for why, bound in rule.conditions if not bound.is_met(measures)), None)
        answers = []
        for clause in rule.clauses:
            met = None if clause.needs_conditions and reason else clause.is_met(measures)
            running[clause.rule] = (running.get(clause.rule, 0) if is_next else 0) + 1 if met else 0
            answers.append(met and running[clause.rule] >= clause.weeks_running)
        on = [clause for clause, met in zip(rule.clauses, answers, strict=True) if met]
        top = max(on, key=lambda clause: clause.rank, default=None)
        if reason is None and levels.known(row["same_site_share"]) is None:
            reason = MISSING
        level = top.level if top else None if reason else NO_LEVEL
        is_tight = level == rule.raw["tight"]["level"] or levels.any_of(
            clause.is_met(measures) for clause in rule.tight
        )
        met_now = [*on, *(clause for clause in rule.tight if clause.is_met(measures))]
        figure = {"rule": top.rule, **top.figure(measures)} if top else {}
        found.append(
            {
                **row,
                **{name: figure.get(name) for name in ("rule", "value", "bound", "must_be")},
                "level": level,
                "reason": None if level else reason,
                "dispatch_reason": reason,
                "measures_met": ",".join(sorted({clause.bounds[0].measure for clause in met_now})),
                "is_tight": is_tight,
                "supply_state": SUPPLY_STATE[is_tight],
            }
        )
        before = row
    return found


def _known(row: Row, rule: LevelRule) -> Row:
    """The measures that rest on reports, None where these do not do, and why."""
    found: Row = {}
    for measure, column in REASON_COLUMNS.items():
        bounds = rule.raw["known_when"][measure]
        why = next((spec["reason"] for spec in bounds if not _bound(spec).is_met(row)), None)
        value = None if why else levels.known(row[measure])
        found |= {measure: value, column: why if why or value is not None else MISSING}
    return found


def _bound(spec: Row) -> Bound:
    return Bound(**{name: value for name, value in spec.items() if name != "reason"})
