"""The headline figures: each with its bound or its n, and the age of its data; a topic without data says so."""

from __future__ import annotations

import datetime as dt

from pipelines.report import facts as fact
from pipelines.report.blocks import Row, Tile
from pipelines.report.facts import Facts
from pipelines.report.parts import gaps, overload_leads, projects, supply
from pipelines.report.words import SIGNS, Words
from pipelines.rules import levels


def tiles(facts: Facts, words: Words) -> tuple[Tile, ...]:
    """Return one figure a topic."""
    return (
        _price(facts, words),
        _supply(facts, words),
        _dispatch(facts, words),
        _overload(facts, words),
        _project(facts, words),
        _health(facts, words),
    )


def _note(words: Words, through: dt.date | None, *parts: str) -> str:
    """What stands beside a figure, the day its data reach at the end."""
    age = words("tile.through", day=words.day(through))
    return words("light.separator").join(part for part in (*parts, age) if part)


def _price(facts: Facts, words: Words) -> Tile:
    label = words("tile.price")
    if not facts.prices.rows:
        return Tile(label, words("word.not_reported"), words("tile.no_quotes"), "none")
    top = max(facts.prices.rows, key=lambda row: (fact.rank(row["level"]), not row["is_low_sample"]))
    through = facts.week.quote_through
    city = facts.city_place[0]
    quotes = sum(
        row["quote_count"] for row in facts.prices.rows if not row["is_imputed"] and row["area_code"] != city
    )
    sample = words("tile.quotes", count=words.number(quotes))
    if top["level"] == levels.NO_LEVEL:
        note = _note(words, through, words("tile.no_price_level"), sample)
        return Tile(label, words.level(levels.NO_LEVEL), note, "level-0")
    hit = {
        (words.place(row["area_code"], row["area_name"]), words.product(row["product_id"], row["product_name"]))
        for row in facts.prices.rows
        if row["level"] == top["level"]
    }
    names = words.listed((f"{place} {product}" for place, product in sorted(hit)), most=2)
    note = _note(words, through, names, _price_bound(facts, top["level"], words), sample)
    return Tile(label, words.level(top["level"]), note, fact.level_style(top["level"]))


def _price_bound(facts: Facts, level: str, words: Words) -> str:
    """The value and bound that speak, of the first running alert at the level."""
    rows = [row for row in facts.episodes.rows if row["level"] == level and row["event"] != "closed" and row["rule"]]
    if not rows:
        return ""
    row = max(rows, key=lambda row: (row["value"], row["episode_id"]))
    is_share = row["value_unit"] == "share"
    return words(
        "tile.bound",
        value=words.percent(row["value"], signed=True) if is_share else words.number(row["value"]),
        sign=SIGNS[row["must_be"]],
        bound=words.percent(row["bound"], 0) if is_share else words.number(row["bound"]),
    )


def _supply(facts: Facts, words: Words) -> Tile:
    label = words("tile.supply")
    counties = [row for row in facts.supply.rows if not row["is_city"]]
    if not counties:
        missing = words("tile.no_tickets" if facts.city is None else "tile.no_register")
        return Tile(label, words("word.not_reported"), missing, "none")
    judged = [row for row in counties if row["level"] is not None]
    share = words("tile.supply_judged", judged=len(judged), total=len(counties))
    through = facts.week.ticket_through
    if not judged:
        return Tile(label, words("word.not_judged"), _note(words, through, share), "none")
    top = max(judged, key=lambda row: fact.rank(row["level"]))
    if top["level"] == levels.NO_LEVEL:
        return Tile(label, words.level(top["level"]), _note(words, through, share), fact.level_style(top["level"]))
    hit = [row for row in judged if row["level"] == top["level"]]
    names = words.listed((words.place(row["county_code"], row["county_name"]) for row in hit), most=2)
    why = supply.level_reason(hit[0], words)
    if len(hit) > 1:
        why = words("tile.first", place=words.place(hit[0]["county_code"], hit[0]["county_name"]), why=why)
    return Tile(
        label, words.level(top["level"]), _note(words, through, names, why, share), fact.level_style(top["level"])
    )


def _dispatch(facts: Facts, words: Words) -> Tile:
    city, label = facts.city, words("tile.dispatch")
    if city is None:
        return Tile(label, words("word.not_reported"), words("tile.no_tickets"), "none")
    value = words("tile.t", t=words.number(city["dispatch_t"]))
    seen = words("supply.seen", share=words.percent(city["completeness_share"])) if city["expected_day_count"] else ""
    return Tile(
        label, value, _note(words, facts.week.ticket_through, words.change(city["dispatch_change_share"]), seen)
    )


def _overload(facts: Facts, words: Words) -> Tile:
    city, label, through = facts.city_overload, words("tile.overload"), facts.week.ticket_through
    if city is None:
        return Tile(label, words("word.not_reported"), words("tile.no_tickets"), "none")
    open_share = words("tile.undetermined", share=words.percent(city["undetermined_share"], 0))
    if not city["determinable_count"]:
        return Tile(label, words("word.not_judged"), _note(words, through, open_share), "none")
    sure = words(
        "tile.interval",
        interval=overload_leads.interval(city, words),
        n=words.number(city["determinable_count"]),
    )
    before = facts.before(facts.overload_history)
    was = words("tile.before", value=words.number(before["over_rate_per_1000"], 1)) if before else ""
    return Tile(label, words.number(city["over_rate_per_1000"], 1), _note(words, through, sure, open_share, was))


def _project(facts: Facts, words: Words) -> Tile:
    if not facts.verdicts.rows:
        return Tile(words("tile.projects"), words("word.not_reported"), words("tile.no_filings"), "none")
    law, unmet = projects.by_kind(facts, "law"), projects.by_kind(facts, "management")
    open_count = sum(row["outcome"] == "undetermined" for row in facts.verdicts.rows)
    note = _note(
        words,
        facts.week.filing_through,
        words("tile.of_projects", count=len({row["subject_id"] for row in facts.verdicts.rows})),
        words("tile.unmet", count=len(unmet)),
        words("tile.open", count=open_count),
    )
    return Tile(words("tile.projects"), words("tile.findings", count=len(law)), note)


def _health(facts: Facts, words: Words) -> Tile:
    city, label = facts.city, words("tile.health")
    if city is None:
        return Tile(label, words("word.not_reported"), words("tile.no_tickets"), "none")
    if not city["expected_day_count"]:
        return Tile(label, words("word.not_judged"), words("tile.no_register"), "none")
    days = words("tile.site_days", seen=city["seen_day_count"], expected=city["expected_day_count"])
    least = words("tile.least", least=words.percent(fact.least_completeness(), 0))
    note = _note(words, facts.week.ticket_through, days, least, _unknown_days(facts, words))
    return Tile(label, words.percent(city["completeness_share"]), note)


def _unknown_days(facts: Facts, words: Words) -> str:
    city: Row | None = next((row for row in gaps.counties(facts).rows if row["is_city"]), None)
    if city is None or not city["unknown_day_count"]:
        return ""
    return words("tile.unknown_days", count=city["unknown_day_count"])
