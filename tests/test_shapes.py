"""From the bytes of any vendor's file to rows of text: encodings, delimiters, titles, totals, workbooks, archives."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import gzip
import io
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import contracts
from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError
from pipelines.feeds import decode, encodings, layout

HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"
ASCII_HEADER = "ticket_no,site_name,plate,product_name,direction,gross_kg,tare_kg,net_kg,weighed_at"
DEFAULT = Source("default")
TAIWAN_BIG5 = contracts.ROOT.parent / "shared" / "data" / "price" / "taiwan_2026-07_big5.csv"
# An Excel 97 workbook: title, header, two tickets of one merged site, one total.
OLD_XLS = (
    r"c-rk)T}TvB6h3!m)}38+-8Gd|kVVMK6iQ!0(6yj^QZ$Pqg4A}!*j8mNQXkARd#J=DdMJ7k?7<hSmrRtf2P-"
    r"Hs>LDrux2T8eC9t0dbvozFj6a)!3neJ?4Rh{2=ic+(d*{sknR!0xnd-"
    r"Zn9)TzngA8+;1L79h1l|r)aRZiX8fDE?#apwmrr=O9ka0E`NqA<b7*f0=Ai*8wAxePvcprf#C~s^Ccvlg-xeqmh`cQ;Yz)iHcAdP#K#PS%+4"
    r"J>bS%~6&mZ0TlMgmtIHVVLxl=j=4z;zLpvm$`s=huG&0TXsMSJfXMv%oU;6wZX3N@tPBBtRPc~hkn3-"
    r"mIfLEVbV9kEqqeYipUFv^89{peSKjlRM^}+1<4roe)z6=0jACAJ?6FSt7{j4_Fqfw_P^LwjApd`s-"
    r"ysPfL6`3r3>PrTA>n2xauCY&)^((qUPi|F7i)lryuu>w@{G`V!Y)*)z2#Qd)+qNgh^cwYh#rYy$Xo8!HM1<f$3|K?q>%Pyj%&}jVm9b3<Wf;"
    r")ct*zs4abcaW7e45_sOlqx3@}=RG|8+&He8fp0I$YAbw4+0wy#ioWw~qVa(SXUPMdU0h<DmpSaQjpaFJ&ER}G%VeyBX?8`5k=fhHb<T5XHnv"
    r"m1c<I}`D8B{sU0*8iXLfz?ZN>axX{0TA@RhF*vT!H#qd#4pkSlV<jq8MApP33{m3qfA?T-~pmE1<(HDh~CgjtRc;PW6n02hzlV_XXRh-"
    r"G{P`;gQ%^NH%3gql3B$;@PG3Tif^H&PUHyX0h>hoeUI^;j)v#7tq;YZCL*j3JOET3Hnwe_83*k<S-"
    r"Dl@PnU47<$iP9Cd@n&43ox6ItC!7VT0mYF-XTNyREX*^2QGf|k^VK6AnaA81(j~o|?TNB3YQJ`2#f_pSr+&vcH1Pc}{Sg>Hhf`#=4IswtKN9"
    r"I$Iev+p1o!$7aGmH0}^_yhfVjnc(brQcN_do-tVQ7u%{YeFzFuBAEea!!bgoD_67=lpC{RqbV{^D6)EFRB_9o_$K3dP#~TrB<k&+Y#P=oSd|"
)
# Workbooks hold wall times without a zone.
WALL_TIME = dt.datetime(2026, 5, 25, 8, 3, 7)  # noqa: DTZ001
SIMPLE = ("甲矿", "确山县宏达建材", "驿城区", "河砂", "中联水泥", "豫Q12345", "销售")
TRADITIONAL = ("臺北砂石場", "新北市", "桃園", "細粒料", "高雄砂石", "銷售", "礦業公司")


@pytest.fixture(scope="module")
def contract() -> Contract:
    return contracts.contracts()["weighbridge_ticket"]


def rows_of(words: tuple[str, ...], count: int = 20) -> list[str]:
    return [
        f"{n},{words[n % len(words)]},豫Q{n:05d},{words[(n + 1) % len(words)]},out,45000,15000,30000,"
        f"2026-05-25 08:{n:02d}:00"
        for n in range(count)
    ]


def write(folder: Path, text: str | bytes, name: str = "tickets.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


# Encodings and delimiters


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("header", [HEADER, ASCII_HEADER])
def test_encoding_and_delimiter_are_found(
    contract: Contract, tmp_path: Path, encoding: str, delimiter: str, header: str
) -> None:
    text = "\n".join([header, *rows_of(SIMPLE)]).replace(",", delimiter) + "\n"
    found = layout.detect(write(tmp_path, text, encoding=encoding), contract, DEFAULT)
    assert found.encoding == {"gbk": "gb18030"}.get(encoding, encoding)
    assert (found.delimiter, found.header_line_number, found.title_lines) == (delimiter, 1, 0)
    assert found.found["weighed_at"] == 8


@pytest.mark.parametrize(
    ("words", "encoding"), [(SIMPLE, "gb18030"), (TRADITIONAL, "big5"), (SIMPLE, "utf-8"), (TRADITIONAL, "utf-8")]
)
def test_an_ascii_header_leaves_it_to_the_body(
    contract: Contract, tmp_path: Path, words: tuple[str, ...], encoding: str
) -> None:
    text = "\n".join([ASCII_HEADER, *rows_of(words)]).replace("豫", "") + "\n"
    assert layout.detect(write(tmp_path, text, encoding=encoding), contract, DEFAULT).encoding == encoding


@pytest.mark.parametrize(
    ("word", "encoding"),
    [("甲矿", "gb18030"), ("鲁", "gb18030"), ("³", "utf-8"), ("砂", "big5"), ("机制砂", "gb18030")],
)
def test_a_body_that_decides_nothing_is_refused_with_what_to_set(
    contract: Contract, tmp_path: Path, word: str, encoding: str
) -> None:
    row = f"1,{word},Q12345,,out,45000,15000,30000,2026-05-25 08:00:00\n"
    path = write(tmp_path, f"{ASCII_HEADER}\n{row * 50}", encoding=encoding)
    try:
        assert layout.detect(path, contract, DEFAULT).encoding == encoding
    except InputRefusedError as error:
        assert "the encoding cannot be told" in str(error)  # noqa: PT017  # right or refused, never wrong
        assert word in str(error)  # noqa: PT017
    said = dataclasses.replace(DEFAULT, encoding=encoding)
    assert layout.detect(path, contract, said).encoding == encoding


def test_a_delimiter_is_one_character(contract: Contract, tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([HEADER, *rows_of(SIMPLE)]))
    with pytest.raises(InputRefusedError, match="names the delimiter '::'; write one character"):
        layout.detect(path, contract, dataclasses.replace(DEFAULT, delimiter="::"))


def test_the_mark_of_gb18030_is_no_part_of_the_first_header(contract: Contract, tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + "\n".join([HEADER, *rows_of(SIMPLE)]), encoding="gb18030")
    assert layout.detect(path, contract, DEFAULT).headers == tuple(HEADER.split(","))


def test_a_profile_that_garbles_utf8_is_refused(contract: Contract, tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([ASCII_HEADER, *rows_of(SIMPLE)]))
    with pytest.raises(InputRefusedError, match="says gb18030, but the text below the header is UTF-8"):
        layout.detect(path, contract, dataclasses.replace(DEFAULT, encoding="gb2312"))
    with pytest.raises(InputRefusedError, match="encoding 'gb9', which does not exist"):
        layout.detect(path, contract, dataclasses.replace(DEFAULT, encoding="gb9"))


def test_no_reading_of_a_small_body_is_wrong() -> None:
    words = [*SIMPLE, *TRADITIONAL, "甲礦", "鲁B", "市售", "王五", "銷售", "公噸", "机制砂", "石粉", "恒", "碎石"]
    for count in (1, 2, 3, 8):
        for start in range(len(words)):
            text = "\n".join((words * 2)[start : start + count])
            for encoding in encodings.PLAIN_ENCODINGS:
                try:
                    sample = text.encode(encoding)
                    assert encodings.body_encoding(sample, list(encodings.PLAIN_ENCODINGS)) == encoding
                except (UnicodeEncodeError, InputRefusedError):
                    continue


def test_lines_in_utf8_within_a_gbk_file_are_put_aside(contract: Contract, tmp_path: Path) -> None:
    rows = [row.encode("gbk") for row in rows_of(SIMPLE)]
    rows[7] = rows_of(("甲矿", "河砂"))[7].replace("豫", "").encode()
    assert "甲矿".encode().decode("gbk") == "鐢茬熆"  # it decodes, into another name
    _, read = items(write(tmp_path, b"\n".join([HEADER.encode("gbk"), *rows])), contract)
    bad = [item for item in read if isinstance(item, decode.BadLine)]
    assert [(item.line, item.reason_code) for item in bad] == [(9, "bad_encoding")]
    assert "text in UTF-8 within a file in gb18030" in bad[0].detail


def test_titles_are_skipped_whatever_stands_in_them(contract: Contract, tmp_path: Path) -> None:
    titles = ["某某矿业过磅明细表", "", "统计期间;2026-05-01|至;2026-05-31,单位:kg", ",,,,", "制表, 张三"]
    path = write(tmp_path, "\n".join([*titles, HEADER, *rows_of(SIMPLE)]), encoding="gb18030")
    found = layout.detect(path, contract, DEFAULT)
    assert (found.delimiter, found.header_line_number, found.title_lines) == (",", 6, 3)


def test_a_header_word_may_hold_a_line_end(contract: Contract, tmp_path: Path) -> None:
    header = HEADER.replace("毛重时间", '"毛重\n时间"')
    found = layout.detect(write(tmp_path, "\n".join(["报表", header, *rows_of(SIMPLE)])), contract, DEFAULT)
    assert (found.header_line_number, found.header_span, found.found["weighed_at"]) == (2, 2, 8)


def test_a_header_too_far_down_is_refused_with_the_nearest_line(contract: Contract, tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([*["说明"] * 25, HEADER, *rows_of(SIMPLE)]))
    with pytest.raises(InputRefusedError, match=r"the first 20 lines were tried"):
        layout.detect(path, contract, DEFAULT)
    path = write(tmp_path, "\n".join(["说明", HEADER.replace("站点", "地磅")]))
    with pytest.raises(
        InputRefusedError, match=r"required column missing: site_name\. Header as read \(line 2, utf-8"
    ):
        layout.detect(path, contract, DEFAULT)


def test_the_real_big5_file_is_read_as_big5(tmp_path: Path) -> None:
    if not TAIWAN_BIG5.exists():
        pytest.skip(f"the real Big5 file is not here ({TAIWAN_BIG5.name}, see the data folder's README)")
    words = TAIWAN_BIG5.read_bytes().decode("big5").splitlines()[0].split(",")
    quotes = contracts.contracts()["price_quote"]
    required = [name for name, column in quotes.columns.items() if column.required]
    source = Source(
        "taiwan",
        aliases={required[0]: (words[-1],), "county_code": (words[0],), "price": (words[1],)},
        defaults=dict.fromkeys(required, "x"),
    )
    found = layout.detect(TAIWAN_BIG5, quotes, source)
    assert (found.encoding, found.headers) == ("big5", tuple(words))
    header, *body = TAIWAN_BIG5.read_bytes().split(b"\n")
    path = write(tmp_path, b"\n".join([b"county_code,price,price_low,quoted_on"[: len(header) * 9], *body]))
    assert layout.detect(path, quotes, dataclasses.replace(source, aliases={})).encoding == "big5"


# Rows, totals and pages


def items(path: Path, contract: Contract, source: Source = DEFAULT) -> tuple[decode.Table, list[Any]]:
    """The table with its rows read to the end; its lines add up."""
    table = decode.read_table(path, contract, source)
    read = list(table.rows)
    assert table.physical_lines == (
        table.header_lines
        + table.title_lines
        + table.total_lines
        + table.blank_lines
        + table.quoted_newlines
        + len(read)
    )
    return table, read


def good(read: list[Any]) -> list[tuple[int, list[str]]]:
    return [item for item in read if not isinstance(item, decode.BadLine)]


@pytest.mark.parametrize(
    "total",
    [
        "合计,,,,,900000,300000,600000,",
        "合计：,,,,,900000,300000,600000,",
        "本页合计,,,,,900000,300000,600000,",
        "合 计,20车,,,,900000,300000,600000,",
        '"小计","","","","","900,000.00","300,000","600,000",""',
        ",甲矿小计,,,,900000,300000,600000,",
        "甲矿,小计,,,,,,600000.0,",
        "累计(吨),,,,,,,600.0吨,",
        "总计：20车 600.00吨",
        "合計,20",
        "Total,,,,,900000,300000,600000,",
        "Grand Total:,20,,,,900000,300000,600000",
        "小计,共:20,净重:600000",
    ],
)
@pytest.mark.parametrize("place", [10, 20])
def test_a_line_that_only_sums_is_no_row(contract: Contract, tmp_path: Path, total: str, place: int) -> None:
    rows = rows_of(SIMPLE)
    rows.insert(place, total)
    table, read = items(write(tmp_path, "\n".join([HEADER, *rows])), contract)
    assert (table.total_lines, len(good(read)), len(read)) == (1, 20, 20)


@pytest.mark.parametrize(
    "ticket",
    [
        "7,合计商贸,豫Q1,河砂,out,45000,15000,30000,2026-05-25 08:00:00",
        "合计,合计,合计,合计,out,45000,15000,30000,2026-05-25 08:00:00",
        "合计,,,,,45000,15000,30000,46167.3351",
        "7,合计商贸,豫Q1,河砂,out,45000,15000,30000,",
        "合计商贸,,,,,45000,15000,30000,",
        "合计,甲矿,豫Q12345,,,45000,15000,30000,",
        "7,甲矿,小计,,,45000,15000,30000,",
        "合计,2026-05-25 08:00,,,,45000,15000,30000,",
        "合计,1,1,1,1" + ",1" * 20 + "x,1,1,1,",
        "合计" + "1" * 50 + "x,,,,,,,,",
        "7,甲矿,豫Q1,Total Energies,out,45000,15000,30000,",
    ],
)
def test_a_ticket_is_never_taken_for_a_total(contract: Contract, tmp_path: Path, ticket: str) -> None:
    table, read = items(write(tmp_path, "\n".join([HEADER, *rows_of(SIMPLE, 3), ticket])), contract)
    assert (table.total_lines, len(read)) == (0, 4)


def test_a_total_without_a_date_column_is_told_by_its_numbers(tmp_path: Path) -> None:
    register = contracts.contracts()["site_register"]
    required = [name for name, column in register.columns.items() if column.required]
    rows = [",".join(["甲", *["411725"] * (len(required) - 1)]), "合计,1", "合计商贸,411725"]
    table, read = items(write(tmp_path, "\n".join([",".join(required), *rows]), encoding="utf-8-sig"), register)
    assert (table.total_lines, len(read)) == (1, 2)


def test_pages_repeat_title_and_header(contract: Contract, tmp_path: Path) -> None:
    page = ["甲矿过磅明细,,,,,,,,", HEADER, *rows_of(SIMPLE, 5), "本页合计,,,,,225000,75000,150000,"]
    table, read = items(write(tmp_path, "\r\n".join([*page, "", *page]), encoding="gb18030"), contract)
    assert (table.title_lines, table.header_lines, table.total_lines, table.blank_lines) == (2, 2, 2, 1)
    assert [number for number, _ in good(read)] == [*range(3, 8), *range(12, 17)]


def test_files_joined_end_to_end_keep_their_marks_to_themselves(contract: Contract, tmp_path: Path) -> None:
    one = ("\n".join([HEADER, *rows_of(SIMPLE, 5)]) + "\n").encode("utf-8-sig")
    table, read = items(write(tmp_path, one * 3), contract)
    assert (table.header_lines, len(good(read)), len(read)) == (3, 15, 15)


def test_a_line_without_end_is_refused(contract: Contract, tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "\n" + "0" * 17_500_000)
    with pytest.raises(InputRefusedError, match="line 2 is longer than 16000000 characters"):
        items(path, contract)


def test_broken_utf16_costs_its_line_and_a_cut_one_the_file(contract: Contract, tmp_path: Path) -> None:
    content = ("\n".join([HEADER, *rows_of(SIMPLE)]) + "\n").encode("utf-16-le")
    broken = content.replace("宏".encode("utf-16-le"), b"\x00\xdc", 1)
    _, read = items(write(tmp_path, broken), contract)
    assert [item.reason_code for item in read if isinstance(item, decode.BadLine)] == ["bad_encoding"]
    with pytest.raises(InputRefusedError, match="it ends inside a utf-16-le character"):
        items(write(tmp_path, content[:-1]), contract)


# Workbooks


def workbook(folder: Path, sheets: dict[str, list[list[Any]]], merges: dict[str, list[str]] | None = None) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for place in (merges or {}).get(name, []):
            sheet.merge_cells(place)
    path = folder / "tickets.xlsx"
    book.save(path)
    return path


def sheet_rows(count: int, start: int = 0, **cells: Any) -> list[list[Any]]:
    return [
        list({"no": start + n, "site": "甲矿", "plate": f"豫Q{start + n:05d}", "product": "河砂", "type": "销售",
              "gross": 45000.5, "tare": 15000, "net": 30000.5, "at": WALL_TIME, **cells}.values())
        for n in range(count)
    ]  # fmt: skip


def test_merged_cells_are_filled_down_and_nothing_else(contract: Contract, tmp_path: Path) -> None:
    rows = [["甲矿过磅明细"], HEADER.split(","), *sheet_rows(4), *sheet_rows(2, 4, site=None)]
    for row in rows[3:6]:
        row[1] = None
    rows[4][7] = None
    path = workbook(tmp_path, {"明细": rows}, {"明细": ["A1:I1", "B3:B6", "D3:E3", "H4:H5"]})
    table, read = items(path, contract)
    assert (table.encoding, table.title_lines, table.header_lines) == ("xlsx", 1, 1)
    assert [cells[1] for _, cells in good(read)] == ["甲矿"] * 4 + ["", ""]
    assert [cells[4] for _, cells in good(read)] == ["", *["销售"] * 5]
    # A mass merged over two tickets stands once: filled down it would count twice.
    assert [cells[7] for _, cells in good(read)] == ["30000.5", "30000.5", "", "30000.5", "30000.5", "30000.5"]
    assert good(read)[0][1][8] == "2026-05-25 08:03:07"


def test_a_total_or_an_empty_row_inside_a_merged_range_stays_one(contract: Contract, tmp_path: Path) -> None:
    rows = [HEADER.split(","), *sheet_rows(2), [None] * 9, [None, None, "小计", None, None, 90001], *sheet_rows(1, 2)]
    rows[2][1] = None
    table, read = items(workbook(tmp_path, {"明细": rows}, {"明细": ["B2:B5"]}), contract)
    assert (table.blank_lines, table.total_lines, len(good(read))) == (1, 1, 3)


def test_a_header_over_two_rows_is_read_whole(contract: Contract, tmp_path: Path) -> None:
    upper = ["磅单号", "站点", "车号", "货名", "类型", "重量", None, None, "毛重时间"]
    lower = [None, None, None, None, None, "毛重", "皮重", "净重", None]
    merges = [f"{letter}1:{letter}2" for letter in "ABCDEI"]
    path = workbook(tmp_path, {"明细": [upper, lower, *sheet_rows(3)]}, {"明细": [*merges, "F1:H1"]})
    table, read = items(path, contract)
    assert (table.headers, table.title_lines, len(good(read))) == (tuple(HEADER.split(",")), 1, 3)


def test_every_sheet_with_the_columns_is_read_and_its_lines_are_told(contract: Contract, tmp_path: Path) -> None:
    words = HEADER.split(",")
    turned = [[*row[::-1], "老王"] for row in sheet_rows(3, 10)]
    path = workbook(
        tmp_path,
        {
            "说明": [["本表由称重软件导出"]],
            "一月": [words, *sheet_rows(5)],
            "二月": [["二月过磅"], [*words[::-1], "车队"], *turned, ["合计"]],
        },
    )
    table, read = items(path, contract)
    assert table.headers == (*words, "车队")
    assert (table.header_lines, table.title_lines, table.total_lines) == (2, 1, 1)
    assert [number for number, _ in good(read)] == [2, 3, 4, 5, 6, 9, 10, 11]
    assert good(read)[-1][1] == ["12", "甲矿", "豫Q00012", "河砂", "销售", "45000.5", "15000", "30000.5",
                                 "2026-05-25 08:03:07", "老王"]  # fmt: skip
    assert good(read)[0][1][-1] == ""
    assert "sheet 说明 was not read: it lacks site_name, weighed_at, gross_kg or net_kg" in table.notes
    assert "lines 7 to 12 are rows 1 to 6 of sheet 二月" in table.notes
    only = dataclasses.replace(DEFAULT, sheets=("二月",))
    table, read = items(path, contract, only)
    assert [number for number, _ in good(read)] == [3, 4, 5]
    assert "sheet 一月 was not read: the source profile names 二月" in table.notes
    assert layout.detect(path, contract, only).header_line_number == 2


def test_sheets_that_do_not_fit_are_refused(contract: Contract, tmp_path: Path) -> None:
    words = HEADER.split(",")
    path = workbook(tmp_path, {"说明": [["无"]], "一月": [words, *sheet_rows(2)]})
    with pytest.raises(InputRefusedError, match=r"sheet 三月 of the source profile 'default' .* it has 说明, 一月"):
        items(path, contract, dataclasses.replace(DEFAULT, sheets=("三月",)))
    with pytest.raises(InputRefusedError, match=r"required column missing: site_name.*sheet 说明"):
        items(path, contract, dataclasses.replace(DEFAULT, sheets=("说明",)))
    other = [word.replace("净重", "净重量") for word in words]
    source = dataclasses.replace(DEFAULT, aliases={"net_kg": ("净重", "净重量")})
    path = workbook(tmp_path, {"一月": [words, *sheet_rows(2)], "二月": [other, *sheet_rows(2)]})
    with pytest.raises(InputRefusedError, match="sheet 一月 calls net_kg 净重, sheet 二月 calls it 净重量"):
        items(path, contract, source)
    with pytest.raises(InputRefusedError, match="required column missing"):
        items(workbook(tmp_path, {"空": []}), contract)


def test_an_old_xls_is_read_whatever_it_is_called(contract: Contract, tmp_path: Path) -> None:
    content = zlib.decompress(base64.b85decode("".join(OLD_XLS)))
    for name in ("old.xls", "old.csv"):
        table, read = items(write(tmp_path, content, name), contract)
        assert (table.encoding, table.title_lines, table.total_lines) == ("xls", 1, 1)
        assert good(read) == [
            (3, ["1", "甲矿", "豫Q00002", "30000.5", "2026-05-25 08:03:02"]),
            (4, ["2", "甲矿", "豫Q00003", "30000.5", "2026-05-25 08:03:03"]),
        ]
    text = "\n".join([HEADER, *rows_of(SIMPLE)]).replace(",", "\t")
    table, read = items(write(tmp_path, text, "text.xls", "gbk"), contract)
    assert (table.encoding, table.delimiter, len(good(read))) == ("gb18030", "\t", 20)


def test_a_workbook_that_breaks_its_reader_is_refused(contract: Contract, tmp_path: Path) -> None:
    content = bytearray(zlib.decompress(base64.b85decode("".join(OLD_XLS))))
    content[1731:1733] = b"\xff\xff"  # a count of shared texts that asks the reader for 800 GB: it aborts
    with pytest.raises(InputRefusedError, match=r"not a readable workbook \(the reader broke off"):
        items(write(tmp_path, bytes(content), "old.xls"), contract)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (45.599999999999994, "45.6"),
        (30000.0, "30000"),
        (1e15 + 0.0, "1000000000000000"),
        (WALL_TIME.replace(second=59, microsecond=999_700), "2026-05-25 08:04:00"),
        (WALL_TIME.replace(microsecond=500_000), "2026-05-25 08:03:07.500000"),
        (dt.date(2026, 1, 5), "2026-01-05"),
        (dt.time(8, 3), "08:03:00"),
        (" 甲矿\t", "甲矿"),
    ],
)
def test_a_cell_is_the_text_a_person_reads(cell: object, text: str) -> None:
    from pipelines.feeds.sheet_child import cell_text

    assert cell_text(cell) == text


# Archives


TICKETS = "\n".join([HEADER, *rows_of(SIMPLE)]).encode("gb18030")


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def encrypted() -> bytes:
    """A .zip whose member says it is encrypted (the flag in both headers)."""
    content = bytearray(zipped(("tickets.csv", TICKETS)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tickets.csv.gz", gzip.compress(TICKETS)),
        ("tickets.zip", zipped(("磅单/", b""), ("磅单/tickets.csv", TICKETS), ("__MACOSX/._tickets.csv", b"\0"))),
        ("stored.zip", zipped(("tickets.txt", TICKETS), method=zipfile.ZIP_STORED)),
    ],
)
def test_an_archive_of_one_table_is_the_table(contract: Contract, tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path, content, name)
    table, read = items(path, contract)
    plain_table, plain = items(write(tmp_path, TICKETS), contract)
    assert (read, table.physical_lines, table.encoding) == (plain, plain_table.physical_lines, "gb18030")
    assert layout.detect(path, contract, DEFAULT).container == ("gz" if name.endswith("gz") else "zip")
    assert path.read_bytes() == content


def test_a_workbook_in_an_archive_is_a_workbook(contract: Contract, tmp_path: Path) -> None:
    book = workbook(tmp_path, {"明细": [HEADER.split(","), *sheet_rows(3)]}).read_bytes()
    for name, content in (("a.zip", zipped(("a.xlsx", book))), ("a.xlsx.gz", gzip.compress(book))):
        table, read = items(write(tmp_path, content, name), contract)
        assert (table.encoding, len(good(read))) == ("xlsx", 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(("a.csv", TICKETS), ("b.csv", TICKETS)), r"holds 2 files \(a.csv, b.csv\) and one is read"),
        (zipped(), "holds 0 files and one is read"),
        (zipped(("a.zip", zipped(("b.csv", TICKETS)))), "an archive within an archive"),
        (gzip.compress(gzip.compress(TICKETS)), "an archive within an archive"),
        (gzip.compress(zipped(("b.csv", TICKETS))), "an archive within an archive"),
        (encrypted(), "tickets.csv in the .zip is encrypted; send it without a password"),
        (gzip.compress(TICKETS)[:-30], "a damaged .gz"),
        (gzip.compress(TICKETS) + gzip.compress(TICKETS), "a second file after"),
        (zipped(("a.csv", TICKETS))[:-30], "a damaged"),
        (zipped(("a.csv", TICKETS), method=zipfile.ZIP_STORED).replace(b"45000", b"46000", 1), "a damaged .zip"),
        (zipped(("content.xml", b"<a/>"), ("mimetype", b"")), "an? OpenDocument file"),
        (zipped(("[Content_Types].xml", b""), ("xl/workbook.xml", b"<a/>")), "not a readable workbook"),
        (b"Rar!\x1a\x07\x01\x00" + b"\0" * 50, "is a RAR archive, which is not read; unpack it"),
        (b"%PDF-1.7\n", "is a PDF, which is not read; export the table"),
        (b"\xef\xbb\xbf\r\n<html><table><tr><td>1", "is a web page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "not a readable workbook"),
    ],
)
def test_what_is_not_one_table_is_refused(contract: Contract, tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputRefusedError, match=said):
        items(write(tmp_path, content, "sent.bin"), contract)


def bomb_gz(text: bytes) -> bytes:
    return gzip.compress(text)


def bomb_zip(text: bytes) -> bytes:
    return zipped(("tickets.csv", text))


def lying_zip(text: bytes) -> bytes:
    """A .zip that says its member is small: the promise is not what is counted."""
    content = zipped(("tickets.csv", text))
    size = len(text).to_bytes(4, "little")
    return content.replace(size, (1 << 20).to_bytes(4, "little"))


@pytest.mark.parametrize("pack", [bomb_gz, bomb_zip, lying_zip])
def test_a_bomb_is_refused_before_it_fills_anything(
    contract: Contract, tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    line = (rows_of(SIMPLE, 1)[0] + "\n").encode()
    path = write(tmp_path, pack(HEADER.encode() + b"\n" + line * 1_000_000), "bomb.gz")
    with pytest.raises(InputRefusedError, match=r"unpacks to more than 200 times its size|a damaged .zip"):
        for _ in decode.read_table(path, contract, DEFAULT).rows:
            pass


def test_a_workbook_bomb_is_refused(contract: Contract, tmp_path: Path) -> None:
    book = workbook(tmp_path, {"明细": [HEADER.split(","), *sheet_rows(1)]})
    with zipfile.ZipFile(book, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings2.xml", b"<a>" + b" " * 100_000_000)
    with pytest.raises(InputRefusedError, match="the workbook unpacks from"):
        items(book, contract)


def test_names_in_old_archives_are_shown_as_meant(contract: Contract, tmp_path: Path) -> None:
    content = zipped(("AAAA.csv", TICKETS), ("b.csv", TICKETS)).replace(b"AAAA", "磅单".encode("gbk"))
    with pytest.raises(InputRefusedError, match=r"磅单\.csv"):
        items(write(tmp_path, content, "old.zip"), contract)


# The account, whatever comes


WORDS = st.sampled_from(["甲矿", "确山县宏达建材", "合计商贸", "Total Sand", "a|b", "x;y", "机 制砂", '引"号'])
TITLE = st.sampled_from(["过磅明细表", "统计期间;2026-05|单位\tkg", "制表,张三,审核,李四", ",,,", "", "  ", "\t"])
SUMS = st.sampled_from(["合计,,,,,900,300,600,", "本页小计,20", '"总计","","","","","9,000"', "Total:,5,,,,1,2,3,"])
BODY = st.one_of(
    st.tuples(st.just("row"), WORDS),
    st.tuples(st.just("quoted"), WORDS.map(lambda word: word + "\n" + word)),
    st.tuples(st.just("total"), SUMS),
    st.tuples(st.just("blank"), st.sampled_from(["", "  ", ",,,,,,,,"])),
    st.tuples(st.just("header"), st.just(HEADER)),
    st.tuples(st.just("short"), st.just("7,甲矿,豫Q1")),
    st.tuples(st.just("stray"), st.just('8,甲矿,豫Q2,机"砂,out,45000,15000,30000,2026-05-25 08:00:00')),
)


def csv_line(kind: str, text: str, number: int, delimiter: str) -> str:
    if kind in ("row", "quoted"):
        word = '"' + text.replace('"', '""') + '"' if kind == "quoted" or set(text) & set('|;"') else text
        cells = [str(number), word, "豫Q1", "河砂", "out", "45000", "15000", "30000", "2026-05-25 08:00:00"]
        return delimiter.join(cells)
    return text.replace('"9,000"', "9000").replace(",", delimiter)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be", "utf-16-le"]),
    delimiter=st.sampled_from([",", "\t", ";", "|"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    titles=st.lists(TITLE, max_size=6),
    body=st.lists(BODY, max_size=40),
    ends_with_line_end=st.booleans(),
    is_packed=st.booleans(),
)
def test_every_line_of_every_mixture_is_accounted_for(
    contract: Contract, tmp_path: Path, encoding: str, delimiter: str, line_end: str, titles: list[str],
    body: list[tuple[str, str]], ends_with_line_end: bool, is_packed: bool,
) -> None:  # fmt: skip
    written = [csv_line(kind, text, number, delimiter) for number, (kind, text) in enumerate(body)]
    text = "\n".join([*titles, HEADER.replace(",", delimiter), *written]) + "\n" * ends_with_line_end
    content = text.replace("\n", line_end).encode(encoding)
    table, read = items(write(tmp_path, gzip.compress(content) if is_packed else content), contract)
    assert table.physical_lines == text.count("\n") + (not text.endswith("\n"))
    kinds = [kind for kind, _ in body]
    assert table.header_lines == 1 + kinds.count("header")
    assert table.total_lines == kinds.count("total")
    assert table.quoted_newlines == kinds.count("quoted")
    expected = [word.replace("\r\n", "\n") for kind, word in body if kind in ("row", "quoted")]
    assert [cells[1] for _, cells in good(read)] == expected
    lines = text.split("\n")
    for item in read:
        number = item.line if isinstance(item, decode.BadLine) else item[0]
        start = item.raw_text if isinstance(item, decode.BadLine) else item[1][0] + delimiter
        assert lines[number - 1].startswith(start)


MESS = st.binary(max_size=300) | st.text(alphabet='0123456789,"\n\r\t 豫Q甲砂-.;\x00合计', max_size=300).map(
    str.encode
)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mess=MESS, encoding=st.sampled_from(["utf-8", "gb18030", "utf-16-le"]))
def test_any_bytes_are_accounted_or_refused(contract: Contract, tmp_path: Path, mess: bytes, encoding: str) -> None:
    path = write(tmp_path, f"{HEADER}\n".encode(encoding) + mess)
    try:
        items(path, contract)
    except InputRefusedError as error:
        assert len(str(error)) > 40  # noqa: PT017  # words, not a shrug


def test_looking_at_a_layout_loads_nothing_heavy() -> None:
    code = (
        "import sys; from pipelines.feeds import decode, layout;"
        "heavy = ('charset_normalizer', 'python_calamine', 'duckdb', 'pandas');"
        "sys.exit(str([name for name in heavy if name in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert answer.stderr.strip() == "[]"
