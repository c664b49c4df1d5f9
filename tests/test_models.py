"""What the build makes of a few rows: the city's own sites, a running week, absurd dates, answered questions."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_rows import put

from pipelines import models, run, warehouse
from pipelines.errors import CheckFailedError, WrongCallError
from pipelines.feeds import ingest
from pipelines.publishing import editions
from pipelines.rules import judging, prices
from pipelines.settings import Settings

SHA = "0" * 64
MONDAY = dt.date(2026, 3, 2)
CITY = "411700"


@pytest.fixture
def con() -> Iterable[duckdb.DuckDBPyConnection]:
    """A warehouse in memory without a row."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    yield con
    con.close()


def site(name: str, county: str = "411725", firm: str | None = None) -> dict[str, Any]:
    return {"site_name": name, "firm_name": firm or f"{name}公司", "county_code": county, "entity_kind": "plant",
            "expected_cadence": "daily"}  # fmt: skip


def ticket(site_name: str, day: dt.date, number: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "site_name": site_name, "ticket_no": f"{site_name}-{day:%Y%m%d}-{number}", "plate": "豫QA1234",
        "weighed_at": f"{day} 10:{number:02d}:00+08", "product_name": "机制砂", "direction": "out",
        "gross_kg": 49000, "tare_kg": 15000, "net_kg": 34000, "number_period": f"{day:%Y}", "axle_count": 6, **other,
    }  # fmt: skip


def days(count: int, first: dt.date = MONDAY) -> list[dt.date]:
    return [first + dt.timedelta(days=number) for number in range(count)]


def build_all(con: duckdb.DuckDBPyConnection) -> None:
    models.build(con)
    judging.judge(con)
    prices.judge(con)
    models.build(con, after_judging=True)


def test_a_site_of_the_city_itself_counts_once(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "site_register", [site("市属站", CITY), site("县属站")])
    put(
        con, "weighbridge_ticket", [ticket(name, day) for name in ("市属站", "县属站", "名录外站") for day in days(7)]
    )
    build_all(con)
    found = con.execute("SELECT county_code, release_count, dispatch_t, site_count FROM mart.county_week").fetchall()
    assert found == [(CITY, 21, 21 * 34, 3), ("411725", 7, 7 * 34, 1)]
    over = con.execute("SELECT county_code, is_city, release_count FROM report.overload_week ORDER BY 1").fetchall()
    assert over == [(CITY, True, 21), ("411725", False, 7), (None, False, 7)]
    assert con.execute("SELECT county_code FROM public.overload_county_week").fetchall() == [("411725",)]


def test_a_running_week_expects_its_missing_days_and_is_not_compared(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "site_register", [site(name) for name in "甲乙丙丁"])
    put(con, "weighbridge_ticket", [ticket(name, day, copy) for name in "甲乙丙丁" for day in days(7 + 6)
                                    for copy in (1, 2)])  # fmt: skip
    build_all(con)
    query = (
        "SELECT week_start, expected_day_count, seen_day_count, dispatch_week_before_t IS NOT NULL,"
        " dispatch_change_share FROM mart.county_week WHERE county_code = '411725' ORDER BY 1"
    )
    second = MONDAY + dt.timedelta(weeks=1)
    # 24 of 28 site-days are complete enough for the rule: only the missing Sunday forbids the comparison.
    assert con.execute(query).fetchall() == [(MONDAY, 28, 28, False, None), (second, 28, 24, True, None)]
    public = (
        "SELECT count(dispatch_t), count(dispatch_change_share) FROM public.county_week WHERE county_code='411725'"
    )
    assert con.execute(public).fetchone() == (2, 0)
    assert con.execute("SELECT max(day_on), count(*) FROM reference.calendar").fetchone() == (
        second + dt.timedelta(days=6), 14,
    )  # fmt: skip

    put(con, "weighbridge_ticket", [ticket("甲", second + dt.timedelta(days=6))])
    build_all(con)
    change = con.execute(query).fetchall()[1][4]
    assert change == pytest.approx((48 + 1) / 56 - 1, abs=1e-6)
    assert con.execute(public).fetchone() == (2, 1)


def test_a_calendar_of_centuries_is_cut_and_said(
    con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    put(con, "weighbridge_ticket", [ticket("甲", day) for day in (dt.date(1026, 3, 2), *days(7))])
    with caplog.at_level(logging.WARNING):
        models.build(con)
    first, last, count = con.execute("SELECT min(day_on), max(day_on), count(*) FROM reference.calendar").fetchone()  # type: ignore[misc]
    assert (last, first.year, first.weekday()) == (MONDAY + dt.timedelta(days=6), 2006, 0)
    assert count == (last - first).days + 1
    assert "1 tickets" in caplog.text
    assert "1026-03-02" in caplog.text
    assert con.execute("SELECT sum(release_count) FROM mart.county_week").fetchone() == (7,)
    comment = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'calendar'").fetchone()
    assert comment is not None
    assert "20 years" in comment[0]


def questions(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("SELECT kind, subject, row_count FROM meta.question ORDER BY ALL").fetchall()


def test_a_question_that_the_register_answers_is_closed(con: duckdb.DuckDBPyConnection) -> None:
    put(con, "weighbridge_ticket", [ticket("甲", MONDAY), ticket("甲", MONDAY, 2), ticket("乙", MONDAY)])
    con.execute(
        "INSERT INTO meta.question BY NAME SELECT 'Q1' AS question_id, 'weighbridge_ticket' AS feed,"
        " 'default' AS source, 'unknown_column' AS kind, '杂项' AS subject, 'x' AS owner, 3 AS row_count,"
        " ? AS snapshot_sha256, now() AS first_seen_at",
        [SHA],
    )
    kept = ("unknown_column", "杂项", 3)  # what loading asked is not the build's to close
    models.build(con)
    assert questions(con) == [kept, ("unknown_site", "乙", 1), ("unknown_site", "甲", 2)]
    asked_at = con.execute("SELECT first_seen_at FROM meta.question WHERE subject = '乙'").fetchall()
    put(con, "weighbridge_ticket", [ticket("乙", day) for day in days(2, MONDAY + dt.timedelta(days=1))])
    put(con, "site_register", [site("甲")])  # the register arrives after the tickets
    models.build(con)
    assert questions(con) == [kept, ("unknown_site", "乙", 3)]
    assert con.execute("SELECT first_seen_at FROM meta.question WHERE subject = '乙'").fetchall() == asked_at
    put(con, "site_register", [site("乙")])
    models.build(con)
    assert questions(con) == [kept]


def load(home: Settings, name: str, count: int) -> None:
    """Load a register of so many sites: enough for every step to have something to do."""
    lines = ["站点名称,企业名称,县区代码,主体类型,预期报送频率"]
    lines += [f"{name}站{number},{name}公司{number},411725,加工厂,每日" for number in range(count)]
    path = home.home.parent / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert ingest.ingest(home, "site_register", [path]).total("accepted") == count


def test_nothing_is_published_that_was_not_built_and_judged_since_the_last_load(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "home")
    with pytest.raises(WrongCallError, match="run build"):
        run.judge(home)
    with pytest.raises(WrongCallError, match="run build, check and judge"):
        run.publish(home)
    load(home, "甲", 2)
    run.build(home)
    run.check(home)
    with pytest.raises(WrongCallError, match="run build, check and judge"):
        run.publish(home)
    run.judge(home)
    run.publish(home)
    good = editions.current(home, "regulator")

    load(home, "乙", 1)
    run.check(home)
    with pytest.raises(CheckFailedError, match=r"build ran at .* before.*run build, check, judge, then publish"):
        run.publish(home)
    run.build(home)
    run.check(home)
    with pytest.raises(CheckFailedError, match=r"judge ran at"):
        run.publish(home)
    assert editions.current(home, "regulator") == good
    run.judge(home)
    run.build(home)  # the verdicts rest on marts that are no more
    with pytest.raises(CheckFailedError, match=r"judge ran at .* build ran at"):
        run.publish(home)
    run.judge(home)
    run.publish(home)
    assert editions.current(home, "regulator") != good
