"""A run of the checks looks at what came since the last trusted one, and forgets nothing that was wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines import contracts, warehouse
from pipelines.__main__ import app
from pipelines.feeds import ingest
from pipelines.settings import Settings
from pipelines.trust import checks

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,过磅类型,毛重,皮重,净重,毛重时间"
START = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)


def send(
    settings: Settings, name: str, numbers: range, gross: int = 40000, plate: str = "豫Q12345"
) -> dict[str, Any]:
    lines = [
        f"{number},站点甲,{plate},机制砂,销售,{gross},14000,{gross - 14000},"
        f"{START + dt.timedelta(minutes=number):%Y-%m-%d %H:%M:%S}"
        for number in numbers
    ]
    path = settings.home / "sent" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    os.utime(path, (0, 0))
    result = ingest.ingest(settings, FEED, [path], "default")
    assert not result.refused
    return result.files[0]


def check(settings: Settings, *, is_full: bool = False) -> dict[str, dict[str, Any]]:
    with warehouse.writer(settings) as con:
        summary = checks.run(con, dataclasses.replace(settings, language="en"), is_full=is_full)
        assert summary.machine_errors == ()
        cursor = con.execute("SELECT * FROM meta.check_result")
        names = [column[0] for column in cursor.description or ()]
        return {row[names.index("check_name")]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def rows_seen(found: dict[str, dict[str, Any]]) -> str:
    return str(found[f"{FEED}.weighed_at.not_be_null"]["observed_value"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contract that takes no gross mass above 60 t for true."""
    known = contracts.contracts()
    spec = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "tare_kg", "max_value": 15000},
        "severity": "critical",
    }
    changed = dataclasses.replace(known[FEED], expectations=(*known[FEED].expectations, spec))
    monkeypatch.setattr(contracts, "contracts", lambda: {**known, FEED: changed})


def test_a_new_file_is_checked_alone_and_the_message_says_so(settings: Settings) -> None:
    send(settings, "first", range(100))
    found = check(settings)
    assert rows_seen(found) == "all 100 rows do"
    assert "loads" not in found[f"{FEED}.weighed_at.not_be_null"]["message"]
    send(settings, "second", range(100, 130))
    for _ in range(2):  # again without a load in between: the same rows again
        found = check(settings)
        assert rows_seen(found) == "all 30 rows do"
        assert "(loads 2 to 2)" in found[f"{FEED}.weighed_at.not_be_null"]["message"]
        assert found[f"{FEED}.row_count_to_be_between"]["observed_value"] == "130"
        assert all(row["is_success"] for row in found.values() if row["feed"] == FEED)
    send(settings, "third", range(130, 140))
    assert rows_seen(check(settings)) == "all 10 rows do"


def test_all_rows_are_checked_on_request_and_where_expectations_changed(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    send(settings, "first", range(100))
    check(settings)
    send(settings, "second", range(100, 130))
    assert rows_seen(check(settings)) == "all 30 rows do"
    assert rows_seen(check(settings, is_full=True)) == "all 130 rows do"
    send(settings, "third", range(130, 135))
    assert rows_seen(check(settings)) == "all 5 rows do"
    request.getfixturevalue("strict")
    assert rows_seen(check(settings)) == "all 135 rows do"


def test_the_command_line_asks_for_all_rows_and_all_tables(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDWATCH_HOME", str(settings.home))

    def said(*words: str) -> str:
        done = CliRunner().invoke(app, [*words])
        assert done.exit_code == 0, done.output
        return done.output

    def looked_at() -> list[tuple[int, int]]:
        with warehouse.writer(settings) as con:
            asked = "SELECT after_load_no, load_no FROM meta.check_scope WHERE feed = ?"
            return con.execute(asked, [FEED]).fetchall()

    send(settings, "first", range(100))
    whole = said("build")
    said("check")
    send(settings, "second", range(100, 130))
    assert said("build") != whole
    said("check")
    assert looked_at() == [(1, 2)]
    said("check", "--full")
    assert looked_at() == [(0, 2)]
    assert said("build", "--whole") == whole


def test_a_file_of_known_rows_only_is_no_failure(settings: Settings) -> None:
    send(settings, "first", range(100))
    check(settings)
    assert send(settings, "again", range(99, -1, -1))["duplicate"] == 100
    found = check(settings)
    assert rows_seen(found) == "all 0 rows do"
    assert [row["check_name"] for row in found.values() if row["feed"] == FEED and not row["is_success"]] == []


def heavy_tare(settings: Settings, name: str, numbers: range, tare: int) -> None:
    path = settings.home / "sent" / f"{name}.csv"
    lines = [
        f"{number},站点甲,豫Q12345,机制砂,销售,40000,{tare},{40000 - tare},"
        f"{START + dt.timedelta(minutes=number):%Y-%m-%d %H:%M:%S}"
        for number in numbers
    ]
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    os.utime(path, (0, 0))
    assert not ingest.ingest(settings, FEED, [path], "default").refused


@pytest.mark.usefixtures("strict")
def test_what_is_wrong_stays_told_until_it_is_mended(settings: Settings) -> None:
    name = f"{FEED}.tare_kg.be_between"
    send(settings, "first", range(100))
    assert check(settings)[name]["is_success"]
    heavy_tare(settings, "wrong", range(100, 105), 16000)
    found = check(settings)
    assert (found[name]["is_success"], found[name]["unexpected_count"]) == (False, 5)
    assert "e.g. '16000.000'" in found[name]["message"]
    send(settings, "third", range(200, 210))
    found = check(settings)
    assert (found[name]["is_success"], rows_seen(found)) == (False, "all 15 rows do")
    heavy_tare(settings, "mended", range(100, 105), 14500)
    found = check(settings)
    assert (found[name]["is_success"], rows_seen(found)) == (True, "all 15 rows do")
    send(settings, "last", range(300, 301))
    assert rows_seen(check(settings)) == "all 1 rows do"


@pytest.mark.parametrize(("after", "copies"), [(0, [("a", 2), ("b", 2)]), (1, [("b", 2)]), (2, [])])
def test_a_copy_of_a_ticket_is_seen_in_the_rows_that_came(after: int, copies: list[tuple[str, int]]) -> None:
    (text,) = [one.sql for one in checks.mart_checks() if one.name == "ticket_key_unique"]
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA raw; CREATE SCHEMA meta")
        con.execute(
            "CREATE TABLE meta.check_scope AS SELECT 'weighbridge_ticket' AS feed, ?::INTEGER AS after_load_no",
            [after],
        )
        con.execute(
            "CREATE TABLE raw.weighbridge_ticket AS SELECT 's' AS site_name, ticket_no, 'p' AS plate,"
            " TIMESTAMPTZ '2026-01-01' AS weighed_at, 3 AS gross_kg, 1 AS tare_kg, 2 AS net_kg, 1 AS line, load_no,"
            " 'accepted' AS outcome FROM (VALUES ('a', 1), ('a', 1), ('b', 1), ('b', 2), ('c', 2), (NULL, 2),"
            " (NULL, 2)) AS t (ticket_no, load_no)"
        )
        found = con.execute(f"SELECT ticket_no, copy_count FROM ({text})").fetchall()
    assert found == copies
