"""Simulate cities, run everything on them, and compare with their truth: `python -m tests.truth` or `make truth`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from pipelines import run, simulate
from pipelines.publishing import editions
from pipelines.settings import Settings
from tests.truth import comparing, prices


def say(text: str) -> None:
    """Write a line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Return 0 where nothing true is missed and nothing false is found, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2, help="size of the city; 1 is about 300,000 tickets")
    parser.add_argument("--weeks", type=int, help="weeks of tickets, the last ones (default: all)")
    parser.add_argument("--seed", type=int, default=57)
    parser.add_argument("--home", type=Path, help="compare a finished demo here instead of simulating a city")
    parser.add_argument("--only", choices=("city", "prices"), help="one part of the comparison (default: both)")
    asked = parser.parse_args()
    if asked.home:
        return report(Settings(home=asked.home))
    is_missed = 0 if asked.only == "city" else prices.report(say, seed=asked.seed)
    return is_missed if asked.only == "prices" else is_missed | of_city(asked)


def of_city(asked: argparse.Namespace) -> int:
    """Simulate a city, run everything and print its table; return 1 where anything is missed, false or refused."""
    with tempfile.TemporaryDirectory(prefix="sandwatch-truth-") as folder:
        settings = Settings(home=Path(folder) / "home", actor="truth")
        settings.home.mkdir()
        settings.simulated_mark.write_text("Everything below this folder is simulated.\n", encoding="utf-8")
        began = time.monotonic()
        city = simulate.write_city(
            settings.inbox, settings.home / "truth", seed=asked.seed, scale=asked.scale, weeks=asked.weeks
        )
        say(f"{city.tickets:,} tickets, {city.first_week} to {city.last_week}, seed {asked.seed}")
        results = run.ingest_inbox(settings)
        for step in (run.build, run.check, run.judge, run.publish):
            step(settings)
        say(f"loaded, judged and published in {time.monotonic() - began:.0f} s")
        for result in results:
            if result.refused:
                say(f"refused: {result.feed}: {result.refused}")
        return report(settings) or int(any(result.refused for result in results))


def report(settings: Settings) -> int:
    """Print the table of a published city; return 1 where anything is missed or false."""
    with comparing.opened(editions.current(settings, "regulator"), settings.home / "truth") as con:
        outcomes = comparing.compare(con)
        say(comparing.table(con, outcomes))
    bad = [outcome.what for outcome in outcomes if not outcome.is_good]
    say(f"not as the truth says: {', '.join(bad)}" if bad else "all as the truth says: nothing missed, nothing false")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
