"""A wrong upload goes back: nothing is loaded, the sender's own table returns with what is wrong in it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it carries no types
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import contracts
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import check_book, containers, ingest, workbook
from pipelines.feeds.check_file import CheckedFile, check
from pipelines.settings import Settings

FEED = "weighbridge_ticket"
HEADER = ["车号", "流水号", "站点", "货名", "类型", "毛重", "皮重", "净重", "毛重时间", "上传时间"]
RED, AMBER, DARK_RED = "FFFFC7CE", "FFFFEB9C", "FFC00000"


def ticket(number: int, **changed: str) -> list[str]:
    cells = {
        "车号": f"豫Q{number:05d}", "流水号": f"{number:05d}", "站点": "甲矿", "货名": "机制砂", "类型": "销售",
        "毛重": "45000", "皮重": "15000", "净重": "30000", "毛重时间": f"2026-05-25 08:{number % 60:02d}:00",
        "上传时间": "2026-05-26 08:00:00",
    }  # fmt: skip
    return list({**cells, **changed}.values())


def table(count: int = 200, rows: dict[int, list[str]] | None = None, header: list[str] = HEADER) -> str:
    """A header and `count` good tickets; `rows` replaces some."""
    made = [(rows or {}).get(number, ticket(number)) for number in range(count)]
    return "\n".join([",".join(header), *(",".join(row) for row in made)]) + "\n"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def write(folder: Path, content: str, name: str = "五月.csv", encoding: str = "gb18030") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding))
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def checked(home: Settings, path: Path, **options: Any) -> tuple[CheckedFile, Any, Any]:
    found = check(home, FEED, path, **options)
    book = openpyxl.load_workbook(found.out)
    assert book.sheetnames == ["核对结果", "原表"]
    return found, book["核对结果"], book["原表"]


def colour(cell: Any) -> str | None:
    return str(cell.fill.fgColor.rgb) if cell.fill.fill_type else None


def at_line(sheet: Any, line: int) -> Any:
    return next(row for row in sheet.iter_rows(min_row=2) if row[0].value == line)


def text_of(sheet: Any) -> str:
    return "\n".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None)


def coloured(sheet: Any, wanted: str) -> set[str]:
    return {cell.coordinate for row in sheet.iter_rows(min_row=2) for cell in row if colour(cell) == wanted}


def test_the_senders_table_comes_back_with_bad_cells_coloured_and_reasons_beside(
    home: Settings, tmp_path: Path
) -> None:
    rows = {3: ticket(3, 毛重="四十五吨"), 7: ticket(7, 净重="31000"), 9: ticket(9)[:-1]}
    found, summary, sheet = checked(home, write(tmp_path, table(200, rows)))
    assert (found.is_refused, found.rows, found.good, found.quarantined) == (False, 200, 197, 3)
    assert found.encoding == "gb18030"
    assert [cell.value for cell in sheet[1]] == ["原行号", "问题及处理办法", *HEADER]
    assert sheet.max_row == 201
    assert [cell.value for cell in at_line(sheet, 2)] == [2, None, *ticket(0)]
    bad = at_line(sheet, 5)
    assert bad[1].value == "毛重 = '四十五吨'，不是数字；请填写纯数字"
    assert [place for place, cell in enumerate(bad) if colour(cell) == RED] == [2 + HEADER.index("毛重")]
    wrong = at_line(sheet, 9)
    assert "毛重减皮重与净重相差超过一个分度值" in wrong[1].value
    assert colour(wrong[2 + HEADER.index("净重")]) == RED
    torn = at_line(sheet, 11)
    assert "（该行 9 列，表头 10 列）" in torn[1].value
    assert torn[2].value == "豫Q00009"
    assert all(colour(cell) == RED for cell in torn[2:])
    assert coloured(sheet, RED) == {
        bad[2 + HEADER.index("毛重")].coordinate, wrong[2 + HEADER.index("净重")].coordinate,
        *(cell.coordinate for cell in torn[2:]),
    }  # fmt: skip
    assert "可以入库，其中 3 行有误，将被单独退回" in text_of(summary)
    assert sheet.freeze_panes == "C2"
    links = [cell.hyperlink.location for row in summary.iter_rows() for cell in row if cell.hyperlink]
    assert sorted(links) == sorted(f"'原表'!A{line}" for line in (5, 9, 11))


def test_nothing_is_left_behind_but_the_workbook(home: Settings, tmp_path: Path, monkeypatch: Any) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = write(tmp_path, table())
    found = check(home, FEED, path)
    assert [item for item in home.home.rglob("*") if item.is_file()] == [found.out]
    assert found.out == home.quarantine / FEED / "五月.csv.check.xlsx"
    assert list(scratch.iterdir()) == []
    account = ingest.ingest(home, FEED, [path])
    assert account.files[0]["already_loaded"] is False


def test_the_wording_is_the_senders_own(home: Settings, tmp_path: Path) -> None:
    header = ["总重" if word == "毛重" else word for word in HEADER]
    _, summary, sheet = checked(home, write(tmp_path, table(100, {3: ticket(3, 毛重="x")}, header)))
    assert at_line(sheet, 5)[1].value.startswith("总重 = 'x'")
    assert any(row[0].value == "总重" for row in summary.iter_rows())


def test_too_many_bad_rows_are_refused_and_all_shown(home: Settings, tmp_path: Path) -> None:
    rows = {number: ticket(number, 毛重时间="2026-13-01 08:00:00") for number in range(10)}
    found, summary, sheet = checked(home, write(tmp_path, table(50, rows)))
    assert found.is_refused
    assert "50 行中有 10 行有误（20.0%，最多允许 2.0%），整份不能入库" in text_of(summary)
    assert len(coloured(sheet, RED)) == 10
    assert sheet.max_row == 51


def test_a_missing_column_is_named_in_the_header(home: Settings, tmp_path: Path) -> None:
    header = [{"站点": "磅房", "毛重": "G", "净重": "N"}.get(word, word) for word in HEADER]
    found, summary, sheet = checked(home, write(tmp_path, table(20, header=header)))
    assert found.is_refused
    heads = {cell.value: colour(cell) for cell in sheet[1]}
    assert heads["缺少必填列：站点"] == DARK_RED
    assert heads["缺少必填列：毛重 或 净重"] == DARK_RED
    assert (heads["磅房"], heads["G"]) == (AMBER, AMBER)
    assert heads["皮重"] not in (AMBER, DARK_RED)
    assert [cell.value for cell in sheet[2]][2:12] == ticket(0)
    assert sheet.max_row == 21
    assert "缺少必填列：站点、毛重 或 净重" in text_of(summary)
    assert "站点编号" in text_of(summary)


def test_what_is_no_table_still_gets_an_answer(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"PK\x03\x04 this is no workbook")
    os.utime(path, (0, 0))
    found, summary, _ = checked(home, path)
    assert found.is_refused
    assert found.message in text_of(summary)


def test_a_header_without_rows_is_refused(home: Settings, tmp_path: Path) -> None:
    found, summary, _ = checked(home, write(tmp_path, table(0)))
    assert found.is_refused
    assert "表头以下没有数据行" in text_of(summary)


def test_what_is_unknown_or_doubtful_is_amber_and_the_row_stays(home: Settings, tmp_path: Path) -> None:
    header = [*HEADER, "司磅员名"]
    rows = {n: [*ticket(n), "张"] for n in range(100)}
    rows[4] = [*ticket(4, 类型="代销"), "张"]
    rows[6] = [*ticket(6, 上传时间="2026-05-20 08:00:00"), "张"]
    found, summary, sheet = checked(home, write(tmp_path, table(100, rows, header)))
    assert (found.is_refused, found.quarantined) == (False, 0)
    assert {(item["kind"], item["subject"]) for item in found.questions} == {
        ("unknown_column", "司磅员名"), ("unknown_direction", "代销"),
    }  # fmt: skip
    assert colour(sheet[1][2 + header.index("司磅员名")]) == AMBER
    assert colour(at_line(sheet, 6)[2 + HEADER.index("类型")]) == AMBER
    assert "用词没有约定" in at_line(sheet, 6)[1].value
    assert "接收时间早于过磅时间" in at_line(sheet, 8)[1].value
    assert "毛重司磅员" in text_of(summary) or "司磅员" in text_of(summary)
    assert coloured(sheet, RED) == set()


def test_formulas_are_text(home: Settings, tmp_path: Path) -> None:
    header = [*HEADER, "=HYPERLINK(0)"]
    rows = {n: [*ticket(n), "x"] for n in range(100)}
    rows[2] = [*ticket(2, 货名="=1+1"), "@SUM(A1)"]
    rows[3] = [*ticket(3, 毛重="=2+2"), "x"]
    found, summary, sheet = checked(home, write(tmp_path, table(100, rows, header)))
    assert found.quarantined == 1
    for page in (summary, sheet):
        for row in page.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not str(cell.value).startswith(("=", "@"))


def test_of_a_long_file_only_the_bad_rows(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_book, "MOST_ROWS", 150)
    rows = {number: ticket(number, 毛重="x") for number in (5, 100)}
    _, summary, sheet = checked(home, write(tmp_path, table(200, rows)))
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == [7, 102]
    assert "只列出有误的行" in text_of(summary)


def test_a_workbook_is_checked_like_a_text(home: Settings, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER)
    for number in range(100):
        sheet.append(ticket(number, **({"毛重": "不详"} if number == 8 else {})))
    path = tmp_path / "五月.xlsx"
    book.save(path)
    os.utime(path, (0, 0))
    found, _, back = checked(home, path, out=tmp_path / "back.xlsx")
    assert (found.encoding, found.quarantined, found.out) == ("xlsx", 1, tmp_path / "back.xlsx")
    assert colour(at_line(back, 10)[2 + HEADER.index("毛重")]) == RED


def mend(found: CheckedFile, path: Path, changed: dict[tuple[int, str], str]) -> Path:
    """What a sender does: cells of the table put right in the workbook itself, all else left as it came."""
    book = openpyxl.load_workbook(found.out)
    sheet = book["原表"]
    place = {cell.value: number for number, cell in enumerate(sheet[1])}
    for (line, word), value in changed.items():
        at_line(sheet, line)[place[word]].value = value
    book.save(path)
    os.utime(path, (0, 0))
    return path


def test_the_mended_workbook_itself_is_taken_in(home: Settings, tmp_path: Path) -> None:
    rows = {3: ticket(3, 毛重="四十五吨"), 5: ticket(5, 货名="-碎石")}
    rows |= {number: ticket(number, 毛重时间="乱") for number in (8, 9)}
    path = write(tmp_path, table(100, rows))
    found = check(home, FEED, path)
    assert found.is_refused
    good = {(5, "毛重"): "45000", (10, "毛重时间"): "2026-05-25 08:08:00", (11, "毛重时间"): "2026-05-25 08:09:00"}
    account = ingest.ingest(home, FEED, [mend(found, tmp_path / "五月.mended.xlsx", good)])
    (file,) = account.files
    assert (file["rows"], file["accepted"], file["reasons"], file["questions"]) == (100, 100, {}, [])
    assert any("sheet 核对结果 was not read" in note for note in file["notes"])
    # It says what the sender's own file says once that is mended: the same rows again.
    rows |= {number: ticket(number) for number in (3, 8, 9)}
    again = ingest.ingest(home, FEED, [write(tmp_path, table(100, rows), "六月.csv")])
    assert (again.total("duplicate"), again.total("accepted")) == (100, 0)


@pytest.mark.parametrize("feed", sorted(contracts.contracts()))
def test_what_the_check_adds_is_nobodys_question(feed: str) -> None:
    contract = contracts.contracts()[feed]
    assert set(check_book.OWN_COLUMNS) <= set(contract.ignored)
    known = {word for column in contract.columns.values() for word in (column.name, *column.aliases)}
    assert not known & set(check_book.OWN_COLUMNS)


def test_a_mended_workbook_is_read_though_the_profile_names_sheets(home: Settings, tmp_path: Path) -> None:
    contract = contracts.contracts()[FEED]
    profile = dataclasses.replace(contract.sources["default"], sheets=("磅单",))
    found = check(home, FEED, write(tmp_path, table(20)))
    content = containers.look(found.out)
    assert [cells[2:] for _, cells in workbook.read_workbook(content, contract, profile).rows] == [
        ticket(number) for number in range(20)
    ]


def test_wrong_calls_are_told(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, table(5))
    with pytest.raises(WrongCallError, match="no feed"):
        check(home, "ticket", path)
    with pytest.raises(WrongCallError, match="has no source 'x'"):
        check(home, FEED, path, "x")
    with pytest.raises(WrongCallError, match="another name"):
        check(home, FEED, path, out=path)
    with pytest.raises(InputRefusedError, match="no such file"):
        check(home, FEED, tmp_path / "none.csv")
    assert path.exists()


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    spoiled=st.dictionaries(
        st.integers(0, 39), st.sampled_from(["毛重", "皮重", "毛重时间", "站点", "torn", "quote"]), max_size=8
    )
)
def test_every_line_is_there_in_order_and_the_check_says_what_a_load_does(
    tmp_path_factory: pytest.TempPathFactory, spoiled: dict[int, str]
) -> None:
    folder = tmp_path_factory.mktemp("check")
    home = Settings(home=folder / "home")
    rows = {}
    quotes = [number for number, what in spoiled.items() if what == "quote"]
    for number in quotes[1:]:  # two of them may open and close one cell over several lines: no fault
        spoiled[number] = "毛重"
    for number, what in spoiled.items():
        if what == "torn":
            rows[number] = ticket(number)[:4]
        elif what == "quote":
            rows[number] = ticket(number, 货名='"砂')
        else:
            rows[number] = ticket(number, **{what: "" if what == "站点" else "乱"})
    path = write(folder, table(40, rows))
    found, _, sheet = checked(home, path)
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == list(range(2, 42))
    told = {row[0].value - 2 for row in sheet.iter_rows(min_row=2) if row[1].value}
    assert told == set(spoiled)
    result = ingest.ingest(dataclasses.replace(home, home=folder / "other"), FEED, [path])
    assert bool(result.refused) == found.is_refused
    if result.files:
        assert result.files[0]["reasons"] == found.reasons
