"""The methods of a ladder as functions of laid-out prices; every bound is the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipelines.scoring import alps, changes, ifpa, rolling, words
from pipelines.scoring.alps import YEAR, Array, Fit
from pipelines.scoring.series_scores import Method, counts_to

IFPA_FALLS = {"high": "low", "moderate": "moderate_low"}
_COMPARED: Mapping[str, np.ufunc] = {
    "at_least": np.greater_equal,
    "more_than": np.greater,
    "at_most": np.less_equal,
    "less_than": np.less,
}


@dataclass(frozen=True)
class Step:
    """One way to reach a level: (measure, must_be, bound), all of which must hold. The first is the score shown."""

    level: str
    bounds: tuple[tuple[str, str, float], ...]


def alps_fit(fit: str, break_at: int | None, bounds: Mapping[str, float]) -> Method:
    """Return ALPS; periods are months since 1970-01, `break_at` one of them."""

    def method(prices: Array, first: int) -> tuple[Array, words.Words, NDArray[np.int64]]:
        at = None if break_at is None else break_at - first
        scores = alps.scores(prices, first_month=first % YEAR + 1, fit=cast(Fit, fit), break_at=at)
        counts = counts_to(prices)
        if fit == "before":
            counts = counts - 1  # a month that is scored has a price of its own, which its fit has not seen
        elif fit == "full":
            counts = np.broadcast_to(counts[:, -1:], counts.shape)
        return scores, words.steps(scores, bounds), counts

    return method


def ifpa_growth(bounds: Mapping[str, float], *, is_reference: bool) -> Method:
    """Return IFPA; periods are months. Falls have words of their own."""
    mirrored = {IFPA_FALLS[word]: bound for word, bound in bounds.items()}

    def method(prices: Array, first: int) -> tuple[Array, words.Words, NDArray[np.int64]]:
        del first
        scores = ifpa.scores(prices, reference=is_reference)
        return scores, words.steps(scores, bounds, mirrored=mirrored), counts_to(prices)

    return method


def rolling_maximum(window_days: Sequence[int], floor_share: float, median_weeks: int) -> Method:
    """Return the rolling maximum, and minimum; periods are weeks. The score is the share above the median."""
    names = np.array([f"low_{level}" for level in range(len(window_days), 0, -1)] + [words.NORMAL]
                     + [f"high_{level}" for level in range(1, len(window_days) + 1)])  # fmt: skip

    def method(prices: Array, first: int) -> tuple[Array, words.Words, NDArray[np.int64]]:
        del first
        days = np.arange(prices.shape[1]) * rolling.WEEK_DAYS
        figures: Any = {"window_days": window_days, "floor_share": floor_share, "median_columns": median_weeks}
        rise = rolling.levels(days, prices, **figures)
        fall = rolling.levels(days, prices, **figures, is_fall=True)
        is_known = ~np.isnan(rise)
        level = np.where(is_known, rise - fall, 0).astype(np.int64)
        found = np.where(is_known, names[level + len(window_days)], words.UNKNOWN)
        scores = np.where(is_known, prices / rolling.median(prices, median_weeks) - 1, np.nan)
        return scores, found, counts_to(prices)

    return method


def statutory(steps: Sequence[Step], no_level: str) -> Method:
    """Return the percentages, from the lowest level up; periods are weeks.

    The score is the change behind the level: the first measure of the last step that is met, else the change against
    the week before. A week that nothing is known of has no level.
    """

    def method(prices: Array, first: int) -> tuple[Array, words.Words, NDArray[np.int64]]:
        del first
        measured = changes.measures(prices)
        scores = measured["week_share"].copy()
        is_known = ~np.isnan(np.stack([measured[step.bounds[0][0]] for step in steps])).all(axis=0)
        longest = max(len(no_level), *(len(step.level) for step in steps))
        found: words.Words = np.where(is_known, no_level, words.UNKNOWN).astype(f"<U{longest}")
        for step in steps:
            is_met = np.ones(prices.shape, dtype=bool)
            for measure, must_be, bound in step.bounds:
                with np.errstate(invalid="ignore"):
                    is_met &= _COMPARED[must_be](measured[measure], bound)
            found[is_met] = step.level
            scores[is_met] = measured[step.bounds[0][0]][is_met]
        return scores, found, counts_to(prices)

    return method
