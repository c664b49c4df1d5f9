"""Quotes of a file to scored rows: one price a month or week, series laid out as arrays, their scores as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import InputRefusedError
from pipelines.scoring.alps import Array
from pipelines.scoring.series_file import Numbers, Quotes
from pipelines.scoring.words import Words

if TYPE_CHECKING:
    import pyarrow as pa

CELLS = 1 << 21  # of one block of series: bounds the memory, however many series a file holds
DIGITS = 10  # of a score in the output

# From [series, period] prices and the number of the first period to scores, words and the prices each rests on.
Method = Callable[[Array, int], tuple[Array, Words, NDArray[np.int64]]]


@dataclass(frozen=True)
class Periods:
    """One price a series and period, sorted by both; `days` is the last day quoted in it."""

    series: Numbers
    period: Numbers
    days: Numbers
    prices: Array
    merged: int  # quotes that share their period with another one of the series


def by_month(quotes: Quotes) -> Periods:
    """Return one price a calendar month: the mean of its quotes. Months are counted from 1970-01."""
    return _put_together(quotes, quotes.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64))


def by_week(quotes: Quotes) -> Periods:
    """Return one price a week, Monday to Sunday: the mean of its quotes. Weeks are counted from that of 1970-01-01.

    Raises:
        InputRefusedError: there are dates without a day.
    """
    months = int(quotes.is_month.sum())
    if months:
        raise InputRefusedError(
            f"{months} of {len(quotes.days)} dates are months without a day, and this method compares weeks:"
            " give days, or take a method of months (alps, ifpa)"
        )
    return _put_together(quotes, (quotes.days + 3) // 7)  # 1970-01-01 was a Thursday


def _put_together(quotes: Quotes, period: Numbers) -> Periods:
    order = np.lexsort((quotes.days, period, quotes.series))
    series, period, days = quotes.series[order], period[order], quotes.days[order]
    prices = quotes.prices[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (np.diff(series) != 0) | (np.diff(period) != 0)
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(order))
    counts = ends - starts
    means = np.where(counts > 1, np.add.reduceat(prices, starts) / counts, prices[starts])
    merged = int(counts[counts > 1].sum())
    return Periods(series[starts], period[starts], days[ends - 1], means, merged)


def score(periods: Periods, method: Method) -> tuple[Array, list[Words], NDArray[np.int64]]:
    """Return score, words (in blocks) and count of prices for each period of each series, in their order."""
    scores, counts = np.empty(len(periods.prices)), np.empty(len(periods.prices), dtype=np.int64)
    words: list[Words] = []
    span = int(periods.period.max() - periods.period.min()) + 1
    step = max(CELLS // span, 1)
    last = int(periods.series[-1])
    edges = np.searchsorted(periods.series, np.arange(0, last + step + 1, step))
    for start, end in pairwise(edges):
        rows, columns = periods.series[start:end], periods.period[start:end]
        first_row, first = int(rows[0]), int(columns.min())
        laid = np.full((int(rows[-1]) - first_row + 1, int(columns.max()) - first + 1), np.nan)
        place = (rows - first_row, columns - first)
        laid[place] = periods.prices[start:end]
        block_scores, block_words, block_counts = method(laid, first)
        scores[start:end], counts[start:end] = block_scores[place], block_counts[place]
        words.append(block_words[place])
    return scores, words, counts


def counts_to(prices: Array) -> NDArray[np.int64]:
    """Return how many prices each series has up to each period, [series, period]."""
    return np.cumsum(~np.isnan(prices), axis=1)


def table(
    periods: Periods,
    scored: tuple[Array, Sequence[Words], NDArray[np.int64]],
    keys: dict[str, list[str]],
    *,
    is_monthly: bool,
) -> pa.Table:
    """Return the rows of the output: date, the keys, score, level, n; unknown scores and levels are null.

    The date of a month is 2023-05, that of a week the last day quoted in it.
    """
    import pyarrow as pa

    scores, words, counts = scored
    numbers = periods.period if is_monthly else periods.days
    distinct, codes = np.unique(numbers, return_inverse=True)
    names = distinct.astype("datetime64[M]" if is_monthly else "datetime64[D]").astype(str)
    columns: dict[str, Any] = {"date": _coded(codes, names.tolist())}
    for name, values in keys.items():
        columns[name] = _coded(periods.series, values)
    columns["score"] = pa.array(np.round(scores, DIGITS) + 0.0, mask=np.isnan(scores))
    columns["level"] = pa.chunked_array([_words(block) for block in words]).unify_dictionaries()
    columns["n"] = pa.array(counts)
    return pa.table(columns)


def _coded(codes: Numbers, texts: list[str]) -> pa.Array:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(texts, pa.string()))


def _words(block: Words) -> pa.Array:
    import pyarrow as pa

    distinct, codes = np.unique(block, return_inverse=True)
    known = pa.array(codes.astype(np.int32), mask=(distinct == "")[codes])
    return pa.DictionaryArray.from_arrays(known, pa.array(distinct.tolist(), pa.string()))
