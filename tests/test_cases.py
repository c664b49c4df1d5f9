"""Worked examples that look closer than a verdict: parts of filings, cohorts of counties, measures, price stories."""

from __future__ import annotations

from typing import Any

import duckdb
import price_world as world
import pytest
import raw_rows
import yaml

from pipelines import models, warehouse
from pipelines.rules import judging, levels, policy

PROJECT_RULES = ("capacity_floor", "capacity_basis", "approvals_before_start", "rail_share")


def cases(rule: str, section: str = "cases") -> list[dict[str, Any]]:
    text = (policy.POLICY / rule / "cases.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)[section])


def in_parts() -> list[tuple[str, dict[str, Any]]]:
    return [(rule, case) for rule in PROJECT_RULES for case in cases(rule) if "parts" in case]


def judged(**rows: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    for feed, given in rows.items():
        raw_rows.put(con, feed, given)
    models.build(con)
    judging.judge(con)
    return con


@pytest.fixture(scope="module")
def filings() -> duckdb.DuckDBPyConnection:
    base = {
        rule: yaml.safe_load((policy.POLICY / rule / "cases.yaml").read_text("utf-8"))["base"]
        for rule in PROJECT_RULES
    }
    return judged(
        capacity_filing=[
            {"project_id": f"{rule}: {case['name']}", **base[rule], **case["given"]} for rule, case in in_parts()
        ]
    )


@pytest.mark.parametrize(
    ("rule", "case"), in_parts(), ids=lambda value: value if isinstance(value, str) else value["name"]
)
def test_parts_case(rule: str, case: dict[str, Any], filings: duckdb.DuckDBPyConnection) -> None:
    found = filings.execute(
        f"SELECT part, verdict, reason_code FROM policy.{rule} WHERE subject_id = ? ORDER BY part",
        [f"{rule}: {case['name']}"],
    ).fetchall()
    assert found == sorted((part, *said) for part, said in case["parts"].items())


@pytest.fixture(scope="module")
def cohorts() -> dict[str, dict[str, Any]]:
    sites = [
        {"site_name": f"{case['county_code']}站{number}", "county_code": case["county_code"], **site}
        for case in cases("rail_siding_access", "counties")
        for number, site in enumerate(case["sites"], start=1)
    ]
    con = judged(site_register=sites)
    found = world.rows(con, "SELECT * FROM policy.rail_siding_access")
    assert len(found) == len({row["subject_id"] for row in found})
    return {row["subject_id"]: row for row in found}


@pytest.mark.parametrize("case", cases("rail_siding_access", "counties"), ids=lambda case: case["name"])
def test_county_case(case: dict[str, Any], cohorts: dict[str, dict[str, Any]]) -> None:
    row = cohorts[case["county_code"]]
    assert {name: row[name] for name in case["expect"]} == case["expect"]


def site_weeks(case: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = []
    for site, spec in case["sites"].items():
        for number, dispatch_t in enumerate(spec["dispatch"]):
            if dispatch_t is None:
                continue
            expected = spec.get("expected", {}).get(number, 7)
            seen = spec.get("seen", {}).get(number, expected)
            last = f"{world.week(number) + 6 * levels.WEEK / 7} 23:30:00+08" if seen else None
            share = seen / expected if expected else None
            is_holiday = number in case.get("holidays", [])
            county = spec.get("county", "411725")
            found.append((site, county, world.week(number), dispatch_t, expected, seen, share, is_holiday, last))
    return found


def reports(con: duckdb.DuckDBPyConnection, case: dict[str, Any]) -> None:
    """Put what a case says of stock, demand and the Spring Festival into its tables; days count from week 0."""
    first = world.week(0)
    for row in case.get("stock", []):
        con.execute(
            "INSERT INTO staging.stock_report VALUES (?, ?::DATE + ?::INTEGER, ?, ?, NULL)",
            [row["site"], first, row["day"], row.get("product", "natural_sand"), row["t"]],
        )
    for number, row in enumerate(case.get("demand", [])):
        county, product = row.get("county", "411725"), row.get("product", "natural_sand")
        con.execute(
            "INSERT INTO staging.key_project_demand VALUES (?, ?, ?, ?, ?, ?, NULL)",
            [f"工程{number}", county, product, world.week(row["week"]), row["t"], row["contracted"]],
        )
    if festival := case.get("festival"):
        con.execute(
            "INSERT INTO reference.calendar SELECT ?::DATE + day::INTEGER, ?,"
            " CASE WHEN day // 7 BETWEEN ? AND ? THEN 0 ELSE 99 END FROM range(84) AS days (day)",
            [first, not case.get("unannounced"), *festival],
        )


@pytest.mark.parametrize("case", cases("supply_level", "measured"), ids=lambda case: case["name"])
def test_measured_case(case: dict[str, Any]) -> None:
    con = world.empty()
    weeks = site_weeks(case)
    con.executemany("INSERT INTO mart.site_week VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", weeks)
    reports(con, case)
    world.make(con, "supply_site_week")
    found = world.rows(con, (policy.POLICY / "supply_level" / "measure.sql").read_text(encoding="utf-8"))
    told = {(row["county_code"], row["week_start"]): row for row in found}
    places = {(week[1], week[2]) for week in weeks if week[1]}
    assert sorted(told) == sorted(places | {("411700", week) for county, week in places if county[0] == "4"})
    assert len(found) == len(told)
    for place, expect in (("411725", case["expect"]), ("411700", case.get("city", {}))):
        for number, expected in expect.items():
            row = told[place, world.week(number)]
            assert {name: row[name] for name in expected} == expected


STORIES = cases("price_level", "stories")
WEEKS = max(len(spec["path"]) for case in STORIES for spec in case["quotes"])


def first_week(case: dict[str, Any]) -> int:
    """All stories end in one week: a series that is silent before the data end is told to have ended."""
    return WEEKS - max(len(spec["path"]) for spec in case["quotes"])


def quoted(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The quotes of a story; each is about a product of its own, so that they do not meet."""
    found = []
    for spec in case["quotes"]:
        facts = {name: value for name, value in spec.items() if name not in ("path", "points")}
        for number, price in enumerate(spec["path"]):
            points = spec.get("points", [1] * len(spec["path"]))[number] if price is not None else 0
            found += [
                world.quote(
                    first_week(case) + number, price, market=f"市场{market}", product_id=case["name"], **facts
                )
                for market in range(points)
            ]
    return found


@pytest.fixture(scope="module")
def stories() -> duckdb.DuckDBPyConnection:
    return world.build([quote for case in STORIES for quote in quoted(case)])


@pytest.mark.parametrize("case", STORIES, ids=lambda case: case["name"])
def test_price_story(case: dict[str, Any], stories: duckdb.DuckDBPyConnection) -> None:
    for area, events in case.get("events", {}).items():
        found = world.events(stories, area, case["name"])
        told = [(event, number - first_week(case), level, reason) for event, number, level, reason in found]
        assert told == [tuple(event) for event in events]
    weeks = world.rows(
        stories,
        "SELECT * FROM mart.price_level_week WHERE area_code = '411725' AND product_id = ? ORDER BY week_start",
        case["name"],
    )
    if expected := case.get("last"):
        assert {name: weeks[-1][name] for name in expected} == expected
    if leads := case.get("leads"):
        assert [row["unit"] for row in weeks if row["is_lead"]] == leads
