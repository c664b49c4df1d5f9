"""The truth as tables of plain rows: what left, what it cost, where, by whom, and when nothing came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import register
from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.exports import Exports
from pipelines.simulation.feeds import Papers
from pipelines.simulation.filings import Filings
from pipelines.simulation.fleet import BODIES, DIRECTIONS, Fleet
from pipelines.simulation.plan import Plan, iso_week
from pipelines.simulation.quotes import Quotes
from pipelines.simulation.tickets import BLANK
from pipelines.simulation.verdicts import Truth

Array = npt.NDArray[Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """Everything one simulation made, as the truth needs it."""

    plan: Plan
    city: City
    fleet: Fleet
    rows: Array
    exports: Exports
    truth: Truth
    filings: Filings
    quotes: Quotes
    numbers_used_twice: int
    files: Mapping[tuple[str, str, str], tuple[bytes, int]]  # (feed, source, name): bytes, data lines
    papers: Papers


def dispatch(story: Story) -> list[Row]:
    """Sum net mass by site, week and product: what left, and what the accepted tickets can show of it."""
    rows, truth, plan = story.rows, story.truth, story.plan
    products = [*plan.product_ids, ""]
    shape = (len(story.city.senders), plan.weeks, len(products))
    key = (rows["site"], rows["week"], np.where(rows["product"] < 0, len(products) - 1, rows["product"]))
    outbound = rows["direction"] == 0
    accepted = story.exports.accepted_rows(len(rows)) & outbound
    replaced = truth.replaced_by >= 0
    net = np.where(rows["net"] == BLANK, 0, rows["net"]).astype(np.int64)
    sums = {
        # a row replaced by a correction, or by a second weighing, is not another load
        "true_net_kg": np.where(outbound & ~rows["is_superseded"] & ~replaced, net, 0),
        "released_net_kg": np.where(accepted & ~replaced, net, 0),
        "released_count": (accepted & ~replaced).astype(np.int64),
        "reweighed_net_kg": np.where(accepted & replaced, net, 0),
        "reweighed_count": (accepted & replaced).astype(np.int64),
        "breached_count": (accepted & (truth.verdict == 2)).astype(np.int64),
        "undetermined_count": (accepted & (truth.verdict == 3)).astype(np.int64),
    }
    cube = {name: np.zeros(shape, dtype=np.int64) for name in sums}
    for name, values in sums.items():
        np.add.at(cube[name], key, values)
    used = np.argwhere((cube["true_net_kg"] > 0) | (cube["released_count"] > 0))
    table = []
    for s, week, product in used.tolist():
        site = story.city.senders[s]
        table.append(
            {
                "site_name": site.name,
                "county_code": site.county_code,
                "is_registered": site.is_registered,
                "iso_week": iso_week(plan.mondays[week]),
                "week_start": plan.mondays[week],
                "product_id": products[product],
                **{name: int(values[s, week, product]) for name, values in cube.items()},
            }
        )
    return table


def by_county(table: list[Row]) -> list[Row]:
    """Sum the dispatch of sites by county; a site in no register has none."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table:
        # nobody can know the county of a site that is in no register
        keys = {"county_code": row["county_code"] if row["is_registered"] else ""}
        keys |= {name: row[name] for name in ("iso_week", "week_start", "product_id")}
        total = sums.setdefault(
            tuple(keys.values()), keys | {name: 0 for name in row if name.endswith(("_kg", "_count"))}
        )
        for name in total:
            if name not in keys:
                total[name] += row[name]
    return [sums[key] for key in sorted(sums)]


def prices(story: Story) -> list[Row]:
    """Return the true price of every product, county and week, yuan/t ex works with tax."""
    spec = story.plan["prices"]
    return [
        {
            "product_id": product,
            "county_code": county["code"],
            "iso_week": iso_week(monday),
            "week_start": monday,
            "true_price_yuan_per_t": round(float(story.quotes.true_price[p, c, week]), 4),
        }
        for p, product in enumerate(spec["levels"])
        for c, county in enumerate(story.plan["counties"])
        for week, monday in enumerate(story.quotes.mondays)
    ]


def sites(story: Story) -> list[Row]:
    """Return every site with what the register should say of it and its part in the story."""
    capacity = {
        site.number: register.capacity_t(story.plan, story.city, site, story.filings.linked)
        for site in register.registered(story.city)
    }
    return [
        {
            "site_name": site.name,
            "aliases": "、".join(site.aliases),
            "firm_name": site.firm.name,
            "uscc": site.firm.uscc,
            "county_code": site.county_code,
            "entity_kind": site.kind,
            "source": SOURCES[site.source] if site.source >= 0 else "",
            "is_registered": site.is_registered,
            "role": " ".join(sorted(site.roles)),
            "scale_max_kg": site.scale_max_kg or "",
            "filed_capacity_t": capacity.get(site.number),
            "annual_haul_t": site.haul_t,
            "siding_state": site.siding_state,
            "cohort_place": register.cohort_place(story.plan, site) if site.is_registered else "",
        }
        for site in story.city.sites
    ]


def outages(story: Story) -> list[Row]:
    """Return the days without tickets, and whether trade or only the feed had stopped."""
    special, mondays = (
        story.plan["special_sites"],
        story.plan.mondays_of(story.plan["calendar"]["ticket_weeks"]),
    )
    down, closed = special["down"], special["closed"]
    start = mondays[-1 - down["week"]] + timedelta(days=down["from_weekday"])
    spans = [
        ("feed_down", story.city.role("down"), start, start + timedelta(days=down["days"] - 1)),
        (
            "site_closed",
            story.city.role("closed"),
            mondays[-1 - closed["first_week"]],
            mondays[-1 - closed["last_week"]] + timedelta(days=6),
        ),
    ]
    return [
        {"kind": kind, "site_name": site.name, "first_on": first, "last_on": last}
        for kind, site, first, last in spans
        if first >= story.plan.mondays[0]
    ] or [{"kind": "", "site_name": "", "first_on": "", "last_on": ""}]


def trucks(story: Story) -> list[Row]:
    """Return what every truck really is, also where its tickets do not tell."""
    fleet = story.fleet
    return [
        {
            "plate": plate,
            "site_name": story.city.senders[fleet.home[n]].name,
            "direction": DIRECTIONS[fleet.direction[n]],
            "axle_count": int(fleet.axles[n]),
            "body": BODIES[fleet.body[n]],
            "drive_axle_count": int(fleet.drive[n]),
        }
        for n, plate in enumerate(fleet.plates)
    ]
