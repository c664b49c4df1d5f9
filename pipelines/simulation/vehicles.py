"""The vehicle register: what an office knows of some of the trucks, and from which day on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import City, Firm, FirmRegistry
from pipelines.simulation.fleet import BODIES, Fleet
from pipelines.simulation.plan import Plan
from pipelines.simulation.tickets import local_seconds

Array = npt.NDArray[Any]
HEADER = (
    "车牌号,生效日期,轴数,车型,驱动轴数,单胎,空气悬架,符合GB1589,特种车辆,核定总质量,核定载质量,"
    "业户统一社会信用代码,业户名称,道路运输证号,道路运输证初领日期"
)
BODY_WORDS = {"": "", "rigid": "整车", "train": "汽车列车"}
FLAG_WORDS = {None: "", True: "是", False: "否"}


@dataclass(frozen=True)
class Entry:
    """One row of the register; None or 0 is a blank cell. Masses in kg."""

    plate: str
    valid_from: date
    axles: int = 0
    body: str = ""
    drive: int = 0
    is_single_tyre: bool | None = None
    has_air_suspension: bool | None = None
    is_gb1589_ok: bool | None = None
    is_special: bool | None = None
    gross_kg: int = 0
    load_kg: int = 0
    carrier: Firm | None = None
    permit_no: str = ""
    permit_first_issued_on: date | None = None


@dataclass(frozen=True)
class Register:
    """The rows in the order they stand in the file."""

    entries: tuple[Entry, ...]

    def rows_on(self, plates: Sequence[str], printed: Array, at: Array) -> Array:
        """Return, for weighings of printed plates at seconds of wall time, the register row of that day or -1."""
        number = {plate: n for n, plate in enumerate(plates)}
        width = 1 << 20  # more days than any date has
        since = np.array([local_seconds(entry.valid_from) // 86400 for entry in self.entries])
        owner = np.array([number.get(entry.plate, -1) for entry in self.entries])
        order = np.lexsort((since, owner))
        keys = owner[order] * width + since[order]
        place = np.searchsorted(keys, printed.astype(np.int64) * width + at // 86400, side="right") - 1
        found = order[np.maximum(place, 0)]
        return np.where((place >= 0) & (owner[found] == printed), found, -1)

    def tell(self, rows: Array, plates: Sequence[str]) -> None:
        """Set in place which register row holds for each weighing, and what ticket and register tell together."""
        found = self.rows_on(plates, rows["printed"], rows["at"])
        rows["register"] = found
        values = {
            "axles": np.array([entry.axles for entry in self.entries]),
            "body": np.array([BODIES.index(entry.body) for entry in self.entries]),
            "drive": np.array([entry.drive for entry in self.entries]),
        }
        for name, value in values.items():
            rows[f"known_{name}"] = np.where(rows[name] > 0, rows[name], np.where(found >= 0, value[found], 0))


def carriers(plan: Plan, count: int) -> list[Firm]:
    """Return so many invented haulage firms, their names apart from those of the sites."""
    registry = FirmRegistry(plan, "carriers")
    codes = [county["code"] for county in plan["counties"]]
    return [registry.new("carrier", codes[n % len(codes)]) for n in range(count)]


def ordinary(plan: Plan, city: City, fleet: Fleet) -> tuple[list[Entry], list[Firm]]:
    """Return the entries of the trucks of the sites, of whom the register knows a part, and their carriers."""
    spec = plan["vehicle_register"]
    rng = plan.rng("vehicles")
    count = len(fleet.plates)
    truck = np.arange(count)
    tells_all = (fleet.known_axles > 0) & (fleet.known_body > 0) & (fleet.known_drive > 0)
    tells_some = ~tells_all & np.array([site.source > 0 for site in city.senders])[fleet.home]
    # in a turn, not drawn: every export keeps trucks of which nobody knows enough, at any scale
    listed = np.flatnonzero(np.where(tells_some, truck % 2 == 0, truck * 7 % 10 < spec["listed_of_ten"]))
    firms = carriers(plan, max(len(listed) // spec["fleet_size"], 1))
    limits = {(row["axles"], row["body"], row.get("drive")): row["limit_kg"] for row in plan["limits"]}
    names = list(spec["facts"])
    facts = rng.choice(len(names), size=len(listed), p=[spec["facts"][name] for name in names])
    late = rng.random(len(listed)) < spec["late_share"]
    days = rng.integers(200, 2000, len(listed))
    first_issued = rng.integers(300, 2500, len(listed))
    last = plan.mondays[-1]
    entries = []
    for n, t in enumerate(listed.tolist()):
        axles, body, drive = int(fleet.axles[t]), BODIES[fleet.body[t]], int(fleet.drive[t])
        gross = limits.get((axles, body, drive)) or limits[axles, body, None]
        # kerb mass: the truck as built, so that no load within the limit passes the licensed one
        load = gross - int(fleet.tare_kg[t] - 200) // 10 * 10
        known = names[facts[n]]
        since = last - timedelta(days=int(days[n] % 60 + 10 if late[n] else days[n]))
        entries.append(
            Entry(
                plate=fleet.plates[t],
                valid_from=since,
                axles=axles if known in ("all", "no_drive", "axles") else 0,
                body=body if known in ("all", "no_drive") else "",
                drive=drive if known == "all" else 0,
                is_single_tyre=False if n % 3 else None,
                has_air_suspension=False if n % 3 == 1 else None,
                is_gb1589_ok=False if n % 4 else None,
                gross_kg=gross,
                load_kg=load,
                carrier=firms[n % len(firms)],
                permit_no=f"411700{100000 + n:06d}",
                permit_first_issued_on=last - timedelta(days=int(first_issued[n])),
            )
        )
    return entries, firms


def to_bytes(register: Register) -> bytes:
    """Return the register as the office exports it: GB18030, masses in kg."""
    lines = [HEADER]
    for entry in register.entries:
        carrier = entry.carrier
        lines.append(
            ",".join(
                (
                    entry.plate, entry.valid_from.isoformat(), _count(entry.axles), BODY_WORDS[entry.body],
                    _count(entry.drive), FLAG_WORDS[entry.is_single_tyre], FLAG_WORDS[entry.has_air_suspension],
                    FLAG_WORDS[entry.is_gb1589_ok], FLAG_WORDS[entry.is_special], _count(entry.gross_kg),
                    _count(entry.load_kg), carrier.uscc if carrier else "", carrier.name if carrier else "",
                    entry.permit_no, str(entry.permit_first_issued_on or ""),
                )
            )
        )  # fmt: skip
    return "\r\n".join([*lines, ""]).encode("gb18030")


def _count(value: int) -> str:
    return str(value) if value else ""
