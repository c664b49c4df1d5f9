"""Price screens: worked examples at every bound, sellers on their own, and what was planted."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import price_world as world
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines import catalog
from pipelines.rules import screens
from pipelines.settings import ROOT

FOLDER = ROOT / "sql" / "policy" / "price_screen"
TOLD = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
COUNTIES = [f"4117{number:02}" for number in (2, *range(21, 30))]
WEEKS = 70
PLANTED = ("411725", "planted")
FALSE_WORDS = ("证据", "证明", "实锤", "查实", "evidence of", "proof", "proves", "guilty", "colluded")


# Worked examples


def measured(screen: str, given: dict[str, Any], area: str) -> dict[str, Any]:
    """A row of the measure in which only one screen has something to test."""
    row: dict[str, Any] = {
        "area_code": area, "area_name": area, "product_id": "natural_sand", "product_name": "天然砂",
        "week_start": world.week(0), "iso_week": "2026-W02", "seller_count": 5, "day_seller_counts": [], "moves": [],
        "completeness_share": None, "holiday_week_count": 0,
    }  # fmt: skip
    for weeks in screens.WINDOWS:
        for spell in ("now", "before"):
            row |= {f"{spell}_{weeks}_{name}": None for name in ("square_sum", "degree_count", "memory_share")}
            row[f"{spell}_{weeks}_week_count"] = 0
    if screen == "same_move":
        pools = {f"{pool}{name}": given[pool][place] for pool in ("other", "past")
                 for place, name in enumerate(("_same_count", "_count"))}  # fmt: skip
        move = {"quoted_on": world.week(0), "unit": "t", "size_yuan": 7.5, "mover_count": given["movers"],
                "seller_count": given["sellers"], "size_count": given["sizes"], "sellers": ["甲", "乙"]}  # fmt: skip
        return row | {"day_seller_counts": given["days"], "moves": [move | pools]}
    shares = {
        name: value for name, value in given.items() if name in ("stock_share", "dispatch_share", "price_share")
    }
    for name, value in shares.items():
        part = name.removesuffix("_share")
        row |= {f"{part}_log": None if value is None else math.log1p(value), f"{part}_mean_log": 0}
    return row | {name: value for name, value in given.items() if name not in shares}


@pytest.mark.parametrize("case", TOLD["cases"], ids=lambda case: case["name"])
def test_case(case: dict[str, Any]) -> None:
    screen = case["screen"]
    usual = TOLD["usual"][screen]
    rows = [measured(screen, usual | case.get("given", {}), "subject")]
    for number in range(case.get("panel", 9)):
        others = case.get("others", [])
        other = others[number] if number < len(others) else TOLD["quiet"][screen]
        rows.append(measured(screen, usual | other, f"other{number}"))
    found = {row["area_code"]: row for row in screens.screened(rows, screens.load())}
    assert ("subject" in found) == case["lead"]
    if "tested" in case:
        assert len(looked_at(screen, rows)) == case["tested"]


def looked_at(screen: str, rows: list[dict[str, Any]]) -> list[screens.Tested]:
    figures = screens.load().figures
    if screen.startswith("spread"):
        return list(screens.spread(rows, int(screen.removeprefix("spread_")), figures))
    return list({"same_move": screens.same_move, "hoarding": screens.hoarding}[screen](rows, figures))


# Probabilities


@pytest.mark.parametrize(("degrees", "base"), [(4, 8), (11, 45), (52, 208)])
@pytest.mark.parametrize("ratio", [0.5, 0.25, 0.1])
def test_the_ratio_of_variances_is_never_told_rarer_than_it_is(ratio: float, degrees: int, base: int) -> None:
    exact = stats.f.cdf(ratio, degrees, base)
    found = screens.f_lower_tail(ratio, degrees, base)
    assert found >= 0.98 * exact
    if exact > 1e-3:
        assert found == pytest.approx(exact, rel=0.15)


def test_the_other_tails_are_those_of_the_tables() -> None:
    for degrees, t in ((5.5, 2), (12, 3), (12, 6), (12, -1)):
        assert screens.student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=0.05)
    for count, share, least in ((5, 0.02, 3), (9, 0.3, 4), (4, 1, 3)):
        assert screens.binomial_tail(count, share, least) == pytest.approx(stats.binom.sf(least - 1, count, share))
    assert screens.independent_weeks(13, 0) == 13
    assert screens.independent_weeks(13, 1) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1e-6, 0.01, 0.02, 0.3, 1.0]) | st.floats(0, 1), max_size=12))
def test_q_values_are_those_of_benjamini_and_hochberg(p_values: list[float]) -> None:
    exact = stats.false_discovery_control(p_values) if p_values else []
    assert screens.q_values(p_values) == pytest.approx(list(exact))


# A city of sellers


def city(seed: int) -> list[dict[str, Any]]:
    """Quotes of ten counties and one product: what all share, what lasts of a seller, and the noise of a week."""
    rng = np.random.default_rng(seed)
    common = np.zeros(WEEKS)
    for number in range(1, WEEKS):
        common[number] = 0.8 * common[number - 1] + rng.normal(0, 0.01)
    found = []
    for area in COUNTIES:
        sellers = int(rng.integers(4, 8))
        lasting, noise = rng.normal(0, 0.03, (sellers, 1)), rng.normal(0, 0.015, (sellers, WEEKS))
        price = np.round(200 * np.exp(common + lasting + noise)) / 2
        days = rng.integers(3, 5, (sellers, WEEKS))
        for (seller, number), value in np.ndenumerate(price):
            on = world.week(number) + dt.timedelta(days=int(days[seller, number]))
            found.append(world.quote(number, float(value), area, f"{area}之{seller}", on=on))
    return found


def collude(quotes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From 13 weeks before the end the sellers of a county quote one price, which moves by 7.5 yuan in one week."""
    first = world.week(WEEKS - 13)
    joint = {world.week(number): 100 + (7.5 if number >= WEEKS - 5 else 0) for number in range(WEEKS)}
    for row in quotes:
        if row["area_code"] == PLANTED[0] and row["week_start"] >= first:
            on = row["week_start"] + dt.timedelta(days=3)
            row |= {"price_yuan": joint[row["week_start"]], "quoted_on": on}
    return quotes


def hoard(con: duckdb.DuckDBPyConnection, quotes: list[dict[str, Any]]) -> None:
    """A county's site: calm stock, dispatch and price of one seller; in the last 3 weeks it sells less for more."""
    rng = np.random.default_rng(5)
    product = {"product_id": PLANTED[1], "product_name": "石粉"}
    for number in range(WEEKS):
        is_held = number >= WEEKS - 3
        price = (70 if is_held else 60) * math.exp(rng.normal(0, 0.005))
        quotes.append(world.quote(number, price, PLANTED[0], "一家", **product))
        stock = (15000 if is_held else 10000) * math.exp(rng.normal(0, 0.01))
        sold = (300 if is_held else 1000) * math.exp(rng.normal(0, 0.03))
        monday = world.week(number)
        con.execute("INSERT INTO staging.stock_report BY NAME SELECT 'S' AS site_id, ?::DATE + 4 AS reported_on,"
                    " ? AS product_id, ? AS stock_t, ? AS county_code",
                    [monday, PLANTED[1], stock, PLANTED[0]])  # fmt: skip
        con.execute("INSERT INTO mart.county_product_week VALUES (?, ?, ?, ?)", [*PLANTED, monday, sold])
        con.execute("INSERT INTO mart.site_week VALUES ('S', ?, ?, ?, 7, 7, 1, FALSE, NULL)",
                    [PLANTED[0], monday, sold])  # fmt: skip


def leads(con: duckdb.DuckDBPyConnection, quotes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    import pandas as pd

    frame = pd.DataFrame(quotes)
    frame["line"] = range(1, len(frame) + 1)
    con.register("given", frame)
    con.execute("INSERT INTO staging.price_quote BY NAME SELECT * FROM given")
    con.unregister("given")
    world.make(con, "price_index_week")
    return screens.leads(con)


@pytest.fixture(scope="module")
def planted() -> Iterator[tuple[duckdb.DuckDBPyConnection, list[dict[str, Any]]]]:
    con = world.empty()
    quotes = collude(city(1))
    hoard(con, quotes)
    yield con, leads(con, quotes)
    con.close()


@pytest.mark.parametrize("seed", [2, 3])
def test_independent_sellers_are_left_alone(seed: int) -> None:
    """One city is tested 69 times for same moves and 6 times for spread: 5 % of 75 is 3.75 weeks with a lead."""
    found = leads(world.empty(), city(seed))
    assert len(found) <= 3


def test_what_is_planted_is_found(planted: Any) -> None:
    found = {}
    for row in planted[1]:
        found.setdefault((row["screen"], row["area_code"], row["product_id"]), []).append(row)
    place = (PLANTED[0], "natural_sand")
    assert found[("spread_13", *place)][-1]["week_start"] == world.week(WEEKS - 1)
    moved = next(row for row in found[("same_move", *place)] if row["week_start"] == world.week(WEEKS - 5))
    assert moved["value"] == moved["base"] == moved["seller_count"]
    assert "+7.50" in moved["text_zh"]
    assert moved["sellers"].count("、") == moved["value"] - 1
    assert [row["week_start"] for row in found[("hoarding", *PLANTED)]][-1] == world.week(WEEKS - 1)
    strangers = [key for key in found if key[1] != PLANTED[0]]
    assert sum(len(found[key]) for key in strangers) <= 3


def test_no_stock_report_no_lead_and_an_empty_world_none(planted: Any) -> None:
    con, found = planted
    assert screens.leads(_judged_empty()) == []
    con.execute("BEGIN")
    con.execute("DELETE FROM staging.stock_report")
    again = screens.leads(con)
    con.execute("ROLLBACK")
    assert again == [row for row in found if row["screen"] != "hoarding"]


def _judged_empty() -> duckdb.DuckDBPyConnection:
    con = world.empty()
    world.make(con, "price_index_week")
    return con


def test_a_lead_names_no_guilt_and_stays_inside(planted: Any) -> None:
    texts = [row[name] for row in planted[1] for name in ("text_zh", "text_en")]
    assert all("相符" in text or "consistent with" in text for text in texts)
    said = [path.read_text(encoding="utf-8") for path in (*FOLDER.rglob("*.*"), ROOT / "docs" / "price_index.md")]
    said.append((ROOT / "pipelines" / "rules" / "screens.py").read_text(encoding="utf-8"))
    assert [(word, text) for text in said for word in FALSE_WORDS if word in text.lower()] == []
    rule = yaml.safe_load((FOLDER / "rule.yaml").read_text(encoding="utf-8"))
    for screen in rule["screens"].values():
        assert "相符" in screen["text"]["zh"]
        assert "consistent with" in screen["text"]["en"]
    assert all(spec["source"].startswith(("系统默认", "筛查方法")) for spec in rule["parameters"].values())
    for model in catalog.models().values():
        assert "mart.price_screen" not in model.reads or not model.name.startswith("public."), model.name
    for path in (ROOT / "pipelines" / "alerting").rglob("*"):
        assert not path.is_file() or b"price_screen" not in path.read_bytes(), path


def test_the_measure_and_the_table_are_described_in_order(planted: Any) -> None:
    for name in ("measure", "is_due"):
        text = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
        described = world.rows(planted[0], f"DESCRIBE {text[text.index('*/') + 2 :]}")
        assert list(catalog.header_of(text, name)["columns"]) == [row["column_name"] for row in described]
    table = catalog.read_model(FOLDER / "table" / "price_screen.sql", "mart")
    assert set(planted[1][0]) == set(table.columns)
