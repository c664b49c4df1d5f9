"""Price screens: where quotes or stock behave as under collusion or hoarding, and seldom by chance. Leads only.

`sql/policy/price_screen/measure.sql` measures; here each county and product of a week gets a probability, and the
false ones among a week's leads are held to a share (Benjamini and Hochberg 1995). The probabilities are closed forms
without a random draw; `docs/price_screens.md` states them with what they assume.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import comb, erfc, exp, expm1, log, log1p, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]
WINDOWS = (13, 52)  # weeks, as the columns of the measure are named
HISTORY_WEEKS = 52
OVERLAP_WEEKS = 4  # changes over 4 weeks share their data with those of the weeks beside them
_FOLDER = ROOT / "sql" / "policy" / "price_screen"


@dataclass(frozen=True)
class ScreenRule:
    """The figures of the screens, and what each screen says, by language."""

    figures: Mapping[str, float]
    texts: Mapping[str, Mapping[str, str]]


@dataclass
class Tested:
    """A county and product that a screen could test in a week; `is_strong` where the figures ask for a lead too."""

    row: Row
    p_value: float
    is_strong: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


@cache
def load(path: Path = _FOLDER / "rule.yaml") -> ScreenRule:
    """Return the rule of the screens."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return ScreenRule(
        {name: spec["value"] for name, spec in raw["parameters"].items()},
        {name: screen["text"] for name, screen in raw["screens"].items()},
    )


def leads(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of mart.price_screen from what stands in the warehouse.

    Reads staging.price_quote, staging.stock_report, mart.price_index_week, mart.county_product_week, mart.site_week
    and reference.region. An empty table gives no lead.
    """
    rule = load()
    due = _rows(con, "is_due")[0]
    if due["most_seller_count"] < rule.figures["least_seller_count"] and not due["has_stock"]:
        return []
    return screened(_rows(con, "measure"), rule)


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    result = con.execute((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def screened(measured: Iterable[Row], rule: ScreenRule) -> list[dict[str, Any]]:
    """Return the leads of all weeks, by week, screen, county and product.

    Args:
        measured: rows of the measure.
        rule: figures and words.
    """
    weeks: dict[dt.date, list[Row]] = defaultdict(list)
    for row in measured:
        weeks[row["week_start"]].append(row)
    found: list[dict[str, Any]] = []
    for _, rows in sorted(weeks.items()):
        for weeks_now in WINDOWS:
            found += _leads(f"spread_{weeks_now}", list(spread(rows, weeks_now, rule.figures)), rule)
        found += _leads("same_move", list(same_move(rows, rule.figures)), rule)
        found += _leads("hoarding", list(hoarding(rows, rule.figures)), rule)
    return found


def _leads(screen: str, tested: Sequence[Tested], rule: ScreenRule) -> Iterator[dict[str, Any]]:
    for test, q_value in zip(tested, q_values([test.p_value for test in tested]), strict=True):
        if test.is_strong and q_value <= rule.figures["false_share"]:
            row, facts = test.row, test.facts
            said = {"area": row["area_name"], "product": row["product_name"], **facts}
            yield {
                **{name: row[name] for name in ("area_code", "area_name", "product_id", "product_name")},
                **{name: row[name] for name in ("week_start", "iso_week", "seller_count")},
                **{name: facts.get(name) for name in ("panel_rank", "sellers")},
                "screen": screen,
                "value": round(facts["value"], 9),  # sums of floats end otherwise in each run
                "base": round(facts["base"], 9) if "base" in facts else None,
                "value_unit": facts.get("value_unit", "share"),
                "p_value": _six_digits(test.p_value),
                "q_value": _six_digits(q_value),
                "tested_count": len(tested),
                **{f"text_{language}": text.format(**said) for language, text in rule.texts[screen].items()},
            }


def spread(rows: Sequence[Row], weeks: int, figures: Mapping[str, float]) -> Iterator[Tested]:
    """Test whether sellers lie closer together than in the 52 weeks before, where both were seen well enough."""
    found = []
    for row in rows:
        now, before = (
            _Spell(*(row[f"{spell}_{weeks}_{name}"] or 0 for name in ("square_sum", "degree_count", "week_count")))
            for spell in ("now", "before")
        )
        is_seen = now.is_seen(weeks, figures) and before.is_seen(HISTORY_WEEKS, figures)
        if not is_seen or not before.square_sum:
            continue
        memory = row[f"before_{weeks}_memory_share"] or 0
        degrees = [spell.degrees_a_week * independent_weeks(spell.week_count, memory) for spell in (now, before)]
        p_value = f_lower_tail(now.variance / before.variance, *degrees)
        found.append(Tested(row, p_value, facts={"value": sqrt(now.variance), "base": sqrt(before.variance)}))
    if len(found) < figures["least_panel_count"]:
        return
    order = sorted(test.facts["value"] for test in found)
    for test in found:
        rank = order.index(test.facts["value"]) + 1
        is_halved = test.facts["value"] <= figures["halved_share"] * test.facts["base"]
        test.is_strong = is_halved and rank <= figures["lowest_panel_share"] * len(found)
        test.facts["panel_rank"] = rank
        yield test


@dataclass(frozen=True)
class _Spell:
    square_sum: float
    degree_count: float
    week_count: int

    @property
    def variance(self) -> float:
        return self.square_sum / self.degree_count

    @property
    def degrees_a_week(self) -> float:
        return self.degree_count / self.week_count

    def is_seen(self, weeks: int, figures: Mapping[str, float]) -> bool:
        """Whether enough weeks had like quotes, of enough sellers on average."""
        is_long = self.week_count >= figures["seen_week_share"] * weeks
        return is_long and round(self.degrees_a_week, 9) >= figures["least_seller_count"] - 1


def same_move(rows: Sequence[Row], figures: Mapping[str, float]) -> Iterator[Tested]:
    """Test whether so many sellers would have moved by one size on one day if each had moved for itself.

    How often a size comes is taken from other counties in the week, which bear the same costs, and from the county's
    own year before: the larger share speaks. The p-value pays for every size and every day that was looked at.
    """
    for row in rows:
        days = sum(count >= figures["least_seller_count"] for count in row["day_seller_counts"])
        if not days:
            continue
        best = Tested(row, 1.0, is_strong=False)
        for move in row["moves"]:
            shares = [
                (move[f"{pool}_same_count"] + 1) / (move[f"{pool}_count"] + 2)
                for pool in ("other", "past")
                if move[f"{pool}_count"] >= figures["least_pool_count"]
            ]
            if move["mover_count"] < figures["least_seller_count"] or not shares:
                continue
            tail = binomial_tail(move["seller_count"], max(shares), move["mover_count"])
            p_value = min(1.0, days * move["size_count"] * tail)
            if p_value < best.p_value:
                facts = {"value": move["mover_count"], "base": move["seller_count"], "value_unit": "seller"}
                facts |= {"on": move["quoted_on"], "size": move["size_yuan"], "sellers": "、".join(move["sellers"])}
                best = Tested(row, p_value, facts=facts)
        yield best


def hoarding(rows: Sequence[Row], figures: Mapping[str, float]) -> Iterator[Tested]:
    """Test whether stock, dispatch and price all moved unlike their own history; the least unlike of them speaks.

    Weeks that were seen badly, and holiday weeks, are not tested: a feed that is down is no dispatch held back.
    """
    for row in rows:
        completeness = row["completeness_share"]
        is_seen = completeness is not None and completeness >= figures["least_completeness_share"]
        if not is_seen or row["holiday_week_count"]:
            continue
        tails = [_tail(row, name, sign, figures) for name, sign in (("stock", 1), ("dispatch", -1), ("price", 1))]
        known = [tail for tail in tails if tail is not None]
        if len(known) < len(tails):
            continue
        stock, dispatch, price = (expm1(row[f"{name}_log"]) for name in ("stock", "dispatch", "price"))
        yield Tested(
            row,
            max(known),
            is_strong=round(stock, 9) >= figures["stock_rise_share"]
            and round(-dispatch, 9) >= figures["dispatch_fall_share"]
            and round(price, 9) >= figures["price_rise_share"],
            facts={"value": price, "stock": stock, "dispatch": dispatch},
        )


def _tail(row: Row, name: str, sign: int, figures: Mapping[str, float]) -> float | None:
    """Probability of a change as far on its side, or further, by the changes before; None where they are too few."""
    value, middle, sd, weeks = (row[f"{name}_{part}"] for part in ("log", "mean_log", "sd_log", "week_count"))
    if value is None or not sd or weeks < figures["least_history_weeks"]:
        return None
    count = weeks / OVERLAP_WEEKS
    return student_tail(sign * (value - middle) / (sd * sqrt(1 + 1 / count)), count - 1)


def q_values(p_values: Sequence[float]) -> list[float]:
    """Return for each p-value the least false-discovery rate at which it is a discovery (Benjamini-Hochberg)."""
    count, least = len(p_values), 1.0
    found = [1.0] * count
    for place in sorted(range(count), key=lambda number: p_values[number], reverse=True):
        # The rank of equal ones is that of the last of them; going down from the top, it comes first.
        rank = sum(other <= p_values[place] for other in p_values)
        least = min(least, p_values[place] * count / rank)
        found[place] = least
    return found


def independent_weeks(weeks: float, memory: float) -> float:
    """Return how many independent weeks tell as much of a variance as so many that remember the week before.

    A first-order memory r leaves weeks x (1 - r^2) / (1 + r^2) of them (Bartlett 1946), at least one.
    """
    square = min(max(memory, 0.0), 1.0) ** 2
    return max(1.0, weeks * (1 - square) / (1 + square))


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal number is z or more."""
    return erfc(z / sqrt(2)) / 2


def f_lower_tail(ratio: float, degrees: float, base_degrees: float) -> float:
    """Return the probability that a ratio of two variances of one size is that small or smaller (Paulson 1942).

    Args:
        ratio: variance now by variance before.
        degrees: degrees of freedom of the variance now.
        base_degrees: those of the variance before.
    """
    if ratio <= 0:
        return 0.0
    root = ratio ** (-1 / 3)  # of the inverse ratio, whose upper tail it is
    now, before = 2 / (9 * degrees), 2 / (9 * base_degrees)
    return normal_tail(((1 - now) * root - (1 - before)) / sqrt(now * root**2 + before))


def student_tail(t: float, degrees: float) -> float:
    """Return the probability that a Student number is t or more (Wallace 1959)."""
    z = sqrt(degrees * log1p(t * t / degrees)) * (8 * degrees + 1) / (8 * degrees + 3)
    return normal_tail(z if t > 0 else -z)


def binomial_tail(count: int, share: float, least: int) -> float:
    """Return the probability of `least` or more of `count` where each comes with probability `share`."""
    if share >= 1:
        return 1.0
    odds = log(share) - log1p(-share)
    none = count * log1p(-share)
    return min(1.0, sum(comb(count, hit) * exp(none + hit * odds) for hit in range(least, count + 1)))


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")
