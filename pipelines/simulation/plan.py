"""What one simulation is asked for: its parameters, its weeks and its streams of chance."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipelines.errors import WrongCallError

PARAMETERS = Path(__file__).resolve().parents[1] / "simulate.yaml"
OVERLOAD = Path(__file__).resolve().parent / "overload.yaml"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster, where there is one


@dataclass(frozen=True)
class Plan:
    """Parameters of both files, with the seed, the scale (1 = 300,000 tickets) and the number of weeks."""

    parameters: Mapping[str, Any]
    seed: int
    scale: float
    weeks: int

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def rng(self, part: str) -> np.random.Generator:
        """Return the stream of one part: a change in one part leaves the others as they were."""
        return np.random.default_rng([self.seed, zlib.crc32(part.encode())])

    @cached_property
    def mondays(self) -> tuple[date, ...]:
        """The Mondays of the ticket weeks, oldest first."""
        return self.mondays_of(self.weeks)

    def mondays_of(self, count: int) -> tuple[date, ...]:
        """Return the Mondays of the last `count` weeks, oldest first."""
        year, week = self["calendar"]["last_week"].split("-W")
        last = date.fromisocalendar(int(year), int(week), 1)
        return tuple(last - timedelta(weeks=back) for back in reversed(range(count)))

    def weeks_back(self, back: int) -> int:
        """Return the index of the week that lies `back` weeks before the last; below 0 if not simulated."""
        return self.weeks - 1 - back

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Product ids in the order the tickets count them."""
        return tuple(self["products"])


def load(seed: int, scale: float, weeks: int | None) -> Plan:
    """Return the plan of one simulation.

    Raises:
        WrongCallError: the scale or the number of weeks cannot be simulated.
    """
    parameters: dict[str, Any] = {}
    for path in (PARAMETERS, OVERLOAD):
        parameters |= yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506  # a safe one
    most = int(parameters["calendar"]["ticket_weeks"])
    weeks = most if weeks is None else weeks
    if not 1 <= weeks <= most:
        raise WrongCallError(f"simulate: weeks is {weeks}; it takes 1 to {most}")
    if not 0.02 <= scale <= 20:
        raise WrongCallError(f"simulate: scale is {scale:g}; it takes 0.02 to 20 (1 = about 300,000 tickets)")
    if seed < 0:
        raise WrongCallError(f"simulate: seed is {seed}; it takes 0 or more")
    return Plan(parameters, seed, scale, weeks)


def iso_week(day: date) -> str:
    """Return the ISO week of a day as `2026-W47`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"
