"""The bench: its tickets are what they say, a wrong account fails it, and all of it runs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import ROOT
from tests.bench import tickets
from tests.bench.__main__ import Bench, WrongAnswerError
from tests.bench.measures import Results, names

ROWS = 5000
SERIES = tickets.Series.of(ROWS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def lines(made: tickets.Made, encoding: str = "gb18030") -> list[list[str]]:
    return list(csv.reader(made.path.read_bytes().decode(encoding, "replace").splitlines(), quoting=csv.QUOTE_NONE))


def test_tickets_are_as_long_and_as_varied_as_real_ones(data: Path) -> None:
    made = tickets.make(data, SERIES, 0, ROWS)
    header, *rows = lines(made)
    assert len(header) == 13
    assert {len(row) for row in rows} == {13}
    assert len(rows) == made.rows == ROWS == made.outcomes["accepted"]
    assert 154 <= made.bytes_a_row <= 160
    assert [len({row[place] for row in rows}) for place in (1, 4)] == [61, 8]
    years = {(row[1], row[0], row[11][:4]) for row in rows}
    assert len(years) == ROWS  # a number is one ticket of a site and year
    assert all(int(row[6]) - int(row[7]) == int(row[8]) for row in rows)


def test_the_baseline_reads_the_same_rows_in_utf_8(data: Path) -> None:
    assert lines(tickets.make(data, SERIES, 0, ROWS, encoding="utf-8"), "utf-8") == lines(
        tickets.make(data, SERIES, 0, ROWS)
    )


def test_a_shorter_history_begins_the_longer_one(data: Path, tmp_path: Path) -> None:
    whole = tickets.make(data, SERIES, 0, ROWS)
    cut, made = tickets.make(data, SERIES, 0, ROWS // 2), tickets.make(tmp_path, SERIES, 0, ROWS // 2)
    assert cut.path.read_bytes() == made.path.read_bytes()
    assert whole.path.read_bytes().startswith(made.path.read_bytes())
    assert cut.rows == made.rows == ROWS // 2


def test_a_re_send_says_nearly_the_same_in_other_bytes(data: Path) -> None:
    clean, resent = tickets.make(data, SERIES, 0, ROWS), tickets.make(data, SERIES, 0, ROWS, kind="resent")
    first = {tuple(row) for row in lines(clean)[1:]}
    again = [(*row[6:], *row[:6]) for row in lines(resent)[1:]]
    assert sum(row in first for row in again) == resent.outcomes["duplicate"] > 0.99 * ROWS
    assert resent.outcomes["accepted"] == ROWS - resent.outcomes["duplicate"] > 0


def test_dirt_is_about_a_hundredth_and_of_every_kind(data: Path) -> None:
    made = tickets.make(data, tickets.Series.of(100_000), 0, 100_000, kind="dirty")
    text = made.path.read_bytes()
    assert text.count(b"\r\n") == made.rows + 1
    assert 0.004 * made.rows < made.outcomes["quarantined"] < 0.01 * made.rows
    assert min(made.outcomes.values()) > 0
    for mark in (b"\xff", b'"', "豫Ｑ".encode("gb18030"), b"-13-", b",-"):
        assert mark in text


def test_a_wrong_account_fails_its_measure_alone(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json", ROWS, frozenset({"resend", "same_file"}))
    bench = Bench(tmp_path / "bench", ROWS, 1, results.wanted, results.path)

    def wrong() -> None:
        raise WrongAnswerError("was loaded as {'accepted': 1}; the truth is {'accepted': 2}")

    bench.attempt(["resend"], wrong)
    bench.results.add("same_file", 0.1, 1.0, 10)
    bench.results.add("resend", 0.1, 1.0, 10)
    known = json.loads(results.path.read_text(encoding="utf-8"))
    assert known["resend"]["verdict"].startswith("failed: was loaded as")
    assert known["resend"]["value"] is None
    assert (known["same_file"]["ratio"], known["same_file"]["verdict"]) == (0.1, "met")


def test_verdicts_are_of_the_median_against_target_and_floor(tmp_path: Path) -> None:
    results = Results(tmp_path / "bench.json", 10_000_000, frozenset(names()))
    for value in (9.0, 2.0, 1.0):
        results.add("load_whole_clean", value, 1.0, 100 * value)
        results.add("faster_than_b", 1.0, 3 + value, 1)
        results.add("peak_memory", 3000 * value, None, 1)
    known = results.table()
    assert (known["load_whole_clean"]["ratio"], known["load_whole_clean"]["verdict"]) == (2.0, "at least")
    assert known["load_whole_clean"]["peak_mib"] == 900
    assert (known["faster_than_b"]["ratio"], known["faster_than_b"]["verdict"]) == (5.0, "met")
    assert known["peak_memory"]["verdict"] == "missed"
    assert "load 10 M clean" in results.text()


def test_it_loads_clean_and_dirty_rows_to_their_true_account(tmp_path: Path) -> None:
    """The whole chain of the bench on a few rows; what it measures here means nothing."""
    wanted = ["load_whole_clean", "load_whole_dirty", "same_file", "resend", "week_on_whole", "peak_memory"]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "tests.bench", "--quick", "--rows", "20000", "--only", ",".join(wanted)],
        cwd=ROOT,
        env={**os.environ, "SANDWATCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert set(found) == set(wanted)
    for line in found.values():
        assert line["value"] > 0
        assert line["peak_mib"] > 0
        assert line["verdict"] in ("met", "at least", "missed")
    assert all(found[name]["ratio"] > 0 for name in wanted if name != "peak_memory")
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
    assert "load 20 k dirty" in done.stdout
