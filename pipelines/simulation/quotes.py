"""Weekly price quotes of sellers in each county, around a true price with one planted rise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.plan import Plan

HEADER = "报价日期,市场,县区代码,产品,规格,单位,价格类型,含税,价格,最低价,最高价,来源"
MARKET_WORDS = ("一号", "二号", "三号", "四号", "五号", "六号", "七号", "八号", "九号")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Quotes:
    """The month files by name, the number of quotes in each, and the true price by product, county and week."""

    files: dict[str, bytes]
    counts: dict[str, int]
    mondays: tuple[date, ...]
    true_price: Array  # yuan/t ex works with tax, [product, county, week]


def build(plan: Plan) -> Quotes:
    """Return quotes of all weeks: most ex works with tax, some delivered, some without tax."""
    spec = plan["prices"]
    mondays = plan.mondays_of(plan["calendar"]["price_weeks"])
    rng = plan.rng("quotes")
    true_price = _true_price(plan, rng, len(mondays))
    lines: dict[str, list[tuple[date, str]]] = {}
    for p, product in enumerate(spec["levels"]):
        name, grade = spec["quote_names"][product]
        for c, county in enumerate(plan["counties"]):
            fewest, most = spec["sellers"]
            sellers = int(rng.integers(fewest, most + 1))
            # two more than the plain ones: one delivered, one without tax; neither may be mixed with the others
            spread = np.exp(rng.normal(0, spec["seller_spread_sd"], sellers + 2))
            noise = np.exp(rng.normal(0, spec["seller_sd"], (sellers + 2, len(mondays))).clip(-0.03, 0.03))
            is_given = rng.random((sellers + 2, len(mondays))) >= spec["missing_share"]
            weekday = rng.integers(3, 5, (sellers + 2, len(mondays)))
            for s in range(sellers + 2):
                is_delivered, has_tax = s == sellers, s != sellers + 1
                market = f"{county['name'][:2]}虚构建材{MARKET_WORDS[s % 9]}{'市场' if s < 9 else '分市场'}"
                price = true_price[p, c] * spread[s] * noise[s]
                price = price + spec["delivered_extra_yuan"] * is_delivered
                price = price / (1.0 if has_tax else 1 + spec["tax_share"])
                price = np.round(price * 2) / 2
                kind = f"{'到工地' if is_delivered else '出厂'},{'是' if has_tax else '否'}"
                for week in np.flatnonzero(is_given[s]):
                    day = mondays[week] + timedelta(days=int(weekday[s, week]))
                    low, high = (round(float(price[week]) * share, 1) for share in (0.97, 1.03))
                    lines.setdefault(f"prices_{day:%Y-%m}.csv", []).append(
                        (day, f"{day},{market},{county['code']},{name},{grade},元/吨,{kind},"
                              f"{price[week]:.1f},{low:.1f},{high:.1f},{'企业报送' if s % 3 else '市场采集'}")
                    )  # fmt: skip
    files = {
        file: ("\n".join([HEADER, *(text for _, text in sorted(rows))]) + "\n").encode("utf-8-sig")
        for file, rows in sorted(lines.items())
    }
    return Quotes(files, {file: len(rows) for file, rows in sorted(lines.items())}, mondays, true_price)


def _true_price(plan: Plan, rng: np.random.Generator, weeks: int) -> Array:
    """Return the true prices: a level, a factor of the county, shocks that fade, and the planted steps."""
    spec = plan["prices"]
    products, counties = list(spec["levels"]), plan["counties"]
    shocks = rng.normal(0, spec["common_sd"], (len(products), weeks))
    shocks = shocks.clip(-2 * spec["common_sd"], 2 * spec["common_sd"])
    path = np.zeros_like(shocks)
    for week in range(1, weeks):
        path[:, week] = spec["common_memory"] * path[:, week - 1] + shocks[:, week]
    level = np.array([spec["levels"][product] for product in products], dtype=float)
    place = np.array([county["price"] for county in counties], dtype=float)
    price: Array = level[:, None, None] * place[None, :, None] * np.exp(path)[:, None, :]
    spike = spec["spike"]
    p = products.index(spike["product"])
    c = [county["code"] for county in counties].index(spike["county"])
    for step in spike["steps"]:
        price[p, c, weeks - 1 - step["week"] :] *= step["factor"]
    return price
