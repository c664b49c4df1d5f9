"""The Word document of the weekly report: read back it says what the page says, and it cuts nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import zipfile
from typing import Any

import docx
import duckdb
import pytest
from docx.enum.section import WD_ORIENT

from pipelines.publishing import editions
from pipelines.report import blocks, weekly
from pipelines.report.charts.figures import width_em
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import widths, wordfile
from pipelines.report.formats.masking import masked
from pipelines.settings import Settings


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="module")
def report(demo_city: Settings) -> blocks.Report:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        found = weekly.compose(con, "2026-W47", "zh")
    note = blocks.Note("王工", dt.date(2026, 11, 23), ("确山县一家停产检修。",))
    issue = blocks.Issue("internal", "preliminary", 1, "李主任")
    return dataclasses.replace(found, notes=(note,), issue=issue)


@pytest.fixture(scope="module")
def content(report: blocks.Report, pictures: Pictures) -> bytes:
    return wordfile.files(report, pictures)[wordfile.NAME]


@pytest.fixture(scope="module")
def document(content: bytes) -> Any:
    return docx.Document(io.BytesIO(content))


def test_every_table_is_read_back_cell_by_cell(report: blocks.Report, document: Any) -> None:
    tables = [block for block in report.blocks if isinstance(block, blocks.Table) and block.rows]
    assert len(tables) >= 10
    first, *found = document.tables
    assert [[cell.text for cell in row.cells] for row in first.rows] == [
        [tile.label, tile.value, tile.note] for tile in report.headline.tiles
    ]
    assert len(found) == len(tables)
    for table, read in zip(tables, found, strict=True):
        head, *rows = [[cell.text for cell in row.cells] for row in read.rows]
        assert head == [f"{one.title}（{one.unit}）" if one.unit else one.title for one in table.columns]
        assert rows == [
            [masked(f"{cell.text}\n{cell.note}" if cell.note else cell.text) for cell in row] for row in table.rows
        ]
        assert "w:tblHeader" in read.rows[0]._tr.xml


def test_words_stand_in_reading_order(report: blocks.Report, document: Any) -> None:
    texts = [paragraph.text for paragraph in document.paragraphs]
    heads = [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Heading 1"]
    sections = [section.title for section in (*report.sections, report.method)]
    assert heads == ["本周要点", "本周说明", *sections, "附录 查询与数据文件", "编制信息"]
    assert texts[0] == "内部 · 初报 第 1 号（李主任 签发）"
    assert texts[1] == report.title
    assert "确山县一家停产检修。" in texts
    assert "王工，2026-11-23" in texts
    said = [masked(sentence.text) for section in report.sections for sentence in section.sentences]
    assert said
    assert set(said) <= set(texts)
    assert {query.sql for query in report.queries.values()} <= set(texts)


def test_every_picture_has_a_text(report: blocks.Report, document: Any) -> None:
    about = [shape._inline.docPr.get("descr") for shape in document.inline_shapes]
    assert about == [block.alt for block in report.blocks if isinstance(block, blocks.Chart)]
    assert all(shape.width.cm <= wordfile.UPRIGHT_CM + 0.01 for shape in document.inline_shapes)


def test_wide_tables_lie_on_their_side_and_none_is_wider_than_its_page(report: blocks.Report) -> None:
    columns = tuple(blocks.Column(f"第 {number} 列", "吨", is_number=True) for number in range(24))
    rows = (tuple(blocks.Cell("1,234,567.8") for _ in columns),)
    wide = blocks.Table("wide", "宽表", columns, rows, report.blocks[0].queries[0], "尾注")
    assert widths.is_wide(wide)
    section = blocks.Section("x", "x", (), (wide,))
    content = wordfile.files(dataclasses.replace(report, sections=(section, report.sections[0])), Pictures())
    document = docx.Document(io.BytesIO(content[wordfile.NAME]))
    # Upright, on its side for the wide table, and upright again.
    turned = [section.orientation for section in document.sections]
    assert turned == [WD_ORIENT.PORTRAIT, WD_ORIENT.LANDSCAPE, WD_ORIENT.PORTRAIT]
    for page in document.sections:
        is_lying = page.orientation == WD_ORIENT.LANDSCAPE
        assert (page.page_width.cm > page.page_height.cm) == is_lying
    for table in document.tables:
        assert sum(column.width.cm for column in table.columns) <= wordfile.LYING_CM + 0.1


def test_it_is_the_same_bytes_and_has_no_clock(report: blocks.Report, content: bytes, pictures: Pictures) -> None:
    assert wordfile.files(report, pictures)[wordfile.NAME] == content
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert {entry.date_time for entry in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = package.read("docProps/core.xml").decode()
    assert "2000-01-01T00:00:00Z" in core
    assert "python-docx" not in core


def test_chinese_letters_have_the_typefaces_of_official_papers(document: Any) -> None:
    xml = document.styles.element.xml
    for face in (wordfile.BODY, wordfile.HEADS, wordfile.TITLE):
        assert f'w:eastAsia="{face}"' in xml


def test_no_number_is_broken_by_its_column(report: blocks.Report) -> None:
    for table in (block for block in report.blocks if isinstance(block, blocks.Table) and block.rows):
        width = wordfile.LYING_CM if widths.is_wide(table) else wordfile.UPRIGHT_CM
        em_cm = wordfile.TABLE_PT * widths.shrink(table) * wordfile.CM_A_POINT
        columns = widths.in_cm(table, width, em_cm, wordfile.CELL_PADDING_CM)
        assert sum(columns) == pytest.approx(width)
        for place, (column, given) in enumerate(zip(table.columns, columns, strict=True)):
            longest = max(width_em(row[place].text) for row in table.rows) * em_cm
            if column.is_number:
                assert given >= longest + 0.38, (table.name, column.title)
