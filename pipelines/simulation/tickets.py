"""The ordinary weighings of the city, before anything special is planted: one array, one row a weighing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import fleet as fleets
from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.fleet import Fleet
from pipelines.simulation.plan import Plan

Array = npt.NDArray[Any]
BLANK = -1  # a weight the ticket does not give
STEP_KG = 20  # every scale of the city shows multiples of this
WEEK_S = 7 * 86400
DAYBOOK = SOURCES.index("daybook")
CLOUD = SOURCES.index("cloud")

TICKET = np.dtype(
    [
        # who, in which export and week; the week of the file the row stands in
        ("site", "i2"), ("source", "i1"), ("week", "i2"), ("export", "i2"), ("truck", "i4"), ("direction", "i1"),
        # seconds of local wall time; `other_at` is the other weighing of the visit
        ("at", "i8"), ("other_at", "i8"), ("delay", "i4"),
        # true product (-1: none known) and the words printed for it
        ("product", "i1"), ("wording", "i2"),
        # as printed: kg, and the facts of the truck (0: not given); the true limit of the truck, kg
        ("gross", "i4"), ("tare", "i4"), ("net", "i4"),
        ("axles", "i1"), ("body", "i1"), ("drive", "i1"), ("limit", "i4"),
        ("destination", "i1"), ("receiver", "i1"), ("scale", "i1"), ("operator", "i1"), ("number", "i8"),
        ("plate_style", "i1"), ("site_alias", "i1"),
        # never arrived; last visit of its truck that day; replaced by a corrected row
        ("is_lost", "?"), ("is_last_round", "?"), ("is_superseded", "?"),
        # planted case, its first, second .. weighing, and what belongs together
        ("case", "i2"), ("part", "i1"), ("pair", "i4"),
        # the plate as printed (Fleet.printable); the row of the vehicle register that holds that day, or -1; the
        # facts of the truck that ticket and register together tell (0: nobody does)
        ("printed", "i4"), ("register", "i4"), ("known_axles", "i1"), ("known_body", "i1"), ("known_drive", "i1"),
        # what a planted story says of the weighing: its place in Stories.told, or -1
        ("told", "i2"),
    ]
)  # fmt: skip


def wordings(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (product id, name, specification) of all words that tickets use; unknown ones have no id."""
    known = [(product, name, spec) for product, rows in plan["products"].items() for name, spec in rows]
    return known + [("", name, "") for name in plan["unknown_products"]]


def local_seconds(day: date) -> int:
    """Return local midnight of a day in seconds of wall time."""
    return int((datetime(day.year, day.month, day.day) - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001  # wall time, no zone is meant


def day_shares(plan: Plan) -> Array:
    """Return, for each day of the history, its trade against an ordinary day."""
    shares = np.tile(np.array(plan["calendar"]["weekday_share"], dtype=float), plan.weeks)
    for dip in plan["calendar"]["dips"]:
        start, end = ((dip[edge] - plan.mondays[0]).days for edge in ("from", "to"))
        shares[max(start, 0) : max(end + 1, 0)] *= dip["share"]
    return shares


def ordinary(plan: Plan, city: City) -> tuple[Array, Fleet]:
    """Return all weighings as they happen without any special case, sorted by site and time, and the fleet."""
    rng = plan.rng("tickets")
    shares = day_shares(plan)
    sizes = np.array([site.size for site in city.senders])
    most = plan["calendar"]["ticket_weeks"]
    target = plan["size"]["tickets"] * plan.scale * plan.weeks / most
    daily = sizes / sizes.sum() * target / len(shares)
    fleet = fleets.build(plan, city, daily)
    mean = daily[:, None] * shares[None, :] / shares.mean()
    _close(plan, city, mean)
    rounds = plan["calendar"]["rounds_a_day"]
    made = np.minimum(rng.poisson(mean), fleet.count[:, None] * rounds)

    site, day = (np.repeat(grid.ravel(), made.ravel()) for grid in np.indices(made.shape))
    turn = np.arange(len(site)) - np.repeat(np.cumsum(made.ravel()) - made.ravel(), made.ravel())
    # a truck and one of its rounds, each pair at most once a day
    choice = (rng.integers(0, 1 << 30, made.shape)[site, day] + turn) % (fleet.count[site] * rounds)
    truck = fleet.first[site] + choice % fleet.count[site]
    habits = (len(fleet.plates), len(shares))
    visit = (choice // fleet.count[site] + rng.integers(0, rounds, habits)[truck, day]) % rounds
    gap = plan["calendar"]["round_minutes"] * 60
    at = visit * gap + rng.integers(0, gap, habits)[truck, day] + rng.integers(0, 12 * 60, len(site))

    rows = np.zeros(len(site), dtype=TICKET)
    hour, minute = map(int, plan["calendar"]["opens_at"].split(":"))
    rows["at"] = local_seconds(plan.mondays[0]) + day * 86400 + hour * 3600 + minute * 60 + at
    rows["site"], rows["truck"], rows["week"], rows["export"] = site, truck, day // 7, day // 7
    rows["source"] = np.array([sender.source for sender in city.senders])[site]
    rows["direction"], rows["printed"], rows["told"] = fleet.direction[truck], truck, -1
    by_minute = rows["source"] == DAYBOOK
    rows["at"][by_minute] -= rows["at"][by_minute] % 60  # that book writes no seconds
    _load(plan, rng, rows, fleet)
    _describe(plan, rng, rows, city)
    _lose(plan, city, rows)
    rows = rows[np.lexsort((rows["at"], rows["site"]))]
    by_truck = np.lexsort((rows["at"], rows["truck"]))
    truck, today = rows["truck"][by_truck], rows["at"][by_truck] // 86400
    rows["is_last_round"][by_truck] = np.append((truck[1:] != truck[:-1]) | (today[1:] != today[:-1]), True)
    return rows, fleet


def _close(plan: Plan, city: City, mean: Array) -> None:
    closed = plan["special_sites"]["closed"]
    first, last = (
        max(plan.weeks_back(closed[edge]) + past, 0) for edge, past in (("first_week", 0), ("last_week", 1))
    )
    mean[city.role("closed").number, 7 * first : 7 * last] = 0.0
    stopped = max(plan.weeks_back(plan["special_sites"]["silent"]["week"]), 0)
    mean[city.role("silent").number, 7 * stopped :] = 0.0


def _lose(plan: Plan, city: City, rows: Array) -> None:
    down = plan["special_sites"]["down"]
    start = plan.weeks_back(down["week"]) * WEEK_S + down["from_weekday"] * 86400
    since = rows["at"] - local_seconds(plan.mondays[0])
    rows["is_lost"] = (
        (rows["site"] == city.role("down").number) & (since >= start) & (since < start + down["days"] * 86400)
    )


def truck_limits(plan: Plan, fleet: Fleet) -> Array:
    """Return the true limit of every truck, in kg."""
    limits = np.zeros(len(fleet.plates), dtype=int)
    for row in plan["limits"]:
        fits = (fleet.axles == row["axles"]) & (fleet.body == fleets.BODIES.index(row["body"]))
        limits[fits & (("drive" not in row) | (fleet.drive == row.get("drive", 0)))] = row["limit_kg"]
    return limits


def _load(plan: Plan, rng: np.random.Generator, rows: Array, fleet: Fleet) -> None:
    count, truck = len(rows), rows["truck"]
    rows["limit"] = truck_limits(plan, fleet)[truck]
    rows["axles"], rows["body"] = fleet.known_axles[truck], fleet.known_body[truck]
    rows["drive"] = fleet.known_drive[truck]
    tare = fleet.tare_kg[truck] + rng.normal(0, plan["weighing_tare_sd_kg"], count)
    rows["tare"] = np.round(tare / STEP_KG) * STEP_KG
    room = rows["limit"] - rows["tare"]
    is_full = rng.random(count) < plan["full_load_share"]
    left = np.where(is_full, rng.gamma(2.0, 0.02, count), rng.uniform(0.1, 0.6, count)).clip(0.0, 0.7)
    rows["gross"] = np.floor((rows["limit"] - left * room) / STEP_KG) * STEP_KG
    rows["net"] = rows["gross"] - rows["tare"]
    away = rng.integers(12 * 60, 45 * 60, count)
    # an outbound truck is weighed empty first; an inbound one is weighed empty last
    empties_later = (rows["direction"] == 1) & (rows["source"] != CLOUD)
    rows["other_at"] = rows["at"] + np.where(empties_later, away, -away)


def _describe(plan: Plan, rng: np.random.Generator, rows: Array, city: City) -> None:
    count = len(rows)
    words = wordings(plan)
    ids = plan.product_ids
    chance, pick = rng.random(count), rng.random(count)
    product = np.full(count, ids.index("block_stone"))
    for seller, sells in plan["sells"].items():
        here = np.array([site.seller == seller for site in city.senders])[rows["site"]]
        bounds = np.cumsum(list(sells.values()))[:-1]
        choice = np.array([ids.index(product_id) for product_id in sells])
        outgoing = here & (rows["direction"] != 1)
        product[outgoing] = choice[np.searchsorted(bounds, chance[outgoing], side="right")]
    names = np.array([sum(word[0] == product_id for word in words) for product_id in ids])
    first = np.concatenate([[0], np.cumsum(names)[:-1]])
    rows["product"] = product
    rows["wording"] = first[product] + (pick * names[product]).astype(int)

    codes = list(city.county_names)
    home = np.array([codes.index(site.county_code) for site in city.senders])[rows["site"]]
    far = rng.random(count)
    somewhere = rng.integers(0, len(codes), count)
    # the last two: another city, and not given
    rows["destination"] = np.select(
        [far < 0.55, far < 0.95, far < 0.97], [home, somewhere, len(codes)], default=len(codes) + 1
    )
    rows["receiver"] = rng.integers(0, len(plan["names"]["receivers"]), count)
    rows["scale"] = 1 + (rng.random(count) < 0.3)
    rows["operator"] = rng.integers(0, 3, count)
    rows["delay"] = np.where(
        rng.random(count) < 0.01, rng.integers(86400, 3 * 86400, count), rng.integers(20, 300, count)
    )
    rows["plate_style"] = np.where(rng.random(count) < plan["odd_plate_share"], rng.integers(1, 4, count), 0)
    uses_alias = np.array([site.number % 2 == 0 for site in city.senders])[rows["site"]]
    rows["site_alias"] = np.where(
        uses_alias & (rows["scale"] == 2) & (rng.random(count) < plan["alias_share"]),
        1 + rows["site"] % 3,
        0,
    )
