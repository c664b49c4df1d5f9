"""Charts of prices: the city's totals, the counties' indices, and both as a schematic map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipelines.report import facts as fact
from pipelines.report.blocks import Chart, Row
from pipelines.report.charts import figures_grid, style, tile_map
from pipelines.report.charts.figures_lines import Line, lines
from pipelines.report.facts import Facts
from pipelines.report.parts.prices_rows import PriceRows
from pipelines.report.parts.prices_tables import total_name
from pipelines.report.parts.prices_words import series_name
from pipelines.report.words import Words
from pipelines.rules import levels

_MOST_YEARS = 4  # products in the chart of years; the data file has them all


def index_chart(facts: Facts, rows: PriceRows, words: Words) -> Chart:
    """Index lines over a year, a field a county and product."""
    known = [row for row in facts.price_history.rows if row["price_index"] is not None]
    series: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(known, key=lambda row: row["week_start"]):
        series.setdefault((row["area_code"], row["product_id"]), []).append(row)
    products = facts.products_of(known, words)
    kinds = {
        product: words.kind(next(r for r in reversed(known) if r["product_id"] == product)) for product, _ in products
    }
    areas = facts.areas_of(known, words)
    weeks = (min(row["week_start"] for row in known), facts.week.start)
    scale = [row["price_index"] for row in known]
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
        sources=rows.quotes,
    )


def total_chart(facts: Facts, rows: PriceRows, words: Words) -> Chart:
    """The city's index over a year: over all products thick, by product beside it."""
    series: dict[str, list[Row]] = {}
    for row in rows.total_history.rows:
        series.setdefault(row["product_id"] or "", []).append(row)
    order = [row["product_id"] for row in facts.product.rows if row["product_id"] in series]
    found = []
    for place, product_id in enumerate([*order, ""] if "" in series else order):
        points = sorted(series[product_id], key=lambda row: row["week_start"])
        last = points[-1]
        found.append(
            Line(
                label=f"{total_name(last, words)} {words.number(last['price_index'], 1)}",
                points={
                    row["week_start"]: (float(row["price_index"]), row["segment"], bool(row["is_imputed"]))
                    for row in points
                },
                color=style.LINES[place % len(style.LINES)] if product_id else style.INK,
                dash=style.DASHES[place // len(style.LINES)] if product_id else "-",
                width=1.4 if product_id else 2.4,
            )
        )
    bases = sorted({row["base_week"] for row in rows.total_history.rows})
    unit = words("price.total_unit", base=words.listed(bases))
    source = fact.foot(words, facts.week.quote_through, "quotes_and_tickets")
    weeks = _weeks(rows.total_history.rows, facts)
    return Chart(
        name="price_total",
        title=words("price.total_chart_title"),
        unit=words("price.total_chart_unit"),
        alt=words("price.total_alt", weeks=len(weeks), rows=words.listed(line.label for line in found)),
        draw=lambda is_narrow: lines([("", found)], weeks, unit, source, is_narrow=is_narrow),
        query=rows.total_history,
        foot=source,
        has_narrow=True,
        sources=rows.quotes,
    )


def year_chart(facts: Facts, rows: PriceRows, words: Words) -> Chart | None:
    """This year's index of each product with last year's faint behind it; None where no chain reaches back a year."""
    known = sorted(rows.year_history.rows, key=lambda row: row["week_start"])
    panels = []
    for product_id, product in facts.products_of((row for row in known if row["product_id"]), words)[:_MOST_YEARS]:
        of_product = [row for row in known if row["product_id"] == product_id]
        if not any(row["calendar_index"] or row["lunar_index"] for row in of_product):
            continue
        looks = (
            ("calendar_index", "price.last_year", style.FAINT, style.DASHES[0], 1.4),
            ("lunar_index", "price.last_lunar_year", style.LINES[1], style.DASHES[1], 1.2),
            ("price_index", "price.this_year", style.MAIN, style.DASHES[0], 2.2),
        )
        found = []
        for column, key, color, dash, width in looks:
            points = {
                row["week_start"]: (float(row[column]), row["segment"], False) for row in of_product if row[column]
            }
            last = words.number(points[max(points)][0], 1) if points else ""
            label = words(key, index=last) if points else ""
            found.append(Line(label, points, color, dash, width))
        panels.append((product, found))
    if not panels:
        return None
    unit = words("price.year_unit")
    source = fact.foot(words, facts.week.quote_through, "quotes_and_tickets")
    weeks = _weeks(known, facts)
    return Chart(
        name="price_year",
        title=words("price.year_title"),
        unit=words("price.year_chart_unit"),
        alt=words(
            "price.year_alt",
            rows=words.listed(
                words(
                    "price.year_row", product=product, lines=words.listed(line.label for line in found if line.label)
                )
                for product, found in panels
            ),
        ),
        draw=lambda is_narrow: lines(panels, weeks, unit, source, is_narrow=is_narrow, height_in=1.5),
        query=rows.year_history,
        foot=source,
        has_narrow=True,
        sources=rows.quotes,
    )


def _weeks(rows: Sequence[Row], facts: Facts) -> list[dt.date]:
    """Weeks from the first of the rows, at most a year back, to this one."""
    first = min((row["week_start"] for row in rows), default=facts.week.start)
    return [week for week in facts.weeks(fact.PRICE_WEEKS) if week >= first]


def map_chart(facts: Facts, rows: PriceRows, words: Words) -> Chart:
    """Level, index and change over four weeks of each county, a map a product."""
    main = [row for row in facts.prices.rows if row["is_main_kind"] and row["segment"] is not None]
    products = facts.products_of(main, words)
    panels = []
    for product_id, product in products:
        of_product = [row for row in main if row["product_id"] == product_id]
        tiles = {
            row["area_code"]: tile_map.Tile(
                level=_highest(facts, row),
                figure=words.number(row["price_index"], 1),
                change=words.percent(row["month_share"], signed=True),
                is_sure=not (row["is_low_sample"] or row["is_imputed"]),
            )
            for row in of_product
        }
        kind = words.kind(of_product[0])
        panels.append((words("price.product_kind", product=product, kind=kind), tiles))
    names = dict(facts.counties)
    names = {code: words.place(code, name) for code, name in names.items()}
    source = fact.foot(words, facts.week.quote_through, "price_quote")
    return Chart(
        name="price_map",
        title=words("price.map_title"),
        unit=words("price.map_unit"),
        alt=words(
            "price.map_alt",
            rows=words.listed(
                words(
                    "price.map_row",
                    product=title,
                    tiles=words.listed(
                        f"{names[code]} {tile.figure}" for code, tile in sorted(tiles.items()) if code in names
                    ),
                )
                for title, tiles in panels
            ),
        ),
        draw=lambda is_narrow: tile_map.maps(panels, rows.layout, names, words, source, is_narrow=is_narrow),
        query=facts.prices,
        foot=source,
        has_narrow=True,
        sources=rows.quotes,
    )


def _highest(facts: Facts, row: Row) -> str:
    """The level as the lights of the first screen show it: the highest of all kinds of price."""
    same = (row["area_code"], row["product_id"])
    found = [other["level"] for other in facts.prices.rows if (other["area_code"], other["product_id"]) == same]
    return str(max(found, key=fact.rank))
