"""The invented firms and sites of the city, and which of them weigh, are parks, or carry a special story."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from stdnum.cn import uscc

from pipelines.simulation.plan import Plan

SOURCES = ("weighsoft", "cloud", "daybook")
USCC_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)  # GB 11714, of the nine signs inside the credit code


@dataclass(frozen=True)
class Firm:
    """An invented enterprise with a credit code whose check signs are right."""

    name: str
    uscc: str
    short_name: str


@dataclass(frozen=True)
class Site:
    """One site; `source` is the index of its weighbridge export, -1 if it sends no tickets."""

    number: int
    name: str
    aliases: tuple[str, ...]
    firm: Firm
    county_code: str
    county_name: str
    kind: str
    source: int = -1
    size: float = 0.0
    scale_max_kg: int = 0
    is_registered: bool = True
    roles: frozenset[str] = frozenset()
    is_listed: bool = False
    haul_t: int | None = None
    siding_state: str = ""
    siding_since: date | None = None

    @property
    def seller(self) -> str:
        """What decides the products it sells: its kind, or that it recycles or takes sand from the river."""
        return next((role for role in ("recycled", "river") if role in self.roles), self.kind)


@dataclass(frozen=True)
class City:
    """All sites; those that weigh come first."""

    sites: tuple[Site, ...]
    sender_count: int
    county_names: dict[str, str] = field(default_factory=dict)

    @property
    def senders(self) -> tuple[Site, ...]:
        """The sites that send tickets; their place in here is the site number of a ticket."""
        return self.sites[: self.sender_count]

    def role(self, name: str) -> Site:
        """Return the site that carries a special story."""
        return next(site for site in self.sites if name in site.roles)


class FirmRegistry:
    """Gives out invented firms, each name and code once."""

    def __init__(self, plan: Plan, part: str = "firms") -> None:
        self._names = plan["names"]
        self._places = self._names["places" if part == "firms" else "carrier_places"]
        self._rng = plan.rng(part)
        self._given = 0

    def new(self, kind: str, county_code: str) -> Firm:
        """Return the next firm; its name says that it is invented."""
        places, marks = self._places, self._names["marks"]
        turn, row = divmod(self._given, len(places))
        edition, turn = divmod(turn, len(marks))
        # two steps a turn: every pair of place and mark comes up once before any repeats
        mark = marks[(2 * turn + row) % len(marks)]
        short_name = places[row] + mark + (f"{edition + 1}号" if edition else "")
        self._given += 1
        return Firm(short_name + self._names["trades"][kind] + "有限公司", self._credit_code(county_code), short_name)

    def _credit_code(self, county_code: str) -> str:
        body = "MA" + "".join(USCC_SIGNS[n] for n in self._rng.integers(0, len(USCC_SIGNS), 6))
        total = sum(int(sign, 36) * weight for sign, weight in zip(body, ORGANISATION_WEIGHTS, strict=True))
        check = 11 - total % 11
        number = f"91{county_code}{body}" + ("0" if check == 11 else "X" if check == 10 else str(check))
        return number + uscc.calc_check_digit(number)


def build(plan: Plan, firms: FirmRegistry) -> City:
    """Return the city: senders in a fixed turn of counties, kinds and exports, then parks and key firms."""
    rng = plan.rng("city")
    counties = plan["counties"]
    special = plan["special_sites"]
    count = max(plan["size"]["fewest_senders"], round(plan["size"]["senders"] * plan.scale))
    weight = np.array([county["weight"] for county in counties], dtype=float)
    drawn = rng.choice(len(counties), size=count, p=weight / weight.sum())
    place = [n if n < len(counties) else n - len(counties) if n < 14 else int(drawn[n]) for n in range(count)]
    roles = {special[role]["sender"]: role for role in ("restart", "down", "closed", "silent")}
    roles[special["recycled"]] = "recycled"
    kinds = plan["kind_pattern"]
    large = plan["size"]["large"]
    sizes = np.exp(rng.normal(0.0, plan["size"]["spread"], count + 20)).clip(0.25, 5.0)

    sites: list[Site] = []
    for n in range(count):
        county, kind = counties[place[n]], kinds[n % len(kinds)]
        story = frozenset({roles[n]} if n in roles else ())
        # a site with a story must be large enough to tell it
        size = float(max(sizes[n], 0.9) if story else sizes[n])
        size = float(large["size"]) if n in large["senders"] else size
        story |= {"river"} if n in special["river"] else set()
        sites.append(_site(plan, firms, n, kind, county, sending=n, size=size, roles=story))
    hidden = float(special["unregistered_size"] * sizes[:count].mean())
    sites.append(
        _site(
            plan,
            firms,
            count,
            "yard",
            counties[3],
            sending=2,
            size=hidden,
            is_registered=False,
            roles=frozenset({"unregistered"}),
        )
    )
    by_code = {county["code"]: county for county in counties}
    parks = plan["rail"]["sites"]
    for row in sorted(parks, key=lambda row: str(row["kind"] != "key_enterprise")):
        n = len(sites)
        weighs = row["kind"] == "key_enterprise"
        sites.append(
            _site(
                plan,
                firms,
                n,
                row["kind"],
                by_code[row["county"]],
                sending=n if weighs else None,
                size=float(max(sizes[n % len(sizes)], 1.0)) if weighs else 0.0,
                is_listed=bool(row.get("listed")),
                haul_t=row.get("haul_t"),
                siding_state=row.get("siding", ""),
                siding_since=row.get("since"),
            )
        )
    # from a registry of its own, so that the firms of the filings keep their names
    late = FirmRegistry(plan, "late")
    never = special["never"]
    sites.append(
        _site(
            plan, late, len(sites), never["kind"], counties[never["county"]], sending=None, roles=frozenset({"never"})
        )
    )
    senders = sum(site.source >= 0 for site in sites)
    return City(tuple(sites), senders, {county["code"]: county["name"] for county in counties})


def _site(
    plan: Plan,
    firms: FirmRegistry,
    n: int,
    kind: str,
    county: dict[str, Any],
    *,
    sending: int | None,
    size: float = 0.0,
    **more: Any,
) -> Site:
    firm = firms.new(kind, county["code"])
    names = plan["names"]
    name = firm.short_name + names["sites"][kind]
    pattern, maxima = plan["source_pattern"], plan["scale_max_kg"]
    return Site(
        number=n,
        name=name,
        firm=firm,
        kind=kind,
        size=size,
        aliases=(
            firm.name,
            f"{firm.short_name}({county['name'][:2]}){names['sites'][kind]}",
            firm.short_name,
        ),
        county_code=county["code"],
        county_name=county["name"],
        source=-1 if sending is None else SOURCES.index(pattern[sending % len(pattern)]),
        scale_max_kg=0 if sending is None else maxima[sending % len(maxima)],
        **more,
    )
