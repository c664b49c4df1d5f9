"""Changes of a weekly series: against the week, the month and the year before, and above its low of 26 weeks."""

from __future__ import annotations

import numpy as np

from pipelines.scoring.alps import Array, finite
from pipelines.scoring.rolling import highest

CARRY_WEEKS = 4  # a week without a price stands at the last one for so long (methods of the price index)
MONTH, YEAR, LOW = 4, 52, 26
_DIGITS = 9  # a change at the bound is at the bound, whatever its binary digits say


def measures(prices: Array) -> dict[str, Array]:
    """Return the changes that price levels compare, each [series, week], as shares.

    NaN where a week or what it is measured against has no price. `seven_day_share` is only between two weeks with
    prices of their own; the others are measured against a price carried from up to four weeks before too.

    Args:
        prices: [series, week], one column a calendar week, NaN where a week has no price.
    """
    prices = finite(prices)
    carried = _carried(prices)
    weeks = np.arange(prices.shape[1])
    low = -highest(weeks, -carried, LOW)
    found = {
        "week_share": _change(prices, _before(carried, 1)),
        "seven_day_share": _change(prices, _before(prices, 1)),
        "month_share": _change(prices, _before(carried, MONTH)),
        "year_share": _change(prices, _before(carried, YEAR)),
        "low_26w_share": _change(prices, low),
    }
    # A low of one week only is the price itself: it says nothing yet.
    is_alone = np.isnan(highest(weeks, _before(carried, 1), LOW - 1))
    found["low_26w_share"] = np.where(is_alone, np.nan, found["low_26w_share"])
    return found


def _carried(prices: Array) -> Array:
    found = prices
    for _ in range(CARRY_WEEKS):
        found = np.where(np.isnan(found), _before(found, 1), found)
    return found


def _before(values: Array, weeks: int) -> Array:
    """The values of so many weeks before."""
    found = np.full(values.shape, np.nan)
    found[:, weeks:] = values[:, : max(values.shape[1] - weeks, 0)]
    return found


def _change(values: Array, base: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.round(values / base - 1, _DIGITS)
