"""Index totals: worked by hand, by their properties, and as docs/price_index.md tells them."""

from __future__ import annotations

import datetime as dt
import math
import random
import re
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import price_world as world
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import catalog
from pipelines.settings import ROOT

FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PRICE = st.floats(min_value=40, max_value=200)
PAGE = ROOT / "docs" / "price_index.md"
CITY = "411700"
FIRST_QUARTER = dt.date(2025, 9, 29)  # Monday of the week whose Thursday opens the quarter before the first quotes
STONE = {"product_id": "crushed_stone", "product_name": "碎石"}
Tonnes = Iterable[tuple[str, str | None, dt.date, float]]  # county, product, Monday, tonnes


def last_quarter(area: str, tonnes: float, product: str | None = "natural_sand") -> tuple[Any, ...]:
    """Tonnes of the quarter before the first quotes."""
    return (area, product, FIRST_QUARTER, tonnes)


def totals(
    quotes: Sequence[dict[str, Any]], tonnes: Tonnes = (), con: duckdb.DuckDBPyConnection | None = None
) -> list[dict[str, Any]]:
    """The totals of some quotes and releases, by scope and week."""
    import pandas as pd

    con = con or world.empty()
    con.execute(
        "CREATE OR REPLACE TABLE mart.county_product_week"
        " (county_code VARCHAR, product_id VARCHAR, week_start DATE, dispatch_t DECIMAL(18, 3))"
    )
    for row in tonnes:
        con.execute("INSERT INTO mart.county_product_week VALUES (?, ?, ?, ?)", list(row))
    frame = pd.DataFrame([*quotes])
    frame["line"] = range(1, len(frame) + 1)
    con.register("given", frame)
    con.execute("INSERT INTO staging.price_quote BY NAME SELECT * FROM given")
    con.unregister("given")
    for name in ("price_index_week", "price_index_total_week"):
        sql = (ROOT / "sql" / "mart" / f"{name}.sql").read_text(encoding="utf-8")
        con.execute(f"CREATE OR REPLACE TABLE mart.{name} AS ({sql}\n)")
    return world.rows(
        con,
        "SELECT * FROM mart.price_index_total_week"
        " ORDER BY scope, area_code, product_id, unit, basis, tax, week_start",
    )


def of(found: list[dict[str, Any]], scope: str, name: str, area: str = CITY) -> list[Any]:
    return [row[name] for row in found if (row["scope"], row["area_code"]) == (scope, area)]


# Two counties quote natural sand, one of them crushed stone too; 3,000 t, 1,000 t and 4,000 t in the quarter before.
SAND_A, SAND_B, STONE_B = [80, 88], [120, 120], [60, 57]
WEIGHED = [last_quarter("411725", 3000), last_quarter("411721", 1000), last_quarter("411721", 4000, "crushed_stone")]


@pytest.fixture(scope="module")
def two_counties() -> list[dict[str, Any]]:
    quotes = (
        world.series(SAND_A) + world.series(SAND_B, area="411721") + world.series(STONE_B, area="411721", **STONE)
    )
    return totals(quotes, WEIGHED)


def test_counties_weigh_by_the_tonnes_of_the_quarter_before(two_counties):
    jevons = 100 * 1.1 ** (3000 / 4000)
    laspeyres = 100 * (3000 * 88 + 1000 * 120) / (3000 * 80 + 1000 * 120)
    sand = [row for row in two_counties if row["product_id"] == "natural_sand"]
    assert [row["price_index"] for row in sand] == [100, pytest.approx(jevons, abs=1e-6)]
    assert [row["laspeyres_index"] for row in sand] == [100, pytest.approx(laspeyres, abs=1e-6)]
    assert [(row["weight_basis"], row["weight_quarter"]) for row in sand] == [
        (None, "2025-Q4"),
        ("tonnes", "2025-Q4"),
    ]
    assert [row["matched_weight_share"] for row in sand] == [0, 1]
    assert {(row["base_week"], row["segment"]) for row in sand} == {("2026-W02", 1)}


def test_products_weigh_in_a_county_and_both_in_the_city(two_counties):
    county = 100 * (57 / 60) ** (4000 / 5000)
    city = 100 * 1.1 ** (3000 / 8000) * (57 / 60) ** (4000 / 8000)
    assert of(two_counties, "county", "price_index", "411721")[1] == pytest.approx(county, abs=1e-6)
    assert of(two_counties, "city", "price_index")[1] == pytest.approx(city, abs=1e-6)
    cost = (3000 * 88 + 1000 * 120 + 4000 * 57) / (3000 * 80 + 1000 * 120 + 4000 * 60)
    assert of(two_counties, "city", "laspeyres_index")[1] == pytest.approx(100 * cost, abs=1e-6)
    assert of(two_counties, "city", "matched_element_count") == [0, 3]


def test_the_quarter_changes_with_the_thursday_and_a_part_of_a_quarter_does_not_count():
    spring = world.week(13)  # Monday 2026-04-06; the Thursday of week 12 is 2 April
    weights = [("411725", "natural_sand", world.week(2), 100), ("411721", "natural_sand", world.week(2), 300)]
    quotes = world.series([100] * 14) + world.series([100] * 11 + [110, 121, 133.1], area="411721")
    found = totals(quotes, [*weights, last_quarter("411725", 9, None)])
    assert of(found, "city", "weight_quarter")[11:] == ["2025-Q4", "2026-Q1", "2026-Q1"]
    assert of(found, "city", "weight_basis")[11:] == ["equal", "tonnes", "tonnes"]
    index = of(found, "city", "price_index")
    assert [index[11], index[12]] == pytest.approx([100 * 1.1**0.5, 100 * 1.1 ** (0.5 + 0.75)], abs=1e-6)
    late = totals(quotes, weights)  # weighing began in the middle of the quarter
    assert set(of(late, "city", "weight_basis")) == {None, "equal"}
    assert set(of(late, "city", "matched_weight_share")) == {None}
    assert spring.month == 4


def test_an_element_without_tonnes_has_no_weight_and_no_tonnes_at_all_count_equally():
    quotes = world.series([100, 120]) + world.series([100, 100], area="411721")
    found = totals(quotes, [last_quarter("411721", 50), last_quarter("411722", 150)])
    assert of(found, "city", "price_index") == [100, 100]
    assert of(found, "city", "matched_weight_share") == [0, 0.25]  # 上蔡县 sold the rest and is not quoted
    assert of(found, "city", "matched_element_count") == [0, 1]
    alone = totals(quotes)
    assert of(alone, "city", "price_index")[1] == pytest.approx(100 * math.sqrt(1.2), abs=1e-6)
    assert of(alone, "city", "laspeyres_index")[1] == pytest.approx(110)
    assert of(alone, "city", "weight_basis") == [None, "equal"]
    elsewhere = totals([row | {"area_code": "南區", "is_city_area": False} for row in quotes[:2]])
    assert {row["scope"] for row in elsewhere} == {"county"}


def test_the_quotes_of_the_city_itself_are_no_element():
    assert totals(world.series([100, 120], area=CITY), [last_quarter(CITY, 5)]) == []


def test_unlike_prices_never_meet():
    quotes = world.series([100, 110]) + world.series([150, 150], area="411721", unit="m3")
    found = [row for row in totals(quotes, WEIGHED) if row["scope"] == "city"]
    assert [(row["unit"], row["price_index"]) for row in found] == [("m3", 100), ("m3", 100), ("t", 100), ("t", 110)]


def test_a_break_is_never_chained_and_an_element_enters_from_its_second_week():
    gap = [None] * 5
    quotes = world.series([100, *gap, 200, 220]) + world.series([100] * 8, area="411721")
    found = totals(quotes, [last_quarter("411725", 100), last_quarter("411721", 100)])
    index = of(found, "city", "price_index")
    assert index[:7] == [100] * 7  # 200 after the break moves nothing
    assert index[7] == pytest.approx(100 * math.sqrt(1.1), abs=1e-6)
    alone = totals(world.series([100, *gap, 200, 220]), [last_quarter("411725", 100)])
    assert of(alone, "city", "segment") == [1, 1, 1, 1, 1, 2, 2]
    assert of(alone, "city", "price_index")[-2:] == [100, 110]
    assert of(alone, "city", "change_1w_share")[-2:] == [None, pytest.approx(0.1)]


def test_carried_weight_is_told_and_ends_after_four_weeks():
    quotes = world.series([100, 100]) + world.series([100, 100, 130, 130, 130, 130, 130], area="411721")
    found = totals(quotes, [last_quarter("411725", 300), last_quarter("411721", 100)])
    assert of(found, "city", "imputed_weight_share") == [None, 0, 0.75, 0.75, 0.75, 0.75, 0]
    assert of(found, "city", "matched_weight_share")[-2:] == [1, 0.25]
    assert set(of(found, "city", "is_imputed")) == {False}
    silent = totals(world.series([100, 100]) + world.series([None, None, 90], area="411721", unit="m3"))
    assert [row["is_imputed"] for row in silent if (row["scope"], row["unit"]) == ("city", "t")] == [
        False,
        False,
        True,
    ]


TWO_BY_THREE = st.lists(st.tuples(PRICE, PRICE, PRICE), min_size=3, max_size=4)


def drawn(paths: list[tuple[float, ...]]) -> list[dict[str, Any]]:
    places = [("411725", {}), ("411721", {}), ("411721", STONE)]
    return [row for (area, more), path in zip(places, zip(*paths, strict=True), strict=True)
            for row in world.series(path, area=area, **more)]  # fmt: skip


@FEW
@given(TWO_BY_THREE, st.floats(min_value=0.2, max_value=5), st.randoms(use_true_random=False))
def test_scale_and_order_of_rows_change_no_index(paths, factor, chance: random.Random):
    quotes = drawn(paths)
    scaled = [row | {"price_yuan": row["price_yuan"] * factor} for row in quotes]
    chance.shuffle(scaled)
    for before, after in zip(totals(quotes, WEIGHED), totals(scaled, WEIGHED), strict=True):
        assert (after["scope"], after["week_start"]) == (before["scope"], before["week_start"])
        assert after["price_index"] == pytest.approx(before["price_index"], rel=1e-7)
        assert after["laspeyres_index"] == pytest.approx(before["laspeyres_index"], rel=1e-5)  # prices to 0.0001 yuan


@FEW
@given(st.lists(PRICE, min_size=3, max_size=5), st.tuples(PRICE, PRICE, PRICE))
def test_equal_relatives_give_one_index(path, starts):
    found = totals(drawn([tuple(start * step for start in starts) for step in path]), WEIGHED)
    for row in found:
        assert row["laspeyres_index"] == pytest.approx(row["price_index"], rel=1e-7)


@FEW
@given(PRICE, st.tuples(PRICE, PRICE, PRICE))
def test_from_level_prices_laspeyres_is_never_below_jevons(start, ends):
    """Within one link that starts from one price, both weigh alike; else cost weighs by money, and may lie below."""
    for row in totals(drawn([(start,) * 3, ends]), WEIGHED):
        assert row["laspeyres_index"] >= row["price_index"] - 1e-5


def test_a_dear_element_that_falls_brings_the_cost_below_the_mean():
    quotes = world.series([200, 180]) + world.series([50, 55], area="411721")
    found = totals(quotes, [last_quarter("411725", 1), last_quarter("411721", 1)])
    assert of(found, "city", "price_index")[1] == pytest.approx(100 * math.sqrt(0.9 * 1.1), abs=1e-6)
    assert of(found, "city", "laspeyres_index")[1] == pytest.approx(94)


def test_the_table_is_made_whole_and_is_described_in_order(two_counties):
    model = catalog.models()["mart.price_index_total_week"]
    assert (model.period, model.lookback) == ("week_start", "unbounded")
    assert list(model.columns) == list(two_counties[0])


# The page


def percent(value: float | str, unit: str) -> str:
    return f"{round(100 * float(value), 2):g} %" if unit == "share" else str(value)


def bounded(bound: dict[str, Any]) -> str:
    return f"`{bound['measure']}` {SIGNS[bound['must_be']]} {percent(bound['value'], bound['unit'])}"


SIGNS = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<"}
HEADS = {
    "en": ("level", "clause", "method", "compared", "measures and bounds", "source of the first"),
    "zh": ("等级", "条款", "方法", "比较", "测度与界限", "首项来源"),
}
NEEDS = {"en": ("method", "needs", "source"), "zh": ("方法", "所需历史", "来源")}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


def blocks() -> dict[str, str]:
    """What the pages repeat of the rules, by page and name of the block."""
    rule = yaml.safe_load((ROOT / "sql/policy/price_level/rule.yaml").read_text(encoding="utf-8"))
    screens = yaml.safe_load((ROOT / "sql/policy/price_screen/rule.yaml").read_text(encoding="utf-8"))
    rungs = rule["rungs"]
    found = {}
    for language, head in HEADS.items():
        found[f"levels {language}"] = table(
            head,
            [
                (
                    step["level"], f"`{clause['rule']}`", rungs[clause.get("rung", "statutory")]["text"][language],
                    clause["text"][language],
                    "; ".join(map(bounded, clause["bounds"])),
                    clause["bounds"][0]["source"],
                )
                for step in rule["levels"] for clause in step["any_of"]
            ],
        )  # fmt: skip
        found[f"needs {language}"] = table(
            NEEDS[language],
            [
                (rung["text"][language], f"`{rung['needs']['measure']}` ≥ {rung['needs']['value']}",
                 rung["needs"]["source"])
                for rung in rungs.values()
            ],
        )  # fmt: skip
    found["figures"] = table(
        ("figure", "value", "source"),
        [(f"`{name}`", percent(spec["value"], spec["unit"]), spec["source"])
         for name, spec in screens["parameters"].items()],
    )  # fmt: skip
    return found


PAGES = (PAGE, ROOT / "docs" / "price_screens.md")
BLOCK = r"(<!-- {} -->\n).*?(<!-- end -->)"


@pytest.mark.parametrize("name", blocks())
def test_the_pages_repeat_the_rules_as_they_stand(name):
    told = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    block = re.search(BLOCK.format(name), told, re.DOTALL)
    assert block
    assert block[0] == f"{block[1]}{blocks()[name]}\n{block[2]}", "run: python tests/test_index.py"


def test_only_percentages_give_more_than_the_page_says():
    rule = yaml.safe_load((ROOT / "sql/policy/price_level/rule.yaml").read_text(encoding="utf-8"))
    assert {step["level"] for step in rule["levels"] for clause in step["any_of"] if clause.get("rung")} == {
        "蓝",
        "黄",
    }


def cells(head: str) -> list[list[str]]:
    """The rows of a table of the page, found by its first head."""
    text = PAGE.read_text(encoding="utf-8")
    body = text[text.index(f"| {head}") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()]


def test_the_worked_example_comes_out_as_told():
    head, _, *weeks = cells("week | 411725 A")
    quotes = []
    for place, name in enumerate(head[1:], start=1):
        area, market = name.split()
        path = [None if row[place] == "-" else float(row[place]) for row in weeks]
        quotes += world.series(path, area=area, market=market)
    con = world.empty()
    weights = [last_quarter(area, float(tonnes)) for area, tonnes in cells("county | tonnes in 2025-Q4")[2:]]
    found = [row for row in totals(quotes, weights, con) if row["scope"] == "city_product"]
    series = world.rows(con, "SELECT area_code, iso_week, price_index FROM mart.price_index_week")
    index = {(row["area_code"], row["iso_week"]): row["price_index"] for row in series}
    told = [[row[0], *map(float, row[1:])] for row in cells("week | 411725 | 411721")[2:]]
    assert told == [
        [
            row["iso_week"],
            *(index[area, row["iso_week"]] for area in ("411725", "411721")),
            row["price_index"],
            row["laspeyres_index"],
        ]
        for row in found
    ]
    text = PAGE.read_text(encoding="utf-8")
    for figure in ("102.469508", "1.02469508", "84.8528"):
        assert figure in text
    assert found[1]["price_index"] == pytest.approx(100 * 1.02469508**0.75, abs=1e-4)


def test_the_page_says_the_carry_and_the_decimals_of_the_files():
    text = PAGE.read_text(encoding="utf-8")
    elementary = catalog.models()["mart.price_index_week"].sql
    weeks = re.search(r"UNNEST\(\[([\d, ]+)\]\)", elementary)
    assert weeks
    carried = weeks[1].split(", ")[-1]
    assert f"at most {carried} weeks" in text
    assert f"最多沿用{carried}周" in text
    decimals = [re.search(rf"ROUND\([^\n]*, (\d)\) AS {name}", elementary) for name in ("price_index", "price_yuan")]
    assert [found and found[1] for found in decimals] == ["6", "4"]
    assert "stored to 6 decimals, changes as shares to 9, price levels to 4" in text
    publication = yaml.safe_load((ROOT / "sql/policy/publication/rule.yaml").read_text(encoding="utf-8"))
    least = publication["parameters"]["least_firm_count"]["value"]
    assert f"under {least} collection points" in text
    assert f"采价点少于{least}个" in text


if __name__ == "__main__":
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        for name, block in blocks().items():
            page = re.sub(
                BLOCK.format(name), lambda found, block=block: f"{found[1]}{block}\n{found[2]}", page, flags=re.DOTALL
            )
        path.write_text(page, encoding="utf-8")
