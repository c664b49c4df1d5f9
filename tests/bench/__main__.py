"""`python -m tests.bench`: measures loading, checking, building, publishing and asking against plain baselines.

Every measure is a whole process, start-up included, beside its baseline in the same round; the median counts. A load
whose account is not the true one is a failed measure: a fast wrong answer is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pipelines import settings
from tests.bench import scores as prices
from tests.bench import tickets
from tests.bench.measures import QUERIES, Results, names
from tests.bench.process import ChildFailedError, Run, run

# Seconds for a million rows (and a fixed part for a process), measured on two quiet cores; for the forecast only.
FORECAST = {"make": 4.0, "a": 1.5, "load": 2.5, "dirty": 3.0, "b": 11.0, "build": 12.0, "process": 2.0,
            "forms": 1.5, "score": 0.3, "year": 120.0}  # fmt: skip
LOADED = ("accepted", "duplicate", "superseded", "quarantined")


class WrongAnswerError(Exception):
    """A load ended with another account than the true one, or a baseline read other rows."""


class Bench:
    """One run: its files, its homes and what it has measured so far."""

    def __init__(self, folder: Path, rows: int, rounds: int, wanted: frozenset[str], out: Path) -> None:
        self.folder, self.rounds = folder, rounds
        self.series = tickets.Series.of(rows)
        self.results = Results(out, rows, wanted)
        self.begin = time.monotonic()

    def wants(self, *measures: str) -> bool:
        """Whether any of these is to be measured."""
        return bool(self.results.wanted & set(measures))

    def say(self, text: str) -> None:
        """Tell how far it is, with the seconds since the start."""
        sys.stderr.write(f"[{time.monotonic() - self.begin:6.0f} s] {text}\n")

    def file(self, first: int, last: int, kind: str = "clean", encoding: str = "gb18030") -> tickets.Made:
        """Return a file of tickets, made now or in an earlier run."""
        return tickets.make(self.folder / "data", self.series, first, last, kind=kind, encoding=encoding)

    def home(self, name: str, *, is_new: bool = True) -> Path:
        """Return the home of a round, empty where it is new."""
        path = self.folder / "homes" / name
        if is_new:
            _remove(path)
        return path

    def baseline(self, name: str, made: tickets.Made) -> Run:
        """Run baseline A or B on a file."""
        database = self.folder / f"baseline-{name}.duckdb"
        done = run([sys.executable, "-m", "tests.bench.children", name, str(made.path), str(database)], self.folder)
        found = json.loads(done.output)["rows"]
        if found != made.rows:
            raise WrongAnswerError(
                f"baseline {name} read {found} rows of {made.rows}: the comparison would not be fair"
            )
        database.unlink()
        return done

    def load(self, home: Path, made: tickets.Made) -> Run:
        """Load a file and compare its account with the truth."""
        done = run([*_verb("ingest"), "weighbridge_ticket", str(made.path), "--source", "weighsoft", "--json"], home)
        account = json.loads(done.output)
        found = {outcome: account[outcome] for outcome in LOADED}
        if found != made.outcomes:
            raise WrongAnswerError(f"{made.path.name} was loaded as {found}; the truth is {made.outcomes}")
        return done

    def attempt(self, measures: Sequence[str], action: Callable[[], None]) -> None:
        """Measure something; what breaks or is wrong costs its own lines of the table and nothing else."""
        if not self.wants(*measures):
            return
        try:
            action()
        except (ChildFailedError, WrongAnswerError) as error:
            for name in measures:
                if self.wants(name):
                    self.results.fail(name, str(error))
                    self.say(f"{name} failed: {error}")

    def half(self) -> None:
        """Measure loading and checking half of the rows, beside A and B."""
        rows = self.series.rows // 2
        plain, clean = self.file(0, rows, encoding="utf-8"), self.file(0, rows)
        for number in range(1, self.rounds + 1):
            self.say(f"half, round {number} of {self.rounds}")
            a = self.baseline("a", plain)
            home = self.home("half")
            loaded = self.load(home, clean)
            self.results.add("load_half_clean", loaded.seconds, a.seconds, loaded.peak_mib)
            self.attempt(["check_batch"], partial(self.check, home, a))
            self.attempt(["faster_than_b"], partial(self.against_b, home, clean, loaded))
            _remove(home)
            self.attempt(["load_half_dirty"], partial(self.dirty, "load_half_dirty", rows, a))

    def check(self, home: Path, a: Run) -> None:
        """Measure the check of all that a home holds, as one batch."""
        kept = self.home("checked")
        shutil.copytree(home, kept, ignore=shutil.ignore_patterns("snapshots", "parsed"))
        done = run([sys.executable, "-m", "tests.bench.children", "check"], kept)
        self.results.add("check_batch", json.loads(done.output)["seconds"], a.seconds, done.peak_mib)
        _remove(kept)

    def against_b(self, home: Path, clean: tickets.Made, loaded: Run) -> None:
        """Measure baseline B beside the load and its check."""
        checked = run(_verb("check"), home)
        b = self.baseline("b", clean)
        peak = max(loaded.peak_mib, checked.peak_mib)
        self.results.add("faster_than_b", loaded.seconds + checked.seconds, b.seconds, peak)

    def dirty(self, name: str, rows: int, a: Run) -> None:
        """Measure loading a dirty file, beside A on clean rows: A cannot read the dirty ones."""
        made, home = self.file(0, rows, "dirty"), self.home("dirty")
        done = self.load(home, made)
        self.results.add(name, done.seconds, a.seconds, done.peak_mib)
        _remove(home)

    def whole(self) -> None:
        """Measure loading all rows, the same again, a re-send and a week more, beside A."""
        rows = self.series.rows
        plain, clean = self.file(0, rows, encoding="utf-8"), self.file(0, rows)
        for number in range(1, self.rounds + 1):
            self.say(f"whole, round {number} of {self.rounds}")
            a = self.baseline("a", plain)
            home = self.home("whole")
            loaded = self.load(home, clean)
            self.results.add("load_whole_clean", loaded.seconds, a.seconds, loaded.peak_mib)
            self.results.add("peak_memory", loaded.peak_mib, None, loaded.peak_mib)
            self.attempt(["same_file"], partial(self.again, "same_file", home, clean, a))
            self.attempt(["week_on_whole"], partial(self.week, home))
            self.attempt(["resend"], partial(self.resend, home, a))
            _remove(home)
            self.attempt(["load_whole_dirty"], partial(self.dirty, "load_whole_dirty", rows, a))

    def again(self, name: str, home: Path, made: tickets.Made, a: Run) -> None:
        """Measure one more load into a home that holds all rows."""
        done = self.load(home, made)
        self.results.add(name, done.seconds, a.seconds, done.peak_mib)

    def resend(self, home: Path, a: Run) -> None:
        """Measure the same rows in other bytes, a few of them changed."""
        self.again("resend", home, self.file(0, self.series.rows, "resent"), a)

    def week(self, home: Path) -> None:
        """Measure a week's file on the whole history, beside A on a tenth of it."""
        rows = self.series.rows
        small = self.baseline("a", self.file(0, rows // 10, encoding="utf-8"))
        self.again("week_on_whole", home, self.file(rows, rows + self.series.rows_a_week), small)

    def history(self) -> None:
        """Measure a week's build and publishing on long and short history, and the queries on the long one."""
        rows, week = self.series.rows, self.series.rows_a_week
        register = tickets.write_register(self.folder / "data" / "sites.csv")
        homes = {"years": self.home("years"), "half a year": self.home("half-year")}
        for name, first in (("years", 0), ("half a year", rows - rows // 10)):
            home = homes[name]
            self.say(f"history of {name}: load, build, check, judge, publish")
            run([*_verb("ingest"), "site_register", str(register)], home)
            self.load(home, self.file(first, rows))
            for verb in ("build", "check", "judge", "publish"):
                done = run(_verb(verb), home)
                self.say(f"  {verb}: {done.seconds:.1f} s, {done.peak_mib:.0f} MiB")
        rounds = self.rounds if self.wants("build_publish") else 0
        for number in range(rounds):
            self.say(f"week, round {number + 1} of {rounds}")
            made = self.file(rows + number * week, rows + (number + 1) * week)
            seconds, peak = {}, 0.0
            for name, home in homes.items():
                self.load(home, made)
                parts = {verb: run(_verb(verb), home) for verb in ("build", "check", "judge", "publish")}
                seconds[name] = sum(parts[verb].seconds for verb in ("build", "judge", "publish"))
                peak = max(peak, *(part.peak_mib for part in parts.values()))
                self.say(f"  {name}: " + ", ".join(f"{verb} {part.seconds:.2f} s" for verb, part in parts.items()))
            self.results.add("build_publish", seconds["years"], seconds["half a year"], peak)
        self.attempt([f"query_{name}" for name in QUERIES], partial(self.queries, homes["years"]))
        for home in homes.values():
            _remove(home)

    def queries(self, home: Path) -> None:
        """Measure the regulator's queries on a published edition."""
        self.say("queries")
        done = run([sys.executable, "-m", "tests.bench.children", "queries"], home)
        for name, value in json.loads(done.output)["seconds"].items():
            self.results.add(f"query_{name}", value, None, done.peak_mib)

    def forms(self) -> None:
        """Measure laying forms of sand haulage beside a tenth as many tickets as the whole history has."""
        for number in range(1, self.rounds + 1):
            self.say(f"forms, round {number} of {self.rounds}")
            asked = [sys.executable, "-m", "tests.bench.children", "waybills", str(self.series.rows // 10)]
            done = run(asked, self.folder)
            self.results.add("waybills", json.loads(done.output)["seconds"], None, done.peak_mib)

    def scores(self) -> None:
        """Measure scoring a file of prices, CSV in, CSV out, beside statsmodels one by one on some series."""
        series = max(self.series.rows // 1000, prices.ONE_BY_ONE)
        path = self.folder / "data" / "prices.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = prices.write(path, series)
        options = ["--method", "alps", "--date", "quoted_on", "--price", "price", "--by", "market"]
        for number in range(1, self.rounds + 1):
            self.say(f"scores, round {number} of {self.rounds}")
            done = run([*_verb("score"), str(path), *options], self.folder)
            single = run([sys.executable, "-m", "tests.bench.children", "scores", str(path)], self.folder)
            found = json.loads(single.output)
            if wrong := prices.disagreement(done.output, found["scores"], rows):
                raise WrongAnswerError(f"sandwatch score differs from the fits one by one: {wrong}")
            self.results.add("score", done.seconds, found["seconds_a_series"] * series, done.peak_mib)
            self.results.add("score_memory", done.peak_mib, None, done.peak_mib)

    def reports(self) -> None:
        """The weekly report of a city's year in all formats, and the queries of it."""
        home = self.home("report")
        module = [sys.executable, "-m", "tests.bench.report_year"]
        run([*module, "make", str(self.series.rows // 5)], home)
        for number in range(self.rounds):
            self.say(f"weekly report of a year, round {number + 1}")
            done = run([*module, "write"], home)
            self.results.add("report", done.seconds, peak_mib=done.peak_mib)
            self.results.add("report_queries", json.loads(done.output)["queries_s"])

    def stages(self) -> list[tuple[Callable[[], None], float, tuple[str, ...]]]:
        """Return the stages that are wanted, with the seconds each will take, about, and what it measures."""
        million, cost = self.series.rows / 1e6, FORECAST
        fixed = 6 * cost["process"]
        half = fixed + million / 2 * (cost["a"] + cost["load"])
        half += million / 2 * cost["dirty"] if self.wants("load_half_dirty") else 0
        half += million / 2 * cost["b"] + 20 if self.wants("faster_than_b") else 0
        whole = fixed + million * (cost["a"] + cost["load"])
        whole += million * cost["load"] if self.wants("resend") else 0
        whole += million * cost["dirty"] if self.wants("load_whole_dirty") else 0
        week = 60.0 if self.wants("build_publish") else 0
        kinds = 2 + self.wants("load_whole_dirty", "load_half_dirty") + self.wants("resend")
        queries = tuple(f"query_{name}" for name in QUERIES)
        listed = [
            (self.half, self.rounds * half, ("load_half_clean", "load_half_dirty", "faster_than_b", "check_batch")),
            (self.whole, self.rounds * whole + kinds * million * cost["make"],
             ("load_whole_clean", "load_whole_dirty", "peak_memory", "same_file", "resend", "week_on_whole")),
            (self.history, million * (cost["load"] + cost["build"]) + 60 + self.rounds * week,
             ("build_publish", *queries)),
            (self.forms, self.rounds * (million * cost["forms"] + cost["process"]), ("waybills",)),
            (self.reports, million / 5 * cost["year"] + 60 + self.rounds * 15, ("report", "report_queries")),
            (self.scores, self.rounds * (million * cost["score"] + 2 * cost["process"]), ("score", "score_memory")),
        ]  # fmt: skip
        return [stage for stage in listed if self.wants(*stage[2])]


def _verb(name: str) -> list[str]:
    return [sys.executable, "-m", "pipelines", name]


def _remove(path: Path) -> None:
    """Remove a home; editions lie in a closed folder."""
    for folder in path.rglob("editions"):
        folder.chmod(0o750)
    shutil.rmtree(path, ignore_errors=True)


def main(arguments: list[str] | None = None) -> None:
    """Read the options, say how long it will take, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, help="tickets of the whole history (10,000,000; with --quick 200,000)")
    parser.add_argument("--rounds", type=int, help="rounds of each measure (5; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="small and once: shows that it runs, measures nothing")
    parser.add_argument("--only", help=f"these measures, separated by commas: {', '.join(names())}")
    parser.add_argument("--out", type=Path, help="where the numbers go (SANDWATCH_HOME/bench.json)")
    parser.add_argument("--keep", action="store_true", help="keep the made files for the next run (about 10 GB)")
    options = parser.parse_args(arguments)
    wanted = frozenset(options.only.split(",") if options.only else names())
    if unknown := wanted - set(names()):
        parser.error(f"no measure {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    rows = options.rows or (200_000 if options.quick else 10_000_000)
    if rows % 5000:
        parser.error(f"--rows {rows} does not part into 250 weeks and 20 chunks: take a multiple of 5,000")
    home = settings.load().home
    home.mkdir(parents=True, exist_ok=True)
    folder = home / "bench"
    bench = Bench(
        folder, rows, options.rounds or (1 if options.quick else 5), wanted, options.out or home / "bench.json"
    )
    stages = bench.stages()
    bench.say(
        f"{rows} rows, {bench.rounds} rounds: about {sum(seconds for _, seconds, _ in stages) / 60:.0f} minutes"
    )
    try:
        # The longest files first: the shorter ones are cut from them.
        for kind, encoding in (("clean", "utf-8"), ("clean", "gb18030"), ("dirty", "gb18030")):
            if wanted <= {"waybills", "score", "score_memory", "report", "report_queries"}:
                break  # these make their own rows
            if any(wanted & {f"load_{part}_{kind}" for part in ("half", "whole")}) or kind == "clean":
                bench.say(f"make {rows} {kind} rows in {encoding}")
                bench.file(0, rows, kind, encoding)
        for stage, _, measures in stages:
            bench.attempt(measures, stage)
    finally:
        sys.stdout.write(bench.results.text() + "\n")
        _remove(folder / "homes" if options.keep else folder)
    bench.say(f"written to {bench.results.path}")
    if bench.results.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
