"""What the part on prices reads besides the facts: totals, both bases, quotes, drivers of supply, places of tiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pipelines.report import facts as fact
from pipelines.report.blocks import Query, Row
from pipelines.report.facts import Facts
from pipelines.rules import levels


@dataclass(frozen=True)
class PriceRows:
    """Listings of the week, each read when it is first asked for."""

    facts: Facts

    @cached_property
    def totals(self) -> Query:
        """The city's totals of the week, all kinds of price."""
        return self.facts.edition.week_of("price_total_week")

    @cached_property
    def total_history(self) -> Query:
        """The city's totals over a year, of the kind that charts show."""
        return self.facts.edition.week_of(
            "price_total_week", weeks=fact.PRICE_WEEKS, only="is_main_kind", as_name="price_total_history"
        )

    @cached_property
    def years(self) -> Query:
        """Indices of the week beside those of a year before, by the calendar and by the moon."""
        return self.facts.edition.week_of("price_year_week")

    @cached_property
    def year_history(self) -> Query:
        """The same of the city's totals over a year, of the kind that charts show."""
        return self.facts.edition.week_of(
            "price_year_week",
            weeks=fact.PRICE_WEEKS,
            only="is_main_kind AND scope <> 'series'",
            as_name="price_year_history",
        )

    def year_before(self, row: Row) -> Row | None:
        """What stands beside a total: its week and index of a year before."""
        same = ("scope", "product_id", "unit", "basis", "tax")
        return next((year for year in self.years.rows if all(year[name] == row[name] for name in same)), None)

    @cached_property
    def basis(self) -> Query:
        """Ex-works and delivered prices of the week where both are quoted."""
        return self.facts.edition.week_of("price_basis_week")

    @cached_property
    def quotes(self) -> tuple[Query, ...]:
        """The quotes that the week's prices rest on, for `sources`."""
        return (self.facts.edition.week_of("price_quote_week", as_name="price_quotes"),)

    @cached_property
    def drivers(self) -> Query:
        """What the data show of the supply of the counties in this week and the one before."""
        last = self.facts.week.start
        return self.facts.edition.query(
            "price_supply_drivers",
            f"SELECT * FROM mart.supply_driver_week WHERE week_start BETWEEN DATE '{last - levels.WEEK}'"
            f" AND DATE '{last}' ORDER BY ALL",
        )

    @cached_property
    def layout(self) -> dict[str, tuple[int, int]]:
        """Column and row of each county's tile."""
        rows = self.facts.edition.all_of("reference.region_tile").rows
        return {row["county_code"]: (row["column_no"], row["row_no"]) for row in rows}

    def main_totals(self) -> list[Row]:
        """The week's totals of the kind that charts show: over all products, then by product in their order."""
        rows = [row for row in self.totals.rows if row["is_main_kind"]]
        order = {row["product_id"]: place for place, row in enumerate(self.facts.product.rows)}
        return sorted(rows, key=lambda row: (row["scope"] != "city", order.get(row["product_id"], len(order))))
