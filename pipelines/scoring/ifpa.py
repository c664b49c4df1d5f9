"""IFPA, the indicator of food price anomalies (FAO; SDG 2.c.1): how unusual a price's growth is for its season.

The growth of a quarter and of a year, each against the same calendar month of the years before, newer years weighing
more; the two are put together 0.4 to 0.6.
"""

from __future__ import annotations

import numpy as np

from pipelines.scoring.alps import LEAST_MONTHS, YEAR, Array, finite

QUARTER_SHARE, YEAR_SHARE = 0.4, 0.6
SPANS = ((3, QUARTER_SHARE), (YEAR, YEAR_SHARE))  # months a growth is measured over, and its part in the score
# A spread of growth rates below this is the rounding of the arithmetic that made the prices.
ROUNDING = 1e-10


def scores(prices: Array, *, reference: bool = False) -> Array:
    """Return the score of each month of each series, on the growth known by then.

    NaN where the month, the one 3 or the one 12 months before has no price, where fewer than 36 months have one, or
    where fewer than two earlier years tell the growth. A month that grows exactly as all its earlier years did
    scores 0; one that leaves years without any spread has no score.

    Args:
        prices: [series, month], NaN where a month is missing.
        reference: count every earlier year that has the month's price, though it has no growth yet, as the
            reference code does; for comparison with published values.
    """
    return scores_running(prices, prices[:, :, None], reference=reference)[:, :, 0]


def scores_running(complete: Array, running: Array, *, reference: bool = False) -> Array:
    """Return the score of each value that a month could have, all months before it being complete.

    Args:
        complete: [series, month], the values of whole months, NaN where missing.
        running: [series, month, k], values of the month itself, NaN where there is none.
        reference: as in `scores`.
    """
    complete, running = finite(complete), finite(running)
    before = np.cumsum(~np.isnan(complete), axis=1) - ~np.isnan(complete)
    is_long = (before[:, :, None] + 1 >= LEAST_MONTHS) & ~np.isnan(running)
    found = np.zeros(running.shape)
    for span, share in SPANS:
        found += share * _unusual(complete, running, span, reference)
    return np.where(is_long, found, np.nan)


def _growth(values: Array, earlier: Array, span: int) -> Array:
    """Compound growth a month over a span, as a share; NaN where a price is missing or not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where((values > 0) & (earlier > 0), values / earlier, np.nan)
    return ratio ** (1 / span) - 1


def _unusual(complete: Array, running: Array, span: int, reference: bool) -> Array:
    """Weighted z of the growth over a span, [series, month, k]."""
    series, months = complete.shape
    found = np.full(running.shape, np.nan)
    earlier = np.full(complete.shape, np.nan)
    earlier[:, span:] = complete[:, : max(months - span, 0)]
    growth = _growth(complete, earlier, span)
    counts, priced = np.zeros((YEAR, series)), np.zeros((YEAR, series))
    weights, means, squares = (np.zeros((YEAR, series)) for _ in range(3))
    for column in range(months):
        month = column % YEAR
        count, weight = counts[month], weights[month]
        years = priced[month] if reference else count
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt(squares[month] / ((years - 1) / years * weight))
        away = _growth(running[:, column, :], earlier[:, column, None], span) - means[month][:, None]
        found[:, column, :] = np.where((count >= 2)[:, None], _share(away, spread[:, None]), np.nan)
        # The next year's baseline: weights 1, 2, 3 ... by the years that have the growth, mean and squares running.
        is_there = ~np.isnan(growth[:, column])
        new = np.where(is_there, count + 1, 0.0)
        step = np.where(is_there, growth[:, column] - means[month], 0.0)
        weights[month] = weight + new
        means[month] += np.divide(new * step, weights[month], out=np.zeros(series), where=weights[month] > 0)
        squares[month] += new * step * np.where(is_there, growth[:, column] - means[month], 0.0)
        counts[month] += is_there
        priced[month] += ~np.isnan(complete[:, column])
    return found


def _share(away: Array, spread: Array) -> Array:
    """Distance over spread; without a spread 0 where there is no distance either, and else unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = away / spread
    return np.where(spread > ROUNDING, found, np.where(np.abs(away) <= ROUNDING, 0.0, np.nan))
