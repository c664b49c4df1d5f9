"""Warning levels as data: reads the level rules of `sql/policy` and says which clause of them is met.

The figures, their sources and wording live in `rule.yaml`; the comparison is `policy.compare`. Nothing here knows
a level or a measure by name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import MachineError
from pipelines.rules.policy import compare
from pipelines.settings import ROOT

NO_LEVEL = "无"
WEEK = dt.timedelta(days=7)
Measures = Mapping[str, Any]
Row = dict[str, Any]


def known(value: Any) -> Any:
    """The value, or None where it is no number at all: infinity would meet any bound, and NaN none of them."""
    return None if isinstance(value, float) and not isfinite(value) else value


@dataclass(frozen=True)
class Bound:
    """One measure against one figure, with where the figure comes from."""

    measure: str
    must_be: str
    value: float
    unit: str
    source: str
    is_system_default: bool

    def is_met(self, measures: Measures, share: float = 1.0) -> bool | None:
        """Whether the measure meets `share` of the bound; None where the measure is unknown."""
        # 0.8 * 0.2 is a hair above 0.16 in binary: rounded, so that a value at the bound is at the bound.
        bound = self.value if share == 1 else round(self.value * share, 9)
        return compare(known(measures.get(self.measure)), self.must_be, bound)


@dataclass(frozen=True)
class Clause:
    """One way to reach a level: all its bounds hold, for so many weeks running. The first bound is shown.

    `rung` is the method of the ladder that the clause belongs to.
    """

    rule: str
    level: str
    rank: int
    text: Mapping[str, str]
    bounds: tuple[Bound, ...]
    rung: str = "statutory"
    scope: str = "any"
    weeks_running: int = 1
    needs_conditions: bool = False

    def is_met(self, measures: Measures, share: float = 1.0) -> bool | None:
        """Whether all bounds hold: False if one does not, None if that hangs on an unknown measure."""
        return _all(bound.is_met(measures, share) for bound in self.bounds)

    def figure(self, measures: Measures) -> Row:
        """What the clause is shown with: its first bound and the value measured for it."""
        bound = self.bounds[0]
        return {
            "value": known(measures.get(bound.measure)),
            "bound": bound.value,
            "must_be": bound.must_be,
            "value_unit": bound.unit,
            "is_system_default": bound.is_system_default,
            "rung": self.rung,
            "without_one_share": known(measures.get(f"{bound.measure.removesuffix('_share')}_without_one_share")),
        }

    @property
    def reads_level(self) -> bool:
        """Whether the clause builds on a level that other clauses gave."""
        return any(bound.unit == "level" for bound in self.bounds)


@dataclass(frozen=True)
class LevelRule:
    """A ladder of levels from the lowest, and what belongs to it."""

    name: str
    levels: tuple[str, ...]
    clauses: tuple[Clause, ...]
    action: Mapping[str, Mapping[str, str]]
    conditions: tuple[tuple[str, Bound], ...]
    tight: tuple[Clause, ...]
    life: Mapping[str, float]
    document: str
    raw: Mapping[str, Any]

    def rank(self, level: str | None) -> int:
        """Place of a level on the ladder from 1; 0 for none."""
        return self.levels.index(level) + 1 if level in self.levels else 0

    def level(self, rank: int) -> str:
        """Level at a place on the ladder."""
        return self.levels[rank - 1] if rank > 0 else NO_LEVEL

    def clause(self, rule: str) -> Clause:
        """The clause of that name."""
        return next(clause for clause in (*self.clauses, *self.tight) if clause.rule == rule)

    def bound(self, name: str) -> Bound:
        """A bound that stands beside the ladder, such as `low_sample`."""
        return Bound(**self.raw[name])


def _all(answers: Iterable[bool | None]) -> bool | None:
    is_unknown = False
    for answer in answers:  # the first no decides: of most clauses no second bound is looked at
        if answer is False:
            return False
        is_unknown |= answer is None
    return None if is_unknown else True


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Whether one answer is yes; None where none is and one is unknown."""
    known = list(answers)
    if True in known:
        return True
    return None if None in known else False


def loudest(met: Iterable[Clause], measures: Measures) -> Row:
    """The figure of the highest clause a series meets by its own prices; empty where it meets none."""
    own = [clause for clause in met if clause.scope == "any" and not clause.reads_level]
    clause = max(own, key=lambda clause: clause.rank, default=None)
    return {"rule": clause.rule} | clause.figure(measures) if clause else {}


@cache
def load(name: str, folder: Path = ROOT / "sql" / "policy") -> LevelRule:
    """Return the level rule in `sql/policy/<name>/rule.yaml`.

    Raises:
        MachineError: the file misses a part or names one that does not exist.
    """
    path = folder / name / "rule.yaml"
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        levels = tuple(step["level"] for step in raw["levels"])
        clauses = tuple(_clause(spec, step["level"], levels) for step in raw["levels"] for spec in step["any_of"])
        tight = raw.get("tight")
        return LevelRule(
            name=raw["rule"],
            levels=levels,
            clauses=clauses,
            action={step["level"]: step["action"] for step in raw["levels"] if "action" in step},
            conditions=tuple(
                (spec["reason"], Bound(**{key: item for key, item in spec.items() if key != "reason"}))
                for spec in raw.get("conditions", [])
            ),
            tight=tuple(_clause(spec, tight["level"], levels) for spec in tight["any_of"]) if tight else (),
            life={key: spec["value"] for key, spec in raw.get("life", {}).items()},
            document=raw["document"],
            raw=raw,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MachineError(f"sql/policy/{name}/rule.yaml: {error!r}; compare with the other level rule") from error


def _clause(spec: Mapping[str, Any], level: str, levels: tuple[str, ...]) -> Clause:
    bounds = []
    for item in spec["bounds"]:
        value = levels.index(item["value"]) + 1 if item["unit"] == "level" else item["value"]
        bounds.append(Bound(**{**item, "value": value}))
    return Clause(
        **{
            **spec,
            "level": level,
            "rank": levels.index(level) + 1,
            "bounds": tuple(bounds),
        }
    )


@dataclass
class _Latch:
    is_on: bool = False
    weeks_below: int = 0


class Ladder:
    """The level in force of one series: up at once, down only after some weeks below a share of the bound."""

    def __init__(self, rule: LevelRule, *, is_city: bool = False) -> None:
        self.rule = rule
        self.clauses = [clause for clause in rule.clauses if clause.scope == "any" or is_city]
        self.plain = [clause for clause in self.clauses if not clause.reads_level]
        self.over = [clause for clause in self.clauses if clause.reads_level]
        self.reset()

    def reset(self) -> None:
        """Forget all that was met: what is met next is news again."""
        self.latches = {clause.rule: _Latch() for clause in self.clauses}

    def climb(self, row: Row) -> tuple[list[Clause], list[Clause]]:
        """Take in a week; return the clauses that are newly met, and all that are met in the week."""
        fresh = [clause for clause in self.plain if self._latch(clause, row)]
        measures = {**row, "price_rank": self.price_rank()}
        fresh += [clause for clause in self.over if self._latch(clause, measures)]
        return fresh, self.met(row)

    def met(self, row: Row) -> list[Clause]:
        """Clauses met in the week, from the lowest."""
        measures = {**row, "price_rank": self.price_rank()}
        return [clause for clause in self.clauses if clause.is_met(measures)]

    def price_rank(self) -> int:
        """Level in force before the clauses that build on a level are considered."""
        return self._highest(self.plain)

    def rank(self) -> int:
        """Level in force."""
        return self._highest(self.clauses)

    def spoken(self, row: Row) -> Row:
        """The figure behind the level: of its first clause met now, else of the one that still holds it."""
        on = [clause for clause in self.clauses if self.latches[clause.rule].is_on]
        top = [clause for clause in on if clause.rank == self.rank()]
        if not top:
            return {}
        met = {clause.rule for clause in self.met(row)}
        clause = next((clause for clause in top if clause.rule in met), top[0])
        said = {"rule": clause.rule}
        if clause.reads_level:  # its own figure is a level: show the price that gave it
            below = [clause for clause in on if not clause.reads_level]
            clause = max(below, key=lambda c: c.rank, default=clause)
        return said | clause.figure(row)

    def _highest(self, clauses: Iterable[Clause]) -> int:
        return max((clause.rank for clause in clauses if self.latches[clause.rule].is_on), default=0)

    def _latch(self, clause: Clause, measures: Measures) -> bool:
        latch = self.latches[clause.rule]
        if clause.is_met(measures):
            was_on, latch.is_on, latch.weeks_below = latch.is_on, True, 0
            return not was_on
        if latch.is_on:
            held = clause.is_met(measures, self.rule.life["leave_bound_share"])
            latch.weeks_below = 0 if held else latch.weeks_below + 1
            latch.is_on = latch.weeks_below < self.rule.life["leave_weeks"]
        return False
