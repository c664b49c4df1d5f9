"""The part on prices: worked examples put in by hand, what is said of them, and charts that can be read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import chart_looks
import duckdb
import pytest
from price_world import build, make, quote, rows, sellers, week

from pipelines.report import edition, facts
from pipelines.report.blocks import Chart, Query, Section, Table, Week
from pipelines.report.charts import style
from pipelines.report.parts import prices
from pipelines.report.words import Words
from pipelines.settings import ROOT

LAST = 7  # the week of the report, counted from price_world.MONDAY
COUNTIES = ("411702", "411721", "411722", "411723", "411724", "411725", "411726", "411727", "411728", "411729")
REPORT = ("price_quote_week", "price_total_week", "price_basis_week", "price_week", "price_episode_week",
          "price_year_week")  # fmt: skip


def report_tables(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Build what the report reads, from the files as they stand."""
    con.execute("CREATE SCHEMA IF NOT EXISTS report")
    con.execute(
        "CREATE TABLE report.week AS SELECT DISTINCT week_start, strftime(week_start, '%G-W%V') AS iso_week"
        " FROM mart.price_index_week"
    )
    for name, types in (
        ("product", "{}"), ("region_tile", "{'county_code': 'VARCHAR'}"), ("lunar_new_year", "{}"),
    ):  # fmt: skip
        path = str(ROOT / "sql" / "reference" / f"{name}.csv")
        options = f", types = {types}" if types != "{}" else ""
        con.execute(f"CREATE TABLE reference.{name} AS SELECT * FROM read_csv(?{options})", [path])
    con.execute(
        "CREATE TABLE mart.supply_driver_week (county_code VARCHAR, week_start DATE, driver_rank INTEGER,"
        " kind VARCHAR, subject VARCHAR, subject_name VARCHAR, value_t DECIMAL(18, 3), text_zh VARCHAR)"
    )
    con.execute("CREATE TABLE mart.county_week (week_start DATE)")
    make(con, "price_index_total_week")
    make(con, "year_week")
    for name in REPORT:
        sql = (ROOT / "sql" / "report" / f"{name}.sql").read_text(encoding="utf-8")
        con.execute(f"CREATE TABLE report.{name} AS {sql}")
    return con


def facts_of(con: duckdb.DuckDBPyConnection, number: int = LAST) -> facts.Facts:
    start = week(number)
    end = start + dt.timedelta(days=6)
    seen = edition.Edition(
        con, Week(start, f"{start:%G-W%V}", end, end, end, None, is_complete=True, is_holiday=False)
    )
    nothing = Query("nothing", "", (), ())
    given: dict[str, Any] = {field.name: nothing for field in dataclasses.fields(facts.Facts)}
    return facts.Facts(**given | {
        "edition": seen, "week": seen.week, "is_simulated": False,
        "region": seen.all_of("reference.region"),
        "product": seen.all_of("reference.product", order="rowid"),
        "prices": seen.week_of("price_week"),
        "price_history": seen.week_of("price_week", weeks=facts.PRICE_WEEKS, only="is_main_kind", as_name="history"),
        "episodes": seen.week_of("price_episode_week"),
    })  # fmt: skip


def a_city() -> list[dict[str, Any]]:
    """411725 rises by 22 % in week 5, 411726 has one seller, 411727 falls silent, two quote delivered."""
    found: list[dict[str, Any]] = []
    for place, area in enumerate(COUNTIES):
        base = 90 + place
        path: list[float | None] = [base + (number * (place + 3)) % 4 for number in range(LAST + 1)]
        if area == "411725":
            path[5:] = [round(base * 1.22) for _ in path[5:]]
        if area == "411727":
            path[LAST] = None
        found += sellers(1 if area == "411726" else 4, path, area, area_name=area)
        found += sellers(3, [base + 40] * (LAST + 1), area, area_name=area, product_id="crushed_stone",
                         product_name="碎石", spec="10-20")  # fmt: skip
        if area in ("411725", "411729"):
            found += sellers(1, [base + 60] * (LAST + 1), area, area_name=area, basis="delivered")
    return found


@pytest.fixture(scope="module")
def city() -> Iterator[duckdb.DuckDBPyConnection]:
    con = report_tables(build(a_city()))
    con.execute(
        "INSERT INTO mart.supply_driver_week VALUES ('411725', ?, 1, 'stock_low', 's1', '甲厂', 900, '甲厂：库存低')",
        [week(LAST)],
    )
    yield con
    con.close()


@pytest.fixture(scope="module")
def section(city: duckdb.DuckDBPyConnection) -> Section:
    return prices.section(facts_of(city), Words("zh"))


def table(section: Section, name: str) -> Table:
    found = next(block for block in section.blocks if block.name == name)
    assert isinstance(found, Table)
    return found


def test_the_city_total_is_the_worked_example_of_the_method_page() -> None:
    quotes = [
        quote(1, 80, "411725", "A"), quote(1, 90, "411725", "B"), quote(1, 100, "411721", "C"),
        quote(2, 84, "411725", "A"), quote(2, 90, "411725", "B"), quote(2, 100, "411721", "C"),
        quote(3, 84, "411725", "A"), quote(3, 110, "411721", "C"),
    ]  # fmt: skip
    con = build(quotes)
    con.execute(
        "INSERT INTO mart.county_product_week VALUES ('411725', 'natural_sand', '2025-09-29', 3000),"
        " ('411721', 'natural_sand', '2025-09-29', 1000)"
    )
    report_tables(con)
    found = rows(con, "SELECT * FROM report.price_total_week WHERE scope = 'city_product' ORDER BY week_start")
    assert [row["price_index"] for row in found] == pytest.approx([100, 101.846471, 104.302366], abs=1e-6)
    assert [row["laspeyres_gap_points"] for row in found] == pytest.approx([0, -0.073466, 0.291048], abs=2e-6)
    assert [row["is_main_kind"] for row in found] == [True] * 3
    said = prices.section(facts_of(con, 3), Words("zh"))
    total = table(said, "price_totals")
    texts = [[cell.text for cell in row] for row in total.rows]
    assert texts[1] == ["天然砂", "104.3", "+2.4%", "—", "—", "—", "104.6", "2", "2025-Q4 吨数", "37.5%"]
    assert "2026-W03=100" in total.rows[1][0].note
    assert [total.rows[1][place].note for place in (6, 7)] == ["+0.3", "2/2"]
    assert total.total_rows == 1
    assert "Jevons" in said.sentences[0].text
    assert "报价 2 条" in said.sentences[0].text
    assert "2025-Q4 出场吨数" in said.sentences[0].text
    con.close()


def test_the_quotes_listed_give_the_links_of_the_index(city: duckdb.DuckDBPyConnection) -> None:
    (worst, lines, carried) = city.execute(
        """
        WITH link AS (
            SELECT week_start, area_code, product_id, basis, avg(ln(relative_ratio)) AS ln_link,
                count(relative_ratio) AS matched, count(*) FILTER (carried_week_count > 0) AS carried
            FROM report.price_quote_week GROUP BY ALL)
        SELECT max(abs(exp(link.ln_link) - 1 - point.change_1w_share)),
            count(*) FILTER (link.matched IS DISTINCT FROM point.matched_quote_count),
            count(*) FILTER (link.carried IS DISTINCT FROM point.carried_quote_count)
        FROM mart.price_index_week AS point FULL JOIN link USING (week_start, area_code, product_id, basis)
        """
    ).fetchone() or (None, None, None)
    assert worst < 1e-8
    assert (lines, carried) == (0, 0)


def test_every_price_block_lists_the_quotes_behind_it(section: Section) -> None:
    for block in section.blocks:
        (quotes,) = block.sources
        assert quotes.name == "price_quotes"
        assert {"quote_id", "source", "area_code", "product_id", "quoted_on", "price_yuan", "unit", "tax",
                "snapshot_sha256", "line"} <= set(quotes.columns), block.name  # fmt: skip
    silent = [row for row in quotes.rows if row["area_code"] == "411727" and row["product_id"] == "natural_sand"]
    assert {row["carried_week_count"] for row in silent} == {1}


def test_an_alert_says_method_interval_other_clauses_sample_and_supply(section: Section) -> None:
    (alert,) = table(section, "price_episodes").rows
    level, series, change, why, *_, sample, supply = alert
    assert level.text == "橙"
    assert series.text.startswith("确山县天然砂") or "411725" in series.text
    assert "四周涨幅 95% 区间" in why.text
    assert "界限 ≥\u00a020%" in why.text
    assert why.note.startswith("方法：分级比例；同时达到：")
    assert "较近26周最低周 ≥\u00a020%" in why.note
    assert "显著上涨" in why.note or "滚动最高 需53周" in why.note
    assert "第 3 周" in change.note
    assert "去掉涨幅最大的采价点后仍为" in sample.note
    assert "报价出自一个来源" in sample.note
    assert supply.note == "同期供应情况（不表示原因）：甲厂：库存低"


def test_a_rise_that_one_seller_makes_is_marked() -> None:
    flat, risen = [100.0] * (LAST + 1), [100.0] * LAST + [190.0]
    con = report_tables(build([*sellers(3, flat), *sellers(1, risen, spec="细砂")]))
    (alert,) = table(prices.section(facts_of(con), Words("zh")), "price_episodes").rows
    assert alert[7].style == "strong"
    assert "主要靠一个采价点：去掉后为 +0.0%" in alert[7].note
    con.close()


def test_both_bases_stand_side_by_side_and_only_where_both_are_quoted(section: Section) -> None:
    pairs = table(section, "price_basis")
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in pairs.rows}
    assert shown["新蔡县"] == ["99.0", "159.0", "+60.0"]
    assert shown["驿城区"] == ["—"] * 3
    assert "不是运价" in pairs.foot
    said = " ".join(sentence.text for sentence in section.sentences)
    assert "天然砂 39 至 60 元/吨（2 个县区）" in said


def test_the_map_has_a_tile_for_every_county_and_none_twice(city: duckdb.DuckDBPyConnection) -> None:
    tiles = city.execute("SELECT county_code, column_no, row_no FROM reference.region_tile ORDER BY ALL").fetchall()
    assert tuple(code for code, _, _ in tiles) == COUNTIES
    assert len({place[1:] for place in tiles}) == len(COUNTIES)
    where = {code: (column, row) for code, column, row in tiles}
    assert where["411721"][1] < where["411728"][1] < where["411702"][1] < where["411725"][1]  # north to south
    assert where["411726"][0] < where["411725"][0] < where["411727"][0] < where["411729"][0]  # west to east


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("is_narrow", [False, True])
def test_no_label_is_cut_or_lies_on_another(city: duckdb.DuckDBPyConnection, language: str, is_narrow: bool) -> None:
    for chart in prices.section(facts_of(city), Words(language)).blocks:
        if not isinstance(chart, Chart):
            continue
        chart_looks.assert_readable(chart, is_narrow=is_narrow)


def test_charts_say_how_far_the_data_reach_and_in_what_unit(section: Section) -> None:
    for block in section.blocks:
        assert f"数据截至 {week(LAST) + dt.timedelta(days=6)}" in block.foot
        if isinstance(block, Chart):
            assert len(block.alt) > 20
            assert "100" in block.unit


def seen_as(color: str, *, eye: str) -> tuple[float, float, float]:
    """CIE L*, a*, b* of a colour as a normal eye, grey print or an eye without green cones (Machado 2009) has it."""
    sent = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in sent]
    if eye == "deuteranopia":
        matrix = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
        light = [max(sum(m * part for m, part in zip(line, light, strict=True)), 0.0) for line in matrix]
    red, green, blue = light
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    lab = (116 * y - 16, 500 * (x - y), 200 * (y - z))
    return (lab[0], 0.0, 0.0) if eye == "grey" else lab


@pytest.mark.parametrize(
    ("colors", "least"),
    [
        ((*style.LINES, style.INK), 9.0),
        (tuple(fill for fill, _ in style.LEVELS.values()), 9.0),
    ],
)
@pytest.mark.parametrize("eye", ["grey", "deuteranopia"])
def test_colours_that_mean_something_differ_for_every_eye(colors: tuple[str, ...], least: float, eye: str) -> None:
    for one, other in combinations(colors, 2):
        apart = math.dist(seen_as(one, eye=eye), seen_as(other, eye=eye))
        assert apart >= least, (eye, one, other, round(apart, 1))


def test_texts_on_lights_can_be_read() -> None:
    def light(color: str) -> float:
        return ((seen_as(color, eye="normal")[0] + 16) / 116) ** 3

    for level, (fill, text) in style.LEVELS.items():
        a, b = sorted((light(fill), light(text)))
        assert (b + 0.05) / (a + 0.05) >= 3, level
