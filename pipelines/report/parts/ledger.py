"""The series of a year (底稿): every printed measure by week, unrounded, for the workbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.report import facts as fact
from pipelines.report.blocks import Ledger, Query, Row, Series
from pipelines.report.facts import Facts
from pipelines.report.words import Words

WEEKS = 53  # a year and the week it is compared with
# Columns with their unit (a key of words, or the unit itself) and decimals.
_PRICES = (
    ("price_index", "unit_index", 1),
    ("price_yuan", "", 2),
    ("week_share", "%", 1),
    ("level", "unit_level", 0),
)
_SUPPLY = (
    ("dispatch_t", "t", 0), ("completeness_share", "%", 1), ("utilisation_share", "%", 1),
    ("operating_rate_share", "%", 1), ("same_site_share", "%", 1), ("level", "unit_level", 0),
)  # fmt: skip
_OVERLOAD = (
    ("over_rate_per_1000", "unit_rate", 1),
    ("breached_count", "unit_count", 0),
    ("undetermined_share", "%", 1),
)


def ledgers(facts: Facts, words: Words) -> tuple[Ledger, ...]:
    """Return the series of prices, supply and overloads; a topic of which nothing was reported is left out."""

    def place(row: Row) -> str:
        return words.place(row["county_code"], row["county_name"])

    def price_place(row: Row) -> str:
        return words.place(row["area_code"], row["area_name"])

    def product(row: Row) -> str:
        return f"{words.product(row['product_id'], row['product_name'])}（{words.kind(row)}）"

    supply = facts.edition.week_of("supply_week", weeks=WEEKS, as_name="series_supply")
    overload = facts.edition.week_of("overload_week", weeks=WEEKS, as_name="series_overload")
    found = (
        _ledger("prices", facts, facts.price_history, _PRICES, price_place, product, words),
        _ledger("supply", facts, supply, _SUPPLY, place, lambda _: "", words),
        _ledger("overload", facts, overload, _OVERLOAD, place, lambda _: "", words),
    )
    return tuple(ledger for ledger in found if ledger.series)


def _ledger(
    name: str,
    facts: Facts,
    query: Query,
    measures: Sequence[tuple[str, str, int]],
    place: Callable[[Row], str],
    subject: Callable[[Row], str],
    words: Words,
) -> Ledger:
    weeks = facts.weeks(WEEKS)
    of: dict[tuple[str, str, str], dict[object, Row]] = {}
    for row in query.rows:
        unit = words.name("unit", row["unit"]) if "unit" in row else ""
        of.setdefault((place(row), subject(row), unit), {})[row["week_start"]] = row
    series = []
    for column, kind, digits in measures:
        unit_word = {"t": words("unit_short.t"), "%": "%"}.get(kind) or (words(f"ledger.{kind}") if kind else "")
        for (where, what, price_unit), rows in of.items():
            values = tuple(rows[week][column] if week in rows else None for week in weeks)
            if any(value is not None for value in values):
                series.append(Series(words(f"ledger.{column}"), where, what, unit_word or price_unit, digits, values))
    foot = fact.foot(words, facts.week.data_through, "ticket_and_quotes", words("ledger.foot"))
    return Ledger(f"ledger_{name}", words(f"ledger.{name}"), tuple(weeks), tuple(series), query, foot)
