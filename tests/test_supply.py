"""Stock and key-project demand: from the senders' sheets to levels, tightness and what the data show behind them."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import price_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_rows import put

from pipelines import models, warehouse, workdays
from pipelines.feeds import ingest
from pipelines.rules import judging, levels, prices
from pipelines.rules.supply import supply_weeks
from pipelines.settings import Settings

LAYOUTS = Path(__file__).parent / "layouts"
REGISTER = "站点,别名,县区代码,主体类型\n确山一号矿,确山矿,411725,矿山\n泌阳砂石场,,411726,堆场\n"
MONDAY = dt.date(2026, 4, 6)  # no public holiday in the eight weeks but those of May Day
WEEKS = 9
LAST = MONDAY + dt.timedelta(weeks=WEEKS - 1)
# Loads of 40 t a day. In the last week 乙矿 is down to a quarter, 丙矿 silent and 丁矿 closed by its register.
SITES = {"甲矿": ("411725", None), "乙矿": ("411725", None), "丙矿": ("411725", None), "丁矿": ("411725", LAST),
         "己矿": ("411725", None), "庚矿": ("411725", None), "戊矿": ("411726", None)}  # fmt: skip
STOCK = {"甲矿": 900, "乙矿": 800, "丙矿": 700, "丁矿": 0, "己矿": 900, "庚矿": 270, "戊矿": 100}


# --- the feeds


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Any]]]:
    """A home with a register and both samples loaded and built, and the account of each sample."""
    folder = tmp_path_factory.mktemp("supply")
    home = Settings(home=folder / "home")
    (folder / "register.csv").write_text(REGISTER, encoding="utf-8")
    accounts = {}
    for feed, name in (
        ("site_register", "register.csv"),
        ("stock_report", "stock_report.csv"),
        ("key_project_demand", "key_project_demand.csv"),
    ):
        path = folder / name
        if not path.exists():
            shutil.copyfile(LAYOUTS / name, path)
        os.utime(path, (time.time() - 60, time.time() - 60))
        result = ingest.ingest(home, feed, [path])
        assert not result.refused, result.refused
        accounts[feed] = result.files[0]
    with warehouse.writer(home) as con:
        models.build(con)
        yield con, accounts


def test_samples_load_every_row(sent: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    said = {feed: (account["rows"], account["accepted"]) for feed, account in sent[1].items()}
    assert said == {"site_register": (2, 2), "stock_report": (5, 5), "key_project_demand": (4, 4)}


def test_stock_is_told_by_site_and_product_and_a_site_under_two_names_counts_once(
    sent: tuple[duckdb.DuckDBPyConnection, dict[str, Any]],
) -> None:
    found = sent[0].execute(
        "SELECT site_id, county_code, product_id, stock_t::DOUBLE FROM staging.stock_report"
        " ORDER BY site_id, product_id"
    )
    assert found.fetchall() == [
        ("无名料场", None, "水稳料", 12000.0),
        ("泌阳砂石场", "411726", "natural_sand", 0.0),
        ("确山一号矿", "411725", "crushed_stone", 8400.5),
        ("确山一号矿", "411725", "manufactured_sand", 12600.0),
    ]


def test_demand_is_told_by_county_and_week(sent: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    found = sent[0].execute(
        "SELECT project, county_code, product_id, week_start::VARCHAR, demand_t::INTEGER, contracted_t::INTEGER"
        " FROM staging.key_project_demand ORDER BY ALL"
    )
    assert found.fetchall() == [
        ("示例安置房", "高新区", "manufactured_sand", "2026-01-12", 0, 0),
        ("示例水利枢纽", "411726", "natural_sand", "2026-01-12", 3000, 3500),
        ("示例高速公路一标", "411725", "crushed_stone", "2026-01-12", 8000, 6000),
        ("示例高速公路一标", "411725", "crushed_stone", "2026-01-19", 8000, None),
    ]
    flagged = sent[0].execute(
        "SELECT line, suspect_codes FROM raw.key_project_demand WHERE len(suspect_codes) > 0 ORDER BY line"
    )
    assert flagged.fetchall() == [(3, ["week_start_not_monday"]), (4, ["contracted_above_demand"])]


def test_unknown_names_are_asked_about(sent: tuple[duckdb.DuckDBPyConnection, dict[str, Any]]) -> None:
    found = sent[0].execute(
        "SELECT feed, kind, subject FROM meta.question"
        " WHERE feed IN ('stock_report', 'key_project_demand') ORDER BY ALL"
    )
    assert found.fetchall() == [
        ("key_project_demand", "unknown_county", "高新区"),
        ("stock_report", "unknown_product", "水稳料"),
        ("stock_report", "unknown_site", "无名料场"),
    ]


# --- the calendar


@pytest.mark.parametrize(
    ("day", "days"),
    [
        ("2026-02-14", -1), ("2026-02-15", 0), ("2026-02-23", 0), ("2026-02-24", 1), ("2025-01-27", -1),
        ("2025-02-05", 1), ("2025-12-31", -46), ("2026-07-01", 128),
        ("2051-01-18", -1), ("2051-01-19", 0), ("2051-02-28", 0), ("2051-03-01", 1),
    ],
)  # fmt: skip
def test_days_count_from_the_holiday_or_from_the_days_it_can_fall_on(day: str, days: int) -> None:
    assert workdays.days_from_spring_festival(dt.date.fromisoformat(day)) == days
    assert workdays.spring_festival(int(day[:4]))[2] == (day < "2051")


# --- from raw rows to levels and what the data show


def tickets() -> Iterator[dict[str, Any]]:
    number = 0
    for site, (_, closed_on) in SITES.items():
        for day in range(7 * WEEKS):
            on = MONDAY + dt.timedelta(days=day)
            if (closed_on and on >= closed_on) or (site == "丙矿" and on >= LAST):
                continue
            number += 1
            net = 10000 if site == "乙矿" and on >= LAST else 40000
            yield {
                "site_name": site, "ticket_no": str(number), "plate": f"豫Q{10000 + number}", "direction": "out",
                "weighed_at": f"{on} 10:00:00+08", "gross_kg": net + 15000, "tare_kg": 15000, "net_kg": net,
                "product_name": "机制砂", "number_period": "ever",
            }  # fmt: skip


@pytest.fixture(scope="module")
def city() -> Iterator[duckdb.DuckDBPyConnection]:
    """Seven sites in two counties; stock and demand are reported in the last week only."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    put(con, "site_register", [
        {"site_name": name, "county_code": county, "entity_kind": "plant", "expected_cadence": "daily",
         "closed_on": closed_on} for name, (county, closed_on) in SITES.items()])  # fmt: skip
    put(con, "weighbridge_ticket", tickets())
    put(con, "stock_report", [
        {"reported_on": LAST + dt.timedelta(days=6), "site": name, "product": "机制砂", "stock_t": mass}
        for name, mass in STOCK.items()])  # fmt: skip
    put(con, "key_project_demand", [
        {"project": "样例高速", "county_code": county, "product": "机制砂", "demand_t": demand,
         "week_start": LAST + dt.timedelta(weeks=week), "contracted_t": contracted}
        for county, weeks, demands, contracted in (
            ("411725", (0, 1, 2, 4), (600, 600, 600, 600), 500), ("411726", (-3, 0, 1, 4), (5, 5, 300, 180), 0))
        for week, demand in zip(weeks, demands, strict=True)])  # fmt: skip
    models.build(con)
    judging.judge(con)
    prices.judge(con)
    models.build(con, after_judging=True)
    yield con
    con.close()


def level_of(con: duckdb.DuckDBPyConnection, place: str, week: dt.date = LAST) -> dict[str, Any]:
    return world.rows(
        con, "SELECT * FROM mart.supply_level_week WHERE county_code = ? AND week_start = ?", place, week
    )[0]


def test_a_closed_site_is_not_expected_and_a_silent_one_is(city: duckdb.DuckDBPyConnection) -> None:
    found = city.execute(
        "SELECT site_id, expected_day_count, seen_day_count, closed_day_count FROM mart.site_week"
        " WHERE week_start = ? AND county_code = '411725' ORDER BY site_id", [LAST]
    ).fetchall()  # fmt: skip
    assert found == [
        ("丁矿", 0, 0, 7), ("丙矿", 7, 0, 0), ("乙矿", 7, 7, 0), ("己矿", 7, 7, 0), ("庚矿", 7, 7, 0),
        ("甲矿", 7, 7, 0),
    ]  # fmt: skip
    before = city.execute(
        "SELECT sum(closed_day_count), sum(expected_day_count) FROM mart.site_week WHERE week_start < ?", [LAST]
    ).fetchone()
    assert before == (0, 7 * (WEEKS - 1) * len(SITES))


@pytest.mark.parametrize(
    ("closed_on", "reopened_on", "closed"),
    [("2026-04-08", None, [5, 7]), ("2026-04-08", "2026-04-14", [5, 1]), ("2026-04-08", "2026-04-01", [5, 7]),
     (None, "2026-04-08", [0, 0])],
)  # fmt: skip
def test_a_closure_lasts_until_the_site_opens_again(
    city: duckdb.DuckDBPyConnection, closed_on: str | None, reopened_on: str | None, closed: list[int]
) -> None:
    """The statements of mart.site_day and mart.site_week as they stand, on a register of one site."""
    city.execute("ATTACH ':memory:' AS other; CREATE SCHEMA other.staging; CREATE SCHEMA other.mart")
    city.execute("CREATE SCHEMA other.reference; CREATE TABLE other.reference.calendar AS FROM reference.calendar")
    city.execute("CREATE TABLE other.staging.ticket_day AS FROM staging.ticket_day WHERE FALSE")
    city.execute("CREATE TABLE other.mart.release AS FROM mart.release WHERE FALSE")
    city.execute("CREATE TABLE other.staging.site AS FROM staging.site WHERE site_id = '甲矿'")
    city.execute("UPDATE other.staging.site SET closed_on = ?, reopened_on = ?", [closed_on, reopened_on])
    city.execute("USE other")
    try:
        day, sql = (models.catalog.models()[f"mart.{name}"].sql for name in ("site_day", "site_week"))
        city.execute(f"CREATE TABLE other.mart.site_day AS {day}")
        found = city.execute(f"SELECT closed_day_count, expected_day_count FROM ({sql}) LIMIT 2").fetchall()
    finally:
        city.execute("USE memory; DETACH other")
    assert found == [(days, 7 - days) for days in closed]


def test_low_stock_and_missing_contracts_are_told_apart_by_county_and_put_together_for_the_city(
    city: duckdb.DuckDBPyConnection,
) -> None:
    low, usual, whole = (level_of(city, place) for place in ("411726", "411725", "411700"))
    assert (low["level"], low["rule"], low["stock_days"], low["supply_state"]) == ("橙", "cover_1", 2.5, "供应紧张")
    assert low["project_cover_ratio"] == 0.0
    # In the last of the four weeks nothing left 丁 and 丙, and a quarter 乙: (3 * 6 + 3) * 280 + 70 t in 28 days.
    assert usual["stock_days"] == pytest.approx(3570 / 212.5)
    assert (usual["stock_site_count"], usual["stock_coverage_share"]) == (6, 1.0)
    assert (usual["level"], usual["rule"], usual["same_site_share"]) == ("蓝", "dispatch_85", 0.8125)
    assert (whole["stock_site_count"], whole["stock_t"]) == (7, 3670)
    assert whole["stock_days"] == pytest.approx(3670 / 252.5)
    assert whole["demand_4w_t"] == low["demand_4w_t"] + usual["demand_4w_t"]


def test_a_week_before_any_report_is_unknown_and_never_tight(city: duckdb.DuckDBPyConnection) -> None:
    found = world.rows(city, "SELECT * FROM mart.supply_level_week WHERE week_start < ?", LAST)
    assert {row["stock_reason"] for row in found} == {"stock_not_reported"}
    assert {(row["is_tight"], row["supply_state"]) for row in found} == {(None, "供应未知")}


def test_what_the_data_show_is_ranked(city: duckdb.DuckDBPyConnection) -> None:
    found = world.rows(city, "SELECT * FROM mart.supply_driver_week ORDER BY county_code, driver_rank")
    told: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        mass, share = float(row["value_t"]), round(float(row["gap_share"]), 3)
        told.setdefault(row["county_code"], []).append((row["kind"], row["subject"], mass, share, row["is_speaking"]))
        assert row["driver_rank"] == len(told[row["county_code"]])
        assert row["week_start"] == LAST
    alike = [
        ("site_closed", "丁矿", 280, 1, True), ("site_silent", "丙矿", 280, 1, True),
        ("dispatch_fell", "乙矿", 210, 1, True),
    ]  # fmt: skip
    low = ("stock_low", "丁矿", 210)
    assert told == {
        "411725": [
            *alike, ("project_uncovered", "样例高速", 300, 1, False), (*low, 0.955, False),
            ("stock_low", "庚矿", 10, 0.045, False),
        ],
        "411726": [
            ("project_uncovered", "样例高速", 480, 1, True), ("demand_rose", "样例高速", 470, 1, True),
            ("stock_low", "戊矿", 180, 1, True),
        ],
        "411700": [
            *alike, ("project_uncovered", "样例高速", 780, 1, False), (*low, 0.525, False),
            ("stock_low", "戊矿", 180, 0.45, False), ("stock_low", "庚矿", 10, 0.025, False),
        ],
    }  # fmt: skip
    texts = [row["text_zh"] for row in found]
    assert "乙矿：本周发运 70 t，前8周中位数 280 t" in texts
    assert "丙矿：应报 7 天均无磅单，停产或数据中断均有可能，前8周中位数 280 t" in texts
    assert "样例高速（机制砂）：未来四周需 1,800 t，已签合同 1,500 t" in texts


def test_no_word_of_a_driver_names_a_cause(city: duckdb.DuckDBPyConnection) -> None:
    texts = [row["text_zh"] for row in world.rows(city, "SELECT text_zh FROM mart.supply_driver_week")]
    assert texts
    assert not [text for text in texts if any(word in text for word in ("导致", "造成", "因为", "由于"))]


# --- properties

MEASURE = st.one_of(st.none(), st.floats(0, 3, allow_nan=False))


@settings(max_examples=60, deadline=None)
@given(
    week=st.fixed_dictionaries(
        {
            "same_site_share": MEASURE, "project_cover_ratio": MEASURE, "completeness_share": MEASURE,
            "stock_days": st.one_of(st.none(), st.floats(0, 30)), "stock_site_count": st.integers(0, 3),
            "stock_coverage_share": st.one_of(st.none(), st.floats(0, 1)),
            "stock_completeness_share": st.one_of(st.none(), st.floats(0, 1)),
            "demand_line_count": st.integers(0, 2), "unstated_line_count": st.integers(0, 1),
            "plan_week_count": st.integers(0, 4), "base_week_count": st.integers(0, 8),
            "missing_day_count": st.integers(0, 1), "is_holiday_week": st.booleans(),
            "is_spring_festival_week": st.booleans(), "is_calendar_unknown": st.booleans(),
        }
    ),
    lost=st.sampled_from(
        ["stock_days", "stock_site_count", "stock_coverage_share", "stock_completeness_share", "demand_line_count",
         "plan_week_count", "project_cover_ratio"]
    ),
)  # fmt: skip
def test_what_is_not_reported_never_makes_supply_tight(week: dict[str, Any], lost: str) -> None:
    """Taking a report away may make a known state unknown, and no state tight."""
    rule = levels.load("supply_level")
    where = {"county_code": "411725", "week_start": world.week(0)}
    full, less = (supply_weeks([where | given], rule)[0] for given in (week, week | {lost: None}))
    assert not less["is_tight"] or full["is_tight"]
    if less["is_tight"] is False:
        assert full["is_tight"] is False


def test_a_later_report_changes_no_earlier_week() -> None:
    con = world.empty()
    last = f"{world.week(9)} 23:30:00+08"
    con.executemany(
        "INSERT INTO mart.site_week VALUES (?, '411725', ?, 7, 7, 7, 1, false, ?)",
        [(site, world.week(number), last) for site in "AB" for number in range(9)],
    )
    seen = []
    for number in range(4, 9):
        for site in "AB":
            con.execute(
                "INSERT INTO staging.stock_report (site_id, reported_on, product_id, stock_t)"
                " VALUES (?, ?, 'natural_sand', ?)",
                [site, world.week(number) + dt.timedelta(days=6), 10.0 * number],
            )
        world.judge(con)
        seen.append(world.rows(con, "SELECT * FROM mart.supply_level_week WHERE week_start <= ?", world.week(number)))
    for before, after in itertools.pairwise(seen):
        assert [row for row in after if row["week_start"] <= before[-1]["week_start"]] == before
