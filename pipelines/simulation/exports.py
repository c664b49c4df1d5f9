"""Which line of which weekly file each weighing stands on, with the dirt of real exports, and its fate there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.plan import Plan

Array = npt.NDArray[Any]
OUTCOMES = ("accepted", "duplicate", "superseded", "quarantined")

# One data line: its file (week * 3 + source), the row it prints, its place, what is broken in it (0 = nothing).
LINE = np.dtype(
    [
        ("file", "i4"), ("row", "i4"), ("block", "i1"), ("line", "i4"), ("outcome", "i1"), ("broken", "i1"),
        ("copy_of", "i4"),  # for a duplicate: the index of the line it repeats, else -1
    ]
)  # fmt: skip
# blocks of a file: rows repeated from the week before, its own rows, copies of its own rows, corrections
REPEATED, OWN, COPIED, CORRECTED = range(4)


@dataclass(frozen=True)
class Exports:
    """All data lines, sorted by file and line; the header is line 1 of each file."""

    lines: Array
    weeks: int

    def bounds(self) -> Array:
        """Return, for each file, the index of its first line; one more at the end."""
        return np.searchsorted(self.lines["file"], np.arange(self.weeks * len(SOURCES) + 1))

    def accepted_rows(self, count: int) -> Array:
        """Return which of `count` rows end accepted."""
        accepted = np.zeros(count, dtype=bool)
        accepted[self.lines["row"][self.lines["outcome"] == 0]] = True
        return accepted


def lay_out(plan: Plan, city: City, rows: Array) -> Exports:
    """Return the lines of all files: rows that arrived, copies, corrections and broken rows."""
    rng = plan.rng("files")
    sent = np.flatnonzero(~rows["is_lost"])
    lines = np.zeros(len(sent), dtype=LINE)
    lines["row"], lines["copy_of"] = sent, -1
    lines["file"] = rows["export"][sent].astype(int) * len(SOURCES) + rows["source"][sent]
    lines["block"] = np.where(rows["export"][sent] > rows["week"][sent], CORRECTED, OWN)
    lines["outcome"] = np.where(rows["is_superseded"][sent], OUTCOMES.index("superseded"), 0)

    # every planted row is spared: its fate is decided already
    plain = (rows["case"][sent] == 0) & (rows["site"][sent] != city.role("restart").number)
    # nor are loads with a waybill broken: the form would stand without its ticket
    plain &= ~np.isin(rows["site"][sent], list(plan["waybills"]["sites"]))
    shares = plan["files"]
    kinds = len(shares["broken_kinds"])
    copies: list[Array] = []
    broken_before = 0
    for file in range(plan.weeks * len(SOURCES)):
        in_file = np.flatnonzero(lines["file"] == file)
        mine = rng.permutation(in_file[plain[in_file]])
        spoilt = min(max((len(in_file) - 1) // 100, 0), max(1, round(shares["broken_share"] * len(in_file))))
        spoilt = min(spoilt, len(mine))
        lines["broken"][mine[:spoilt]] = 1 + (broken_before + np.arange(spoilt)) % kinds
        lines["outcome"][mine[:spoilt]] = OUTCOMES.index("quarantined")
        broken_before += spoilt
        twice = max(1, round(shares["duplicate_share"] * len(in_file)))
        rest = mine[spoilt:]
        copies.append(_copies(lines, rest[:twice], file, COPIED))
        if file + len(SOURCES) < plan.weeks * len(SOURCES):
            copies.append(_copies(lines, rest[twice : 2 * twice], file + len(SOURCES), REPEATED))
    copies.extend(_repeated_overloads(plan, rows, lines))
    lines = np.concatenate([lines, *copies])

    by_site = np.where(rows["source"] == SOURCES.index("cloud"), 0, rows["site"])[lines["row"]]
    order = np.lexsort((lines["row"], rows["at"][lines["row"]], by_site, lines["block"], lines["file"]))
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    lines["copy_of"] = np.where(lines["copy_of"] >= 0, place[lines["copy_of"]], -1)
    lines = lines[order]
    exports = Exports(lines, plan.weeks)
    bounds = exports.bounds()
    lines["line"] = np.arange(len(lines)) - bounds[lines["file"]] + 2
    return exports


def _copies(lines: Array, chosen: Array, file: int, block: int) -> Array:
    copied = lines[chosen].copy()
    copied["file"], copied["block"], copied["copy_of"] = file, block, chosen
    copied["outcome"] = OUTCOMES.index("duplicate")
    return copied


def _repeated_overloads(plan: Plan, rows: Array, lines: Array) -> list[Array]:
    """Repeat one overload of each export in the next week's file: it must be counted once."""
    names = ["", *plan["cases"]]
    wanted = [names.index("overload_axles"), names.index("overload_highest")]
    copies = []
    for source in range(len(SOURCES)):
        row = rows[lines["row"]]
        fits = (row["source"] == source) & np.isin(row["case"], wanted) & (row["week"] < plan.weeks - 1)
        chosen = np.flatnonzero(fits)[:1]
        if len(chosen):
            copies.append(_copies(lines, chosen, int(lines["file"][chosen[0]]) + len(SOURCES), REPEATED))
    return copies
