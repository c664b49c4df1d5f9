"""Prices, supply and overloads of the public edition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Query, Row, Section, Sentence, Table
from pipelines.report.charts import figures
from pipelines.report.parts.public_rows import WEEKS, Known, cell, hidden
from pipelines.report.words import Words


def prices(known: Known, words: Words) -> Section:
    """Return the indices by county and kind."""
    title = words("section.prices")
    if not known.prices.rows:
        return Section("prices", title, (Sentence(words("public.no_prices")),))
    places = {row["area_code"]: row["area_name"] for row in known.prices.rows}
    rows = []
    for code, name in sorted(places.items()):
        cells = [Cell(words.place(code, name))]
        for kind in known.kinds:
            point = known.price(code, kind)
            if point is None:
                cells.append(Cell(words("word.not_reported"), "muted"))
                continue
            cells.append(cell(point, words.number(point["price_index"], 1), words))
            cells[-1] = Cell(
                cells[-1].text,
                cells[-1].style,
                "" if point["is_withheld"] else words.percent(point["change_1w_share"], signed=True),
            )
        rows.append(tuple(cells))
    bases = sorted({row["base_week"] for row in known.prices.rows if row["base_week"] is not None})
    base = words.listed(f"{week:%G-W%V}" if isinstance(week, dt.date) else str(week) for week in bases[:1])
    table = Table(
        name="public_price_index",
        title=words("public.price_table"),
        columns=(
            Column(words("column.place")),
            *(Column(known.kind_name(kind, words), words("public.index_unit"), True) for kind in known.kinds),
        ),
        rows=tuple(rows),
        query=known.prices,
        foot=fact.foot(words, known.week.quote_through, "price_quote", words("public.price_note", base=base)),
        also=(known.price_history,),
    )
    withheld = sum(row["is_withheld"] for row in known.prices.rows)
    said = words("public.prices", shown=len(known.prices.rows) - withheld, count=len(known.prices.rows))
    return Section("prices", title, (Sentence(said),), (table,))


def supply(known: Known, words: Words) -> Section:
    """Return the dispatch of the city by week and of the counties in this one."""
    title = words("section.supply")
    if known.city is None:
        return Section("supply", title, (Sentence(words("supply.none_reported")),))
    foot = fact.foot(words, known.week.ticket_through, "weighbridge_ticket")
    history = [row for row in known.history.rows if row["county_code"] == known.city["county_code"]]
    first = min(row["week_start"] for row in history)
    weeks = [known.week.start - dt.timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    weeks = [week for week in weeks if week >= first]
    is_low = {row["week_start"]: fact.is_incomplete(row["completeness_share"]) for row in history}
    trend = Chart(
        name="public_dispatch_trend",
        title=words("supply.trend_title"),
        unit=words("supply.trend_unit"),
        alt=words(
            "supply.trend_alt",
            weeks=len(weeks),
            dispatch=words.number(known.city["dispatch_t"]),
            change=words.change(known.city["dispatch_change_share"]),
        ),
        draw=lambda _: figures.trend(history, weeks, words, foot, column="dispatch_t", is_low=is_low),
        query=known.history,
        foot=foot,
        is_half=True,
    )
    rows = [row for row in known.counties.rows if row is not known.city]
    notes = [
        hidden(row, words)
        if row["is_withheld"]
        else f"{words.number(row['dispatch_t'])}  {words.percent(row['dispatch_change_share'], signed=True)}"
        for row in rows
    ]
    by_county = _bars("public_dispatch", rows, "dispatch_t", notes, known.counties, foot, words)
    return Section("supply", title, changes(known, words), (trend, by_county))


def overload(known: Known, words: Words) -> Section:
    """Return the overload rates by county."""
    title = words("section.public_overload")
    rows = list(known.overload.rows)
    if not rows:
        return Section("overload", title, (Sentence(words("public.no_overload")),))
    foot = fact.foot(words, known.week.ticket_through, "weighbridge_ticket")
    notes = [
        hidden(row, words)
        if row["is_withheld"]
        else words(
            "public.over_note",
            rate=words.number(row["over_rate_per_1000"], 1),
            count=words.number(row["determinable_count"]),
            open=words.percent(row["undetermined_share"]),
        )
        for row in rows
    ]
    chart = _bars("public_over_rate", rows, "over_rate_per_1000", notes, known.overload, foot, words)
    return Section("overload", title, (Sentence(words("public.overload"), "muted"),), (chart,))


def _bars(
    name: str, rows: Sequence[Row], column: str, notes: Sequence[str], query: Query, foot: str, words: Words
) -> Chart:
    labels = [words.place(row["county_code"], row["county_name"]) for row in rows]
    values = [None if row[column] is None else float(row[column]) for row in rows]
    return Chart(
        name=name,
        title=words(f"public.{name}_title"),
        unit=words(f"public.{name}_unit"),
        alt=words("supply.county_alt", rows=words.listed(f"{a} {b}" for a, b in zip(labels, notes, strict=True))),
        draw=lambda _: figures.by_place(labels, values, notes, [None] * len(rows), foot),
        query=query,
        foot=foot,
        is_half=True,
    )


def changes(known: Known, words: Words) -> tuple[Sentence, ...]:
    """Return what the city dispatched and which counties moved most."""
    city = known.city
    if city is None:
        return (Sentence(words("supply.none_reported")),)
    if city["is_withheld"]:
        return (Sentence(words("public.city_withheld"), "muted"),)
    places = [
        row for row in known.counties.rows if row is not city and row["dispatch_change_share"] is not None
    ]  # fmt: skip
    most = sorted(places, key=lambda row: (-abs(row["dispatch_change_share"]), row["county_code"]))[:3]
    found = [
        Sentence(
            words(
                "public.city",
                dispatch=words.number(city["dispatch_t"]),
                change=words.change(city["dispatch_change_share"]),
                seen=words.percent(city["completeness_share"]),
            )
        )
    ]
    if most:
        names = words.listed(
            words(
                "supply.mover",
                place=words.place(row["county_code"], row["county_name"]),
                change=words.percent(row["dispatch_change_share"], signed=True),
            )
            for row in most
        )
        found.append(Sentence(words("supply.movers", names=names)))
    return tuple(found)
