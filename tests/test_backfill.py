"""Backfill: late files only into their weeks; kept files read again, and not one figure of another week moves."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import catalog, contracts, run, warehouse
from pipelines.errors import InputRefusedError, MachineError, WrongCallError
from pipelines.feeds import corrections, ingest
from pipelines.settings import Settings
from pipelines.trust import scope
from pipelines.upkeep import backfill

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"
W21, W22 = backfill.span("2026-W21"), backfill.span("2026-W22")
ROWS = f"SELECT * FROM raw.{FEED} ORDER BY load_no, line"
ACCOUNTS = "SELECT * FROM meta.load_account ORDER BY load_no"


def ticket(number: int, gross: int = 45000, day: str = "2026-05-25") -> str:
    return f"{number},甲矿,豫Q{number:05d},机制砂,销售,{gross},15000,{gross - 15000},{day} 08:00:00"


def write(folder: Path, name: str, rows: list[str]) -> Path:
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def query(home: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.writer(home) as con:
        return con.execute(sql).fetchall()


def correct(
    monkeypatch: pytest.MonkeyPatch, folder: Path, where: str, action: str, guard: str = "gross_kg > 0"
) -> None:
    """Put one correction in force, as if it had been written today."""
    folder.mkdir(exist_ok=True)
    (folder / f"{FEED}.yaml").write_text(
        f"- id: known-since-today\n  where: {where}\n  action: {action}\n  reason: 皮重错误\n  date: 2026-06-01\n"
        f"  by: 数据岗\n  guard: {guard}\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(corrections, "FOLDER", folder)
    corrections._read.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_corrections() -> Iterator[None]:
    yield
    corrections._read.cache_clear()


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Two weeks of tickets in two files; the second repeats a row of the first and corrects another."""
    found = Settings(home=tmp_path / "home")
    first = write(tmp_path, "a.csv", [ticket(n, day="2026-05-19") for n in range(1, 61)])
    second = [ticket(1, day="2026-05-19"), ticket(2, 43000, day="2026-05-19")]
    second += [ticket(n) for n in range(100, 160)]
    result = ingest.ingest(found, FEED, [first, write(tmp_path, "b.csv", second)])
    assert (result.total("accepted"), result.total("duplicate"), result.total("superseded")) == (120, 1, 1)
    return found


@pytest.mark.parametrize(
    ("text", "monday"), [("2026-W20", "2026-05-11"), ("2020-w53", "2020-12-28"), ("2026W1", "2025-12-29")]
)
def test_a_week_is_named_as_iso_does(text: str, monday: str) -> None:
    assert backfill.monday_of(text) == dt.date.fromisoformat(monday)


@pytest.mark.parametrize("text", ["2026", "2026-W54", "20", "W20", "2025-W53"])
def test_a_week_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongCallError, match="write it as 2026-W20"):
        backfill.monday_of(text)


def test_weeks_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(WrongCallError, match="is before"):
        backfill.span("2026-W22", "2026-W21")


def test_a_late_file_of_its_week_is_loaded(home: Settings, tmp_path: Path) -> None:
    late = write(tmp_path, "late.csv", [ticket(500, day="2026-05-20"), ticket(1, day="2026-05-19")])
    result = backfill.load_files(home, FEED, W21, [late])
    assert (result.total("accepted"), result.total("duplicate")) == (1, 1)


def test_new_rows_outside_the_weeks_are_refused_before_anything_is_loaded(home: Settings, tmp_path: Path) -> None:
    before = query(home, ROWS), query(home, ACCOUNTS)
    good = write(tmp_path, "good.csv", [ticket(500, day="2026-05-20")])
    stray = write(tmp_path, "stray.csv", [ticket(501), ticket(502), ticket(503, day="2026-06-01")])
    with pytest.raises(
        InputRefusedError, match=r"3 new rows lie outside 2026-W21 \(2026-W22: 2 rows, 2026-W23: 1 rows\)"
    ):
        backfill.load_files(home, FEED, W21, [good, stray])
    assert (query(home, ROWS), query(home, ACCOUNTS)) == before


def test_a_running_export_that_repeats_other_weeks_is_welcome(home: Settings, tmp_path: Path) -> None:
    rows = [ticket(500, day="2026-05-20"), *(ticket(n) for n in range(100, 160))]
    result = backfill.load_files(home, FEED, W21, [write(tmp_path, "all.csv", rows)])
    assert (result.total("accepted"), result.total("duplicate")) == (1, 60)


def test_reading_again_what_reads_the_same_changes_nothing(home: Settings) -> None:
    before = query(home, ROWS), query(home, ACCOUNTS)
    result = backfill.read_again(home, FEED, W21)
    assert result.changed_weeks == []
    assert [file["before"] == file["now"] for file in result.files] == [True, True]
    assert (query(home, ROWS), query(home, ACCOUNTS)) == before


def test_files_that_may_have_rows_there_are_read_and_no_others(home: Settings) -> None:
    assert [file["path"] for file in backfill.read_again(home, FEED, W21).files] == ["a.csv", "b.csv"]
    assert [file["path"] for file in backfill.read_again(home, FEED, W22).files] == ["b.csv"]
    with pytest.raises(WrongCallError, match="no file of weighbridge_ticket has rows in 2026-W30"):
        backfill.read_again(home, FEED, backfill.span("2026-W30"))


def test_a_correction_the_source_made_needless_is_asked_about_once(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct(monkeypatch, tmp_path / "c", "ticket_no = '3'", "{set: {tare_kg: 1}}", "tare_kg = 0")
    for _ in range(2):
        assert backfill.read_again(home, FEED, W21).changed_weeks == []
    asked = "SELECT kind, subject, row_count FROM meta.question WHERE kind = 'correction_obsolete'"
    assert query(home, asked) == [("correction_obsolete", "known-since-today", 1)]


def test_a_feed_without_dates_has_no_weeks(home: Settings) -> None:
    with pytest.raises(WrongCallError, match="no weeks"):
        backfill.read_again(home, "site_register", W21)


def test_a_snapshot_that_is_gone_is_named(home: Settings) -> None:
    for path in home.snapshots.glob("*/*.csv"):
        path.unlink()
    with pytest.raises(MachineError, match=r"snapshot of load 1 weighbridge_ticket/a\.csv is missing"):
        backfill.read_again(home, FEED, W21)


def test_a_correction_of_one_week_changes_that_week(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ticket 2 came in two versions: with another plate in the first, both are tickets of their own."""
    other_week = "SELECT * FROM raw.weighbridge_ticket WHERE weighed_at >= '2026-05-25' ORDER BY load_no, line"
    before, loads = query(home, other_week), query(home, "SELECT load_no, loaded_at FROM meta.load_account")
    where = "ticket_no IN ('2', '3') AND gross_kg = 45000 AND weighed_at < '2026-05-25'"
    correct(monkeypatch, tmp_path / "c", where, "{set: {plate: 豫Q99999}}")
    result = backfill.read_again(home, FEED, W21)
    assert result.changed_weeks == ["2026-W21"]
    assert query(home, other_week) == before
    assert query(home, "SELECT load_no, loaded_at FROM meta.load_account") == loads
    found = query(
        home,
        "SELECT ticket_no, plate, outcome, load_no, ended_load_no FROM raw.weighbridge_ticket"
        " WHERE ticket_no IN ('2', '3') ORDER BY ALL",
    )
    assert found == [
        ("2", "豫Q00002", "accepted", 2, None),
        ("2", "豫Q99999", "accepted", 1, None),
        ("3", "豫Q99999", "accepted", 1, None),
    ]
    assert [file["now"]["superseded"] for file in result.files] == [0, 0]
    sums = "SELECT row_count - accepted_count - duplicate_count - superseded_count - voided_count - pending_count"
    assert set(query(home, f"{sums} - quarantined_count FROM meta.load_account")) == {(0,)}


def test_a_copy_takes_the_place_of_a_row_that_is_dropped_now(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file's ticket 1 is dropped: what was its copy in the second file is the ticket now."""
    (sha,) = query(home, "SELECT snapshot_sha256 FROM meta.load_account WHERE load_no = 1")[0]
    correct(monkeypatch, tmp_path / "c", f"ticket_no = '1' AND snapshot_sha256 = '{sha}'", "drop")
    result = backfill.read_again(home, FEED, W21)
    assert query(home, "SELECT load_no, outcome FROM raw.weighbridge_ticket WHERE ticket_no = '1'") == [
        (2, "accepted")
    ]
    counts = [
        (file["now"]["accepted"], file["now"]["duplicate"], file["now"]["quarantined"]) for file in result.files
    ]
    assert counts == [(58, 0, 1), (62, 0, 0)]
    assert query(home, "SELECT line, reason_code FROM meta.reject") == [(2, "known_error")]
    assert backfill.read_again(home, FEED, W21).changed_weeks == []


def test_rows_that_were_checked_and_changed_are_checked_again(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = contracts.contracts()[FEED]

    def is_whole() -> bool:
        with warehouse.writer(home) as con:
            return scope.scope_of(con, contract).is_whole

    with warehouse.writer(home) as con:
        scope.begin(con, [scope.Scope(FEED, 0, 1, scope.scope_of(con, contract).fingerprint)])
        scope.trust(con, [FEED])
    assert not is_whole()
    assert backfill.read_again(home, FEED, W21).changed_weeks == []
    assert not is_whole()  # nothing changed, nothing to check
    correct(monkeypatch, tmp_path / "c", "ticket_no = '3'", "{set: {operator: 张三}}")
    assert backfill.read_again(home, FEED, W21).changed_weeks == ["2026-W21"]
    assert is_whole()


@pytest.mark.parametrize("action", ["drop", "{set: {net_kg: 30001}}", "{set: {weighed_at: 2026-06-03 08:00:00}}"])
def test_files_that_read_differently_in_other_weeks_too_are_refused(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    before = query(home, ROWS), query(home, ACCOUNTS), query(home, "FROM meta.reject")
    correct(monkeypatch, tmp_path / "c", "ticket_no IN ('1', '100')", action)
    with pytest.raises(
        InputRefusedError, match=r"outside these weeks too \(.*2026-W22: \d rows.*\); nothing was changed"
    ):
        backfill.read_again(home, FEED, W21)
    assert (query(home, ROWS), query(home, ACCOUNTS), query(home, "FROM meta.reject")) == before
    both = backfill.span("2026-W21", "2026-W23")
    assert "2026-W22" in backfill.read_again(home, FEED, both).changed_weeks


def tables(home: Settings) -> dict[str, set[tuple[Any, ...]]]:
    """Every row of every mart and report table that has weeks, by table."""
    with warehouse.writer(home) as con:
        return {
            model.name: set(con.execute(f"SELECT week_start, t::VARCHAR FROM {model.name} AS t").fetchall())
            for model in catalog.models().values()
            if "week_start" in model.columns and not model.name.startswith("staging.")
        }


def test_only_the_weeks_asked_for_and_those_that_look_back_to_them_change(
    small_city: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A city, one site's direction was wrong in one week: every other mart row is the same before and after."""
    home = Settings(home=tmp_path / "home")
    shutil.copytree(small_city.home, home.home, symlinks=True)
    before = tables(home)
    ((monday, site),) = query(
        home,
        "SELECT week_start, site_name FROM (SELECT date_trunc('week', weighed_at)::DATE AS week_start, site_name"
        " FROM raw.weighbridge_ticket WHERE outcome = 'accepted' AND direction = 'out') WHERE week_start <"
        " (SELECT max(weighed_at)::DATE - 20 FROM raw.weighbridge_ticket) GROUP BY 1, 2"
        " ORDER BY count(*) DESC, 1, 2 LIMIT 1",
    )
    weeks = backfill.Span(monday, monday)
    assert backfill.read_again(home, FEED, weeks).changed_weeks == []
    end = monday + dt.timedelta(days=7)
    where = f"site_name = '{site}' AND weighed_at >= '{monday}' AND weighed_at < '{end}'"
    correct(monkeypatch, tmp_path / "c", where, "{set: {direction: internal}}", "direction = 'out'")
    (released,) = query(
        home,
        f"SELECT count(*) FROM raw.weighbridge_ticket WHERE {where} AND direction = 'out' AND outcome = 'accepted'",
    )[0]
    assert backfill.read_again(home, FEED, weeks).changed_weeks == [str(weeks)]
    run.build(home)
    run.judge(home)
    after = tables(home)
    assert released > 0
    lookbacks = {model.name: model.lookback for model in catalog.models().values()}
    for name, rows in after.items():
        changed = {week for week, _ in rows ^ before[name]}
        if isinstance(lookbacks[name], int):
            last = monday + dt.timedelta(weeks=4)  # chained lookbacks: county_week looks back 4 weeks
            assert all(monday <= week <= last for week in changed), (name, changed)
    assert before["mart.site_week"] != after["mart.site_week"]
    sums = {week for week, _ in before["mart.site_week"] ^ after["mart.site_week"]}
    assert sums == {monday}
