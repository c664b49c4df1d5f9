"""Which way of quoting speaks for a product in an area.

One product is quoted in several ways: per tonne or cubic metre, ex works or delivered, with tax or without. They are
never chained or compared, and people hear of one of them, the lead series: the one with the most collection points of
late. A single seller's noise then opens nothing where five others are quoted like with like. Source: our own method;
its figures are in `sql/policy/price_level/rule.yaml`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.rules.levels import WEEK, Clause, Ladder, LevelRule, Row
from pipelines.rules.policy import compare

KIND = ("unit", "basis", "tax")
Kind = tuple[str | None, ...]


def kind_of(row: Row) -> Kind:
    """Return what makes two quotes of a product and area comparable: unit, basis and tax."""
    return tuple(row[name] for name in KIND)


@dataclass
class Series:
    """One way of quoting: its ladder, its last row, and since when each clause holds, with the row before that."""

    ladder: Ladder
    previous: Row | None = None
    segment: int | None = None
    risen: dict[str, tuple[dt.date, Row | None]] = field(default_factory=dict)
    untold_after: dt.date | None = None  # set where the series took over the lead and has not spoken yet

    def is_break(self, row: Row | None) -> bool:
        """Whether the row cannot be measured against the ones before; None stands for a week without a row."""
        if self.previous is None:
            return False
        if row is None or (row.get("is_spread") and not self.previous.get("is_spread")):
            return True
        return None not in (self.segment, row["segment"]) and self.segment != row["segment"]

    def climb(self, row: Row) -> tuple[bool, Row | None, list[Clause]]:
        """Take in a quoted week.

        Returns whether a clause is met that nobody was told of, the row before the rise it is part of, and all
        clauses met. Nobody was told of what is newly met, and of what was since the lead before this one last spoke.
        """
        if self.ladder.rank() == 0:
            self.risen = {}
        fresh, met = self.ladder.climb(row)
        self.risen |= {clause.rule: (row["week_start"], self.previous) for clause in fresh}
        until, self.untold_after = self.untold_after, None
        if until is None:
            return bool(fresh), self.previous, met
        untold = [(since, before) for since, before in self.risen.values() if since > until]
        is_news = any(self.risen[clause.rule][0] > until for clause in met)
        return is_news, min(untold, key=lambda risen: risen[0])[1] if is_news else None, met


class LeadChooser:
    """Chooses the lead series of one product and area week by week; a week sees nothing of later ones."""

    def __init__(self, rule: LevelRule) -> None:
        self.rule = rule
        self.lead: Kind | None = None
        self._seen: dict[Kind, list[tuple[dt.date, int]]] = defaultdict(list)

    def choose(self, week: dt.date, rows: Mapping[Kind, Row], *, is_held: bool) -> Kind:
        """Take in a week and return its lead.

        Args:
            week: Monday of the week, later than the ones before.
            rows: the week's row of each series that has one, at least one series.
            is_held: whether an episode is open; its lead stays as long as the series has a row.
        """
        for kind, row in rows.items():
            self._seen[kind].append((week, row["collection_point_count"]))
        lead = self.lead
        if lead is not None and is_held and lead in rows:
            return lead
        points = {kind: self._points(kind, week) for kind in _candidates(rows)}
        best = min(points, key=lambda kind: (-points[kind], self._preference(kind)))
        if lead is None or lead not in points or self._takes_over(points[best], points[lead]):
            lead = best
        self.lead = lead
        return lead

    def _points(self, kind: Kind, week: dt.date) -> int:
        """Collection points summed over the weeks of the window: a seldom quoted series has little to say."""
        first = week - WEEK * (int(self.rule.life["lead_weeks"]) - 1)
        return sum(points for at, points in self._seen[kind] if at >= first)

    def _takes_over(self, points: int, held: int) -> bool:
        needed = round(held * self.rule.life["lead_takeover_share"], 9)
        return points > held and compare(points, "at_least", needed) is True

    def _preference(self, kind: Kind) -> tuple[tuple[int, str], ...]:
        """Order of equal series: the listed values first, then by their text."""
        order = self.rule.raw["lead_order"]
        return tuple(
            (order[name].index(value) if value in order[name] else len(order[name]), value or "")
            for name, value in zip(KIND, kind, strict=True)
        )


def _candidates(rows: Mapping[Kind, Row]) -> list[Kind]:
    """A city row that only counts counties leads where the city has no quotes of its own."""
    return [kind for kind, row in rows.items() if not row.get("is_spread")] or list(rows)
