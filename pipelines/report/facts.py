"""All rows a report rests on, read once from the edition; every part of the report takes its figures from here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.report.blocks import Query, Row, Week
from pipelines.report.edition import Edition
from pipelines.report.words import Words
from pipelines.rules import levels
from pipelines.rules.policy import compare

PRICE_WEEKS = 53  # a year and the week it is compared with
SUPPLY_WEEKS = 26
HEALTH_WEEKS = 13


@dataclass(frozen=True)
class Facts:
    """Queries of one week with their rows; a part may read further listings from `edition`."""

    edition: Edition
    week: Week
    is_simulated: bool
    region: Query
    product: Query
    prices: Query
    price_history: Query
    episodes: Query
    supply: Query
    supply_history: Query
    products: Query
    overload: Query
    overload_history: Query
    bands: Query
    overload_sites: Query
    unsettled: Query
    verdicts: Query
    verdict_counts: Query
    cohort: Query
    feeds: Query
    questions: Query
    checks: Query

    @property
    def counties(self) -> list[tuple[str, str]]:
        """Codes and names of the counties, in the order of their codes."""
        return [(row["county_code"], row["county_name"]) for row in self.region.rows if row["kind"] != "city"]

    @property
    def city(self) -> Row | None:
        """The city's row of the week; None where no tickets came."""
        return next((row for row in self.supply.rows if row["is_city"]), None)

    @property
    def city_place(self) -> tuple[str, str]:
        """Code and name of the city."""
        row = next(row for row in self.region.rows if row["kind"] == "city")
        return row["county_code"], row["county_name"]

    @property
    def city_overload(self) -> Row | None:
        """The city's overload row of the week."""
        return next((row for row in self.overload.rows if row["is_city"]), None)

    def before(self, query: Query, **same: Any) -> Row | None:
        """The row of the week before this one in a query over several weeks."""
        start = self.week.start - levels.WEEK
        for row in query.rows:
            if row["week_start"] == start and all(row[name] == value for name, value in same.items()):
                return row
        return None

    def weeks(self, count: int) -> list[dt.date]:
        """The weeks up to this one, oldest first."""
        return [self.week.start - levels.WEEK * back for back in range(count - 1, -1, -1)]

    def products_of(self, rows: Iterable[Row], words: Words) -> list[tuple[str, str]]:
        """Ids and names of the products in the rows, in the order of the product table."""
        found = {row["product_id"]: row["product_name"] for row in rows}
        order = {row["product_id"]: place for place, row in enumerate(self.product.rows)}
        ids = sorted(found, key=lambda product: (order.get(product, len(order)), product))
        return [(product, words.product(product, found[product])) for product in ids]

    def areas_of(self, rows: Iterable[Row], words: Words) -> list[tuple[str, str]]:
        """Codes and names of the areas of price rows: the counties, then areas outside the region table."""
        outside = sorted({(row["area_code"], row["area_name"]) for row in rows if not row["is_city_area"]})
        return [(code, words.place(code, name)) for code, name in (*self.counties, *outside)]


def read(edition: Edition, *, is_simulated: bool) -> Facts:
    """Read all that the report of the edition's week shows."""
    return Facts(
        edition=edition,
        week=edition.week,
        is_simulated=is_simulated,
        region=edition.all_of("reference.region"),
        product=edition.all_of("reference.product", order="rowid"),
        prices=edition.week_of("price_week"),
        price_history=edition.week_of("price_week", weeks=PRICE_WEEKS, only="is_main_kind", as_name="price_history"),
        episodes=edition.week_of("price_episode_week"),
        supply=edition.week_of("supply_week"),
        supply_history=edition.week_of("supply_week", weeks=SUPPLY_WEEKS, as_name="supply_history"),
        products=edition.week_of("product_week"),
        overload=edition.week_of("overload_week"),
        overload_history=edition.week_of(
            "overload_week", weeks=SUPPLY_WEEKS, only="is_city", as_name="overload_history"
        ),
        bands=edition.week_of("overload_band_week"),
        overload_sites=edition.week_of("overload_site_week"),
        unsettled=edition.week_of("overload_unsettled_week"),
        verdicts=edition.all_of("report.project_verdict"),
        verdict_counts=edition.all_of("report.project_verdict_count"),
        cohort=edition.all_of("report.rail_cohort"),
        feeds=edition.week_of("feed_week"),
        questions=edition.all_of("meta.question", without="first_seen_at"),
        # Messages and observed values may quote a row, and with it a plate.
        checks=edition.all_of("meta.check_result", without="checked_at, message, observed_value"),
    )


def rank(level: str | None) -> int:
    """Place of a warning level on the ladder, 0 for none."""
    return levels.load("price_level").rank(level)


def level_style(level: str | None) -> str:
    """Style word of a level's light; `level-none` where nothing could be judged."""
    return "level-none" if level is None else f"level-{rank(level)}"


def least_completeness() -> float:
    """Completeness under which weeks are not compared, as the supply rule states it."""
    conditions = levels.load("supply_level").conditions
    return next(bound.value for _, bound in conditions if bound.measure == "completeness_share")


def is_incomplete(share: Any) -> bool:
    """Whether a week was not seen well enough to be compared."""
    return share is None or not compare(float(share), "at_least", least_completeness())


def foot(words: Words, through: dt.date | None, source: str, note: str = "") -> str:
    """The line under a figure: data-through date and source."""
    text = words("foot.line", day=words.day(through), source=words("source." + source))
    return text + (words("foot.note", note=note) if note else "")
