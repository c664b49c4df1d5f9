"""The supply part of the weekly report: stock and cover as reported, and what is unknown said with its reason."""

from __future__ import annotations

import dataclasses

import duckdb
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, weekly
from pipelines.report.parts import supply_cushion
from pipelines.report.words import Words
from pipelines.settings import Settings


@pytest.fixture(scope="module")
def report(demo_city: Settings) -> blocks.Report:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        return weekly.compose(con, "2026-W47", "zh")


@pytest.fixture(scope="module")
def section(report: blocks.Report) -> blocks.Section:
    return next(section for section in report.sections if section.name == "supply")


def rows_of(section: blocks.Section) -> dict[str, list[str]]:
    table = next(block for block in section.blocks if block.name == "supply_cushion")
    assert isinstance(table, blocks.Table)
    return {row[0].text: [cell.text for cell in row] for row in table.rows}


def test_stock_and_cover_are_those_of_the_level(demo_city: Settings, section: blocks.Section) -> None:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        wanted = con.execute(
            "SELECT region.county_name, stock_days, project_cover_ratio, stock_t FROM mart.supply_level_week"
            " JOIN reference.region AS region USING (county_code) WHERE week_start = DATE '2026-11-16'"
        ).fetchall()
    shown = rows_of(section)
    assert len(shown) == len(wanted) == 11
    for county, days, cover, stock in wanted:
        row = shown[county]
        assert row[1] == f"{stock:,.0f}"
        assert row[2] == (f"{days:.1f}" if days is not None else row[2])
        assert row[6] == (f"{cover:.2f}" if cover is not None else row[6])


def test_the_planted_shortages_are_named_and_bold(section: blocks.Section) -> None:
    table = next(block for block in section.blocks if block.name == "supply_cushion")
    assert isinstance(table, blocks.Table)
    bold = {row[0].text for row in table.rows if row[6].style == "strong"}
    assert "西平县" in bold
    said = next(sentence for sentence in section.sentences if "低于预警界限" in sentence.text)
    assert {name for name in bold if name != "驻马店市"} == {
        name for name in rows_of(section) if name in said.text and name != "驻马店市"
    }


def test_substitution_is_the_share_of_manufactured_and_recycled(demo_city: Settings, section: blocks.Section) -> None:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        made, all_of_it = con.execute(
            "SELECT sum(dispatch_t) FILTER (source_class IN ('manufactured', 'recycled')), sum(dispatch_t)"
            " FROM report.product_week WHERE week_start = DATE '2026-11-16'"
        ).fetchall()[0]
    assert rows_of(section)["驻马店市"][7] == Words("zh").percent(made / all_of_it)


def test_what_was_not_reported_says_why_and_is_no_nought(report: blocks.Report) -> None:
    query = report.queries["supply_cushion_week"]
    empty = dict.fromkeys(
        ("stock_days", "stock_t", "stock_site_count", "stock_asked_count", "stock_coverage_share", "stock_age_days",
         "project_cover_ratio", "demand_4w_t", "contracted_4w_t", "free_supply_t")
    )  # fmt: skip
    reasons = {"stock_reason": "stock_not_reported", "cover_reason": "demand_not_reported"}
    silent = dataclasses.replace(query, rows=tuple({**row, **empty, **reasons} for row in query.rows))
    said = " ".join(sentence.text for sentence in supply_cushion.sentences(silent, Words("zh")))
    assert "库存可供天数不计算：未报送。" in said
    assert "重点工程保供系数不计算：需求未报送。" in said
    assert "跨市到货：未报送" in said
    assert supply_cushion.sentences(dataclasses.replace(query, rows=()), Words("en"))[0].text.endswith(
        "not reported."
    )


def test_the_report_no_longer_calls_reported_stock_unreported(section: blocks.Section) -> None:
    said = " ".join(sentence.text for sentence in section.sentences)
    assert "报送库存 467,092 吨" in said
    assert "库存、跨市到货、重点工程需求：未报送" not in said
