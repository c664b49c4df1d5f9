"""Plants the stories of `overload.yaml`: trucks of their own, whose weighings have the verdict the story says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import fleet as fleets
from pipelines.simulation.city import SOURCES, City, Firm
from pipelines.simulation.fleet import BODIES, DIRECTIONS, Fleet
from pipelines.simulation.plan import Plan
from pipelines.simulation.tickets import TICKET, local_seconds, wordings
from pipelines.simulation.vehicles import Entry

Array = npt.NDArray[Any]
WEEKDAYS = 5  # a story of one day begins on Monday to Friday, so that it does not spill over a week

VISIT_S = 6 * 3600  # weighings of a story further apart are visits of their own


@dataclass(frozen=True)
class Told:
    """What a story says of one weighing; masses in kg.

    `doubt` is the kind of doubt the plate must be under, `any` where more than one is right, "" where none is.
    `replaced_by` is the place of the weighing in `Stories.told` that replaced it, or -1. `has_excess` says whether
    the licensed load is passed, None where nobody knows the licence.
    """

    case: str
    verdict: str
    low_kg: int
    high_kg: int
    missing: str = ""
    exemption: str = ""
    doubt: str = ""
    has_excess: bool | None = None
    replaced_by: int = -1
    form: str = ""


@dataclass(frozen=True)
class Stories:
    """The trucks' fleet with those of the stories behind it, their weighings and register entries."""

    fleet: Fleet
    rows: Array
    entries: tuple[Entry, ...]
    told: tuple[Told, ...]


def names(plan: Plan) -> list[str]:
    """Return the names of all stories."""
    return [str(story["case"]) for story in plan["stories"]]


def forget_doubtful(rows: Array, told: Sequence[Told]) -> None:
    """Take from weighings under a plate in doubt, in place, what the register says of that plate."""
    doubtful = np.array([bool(said.doubt) for said in told], dtype=bool)[rows["told"]]
    rows["register"][doubtful] = -1
    for name in ("axles", "body", "drive"):
        rows[f"known_{name}"][doubtful] = rows[name][doubtful]


def build(plan: Plan, city: City, fleet: Fleet, firms: list[Firm], first_case: int) -> Stories:
    """Return the stories of the weeks that are simulated; their cases count from `first_case`."""
    rng = plan.rng("stories")
    count = len(plan["stories"])
    taken = set(fleet.plates)
    fresh = [plate for plate in fleets.new_plates(plan, rng, 4 * count + 20) if plate not in taken]
    teller = _Teller(plan, city, len(fleet.plates), fresh, first_case, firms)
    for number, story in enumerate(plan["stories"]):
        teller.tell(number, story)
    kinds = [plan["trucks"][kind] for kind in teller.kinds]
    homes = np.array(teller.homes)
    bodies = np.array([BODIES.index(kind["body"]) for kind in kinds])
    zeros = np.zeros(count, dtype=int)
    longer = {
        "home": homes,
        "axles": np.array([kind["axles"] for kind in kinds]),
        "body": bodies,
        "drive": np.array([kind["drive"] for kind in kinds]),
        "known_axles": zeros,
        "known_body": zeros,
        "known_drive": zeros,
        "tare_kg": np.array([float(kind["tare"]) for kind in kinds]),
        "direction": zeros,
    }
    together = replace(
        fleet,
        plates=fleet.plates + tuple(teller.plates),
        misprints=tuple(teller.misprints),
        **{name: np.concatenate([getattr(fleet, name), values]) for name, values in longer.items()},
    )
    rows = np.array(teller.rows, dtype=TICKET) if teller.rows else np.zeros(0, dtype=TICKET)
    # misprints stand behind all plates
    rows["printed"] = np.where(rows["printed"] < 0, len(together.plates) - rows["printed"] - 1, rows["printed"])
    return Stories(together, rows, tuple(teller.entries), tuple(teller.told))


class _Teller:
    """Collects trucks, weighings and register entries story by story."""

    def __init__(
        self, plan: Plan, city: City, first_truck: int, fresh: list[str], first_case: int, firms: list[Firm]
    ) -> None:
        self.plan, self.city, self.firms = plan, city, firms
        self.first_truck, self.first_case, self.fresh = first_truck, first_case, fresh
        self.plates: list[str] = []
        self.misprints: list[str] = []
        self.kinds: list[int] = []
        self.homes: list[int] = []
        self.begins: dict[str, date] = {}
        self.places: dict[str, int] = {}
        self.rows: list[Any] = []
        self.entries: list[Entry] = []
        self.told: list[Told] = []
        self.wording = [word[0] for word in wordings(plan)]

    def tell(self, number: int, story: dict[str, Any]) -> None:
        """Add one story."""
        case = str(story["case"])
        kind = self.plan["kinds"][story["truck"]]
        self.kinds.append(kind)
        self.homes.append(self._place(story["at"]))
        self.plates.append(self.fresh.pop())
        self.places[case] = number
        week = story.get("week", 1 + number % WEEKDAYS)
        begins = self.plan.mondays_of(week + 1)[0] + timedelta(days=story.get("weekday", number // 2 % 3))
        begins = self.begins[story["with"]] if "with" in story else begins
        self.begins[case] = begins
        for row in story.get("register", []):
            self.entries.append(self._entry(number, kind, begins, row))
        printed = self.first_truck + number
        if story.get("prints") == "nobody":
            self.misprints.append(self.fresh.pop())
            printed = -len(self.misprints)
        elif "prints" in story:
            printed = self.first_truck + self.places[story["prints"]]
        self._weigh(number, story, begins, printed)

    def _place(self, name: str) -> int:
        place = self.plan["places"][name]
        return place if isinstance(place, int) else self.city.role(place).number

    def _entry(self, number: int, kind: int, begins: date, row: dict[str, Any]) -> Entry:
        truck = self.plan["trucks"][kind]
        facts = row.get("facts", "all")
        limit = next(
            rule["limit_kg"]
            for rule in self.plan["limits"]
            if (rule["axles"], rule["body"]) == (truck["axles"], truck["body"])
            and rule.get("drive", truck["drive"]) == truck["drive"]
        )
        licence = row.get("licence")
        gross, load = (limit, limit - truck["tare"] + 200) if licence == "std" else licence or (0, 0)
        return Entry(
            plate=self.plates[number],
            valid_from=begins + timedelta(days=row.get("from", -400)),
            axles=truck["axles"] if facts != "none" else 0,
            body=truck["body"] if facts in ("all", "no_drive") else "",
            drive=row.get("drive", truck["drive"]) if facts == "all" else 0,
            is_single_tyre=row.get("single"),
            has_air_suspension=row.get("air"),
            is_gb1589_ok=row.get("gb1589"),
            is_special=row.get("special"),
            gross_kg=gross,
            load_kg=load,
            carrier=self.firms[number % len(self.firms)],
            permit_no=f"411700{900000 + number:06d}",
            permit_first_issued_on=begins - timedelta(days=1000 + number),
        )

    def _weigh(self, number: int, story: dict[str, Any], begins: date, printed: int) -> None:
        kind = self.plan["trucks"][self.kinds[number]]
        mine: list[tuple[int, int, int]] = []  # place in told, seconds, gross: of the weighings so far
        for part, weighing in enumerate(story["weighings"], start=1):
            day, clock = weighing["t"].split()
            hour, minute = map(int, clock.split(":"))
            at = local_seconds(begins + timedelta(days=int(day))) + 3600 * hour + 60 * minute
            week = (at - local_seconds(self.plan.mondays[0])) // (7 * 86400)
            if not 0 <= week < self.plan.weeks:
                continue
            limits = weighing["limits"] if isinstance(weighing["limits"], list) else [weighing["limits"]]
            tare = weighing.get("tare", kind["tare"])
            for place, _, gross in mine:
                said = self.told[place]
                is_lighter = gross - weighing["kg"] >= self.plan["reweighing"]["lower_by_kg"]
                if said.verdict == "reweighed" and said.replaced_by < 0 and is_lighter:
                    self.told[place] = replace(said, replaced_by=len(self.told))
            mine.append((len(self.told), at, weighing["kg"]))
            first = mine[0][1] - 1800
            row = np.zeros((), dtype=TICKET)
            site = self._place(weighing.get("at", story["at"]))
            sender = self.city.senders[site]
            row["site"], row["source"], row["week"], row["export"] = site, sender.source, week, week
            row["truck"], row["printed"], row["at"] = self.first_truck + number, printed, at
            # one tare for the visit; a load of its own begins with a weighing of the empty truck
            away = 60 * weighing["empty"] if "empty" in weighing else at - first if at - first < VISIT_S else 1800
            row["other_at"] = at - away
            row["direction"] = DIRECTIONS.index(weighing.get("direction", "out"))
            row["gross"], row["tare"], row["net"] = weighing["kg"], tare, weighing["kg"] - tare
            if SOURCES[sender.source] != "weighsoft":
                for name in story.get("says", ["axles", "body", "drive"]):
                    row[name] = BODIES.index(kind[name]) if name == "body" else kind[name]
            row["limit"] = limits[-1]
            product = self.plan.product_ids.index(next(iter(self.plan["sells"][sender.seller])))
            row["product"], row["wording"] = product, self.wording.index(self.plan.product_ids[product])
            row["scale"], row["site_alias"] = weighing.get("scale", 1), weighing.get("alias", 0)
            row["delay"], row["destination"] = 60, number % 10
            row["case"], row["part"], row["pair"] = self.first_case + number, part, -1 - number
            row["told"], row["register"] = len(self.told), -1
            self.rows.append(row)
            self.told.append(
                Told(
                    str(story["case"]), weighing["is"], limits[0], limits[-1], weighing.get("missing", ""),
                    weighing.get("exemption", ""), weighing.get("doubt", ""), weighing.get("excess"),
                    form=weighing.get("form", ""),
                )
            )  # fmt: skip
