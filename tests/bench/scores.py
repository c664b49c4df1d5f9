"""A file of monthly prices to score, and its first series scored one by one with statsmodels."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

MONTHS = 120
MISSING = 0.1
ONE_BY_ONE = 10  # series that the baseline fits; its seconds are scaled to all of them
AGREES_TO = 1e-9


def write(path: Path, series: int, seed: int = 57) -> int:
    """Write a CSV of so many series of 120 months, a tenth of the months missing; return its rows."""
    import numpy as np

    rng = np.random.default_rng(seed)
    prices = 90 * np.exp(rng.normal(0, 0.02, (series, MONTHS)).cumsum(axis=1))
    is_there = rng.random(prices.shape) >= MISSING
    days = [f"{2014 + month // 12}-{month % 12 + 1:02d}-15" for month in range(MONTHS)]
    with path.open("w", encoding="utf-8") as file:
        file.write("quoted_on,market,price\n")
        for number, (row, there) in enumerate(zip(prices, is_there, strict=True)):
            file.writelines(
                f"{day},M{number:05d},{price:.2f}\n"
                for day, price, is_in in zip(days, row, there, strict=True)
                if is_in
            )
    return int(is_there.sum())


def one_by_one(path: str) -> dict[str, Any]:
    """Fit each month of the first series from the 36th price on with statsmodels, and say what a series takes."""
    import numpy as np
    from statsmodels.api import OLS

    series: dict[str, dict[int, float]] = {}
    with Path(path).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["market"] not in series and len(series) == ONE_BY_ONE:
                break
            year, month, _ = row["quoted_on"].split("-")
            series.setdefault(row["market"], {})[(int(year) - 2014) * 12 + int(month) - 1] = float(row["price"])
    found = {}
    begin = time.perf_counter()
    for market, prices in series.items():
        months, values = np.array(list(prices)), np.array(list(prices.values()))
        dummies = (months[:, None] % 12 == np.arange(12)).astype(float)
        design = np.column_stack([months, dummies])
        for count in range(36, len(months) + 1):
            rests = OLS(values[:count], design[:count]).fit().resid
            day = f"{2014 + months[count - 1] // 12}-{months[count - 1] % 12 + 1:02d}"
            found[f"{day} {market}"] = rests[-1] / rests.std(ddof=1)
    return {"seconds_a_series": (time.perf_counter() - begin) / len(series), "scores": found}


def disagreement(output: str, wanted: dict[str, float], rows: int) -> str:
    """Return how the verb's CSV differs from the baseline's scores or the file's rows; empty where it agrees."""
    lines = output.splitlines()
    if len(lines) != rows + 1:
        return f"{len(lines) - 1} rows came out of {rows}"
    found = {
        f"{row['date']} {row['market']}": row["score"] for row in csv.DictReader(lines[: 1 + ONE_BY_ONE * MONTHS])
    }
    for key, score in wanted.items():
        # The first price of a calendar month is fitted exactly: statsmodels says 0 or rounding, the verb nothing.
        given = float(found[key] or 0)
        if abs(given - score) > AGREES_TO * max(1, abs(score)):
            return f"{key}: {given}, one by one {json.dumps(score)}"
    return ""
