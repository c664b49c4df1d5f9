"""The first screen: headline figures, lights by county and product, what changed, what needs action and by whom."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Headline, Row, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.parts import actions, gaps, health, overload_leads, prices_words, supply, tiles
from pipelines.report.words import Words
from pipelines.rules import levels

MOST = 4  # names in a sentence; the tables hold them all


def headline(facts: Facts, words: Words) -> Headline:
    """Return the first screen of the week."""
    return Headline(
        tiles.tiles(facts, words), lights(facts, words), tuple(changes(facts, words)), actions.table(facts, words)
    )


def lights(facts: Facts, words: Words) -> Table:
    """Highest price level of each county and product, whatever kind of price, and the county's supply level."""
    rows = [row for row in facts.prices.rows if row["area_code"] != facts.city_place[0]]
    products = facts.products_of(facts.prices.rows, words)
    areas = facts.areas_of(rows, words)
    code, name = facts.city_place
    supply_rows = {row["county_code"]: row for row in facts.supply.rows}
    lines = []
    for area_code, area in ((code, words.place(code, name)), *areas):
        cells = [Cell(area)]
        for product_id, _ in products or [("", "")]:
            series = [r for r in facts.prices.rows if (r["area_code"], r["product_id"]) == (area_code, product_id)]
            cells.append(_price_light(series, words))
        cells.append(_supply_light(supply_rows.get(area_code), words))
        lines.append(tuple(cells))
    titles = [name for _, name in products] or [words("column.price")]
    return Table(
        name="lights",
        title=words("light.title"),
        columns=(
            Column(words("column.place")),
            *(Column(title) for title in titles),
            Column(words("column.supply_level")),
        ),
        rows=tuple(lines),
        query=facts.prices,
        also=(facts.supply,),
        foot=fact.foot(words, facts.week.data_through, "quotes_and_tickets", words("light.note")),
        total_rows=1,
    )


def _price_light(series: list[Row], words: Words) -> Cell:
    if not series:
        return Cell(words("word.not_reported"), "light level-none")
    top = max(series, key=lambda row: (fact.rank(row["level"]), row["is_main_kind"], row["quote_count"]))
    notes = []
    if top["level"] != levels.NO_LEVEL:
        if not top["is_main_kind"]:
            notes.append(words.kind(top))
        if top["is_low_sample"]:
            notes.append(words("price.low_sample"))
        if top["is_imputed"]:
            notes.append(words("light.carried"))
    before = top["level_before"]
    if before is not None and before != top["level"]:
        arrow = "▲" if fact.rank(top["level"]) > fact.rank(before) else "▼"
        notes.insert(0, words("light.before", arrow=arrow, level=words.level(before)))
    return Cell(
        words.level(top["level"]), f"light {fact.level_style(top['level'])}", words("light.separator").join(notes)
    )


def _supply_light(row: Row | None, words: Words) -> Cell:
    if row is None:
        return Cell(words("word.not_reported"), "light level-none")
    if row["level"] is None:
        return Cell(words("word.not_judged"), "light level-none", supply.level_reason(row, words))
    note = "" if row["level"] == levels.NO_LEVEL else supply.level_reason(row, words)
    return Cell(words.level(row["level"]), f"light {fact.level_style(row['level'])}", note)


def changes(facts: Facts, words: Words) -> list[Sentence]:
    """What is new against the week before: alerts, dispatch, supply levels, the overload rate, completeness."""
    found = []
    for event in ("opened", "raised", "lowered", "closed"):
        rows = prices_words.ordered([row for row in facts.episodes.rows if row["event"] == event])
        if rows:
            style = "strong" if event in ("opened", "raised") else ""
            found.append(Sentence(words(f"change.{event}", count=len(rows), names=_series(rows, words)), style))
    if facts.prices.rows and not found:
        found.append(Sentence(words("change.no_event")))
    if not facts.prices.rows:
        found.append(Sentence(words("price.none_reported"), "muted"))
    if facts.city is None:
        found.append(Sentence(words("supply.none_reported"), "muted"))
        return found
    found.append(Sentence(supply.dispatch_sentence(facts.city, words)))
    moved = [
        row
        for row in facts.supply.rows
        if not row["is_city"] and row["level"] and row["level_before"] and row["level"] != row["level_before"]
    ]
    if moved:
        names = words.listed(
            words(
                "change.level",
                place=words.place(row["county_code"], row["county_name"]),
                before=words.level(row["level_before"]),
                level=words.level(row["level"]),
            )
            for row in moved
        )
        found.append(Sentence(words("change.supply", names=names), "strong"))
    city, before = facts.city_overload, facts.before(facts.overload_history)
    if city and before and city["over_rate_per_1000"] is not None and before["over_rate_per_1000"] is not None:
        found.append(
            Sentence(
                words(
                    "change.overload",
                    rate=words.number(city["over_rate_per_1000"], 1),
                    before=words.number(before["over_rate_per_1000"], 1),
                    count=words.number(city["breached_count"]),
                    count_before=words.number(before["breached_count"]),
                    interval=overload_leads.interval(city, words),
                    sure=words("change.within" if _overlap(city, before) else "change.beyond"),
                )
            )
        )
    found += _gaps(facts, words)
    low = health.incomplete_counties(facts)
    if low:
        names = words.listed(words.place(row["county_code"], row["county_name"]) for row in low)
        found.append(Sentence(words("change.incomplete", names=names), "muted"))
    return found


def _overlap(row: Row, before: Row) -> bool:
    """Whether the intervals of two rates meet, so that the one need not differ from the other."""
    low, high = "over_rate_low_per_1000", "over_rate_high_per_1000"
    return bool(row[low] <= before[high] and before[low] <= row[high])


def _gaps(facts: Facts, words: Words) -> list[Sentence]:
    """Sites that fell silent this week, and sites that were silent at the end of last week and send again."""
    rows = [row for row in gaps.two_weeks(facts).rows if row["kind"] != "site_closed" and row["sign"] != "holiday"]
    now = [row for row in rows if row["week_start"] == facts.week.start]
    silent = {row["site_id"] for row in now if row["is_running"]}
    before = {row["site_id"] for row in rows if row["week_start"] < facts.week.start and row["is_running"]}
    found = []
    for key, sites, style in (("fell_silent", silent - before, "strong"), ("came_back", before - silent, "")):
        if sites:
            names = words.listed(sorted(sites), most=MOST)
            found.append(Sentence(words(f"change.{key}", count=len(sites), names=names), style))
    return found


def _series(rows: list[Row], words: Words) -> str:
    def name(row: Row) -> str:
        series = prices_words.series_name(row, words)
        if row["event"] == "closed":
            return series
        return words("change.series", series=series, level=words.level(row["level"]))

    return words.listed((name(row) for row in rows), most=MOST)
