"""One small city over the turn of a year, with the five weeks that the golden tests of the report look at."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from pipelines import run, simulate
from pipelines.settings import Settings
from pipelines.simulation import plan

# ISO week: what is true in it.
WEEKS = {
    "2026-W46": "calm",
    "2026-W49": "spike_and_shortage",  # manufactured sand of 上蔡县 up by a quarter, its stock down to four days
    "2026-W53": "week_53",
    "2027-W03": "half_dark",  # two of three exports never came
    "2027-W05": "spring_festival",  # lunar new year is Saturday 6 February 2027
}
COUNTY = "411722"
LAST_WEEK = "2027-W07"
DARK = ("weighsoft", "daybook")


def parameters(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the simulated city, moved to the turn of the year."""
    calendar = given["calendar"] | {"last_week": LAST_WEEK, "price_weeks": 72}
    calendar["dips"] = [
        *calendar["dips"],
        {"from": dt.date(2027, 1, 1), "to": dt.date(2027, 1, 3), "share": 0.6, "text": "元旦"},
        {"from": dt.date(2027, 2, 3), "to": dt.date(2027, 2, 14), "share": 0.15, "text": "春节"},
    ]
    spike = given["prices"]["spike"] | {
        "county": COUNTY, "steps": [{"week": 12, "factor": 1.165}, {"week": 11, "factor": 1.08}]
    }  # fmt: skip
    supply = given["supply"] | {"stock_low": {"county": COUNTY, "weeks": 13, "days": 4}}
    return given | {"calendar": calendar, "prices": given["prices"] | {"spike": spike}, "supply": supply}


def make(home: Settings) -> None:
    """Simulate the city into the home, load it without the dark exports, and publish it."""
    load = plan.load

    def moved(seed: int, scale: float, weeks: int | None) -> plan.Plan:
        made = load(seed, scale, weeks)
        return dataclasses.replace(made, parameters=parameters(dict(made.parameters)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "load", moved)
        simulate.write_city(home.inbox, home.home / "truth", scale=0.12)
    dark = [
        path
        for source in DARK
        for path in (home.inbox / "weighbridge_ticket" / source).iterdir()
        if "2027-W03" in path.name
    ]
    assert len(dark) >= len(DARK), sorted(path.name for path in (home.inbox / "weighbridge_ticket").rglob("*"))[-6:]
    for path in dark:
        path.unlink()
    home.simulated_mark.write_text("simulated", "utf-8")
    assert not any(result.refused for result in run.ingest_inbox(home))
    for step in (run.build, run.check, run.judge, run.publish):
        step(home)
