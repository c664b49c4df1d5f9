"""The papers beside the tickets: registers, penalty decisions, waybills, river permits, stock and demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from pipelines.simulation import penalties, scales, supply, vehicles, waybills
from pipelines.simulation.city import City, Firm
from pipelines.simulation.exports import Exports
from pipelines.simulation.fleet import Fleet
from pipelines.simulation.forms import Waybills
from pipelines.simulation.penalties import Penalties
from pipelines.simulation.plan import Plan
from pipelines.simulation.scales import Scale
from pipelines.simulation.stories import Stories
from pipelines.simulation.supply import Supply
from pipelines.simulation.vehicles import Register
from pipelines.simulation.verdicts import Truth

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Papers:
    """What the papers say, and their files by (feed, name): bytes and data lines."""

    register: Register
    stories: Stories
    scales: Mapping[tuple[int, int], Scale]
    penalties: Penalties
    waybills: Waybills
    supply: Supply
    files: Mapping[tuple[str, str], tuple[bytes, int]]


def build(
    plan: Plan,
    city: City,
    fleet: Fleet,
    rows: Array,
    exports: Exports,
    truth: Truth,
    register: Register,
    told: Stories,
    carriers: list[Firm],
) -> Papers:
    """Return the papers of a city whose weighings are decided."""
    taken = set(fleet.printable)
    ordinary = register.entries[: len(register.entries) - len(told.entries)]
    court = penalties.build(plan, city, taken, ordinary, len(carriers))
    listed = Register(tuple(sorted((*register.entries, *court.entries), key=lambda row: (row.plate, row.valid_from))))
    held = scales.build(plan, city)
    certificates = scales.certificates(plan, city, held.values())
    forms = waybills.build(plan, city, fleet, rows, exports, truth, told)
    supplied = supply.build(plan, city, rows, truth)
    files = {
        ("vehicle", "vehicle.csv"): (vehicles.to_bytes(listed), len(listed.entries)),
        ("scale", "scale.xlsx"): (scales.to_bytes(plan, certificates), len(certificates)),
        ("penalty_case", "penalty_case.csv"): (court.to_bytes(), len(court.lines)),
        ("river_permit", "river_permit.xlsx"): (forms.permits_to_bytes(plan), len(forms.permits)),
        **{("waybill", name): (content, count) for name, (content, count) in forms.files().items()},
        **supplied.files,
    }
    return Papers(register, told, held, court, forms, supplied, files)
