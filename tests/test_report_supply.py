"""The supply part of the weekly report: stock and cover as reported, and what is unknown said with its reason."""

from __future__ import annotations

import dataclasses

import duckdb
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, edition, facts
from pipelines.report.facts import Facts
from pipelines.report.parts import supply_cushion
from pipelines.report.words import Words
from pipelines.settings import Settings

GIVEN = {
    # county: stock in t, days it lasts, demand, contracted, cover
    "驻马店市": (467_092.3, 15.17, 265_512.8, 133_463.2, 1.554),
    "西平县": (30_000.0, 9.5, 52_000.0, 10_000.0, 0.192),
    "遂平县": (None, None, 11_222.4, 11_222.4, 3.5),
    "泌阳县": (9_000.0, 4.0, 8_000.0, 1_000.0, 1.1),
}
NAMES = ("stock_t", "stock_days", "demand_4w_t", "contracted_4w_t", "project_cover_ratio")


@pytest.fixture(scope="module")
def known(demo_city: Settings) -> tuple[Facts, blocks.Query]:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        found = facts.read(edition.Edition(con, edition.week_of(con, "2026-W47")), is_simulated=True)
        return found, supply_cushion.listing(found)


@pytest.fixture(scope="module")
def given(known: tuple[Facts, blocks.Query]) -> blocks.Query:
    """The cushion of the week with figures put in by hand; all other counties reported nothing."""
    _, query = known
    nothing = {
        **dict.fromkeys((*NAMES, "free_supply_t", "stock_site_count", "stock_asked_count")),
        "stock_reason": "stock_not_reported", "cover_reason": "demand_not_reported",
        "stock_coverage_share": 0.94, "stock_age_days": 3,
    }  # fmt: skip
    rows = []
    for row in query.rows:
        figures = dict(zip(NAMES, GIVEN.get(row["county_name"], (None,) * 5), strict=True))
        rows.append({**row, **nothing, **figures, "stock_site_count": 50, "stock_asked_count": 53})
    return dataclasses.replace(query, rows=tuple(rows))


def rows_of(table: blocks.Table) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row] for row in table.rows}


def test_the_table_shows_stock_demand_and_cover_and_says_why_there_is_none(
    known: tuple[Facts, blocks.Query], given: blocks.Query
) -> None:
    table = supply_cushion.table(known[0], given, Words("zh"))
    shown = rows_of(table)
    assert len(shown) == 11
    assert table.rows[0][0].text == "驻马店市"
    assert shown["驻马店市"][1:7] == ["467,092", "15.2", "50/53", "265,513", "133,463", "1.55"]
    assert shown["西平县"][1:7] == ["30,000", "9.5", "50/53", "52,000", "10,000", "0.19"]
    assert shown["遂平县"][1:7] == ["未报送", "未报送", "50/53", "11,222", "11,222", "3.50"]
    assert shown["新蔡县"][1:7] == ["未报送", "未报送", "50/53", "未报送", "未报送", "需求未报送"]


def test_a_cover_under_the_bound_of_the_rule_is_bold_and_named(
    known: tuple[Facts, blocks.Query], given: blocks.Query
) -> None:
    table = supply_cushion.table(known[0], given, Words("zh"))
    assert [row[0].text for row in table.rows if row[6].style == "strong"] == ["西平县"]
    assert [row[0].text for row in table.rows if row[6].note == "偏紧"] == ["泌阳县"]
    said = [sentence.text for sentence in supply_cushion.sentences(given, Words("zh"))]
    assert "保供系数低于预警界限：西平县 0.19。" in said
    stock = "报送库存 467,092 吨，按报送站点近 28 天日均发运可供 15.2 天"
    assert stock + "（50/53 站报送，占发运 94%；最早一份距周日 3 天）。" in said
    assert "未来 4 周重点工程需求 265,513 吨，已签约 133,463 吨，保供系数 1.55（签约与可用供应 ÷ 需求）。" in said


def test_the_edition_s_cushion_is_that_of_the_supply_level(
    demo_city: Settings, known: tuple[Facts, blocks.Query]
) -> None:
    columns = [name for name in known[1].columns if name not in ("county_name", "is_city", "manufactured_share")]
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        wanted = con.execute(
            f"SELECT {', '.join(columns)} FROM mart.supply_level_week WHERE week_start = DATE '2026-11-16'"
            " ORDER BY week_start, county_code"
        ).fetchall()
    assert len(wanted) == 11
    assert [tuple(row[name] for name in columns) for row in known[1].rows] == wanted


def test_substitution_is_the_share_of_manufactured_and_recycled(
    demo_city: Settings, known: tuple[Facts, blocks.Query]
) -> None:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        made, all_of_it = con.execute(
            "SELECT sum(dispatch_t) FILTER (source_class IN ('manufactured', 'recycled')), sum(dispatch_t)"
            " FROM report.product_week WHERE week_start = DATE '2026-11-16'"
        ).fetchall()[0]
    table = supply_cushion.table(*known, Words("zh"))
    assert rows_of(table)["驻马店市"][7] == Words("zh").percent(made / all_of_it)


def test_what_was_not_reported_says_why_and_is_no_nought(given: blocks.Query) -> None:
    silent = dataclasses.replace(given, rows=tuple({**row, **dict.fromkeys(NAMES)} for row in given.rows))
    said = " ".join(sentence.text for sentence in supply_cushion.sentences(silent, Words("zh")))
    assert "库存可供天数不计算：未报送。" in said
    assert "重点工程保供系数不计算：需求未报送。" in said
    assert supply_cushion.sentences(dataclasses.replace(given, rows=()), Words("en"))[0].text.endswith(
        "not reported."
    )
