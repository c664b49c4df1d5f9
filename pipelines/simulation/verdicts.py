"""The true verdict of every weighing, from what its ticket and the register say and from nothing of the pipeline.

The verdict of a weighing of a story is the one its story was written for; the others are computed.

Source of the rules: 62号令 art. 3 for the limits; the release and interval rules of the project's policy facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.fleet import BODIES
from pipelines.simulation.plan import Plan
from pipelines.simulation.stories import Told
from pipelines.simulation.tickets import BLANK

Array = npt.NDArray[Any]
VERDICTS = ("", "met", "breached", "undetermined", "reweighed", "not_release", "exempt")
MISSING = ("", "gross_kg", "axle_count", "body", "drive_axle_count", "plate")


@dataclass(frozen=True)
class Truth:
    """One value a weighing: the verdict, the lowest and highest limit its facts leave, kg over, and links.

    `over_kg` is 0 unless breached; `replaced_by` is the row of the weighing that replaced it, or -1.
    """

    verdict: Array
    low_kg: Array
    high_kg: Array
    over_kg: Array
    missing: Array
    replaced_by: Array


def possible_limits(plan: Plan, axles: int, body: int, drive: int) -> list[int]:
    """Return the limits that the known facts leave possible, ascending; 0 stands for an unknown fact."""
    return sorted(
        row["limit_kg"]
        for row in plan["limits"]
        if axles in (0, row["axles"])
        and body in (0, BODIES.index(row["body"]))
        # the number of drive axles only divides the trains that have two limits
        and (drive == 0 or "drive" not in row or min(drive, 2) == row["drive"])
    )


def body_of(plan: Plan, limit_kg: int) -> str:
    """Return the body that a limit belongs to; each limit belongs to one."""
    return next(str(row["body"]) for row in plan["limits"] if row["limit_kg"] == limit_kg)


def judge(plan: Plan, rows: Array, is_accepted: Array, told: Sequence[Told]) -> Truth:
    """Return the truth of all rows; rows that are not accepted have an empty verdict."""
    count = len(rows)
    low, high, missing = (np.zeros(count, dtype=np.int32) for _ in range(3))
    facts = np.stack([rows["known_axles"], rows["known_body"], rows["known_drive"]], axis=1).astype(int)
    code = facts @ np.array([100, 10, 1])
    for value in np.unique(code):
        axles, body, drive = int(value) // 100, int(value) // 10 % 10, int(value) % 10
        limits = possible_limits(plan, axles, body, drive)
        here = code == value
        low[here], high[here] = limits[0], limits[-1]
        if len(limits) > 1:
            missing[here] = 2 if axles == 0 else 3 if len({body_of(plan, limit) for limit in limits}) > 1 else 4
    gross = rows["gross"]
    has_gross = gross != BLANK
    is_over = has_gross & (gross > high)
    is_legal = has_gross & (gross <= low)
    verdict = np.select([is_over, is_legal], [2, 1], default=3).astype(np.int8)
    missing = np.where(verdict == 3, np.where(has_gross, missing, 1), 0)
    is_release = rows["direction"] == 0
    replaced_by = _replaced(plan, rows, is_accepted & is_release, is_over)
    verdict[replaced_by >= 0] = 4
    verdict[~is_release] = 5
    by_told = {int(rows["told"][n]): n for n in np.flatnonzero(rows["told"] >= 0)}
    for place, n in by_told.items():
        said = told[place]
        verdict[n], missing[n] = VERDICTS.index(said.verdict), MISSING.index(said.missing)
        low[n], high[n] = said.low_kg, said.high_kg
        replaced_by[n] = by_told[said.replaced_by] if said.replaced_by >= 0 else -1
    verdict[~is_accepted] = 0
    over = np.where(verdict == 2, gross - high, 0)
    return Truth(verdict, low, high, over, missing, replaced_by)


def _replaced(plan: Plan, rows: Array, counts: Array, is_over: Array) -> Array:
    rule = plan["reweighing"]
    replaced_by = np.full(len(rows), -1)
    candidates = np.flatnonzero(counts)
    order = candidates[np.lexsort((rows["at"][candidates], rows["truck"][candidates], rows["site"][candidates]))]
    for ahead in range(1, len(order)):
        first, later = order[:-ahead], order[ahead:]
        near = (
            (rows["truck"][first] == rows["truck"][later])
            & (rows["site"][first] == rows["site"][later])
            & (rows["at"][later] - rows["at"][first] <= 60 * rule["within_minutes"])
        )
        if not near.any():
            break
        fits = (
            near
            & is_over[first]
            & (rows["gross"][later] != BLANK)
            & (rows["gross"][first] - rows["gross"][later] >= rule["lower_by_kg"])
            & (rows["tare"][first] == rows["tare"][later])
            & (replaced_by[first] < 0)
        )
        replaced_by[first[fits]] = later[fits]
    return replaced_by
