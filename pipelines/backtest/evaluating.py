"""Counts what a rule detected, missed and cried for nothing, where the true index is known.

A shock is a run of weeks in which the true index stands 10 % or more over four weeks before. It is detected where the
area is at 黄 or higher by 7 days after its first such week; a 黄 that stood before counts, and is told apart. An
episode at 黄 is false where the true changes over 4 and over 13 weeks are both under 5 % in the week it got there.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.backtest import intervals
from pipelines.backtest.city import FIRST_WEEK, City, area_code
from pipelines.backtest.following import Followed, Key
from pipelines.backtest.intervals import Estimate
from pipelines.backtest.shocks import YEAR, Array

WEEK = dt.timedelta(weeks=1)
SHOCK_SHARE = 0.10  # over four weeks: the definition, no policy
CALM_SHARE = 0.05
SOON_WEEKS = 1  # 7 days
EARLY_WEEKS = 4  # what was heard longer ago belongs to something else
QUIET_WEEKS = 8  # a run that breaks off for less is the same shock


@dataclass(frozen=True)
class Truth:
    """What is true of one area and product: rises over 4 and 13 weeks by week (NaN: unknown), and its kind."""

    key: Key
    kind: str
    first_week: dt.date
    rise_4: Array
    rise_13: Array

    @property
    def weeks(self) -> int:
        """Length of the series."""
        return len(self.rise_4)

    def shocks(self) -> list[int]:
        """First week of each shock."""
        found, last = [], -YEAR
        for week in np.flatnonzero(self.rise_4 >= SHOCK_SHARE):
            if week - last > QUIET_WEEKS:
                found.append(int(week))
            last = int(week)
        return found

    def is_calm(self, week: int) -> bool:
        """Whether neither rise is 5 % or more; an unknown one does not speak for the alarm."""
        rises = (self.rise_4[week], self.rise_13[week])
        return not any(rise >= CALM_SHARE for rise in rises)


@dataclass
class Score:
    """What became of the shocks and episodes of some series under one rule."""

    shocks: int = 0
    detected: int = 0
    stood: int = 0  # of the detected: 黄 stood already, and did not come with the shock
    episodes: int = 0
    false: int = 0
    years: float = 0.0
    lead_days: list[int] = field(default_factory=list)  # of the others detected; negative: before the first true week

    def add(self, other: Score) -> None:
        """Take in what became of other series."""
        self.shocks += other.shocks
        self.detected += other.detected
        self.stood += other.stood
        self.episodes += other.episodes
        self.false += other.false
        self.years += other.years
        self.lead_days += other.lead_days

    @property
    def recall(self) -> Estimate:
        """Share of shocks detected."""
        return intervals.share(self.detected, self.shocks)

    @property
    def precision(self) -> Estimate:
        """Share of episodes that are not false."""
        return intervals.share(self.episodes - self.false, self.episodes)

    @property
    def lead(self) -> Estimate:
        """Median days from the first true week to 黄."""
        return intervals.middle(self.lead_days)

    @property
    def false_rate(self) -> Estimate:
        """False episodes a year and series."""
        return intervals.rate(self.false, self.years)


def truths(city: City) -> Iterator[Truth]:
    """Yield the truth of each series of a simulated city."""
    index = city.true_index
    over_4, over_13 = _rise(index, 4, np.nan), _rise(index, 13, None)
    for number, shape in enumerate(city.shapes):
        yield Truth((area_code(number), "natural_sand"), shape, FIRST_WEEK, over_4[number], over_13[number])


def _rise(index: Array, weeks: int, before: float | None) -> Array:
    """Change over so many weeks; earlier than that it is `before`, or the change since the first week."""
    earlier = np.roll(index, weeks, axis=1)
    earlier[:, :weeks] = index[:, :1] if before is None else before
    found: Array = index / earlier - 1
    return found


def score(known: Iterable[Truth], followed: Followed, since_week: int = 0) -> dict[str, Score]:
    """Return what became of the shocks and episodes, by kind of series.

    Args:
        known: the series with their truth.
        followed: what the rule said of them.
        since_week: weeks of a series before this one do not count: the rule has no history yet.
    """
    found: dict[str, Score] = {}
    episodes = defaultdict(list)
    for episode in followed.episodes:
        episodes[episode.key].append(episode)
    for truth in known:
        own = found.setdefault(truth.kind, Score())
        own.years += max(truth.weeks - since_week, 0) / YEAR
        loud = {(week - truth.first_week) // WEEK for week in followed.loud_weeks.get(truth.key, ())}
        for shock in truth.shocks():
            if shock >= since_week:
                _add_shock(own, shock, loud)
        for episode in episodes[truth.key]:
            week = (episode.reached - truth.first_week) // WEEK
            if week >= since_week:
                own.episodes += 1
                own.false += truth.is_calm(week)
    return found


def _add_shock(own: Score, shock: int, loud: set[int]) -> None:
    own.shocks += 1
    near = [week for week in range(shock - EARLY_WEEKS, shock + SOON_WEEKS + 1) if week in loud]
    if not near:
        return
    own.detected += 1
    reached = [week for week in near if week - 1 not in loud]
    if reached:
        own.lead_days.append(7 * (reached[0] - shock))
    else:
        own.stood += 1


def total(scores: Mapping[str, Score]) -> Score:
    """All kinds together."""
    found = Score()
    for part in scores.values():
        found.add(part)
    return found
