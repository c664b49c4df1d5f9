"""The report as a workbook: a sheet a table with real numbers, the series of a year as 底稿, and the queries."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.report.blocks import Cell, Ledger, Report, Table
from pipelines.report.charts.figures import width_em
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats.masking import masked
from pipelines.report.words import Words

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

NAME = "report.xlsx"
_NUMBER = re.compile(r"^([+−-]?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(%?)(\*?)$")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\']")
_LONGEST_NAME = 31
_WIDEST = 48.0
# The format asks for a moment of creation; a clock would make other bytes each time.
_CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def files(report: Report, _: Pictures) -> dict[str, bytes]:
    """Return the workbook by its file name; plates in texts are masked as on the page."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as workbook:
        workbook.set_properties({"title": f"{report.title} {report.week.iso_week}", "created": _CREATED})
        _Book(workbook, report).write()
    return {NAME: out.getvalue()}


def number_of(text: str) -> tuple[float, str] | None:
    """Return the number that a text shows, and the number format that shows it so again; None for words."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    sign, whole, decimals, percent, star = match.groups()
    value = Decimal((("-" if sign in ("−", "-") else "") + whole + (decimals or "")).replace(",", ""))
    digits = len(decimals) - 1 if decimals else 0
    body = ("#,##0" if not percent else "0") + ("." + "0" * digits if digits else "") + percent
    body += f'"{star}"' if star else ""
    negative = f"{sign if sign in ('−', '-') else '-'}{body}"
    shape = f"+{body};−{body};+{body}" if sign == "+" else f"{body};{negative};{body}"
    return float(value / 100 if percent else value), shape


@dataclass
class _Sheet:
    name: str
    title: str


class _Book:
    """The sheets of one report in their order."""

    def __init__(self, workbook: Workbook, report: Report) -> None:
        self.workbook = workbook
        self.report = report
        self.words = Words(report.language)
        self.formats: dict[tuple[tuple[str, Any], ...], Format] = {}
        self.names: set[str] = set()

    def write(self) -> None:
        cover = self.workbook.add_worksheet(self._name(self.words("book.cover")))
        listed = []
        for block in self.report.blocks:
            if isinstance(block, Table):
                name = self._name(block.title)
                listed.append(_Sheet(name, block.title))
                self._table(self.workbook.add_worksheet(name), block)
        for ledger in self.report.ledgers:
            name = self._name(ledger.title)
            listed.append(_Sheet(name, ledger.title))
            self._ledger(self.workbook.add_worksheet(name), ledger)
        name = self._name(self.words("book.queries"))
        listed.append(_Sheet(name, self.words("book.queries")))
        self._queries(self.workbook.add_worksheet(name))
        self._cover(cover, listed)

    def _cover(self, sheet: Worksheet, listed: Iterable[_Sheet]) -> None:
        report, words = self.report, self.words
        sheet.set_column(0, 0, 30)
        sheet.set_column(1, 1, 26)
        sheet.set_column(2, 2, 60)
        sheet.hide_gridlines(2)
        row = 0
        for text, style in ((report.title, {"bold": True, "font_size": 16}), (report.subtitle, {}),
                            (words.issue(report.issue), {"bold": True})):  # fmt: skip
            self._text(sheet, row, 0, text, **style)
            row += 1
        for sentence in report.notices:
            self._text(sheet, row, 0, sentence.text, font_color="#A3481A")
            row += 1
        row += 1
        for tile in report.headline.tiles:
            self._text(sheet, row, 0, tile.label)
            self._text(sheet, row, 1, tile.value, bold=True)
            self._text(sheet, row, 2, tile.note, font_color="#5F6B78")
            row += 1
        for title, sentences in (
            (words("section.changes"), [sentence.text for sentence in report.headline.changes]),
            (words("section.notes"), [*self._notes()]),
        ):
            if sentences:
                row = self._list(sheet, row + 1, title, sentences)
        self._text(sheet, row + 1, 0, words("book.sheets"), bold=True)
        row += 2
        for entry in listed:
            link = self._format(font_color="#2B5C8A", underline=1)
            sheet.write_url(row, 0, f"internal:'{entry.name}'!A1", link, string=masked(entry.title))
            row += 1
        self._list(sheet, row + 1, words("section.imprint"), [sentence.text for sentence in report.imprint])

    def _notes(self) -> Iterable[str]:
        for note in self.report.notes:
            yield from note.paragraphs
            yield self.words("note.signed", name=note.signed_by, day=note.signed_on)

    def _list(self, sheet: Worksheet, row: int, title: str, lines: Sequence[str]) -> int:
        self._text(sheet, row, 0, title, bold=True)
        for line in lines:
            row += 1
            self._text(sheet, row, 0, line)
        return row + 1

    def _table(self, sheet: Worksheet, table: Table) -> None:
        noted = [any(row[place].note for row in table.rows) for place in range(len(table.columns))]
        heads = []
        for column, has_note in zip(table.columns, noted, strict=True):
            heads.append(f"{column.title}（{column.unit}）" if column.unit else column.title)
            if has_note:
                heads.append(self.words("book.note_of", title=column.title))
        rows = []
        for row in table.rows:
            line: list[tuple[Cell, bool]] = []
            for cell, column, has_note in zip(row, table.columns, noted, strict=True):
                line.append((cell, column.is_number))
                if has_note:
                    line.append((Cell(cell.note, "muted"), False))
            rows.append(line)
        self._head(sheet, table.title, heads, len(rows))
        for number, line in enumerate(rows, 2):
            for place, (cell, is_number) in enumerate(line):
                self._cell(sheet, number, place, cell, is_number=is_number, is_total=number - 2 < table.total_rows)
        texts = [[cell.text for cell, _ in line] for line in rows]
        self._widths(sheet, heads, texts)
        self._text(sheet, len(rows) + 3, 0, table.foot, font_color="#5F6B78")
        if not rows:
            self._text(sheet, 2, 0, table.empty, font_color="#5F6B78")

    def _ledger(self, sheet: Worksheet, ledger: Ledger) -> None:
        words = self.words
        fixed = [words(f"book.{name}") for name in ("measure", "place", "subject", "unit")]
        heads = [*fixed, *(f"{week:%G-W%V}" for week in ledger.weeks)]
        self._head(sheet, ledger.title, heads, len(ledger.series), frozen_columns=len(fixed))
        for number, series in enumerate(ledger.series, 2):
            for place, text in enumerate((series.measure, series.place, series.subject, series.unit)):
                self._text(sheet, number, place, text)
            shape = "0." + "0" * series.digits if series.digits else "0"
            shape = f"{shape}%" if series.unit == "%" else f"#,##{shape}"
            form = self._format(num_format=shape)
            for place, value in enumerate(series.values, len(fixed)):
                if value is not None:  # a gap stays a gap
                    if isinstance(value, str):
                        self._text(sheet, number, place, value)
                    else:
                        sheet.write_number(number, place, float(value), form)
        self._widths(sheet, heads, [[one.measure, one.place, one.subject, one.unit] for one in ledger.series])
        self._text(sheet, len(ledger.series) + 3, 0, ledger.foot, font_color="#5F6B78")

    def _queries(self, sheet: Worksheet) -> None:
        heads = [self.words(f"book.{name}") for name in ("listing", "file", "sql")]
        queries = list(self.report.queries.values())
        self._head(sheet, self.words("book.queries"), heads, len(queries))
        for number, query in enumerate(queries, 2):
            for place, text in enumerate((query.name, f"data/{query.name}.csv", query.sql)):
                self._text(sheet, number, place, text, text_wrap=place == 2)
        sheet.set_column(0, 1, 28)
        sheet.set_column(2, 2, 110)

    def _head(
        self, sheet: Worksheet, title: str, heads: Sequence[str], count: int, *, frozen_columns: int = 1
    ) -> None:
        """Title and head of a sheet; head and first columns stay, every column can be filtered."""
        self._text(sheet, 0, 0, title, bold=True, font_size=13)
        for place, text in enumerate(heads):
            self._text(sheet, 1, place, text, bold=True, bottom=1, bg_color="#EEF1F4", text_wrap=True, valign="top")
        sheet.freeze_panes(2, frozen_columns)
        sheet.autofilter(1, 0, 1 + max(count, 1), max(len(heads) - 1, 0))
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(1)
        sheet.set_footer("&C&P / &N")

    def _cell(self, sheet: Worksheet, row: int, place: int, cell: Cell, *, is_number: bool, is_total: bool) -> None:
        style: dict[str, Any] = {"bold": True} if is_total or "strong" in cell.style else {}
        if "muted" in cell.style:
            style["font_color"] = "#5F6B78"
        style |= _LIGHTS.get(cell.style.split(" ")[-1], {}) if cell.style.startswith(("light", "tag")) else {}
        found = number_of(cell.text)
        if found and (is_number or cell.text.endswith("%")):
            sheet.write_number(row, place, found[0], self._format(num_format=found[1], **style))
        else:
            self._text(sheet, row, place, cell.text, **({"align": "right"} if is_number else {}), **style)

    def _text(self, sheet: Worksheet, row: int, place: int, text: str, **style: Any) -> None:
        """Write a text that stays one: no formula, no link; what begins like a formula is marked as text."""
        if not text:
            return
        if text.startswith(_FORMULA):
            style["quote_prefix"] = True
        sheet.write_string(row, place, masked(text), self._format(**style))

    def _widths(self, sheet: Worksheet, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        for place, head in enumerate(heads):
            texts = [row[place] for row in rows if place < len(row)]
            widest = max((width_em(text) for text in texts), default=0.0)
            sheet.set_column(place, place, min(max(widest, width_em(head) + 1.2, 3.0) * 2.0 + 1.0, _WIDEST))

    def _format(self, **style: Any) -> Format:
        key = tuple(sorted(style.items()))
        if key not in self.formats:
            self.formats[key] = self.workbook.add_format({"font_name": "等线", **style})
        return self.formats[key]

    def _name(self, title: str) -> str:
        """A name that a sheet may have, and no other sheet has."""
        plain = _NOT_IN_NAMES.sub(" ", masked(title)).strip() or "-"
        name, number = plain[:_LONGEST_NAME], 1
        while name.casefold() in self.names:
            number += 1
            end = f" {number}"
            name = plain[: _LONGEST_NAME - len(end)] + end
        self.names.add(name.casefold())
        return name


_LIGHTS: dict[str, dict[str, Any]] = {
    "level-1": {"bg_color": "#2F6FB7", "font_color": "#FFFFFF"},
    "level-2": {"bg_color": "#F3CF4A"},
    "level-3": {"bg_color": "#D9691C", "font_color": "#FFFFFF"},
    "level-4": {"bg_color": "#8F1320", "font_color": "#FFFFFF"},
    "breached": {"bg_color": "#B4501E", "font_color": "#FFFFFF"},
}
