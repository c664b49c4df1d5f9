"""Prices: the index by county and product, prices beside their neighbours, and alerts with their reasons."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Row, Section, Sentence, Table
from pipelines.report.charts import figures_grid
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import levels


def section(facts: Facts, words: Words) -> Section:
    """Return the part on prices; without quotes it says so and shows no empty charts."""
    title = words("section.prices")
    if not facts.price_history.rows:
        return Section("prices", title, (Sentence(words("price.none_reported")),))
    blocks = (index_chart(facts, words), price_table(facts, words), episode_table(facts, words))
    return Section("prices", title, tuple(sentences(facts, words)), blocks)


def series_name(row: Row, words: Words) -> str:
    """A price series in words: area, product and what kind of price."""
    place, product = (
        words.place(row["area_code"], row["area_name"]),
        words.product(row["product_id"], row["product_name"]),
    )
    return words("price.series", place=place, product=product, kind=words.kind(row))


def reason(row: Row, words: Words) -> str:
    """The clause that speaks with its value and bound, and why it speaks where the value is under the bound."""
    if row["is_imputed"]:
        return words("price.no_quote_this_week")
    if row["rule"] is None:
        return words("price.waits_to_close") if row.get("event") != "closed" else NOTHING
    clause = levels.load("price_level").clause(row["rule"])
    is_share = row["value_unit"] == "share"
    text = words(
        "price.reason",
        text=clause.text[words.language],
        value=words.percent(row["value"], signed=True) if is_share else words.number(row["value"]),
        sign=SIGNS[row["must_be"]],
        bound=words.percent(row["bound"], 0) if is_share else words.number(row["bound"]),
    )
    held = clause.bounds[0].is_met({clause.bounds[0].measure: row["value"]}) is False
    return (
        text
        + (words("price.held") if held else "")
        + (words("price.default") if clause.bounds[0].is_system_default else "")
    )


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """What prices did this week, from the main kind of price of each product."""
    found = []
    for product_id, product in facts.products_of(facts.prices.rows, words):
        rows = [
            row
            for row in facts.prices.rows
            if row["product_id"] == product_id
            and row["is_main_kind"]
            and row["is_city_area"]
            and row["segment"] is not None
        ]
        moved = [row for row in rows if row["week_share"] is not None and not row["is_imputed"]]
        if not moved:
            continue
        up = max(moved, key=lambda row: (row["week_share"], row["area_code"]))
        down = min(moved, key=lambda row: (row["week_share"], row["area_code"]))
        prices = sorted(row["price_yuan"] for row in rows)
        found.append(
            Sentence(
                words(
                    "price.product_week",
                    product=product,
                    kind=words.kind(rows[0]),
                    count=len(rows),
                    low=words.number(prices[0]),
                    high=words.number(prices[-1]),
                    unit=words.name("unit", rows[0]["unit"]),
                    up_place=words.place(up["area_code"], up["area_name"]),
                    up=words.percent(up["week_share"], signed=True),
                    down_place=words.place(down["area_code"], down["area_name"]),
                    down=words.percent(down["week_share"], signed=True),
                )
            )
        )
    falls = [row for row in facts.prices.rows if row["is_fall_noted"] and row["segment"] is not None]
    if falls:
        names = words.listed((series_name(row, words) for row in falls), most=4)
        found.append(Sentence(words("price.falls", count=len(falls), names=names), "muted"))
    running = [row for row in facts.episodes.rows if row["event"] != "closed"]
    if running:
        low = sum(bool(row["is_low_sample"]) for row in running)
        found.append(Sentence(words("price.running", count=len(running), low=low)))
    return found


def index_chart(facts: Facts, words: Words) -> Chart:
    """Index lines over a year, a field a county and product."""
    rows = [row for row in facts.price_history.rows if row["price_index"] is not None]
    series: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["week_start"]):
        series.setdefault((row["area_code"], row["product_id"]), []).append(row)
    products = facts.products_of(rows, words)
    kinds = {
        product: words.kind(next(r for r in reversed(rows) if r["product_id"] == product)) for product, _ in products
    }
    areas = facts.areas_of(rows, words)
    weeks = (min(row["week_start"] for row in rows), facts.week.start)
    scale = [row["price_index"] for row in rows]
    loud = [points[-1] for points in series.values() if points[-1]["level"] != levels.NO_LEVEL]
    source = fact.foot(words, facts.week.quote_through, "price_quote")
    return Chart(
        name="price_index",
        title=words("price.index_title"),
        unit=words("price.index_unit", low=words.number(min(scale)), high=words.number(max(scale))),
        alt=words(
            "price.index_alt",
            areas=len(areas),
            products=words.listed(name for _, name in products),
            loud=words.listed(
                words(
                    "price.loud",
                    series=series_name(row, words),
                    index=words.number(row["price_index"], 1),
                    level=words.level(row["level"]),
                )
                for row in loud
            )
            or words("word.none"),
        ),
        draw=lambda is_narrow: figures_grid.price_index(
            series,
            areas,
            [
                (product, name if is_narrow else words("price.product_kind", product=name, kind=kinds[product]))
                for product, name in products
            ],
            weeks,
            words,
            source,
            is_narrow=is_narrow,
        ),
        query=facts.price_history,
        foot=source,
        has_narrow=True,
    )


def price_table(facts: Facts, words: Words) -> Table:
    """Price, change on the week and on 4 weeks of the main kind, a row a county."""
    main = {
        (row["area_code"], row["product_id"]): row
        for row in facts.prices.rows
        if row["is_main_kind"] and row["segment"] is not None
    }
    products = facts.products_of(main.values(), words)
    units = {row["product_id"]: words.name("unit", row["unit"]) for row in main.values()}
    columns = [Column(words("column.place"))]
    for product_id, name in products:
        columns += [
            Column(name, units[product_id], True),
            Column(words("column.week_share"), "", True),
            Column(words("column.month_share"), "", True),
            Column(words("column.neighbour_spread"), "", True),
        ]
    rows = []
    for code, name in facts.areas_of(main.values(), words):
        cells = [Cell(name)]
        for product_id, _ in products:
            cells += _price_cells(main.get((code, product_id)), words)
        rows.append(tuple(cells))
    return Table(
        name="price_table",
        title=words("price.table_title"),
        columns=tuple(columns),
        rows=tuple(rows),
        query=facts.prices,
        foot=fact.foot(words, facts.week.quote_through, "price_quote", words("price.table_note")),
        empty=words("price.none_reported"),
    )


def _price_cells(row: Row | None, words: Words) -> list[Cell]:
    if row is None:
        return [Cell(words("word.not_reported"), "muted"), *[Cell(NOTHING, "muted")] * 3]
    price = words.number(row["price_yuan"], 1) + ("*" if row["is_low_sample"] else "")
    return [
        Cell(price, "muted" if row["is_imputed"] else ""),
        Cell(NOTHING if row["is_imputed"] else words.percent(row["week_share"], signed=True), _tone(row)),
        Cell(words.percent(row["month_share"], signed=True), _tone(row)),
        Cell(words.percent(row["neighbour_spread_share"], signed=True), "muted"),
    ]


def _tone(row: Row) -> str:
    return "strong" if row["level"] != levels.NO_LEVEL else ""


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Alerts as people want them: highest level first, new ones before old ones, ended ones last."""
    return sorted(
        rows,
        key=lambda row: (
            row["event"] == "closed",
            -fact.rank(row["level"]),
            row["is_low_sample"],
            row["weeks_running"],
            row["episode_id"],
        ),
    )


def episode_table(facts: Facts, words: Words) -> Table:
    """Alerts that run or ended this week, with value, bound, sample and base."""
    rows = []
    for row in ordered(facts.episodes.rows):
        is_closed = row["event"] == "closed"
        status = words.name("event", row["event"]) if row["event"] else words("event.runs")
        why = words.name("close_reason", row["close_reason"]) if is_closed else reason(row, words)
        rows.append(
            (
                Cell(words("price.ended"), "muted") if is_closed else _level_cell(row, words),
                Cell(series_name(row, words)),
                Cell(status, note=words("price.since", day=words.day(row["opened_on"]), weeks=row["weeks_running"])),
                Cell(why),
                Cell(words.number(row["price_yuan"], 1)),
                Cell(words.number(row["base_price_yuan"], 1), note=words.day(row["base_on"])),
                Cell(words.percent(row["rise_over_base_share"], signed=True)),
                Cell(
                    words("price.sample", quotes=row["quote_count"], points=row["collection_point_count"]),
                    note=words("price.low_sample") if row["is_low_sample"] else "",
                ),
                Cell(words.name("supply_state", row["supply_state"], NOTHING), "muted"),
            )
        )
    keys = ("level", "series", "change", "reason", "price", "base", "rise", "sample", "supply")
    units = {"price": words("unit_short.yuan"), "base": words("unit_short.yuan")}
    return Table(
        name="price_episodes",
        title=words("price.episode_title"),
        columns=tuple(
            Column(words(f"column.{key}"), units.get(key, ""), key in ("price", "base", "rise")) for key in keys
        ),
        rows=tuple(rows),
        query=facts.episodes,
        foot=fact.foot(words, facts.week.quote_through, "price_quote", words("price.episode_note")),
        empty=words("price.no_episode"),
    )


def _level_cell(row: Row, words: Words) -> Cell:
    watched = row["level"] == levels.NO_LEVEL
    return Cell(
        words("level.watch") if watched else words.level(row["level"]), f"light {fact.level_style(row['level'])}"
    )
