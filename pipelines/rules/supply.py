"""Supply levels of each county and week: measures of `sql/policy/supply_level` in, levels and tightness out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pipelines.rules import levels
from pipelines.rules.levels import NO_LEVEL, LevelRule, Row

SUPPLY_UNKNOWN = "供应未知"
SUPPLY_STATE = {True: "供应紧张", False: "供应不紧", None: SUPPLY_UNKNOWN}


def supply_weeks(measured: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Return a supply level for every county and week.

    Args:
        measured: rows of `sql/policy/supply_level/measure.sql`, by county and week.
        rule: the supply levels.
    """
    found: list[Row] = []
    running: dict[str, int] = {}
    before: Row = {}
    for row in measured:
        is_next = (row["county_code"], row["week_start"]) == (
            before.get("county_code"),
            before.get("week_start", dt.date.min) + levels.WEEK,
        )
        measures = {**row, "holiday_count": int(bool(row["is_holiday_week"]))}
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
            reason = "measure_missing"
        level = top.level if top else None if reason else NO_LEVEL
        is_tight = level == rule.raw["tight"]["level"] or levels.any_of(
            clause.is_met(measures) for clause in rule.tight
        )
        figure = {"rule": top.rule, **top.figure(measures)} if top else {}
        found.append(
            {
                **row,
                **{name: figure.get(name) for name in ("rule", "value", "bound", "must_be")},
                "level": level,
                "reason": None if level else reason,
                "is_tight": is_tight,
                "supply_state": SUPPLY_STATE[is_tight],
            }
        )
        before = row
    return found
