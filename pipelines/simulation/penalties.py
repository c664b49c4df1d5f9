"""Penalty decisions, with plates, drivers and firms at, over and just under what suspends them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pipelines.simulation import fleet as fleets
from pipelines.simulation.city import City, Firm
from pipelines.simulation.plan import Plan
from pipelines.simulation.vehicles import Entry, carriers

HEADER = (
    "决定书文号,决定日期,违法日期,车牌号,驾驶员从业资格证号,从业资格证初领日期,业户统一社会信用代码,源头站点,案由"
)
GROUNDS = "违法超限运输"


@dataclass(frozen=True)
class Penalties:
    """The decisions as lines of a file, the register entries of the firms' trucks, and what is true of them."""

    lines: tuple[str, ...]
    entries: tuple[Entry, ...]
    truth: tuple[dict[str, Any], ...]

    def to_bytes(self) -> bytes:
        """Return the file of decisions, GB18030."""
        return "\r\n".join([HEADER, *self.lines, ""]).encode("gb18030")


def build(plan: Plan, city: City, taken: set[str], listed: Sequence[Entry], firm_count: int) -> Penalties:
    """Return the decisions: planted plates, drivers and fleets, and one each on some listed trucks."""
    return _Court(plan, city, taken, listed, firm_count).sit()


class _Court:
    def __init__(self, plan: Plan, city: City, taken: set[str], listed: Sequence[Entry], firm_count: int) -> None:
        self.plan, self.city, self.listed = plan, city, listed
        self.spec = plan["penalties"]
        self.last = plan.mondays[-1] + timedelta(days=6)
        wanted = sum(fleet["trucks"] for fleet in self.spec["fleets"])
        wanted += (
            2 * self.spec["idle_trucks"]
            + len(self.spec["plates"])
            + sum(len(driver["acts"]) for driver in self.spec["drivers"])
        )
        drawn = fleets.new_plates(plan, plan.rng("penalties"), 2 * wanted + 20)
        self.fresh = [plate for plate in drawn if plate not in taken]
        # firms of their own, named behind those of the ordinary trucks
        extra = len(self.spec["fleets"]) + 2
        self.firms = carriers(plan, firm_count + extra)[firm_count:]
        self.rows: list[tuple[date, str]] = []
        self.entries: list[Entry] = []
        self.truth: list[dict[str, Any]] = []
        self.drivers = 0

    def sit(self) -> Penalties:
        free_firm, other_firm = self.firms[-2], self.firms[-1]
        for row in self.spec["plates"]:
            plate = self._truck(free_firm, row["first_issued"]).plate
            for back in row["acts"]:
                self._decide(back, plate, free_firm, self._driver(), None)
            self._tell("plate", row, plate, len(row["acts"]))
        for row in self.spec["drivers"]:
            permit = self._driver()
            for back in row["acts"]:
                plate = self._truck(other_firm, 900).plate
                self._decide(back, plate, other_firm, permit, row["first_issued"])
            self._tell("driver", row, permit, len(row["acts"]))
        # many trucks, so that the planted plates and drivers do not make their firm one of the suspended
        for firm in (free_firm, other_firm):
            for _ in range(self.spec["idle_trucks"]):
                self._truck(firm, 900)
        for row, firm in zip(self.spec["fleets"], self.firms, strict=False):
            trucks = [self._truck(firm, 900) for _ in range(row["trucks"])]
            turn = 0
            for truck, count in zip(trucks, row["cases"], strict=False):
                for _ in range(count):
                    self._decide(30 + 9 * turn, truck.plate, firm, self._driver(), 1200)
                    turn += 1
            self._tell("firm", row, firm.uscc, len(row["cases"]), len(trucks))
        fined: set[str] = set()  # one truck a firm at most: a firm of ordinary trucks is never over its share
        for n, entry in enumerate(self.listed):
            if entry.carrier and entry.carrier.uscc not in fined and len(fined) < self.spec["background"]:
                fined.add(entry.carrier.uscc)
                self._decide(10 + 7 * n % 300, entry.plate, entry.carrier, self._driver(), 700)
        return Penalties(tuple(text for _, text in sorted(self.rows)), tuple(self.entries), tuple(self.truth))

    def _truck(self, firm: Firm, first_issued: int | None) -> Entry:
        number = len(self.entries)
        entry = Entry(
            plate=self.fresh.pop(), valid_from=self.last - timedelta(days=1500), axles=6, body="train", drive=2,
            carrier=firm, permit_no=f"411700{800000 + number:06d}",
            permit_first_issued_on=None if first_issued is None else self.last - timedelta(days=first_issued),
        )  # fmt: skip
        self.entries.append(entry)
        return entry

    def _driver(self) -> str:
        self.drivers += 1
        return f"411700演示{self.drivers:06d}"

    def _decide(self, back: int, plate: str, firm: Firm, driver: str, first_issued: int | None) -> None:
        act = self.last - timedelta(days=back)
        decided = min(act + timedelta(days=9), self.last)
        site = self.city.senders[len(self.rows) % 3]
        issued = "" if first_issued is None else str(self.last - timedelta(days=first_issued))
        number = f"豫驻交罚〔{decided.year}〕{len(self.rows) + 1:04d}号"
        self.rows.append(
            (decided, f"{number},{decided},{act},{plate},{driver},{issued},{firm.uscc},{site.name},{GROUNDS}")
        )

    def _tell(self, kind: str, row: dict[str, Any], subject: str, cases: int, trucks: int | str = "") -> None:
        self.truth.append(
            {
                "subject_kind": kind, "subject": subject, "case": row["case"],
                "case_count": sum(row["cases"]) if trucks else row.get("in_year", cases),
                "case_truck_count": cases if trucks else "",
                "fleet_count": trucks, "is_triggered": row["triggers"],
                "permit_year_known": row.get("first_issued") is not None,
            }
        )  # fmt: skip
