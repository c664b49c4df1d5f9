"""Rolling maximum: a price as high as in all of a year, or of three (after OCHA-DAP HDX Signals, its floor too).

A window is so many days, ends with the day judged and holds it: 366 days of weekly values are 53 of them. Every
figure is the caller's; a window speaks once the values so far reach over all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.scoring.alps import Array, finite

Steps = NDArray[np.int64]

WEEK_DAYS = 7
_DIGITS = 9  # a value at the bound is at the bound, whatever its binary digits say


def levels(
    days: NDArray[np.generic],
    values: Array,
    *,
    window_days: Sequence[int],
    floor_share: float,
    median_columns: int,
    is_fall: bool = False,
) -> Array:
    """Return the level of each value: its step, where it stands far enough above the median of the last columns.

    0 where it reaches no step or stands too near; NaN where there is no value, or where the values so far do not
    reach over the first window.

    Args:
        days: [column], rising dates or day numbers; they may lie unevenly.
        values: [..., column], NaN where a series has none.
        window_days: lengths of the windows, rising.
        floor_share: how far above the median a value must stand, share.
        median_columns: columns that the median is taken of, the judged one included.
        is_fall: look for the lowest instead, so far below the median.
    """
    values = finite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.round(values / median(values, median_columns) - 1, _DIGITS)
    is_far = -share >= floor_share if is_fall else share >= floor_share
    found = np.where(is_far, steps(days, -values if is_fall else values, window_days), 0.0)
    return np.where(_reach(days, values) >= window_days[0], found, np.nan)


def steps(days: NDArray[np.generic], values: Array, window_days: Sequence[int]) -> Steps:
    """Return of how many windows, from the shortest, each value is the highest; hand in negatives for the lowest.

    0 also where there is no value; a window that the values so far do not reach over is not counted.

    Args:
        days: [column], rising dates or day numbers; they may lie unevenly.
        values: [..., column], NaN where a series has none.
        window_days: lengths of the windows, rising.
    """
    values = finite(values)
    reach = _reach(days, values)
    found = np.zeros(values.shape, dtype=np.int64)
    is_met = np.ones(values.shape, dtype=bool)
    for window in window_days:
        is_met &= (reach >= window) & (values >= highest(days, values, window))
        found += is_met
    return found


def median(values: Array, columns: int) -> Array:
    """Return the median of the last so many columns up to each, itself included; what is missing is left out."""
    values = finite(values)
    padding = [(0, 0)] * (values.ndim - 1) + [(columns - 1, 0)]
    padded = np.pad(values, padding, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, columns, axis=-1)
    ordered = np.sort(windows, axis=-1)  # NaN comes last
    count = (~np.isnan(windows)).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, columns - 1), axis=-1)
    middle: Array = np.where(count > 0, (low + high) / 2, np.nan)[..., 0]
    return middle


def _numbers(days: NDArray[np.generic]) -> Steps:
    return days.astype("datetime64[D]").astype(np.int64) if days.dtype.kind == "M" else days.astype(np.int64)


def _reach(days: NDArray[np.generic], values: Array) -> Array:
    """Days that the values up to each one reach over; a value stands for the week that it ends. NaN without one."""
    numbers = _numbers(days)
    is_there = ~np.isnan(values)
    first = numbers[np.argmax(is_there, axis=-1)] if len(numbers) else np.zeros(values.shape[:-1])
    return np.where(is_there, numbers - first[..., None] + WEEK_DAYS, np.nan)


def highest(days: NDArray[np.generic], values: Array, window: int) -> Array:
    """Return the highest value of the window that ends with each column; NaN where it holds none.

    It is the larger of two overlapping runs of a power of two of columns: one from its start, one up to its end.
    """
    numbers = _numbers(days)
    starts = np.searchsorted(numbers, numbers - window, side="right")
    lengths = np.arange(len(numbers)) - starts + 1
    found = np.full(values.shape, np.nan)
    run, width = values, 1  # run[..., j] is the highest of `width` columns from j on
    while width <= len(numbers):
        columns = np.flatnonzero((lengths >= width) & (lengths < 2 * width))
        found[..., columns] = np.fmax(run[..., starts[columns]], run[..., columns - width + 1])
        if run.shape[-1] <= width:
            break
        run, width = np.fmax(run[..., :-width], run[..., width:]), 2 * width
    return found
