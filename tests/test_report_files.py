"""The files beside the page say what the page says: workbook, Parquet, CSV and pictures."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import struct
from decimal import Decimal
from typing import Any

import duckdb
import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.publishing import editions
from pipelines.publishing.query_output import plain
from pipelines.report import blocks, weekly
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import data_files, picture_files, workbook
from pipelines.report.formats.masking import masked
from pipelines.report.words import Words
from pipelines.settings import Settings

WEEK = "2026-W47"


@pytest.fixture(scope="module")
def report(demo_city: Settings) -> blocks.Report:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        return weekly.compose(con, WEEK, "zh")


@pytest.fixture(scope="module")
def book(report: blocks.Report) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(workbook.files(report, Pictures())[workbook.NAME]))


@pytest.fixture(scope="module")
def files(report: blocks.Report) -> dict[str, bytes]:
    return data_files.files(report, Pictures())


def as_shown(value: float, shape: str) -> str:
    """What a spreadsheet shows of a number in the formats that the workbook uses."""
    positive, negative, zero = shape.split(";")
    part = zero if value == 0 else positive if value > 0 else negative
    match = re.fullmatch(r'([+−-]?)(#,##0|0)(\.0+)?(%?)(?:"(\*?)")?', part)
    assert match, part
    sign, whole, decimals, percent, star = match.groups()
    size = abs(Decimal(repr(value))) * (100 if percent else 1)
    digits = len(decimals) - 1 if decimals else 0
    return f"{sign}{size:{',' if ',' in whole else ''}.{digits}f}{percent}{star or ''}"


@settings(max_examples=60)
@given(value=st.decimals(-10_000_000, 10_000_000, places=3), digits=st.integers(0, 2))
def test_a_number_of_the_page_is_a_number_that_shows_the_same_again(value: Decimal, digits: int) -> None:
    words = Words("zh")
    for text in (
        words.number(value, digits),
        words.percent(value, digits),
        words.percent(value, digits, signed=True),
    ):
        found = workbook.number_of(text)
        if "," in text and text.endswith("%"):
            continue  # no share of the report is above ten times; percent carries no separators
        assert found is not None, text
        shown = as_shown(*found)
        assert shown.replace("−", "-").replace(",", "") == text.replace("−", "-").replace(",", ""), text


@pytest.mark.parametrize("text", ["", "—", "未报送", "3 / 4", "2026-W47", "1-2", "12a", "①", "=1"])
def test_words_are_no_numbers(text: str) -> None:
    assert workbook.number_of(text) is None


def test_every_table_is_a_sheet_with_the_same_cells(report: blocks.Report, book: openpyxl.Workbook) -> None:
    sheets = {sheet["A1"].value: sheet for sheet in book.worksheets}
    tables = [block for block in report.blocks if isinstance(block, blocks.Table)]
    assert len(tables) >= 10
    numbers = 0
    for table in tables:
        sheet = sheets[masked(table.title)]
        heads = [cell.value for cell in sheet[2]]
        places: list[int] = []
        for column in table.columns:
            head = f"{column.title}（{column.unit}）" if column.unit else column.title
            places.append(heads.index(head, places[-1] + 1 if places else 0))
        assert sheet.freeze_panes == "B3"
        assert sheet.auto_filter.ref.startswith("A2:")
        for number, row in enumerate(table.rows, 3):
            for place, cell in zip(places, row, strict=True):
                found = sheet.cell(number, place + 1)
                if isinstance(found.value, int | float):
                    numbers += 1
                    shown = as_shown(found.value, found.number_format)
                    assert shown.replace("−", "-") == cell.text.replace("−", "-"), (table.name, cell)
                else:
                    assert (found.value or "") == masked(cell.text), (table.name, cell)
    assert numbers > 200


def test_the_year_of_series_is_the_edition_s(report: blocks.Report, book: openpyxl.Workbook) -> None:
    assert {ledger.name for ledger in report.ledgers} == {"ledger_prices", "ledger_supply", "ledger_overload"}
    for ledger in report.ledgers:
        sheet = next(sheet for sheet in book.worksheets if sheet["A1"].value == ledger.title)
        assert len(ledger.weeks) == 53
        assert [cell.value for cell in sheet[2]][4:] == [f"{week:%G-W%V}" for week in ledger.weeks]
        assert sheet.freeze_panes == "E3"
        gaps = 0
        for number, series in enumerate(ledger.series, 3):
            values = [sheet.cell(number, place).value for place in range(5, 58)]
            for value, expected in zip(values, series.values, strict=True):
                gaps += expected is None
                if expected is None or isinstance(expected, str):
                    assert value == expected
                else:
                    assert value == pytest.approx(float(expected), rel=1e-12)
    assert gaps >= 0


def test_a_text_that_begins_like_a_formula_stays_a_text(report: blocks.Report) -> None:
    bad = ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(1)", "＝1", "https://x.example")
    rows = tuple((blocks.Cell(text),) for text in bad)
    table = blocks.Table("bad", "=坏表", (blocks.Column("列"),), rows, report.blocks[0].queries[0], "")
    changed = dataclasses.replace(report, sections=(blocks.Section("x", "x", (), (table,)),))
    found = openpyxl.load_workbook(io.BytesIO(workbook.files(changed, Pictures())[workbook.NAME]))
    sheet = next(sheet for sheet in found.worksheets if sheet["A1"].value == "=坏表")
    for number, text in enumerate(bad, 3):
        cell = sheet.cell(number, 1)
        assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
        assert cell.quotePrefix or not text.startswith(("=", "+", "-", "@", "＝"))


def test_parquet_and_csv_hold_the_rows_of_every_query(report: blocks.Report, files: dict[str, bytes]) -> None:
    assert set(files) == {f"data/{name}.{form}" for name in report.queries for form in ("csv", "parquet")} | {
        f"sources/{name}.csv" for name in report.sources
    }
    for name, query in report.queries.items():
        table = pq.read_table(io.BytesIO(files[f"data/{name}.parquet"]))
        assert table.column_names == list(query.columns)
        for column, found in zip(query.columns, table.columns, strict=True):
            for cell, row in zip(found.to_pylist(), query.rows, strict=True):
                wanted = row[column]
                assert cell == wanted or cell == masked(plain(wanted)), (name, column)
        read = list(csv.reader(io.StringIO(files[f"data/{name}.csv"].decode("utf-8-sig"))))
        assert read[0] == list(query.columns)
        assert len(read) == len(query.rows) + 1
        for line, row in zip(read[1:], query.rows, strict=True):
            for text, value in zip(line, row.values(), strict=True):
                if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
                    assert Decimal(text) == Decimal(str(value)), name


def test_each_chart_is_a_picture_that_a_slide_can_take(report: blocks.Report) -> None:
    charts = [block for block in report.blocks if isinstance(block, blocks.Chart)][:2]
    section = blocks.Section("x", "x", (), tuple(charts))
    some = dataclasses.replace(report, sections=(section,), method=blocks.Section("m", "m", ()))
    found, again = (picture_files.files(some, Pictures()) for _ in range(2))
    assert list(found) == [f"charts/{chart.name}.png" for chart in charts]
    assert found == again
    for content in found.values():
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", content[16:24])
        assert width >= 600
        assert height >= 200
        assert not any(word in content for word in (b"Software", b"tIME", b"matplotlib"))


def test_the_same_report_gives_the_same_bytes(report: blocks.Report, files: dict[str, bytes]) -> None:
    assert data_files.files(report, Pictures()) == files
    first, second = (workbook.files(report, Pictures()) for _ in range(2))
    assert first == second


def test_the_workbook_opens_in_english_too(demo_city: Settings) -> None:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        english = weekly.compose(con, WEEK, "en")
    found = openpyxl.load_workbook(io.BytesIO(workbook.files(english, Pictures())[workbook.NAME]), read_only=True)
    names: list[Any] = found.sheetnames
    assert len(names) == len(set(names))
    assert all(name.isascii() for name in names)
