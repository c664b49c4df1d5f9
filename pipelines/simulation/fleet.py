"""The trucks of the city: plates, axles, tare, whom they work for, and what exports know of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import SOURCES, City, Site
from pipelines.simulation.plan import Plan

PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
PLATE_DIGITS = "0123456789"
PLATE_SHAPES = ("LDDDD", "DDDDD", "DDDDL", "DDDLD", "LLDDD", "DLDDD")
BODIES = ("", "rigid", "train")
KNOWN_FACTS = ("all", "no_drive", "no_body", "none")
DIRECTIONS = ("out", "in", "internal")

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Fleet:
    """Arrays of one value a truck; the trucks of a site stand together, from `first[site]` on.

    `axles, body, drive` are what the truck is; `known_axles, known_body, known_drive` what its tickets say
    (0 = nothing). `home` is the sender a truck works for; trucks of planted stories stand at the end, behind those
    of the sites. `misprints` are plates that tickets name and no truck carries.
    """

    plates: tuple[str, ...]
    home: Array
    first: Array
    count: Array
    direction: Array
    axles: Array
    body: Array
    drive: Array
    known_axles: Array
    known_body: Array
    known_drive: Array
    tare_kg: Array
    misprints: tuple[str, ...] = ()

    @property
    def printable(self) -> tuple[str, ...]:
        """Every plate a ticket may name; `printed` of a ticket counts in here."""
        return self.plates + self.misprints


def build(plan: Plan, city: City, daily_mean: Array) -> Fleet:
    """Return a fleet that can carry the daily mean of each sender, every kind of truck in it."""
    rng = plan.rng("fleet")
    kinds = plan["trucks"]
    count = np.ceil(daily_mean / plan["size"]["tickets_per_truck_day"]).astype(int) + 3
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    total = int(count.sum())
    share = np.array([kind["share"] for kind in kinds])
    kind = rng.choice(len(kinds), size=total, p=share / share.sum())
    known = plan["facts_known"]
    facts = rng.choice(len(KNOWN_FACTS), size=total, p=[known[name] for name in KNOWN_FACTS])
    source = np.repeat([site.source for site in city.senders], count)
    direction = np.concatenate([_directions(plan, site, n) for site, n in zip(city.senders, count, strict=True)])
    for export in range(len(SOURCES)):
        # the rare kinds must exist in every export, or the planted cases would have no truck
        out = np.flatnonzero((source == export) & (direction == 0))[:24]
        kind[out[:16]] = np.arange(len(out[:16])) % len(kinds)
        facts[out[:16]] = 0
        for n, truck in enumerate(out[16:]):
            facts[truck] = 1 + n % 3
            kind[truck] = (0, 1, 0)[n % 3]
    axles = np.array([row["axles"] for row in kinds])[kind]
    body = np.array([BODIES.index(row["body"]) for row in kinds])[kind]
    drive = np.array([row["drive"] for row in kinds])[kind]
    tare = np.array([row["tare"] for row in kinds])[kind] + rng.normal(0, plan["truck_tare_sd_kg"], total)
    tells = source != SOURCES.index("weighsoft")  # that export has no columns for axles
    return Fleet(
        plates=new_plates(plan, rng, total),
        home=np.repeat(np.arange(len(count)), count),
        first=first,
        count=count,
        direction=direction,
        axles=axles,
        body=body,
        drive=drive,
        known_axles=np.where(tells & (facts != 3), axles, 0),
        known_body=np.where(tells & (facts != 3) & (facts != 2), body, 0),
        known_drive=np.where(tells & (facts != 3) & (facts != 1), drive, 0),
        tare_kg=tare,
    )


def _directions(plan: Plan, site: Site, count: int) -> Array:
    direction = np.zeros(count, dtype=np.int8)
    inbound = round(count * plan["trucks_in"].get(site.kind, 0.0))
    internal = max(round(count * plan["trucks_internal"]), int(site.kind == "quarry" and count > 3))
    if SOURCES[site.source] == "daybook":  # that book knows out and in only
        internal = 0
    direction[count - inbound :] = 1
    direction[count - inbound - internal : count - inbound] = 2
    return direction


def new_plates(plan: Plan, rng: np.random.Generator, count: int) -> tuple[str, ...]:
    """Return so many different plates of the stream `rng`."""
    plates: dict[str, None] = {}
    others = plan["other_plates"]
    while len(plates) < count:
        home = rng.random() < plan["home_plate_share"]
        place = "豫Q" if home else others[int(rng.integers(len(others)))]
        shape = PLATE_SHAPES[int(rng.integers(len(PLATE_SHAPES)))]
        if rng.random() < plan["new_energy_share"]:
            shape = "DDDDDF"  # large new-energy vehicles: five digits, D or F last
        signs = (
            sign
            if sign == "F"
            else PLATE_LETTERS[int(rng.integers(24))]
            if sign == "L"
            else PLATE_DIGITS[int(rng.integers(10))]
            for sign in shape
        )
        plates[place + "".join(signs)] = None
    return tuple(plates)
