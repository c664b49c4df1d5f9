"""Prices: the city's totals, the index by county and product, prices beside their neighbours, alerts with reasons."""

from __future__ import annotations

from pipelines.report.blocks import Chart, Row, Section, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.parts import prices_charts, prices_episodes, prices_rows, prices_tables
from pipelines.report.parts.prices_words import ordered, series_name
from pipelines.report.words import Words

__all__ = ["ordered", "section", "series_name"]


def section(facts: Facts, words: Words) -> Section:
    """Return the part on prices; without quotes it says so and shows no empty charts."""
    title = words("section.prices")
    if not facts.price_history.rows:
        return Section("prices", title, (Sentence(words("price.none_reported")),))
    rows = prices_rows.PriceRows(facts)
    blocks: list[Table | Chart] = []
    if rows.total_history.rows:
        blocks += [prices_tables.total_table(facts, rows, words), prices_charts.total_chart(facts, rows, words)]
        year = prices_charts.year_chart(facts, rows, words)
        blocks += [year] if year else []
    if facts.prices.rows and rows.layout:
        blocks.append(prices_charts.map_chart(facts, rows, words))
    blocks += [
        prices_charts.index_chart(facts, rows, words),
        prices_tables.price_table(facts, rows, words),
        prices_episodes.episode_table(facts, rows, words),
    ]
    if rows.basis.rows:
        blocks.append(prices_tables.basis_table(facts, rows, words))
    said = (*total_sentences(rows, words), *sentences(facts, words), *basis_sentences(facts, rows, words))
    return Section("prices", title, said, tuple(blocks))


def total_sentences(rows: prices_rows.PriceRows, words: Words) -> list[Sentence]:
    """The city's index by product and over all of them: method, base, change, sample."""
    totals = rows.main_totals()
    if not totals:
        return []
    first = totals[0]
    names = words.listed(
        words(
            "price.total_of",
            name=prices_tables.total_name(row, words),
            index=words.number(row["price_index"], 1),
            week=words.percent(row["week_share"], signed=True),
            month=words.percent(row["month_share"], signed=True),
            count=row["quote_count"],
        )
        for row in totals
    )
    weights = words(f"price.weighed_{first['weight_basis'] or 'none'}", quarter=first["weight_quarter"])
    found = [
        Sentence(words("price.total", kind=words.kind(first), weights=weights, base=first["base_week"], names=names))
    ]
    thin = [row for row in totals if row["matched_weight_share"] is not None and row["matched_weight_share"] < 1]
    if thin:
        parts = words.listed(
            words(
                "price.followed_of",
                name=prices_tables.total_name(row, words),
                share=words.percent(row["matched_weight_share"], 0),
            )
            for row in thin
        )
        found.append(Sentence(words("price.followed", names=parts), "muted"))
    return found + _years(rows, totals, words)


def _years(rows: prices_rows.PriceRows, totals: list[Row], words: Words) -> list[Sentence]:
    """The totals against the year before, by the calendar and by the moon; that a week 53 has none."""
    pairs = [(row, year) for row in totals if (year := rows.year_before(row))]
    if not pairs:
        return []
    first = pairs[0][1]
    said = [Sentence(words("price.no_week_before"), "muted")] if first["calendar_iso_week"] is None else []
    names = words.listed(
        words(
            "price.year_of",
            name=prices_tables.total_name(row, words),
            calendar=words.percent(year["calendar_share"], signed=True),
            lunar=words.percent(year["lunar_share"], signed=True),
        )
        for row, year in pairs
        if year["calendar_share"] is not None or year["lunar_share"] is not None
    )
    if not names:
        return [*said, Sentence(words("price.no_year_yet"), "muted")]
    text = words(
        "price.year",
        calendar_week=first["calendar_iso_week"] or words("price.no_week"),
        lunar_week=first["lunar_iso_week"] or words("price.no_week"),
        names=names,
    )
    return [*said, Sentence(text)]


def basis_sentences(facts: Facts, rows: prices_rows.PriceRows, words: Words) -> list[Sentence]:
    """How far delivered prices stand above ex-works ones, where both were quoted this week."""
    parts = []
    for product_id, product in facts.products_of(rows.basis.rows, words):
        pairs = [row for row in rows.basis.rows if row["product_id"] == product_id and not row["is_imputed"]]
        if pairs:
            gaps = sorted(row["gap_yuan"] for row in pairs)
            parts.append(
                words(
                    "price.gap_of",
                    product=product,
                    low=words.number(gaps[0]),
                    high=words.number(gaps[-1]),
                    unit=words.name("unit", pairs[0]["unit"]),
                    count=len(pairs),
                )
            )
    return [Sentence(words("price.gaps", names=words.listed(parts)), "muted")] if parts else []


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
    found += _spread(facts, words)
    falls = [row for row in facts.prices.rows if row["is_fall_noted"] and row["segment"] is not None]
    if falls:
        names = words.listed((series_name(row, words) for row in falls), most=4)
        found.append(Sentence(words("price.falls", count=len(falls), names=names), "muted"))
    running = [row for row in facts.episodes.rows if row["event"] != "closed"]
    if running:
        low = sum(bool(row["is_low_sample"]) for row in running)
        found.append(Sentence(words("price.running", count=len(running), low=low)))
    return found


def _spread(facts: Facts, words: Words) -> list[Sentence]:
    """The price furthest above and below those of the other counties."""
    rows = [
        row
        for row in facts.prices.rows
        if row["is_main_kind"] and row["neighbour_spread_share"] is not None and not row["is_imputed"]
    ]
    if not rows:
        return []
    high = max(rows, key=lambda row: (row["neighbour_spread_share"], row["area_code"], row["product_id"]))
    low = min(rows, key=lambda row: (row["neighbour_spread_share"], row["area_code"], row["product_id"]))

    def said(row: Row) -> str:
        return words(
            "price.spread_of",
            series=series_name(row, words),
            spread=words.percent(row["neighbour_spread_share"], signed=True),
            median=words.number(row["neighbour_price_yuan"], 1),
            count=row["neighbour_count"],
        )

    return [Sentence(words("price.spread", high=said(high), low=said(low)), "muted")]
