"""The first rows of a stranger's file: header and cells as text, before any contract is held against them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import InputRefusedError
from pipelines.feeds import containers, encodings
from pipelines.feeds.headers import clean_header

SAMPLE_BYTES = 1 << 20
MOST_ROWS = 5000
HEADER_WITHIN = 20
DELIMITERS = (",", "\t", ";", "|")
TOTAL = re.compile(r"\s*(合|总|小)\s*计.*")
FIGURES = re.compile(r"[-+]?[\d,.:/\- ]*\d[\d,.:/\- ]*")


@dataclass
class Sample:
    """Header words and the first rows of a file (a text's 5000, a workbook's 200).

    `encoding` is None where the file itself names it (a byte order mark, a workbook); the delimiter of a workbook is
    empty. `doubts` says what could not be told.
    """

    headers: list[str]
    rows: list[list[str]]
    encoding: str | None
    delimiter: str
    header_line: int
    doubts: list[str] = field(default_factory=list)

    def column(self, place: int) -> list[str]:
        """The cells of a column, blanks stripped, empty ones as empty texts."""
        return [row[place].strip() for row in self.rows]


def read_sample(path: Path) -> Sample:
    """Return the sample of a text file or of the first filled sheet of a workbook.

    Raises:
        InputRefusedError: the format is not read, or no line looks like a header with rows below it.
    """
    content = containers.look(path)
    return _from_text(content) if content.kind == "text" else _from_workbook(content)


def _from_text(content: containers.Content) -> Sample:
    with content.open() as file:
        start = file.read(SAMPLE_BYTES)
    whole = start if len(start) < SAMPLE_BYTES else start[: start.rfind(b"\n") + 1] or start
    doubts: list[str] = []
    mark = encodings.byte_order_mark(whole)
    encoding = mark or _encoding(whole, doubts)
    text = whole.decode(encoding, errors="replace")
    best: tuple[float, int, str, list[list[str]]] | None = None
    for delimiter in DELIMITERS:
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[
                : MOST_ROWS + HEADER_WITHIN
            ]
        except csv.Error:
            continue
        widths = Counter(len(record) for record in records if any(map(str.strip, record)))
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
        if width > 1 and (best is None or (count, width) > best[:2]):
            best = (count, width, delimiter, records)
    if best is None:
        raise InputRefusedError("no delimiter (comma, tab, semicolon, pipe) parts the lines into columns")
    _, _, delimiter, records = best
    return _sample(records, None if mark else encoding, delimiter, doubts)


def _encoding(whole: bytes, doubts: list[str]) -> str:
    choices = encodings.candidates(whole)
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError:
        choices = [choice for choice in choices if choice != "utf-8"]
    else:
        return "utf-8" if len(choices) > 1 else choices[0]
    try:
        return encodings.body_encoding(whole, choices)
    except InputRefusedError:
        doubts.append(
            f"the encoding: one of {', '.join(choices)}; taken {choices[0]}, see whether the words make sense"
        )
        return choices[0]


def _from_workbook(content: containers.Content) -> Sample:
    from pipelines.feeds import sheets

    for sheet in sheets.sheets_of(content):
        rows = [list(row) for row in sheet.head]
        if sum(map(any, rows)) > 1:
            return _sample(rows, None, "", [])
    raise InputRefusedError("no sheet of the workbook holds a header with rows below it")


def _sample(records: list[list[str]], encoding: str | None, delimiter: str, doubts: list[str]) -> Sample:
    """Find the header: the first line that is about as full as the fullest and holds words rather than figures."""
    records = [[cell.strip() for cell in record] for record in records]
    fullest = max((sum(map(bool, record)) for record in records[:HEADER_WITHIN]), default=0)
    for index, record in enumerate(records[:HEADER_WITHIN]):
        filled = [cell for cell in record if cell]
        words = [cell for cell in filled if not FIGURES.fullmatch(cell)]
        if len(filled) < max(2, 0.6 * fullest) or len(words) < 0.8 * len(filled):
            continue
        header = [clean_header(cell) for cell in record]
        rows = [
            row
            for row in records[index + 1 :]
            if len(row) == len(record)
            and any(row)
            and not any(map(TOTAL.fullmatch, row))
            and [clean_header(cell) for cell in row] != header
        ]
        if rows:
            return Sample(record, rows[:MOST_ROWS], encoding, delimiter, index + 1, doubts)
    raise InputRefusedError(f"none of the first {HEADER_WITHIN} lines looks like a header with rows below it")
