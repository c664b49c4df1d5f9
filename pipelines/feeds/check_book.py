"""The workbook that goes back to a sender: a summary, and their own table with what is wrong beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import CHECK_COLUMNS, CHECK_SHEETS, Contract
from pipelines.feeds.ingest import neutral
from pipelines.feeds.reasons import column_label

if TYPE_CHECKING:
    from pipelines.feeds.check_file import CheckedFile

SUMMARY, TABLE = CHECK_SHEETS
OWN_COLUMNS = CHECK_COLUMNS  # before the sender's own, and always in view
MOST_ROWS = 100_000
MOST_CELLS_BEYOND = 20  # a line with too many cells shows this many more than the header has
CELL_CHARS = 1_000
WIDEST, NARROWEST = 28, 8
USUAL_WIDTH, TIME_WIDTH = 13, 20
ASKED = {
    "unknown_column": "列没有约定，照收但不读入",
    "number_reused": "单号重复使用",
    "key_repeated": "同一对象有多行",
}


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a row: the contract column (None: the whole line), what to do; bad rows are put aside."""

    column: str | None
    text: str
    is_bad: bool
    code: str = ""


@dataclass
class Sheet:
    """The sender's table and all that is said about it.

    `rows` are `(line, cells)` in the order of the file, `found` the place of each contract column, `flaws` what is
    said by line, `unknown_words` pairs of a column and a word in it. `missing` are columns that lack, each with the
    header words it may bear. With `is_bad_only` good rows are left out; `shown_count` rows were written at last.
    """

    headers: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]
    found: Mapping[str, int]
    flaws: Mapping[int, list[Flaw]] = field(default_factory=dict)
    missing: tuple[tuple[str, str], ...] = ()
    unknown_headers: frozenset[str] = frozenset()
    unknown_words: frozenset[tuple[str, str]] = frozenset()
    is_bad_only: bool = False
    shown_count: int = 0


def write(path: Path, contract: Contract, checked: CheckedFile, sheet: Sheet) -> None:
    """Write the workbook: first the summary, then the sender's own table."""
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(path), options)
    summary, table = book.add_worksheet(SUMMARY), book.add_worksheet(TABLE)
    cell = {"valign": "top", "border": 1, "border_color": "#D9D9D9"}
    styles = {
        "plain": book.add_format(cell),
        "line": book.add_format({**cell, "font_color": "#7F7F7F"}),
        "bad": book.add_format({**cell, "bg_color": "#FFC7CE", "font_color": "#9C0006"}),
        "bad_text": book.add_format({**cell, "text_wrap": True, "font_color": "#9C0006"}),
        "doubt": book.add_format({**cell, "bg_color": "#FFEB9C", "font_color": "#7F6000"}),
        "doubt_text": book.add_format({**cell, "text_wrap": True, "font_color": "#7F6000"}),
        "head": book.add_format({**cell, "bold": True, "bg_color": "#DDEBF7", "text_wrap": True}),
        "head_bad": book.add_format({**cell, "bold": True, "bg_color": "#C00000", "font_color": "#FFFFFF",
                                     "text_wrap": True}),
        "head_doubt": book.add_format({**cell, "bold": True, "bg_color": "#FFEB9C", "text_wrap": True}),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "wrap": book.add_format({**cell, "text_wrap": True}),
        "good_text": book.add_format({**cell, "bold": True, "text_wrap": True, "bg_color": "#E2EFDA"}),
        "refused": book.add_format({**cell, "bold": True, "text_wrap": True, "bg_color": "#FFC7CE",
                                    "font_color": "#9C0006"}),
        "link": book.add_format({**cell, "font_color": "#0563C1", "underline": 1}),
    }  # fmt: skip
    first_rows = _write_table(table, sheet, styles)
    _write_summary(summary, contract, checked, sheet, first_rows, styles)
    book.close()


def _write_table(table: Any, sheet: Sheet, styles: Mapping[str, Any]) -> dict[int, int]:
    """Write the sender's table; return the row of the workbook for each line that something is said about."""
    titles = [*OWN_COLUMNS, *sheet.headers, *(f"缺少必填列：{name}" for name, _ in sheet.missing)]
    before = len(OWN_COLUMNS)
    named = {place: name for name, place in sheet.found.items()}
    for place, title in enumerate(titles):
        own = place - before
        is_missing = own >= len(sheet.headers)
        is_unknown = 0 <= own < len(sheet.headers) and title in sheet.unknown_headers
        style = "head_bad" if is_missing else "head_doubt" if is_unknown else "head"
        usual = TIME_WIDTH if named.get(own, "").endswith("_at") else USUAL_WIDTH if own in named else NARROWEST
        width = min(max(2 * len(title) + 2, usual), WIDEST)
        table.set_column(place, place, (8, 44)[place] if place < before else width)
        table.write_string(0, place, neutral(title[:CELL_CHARS]), styles[style])
    table.freeze_panes(1, before)
    at: dict[int, int] = {}
    row = 0
    for line, cells in sheet.rows:
        flaws = [*sheet.flaws.get(line, ()), *_unknown_words(sheet, cells)]
        if sheet.is_bad_only and not any(flaw.is_bad for flaw in flaws):
            continue
        row += 1
        if flaws:
            at.setdefault(line, row)
        _write_row(table, row, line, cells, flaws, sheet, styles)
    table.autofilter(0, 0, max(row, 1), len(titles) - 1)
    sheet.shown_count = row
    return at


def _unknown_words(sheet: Sheet, cells: list[str]) -> list[Flaw]:
    found = []
    for column, word in sheet.unknown_words:
        place = sheet.found.get(column, len(cells))
        if place < len(cells) and cells[place].strip() == word:
            found.append(Flaw(column, f"{sheet.headers[place]} = {word!r}，用词没有约定；该行照收", is_bad=False))
    return found


def _write_row(
    table: Any, row: int, line: int, cells: list[str], flaws: list[Flaw], sheet: Sheet, styles: Mapping[str, Any]
) -> None:
    is_bad = any(flaw.is_bad for flaw in flaws)
    marks = {
        sheet.found[flaw.column]: "bad" if flaw.is_bad else "doubt"
        for flaw in flaws
        if flaw.column is not None and flaw.column in sheet.found
    }
    # What has no cell of its own (a torn line, an absent column) marks the whole line.
    fallback = "bad" if is_bad and not marks else "plain"
    table.write_number(row, 0, line, styles["line"])
    text = "；\n".join(flaw.text for flaw in flaws)
    if any(flaw.code == "wrong_cell_count" for flaw in flaws):
        text += f"（该行 {len(cells)} 列，表头 {len(sheet.headers)} 列）"
    if text:
        table.write_string(row, 1, neutral(text), styles["bad_text" if is_bad else "doubt_text"])
    width = max(len(sheet.headers), min(len(cells), len(sheet.headers) + MOST_CELLS_BEYOND))
    for place in range(width):
        style = styles[marks.get(place, fallback)]
        value = cells[place].strip() if place < len(cells) else ""
        if value:
            table.write_string(row, place + len(OWN_COLUMNS), neutral(value[:CELL_CHARS]), style)
        else:
            table.write_blank(row, place + len(OWN_COLUMNS), None, style)


def _write_summary(
    summary: Any,
    contract: Contract,
    checked: CheckedFile,
    sheet: Sheet,
    at: Mapping[int, int],
    styles: Mapping[str, Any],
) -> None:
    for column, width in enumerate((22, 64, 12, 14)):
        summary.set_column(column, column, width)
    row = 0

    def put(*cells: Any, style: str = "wrap", first: str | None = None) -> None:
        nonlocal row
        for column, cell in enumerate(cells):
            name = styles[first or style] if column == 0 else styles[style]
            if isinstance(cell, str):
                summary.write_string(row, column, neutral(cell), name)
            else:
                summary.write_number(row, column, cell, name)
        row += 1

    summary.write_string(row, 0, "文件核对结果（仅核对，未入库，未留存）", styles["title"])
    row += 2
    verdict = checked.message or (
        "可以入库，没有发现问题"
        if not checked.quarantined
        else f"可以入库，其中 {checked.quarantined} 行有误，将被单独退回；请改正后补报这些行"
    )
    put("结论", verdict, style="refused" if checked.is_refused else "good_text", first="head")
    put("文件", checked.path, first="head")
    put("数据 / 来源配置", f"{checked.feed} / {checked.source}", first="head")
    if checked.encoding:
        shown = {"": "", "\t": "，以制表符分列"}.get(checked.delimiter, f"，以 {checked.delimiter} 分列")
        put("编码", f"{checked.encoding}{shown}", first="head")
    if checked.rows:
        put("数据行数", checked.rows, first="head")
        put("可以接收的行", checked.good, first="head")
        put("有误的行", checked.quarantined, first="head")
    if sheet.is_bad_only:
        put("说明", f"数据超过 {MOST_ROWS} 行，“{TABLE}”中只列出有误的行", first="head")
    elif sheet.missing and sheet.shown_count == MOST_ROWS:
        put("说明", f"“{TABLE}”中最多列出前 {MOST_ROWS} 行", first="head")
    row += 1
    if sheet.missing:
        put("缺少的必填列", "可用的表头写法", style="head")
        for name, words in sheet.missing:
            put(name, words)
        row += 1
    groups = _groups(sheet)
    if groups:
        put("有误的列", "问题及处理办法（以首次出现的一行为例）", "行数", "首见行号", style="head")
        for faulty, text, count, line in groups:
            put(_label(contract, sheet, faulty), text, count)
            if line in at:
                summary.write_url(row - 1, 3, f"internal:'{TABLE}'!A{at[line] + 1}", styles["link"], f"第 {line} 行")
            else:
                summary.write_string(row - 1, 3, f"第 {line} 行", styles["wrap"])
        row += 1
    if checked.questions:
        put("待确认", "说明（这些行照收，另行询问）", "行数", "相近写法", style="head")
        for question in checked.questions:
            column = question["kind"].removeprefix("unknown_")
            told = ASKED.get(question["kind"]) or f"“{_label(contract, sheet, column)}”列的用词没有约定"
            put(question["subject"], told, question["row_count"] or "", "、".join(question["similar"]))
        row += 1
    put("颜色", "含义", style="head")
    put("红色", "有误的单元格（整行标红：该行无法读取）；该行不入库。每行只指出首个问题", style="bad")
    put("黄色", "照收，但没有约定或需要核对", style="doubt")
    if sheet.missing:
        put("深红表头", "缺少的必填列，列在原表最右侧", style="head_bad")
    row += 1
    summary.write_string(row, 0, "站点和产品名称在入库后与名录核对。请在原系统或原文件中改正后重新报送。")


def _groups(sheet: Sheet) -> list[tuple[str | None, str, int, int]]:
    """Return each kind of fault once, the most frequent first: column, first reason, how many rows, first line."""
    found: dict[tuple[str | None, str], tuple[str | None, str, int, int]] = {}
    for line in sorted(sheet.flaws):
        for flaw in sheet.flaws[line]:
            if flaw.is_bad:
                column, text, count, first = found.get((flaw.column, flaw.code), (flaw.column, flaw.text, 0, line))
                found[flaw.column, flaw.code] = column, text, count + 1, first
    return sorted(found.values(), key=lambda group: (-group[2], group[3]))


def _label(contract: Contract, sheet: Sheet, column: str | None) -> str:
    if column is None:
        return "整行"
    if column in sheet.found:
        return sheet.headers[sheet.found[column]]
    return column_label(contract, column, "zh") if column in contract.columns else column
