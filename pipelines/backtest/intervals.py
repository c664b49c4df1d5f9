"""95 % intervals of shares, rates and medians, in closed form or by bisection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt
from statistics import NormalDist, median

SURE = 0.95
_TAIL = (1 - SURE) / 2


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval and how many cases it rests on; None where there is no case."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def share(hits: int, count: int) -> Estimate:
    """Return a share with its Wilson interval."""
    if count == 0:
        return Estimate(None, None, None, 0)
    z = NormalDist().inv_cdf(1 - _TAIL)
    found = hits / count
    middle = found + z * z / (2 * count)
    half = z * sqrt(found * (1 - found) / count + z * z / (4 * count * count))
    whole = 1 + z * z / count
    return Estimate(found, max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole), count)


def rate(events: int, years: float) -> Estimate:
    """Return events a year with the exact Poisson interval (Garwood); `count` is the events."""
    if years <= 0:
        return Estimate(None, None, None, 0)
    low = 0.0 if events == 0 else _solve(lambda mean: 1 - _poisson_at_most(events - 1, mean) - _TAIL, events)
    high = _solve(lambda mean: _TAIL - _poisson_at_most(events, mean), events + 1)
    return Estimate(events / years, low / years, high / years, events)


def middle(values: Sequence[float]) -> Estimate:
    """Return a median with the interval of order statistics, which asks nothing of how values are spread."""
    ordered, count = sorted(values), len(values)
    if count == 0:
        return Estimate(None, None, None, 0)
    # The widest pair whose two tails of the binomial distribution with 1/2 hold no more than 5 % together.
    below, tail, chance = 0, 0.0, 0.5**count if count < 1000 else 0.0
    if count >= 1000:
        below = max(0, int(count / 2 - NormalDist().inv_cdf(1 - _TAIL) * sqrt(count) / 2))
    else:
        while tail + chance <= _TAIL:
            tail, below = tail + chance, below + 1
            chance = chance * (count - below + 1) / below
    if below == 0:
        return Estimate(median(ordered), -inf, inf, count)
    return Estimate(median(ordered), ordered[below - 1], ordered[count - below], count)


def _poisson_at_most(events: int, mean: float) -> float:
    """Chance of so many events or fewer."""
    if mean > 700:  # exp would underflow
        return NormalDist().cdf((events + 0.5 - mean) / sqrt(mean))
    chance = total = exp(-mean)
    for number in range(1, events + 1):
        chance *= mean / number
        total += chance
    return min(1.0, total)


def _solve(rising: Callable[[float], float], about: float) -> float:
    """Where a rising function of a positive mean passes 0."""
    low, high = 0.0, 10.0 + about + 6 * sqrt(about)
    for _ in range(80):
        mean = (low + high) / 2
        low, high = (mean, high) if rising(mean) < 0 else (low, mean)
    return (low + high) / 2
