"""Judges quotes with the price rules as they stand: the whole ladder, or one of its methods alone.

Nothing of the rules is written again here: the index is `sql/mart/price_index_week.sql`, levels and episodes come
from `pipelines.rules`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

from pipelines import catalog
from pipelines.rules import levels, prices
from pipelines.rules.levels import LevelRule, Row
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

WHOLE = "whole"  # all methods together, as the city is warned
LEVEL = "黄"  # an episode counts here from this level on
Key = tuple[str, str]  # area_code, product_id
_WEEKS_A_MONTH = 365.25 / 12 / 7
_NEVER = 10**9  # more weeks or months than any history has
_AREAS_AT_ONCE = 25  # the areas judged together are compared with each other pair by pair


@dataclass(frozen=True)
class Episode:
    """An episode that reached 黄: where, in which week first, its highest level and the index it rose from.

    `history` tells each level with the day of its quotes; `closed_on` is empty while it is open.
    """

    key: Key
    name: str
    reached: dt.date
    max_level: str
    base_index: float | None
    history: str
    closed_on: dt.date | None
    close_reason: str | None


@dataclass(frozen=True)
class LeadWeek:
    """A week of the series that speaks for an area and product: segment of its chain, index, and whether quoted."""

    week_start: dt.date
    segment: int | None
    price_index: float
    is_quoted: bool


@dataclass(frozen=True)
class Followed:
    """What a rule said: the weeks at 黄 or higher of each area and product, and the episodes that reached it."""

    loud_weeks: Mapping[Key, frozenset[dt.date]]
    episodes: tuple[Episode, ...]
    lead_weeks: Mapping[Key, tuple[LeadWeek, ...]]
    names: Mapping[Key, str]


def rules(rule: LevelRule | None = None) -> dict[str, LevelRule]:
    """Return the whole ladder and each of its methods alone, in the order of the rule's file.

    A method alone is heard wherever it has the history it needs, also where a higher one would speak in its place.
    """
    rule = rule or levels.load("price_level")
    found = {WHOLE: rule}
    for rung in rule.raw["rungs"]:
        clauses = tuple(clause for clause in rule.clauses if clause.rung == rung)
        found[rung] = replace(rule, clauses=clauses, raw={**rule.raw, "rungs": _up_to(rung, rule.raw["rungs"])})
    return found


def _up_to(rung: str, steps: Mapping[str, Any]) -> dict[str, Any]:
    """The methods with what they need; those above this one need more than there is."""
    own = steps[rung]["needs"]
    found = dict(steps)
    for name in list(steps)[list(steps).index(rung) + 1 :]:
        needs = steps[name]["needs"]
        if (needs["measure"], needs["value"]) != (own["measure"], own["value"]):
            found[name] = {**steps[name], "needs": {**needs, "value": _NEVER}}
    return found


def since_week(rule: LevelRule, name: str) -> int:
    """Return the first week of a series, from 0, in which a method has its history; 0 for the whole ladder."""
    if name == WHOLE:
        return 0
    needs = rule.raw["rungs"][name]["needs"]
    weeks = needs["value"] - 1
    return int(weeks if needs["unit"] == "week" else ceil(weeks * _WEEKS_A_MONTH))


def measured(quotes: pa.Table) -> list[Row]:
    """Return the measures of the price levels for quotes given as rows of staging.price_quote."""
    import duckdb

    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        con.execute("CREATE SCHEMA staging")
        con.execute("CREATE SCHEMA mart")
        con.register("given_quote", quotes)
        con.execute("CREATE TABLE staging.price_quote AS FROM given_quote")
        model = catalog.read_model(ROOT / "sql" / "mart" / "price_index_week.sql", "mart")
        con.execute(f"CREATE TABLE {model.name} AS (\n{model.sql}\n)")
        return measures(con)


def measures(con: duckdb.DuckDBPyConnection) -> list[Row]:
    """Return the measures of the price levels from mart.price_index_week of a warehouse or an edition."""
    return prices.measures(con, "price_level")


def follow(rows: Sequence[Row], rule: LevelRule, cities: Collection[str] = ()) -> Followed:
    """Return what a rule says of measured weeks. Supply is unknown; cities count no counties here.

    Args:
        rows: the measures, as `measures` returns them.
        rule: one of `rules()`.
        cities: area codes that are left out, because their levels come from their counties.
    """
    areas: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["area_code"] not in cities:
            areas[row["area_code"]].append(row)
    loud: dict[Key, set[dt.date]] = defaultdict(set)
    reached: dict[tuple[Key, str], dt.date] = {}
    episodes: list[Episode] = []
    leads: dict[Key, list[LeadWeek]] = defaultdict(list)
    names: dict[Key, str] = {}
    codes = sorted(areas)
    least = rule.rank(LEVEL)
    for first in range(0, len(codes), _AREAS_AT_ONCE):
        together = [row for code in codes[first : first + _AREAS_AT_ONCE] for row in areas[code]]
        story = prices.price_story(together, [], {}, rule)
        for week in sorted((week for week in story.weeks if week["is_lead"]), key=lambda week: week["week_start"]):
            key, monday = (week["area_code"], week["product_id"]), week["week_start"]
            names[key] = f"{week['area_name']} {week['product_name']}"
            if week["price_index"] is not None:
                leads[key].append(LeadWeek(monday, week["segment"], week["price_index"], not week["is_imputed"]))
            if rule.rank(week["level"]) >= least:
                loud[key].add(monday)
                reached.setdefault((key, week["episode_id"]), monday)
        history = {(e["area_code"], e["product_id"], e["episode_id"]): e["history"] for e in story.events}
        for alert in story.alerts:
            key = (alert["area_code"], alert["product_id"])
            if (key, alert["episode_id"]) in reached:
                episodes.append(
                    Episode(
                        key,
                        names[key],
                        reached[key, alert["episode_id"]],
                        alert["max_level"],
                        alert["base_index"],
                        history[*key, alert["episode_id"]],
                        alert["closed_on"],
                        alert["close_reason"],
                    )
                )
    return Followed(
        {key: frozenset(weeks) for key, weeks in loud.items()},
        tuple(sorted(episodes, key=lambda episode: (episode.reached, episode.key))),
        {key: tuple(weeks) for key, weeks in leads.items()},
        names,
    )
