"""From the sheets of a workbook to rows of text cells.

Every sheet that has the columns is read. A cell merged over several rows stands in the first of them only: it is
filled down, but never a mass or a number, which would count a load twice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.contracts import CHECK_SHEETS, Contract, Source
from pipelines.errors import InputRefusedError
from pipelines.feeds.containers import Content
from pipelines.feeds.furniture import Furniture
from pipelines.feeds.headers import clean_header
from pipelines.feeds.layout import HEADER_WITHIN, HeaderLine, Layout, find_header, missing_message, tried_header
from pipelines.feeds.sheets import Sheet, rows_of, sheets_of
from pipelines.feeds.table import BadLine, Table

FORMULA_MARK = re.compile(r"^'(?=[=+\-@])")  # the check sets it before what a spreadsheet would run
MEASURES = ("mass_kg", "mass_t", "number")
Key = tuple[str, str, int]


@dataclass(frozen=True)
class _Chosen:
    """A sheet that is read: its place in the workbook, its header, and what each of its columns is.

    `is_mended` says that it is the sender's table out of our own check, sent back.
    """

    number: int
    sheet: Sheet
    header: HeaderLine
    keys: tuple[Key, ...]
    is_mended: bool = False

    @property
    def name(self) -> str:
        return self.sheet.name


def detect(content: Content, contract: Contract, source: Source) -> Layout:
    """Return the layout of the first sheet that is read; see `layout.detect`."""
    sheets, _ = _sheets(content, contract, source)
    return _layout(content, sheets[0])


def read_workbook(content: Content, contract: Contract, source: Source) -> Table:
    """Return the rows of all sheets that have the columns, in the order of the first one's header.

    Raises:
        InputRefusedError: it is damaged, protected or huge, no sheet has the columns, a sheet the profile names
            is missing, or two sheets give one measure under different words.
    """
    sheets, notes = _sheets(content, contract, source)
    keys = list(dict.fromkeys(key for sheet in sheets for key in sheet.keys))
    words = {
        key: word for sheet in reversed(sheets) for key, word in zip(sheet.keys, sheet.header.headers, strict=True)
    }
    _refuse_mixed_measures(contract, sheets)
    table = Table(tuple(words[key] for key in keys), content.kind, "", iter(()), header_lines=0, notes=notes)
    table.rows = _rows(content, contract, table, sheets, {key: index for index, key in enumerate(keys)})
    return table


def _rows(
    content: Content, contract: Contract, table: Table, sheets: list[_Chosen], position: dict[Key, int]
) -> Iterator[tuple[int, list[str]] | BadLine]:
    offset = 0
    every_row = rows_of(content, [sheet.number for sheet in sheets])
    for chosen in sheets:
        furniture = Furniture.below(_layout(content, chosen), contract)
        places = [position[key] for key in chosen.keys]
        is_straight = places == list(range(len(table.headers)))
        fills = _fills(chosen, contract)
        tops = {top for filled in fills.values() for _, top in filled}
        merged: dict[int, list[str]] = {}  # the rows in which a merged cell stands
        for index, cells in enumerate(itertools.islice(every_row, chosen.sheet.height)):
            table.physical_lines = offset + index + 1
            if index in tops:
                merged[index] = list(cells)
            # A merged cell says nothing of its own about the row: a row of nothing else is blank.
            kind = _kind(index + 1, cells, chosen.header, furniture)
            if kind:
                setattr(table, kind, getattr(table, kind) + 1)
                continue
            for column, top in fills.get(index, ()):
                cells[column] = cells[column] or merged[top][column]
            if chosen.is_mended:
                cells = [FORMULA_MARK.sub("", cell) for cell in cells]
            if not is_straight:
                shuffled = [""] * len(table.headers)
                for place, cell in zip(places, cells, strict=True):
                    shuffled[place] = cell
                cells = shuffled
            yield offset + index + 1, cells
        offset += chosen.sheet.height


def _kind(line: int, cells: list[str], header: HeaderLine, furniture: Furniture) -> str | None:
    """Return the count a line belongs to, or None for a row."""
    if not any(cells):
        return "blank_lines"
    if line < header.line:
        return "title_lines"
    if line == header.line or furniture.is_header(cells):
        return "header_lines"
    if furniture.may_stand_in(cells):
        if "\t".join(cells).strip() in furniture.titles:
            return "title_lines"
        if furniture.is_total(cells):
            return "total_lines"
    return None


def _layout(content: Content, sheet: _Chosen) -> Layout:
    header = sheet.header
    return Layout(
        kind="workbook",
        encoding=content.kind,
        delimiter="",
        headers=header.headers,
        header_line_number=header.line,
        title_lines=len(header.titles),
        found=header.found,
        container=content.container,
        titles=header.titles,
    )


def _sheets(content: Content, contract: Contract, source: Source) -> tuple[list[_Chosen], list[str]]:
    """Return the sheets to read, and notes on which lines are whose and what was left."""
    book = sheets_of(content)
    names = [sheet.name for sheet in book]
    is_mended = [name for name in names if name in CHECK_SHEETS] == list(CHECK_SHEETS)
    wanted = CHECK_SHEETS[1:] if is_mended else source.sheets
    absent = [name for name in wanted if name not in names]
    if absent:
        raise InputRefusedError(
            f"sheet {', '.join(absent)} of the source profile {source.name!r} is not in the workbook; it has"
            f" {', '.join(names)}. Rename the sheet, or correct `sheets:` in the profile"
        )
    chosen: list[_Chosen] = []
    notes: list[str] = []
    left: list[tuple[HeaderLine, str]] = []
    offset = 0
    for number, sheet in enumerate(book):
        if wanted and sheet.name not in wanted:
            who = "our own check, sent back mended," if is_mended else "the source profile"
            notes.append(f"sheet {sheet.name} was not read: {who} names {', '.join(wanted)}")
            continue
        header = _header(sheet, contract, source)
        if header.missing:
            left.append((header, sheet.name))
            if sheet.height:
                notes.append(f"sheet {sheet.name} was not read: it lacks {', '.join(header.missing)}")
            continue
        if chosen:
            last = offset + sheet.height
            notes.append(f"lines {offset + 1} to {last} are rows 1 to {sheet.height} of sheet {sheet.name}")
        offset += sheet.height
        chosen.append(_Chosen(number, sheet, header, _keys(header), is_mended))
    if not chosen or (left and wanted):
        nothing = find_header(()), content.name
        header, name = min(left, key=lambda pair: (len(pair[0].missing), -len(pair[0].found)), default=nothing)
        raise InputRefusedError(missing_message(contract, f"sheet {name}", header))
    return chosen, notes


def _header(sheet: Sheet, contract: Contract, source: Source) -> HeaderLine:
    rows = [list(row) for row in sheet.head]
    for top, bottom, column in sheet.merged:
        # A header over two rows: a word merged over both stands in the upper one.
        for row in range(top + 1, min(bottom + 1, len(rows))):
            rows[row][column] = rows[row][column] or rows[top][column]
    filled = [(index, row) for index, row in enumerate(rows) if any(row)][:HEADER_WITHIN]
    return find_header(
        tried_header(
            index + 1,
            tuple(row),
            contract,
            source,
            titles=tuple("\t".join(above).strip() for _, above in filled[:order]),
        )
        for order, (index, row) in enumerate(filled)
    )


def _fills(chosen: _Chosen, contract: Contract) -> dict[int, list[tuple[int, int]]]:
    """Return (column, row where its value stands) of each row that a merged cell reaches down to."""
    found = chosen.header.found.items()
    measures = {place for name, place in found if contract.columns[name].type in MEASURES}
    fills: dict[int, list[tuple[int, int]]] = {}
    for top, bottom, column in chosen.sheet.merged:
        if top >= chosen.header.line and column not in measures:
            for row in range(top + 1, bottom + 1):
                fills.setdefault(row, []).append((column, top))
    return fills


def _keys(header: HeaderLine) -> tuple[Key, ...]:
    """What each column of a sheet is: a column of the contract, else its word (and which of several alike)."""
    meaning = {place: name for name, place in header.found.items()}
    seen: dict[str, int] = {}
    keys: list[Key] = []
    for place, word in enumerate(header.headers):
        if place in meaning:
            keys.append(("column", meaning[place], 0))
            continue
        clean = clean_header(word)
        seen[clean] = seen.get(clean, 0) + 1
        keys.append(("word", clean, seen[clean]))
    return tuple(keys)


def _refuse_mixed_measures(contract: Contract, sheets: list[_Chosen]) -> None:
    """Two words for one measure may be two units (毛重(吨) and 毛重(kg)): one column cannot hold both."""
    said: dict[str, tuple[str, str]] = {}
    for sheet in sheets:
        for name, place in sheet.header.found.items():
            if contract.columns[name].type not in MEASURES:
                continue
            word = clean_header(sheet.header.headers[place])
            first_sheet, first_word = said.setdefault(name, (sheet.name, word))
            if word != first_word:
                raise InputRefusedError(
                    f"sheet {first_sheet} calls {name} {first_word}, sheet {sheet.name} calls it {word}: the units"
                    " may differ. Name the columns alike, or send the sheets as files of their own"
                )
