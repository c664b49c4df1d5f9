"""The scales of the senders: their certificates as an office lists them, and what a weighing on each can prove."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy.typing as npt

from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.plan import Plan
from pipelines.simulation.printing import SCALE_NAMES
from pipelines.simulation.tickets import local_seconds

Array = npt.NDArray[Any]
HEADER = (
    "站点", "衡器编号", "最大称量(kg)", "分度值(kg)", "检定证书编号", "检定日期", "有效期至", "审核日期",
    "位置公布日期",
)  # fmt: skip
DAY_S = 86400
# of a scale that nobody knows nothing is known, neither its review nor its place
UNKNOWN = ("scale_unknown", "review_missing", "location_unpublished")


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a scale in a span of days, both ends included."""

    reason: str
    first_on: date
    last_on: date


@dataclass(frozen=True)
class Scale:
    """One scale of a sender (its place among them), by the number the simulation gives it."""

    sender: int
    number: int
    division_kg: int
    flaws: tuple[Flaw, ...]


def build(plan: Plan, city: City) -> dict[tuple[int, int], Scale]:
    """Return the scales of all registered senders."""
    spec = plan["scale"]
    last = plan.mondays[-1]
    made: dict[tuple[int, int], Scale] = {}
    for n, site in enumerate(city.senders):
        if not site.is_registered:
            continue
        third = spec["third"].get(n)
        for number in (1, 2, 3) if third else (1, 2):
            flaws = tuple(
                Flaw(
                    row["is"],
                    last + timedelta(days=row.get("from", -4000)),
                    last + timedelta(days=row.get("until", 4000)),
                )
                for row in spec["states"]
                if (row["sender"], row["scale"]) == (n, number)
            )
            made[n, number] = Scale(n, number, third if number == 3 else plan["scale_division_kg"], flaws)
    return made


def reasons(city: City, scales: dict[tuple[int, int], Scale], row: Any) -> list[str]:
    """Return what of the scale of a weighing keeps it from being evidence, in words of this simulation's own."""
    site = city.senders[row["site"]]
    if not site.is_registered:
        return ["site_unregistered", *UNKNOWN]
    if SOURCES[site.source] == "daybook":
        return [*UNKNOWN]  # that book does not say which scale
    scale = scales[int(row["site"]), int(row["scale"])]
    found = [flaw.reason for flaw in scale.flaws if _holds(flaw, int(row["at"]))]
    if row["gross"] % scale.division_kg:
        found.append("off_division")
    return [*UNKNOWN] if "scale_unknown" in found else found


def max_error_kg(plan: Plan, city: City, scales: dict[tuple[int, int], Scale], row: Any) -> int:
    """Return the in-service error of the scale of a weighing at its gross mass."""
    site = city.senders[row["site"]]
    scale = scales.get((int(row["site"]), int(row["scale"])))
    division = plan["scale_division_kg"] if site.is_registered else plan["scale"]["assumed_division_kg"]
    if scale and SOURCES[site.source] != "daybook":
        division = scale.division_kg
    steps = (share for most, share in plan["scale"]["error_steps"] if row["gross"] <= most * division)
    return int(next(steps) * division * plan["scale"]["in_service_factor"])


def _holds(flaw: Flaw, at: int) -> bool:
    day = at // DAY_S
    return local_seconds(flaw.first_on) // DAY_S <= day <= local_seconds(flaw.last_on) // DAY_S


def certificates(plan: Plan, city: City, scales: Iterable[Scale]) -> list[list[Any]]:
    """Return the rows of the list: a certificate lasts a year, and a scale without one has a row that says so."""
    last = plan.mondays[-1]
    rows = []
    for scale in scales:
        site = city.senders[scale.sender]
        name = SCALE_NAMES[site.source][scale.number]
        rows += [[site.name, name, site.scale_max_kg, scale.division_kg, *paper] for paper in _papers(scale, last)]
    return rows


def _papers(scale: Scale, last: date) -> list[list[Any]]:
    """Return certificate, its first and last day, review and publication of a scale, one row a certificate."""
    year, day = timedelta(days=364), timedelta(days=1)
    verified = last - timedelta(days=220 + 3 * (scale.sender % 30))
    spans: list[tuple[date, date | None]] = [(verified, verified + year)]
    review: date | None = verified + timedelta(days=20)
    location: date | None = verified + timedelta(days=25)
    number = f"豫Q检{verified.year}{scale.sender:03d}{scale.number}"
    if scale.sender % 3 == 1 and not scale.flaws:  # renewed on the last day of the one before
        before = last - timedelta(days=30)
        spans = [(before - year, before), (before, before + year)]
        review = location = before - year + day
    for flaw in scale.flaws:
        mended = flaw.last_on + day if flaw.last_on < last + timedelta(days=3000) else None
        if flaw.reason == "scale_unknown":
            spans = []
        elif flaw.reason == "certificate_missing":
            spans, number = [(verified, None)], ""
        elif flaw.reason == "certificate_expired":
            spans = [(flaw.first_on - day - year, flaw.first_on - day)]
            review = location = flaw.first_on - year
            spans += [(mended, mended + year)] if mended else []
        elif flaw.reason == "review_missing":
            review = mended
        else:
            location = mended
    return [
        [number and f"{number}-{turn}", first, until, review, location]
        for turn, (first, until) in enumerate(spans, start=1)
    ]


def to_bytes(plan: Plan, rows: list[list[Any]]) -> bytes:
    """Return the workbook; masses in kg."""
    return workbook(plan, "衡器检定", HEADER, rows)


def workbook(plan: Plan, title: str, header: tuple[str, ...], rows: list[list[Any]]) -> bytes:
    """Return a workbook of one sheet: days as dates, codes as text, None as a blank cell."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        monday = plan.mondays[0]
        # the moment of making would differ from run to run
        book.set_properties({"created": datetime(monday.year, monday.month, monday.day)})  # noqa: DTZ001  # wall time, no zone is meant
        sheet = book.add_worksheet(title)
        day_format = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, header)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if value is None or value == "":
                    continue
                if isinstance(value, date):
                    moment = datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a day
                    sheet.write_datetime(line, column, moment, day_format)
                elif isinstance(value, str):
                    sheet.write_string(line, column, value)
                else:
                    sheet.write_number(line, column, value)
    return out.getvalue()
