"""`kill -9` at random moments of every phase, then a plain re-run: the result is that of an undisturbed run."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipelines import run
from pipelines.publishing import editions
from pipelines.settings import Settings

from . import city

VERBS = (
    ("ingest", "weighbridge_ticket"),
    ("build",),
    ("check",),
    ("judge",),
    ("publish",),
)
# How often each phase is struck within one life of the home; starting up counts as a phase of the first verb.
PHASES = ("start", "snapshot", "parse", "load", "build", "judge", "publish")


@dataclass
class Report:
    """What a campaign did: strikes by phase, how many came after the process had ended, what went wrong."""

    seed: int
    kills: int = 0
    too_late: int = 0
    pace: float = 1  # the machine may be faster now than when the undisturbed run was timed
    by_phase: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0


def campaign(
    folder: Path,
    *,
    kills: int,
    seed: int,
    lives: int | None = None,
    check: bool = True,
    say: Callable[[str], None] = print,
) -> Report:
    """Kill `kills` times in several lives of one city; each life starts published and loads one more week.

    Without `check` the small version leaves out Great Expectations.
    """
    module = "pipelines" if check else "tests.faults.unchecked"
    verbs = [verb for verb in VERBS if check or verb != ("check",)]
    began = time.monotonic()
    report, chance = Report(seed), random.Random(seed)  # noqa: S311  # chance that can be repeated
    template, later = _template(folder, verbs, module)
    wanted, moments = _undisturbed(folder, template, later, verbs, check=check)
    spans = ", ".join(f"{name} {each[-1][1] - each[0][0]:.2f} s" for name, each in moments.items())
    say(f"an undisturbed run: {spans}")
    lives = lives or max(1, kills // 10)
    for life in range(lives):
        share = kills // lives + (life < kills % lives)
        struck = Counter(PHASES[(life * 3 + number) % len(PHASES)] for number in range(share))
        home = city.copy_home(template, folder / f"life-{life}")
        _drop_off(later, home)
        for verb in verbs:
            for phase in _phases_of(verb):
                for _ in range(struck[phase]):
                    _strike(home, city.start(home, *verb, module=module), phase, moments, chance, report)
            city.call(home, *verb, module=module)
        found = _state(home)
        for what in wanted.keys() | found.keys():
            if wanted.get(what) != found.get(what):
                report.failures.append(f"life {life}: {what} is {found.get(what)}, undisturbed {wanted.get(what)}")
        leftovers = [path.name for path in home.snapshots.glob(".partial-*")]
        if len(leftovers) > struck["snapshot"]:
            report.failures.append(f"life {life}: copies stay behind: {leftovers}")
        city.remove(home.home)
        say(f"life {life + 1} of {lives}: {report.kills} kills, {len(report.failures)} failures")
    report.seconds = time.monotonic() - began
    return report


def _template(folder: Path, verbs: list[tuple[str, ...]], module: str) -> tuple[Settings, Path]:
    """A published city without its last week, and the folder with that week's files."""
    template, later = city.write(folder / "template"), folder / "later"
    city.hold_back(template, later)
    run.ingest_inbox(template)
    for verb in verbs[1:]:
        city.call(template, *verb, module=module)
    return template, later


def _drop_off(later: Path, home: Settings) -> None:
    for path in later.rglob("*"):
        if path.is_file():
            target = home.inbox / path.relative_to(later)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            city.settle(target)


def _phases_of(verb: tuple[str, ...]) -> tuple[str, ...]:
    return ("start", "snapshot", "parse", "load") if verb[0] == "ingest" else (verb[0],)


Moments = dict[str, list[tuple[float, float]]]


def _undisturbed(
    folder: Path, template: Settings, later: Path, verbs: list[tuple[str, ...]], *, check: bool
) -> tuple[dict[str, tuple[int, int]], Moments]:
    """Run all verbs without a strike; return what came out, and the spans of each phase in seconds of its process."""
    home = city.copy_home(template, folder / "undisturbed")
    _drop_off(later, home)
    moments: Moments = {}
    for verb in verbs:
        out = folder / "moments.json"
        words = verb if check else ("--unchecked", *verb)
        child = city.start(home, str(out), *words, module="tests.faults.watch")
        began = time.monotonic()
        _, heard = child.communicate(timeout=300)
        whole = time.monotonic() - began
        if child.returncode != 0:
            raise AssertionError(f"{verb}: {heard[-2000:]}")
        seen = json.loads(out.read_text(encoding="utf-8"))
        shift = whole - seen["ended"]  # Python's own start, before the watch began
        spans = [(name, start + shift, end + shift) for name, start, end in seen["seen"]]
        opened = min(start for name, start, _ in spans if name == "open")
        if verb[0] == "ingest":
            taken = [(start, end) for name, start, end in spans if name == "snapshot"]
            moments["start"] = [(0, taken[0][0])]
            moments["snapshot"] = taken
            ends = [start for start, _ in taken[1:]] + [opened]
            moments["parse"] = [(end, after) for (_, end), after in zip(taken, ends, strict=True)]
            moments["load"] = [(opened, whole)]
        else:
            moments[verb[0]] = [(opened, whole)]
    state = _state(home)
    city.remove(home.home)
    return state, moments


def _strike(
    home: Settings,
    child: subprocess.Popen[str],
    phase: str,
    moments: Moments,
    chance: random.Random,
    report: Report,
) -> None:
    began = time.monotonic()
    start, end = chance.choice(moments[phase])
    moment = chance.uniform(start, end) * report.pace
    time.sleep(max(0.0, moment - (time.monotonic() - began)))
    if child.poll() is not None:
        report.too_late += 1
        report.pace *= 0.8
    child.send_signal(signal.SIGKILL)
    child.communicate()
    report.kills += 1
    report.by_phase[phase] += 1
    for name in ("regulator", "public"):
        try:
            city.open_whole(editions.current(home, name))
        except Exception as error:
            report.failures.append(f"{name} does not open after a kill in {phase} at {moment:.3f} s: {error}")


def _state(home: Settings) -> dict[str, tuple[int, int]]:
    found = {f"warehouse {name}": value for name, value in city.contents(home.warehouse).items()}
    for edition in ("regulator", "public"):
        for name, value in city.contents(editions.current(home, edition)).items():
            found[f"{edition} {name}"] = value
    return found
