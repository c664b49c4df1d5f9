"""From text to rows of cells, with the physical line each row starts on.

The account is proved on physical lines: lines = header + title + total + blank + rows (good and bad) + newlines
inside quotes. A stray quote therefore costs its own line and no other.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from pipelines.contracts import Contract
from pipelines.errors import InputRefusedError
from pipelines.feeds.containers import Content
from pipelines.feeds.encodings import holds_utf8
from pipelines.feeds.furniture import Furniture
from pipelines.feeds.layout import Layout, is_blank
from pipelines.feeds.table import BadLine, Table

BLOCK_CHARS = 1 << 20
MAX_LINE_CHARS = 16_000_000
MAX_RECORD_LINES = 20
BROKEN = "\udc80"
MARK_BROKEN = "sandwatch-mark-broken-bytes"


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    """Put a mark where bytes are not of the encoding and go on behind them, so that only their line is lost."""
    if not isinstance(error, UnicodeDecodeError) or ("truncated" in error.reason and "16" in error.encoding):
        raise error
    return BROKEN, error.end if "16" in error.encoding else error.start + 1


codecs.register_error(MARK_BROKEN, _mark_broken)


def read_text(content: Content, layout: Layout, contract: Contract) -> Table:
    """Return the rows of a text of a known layout."""
    table = Table(layout.headers, layout.encoding, layout.delimiter, iter(()))
    table.rows = _Reader(table, layout, Furniture.below(layout, contract)).rows(content)
    return table


def read_lines(lines: Iterator[tuple[int, str]], layout: Layout, contract: Contract) -> Table:
    """Return the rows among some numbered lines below the header; the lines of a quoted cell must be together."""
    table = Table(layout.headers, layout.encoding, layout.delimiter, iter(()), header_lines=0)
    table.rows = _Reader(table, layout, Furniture.below(layout, contract)).body(lines)
    return table


def _lines(binary: BinaryIO, encoding: str) -> Iterator[tuple[int, str]]:
    number, rest = 0, ""
    # newline=None turns CRLF and lone CR into LF, so a line is a line whatever the vendor writes.
    file = io.TextIOWrapper(binary, encoding, MARK_BROKEN, newline=None)
    while True:
        try:
            block = file.read(BLOCK_CHARS)
        except UnicodeDecodeError as error:  # UTF-16 cut in the middle: what stood there cannot be told
            raise InputRefusedError(
                f"the file is damaged: it ends inside a {encoding} character; send it again"
            ) from error
        lines = (rest + block).split("\n")
        rest = lines.pop()
        for line in lines:
            number += 1
            yield number, line
        if len(rest) > MAX_LINE_CHARS:
            raise InputRefusedError(
                f"line {number + 1} is longer than {MAX_LINE_CHARS} characters: this is no table."
                " Export it again as .csv or .xlsx"
            )
        if not block:
            break
    if rest:
        yield number + 1, rest


class _Reader:
    def __init__(self, table: Table, layout: Layout, furniture: Furniture) -> None:
        self.table = table
        self.layout = layout
        self.furniture = furniture
        self.width = len(layout.headers)
        self.may_be_utf8 = layout.encoding == "gb18030"
        self.waiting: list[tuple[int, str]] = []

    def rows(self, content: Content) -> Iterator[tuple[int, list[str]] | BadLine]:
        with content.open() as binary:
            lines = _lines(binary, self.table.encoding)
            self._skip_head(lines)
            yield from self.body(lines)

    def body(self, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]] | BadLine]:
        """Return the rows of numbered lines below the header."""
        table, delimiter, width = self.table, self.table.delimiter, self.width
        first_word, blanks = self.layout.headers[0], f"{delimiter} \t"
        time_positions = self.furniture.time_positions
        time_position = time_positions[0] if len(time_positions) == 1 else None
        while True:
            number, text = self.waiting.pop(0) if self.waiting else next(lines, (0, ""))
            if not number:
                return
            if number > table.physical_lines:
                table.physical_lines = number
            if not text.strip(blanks):
                table.blank_lines += 1
            elif not text.isascii() and BROKEN in text:
                shown = text.replace(BROKEN, "\ufffd")
                yield BadLine(number, "bad_encoding", f"bytes that are not {table.encoding}", shown)
            elif self.may_be_utf8 and not text.isascii() and holds_utf8(text, table.encoding):
                yield BadLine(number, "bad_encoding", f"text in UTF-8 within a file in {table.encoding}", text)
            elif "\x00" in text:
                yield BadLine(number, "nul_byte", "the line holds NUL bytes", text.replace("\x00", "␀"))
            elif '"' in text:
                record = self._quoted_record(number, text, lines)
                if record is not None:
                    yield record
            else:
                cells = text.split(delimiter)
                if (
                    len(cells) == width
                    and time_position is not None
                    and cells[time_position][:1].isdecimal()
                    and not cells[0].endswith(first_word)
                ):
                    yield number, cells  # all but a few lines in a million: told without another call
                elif not self._is_furniture(text, cells):
                    yield (number, cells) if len(cells) == width else self._wrong_count(number, text, cells)

    def _skip_head(self, lines: Iterator[tuple[int, str]]) -> None:
        table, start = self.table, self.layout.header_line_number
        for number, text in lines:
            table.physical_lines = number
            if number < start:
                if is_blank(text, table.delimiter):
                    table.blank_lines += 1
                else:
                    table.title_lines += 1
            if number >= start + self.layout.header_span - 1:
                break
        table.quoted_newlines = self.layout.header_span - 1

    def _is_furniture(self, text: str, cells: list[str]) -> bool:
        """Whether the line is a total or the header or title of a new page; it is counted as that."""
        if len(cells) == self.width and self.furniture.is_header(cells):
            self.table.header_lines += 1
        elif len(cells) == self.width and not self.furniture.may_stand_in(cells):
            return False
        elif text in self.furniture.titles:
            self.table.title_lines += 1
        elif self.furniture.is_total(cells):
            self.table.total_lines += 1
        else:
            return False
        return True

    def _wrong_count(self, number: int, text: str, cells: list[str]) -> BadLine:
        detail = f"{len(cells)} cells where the header has {self.width}"
        return BadLine(number, "wrong_cell_count", detail, text)

    def _quoted_record(
        self, number: int, text: str, lines: Iterator[tuple[int, str]]
    ) -> tuple[int, list[str]] | BadLine | None:
        """Return the record that starts on a line with quotes, or say why there is none; None for furniture.

        Lines read ahead in vain go back to `waiting`: only the line with the stray quote is lost to quarantine.
        """
        table, waiting = self.table, self.waiting
        taken: list[tuple[int, str]] = []
        record = text
        while True:
            if record.count('"') % 2 == 0:
                try:
                    records = list(csv.reader(io.StringIO(record), delimiter=table.delimiter))
                except csv.Error as error:
                    waiting[:0] = taken
                    return BadLine(number, "unreadable_line", f"the line cannot be split into cells ({error})", text)
                # Two records mean two stray quotes on different lines: their count is even, their rows are two.
                if len(records) == 1 and len(records[0]) == self.width:
                    table.quoted_newlines += len(taken)
                    table.physical_lines = max([table.physical_lines, *(line for line, _ in taken)])
                    return None if self._is_furniture(record, records[0]) else (number, records[0])
                if not taken:
                    cells = records[0] if records else []
                    if len(records) == 1 and self._is_furniture(text, cells):
                        return None
                    return self._wrong_count(number, text, cells)
            follower = None if len(taken) >= MAX_RECORD_LINES else (waiting.pop(0) if waiting else next(lines, None))
            if follower is None or self._stands_alone(follower[1]):
                waiting[:0] = taken if follower is None else [*taken, follower]
                return BadLine(number, "stray_quote", 'a quote (") opens a cell that never closes', text)
            taken.append(follower)
            record = f"{record}\n{follower[1]}"

    def _stands_alone(self, line: str) -> bool:
        """Whether a line cannot be part of a quoted cell: a whole record by itself, or one with broken bytes."""
        is_whole = '"' not in line and line.count(self.table.delimiter) == self.width - 1 > 0
        return is_whole or "\x00" in line or BROKEN in line
