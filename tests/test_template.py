"""The form of every feed: what it shows comes from the contract, and filled in it loads without a question."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import openpyxl  # type: ignore[import-untyped]  # it carries no types
import pytest
from typer.testing import CliRunner

from pipelines import contracts
from pipelines.__main__ import app
from pipelines.errors import WrongCallError
from pipelines.feeds import form_book, load, parse
from pipelines.settings import Settings

FEEDS = sorted(contracts.contracts())
HEADER, EXAMPLE = form_book.HEADER_ROW + 1, form_book.EXAMPLE_ROW + 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the form of every feed in both languages."""
    folder = tmp_path_factory.mktemp("forms")
    for feed in FEEDS:
        for language in ("zh", "en"):
            path = form_book.write(folder / f"{feed}.{language}.xlsx", contracts.contracts()[feed], language)
            os.utime(path, (time.time() - 60, time.time() - 60))
    return folder


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("feed", FEEDS)
def test_the_example_row_comes_back_in_whole_and_without_a_question(feed: str, language: str, folder: Path) -> None:
    contract = contracts.contracts()[feed]
    parsed = parse.parse(Settings(home=folder / "home"), feed, folder / f"{feed}.{language}.xlsx")
    assert (parsed.rows, parsed.good, parsed.reasons, parsed.questions) == (1, 1, {}, [])
    if language == "zh":
        (account,) = load.load(Settings(home=folder / "home"), feed, [parsed])
        assert (account["accepted"], account["questions"]) == (1, [])
    read = duckdb.sql(f"SELECT * FROM read_parquet('{parsed.good_parquet}')")
    row = dict(zip(read.columns, read.fetchall()[0], strict=True))
    assert row["suspect_codes"] == []
    # What the form shows is what is read; nothing that it shows is dropped.
    shown = {field.column.name: field.example for field in form_book.fields(contract, language)}
    assert {name for name in contract.columns if row[name] is not None} == {name for name in shown if shown[name]}
    for column in contract.columns.values():
        if column.type in ("text", "plate") and shown[column.name]:
            assert row[column.name] == shown[column.name]
        if column.type in contracts.UNITS and shown[column.name]:
            assert float(row[column.name]) == float(shown[column.name]), column.name


@pytest.mark.parametrize("feed", FEEDS)
def test_every_column_has_its_header_mark_note_and_list(feed: str, folder: Path) -> None:
    contract = contracts.contracts()[feed]
    sheet = openpyxl.load_workbook(folder / f"{feed}.zh.xlsx")["填报"]
    lists = {str(rule.sqref).split(":")[0]: rule for rule in sheet.data_validations.dataValidation}
    for place, column in enumerate(contract.columns.values(), start=1):
        head = sheet.cell(HEADER, place)
        label = column.aliases[0] if column.aliases else column.name
        unit = {"mass_kg": "(kg)", "mass_t": "(吨)"}.get(column.type, "")
        assert head.value == label + unit
        assert head.comment.text.startswith(column.text_zh or column.text)
        is_needed = column.required or column.not_null
        assert (sheet.cell(HEADER - 1, place).value == "必填") is is_needed
        if column.codes or column.type == "flag":
            assert lists[sheet.cell(EXAMPLE, place).coordinate].type == "list"


def test_the_lists_hold_words_that_are_read(folder: Path) -> None:
    for feed in FEEDS:
        for language in ("zh", "en"):
            for field in form_book.fields(contracts.contracts()[feed], language):
                codes = field.column.codes
                if codes:
                    assert all(
                        choice == code or choice in codes[code]
                        for choice, code in zip(field.choices, codes, strict=True)
                    )
    book = openpyxl.load_workbook(folder / "vehicle.zh.xlsx")
    column = list(contracts.contracts()["vehicle"].columns).index("body") + 1
    assert [book["选项"].cell(row, column).value for row in (1, 2, 3)] == ["整车", "汽车列车", None]
    assert book["选项"].sheet_state == "hidden"


def test_headers_are_wide_enough_to_be_read(folder: Path) -> None:
    for feed in FEEDS:
        sheet = openpyxl.load_workbook(folder / f"{feed}.zh.xlsx")["填报"]
        for cell in sheet[HEADER]:
            lines = -(-2 * len(cell.value) // sheet.column_dimensions[cell.column_letter].width)
            assert lines <= 2, f"{feed}: {cell.value}"


def test_a_form_that_may_be_filled_in_is_not_overwritten(folder: Path) -> None:
    contract = contracts.contracts()["scale"]
    with pytest.raises(WrongCallError, match="may be filled in"):
        form_book.write(folder / "scale.zh.xlsx", contract)
    with pytest.raises(WrongCallError, match=r"ends in \.xlsx"):
        form_book.write(folder / "scale.csv", contract)


def test_the_verb_writes_the_form(tmp_path: Path) -> None:
    out = tmp_path / "form.xlsx"
    done = CliRunner().invoke(app, ["template", "river_permit", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out)
    assert openpyxl.load_workbook(out)["填报"]["A1"].value == "河砂许可填报表"
