"""ALPS, the alert for price spikes (WFP 2014): how far a month's price stands off its season and trend.

Price = trend * month number + one constant a calendar month + rest; the score is the rest over its standard
deviation (divisor n-1). Every month is scored on what was known then, unless the call asks for something else.

The fit grows month by month. Against the mean of its own calendar month so far, a new price is one row of a
regression through the origin on one column (the trend) or two (a step at a break), and rotating that row into the
triangle of the earlier ones gives slope, rest and sum of squares. Nothing large is ever subtracted from anything
large, so a rest of a millionth of the price comes out as it would from a fit of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Fit = Literal["to", "before", "full"]

YEAR = 12
LEAST_MONTHS = 36  # monthly values in the fit, by the method itself
# A rest below this share of the price is the rounding of the arithmetic that made the price, not a movement.
ROUNDING = 1e-10
_NOTHING = 1e-9  # of a column that holds months (1, 2, 3 ...) or a step of one: smaller is rounding


def scores(prices: Array, *, first_month: int, fit: Fit = "to", break_at: int | None = None) -> Array:
    """Return the score of each month of each series.

    NaN where the month has no price, where the fit holds fewer than 36, or where nothing can be said: the first
    price of its calendar month or of a new level is fitted exactly, whatever it is. A price that stands on a fit
    without any rest (a flat series) scores 0; one that leaves a fit without any rest has no score.

    Args:
        prices: [series, month], NaN where a month is missing; a missing month keeps its number.
        first_month: calendar month of the first column, 1 to 12.
        fit: on the months up to and including the one scored, on those before it, or on all.
        break_at: column from which on prices stand on another level; None without a break.
    """
    if fit == "to":
        return scores_running(prices, prices[:, :, None], first_month=first_month, break_at=break_at)[:, :, 0]
    prices = finite(prices)
    state = _State.of(prices)
    found = np.full(prices.shape, np.nan)
    rows = [_regressors(column, break_at) for column in range(prices.shape[1])]
    for column, row in enumerate(rows):
        month = (first_month - 1 + column) % YEAR
        if fit == "before":
            step = state.look(month, row, prices[:, column, None])
            found[:, column] = _score(step.ahead, state.squares[:, None], state)[:, 0]
        state.take(month, row, prices[:, column])
    if fit == "full":
        for column, row in enumerate(rows):
            rest = state.rest((first_month - 1 + column) % YEAR, row, prices[:, column])
            found[:, column] = _score(rest[:, None], state.squares[:, None], state)[:, 0]
    return found


def scores_running(complete: Array, running: Array, *, first_month: int, break_at: int | None = None) -> Array:
    """Return the score of each value that a month could have, all months before it being complete.

    A month in progress is scored this way: its mean after the first, the second, ... week.

    Args:
        complete: [series, month], the values of whole months, NaN where missing.
        running: [series, month, k], values of the month itself, NaN where there is none.
        first_month: calendar month of the first column, 1 to 12.
        break_at: column from which on prices stand on another level; None without a break.
    """
    complete, running = finite(complete), finite(running)
    state = _State.of(complete, running)
    found = np.full(running.shape, np.nan)
    for column in range(complete.shape[1]):
        month, row = (first_month - 1 + column) % YEAR, _regressors(column, break_at)
        step = state.look(month, row, running[:, column, :])
        squares = state.squares[:, None] + step.turned**2
        found[:, column, :] = _score(step.inside, squares, state, running[:, column, :])
        state.take(month, row, complete[:, column])
    return found


def trend(prices: Array, *, first_month: int, break_at: int | None = None) -> tuple[Array, Array]:
    """Return the slope a month and the standard deviation of the rests (divisor n-1) of the fit on all months.

    Both are [series]; NaN where no slope is determined.
    """
    prices = finite(prices)
    state = _State.of(prices)
    for column in range(prices.shape[1]):
        state.take((first_month - 1 + column) % YEAR, _regressors(column, break_at), prices[:, column])
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(state.squares / (state.count - 1))
    is_known = state.triangle[:, 0, 0] > 0
    return np.where(is_known, state.slopes()[:, 0], np.nan), np.where(is_known, deviation, np.nan)


def finite(prices: Array) -> Array:
    """Return prices as numbers, NaN where one is infinite: no price at all."""
    numbers = np.asarray(prices, dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _regressors(column: int, break_at: int | None) -> Array:
    """The month number, and whether the break has come."""
    return np.array([column] if break_at is None else [column, column >= break_at], dtype=np.float64)


def _score(rest: Array, squares: Array, state: _State, added: Array | None = None) -> Array:
    """Rest over standard deviation; `added` are values that the squares count beside those of the state."""
    count = state.count[:, None] + (0 if added is None else 1)
    size = state.size[:, None]
    if added is not None:
        size = np.fmax(size, np.abs(added))
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(squares / (count - 1))
        is_exact = ~(deviation > ROUNDING * size)
        found = np.where(is_exact, np.where(np.abs(rest) <= ROUNDING * size, 0.0, np.nan), rest / deviation)
    return np.where((count >= LEAST_MONTHS) & ~np.isnan(rest), found, np.nan)


@dataclass(frozen=True)
class _Step:
    """What a value would mean for the fit; all [series, k]."""

    ahead: Array  # its distance from what the fit before it says; NaN where that says nothing
    inside: Array  # its rest in the fit that holds it; NaN where that fits any value
    turned: Array  # root of what it adds to the sum of squares


@dataclass
class _State:
    """The fit of each series so far."""

    origin: Array  # [series] the first price, from which all are measured
    size: Array  # [series] the largest price so far
    count: Array  # [series] prices so far
    squares: Array  # [series] sum of squared rests
    means: Array = field(repr=False)  # [12, series] mean price of a calendar month
    counts: Array = field(repr=False)  # [12, series]
    sums: Array = field(repr=False)  # [12, series, 2] sums of the regressors
    triangle: Array = field(repr=False)  # [series, 2, 2] upper triangular
    turned: Array = field(repr=False)  # [series, 2] right-hand side of the triangle

    @classmethod
    def of(cls, prices: Array, running: Array | None = None) -> _State:
        """The state before any month."""
        series = prices.shape[0]
        origin = _first(prices)
        if running is not None:
            origin = np.where(np.isnan(origin), _first(running.reshape(series, -1)), origin)
        return cls(
            origin=origin,
            size=np.abs(origin),
            count=np.zeros(series),
            squares=np.zeros(series),
            means=np.zeros((YEAR, series)),
            counts=np.zeros((YEAR, series)),
            sums=np.zeros((YEAR, series, 2)),
            triangle=np.zeros((series, 2, 2)),
            turned=np.zeros((series, 2)),
        )

    def slopes(self) -> Array:
        """Coefficients of the regressors, [series, 2]; 0 where one is not determined."""
        found = np.zeros_like(self.turned)
        top, corner, low = self.triangle[:, 0, 0], self.triangle[:, 0, 1], self.triangle[:, 1, 1]
        found[:, 1] = _over(self.turned[:, 1], low)
        found[:, 0] = _over(self.turned[:, 0] - corner * found[:, 1], top)
        return found

    def _row(self, month: int, row: Array) -> tuple[Array, Array]:
        """The regressors against their means in the calendar month, [series, 2], and the weight of such a row."""
        count = self.counts[month]
        away = np.zeros((len(count), 2))
        for place, value in enumerate(row):
            away[:, place] = np.where(count > 0, value - _over(self.sums[month, :, place], count), 0.0)
        weight = np.sqrt(count / (count + 1))
        return away, weight

    def _turns(self, rows: Array) -> list[tuple[Array, Array, Array]]:
        """Rotations that bring rows, [series, 2], into the triangle: cosine, sine, new diagonal of each column.

        A cosine of 0 says that the column was not determined before: it now fits the row exactly.
        """
        turns = []
        left = rows.copy()
        for place in (0, 1):
            value = np.where(np.abs(left[:, place]) > _NOTHING, left[:, place], 0.0)
            old = self.triangle[:, place, place]
            new = np.hypot(old, value)
            cosine = np.where(new > 0, _over(old, new), 1.0)
            sine = _over(value, new)
            turns.append((cosine, sine, new))
            if place == 0:
                left[:, 1] = cosine * left[:, 1] - sine * self.triangle[:, 0, 1]
        return turns

    def look(self, month: int, row: Array, values: Array) -> _Step:
        """Return what values of a month, [series, k], would mean for the fit, and leave it as it is."""
        away, weight = self._row(month, row)
        turns = self._turns(away * weight[:, None])
        left = (values - self.origin[:, None] - self.means[month][:, None]) * weight[:, None]
        kept = weight.copy()
        for place, (cosine, sine, _new) in enumerate(turns):
            left = cosine[:, None] * left - (sine * self.turned[:, place])[:, None]
            kept *= cosine
        is_told = (kept > 0)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = np.where(is_told, left / kept[:, None], np.nan)
        return _Step(ahead, np.where(is_told, left * kept[:, None], np.nan), np.where(is_told, left, 0.0))

    def take(self, month: int, row: Array, values: Array) -> None:
        """Add the values of a month, [series]; NaN adds nothing."""
        is_there = ~np.isnan(values)
        away, weight = self._row(month, row)
        turns = self._turns(away * weight[:, None])
        moved = np.where(is_there, values - self.origin, 0.0)
        right = (moved - self.means[month]) * weight
        triangle, turned = self.triangle.copy(), self.turned.copy()
        for place, (cosine, sine, new) in enumerate(turns):
            triangle[:, place, place] = new
            if place == 0:
                triangle[:, 0, 1] = cosine * self.triangle[:, 0, 1] + sine * (away[:, 1] * weight)
            turned[:, place] = cosine * self.turned[:, place] + sine * right
            right = cosine * right - sine * self.turned[:, place]
        kept = weight * turns[0][0] * turns[1][0]
        self.squares += np.where(is_there & (kept > 0), right**2, 0.0)
        self.triangle = np.where(is_there[:, None, None], triangle, self.triangle)
        self.turned = np.where(is_there[:, None], turned, self.turned)
        self.counts[month] += is_there
        self.count += is_there
        self.means[month] += np.where(is_there, _over(moved - self.means[month], self.counts[month]), 0.0)
        self.sums[month, :, : len(row)] += is_there[:, None] * row
        self.size = np.fmax(self.size, np.abs(values))

    def rest(self, month: int, row: Array, values: Array) -> Array:
        """Return the rests, [series], of values that the fit holds; NaN where it fits any value."""
        away, _ = self._row(month, row)
        own = _over(np.ones_like(self.origin), self.counts[month])
        first = _over(away[:, 0], self.triangle[:, 0, 0])
        second = _over(away[:, 1] - self.triangle[:, 0, 1] * first, self.triangle[:, 1, 1])
        is_held = 1 - own - first**2 - second**2
        rest = values - self.origin - self.means[month] - (away * self.slopes()).sum(axis=1)
        return np.where(is_held > _NOTHING, rest, np.nan)


def _first(values: Array) -> Array:
    """The first value of each row that is there."""
    if not values.shape[1]:
        return np.full(values.shape[0], np.nan)
    first: Array = values[np.arange(values.shape[0]), np.argmax(~np.isnan(values), axis=1)]
    return first


def _over(above: Array, below: Array) -> Array:
    """Quotient, 0 where the divisor is 0."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=below != 0)
