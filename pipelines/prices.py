"""Price and supply levels: measures from `sql/policy` in, weekly levels, alert episodes and transitions out.

Statutory-percentage rung only: the clauses of `sql/policy/price_level` and `sql/policy/supply_level`. Every table
is written whole from the data at hand; nothing depends on when it runs.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from pipelines import catalog, levels
from pipelines.episodes import SERIES, Follower, Story
from pipelines.levels import NO_LEVEL, LevelRule, Row
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

KIND = ("product_id", "unit", "basis", "tax")
PRICE_MEASURES = ("week_share", "seven_day_share", "month_share", "year_share", "low_26w_share")
SUPPLY_UNKNOWN = "供应未知"
SUPPLY_STATE = {True: "供应紧张", False: "供应不紧", None: SUPPLY_UNKNOWN}
_POLICY = ROOT / "sql" / "policy"


def tables() -> dict[str, catalog.Model]:
    """Return the tables this module writes, with their descriptions and columns."""
    found = (catalog.read_model(path, "mart") for path in sorted(_POLICY.glob("*/table/*.sql")))
    return {model.name: model for model in found}


def judge(con: duckdb.DuckDBPyConnection) -> None:
    """Write mart.supply_level_week, mart.price_level_week, mart.price_alert and mart.price_alert_event.

    Reads mart.price_index_week, mart.site_week and reference.region on the same connection.
    """
    supply = supply_weeks(_measures(con, "supply_level"), levels.load("supply_level"))
    regions = _rows(con, "SELECT * FROM reference.region")
    cities = {region["county_code"]: region["county_name"] for region in regions if region["kind"] == "city"}
    story = price_story(_measures(con, "price_level"), supply, cities, levels.load("price_level"))
    _write(con, "mart.supply_level_week", supply)
    _write(con, "mart.price_level_week", story.weeks)
    _write(con, "mart.price_alert", story.alerts)
    _write(con, "mart.price_alert_event", story.events)


def supply_weeks(measured: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Return a supply level for every county and week.

    Args:
        measured: rows of `sql/policy/supply_level/measure.sql`, by county and week.
        rule: the supply levels.
    """
    found: list[Row] = []
    running: dict[str, int] = {}
    before: Row = {}
    for row in measured:
        is_next = (row["county_code"], row["week_start"]) == (
            before.get("county_code"),
            before.get("week_start", dt.date.min) + levels.WEEK,
        )
        measures = {**row, "holiday_count": int(bool(row["is_holiday_week"]))}
        # The first condition that does not hold is the reason; an unknown one does not hold.
        reason = next((why for why, bound in rule.conditions if not bound.is_met(measures)), None)
        answers = []
        for clause in rule.clauses:
            met = None if clause.needs_conditions and reason else clause.is_met(measures)
            running[clause.rule] = (running.get(clause.rule, 0) if is_next else 0) + 1 if met else 0
            answers.append(met and running[clause.rule] >= clause.weeks_running)
        on = [clause for clause, met in zip(rule.clauses, answers, strict=True) if met]
        top = max(on, key=lambda clause: clause.rank, default=None)
        if reason is None and row["same_site_share"] is None:
            reason = "measure_missing"
        level = top.level if top else None if reason else NO_LEVEL
        is_tight = level == rule.raw["tight"]["level"] or levels.any_of(
            clause.is_met(measures) for clause in rule.tight
        )
        figure = {"rule": top.rule, **top.figure(measures)} if top else {}
        found.append(
            {
                **row,
                **{name: figure.get(name) for name in ("rule", "value", "bound", "must_be")},
                "level": level,
                "reason": None if level else reason,
                "is_tight": is_tight,
                "supply_state": SUPPLY_STATE[is_tight],
            }
        )
        before = row
    return found


def price_story(measured: Sequence[Row], supply: Iterable[Row], cities: Mapping[str, str], rule: LevelRule) -> Story:
    """Return the weekly levels, episodes and transitions of all series, counties first, then the city.

    Args:
        measured: rows of `sql/policy/price_level/measure.sql`.
        supply: rows of `supply_weeks`; an area and week without one is 供应未知.
        cities: area codes of cities with their names; they are followed by their counties' levels too.
        rule: the price levels.
    """
    told = Story()
    if not measured:
        return told
    data_week = max(row["week_start"] for row in measured)
    rows = _with_facts(measured, supply, rule)
    series: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        series[tuple(row[name] for name in ("area_code", *KIND))].append(row)
    own_city: dict[tuple[Any, ...], list[Row]] = {}
    for key, weeks in series.items():
        if key[0] in cities:
            own_city[key] = weeks
        else:
            _tell(told, Follower(rule).follow(weeks, data_week))
    for key, weeks in _city_series(told.weeks, own_city, cities, rule).items():
        _tell(told, Follower(rule, is_city=key[0] in cities).follow(weeks, data_week))
    told.weeks.sort(key=_order)
    told.alerts.sort(key=lambda row: (row["opened_on"], row["episode_id"]))
    told.events.sort(key=lambda row: (row["week_start"], row["event_id"]))
    return told


def _tell(told: Story, story: Story) -> None:
    told.weeks += story.weeks
    told.alerts += story.alerts
    told.events += story.events


def _order(row: Row) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("area_code", *KIND, "week_start"))


def _with_facts(measured: Iterable[Row], supply: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Add supply, sample and neighbours. Neighbours are the other areas of the same kind in the same week."""
    known = {(row["county_code"], row["week_start"]): row for row in supply}
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
                "supply_state": SUPPLY_STATE[tight],
                "neighbour_count": len(others),
                "neighbour_price_yuan": middle,
                "neighbour_spread_share": round(row["price_yuan"] / middle - 1, 6) if middle else None,
            }
        )
    return found


def _market(row: Row) -> tuple[Any, ...]:
    return (*(row[name] for name in KIND), row["week_start"], row["is_city_area"])


def _city_series(
    county_weeks: Iterable[Row],
    own: Mapping[tuple[Any, ...], list[Row]],
    cities: Mapping[str, str],
    rule: LevelRule,
) -> dict[tuple[Any, ...], list[Row]]:
    """Return the city's weeks: how many counties stand at the counted level, over its own quotes if it has any."""
    least = rule.rank(rule.raw["county_count_level"])
    by_week: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in county_weeks:
        if row["is_city_area"]:
            by_week[(*(row[name] for name in KIND), row["week_start"])].append(row)
    found: dict[tuple[Any, ...], dict[dt.date, Row]] = defaultdict(dict)
    for city, name in cities.items():
        for (*kind, week), counties in by_week.items():
            count = sum(rule.rank(county["level"]) >= least for county in counties)
            row = _spread_row(counties, rule) | {"area_code": city, "area_name": name, "county_count": count}
            found[(city, *kind)][week] = row
    for key, weeks in own.items():
        for row in weeks:
            spread = found[key].get(row["week_start"])
            if spread is None or not row["is_imputed"]:
                count = spread["county_count"] if spread else 0
                found[key][row["week_start"]] = row | {"county_count": count}
    return {key: [weeks[week] for week in sorted(weeks)] for key, weeks in sorted(found.items(), key=str)}


def _spread_row(counties: Sequence[Row], rule: LevelRule) -> Row:
    """A city week without quotes of its own: its price is the counties' geometric mean, its index unknown."""
    row: Row = {
        **{name: counties[0][name] for name in (*SERIES, "week_start", "iso_week")},
        **dict.fromkeys(PRICE_MEASURES),
        "segment": None,
        "last_quoted_on": max(county["last_quoted_on"] for county in counties),
        "price_yuan": round(exp(mean(log(county["price_yuan"]) for county in counties)), 4),
        "price_index": None,
        "quote_count": sum(county["quote_count"] for county in counties),
        "collection_point_count": sum(county["collection_point_count"] for county in counties),
        "is_imputed": all(county["is_imputed"] for county in counties),
        "tight_count": None,
        "supply_state": SUPPLY_UNKNOWN,
        "neighbour_count": 0,
        "neighbour_price_yuan": None,
        "neighbour_spread_share": None,
    }
    return row | {"is_low_sample": rule.bound("low_sample").is_met(row) is True}


def _measures(con: duckdb.DuckDBPyConnection, rule: str) -> list[Row]:
    return _rows(con, (_POLICY / rule / "measure.sql").read_text(encoding="utf-8"))


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
