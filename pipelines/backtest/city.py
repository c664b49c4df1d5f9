"""Simulated price cities for the back-test: the true index of every county, and the quotes people would collect.

A series is one product in one county outside the region table, so that no series touches another. Quotes are a true
price times a seller's lasting difference times the seller's own noise of the week; some are not given, and sellers
leave and are replaced by others. All of it comes from one seed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.backtest.shocks import SHAPES, YEAR, Array

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_WEEK = dt.date(2020, 1, 6)
YEARS = 4  # the last of them has the 36 months that IFPA and ALPS need
LEVEL_YUAN = 100.0
STEP_YUAN = 0.5  # what quotes are rounded to


@dataclass(frozen=True)
class Market:
    """How noisy a market is.

    `quote_sd` is a seller's own noise a week, `common_sd` the shock that moves the true index a week, of which
    `common_memory` is left a week later (1: it stays). `turnover_share` of the sellers are replaced in a year,
    `missing_share` of the quotes are not given.
    """

    quote_sd: float = 0.015
    common_sd: float = 0.01
    common_memory: float = 0.8
    sellers: tuple[int, int] = (4, 9)
    missing_share: float = 0.02
    turnover_share: float = 0.2
    spread_sd: float = 0.03


@dataclass(frozen=True)
class City:
    """Quotes of many series and their truth: shape of each series, true index [series, week]."""

    shapes: tuple[str, ...]
    true_index: Array
    quotes: pa.Table
    market: Market
    seed: int

    @property
    def years(self) -> float:
        """Series-years."""
        series, weeks = self.true_index.shape
        return float(series * weeks / YEAR)


def area_code(series: int) -> str:
    """Area of a series."""
    return f"S{series:04d}"


def build(counts: Mapping[str, int], seed: int, market: Market | None = None, *, weeks: int = YEARS * YEAR) -> City:
    """Return a city of so many series of each shape (see `shocks.SHAPES`) over so many weeks.

    Raises:
        KeyError: there is no such shape.
    """
    market = market or Market()
    rng = np.random.default_rng(seed)
    paths = [SHAPES[shape](rng, count, weeks) for shape, count in counts.items()]
    names = tuple(shape for shape, count in counts.items() for _ in range(count))
    true = np.concatenate([path.true for path in paths]) + _common(rng, len(names), weeks, market)
    one_seller = np.concatenate([path.one_seller for path in paths])
    quotes = _quotes(rng, true, one_seller, market)
    return City(names, 100 * np.exp(true - true[:, :1]), quotes, market, seed)


def _common(rng: np.random.Generator, series: int, weeks: int, market: Market) -> Array:
    shocks = rng.normal(0, market.common_sd, (series, weeks))
    path = np.zeros_like(shocks)
    for week in range(1, weeks):
        path[:, week] = market.common_memory * path[:, week - 1] + shocks[:, week]
    return path


def _quotes(rng: np.random.Generator, true: Array, one_seller: Array, market: Market) -> pa.Table:
    series, weeks = true.shape
    fewest, most = market.sellers
    cells = (series, most, weeks)
    sellers: Array = rng.integers(fewest, most + 1, (int(series),))
    is_replaced = rng.random(cells) < market.turnover_share / YEAR
    followed: Array = np.cumsum(is_replaced, axis=2, dtype=np.int64)  # how many sellers before had this place
    spread = rng.normal(0, market.spread_sd, (series, most, int(followed.max()) + 1))
    log_price: Array = true[:, None, :] + np.take_along_axis(spread, followed, axis=2)
    log_price += rng.normal(0, market.quote_sd, cells)
    log_price[:, 0] += one_seller
    is_given = (np.arange(most)[None, :, None] < sellers[:, None, None]) & (rng.random(cells) >= market.missing_share)
    price = np.maximum(np.round(LEVEL_YUAN * np.exp(log_price) / STEP_YUAN), 1) * STEP_YUAN
    at, seller, week = np.nonzero(is_given)
    return _table(at, week, seller * (int(followed.max()) + 1) + followed[is_given], price[is_given], rng)


def _table(series: Array, week: Array, market: Array, price: Array, rng: np.random.Generator) -> pa.Table:
    """Rows of staging.price_quote, without a step of Python for each of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    monday = np.datetime64(FIRST_WEEK, "D") + 7 * week
    line = pa.array(np.arange(1, len(price) + 1))
    area = _named([area_code(number) for number in range(int(series.max(initial=0)) + 1)], series)
    constant: dict[str, Any] = {
        "product_id": "natural_sand",
        "product_name": "天然砂",
        "spec": "中砂",
        "unit": "t",
        "basis": "ex_works",
        "tax": "incl",
        "quote_source": "模拟",
        "source": "backtest",
        "snapshot_sha256": "",
    }
    columns = {
        "quote_id": pc.cast(line, pa.string()),
        "quoted_on": pa.array(monday + rng.integers(3, 5, len(price))),
        "week_start": pa.array(monday),
        "market": _named([f"{number}号" for number in range(int(market.max(initial=0)) + 1)], market),
        "area_code": area,
        "area_name": area,
        "is_city_area": pa.repeat(False, len(price)),
        **{name: pa.repeat(value, len(price)) for name, value in constant.items()},
        "price_yuan": pa.array(price),
        "price_low_yuan": pa.array(price),
        "price_high_yuan": pa.array(price),
        "line": line,
    }
    return pa.table(columns)


def _named(names: list[str], numbers: Array) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype("int32")), pa.array(names)).cast(pa.string())
