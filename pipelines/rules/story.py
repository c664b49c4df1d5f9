"""What is told of a product and area: the rows of a week, an episode and a transition, and the facts they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.rules.levels import Clause, Row

SERIES = ("area_code", "area_name", "is_city_area", "product_id", "product_name", "unit", "basis", "tax")
FACTS = (
    "last_quoted_on",
    "price_yuan",
    "price_index",
    "month_share",
    "quote_count",
    "collection_point_count",
    "is_low_sample",
    "county_count",
    "supply_state",
    "neighbour_count",
    "neighbour_price_yuan",
    "neighbour_spread_share",
    "best_rung",
    "rung_reason",
)


@dataclass
class Story:
    """What became of a product and area: a row a series and week, a row an episode, a row a transition."""

    weeks: list[Row] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def said_of(said: Row, met: Sequence[Clause]) -> Row:
    """Return the figure that is shown, and all clauses met from the lowest."""
    names = ("rule", "value", "bound", "must_be", "value_unit", "rung", "without_one_share")
    return {name: said.get(name) for name in names} | {"rules_met": ",".join(clause.rule for clause in met) or None}
