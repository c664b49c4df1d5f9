"""The table of price alerts: level, method and reasons, how sure it is, and what the supply data show at the time."""

from __future__ import annotations

from pipelines.alerting import alert_facts
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Row, Table
from pipelines.report.facts import Facts
from pipelines.report.parts.prices_rows import PriceRows
from pipelines.report.parts.prices_words import how_sure, method, ordered, reason, series_name
from pipelines.report.words import NOTHING, Words
from pipelines.rules import levels

_KEYS = ("level", "series", "change", "reason", "price", "base", "rise", "sample", "supply")


def episode_table(facts: Facts, rows: PriceRows, words: Words) -> Table:
    """Alerts that run or ended this week, with value, bound, method, sample, base and the supply beside them."""
    units = {"price": words("unit_short.yuan"), "base": words("unit_short.yuan")}
    drivers = alert_facts.drivers(rows.drivers.rows, facts.episodes.rows, words.language)
    return Table(
        name="price_episodes",
        title=words("price.episode_title"),
        columns=tuple(
            Column(words(f"column.{key}"), units.get(key, ""), key in ("price", "base", "rise")) for key in _KEYS
        ),
        rows=tuple(_cells(row, drivers.get(row["area_code"], []), words) for row in ordered(facts.episodes.rows)),
        query=facts.episodes,
        also=(rows.drivers,) if rows.drivers.rows else (),
        foot=fact.foot(words, facts.week.quote_through, "price_quote", words("price.episode_note")),
        empty=words("price.no_episode"),
        sources=rows.quotes,
    )


def _cells(row: Row, drivers: list[str], words: Words) -> tuple[Cell, ...]:
    is_closed = row["event"] == "closed"
    status = words.name("event", row["event"]) if row["event"] else words("event.runs")
    why = words.name("close_reason", row["close_reason"]) if is_closed else reason(row, words)
    sure, is_weak = how_sure(row, words)
    return (
        Cell(words("price.ended"), "muted") if is_closed else _level_cell(row, words),
        Cell(series_name(row, words)),
        Cell(status, note=_since(row, words)),
        Cell(why, note="" if is_closed else method(row, words)),
        Cell(words.number(row["price_yuan"], 1)),
        Cell(words.number(row["base_price_yuan"], 1), note=words.day(row["base_on"])),
        Cell(words.percent(row["rise_over_base_share"], signed=True)),
        Cell(
            words("price.sample", quotes=row["quote_count"], points=row["collection_point_count"]),
            "strong" if is_weak else "",
            sure,
        ),
        Cell(
            words.name("supply_state", row["supply_state"], NOTHING),
            "muted",
            words("price.at_the_time", drivers=words("price.driver_break").join(drivers)) if drivers else "",
        ),
    )


def _since(row: Row, words: Words) -> str:
    """How long it runs, and its levels so far where there was more than one."""
    since = words("price.since", day=words.day(row["opened_on"]), weeks=row["weeks_running"])
    steps = [step.partition(" ") for step in (row["history"] or "").split(" → ") if step]
    if len(steps) < 2:
        return since
    return since + words(
        "price.steps", steps=" → ".join(f"{words.level(level)} {day[5:]}" for level, _, day in steps)
    )


def _level_cell(row: Row, words: Words) -> Cell:
    watched = row["level"] == levels.NO_LEVEL
    return Cell(
        words("level.watch") if watched else words.level(row["level"]), f"light {fact.level_style(row['level'])}"
    )
