"""Stock reports of the sites and the demand of key projects, with one county short of stock and one of contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import City, Site
from pipelines.simulation.plan import Plan, iso_week
from pipelines.simulation.tickets import BLANK
from pipelines.simulation.verdicts import Truth

Array = npt.NDArray[Any]
STOCK_HEADER = "填报日期,站点名称,产品,库存量(t)"
DEMAND_HEADER = "项目名称,县区代码,产品,周起始日,需求量(t),合同量(t),供应单位"
PRODUCTS = 2  # products a site keeps in stock: those it sells most
MONTH = 4  # weeks that a mean of 28 days needs, and that demand is looked ahead


@dataclass(frozen=True)
class Supply:
    """The files by (feed, name) as bytes and data lines, and the weeks in which an area is truly short."""

    files: dict[tuple[str, str], tuple[bytes, int]]
    truth: tuple[dict[str, Any], ...]


def build(plan: Plan, city: City, rows: Array, truth: Truth) -> Supply:
    """Return what the registered senders report each Sunday, and what a key project in each county needs."""
    usual_t = _usual_t(plan, city, rows, truth)
    months: dict[str, list[str]] = {}
    for week, monday in enumerate(plan.mondays):
        sunday = monday + timedelta(days=6)
        for n, site in enumerate(city.senders):
            if site.is_registered and site.county_code != plan["supply"]["unreported"]:
                stock_t = _stock_days(plan, site, week) * usual_t[n] / 7
                months.setdefault(f"stock_{sunday:%Y-%m}.csv", []).extend(_stock(plan, site, sunday, stock_t))
    demand = _demand(plan, city, usual_t)
    files = {("stock_report", name): _csv(STOCK_HEADER, lines) for name, lines in months.items()}
    files["key_project_demand", "key_project_demand.csv"] = _csv(DEMAND_HEADER, demand)
    return Supply(files, tuple(_truth(plan)))


def _csv(header: str, lines: Sequence[str]) -> tuple[bytes, int]:
    return ("\n".join([header, *lines]) + "\n").encode("utf-8-sig"), len(lines)


def _usual_t(plan: Plan, city: City, rows: Array, truth: Truth) -> Array:
    """What each sender releases in a usual week, t."""
    leaves = (rows["direction"] == 0) & ~rows["is_superseded"] & (truth.replaced_by < 0) & (rows["net"] != BLANK)
    net_kg = np.bincount(rows["site"][leaves], weights=rows["net"][leaves], minlength=len(city.senders))
    usual_t: Array = net_kg / 1000 / plan.weeks
    return usual_t


def _stock_days(plan: Plan, site: Site, week: int) -> float:
    spec = plan["supply"]
    low, short = spec["stock_low"], spec["cover_short"]
    if site.county_code == low["county"] and week >= plan.weeks - low["weeks"]:
        return float(low["days"])
    if site.county_code == short["county"] and week >= plan.weeks - MONTH:
        return float(short["days"])
    return float(spec["days"][site.number % len(spec["days"])])


def _kept(plan: Plan, site: Site) -> list[str]:
    """The products a site keeps, the one it sells most first."""
    shares: dict[str, float] = plan["sells"][site.seller]
    return sorted(shares, key=lambda product: -shares[product])[:PRODUCTS]


def _stock(plan: Plan, site: Site, on: date, stock_t: float) -> list[str]:
    name = site.aliases[0] if site.number % 4 == 1 else site.name
    lines = []
    for product, share in zip(_kept(plan, site), plan["supply"]["product_shares"], strict=True):
        lines.append(f"{on},{name},{plan['products'][product][0][0]},{stock_t * share:.1f}")
    return lines


def _demand(plan: Plan, city: City, usual_t: Array) -> list[str]:
    """One project a county asks for what the county's sites keep, until well after the last week of tickets."""
    spec = plan["supply"]
    short = spec["cover_short"]
    lines = []
    for code, county in city.county_names.items():
        sites = [(n, site) for n, site in enumerate(city.senders) if site.county_code == code and site.is_registered]
        products = sorted({product for _, site in sites for product in _kept(plan, site)})
        county_t = sum(float(usual_t[n]) for n, _ in sites) / len(products)
        for week in range(plan.weeks + MONTH + 1):
            monday = plan.mondays[0] + timedelta(weeks=week)
            is_short = code == short["county"] and week >= plan.weeks
            demand_t = round(county_t * (short["demand_share"] if is_short else spec["demand_share"]), 1)
            contracted_t = round(demand_t * short["contracted_share"], 1) if is_short else demand_t
            for product in products:
                word = plan["products"][product][0][0]
                lines.append(
                    f"{county[:2]}{spec['project']},{code},{word},{monday},{demand_t},{contracted_t},{sites[0][1].firm.name}"
                )
    return lines


def _truth(plan: Plan) -> list[dict[str, Any]]:
    """The weeks in which a county is short, and of what; a mean of 28 days needs four weeks of tickets."""
    low, short = plan["supply"]["stock_low"], plan["supply"]["cover_short"]
    # The short demand begins after the last week of tickets: a month before, it is in sight.
    spans = (("stock", low["county"], low["weeks"]), ("cover", short["county"], MONTH))
    found = [
        {"county_code": county, "iso_week": iso_week(plan.mondays[week]), "week_start": plan.mondays[week],
         "short_of": kind}
        for kind, county, weeks in spans
        for week in range(max(MONTH - 1, plan.weeks - weeks), plan.weeks)
    ]  # fmt: skip
    return found or [dict.fromkeys(("county_code", "iso_week", "week_start", "short_of"), "")]
