"""Tables of prices: the city's totals, prices of the week beside their neighbours, ex works beside delivered."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Row, Table
from pipelines.report.facts import Facts
from pipelines.report.parts.prices_rows import PriceRows
from pipelines.report.words import NOTHING, Words
from pipelines.rules import levels


def total_table(facts: Facts, rows: PriceRows, words: Words) -> Table:
    """The city's index over all products and by product, with method, base, weights and sample beside the number."""
    return Table(
        name="price_totals",
        title=words("price.total_title"),
        columns=(
            Column(words("column.price_total")),
            Column(words("column.price_jevons"), "", True),
            Column(words("column.week_share"), "", True),
            Column(words("column.month_share"), "", True),
            Column(words("column.calendar_share"), "", True),
            Column(words("column.lunar_share"), "", True),
            Column(words("column.laspeyres"), "", True),
            Column(words("column.quotes"), words("price.lines"), True),
            Column(words("column.weights")),
            Column(words("column.carried_weight"), "", True),
        ),
        rows=tuple(_total_cells(row, rows.year_before(row), words) for row in rows.main_totals()),
        query=rows.totals,
        also=(rows.years,),
        foot=fact.foot(words, facts.week.quote_through, "quotes_and_tickets", words("price.total_note")),
        empty=words("price.no_total"),
        total_rows=sum(row["scope"] == "city" for row in rows.main_totals()),
        sources=rows.quotes,
    )


def total_name(row: Row, words: Words) -> str:
    """The product of a total, or that it is over all of them."""
    return (
        words("price.all_products")
        if row["scope"] == "city"
        else words.product(row["product_id"], row["product_name"])
    )


def _total_cells(row: Row, year: Row | None, words: Words) -> tuple[Cell, ...]:
    weights = words.name("weight_basis", row["weight_basis"], NOTHING)
    quarter = row["weight_quarter"] if row["weight_basis"] == "tonnes" else ""
    return (
        Cell(
            total_name(row, words),
            note=words(
                "price.kind_and_base", kind=words.kind(row), base=words("price.base_is_100", week=row["base_week"])
            ),
        ),
        Cell(words.number(row["price_index"], 1), "muted" if row["is_imputed"] else ""),
        *(Cell(words.percent(row[f"{span}_share"], signed=True)) for span in ("week", "month")),
        _year_cell(year, "calendar", words),
        _year_cell(year, "lunar", words),
        Cell(words.number(row["laspeyres_index"], 1), note=_points(row["laspeyres_gap_points"], words)),
        Cell(words.number(row["quote_count"]), note=f"{row['matched_element_count']}/{row['element_count']}"),
        Cell(
            " ".join(part for part in (quarter, weights) if part),
            note=NOTHING
            if row["matched_weight_share"] is None
            else words("price.of_tonnes", share=words.percent(row["matched_weight_share"], 0)),
        ),
        Cell(words.percent(row["imputed_weight_share"])),
    )


def _year_cell(year: Row | None, kind: str, words: Words) -> Cell:
    """The change on the week a year before, that week under it; why there is none where there is none."""
    week = year[f"{kind}_iso_week"] if year else None
    if year is None or week is None:
        return Cell(words("price.no_week"), "muted")
    if year[f"{kind}_share"] is None:
        return Cell(NOTHING, "muted", words("price.chain_short", week=week))
    return Cell(words.percent(year[f"{kind}_share"], signed=True), note=week)


def _points(value: float, words: Words) -> str:
    text = words.number(value, 1)
    return ("+" if not text.startswith("-") and text != words.number(0, 1) else "") + text.replace("-", "−")


def _n(count: int, words: Words) -> str:
    """How many quotes a price rests on, or that older ones are carried."""
    return words("price.n", count=count) if count else words("light.carried")


def basis_table(facts: Facts, rows: PriceRows, words: Words) -> Table:
    """Ex-works and delivered prices side by side where both are quoted, a row a county; nothing is converted."""
    pairs = {
        (row["area_code"], row["product_id"]): row
        for row in sorted(rows.basis.rows, key=lambda row: (row["unit"] != "t", row["tax"] != "incl"), reverse=True)
    }
    products = facts.products_of(rows.basis.rows, words)
    columns = [Column(words("column.place"))]
    for product_id, name in products:
        unit = words.name("unit", next(row["unit"] for row in pairs.values() if row["product_id"] == product_id))
        columns += [
            Column(words("price.of_basis", product=name, basis=words.name("basis", "ex_works")), unit, True),
            Column(words.name("basis", "delivered"), "", True),
            Column(words("column.basis_gap"), "", True),
        ]
    found = []
    for code, name in facts.areas_of(rows.basis.rows, words):
        cells = [Cell(name)]
        for product_id, _ in products:
            cells += _basis_cells(pairs.get((code, product_id)), words)
        found.append(tuple(cells))
    taxes = sorted({words.name("tax", row["tax"], words("word.tax_unstated")) for row in pairs.values()})
    return Table(
        name="price_basis",
        title=words("price.basis_title"),
        columns=tuple(columns),
        rows=tuple(found) if pairs else (),
        query=rows.basis,
        foot=fact.foot(
            words, facts.week.quote_through, "price_quote", words("price.basis_note", tax=words.listed(taxes))
        ),
        empty=words("price.no_basis"),
        sources=rows.quotes,
    )


def _basis_cells(row: Row | None, words: Words) -> list[Cell]:
    if row is None:
        return [Cell(NOTHING, "muted")] * 3
    style = "muted" if row["is_imputed"] else ""
    return [
        Cell(words.number(row["ex_works_price_yuan"], 1), style),
        Cell(words.number(row["delivered_price_yuan"], 1), style, _n(row["delivered_quote_count"], words)),
        Cell(_points(row["gap_yuan"], words), style),
    ]


def price_table(facts: Facts, rows: PriceRows, words: Words) -> Table:
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
    found = []
    for code, name in facts.areas_of(main.values(), words):
        cells = [Cell(name)]
        for product_id, _ in products:
            cells += _price_cells(main.get((code, product_id)), words)
        found.append(tuple(cells))
    return Table(
        name="price_table",
        title=words("price.table_title"),
        columns=tuple(columns),
        rows=tuple(found),
        query=facts.prices,
        foot=fact.foot(words, facts.week.quote_through, "price_quote", words("price.table_note")),
        empty=words("price.none_reported"),
        sources=rows.quotes,
    )


def _price_cells(row: Row | None, words: Words) -> list[Cell]:
    if row is None:
        return [Cell(words("word.not_reported"), "muted"), *[Cell(NOTHING, "muted")] * 3]
    price = words.number(row["price_yuan"], 1) + ("*" if row["is_low_sample"] else "")
    return [
        Cell(
            price,
            "muted" if row["is_imputed"] else "",
            _n(row["quote_count"], words),
        ),
        Cell(NOTHING if row["is_imputed"] else words.percent(row["week_share"], signed=True), _tone(row)),
        Cell(words.percent(row["month_share"], signed=True), _tone(row) or ("muted" if _is_unsure(row) else "")),
        Cell(words.percent(row["neighbour_spread_share"], signed=True), "muted"),
    ]


def _is_unsure(row: Row) -> bool:
    """Whether the 95 % interval of the change over four weeks holds 0, or the quotes do not tell it."""
    low, high = row["month_low_share"], row["month_high_share"]
    return low is None or high is None or low <= 0 <= high


def _tone(row: Row) -> str:
    return "strong" if row["level"] != levels.NO_LEVEL else ""
