"""A small world of quotes for the price tests: staging by hand, the SQL files as they stand, then the judging."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.rules import policy, prices
from pipelines.settings import ROOT

TAIWAN = ROOT.parent / "shared" / "data" / "price" / "taiwan_sand_prices.csv"
MONDAY = dt.date(2026, 1, 5)
COUNTIES = {"411702": "驿城区", "411721": "西平县", "411722": "上蔡县", "411725": "确山县", "411726": "泌阳县"}
QUOTE = """
    quote_id VARCHAR, quoted_on DATE, week_start DATE, market VARCHAR, area_code VARCHAR, area_name VARCHAR,
    is_city_area BOOLEAN, product_id VARCHAR, product_name VARCHAR, spec VARCHAR, unit VARCHAR, basis VARCHAR,
    tax VARCHAR, price_yuan DOUBLE, price_low_yuan DOUBLE, price_high_yuan DOUBLE, quote_source VARCHAR,
    source VARCHAR, snapshot_sha256 VARCHAR, line BIGINT
"""
SITE_WEEK = """
    site_id VARCHAR, county_code VARCHAR, week_start DATE, dispatch_t DOUBLE, expected_day_count INTEGER,
    seen_day_count INTEGER, completeness_share DOUBLE, is_holiday_week BOOLEAN,
    last_weighed_at TIMESTAMPTZ
"""
STOCK = "site_id VARCHAR, reported_on DATE, product_id VARCHAR, stock_t DOUBLE, county_code VARCHAR"
DISPATCH = "county_code VARCHAR, product_id VARCHAR, week_start DATE, dispatch_t DECIMAL(18, 3)"
DEMAND = """
    project VARCHAR, county_code VARCHAR, product_id VARCHAR, week_start DATE, demand_t DOUBLE, contracted_t DOUBLE,
    supplier VARCHAR
"""
CALENDAR = "day_on DATE, is_known_year BOOLEAN, spring_festival_days INTEGER"


def week(number: int) -> dt.date:
    return MONDAY + dt.timedelta(weeks=number)


def empty(path: Path | None = None) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(str(path) if path else ":memory:")
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    for schema in ("staging", "mart", "reference", "policy"):
        con.execute(f"CREATE SCHEMA {schema}")
    con.execute(f"CREATE TABLE staging.price_quote ({QUOTE})")
    con.execute(f"CREATE TABLE mart.site_week ({SITE_WEEK})")
    con.execute(f"CREATE TABLE mart.county_product_week ({DISPATCH})")
    con.execute(f"CREATE TABLE staging.stock_report ({STOCK})")
    con.execute(f"CREATE TABLE staging.key_project_demand ({DEMAND})")
    con.execute(f"CREATE TABLE reference.calendar ({CALENDAR})")
    stated = [(rule, name, spec["value"]) for rule, name, spec in policy.parameters()]
    con.execute(
        "CREATE TABLE policy.parameter AS SELECT unnest(?::VARCHAR[]) AS rule, unnest(?::VARCHAR[]) AS name,"
        " unnest(?::DECIMAL(18, 3)[]) AS value",
        [list(column) for column in zip(*stated, strict=True)],
    )
    region = str(ROOT / "sql" / "reference" / "region.csv")
    con.execute("CREATE TABLE reference.region AS SELECT * FROM read_csv(?, all_varchar = true)", [region])
    return con


def quote(number: int, price: float, area: str = "411725", market: str = "甲市场", **other: Any) -> dict[str, Any]:
    """One quote on the Thursday of a week, counted from the first one."""
    on = other.pop("on", week(number) + dt.timedelta(days=3))
    row = {
        "quoted_on": on,
        "week_start": on - dt.timedelta(days=on.weekday()),
        "market": market,
        "area_code": area,
        "area_name": COUNTIES.get(area, "驻马店市" if area == "411700" else area),
        "is_city_area": area.startswith("4117"),
        "product_id": "natural_sand",
        "product_name": "天然砂",
        "spec": "中砂",
        "unit": "t",
        "basis": "ex_works",
        "tax": "incl",
        "price_yuan": price,
        "quote_source": "市价格监测",
    }
    return row | other


def series(levels: Iterable[float | None], area: str = "411725", **other: Any) -> list[dict[str, Any]]:
    """One quote a week, None for a week without one."""
    return [quote(number, price, area, **other) for number, price in enumerate(levels) if price is not None]


def sellers(count: int, levels: Iterable[float | None], area: str = "411725", **other: Any) -> list[dict[str, Any]]:
    """The same path quoted by several sellers: as many collection points."""
    path = list(levels)
    return [row for number in range(count) for row in series(path, area, market=f"市场{number}", **other)]


def leads(con: duckdb.DuckDBPyConnection, area: str = "411725") -> list[tuple[Any, ...]]:
    """(unit, basis, tax) of the lead series, week by week."""
    found = rows(con, "SELECT * FROM mart.price_level_week WHERE is_lead AND area_code = ? ORDER BY week_start", area)
    return [(row["unit"], row["basis"], row["tax"]) for row in found]


def build(quotes: Sequence[Mapping[str, Any]], path: Path | None = None) -> duckdb.DuckDBPyConnection:
    con = empty(path)
    if quotes:
        import pandas as pd

        frame = pd.DataFrame(list(quotes))
        frame["line"] = range(1, len(frame) + 1)
        frame["quote_id"] = [f"q{number}" for number in frame["line"]]
        con.register("given", frame)
        con.execute("INSERT INTO staging.price_quote BY NAME SELECT * FROM given")
        con.unregister("given")
    return judge(con)


def judge(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    make(con, "price_index_week", "supply_site_week")
    prices.judge(con)
    return con


def make(con: duckdb.DuckDBPyConnection, *marts: str) -> None:
    """Build marts as their files say."""
    for name in marts:
        sql = (ROOT / "sql" / "mart" / f"{name}.sql").read_text(encoding="utf-8")
        con.execute(f"CREATE OR REPLACE TABLE mart.{name} AS {sql}")


def taiwan(until: str = "2099-01-01") -> duckdb.DuckDBPyConnection:
    if not TAIWAN.exists():
        pytest.skip(f"the real price series is not here ({TAIWAN.name}, see the data folder's README)")
    con = empty()
    con.execute(
        """
        INSERT INTO staging.price_quote BY NAME
        SELECT
            'q' || row_number() OVER () AS quote_id, row_number() OVER () AS line, survey_date AS quoted_on,
            CAST(date_trunc('week', survey_date) AS DATE) AS week_start, '公告' AS market, region AS area_code,
            region AS area_name, false AS is_city_area,
            CASE WHEN item LIKE '%砂%' THEN 'natural_sand' ELSE 'crushed_stone' END AS product_id,
            CASE WHEN item LIKE '%砂%' THEN '天然砂' ELSE '碎石' END AS product_name,
            CASE unit WHEN '元/M3' THEN 'm3' ELSE 't' END AS unit, 'ex_works' AS basis, 'incl' AS tax,
            price_mid AS price_yuan, '行政院公共工程委員會' AS quote_source
        FROM read_csv(?) WHERE survey_date <= CAST(? AS DATE)
        """,
        [str(TAIWAN), until],
    )
    return judge(con)


def rows(con: duckdb.DuckDBPyConnection, sql: str, *given: Any) -> list[dict[str, Any]]:
    result = con.execute(sql, list(given))
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def events(
    con: duckdb.DuckDBPyConnection, area: str = "411725", product: str = "natural_sand"
) -> list[tuple[Any, ...]]:
    """(event, week number or date, level, close reason) of a series, in order."""
    found = rows(
        con,
        "SELECT * FROM mart.price_alert_event WHERE area_code = ? AND product_id = ? ORDER BY week_start, event_id",
        area,
        product,
    )
    return [
        (row["event"], (row["week_start"] - MONDAY).days // 7, row["level"], row["close_reason"]) for row in found
    ]
