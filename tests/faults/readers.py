"""Readers in a loop, each a process of its own, while one writer loads, builds and publishes round after round."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb

from pipelines import run, warehouse
from pipelines.errors import BusyError
from pipelines.feeds import ingest
from pipelines.publishing import editions
from pipelines.settings import Settings

from . import city, unchecked

HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"
# Each must return no row: what one edition says in two places is of one state of the warehouse.
INVARIANTS = {
    "tickets of staging are those the account calls accepted": """
        SELECT * FROM (
            SELECT (SELECT count(*) FROM staging.weighbridge_ticket) AS shown,
                (SELECT sum(accepted_count) FROM meta.load_account WHERE feed = 'weighbridge_ticket') AS accepted
        ) WHERE shown <> accepted""",
    "the newest load of the account brought tickets": """
        SELECT * FROM meta.load_account AS account WHERE feed = 'weighbridge_ticket' AND accepted_count > 0
            AND NOT EXISTS (
                FROM staging.weighbridge_ticket AS ticket WHERE ticket.snapshot_sha256 = account.snapshot_sha256
            )""",
    "the account adds up": """
        SELECT * FROM meta.load_account WHERE row_count <> accepted_count + duplicate_count + superseded_count
            + voided_count + pending_count + quarantined_count""",
    "the sites of a week sum to the city": """
        WITH site AS (SELECT week_start, sum(dispatch_t) AS dispatch_t FROM mart.site_week GROUP BY ALL),
        city AS (SELECT week_start, dispatch_t FROM mart.county_week WHERE county_code = '411700')
        SELECT * FROM site FULL JOIN city USING (week_start)
        WHERE abs(coalesce(site.dispatch_t, 0) - coalesce(city.dispatch_t, 0)) > 0.001""",
}


@dataclass
class Report:
    """What a campaign did: opens by all readers, editions they saw, the longest wait for the writer's lock."""

    seed: int
    rounds: int = 0
    opens: int = 0
    editions_seen: int = 0
    longest_wait_s: float = 0
    seconds: float = 0
    failures: list[str] = field(default_factory=list)


def campaign(
    folder: Path,
    *,
    readers: int,
    rounds: int,
    seed: int,
    check_every_round: bool = True,
    say: Callable[[str], None] = print,
) -> Report:
    """Let `readers` processes ask the editions without a pause while `rounds` batches are loaded and published."""
    began = time.monotonic()
    report = Report(seed)
    if not check_every_round:
        unchecked.skip_checks()
    settings = city.write(folder / "home", weeks=1)
    run.ingest_inbox(settings)
    _publish(settings, check=check_every_round)
    spawn = multiprocessing.get_context("spawn")
    stop, answers = spawn.Event(), spawn.Queue()
    children = [
        spawn.Process(target=_read, args=(settings, stop, answers, number), daemon=True) for number in range(readers)
    ]
    for child in children:
        child.start()
    for _ in children:  # all are reading before the first round begins
        answers.get(timeout=120)
    for number in range(rounds):
        path = settings.inbox / "weighbridge_ticket" / "default" / f"round_{number:03d}.csv"
        _write_batch(path, seed, number)
        try:
            waited = time.monotonic()
            with warehouse.locked(settings, wait_s=0):
                report.longest_wait_s = max(report.longest_wait_s, time.monotonic() - waited)
            result = ingest.ingest(settings, "weighbridge_ticket", [(path, "default")])
            if result.refused:
                report.failures.append(f"round {number}: refused {result.refused}")
            _publish(settings, check=check_every_round)
        except BusyError as error:
            report.failures.append(f"round {number}: the writer had to wait: {error}")
        report.rounds += 1
        if number % 10 == 9:
            say(f"round {number + 1} of {rounds}, {len(report.failures)} failures")
    stop.set()
    seen: set[str] = set()
    for _ in children:
        answer = answers.get(timeout=120)
        report.opens += answer["opens"]
        seen.update(answer["seen"])
        report.failures += answer["failures"]
    for child in children:
        child.join(30)
    report.editions_seen = len(seen)
    report.seconds = time.monotonic() - began
    return report


def _publish(settings: Settings, *, check: bool) -> None:
    run.build(settings)
    if check:
        run.check(settings)
    run.judge(settings)
    run.publish(settings)


def _write_batch(path: Path, seed: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"F{seed}-{number:03d}-{row:03d},甲矿,豫Q{(number * 97 + row) % 100000:05d},机制砂,销售,45000,15000,30000,"
        f"2026-11-{16 + row % 5:02d} {8 + row % 9:02d}:{number % 60:02d}:{row % 60:02d}"
        for row in range(40)
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    city.settle(path)


def _read(settings: Settings, stop: Event, answers: Any, number: int) -> None:
    opens, seen, failures, newest = 0, set(), [], 0
    while not (stop.is_set() and opens):
        name = ("regulator", "public")[(opens + number) % 2]
        try:
            path = editions.current(settings, name)
            build = editions.build_of(path) or 0
            with duckdb.connect(str(path), read_only=True) as con:
                if name == "regulator":
                    for what, sql in INVARIANTS.items():
                        if torn := con.execute(sql).fetchmany(1):
                            failures.append(f"reader {number}, {path.name}: not true that {what}: {torn}")
                else:
                    con.execute("SELECT count(*) FROM public.county_week").fetchone()
            if build < newest - 1:  # the two pointers turn one after the other, so one build back is possible
                failures.append(f"reader {number}: build {build} of {name} after build {newest}")
            newest = max(newest, build)
            seen.add(path.name)
        except Exception as error:
            failures.append(f"reader {number}: {type(error).__name__}: {error}")
        opens += 1
        time.sleep(0.1)  # leaves the writer its share of two cores
        if opens == 1:
            answers.put(number)
    answers.put({"opens": opens, "seen": sorted(seen), "failures": failures[:20]})
