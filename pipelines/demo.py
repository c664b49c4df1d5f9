"""The demo: a simulated city through the whole chain, with its truth beside it."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipelines import run as steps
from pipelines.errors import WrongCallError
from pipelines.settings import Settings


def run(settings: Settings, *, seed: int, scale: float, say: Callable[[str], None]) -> None:
    """Simulate a city into the home folder, run everything, and say where the results are.

    Raises:
        WrongCallError: the home folder already holds real data; invented tickets are never mixed in.
    """
    from pipelines import simulate

    mark = settings.simulated_mark
    if settings.warehouse.exists() and not mark.exists():
        raise WrongCallError(
            f"{settings.home} holds a warehouse that is not a demo's; invented data would mix with it."
            " Set SANDWATCH_HOME to another folder"
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    mark.write_text("Everything below this folder is simulated: firms, plates and tickets are invented.\n", "utf-8")
    began = time.monotonic()

    def tell(text: str) -> None:
        say(f"[{time.monotonic() - began:5.1f} s] {text}")

    tell("simulate a city")
    city = simulate.write_city(settings.inbox, settings.home / "truth", seed=seed, scale=scale)
    tell(f"{city.tickets:,} tickets in {len(city.files)} files")
    for result in steps.ingest_inbox(settings, tell):
        tell(
            f"{result.feed}: {result.total('rows'):,} rows, {result.total('accepted'):,} accepted,"
            f" {result.total('duplicate'):,} duplicate, {result.total('superseded'):,} superseded,"
            f" {result.total('quarantined'):,} quarantined"
        )
    done = steps.run_all(settings, say=tell)
    tell("done")
    say("")
    say(f"report      {done['report']}")
    for name in done["editions"]:
        say(f"{name:11} {settings.editions / name}.duckdb")
    say(f"alerts      {settings.alerts}")
    say(f"data docs   {done['checks'].docs_path}")
    say(f"truth       {settings.home / 'truth'}")
    say("")
    say('next        .venv/bin/sandwatch sql "SELECT band, count(*) FROM mart.overload_record GROUP BY ALL"')
