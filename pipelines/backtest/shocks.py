"""Shapes of price shocks: for each simulated series the path its true price takes, as logarithms above its level.

Every shape draws its own times, sizes and lengths; one shock a year of history. Sizes run from what is no event at
all (under 10 % in four weeks) to half as dear again, so that the border is tried too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
YEAR = 52
SIZE = (0.08, 0.40)  # rise of a shock, share
JUMP = (0.20, 0.60)  # what one seller asks more, share
RAMP_WEEKS = (2, 8)


@dataclass(frozen=True)
class Paths:
    """What is true and what is not: the log path of the price, and what one seller adds to it, [series, week]."""

    true: Array
    one_seller: Array


def flat(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """Nothing happens but what happens to everybody."""
    del rng
    return _paths(series, weeks)


def step(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A rise from one week to the next that stays."""
    return _risen(rng, series, weeks, (1, 1))


def ramp(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A rise over 2 to 8 weeks that stays."""
    return _risen(rng, series, weeks, RAMP_WEEKS)


def seasonal(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A yearly wave of 4 to 12 % each way; two years in three a ramp comes on top while it rises."""
    found = _paths(series, weeks)
    size, phase = rng.uniform(0.04, 0.12, series), rng.integers(0, YEAR, series)
    week = np.arange(weeks)
    found.true[:] = size[:, None] * np.sin(2 * np.pi * (week - phase[:, None]) / YEAR)
    for year in range(weeks // YEAR):
        # the wave rises through its middle a quarter of a year around its phase
        onset = phase + YEAR * year + rng.integers(-9, 6, series)
        is_there = (rng.random(series) < 2 / 3) & (onset >= YEAR / 4)
        rise = _log(rng, series, SIZE) * is_there
        found.true[:] += rise[:, None] * _climb(week, onset, rng.integers(*_upto(RAMP_WEEKS), series))
    return found


def province(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """All series rise in the same week by much the same, over one to three weeks, and stay."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    for onset in _onsets(rng, 1, weeks):
        rise = _log(rng, 1, SIZE) * rng.uniform(0.85, 1.15, series)
        found.true[:] += rise[:, None] * _climb(week, np.repeat(onset, series), np.repeat(rng.integers(1, 4), series))
    return found


def single_seller(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """One seller asks 20 to 60 % more for 1 to 26 weeks; the market does not move."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    for onset in _onsets(rng, series, weeks):
        until = onset + rng.integers(1, YEAR // 2 + 1, series)
        is_dear = (week >= onset[:, None]) & (week < until[:, None])
        found.one_seller[:] += _log(rng, series, JUMP)[:, None] * is_dear
    return found


def supply_cut(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A rise within two weeks, dear for up to two months, and a slow way back over 8 to 26 weeks."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    for onset in _onsets(rng, series, weeks):
        up = rng.integers(1, 3, series)
        back = onset + up + rng.integers(0, 9, series)
        shape = _climb(week, onset, up) - _climb(week, back, rng.integers(8, YEAR // 2 + 1, series))
        found.true[:] += _log(rng, series, SIZE)[:, None] * shape
    return found


def spike(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A rise from one week to the next that is gone after 1 to 3 weeks."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    one = np.ones(series, dtype=int)
    for onset in _onsets(rng, series, weeks):
        shape = _climb(week, onset, one) - _climb(week, onset + rng.integers(1, 4, series), one)
        found.true[:] += _log(rng, series, SIZE)[:, None] * shape
    return found


def rebound(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """A fall over 1 to 4 weeks, cheap for 4 to 12, and back up over 1 to 4: the rise is real."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    for onset in _onsets(rng, series, weeks):
        down = rng.integers(1, 5, series)
        back = onset + down + rng.integers(4, 13, series)
        shape = _climb(week, back, rng.integers(1, 5, series)) - _climb(week, onset, down)
        found.true[:] += _log(rng, series, SIZE)[:, None] * shape
    return found


def creeping(rng: np.random.Generator, series: int, weeks: int) -> Paths:
    """Half a percent to one percent dearer each week for 20 to 40 weeks: never 10 % in four."""
    found = _paths(series, weeks)
    week = np.arange(weeks)
    for onset in _onsets(rng, series, weeks):
        length = rng.integers(20, 41, series)
        found.true[:] += (length * rng.uniform(0.005, 0.01, series))[:, None] * _climb(week, onset, length)
    return found


SHAPES: dict[str, Callable[[np.random.Generator, int, int], Paths]] = {
    "flat": flat,
    "step": step,
    "ramp": ramp,
    "seasonal": seasonal,
    "province": province,
    "single_seller": single_seller,
    "supply_cut": supply_cut,
    "spike": spike,
    "rebound": rebound,
    "creeping": creeping,
}


def _paths(series: int, weeks: int) -> Paths:
    return Paths(np.zeros((series, weeks)), np.zeros((series, weeks)))


def _risen(rng: np.random.Generator, series: int, weeks: int, length: tuple[int, int]) -> Paths:
    found = _paths(series, weeks)
    for onset in _onsets(rng, series, weeks):
        climbed = _climb(np.arange(weeks), onset, rng.integers(*_upto(length), series))
        found.true[:] += _log(rng, series, SIZE)[:, None] * climbed
    return found


def _onsets(rng: np.random.Generator, series: int, weeks: int) -> list[Array]:
    """The week of one shock a year, a quarter of a year or more after the beginning."""
    return [year * YEAR + rng.integers(YEAR // 4, YEAR * 3 // 4, series) for year in range(weeks // YEAR)]


def _log(rng: np.random.Generator, series: int, share: tuple[float, float]) -> Array:
    return np.log1p(rng.uniform(*share, series))


def _climb(week: Array, onset: Array, length: Array) -> Array:
    """From 0 in the week before the onset to 1 after `length` weeks of even climbing, [series, week]."""
    return np.clip((week - onset[:, None] + 1) / length[:, None], 0, 1)


def _upto(both: tuple[int, int]) -> tuple[int, int]:
    return both[0], both[1] + 1
