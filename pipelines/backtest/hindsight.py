"""Counts a rule's episodes on real quotes, where nobody knows the true index.

In its place stands hindsight, a proxy: a rise of 10 % in four weeks was real where the index stayed, by the median of
the weeks 4 to 13 after it, 5 % or more above where it had stood before. A real rise that was over within a month
counts as none, and the index still carries the noise of its quotes.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from pipelines.backtest import intervals
from pipelines.backtest.evaluating import CALM_SHARE, EARLY_WEEKS, QUIET_WEEKS, SHOCK_SHARE, SOON_WEEKS, WEEK
from pipelines.backtest.following import Followed, Key, LeadWeek
from pipelines.backtest.intervals import Estimate
from pipelines.backtest.shocks import YEAR

AFTER_WEEKS = (4, 13)
_FEWEST = 3  # weeks with a quote, among those after, that a median is taken of


@dataclass
class Tally:
    """Episodes at 黄 or higher of one rule on real quotes, and what hindsight says of them."""

    levels: Counter[str] = field(default_factory=Counter)  # by the highest level reached
    lasted: int = 0
    passed: int = 0
    unsaid: int = 0  # too few later weeks, or no base
    rises: int = 0
    heard: int = 0
    years: float = 0.0

    @property
    def episodes(self) -> int:
        """All of them."""
        return sum(self.levels.values())

    @property
    def lasting(self) -> Estimate:
        """Share of the episodes that can be told whose rise lasted."""
        return intervals.share(self.lasted, self.lasted + self.passed)

    @property
    def heard_share(self) -> Estimate:
        """Share of lasting rises of 10 % in four weeks that stood at 黄 within 7 days."""
        return intervals.share(self.heard, self.rises)

    @property
    def episode_rate(self) -> Estimate:
        """Episodes a year and series."""
        return intervals.rate(self.episodes, self.years)

    @property
    def passed_rate(self) -> Estimate:
        """Episodes whose rise did not last, a year and series."""
        return intervals.rate(self.passed, self.years)


def tally(followed: Followed) -> Tally:
    """Return what hindsight says of a rule's episodes and of the rises it should have told of."""
    found = Tally()
    for key, weeks in followed.lead_weeks.items():
        by_week = {week.week_start: week for week in weeks}
        found.years += len(weeks) / YEAR
        for rise in lasting_rises(weeks):
            near = (rise + WEEK * step for step in range(-EARLY_WEEKS, SOON_WEEKS + 1))
            found.rises += 1
            found.heard += any(week in followed.loud_weeks.get(key, ()) for week in near)
        for episode in followed.episodes:
            if episode.key != key:
                continue
            found.levels[episode.max_level] += 1
            level = _level_after(by_week, episode.reached)
            if level is None or not episode.base_index:
                found.unsaid += 1
            elif level / episode.base_index - 1 >= CALM_SHARE:
                found.lasted += 1
            else:
                found.passed += 1
    return found


def lasting_rises(weeks: Sequence[LeadWeek]) -> list[dt.date]:
    """Return the first week of each rise of 10 % in four weeks that lasted."""
    by_week = {week.week_start: week for week in weeks}
    found: list[dt.date] = []
    last: dt.date | None = None
    for week in weeks:
        before = by_week.get(week.week_start - 4 * WEEK)
        if not week.is_quoted or before is None or before.segment != week.segment:
            continue
        after = _level_after(by_week, week.week_start)
        is_risen = week.price_index / before.price_index - 1 >= SHOCK_SHARE
        if not is_risen or after is None or after / before.price_index - 1 < CALM_SHARE:
            continue
        if last is None or week.week_start - last > QUIET_WEEKS * WEEK:
            found.append(week.week_start)
        last = week.week_start
    return found


def _level_after(by_week: Mapping[dt.date, LeadWeek], week: dt.date) -> float | None:
    """Median index of the weeks 4 to 13 later, of the same chain; None where too few were quoted."""
    segment = by_week[week].segment if week in by_week else None
    later = (by_week.get(week + WEEK * step) for step in range(AFTER_WEEKS[0], AFTER_WEEKS[1] + 1))
    values = [one.price_index for one in later if one and one.is_quoted and one.segment == segment]
    return median(values) if len(values) >= _FEWEST else None


def busiest(followed: Followed, most: int) -> list[Key]:
    """Return the areas and products with the most episodes, then those with the longest history."""
    count = Counter(episode.key for episode in followed.episodes)
    return sorted(followed.lead_weeks, key=lambda key: (-count[key], -len(followed.lead_weeks[key]), key))[:most]
