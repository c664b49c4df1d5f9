"""Price and supply levels: measures from `sql/policy` in, weekly levels, alert episodes and transitions out.

Statutory-percentage rung only: the clauses of `sql/policy/price_level` and `sql/policy/supply_level`. Every table
is written whole from the data at hand; nothing depends on when it runs.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import exp, log
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from pipelines import catalog
from pipelines.rules import levels, rungs, screens, supply
from pipelines.rules.episodes import Follower
from pipelines.rules.lead_series import KIND, kind_of
from pipelines.rules.levels import LevelRule, Row
from pipelines.rules.story import SERIES, Story
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

MARKET = ("product_id", *KIND)
PRICE_MEASURES = (
    "week_share",
    "seven_day_share",
    "month_share",
    "year_share",
    "low_26w_share",
    "history_week_count",
    "matched_4w_count",
    *rungs.MEASURES,
)
_POLICY = ROOT / "sql" / "policy"


@cache
def tables() -> dict[str, catalog.Model]:
    """Return the tables this module writes, with their descriptions and columns."""
    found = (catalog.read_model(path, "mart") for path in sorted(_POLICY.glob("*/table/*.sql")))
    return {model.name: model for model in found}


def judge(con: duckdb.DuckDBPyConnection) -> None:
    """Write supply_level_week, price_level_week, price_alert, price_alert_event and price_screen of schema mart.

    Reads mart.price_index_week, mart.site_week and reference.region on the same connection, and what `screens` reads.
    """
    supplied = supply.supply_weeks(measures(con, "supply_level"), levels.load("supply_level"))
    story = _story(con, supplied)
    _write(con, "mart.supply_level_week", supplied)
    _write(con, "mart.price_level_week", story.weeks)
    _write(con, "mart.price_alert", story.alerts)
    _write(con, "mart.price_alert_event", story.events)
    _write(con, "mart.price_screen", screens.leads(con))


def by_quotes(con: duckdb.DuckDBPyConnection) -> Story:
    """Return what the quotes alone say, every supply unknown: a pure function of mart.price_index_week."""
    return _story(con, [])


def _story(con: duckdb.DuckDBPyConnection, supplied: Iterable[Row]) -> Story:
    regions = _rows(con, "SELECT * FROM reference.region")
    cities = {region["county_code"]: region["county_name"] for region in regions if region["kind"] == "city"}
    return price_story(measures(con, "price_level"), supplied, cities, levels.load("price_level"))


def price_story(
    measured: Sequence[Row], supplied: Iterable[Row], cities: Mapping[str, str], rule: LevelRule
) -> Story:
    """Return the weekly levels of all series, and the episodes and transitions of each product and area.

    Counties come first, then the city, which is followed by its counties' levels too.

    Args:
        measured: rows of `sql/policy/price_level/measure.sql`.
        supplied: rows of `supply.supply_weeks`; an area and week without one is 供应未知.
        cities: area codes of cities with their names.
        rule: the price levels.
    """
    told = Story()
    if not measured:
        return told
    data_week = max(row["week_start"] for row in measured)
    areas: dict[tuple[str, str], list[Row]] = defaultdict(list)
    own_city: list[Row] = []
    for row in sorted(_with_facts(rungs.add(measured, rule), supplied, rule), key=_by_week):
        if row["area_code"] in cities:
            own_city.append(row)
        else:
            areas[row["area_code"], row["product_id"]].append(row)
    for weeks in areas.values():
        _tell(told, Follower(rule).follow(weeks, data_week))
    for weeks in _city_weeks(told.weeks, own_city, cities, rule).values():
        _tell(told, Follower(rule, is_city=True).follow(sorted(weeks, key=_by_week), data_week))
    told.weeks.sort(key=_order)
    told.alerts.sort(key=lambda row: (row["opened_on"], row["episode_id"]))
    told.events.sort(key=lambda row: (row["week_start"], row["event_id"]))
    return told


def _tell(told: Story, story: Story) -> None:
    told.weeks += story.weeks
    told.alerts += story.alerts
    told.events += story.events


def _order(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("area_code", *MARKET, "week_start"))


def _by_week(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("week_start", *KIND))


def _with_facts(measured: Iterable[Row], supplied: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Add supply, sample and neighbours. Neighbours are the other areas of the same kind in the same week."""
    known = {(row["county_code"], row["week_start"]): row for row in supplied}
    low_sample = rule.bound("low_sample")
    market: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for row in measured:
        market[_market(row)][row["area_code"]] = row["price_yuan"]
    found = []
    for row in measured:
        tight = known.get((row["area_code"], row["week_start"]), {}).get("is_tight")
        others = [price for area, price in market[_market(row)].items() if area != row["area_code"]]
        middle = median(others) if others else None
        found.append(
            {
                **row,
                "is_low_sample": low_sample.is_met(row) is True,
                "county_count": None,
                "tight_count": None if tight is None else int(tight),
                "supply_state": supply.SUPPLY_STATE[tight],
                "neighbour_count": len(others),
                "neighbour_price_yuan": middle,
                "neighbour_spread_share": round(row["price_yuan"] / middle - 1, 6) if middle else None,
            }
        )
    return found


def _market(row: Row) -> tuple[Any, ...]:
    return (*(row[name] for name in MARKET), row["week_start"], row["is_city_area"])


def _city_weeks(
    county_weeks: Iterable[Row], own: Iterable[Row], cities: Mapping[str, str], rule: LevelRule
) -> dict[tuple[str, str], list[Row]]:
    """Return the weeks of each city and product: its own quotes, or its counties' leads, with the county count.

    Every county counts by its lead series, whichever that is; prices are put together like with like only.
    """
    least = rule.rank(rule.raw["county_count_level"])
    leads: dict[tuple[str, dt.date], list[Row]] = defaultdict(list)
    for row in county_weeks:
        if row["is_city_area"] and row["is_lead"]:
            leads[row["product_id"], row["week_start"]].append(row)
    quoted: dict[tuple[str, str, dt.date], list[Row]] = defaultdict(list)
    for row in own:
        quoted[row["area_code"], row["product_id"], row["week_start"]].append(row)
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for city, name in sorted(cities.items()):
        place = {"area_code": city, "area_name": name}
        weeks = leads.keys() | {(product, week) for code, product, week in quoted if code == city}
        for product, week in sorted(weeks):
            counties = leads.get((product, week), [])
            count = {"county_count": sum(rule.rank(county["level"]) >= least for county in counties)}
            own_rows = {kind_of(row): row for row in quoted.get((city, product, week), [])}
            for kind in dict.fromkeys((*own_rows, *map(kind_of, counties))):
                row = own_rows.get(kind, {})
                if not row or (row["is_imputed"] and counties):
                    alike = [county for county in counties if kind_of(county) == kind] or [row]
                    is_imputed = all(county["is_imputed"] for county in counties)
                    row = _spread_row(alike, rule) | {"is_imputed": is_imputed, "is_spread": kind not in own_rows}
                found[city, product].append(row | place | count)
    return found


def _spread_row(alike: Sequence[Row], rule: LevelRule) -> Row:
    """A city week without quotes of its own: its price is the counties' geometric mean, its index unknown."""
    row: Row = {
        **{name: alike[0][name] for name in (*SERIES, "week_start", "iso_week")},
        **dict.fromkeys(PRICE_MEASURES),
        "segment": None,
        "last_quoted_on": max(county["last_quoted_on"] for county in alike),
        "price_yuan": round(exp(mean(log(county["price_yuan"]) for county in alike)), 4),
        "price_index": None,
        "quote_count": sum(county["quote_count"] for county in alike),
        "collection_point_count": sum(county["collection_point_count"] for county in alike),
        "tight_count": None,
        "supply_state": supply.SUPPLY_UNKNOWN,
        "neighbour_count": 0,
        "neighbour_price_yuan": None,
        "neighbour_spread_share": None,
    }
    return row | {"is_low_sample": rule.bound("low_sample").is_met(row) is True}


def measures(con: duckdb.DuckDBPyConnection, rule: str) -> list[Row]:
    """The measures of a rule, unknown where they are no numbers; a week whose price is none was not quoted."""
    rows = _rows(con, (_POLICY / rule / "measure.sql").read_text(encoding="utf-8"))
    finite = [{name: levels.known(value) for name, value in row.items()} for row in rows]
    return [row for row in finite if row.get("price_yuan", 0) is not None]


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    result = con.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _write(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row]) -> None:
    """Replace a table by rows; columns that the table does not name are left out."""
    import pyarrow as pa

    from pipelines.warehouse import comment

    table = tables()[name]
    con.execute(table.sql)
    comment(con, table.name, table.description, table.columns)
    if rows:
        frame = pa.table({column: [row.get(column) for row in rows] for column in table.columns})
        con.register("judged_row", frame)
        try:
            con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM judged_row")
        finally:
            con.unregister("judged_row")
