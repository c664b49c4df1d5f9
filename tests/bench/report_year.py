"""A simulated city of a whole year, and its weekly report in all formats: how long it takes, and the queries of it.

`python -m tests.bench.report_year make TICKETS` loads and publishes it in SANDWATCH_HOME; `... write` writes the
newest week and prints the seconds that its queries took.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import Any

from pipelines import run, settings, simulate
from pipelines.report import edition
from pipelines.settings import Settings
from pipelines.simulation import plan

WEEKS = 52
TICKETS = 300_000  # of all weeks at scale 1, however many weeks there are
LEAST = 0.02  # scale that can be simulated


def make(home: Settings, tickets: int) -> None:
    """Simulate a year with about so many tickets, load it and publish it."""
    load = plan.load

    def year(seed: int, scale: float, _: int | None) -> plan.Plan:
        made = load(seed, scale, None)
        calendar = made["calendar"] | {"ticket_weeks": WEEKS}
        return dataclasses.replace(made, parameters={**made.parameters, "calendar": calendar}, weeks=WEEKS)

    plan.load = year
    home.home.mkdir(parents=True, exist_ok=True)
    city = simulate.write_city(home.inbox, home.home / "truth", scale=max(tickets / TICKETS, LEAST))
    if city.tickets < 0.9 * tickets:
        raise SystemExit(f"the simulated year has {city.tickets} tickets; {tickets} were asked for")
    if any(result.refused for result in run.ingest_inbox(home)):
        raise SystemExit("a file of the simulated city was refused")
    for step in (run.build, run.check, run.judge, run.publish):
        step(home)


def write(home: Settings) -> dict[str, Any]:
    """Write the report of the newest week; return the seconds of its queries and how many there were."""
    fetch, taken = edition.fetch, []

    def timed(*given: Any) -> Any:
        began = time.perf_counter()
        found = fetch(*given)
        taken.append(time.perf_counter() - began)
        return found

    edition.fetch = timed
    page = run.report(home, None)
    return {"queries_s": sum(taken), "queries": len(taken), "page": str(page)}


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(settings.load(), int(sys.argv[2]))
    else:
        sys.stdout.write(json.dumps(write(settings.load())) + "\n")
