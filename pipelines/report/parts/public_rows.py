"""The rows of the public edition that a report shows, and the word for what is withheld there."""

from __future__ import annotations

import datetime as dt

from pipelines.report.blocks import Cell, Query, Row
from pipelines.report.edition import Edition
from pipelines.report.words import Words

WEEKS = 26
Kind = tuple[str, str, str, str]


class Known:
    """The rows of the public edition that a week's report shows."""

    def __init__(self, edition: Edition) -> None:
        week = edition.week
        self.week = week
        self.counties = _listing(edition, "county_week", week.start)
        self.history = _listing(edition, "county_week", week.start, weeks=WEEKS, as_name="public_supply_history")
        self.prices = _listing(edition, "price_index_week", week.start)
        self.price_history = _listing(
            edition, "price_index_week", week.start, weeks=WEEKS, as_name="public_price_history"
        )
        self.overload = _listing(edition, "overload_county_week", week.start)

    @property
    def city(self) -> Row | None:
        """The city's row; None where no tickets came."""
        return next((row for row in self.counties.rows if row["county_code"].endswith("00")), None)

    @property
    def kinds(self) -> list[Kind]:
        """What has at least one published point: product, basis, tax and unit."""
        found = {
            (row["product_id"], row["basis"], row["tax"] or "", row["unit"])
            for row in self.prices.rows
            if not row["is_withheld"]
        }
        return sorted(found)

    def price(self, county: str, kind: Kind) -> Row | None:
        """The point of a county and kind; None where there is none."""
        return next(
            (
                row
                for row in self.prices.rows
                if (row["area_code"], row["product_id"], row["basis"], row["tax"] or "", row["unit"])
                == (county, *kind)
            ),
            None,
        )

    def kind_name(self, kind: Kind, words: Words) -> str:
        """A kind in words."""
        row = next(row for row in self.prices.rows if row["product_id"] == kind[0])
        said = words.kind({"basis": kind[1], "tax": kind[2] or None, "unit": kind[3]})
        return f"{words.product(kind[0], row['product_name'])}·{said}"


def _listing(edition: Edition, table: str, start: dt.date, *, weeks: int = 1, as_name: str = "") -> Query:
    first = start - dt.timedelta(weeks=weeks - 1)
    time = f"week_start = DATE '{start}'" if weeks == 1 else f"week_start BETWEEN DATE '{first}' AND DATE '{start}'"
    return edition.query(as_name or f"public_{table}", f"SELECT * FROM public.{table} WHERE {time} ORDER BY ALL")


def cell(row: Row, text: str, words: Words) -> Cell:
    """Return a cell with the text, or with the word for what is withheld."""
    return Cell(hidden(row, words), "muted") if row["is_withheld"] else Cell(text)


def hidden(row: Row | None, words: Words) -> str:
    """Return the word for a figure that is not shown: withheld, or not reported where there is no row."""
    return words("word.not_reported") if row is None else words("public.hidden")
