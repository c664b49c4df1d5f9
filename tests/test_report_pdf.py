"""The PDF of the weekly report: the words of the page, on pages that cut nothing, as the same bytes again."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re

import duckdb
import pypdf
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, weekly
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import pdf
from pipelines.report.formats.masking import masked
from pipelines.settings import Settings

WEEK = "2026-W47"


@pytest.fixture(scope="module")
def report(demo_city: Settings) -> blocks.Report:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        found = weekly.compose(con, WEEK, "zh")
    note = blocks.Note("王工", dt.date(2026, 11, 23), ("确山县一家停产检修。",))
    issue = blocks.Issue("internal", "preliminary", 1, "李主任")
    return dataclasses.replace(found, notes=(note,), issue=issue, imprint=(blocks.Sentence("代码版本 x.y"),))


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="module")
def content(report: blocks.Report, pictures: Pictures) -> bytes:
    return pdf.files(report, pictures)[pdf.NAME]


def pages(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


def solid(text: str) -> str:
    """A text without blanks, and with the signs that a PDF may write otherwise made alike."""
    return re.sub(r"\s", "", text)


def test_every_word_and_figure_of_the_report_is_in_it(report: blocks.Report, content: bytes) -> None:
    text = solid("".join(re.sub(r"\n\d+ / \d+\s*$", "", page) for page in pages(content)))
    wanted = [
        report.title,
        report.subtitle,
        "内部 · 初报 第 1 号（李主任 签发）",
        "确山县一家停产检修。",
        "王工，2026-11-23",
    ]
    wanted += [word for tile in report.headline.tiles for word in (tile.label, tile.value, tile.note)]
    for section in (*report.sections, report.method):
        wanted += [section.title]
    for block in report.blocks:
        wanted += [block.title]
        if isinstance(block, blocks.Table):
            wanted += [masked(cell.text) for row in block.rows for cell in row]
    assert len(wanted) > 800
    assert [word for word in wanted if solid(word) not in text] == []


def test_pages_are_numbered_and_say_what_they_belong_to(content: bytes) -> None:
    found = pages(content)
    assert len(found) >= 4
    for number, text in enumerate(found, 1):
        assert f"{number} / {len(found)}" in text
        if number > 1:
            assert WEEK in text
            assert "初报" in text
    meta = pypdf.PdfReader(io.BytesIO(content))
    assert meta.outline  # the headings, to move by
    assert "/CreationDate" not in (meta.metadata or {})


def test_the_same_report_gives_the_same_bytes(report: blocks.Report, content: bytes) -> None:
    assert pdf.files(report, Pictures())[pdf.NAME] == content


def test_a_long_table_repeats_its_head_and_a_name_is_no_markup(report: blocks.Report, pictures: Pictures) -> None:
    query = blocks.Query("long", "SELECT 1", ("x",), ())
    name = '#panic("x") *重* $x$ <label> @ref 豫Q12345'
    rows = tuple((blocks.Cell(f"{name} {number}"), blocks.Cell(f"{number:,}")) for number in range(200))
    table = blocks.Table(
        "long", "长表", (blocks.Column("站点一览"), blocks.Column("吨数", "吨", True)), rows, query, "脚注"
    )
    section = blocks.Section("long", "长表一节", (), (table,))
    found = pages(pdf.files(dataclasses.replace(report, sections=(section,)), pictures)[pdf.NAME])
    long = [page for page in found if "#panic" in page]
    assert len(long) >= 3
    assert all("站点一览" in page for page in long)
    text = solid("".join(long))
    assert text.count('#panic("x")*重*$x$<label>@ref') == 200
    assert "豫Q12345" not in text


def test_a_table_too_wide_for_a_page_lies_on_its_side(report: blocks.Report, pictures: Pictures) -> None:
    query = blocks.Query("wide", "SELECT 1", ("x",), ())
    columns = tuple(blocks.Column(f"列{number}", "", True) for number in range(20))
    table = blocks.Table("wide", "宽表", columns, (tuple(blocks.Cell("12,345.6") for _ in columns),), query, "脚注")
    section = blocks.Section("wide", "宽表一节", (), (table,))
    content = pdf.files(dataclasses.replace(report, sections=(section,)), pictures)[pdf.NAME]
    found = [page for page in pypdf.PdfReader(io.BytesIO(content)).pages if "列19" in solid(page.extract_text())]
    assert len(found) == 1
    assert found[0].mediabox.width > found[0].mediabox.height
    assert found[0].extract_text().count("12,345.6") == 20  # each on one line
