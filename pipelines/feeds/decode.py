"""From the bytes of a file to rows of text cells, with the physical line each row starts on.

The account is proved on physical lines: lines = header + blank + rows (good and bad) + newlines
inside quotes. A stray quote therefore costs its own line and no other (`split_quoted`).
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import functools
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError
from pipelines.feeds.headers import header_map, missing_columns

SNIFF_BYTES = 1 << 20
ENCODINGS = ("utf-8", "gb18030", "big5")
DELIMITERS = (",", "\t", ";", "|")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MAX_RECORD_LINES = 20
CELL_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
MAX_SHEET_CELLS = 20_000_000
BROKEN_BYTES = re.compile("[\udc80-\udcff]")
WORKBOOK_SUFFIXES = (".xlsx", ".xls")


@dataclass(frozen=True)
class BadLine:
    """A line that cannot become a row: where it stands, why, and the text itself."""

    line: int
    reason_code: str
    detail: str
    raw_text: str


@dataclass
class Table:
    """A file as rows of text. The counts are complete once `rows` has been read to its end."""

    headers: tuple[str, ...]
    encoding: str
    delimiter: str
    rows: Iterator[tuple[int, list[str]] | BadLine]
    header_lines: int = 1
    title_lines: int = 0
    total_lines: int = 0
    physical_lines: int = 0
    blank_lines: int = 0
    quoted_newlines: int = 0


def read_table(path: Path, contract: Contract, source: Source) -> Table:
    """Return the rows of a CSV file or workbook as text.

    Encoding and delimiter are those of the profile, else the first pair under which the header line holds the
    required columns.

    Raises:
        InputRefusedError: a required column is missing, or there is no row.
    """
    if path.suffix.lower() in WORKBOOK_SUFFIXES:
        return _read_workbook(path, contract, source)
    with path.open("rb") as file:
        start = file.read(SNIFF_BYTES)
    bom = next((name for mark, name in BOMS if start.startswith(mark)), None)
    # An ASCII header says nothing about the body: encodings that read the whole sample come first.
    guesses = sorted(ENCODINGS, key=lambda encoding: not _reads(start, encoding))
    encodings = [bom] if bom else [source.encoding] if source.encoding else guesses
    delimiters = (source.delimiter,) if source.delimiter else DELIMITERS
    tried: list[tuple[int, str, str, tuple[str, ...], list[str]]] = []
    for encoding in encodings:
        head = io.StringIO(start.decode(encoding, errors="replace"), newline=None)
        first = next((line for line in head if line.strip()), "").rstrip("\n")
        for delimiter in delimiters:
            headers = tuple(next(csv.reader([first], delimiter=delimiter), []))
            missing = missing_columns(contract, source, header_map(contract, source, headers))
            if not missing:
                return _read_text(path, encoding, delimiter, headers)
            tried.append((len(missing), encoding, delimiter, headers, missing))
    _, encoding, delimiter, headers, missing = min(tried, key=lambda attempt: attempt[0])
    raise InputRefusedError(_missing_message(contract, encoding, delimiter, headers, missing))


def _reads(sample: bytes, encoding: str) -> bool:
    whole_lines = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        whole_lines.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _missing_message(
    contract: Contract, encoding: str, delimiter: str, headers: tuple[str, ...], missing: list[str]
) -> str:
    words = {
        name: "/".join((name, *contract.columns[name].aliases)) for group in missing for name in group.split(" or ")
    }
    shown = ", ".join(headers)[:300]
    return (
        f"required column missing: {', '.join(missing)}. Header as read ({encoding}, {delimiter!r} between"
        f" columns): [{shown}]. Known headers: {'; '.join(words.values())}. Rename the column, or add its header"
        f" to a source profile in expectations/raw/{contract.feed}.yaml"
    )


def _read_text(path: Path, encoding: str, delimiter: str, headers: tuple[str, ...]) -> Table:
    table = Table(headers, encoding, delimiter, iter(()))
    table.rows = _text_rows(path, table)
    return table


def _text_rows(path: Path, table: Table) -> Iterator[tuple[int, list[str]] | BadLine]:
    width = len(table.headers)
    header_seen = False
    # newline=None turns CRLF and lone CR into LF, so a line is a line whatever the vendor writes.
    with path.open(encoding=table.encoding, errors="surrogateescape", newline=None) as file:
        lines = enumerate(_lines(file, table.encoding), start=1)
        waiting: list[tuple[int, str]] = []
        while True:
            number, line = waiting.pop(0) if waiting else next(lines, (0, ""))
            if not number:
                return
            table.physical_lines = max(table.physical_lines, number)
            text = line.rstrip("\n")
            if not text.strip(f"{table.delimiter} \t"):
                table.blank_lines += 1
            elif not header_seen:
                header_seen = True
            elif not text.isascii() and BROKEN_BYTES.search(text):
                shown = BROKEN_BYTES.sub("\ufffd", text)
                yield BadLine(number, "bad_encoding", f"bytes that are not {table.encoding}", shown)
            elif "\x00" in text:
                yield BadLine(number, "nul_byte", "the line holds NUL bytes", text.replace("\x00", "␀"))
            elif '"' not in text:
                cells = text.split(table.delimiter)
                if len(cells) == width:
                    yield number, cells
                else:
                    yield BadLine(
                        number, "wrong_cell_count", f"{len(cells)} cells where the header has {width}", text
                    )
            else:
                yield _quoted_record(number, text, lines, waiting, table)


def _lines(file: TextIO, encoding: str) -> Iterator[str]:
    try:
        yield from file
    except UnicodeDecodeError as error:  # UTF-16 cut in the middle of a character: no line after it can be told
        raise InputRefusedError(
            f"the file is damaged: it ends inside a {encoding} character; send it again"
        ) from error


def _quoted_record(
    number: int,
    text: str,
    lines: Iterator[tuple[int, str]],
    waiting: list[tuple[int, str]],
    table: Table,
) -> tuple[int, list[str]] | BadLine:
    """Return the record that starts on a line with quotes, or say why there is none.

    Lines read ahead in vain go back to `waiting`: only the line with the stray quote is lost to quarantine.
    """
    width = len(table.headers)
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
            if len(records) == 1 and len(records[0]) == width:
                table.quoted_newlines += len(taken)
                table.physical_lines = max([table.physical_lines, *(line for line, _ in taken)])
                return number, records[0]
            if not taken:
                found = len(records[0]) if records else 0
                return BadLine(number, "wrong_cell_count", f"{found} cells where the header has {width}", text)
        follower = None if len(taken) >= MAX_RECORD_LINES else (waiting.pop(0) if waiting else next(lines, None))
        if follower is None or _stands_alone(follower[1], table):
            waiting[:0] = taken if follower is None else [*taken, follower]
            return BadLine(number, "stray_quote", 'a quote (") opens a cell that never closes', text)
        taken.append(follower)
        record = f"{record}\n{follower[1].rstrip(chr(10))}"


def _stands_alone(line: str, table: Table) -> bool:
    """Whether a line cannot be part of a quoted cell: a whole record by itself, or one with broken bytes."""
    is_whole = '"' not in line and line.count(table.delimiter) == len(table.headers) - 1 > 0
    return is_whole or "\x00" in line or BROKEN_BYTES.search(line) is not None


def _read_workbook(path: Path, contract: Contract, source: Source) -> Table:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        if zipfile.is_zipfile(path):
            _refuse_far_cells(path)
        grid = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise InputRefusedError(
            f"not a readable workbook ({error}); open it, save it again as .xlsx and send it once more"
        ) from error
    rows = [[_cell_text(cell) for cell in row] for row in grid]
    first = next((index for index, row in enumerate(rows) if any(row)), None)
    headers = tuple(rows[first]) if first is not None else ()
    missing = missing_columns(contract, source, header_map(contract, source, headers))
    if missing or first is None:
        raise InputRefusedError(_missing_message(contract, "workbook", "|", headers, missing))
    table = Table(headers, "xlsx", "", iter(()))

    def body() -> Iterator[tuple[int, list[str]] | BadLine]:
        table.physical_lines = len(rows)
        table.blank_lines = first
        for number, row in enumerate(rows[first + 1 :], start=first + 2):
            if any(row):
                yield number, row
            else:
                table.blank_lines += 1

    table.rows = body()
    return table


def _refuse_far_cells(path: Path) -> None:
    """Refuse a sheet that a stray cell far out makes huge: the reader holds the whole rectangle and would abort."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.startswith("xl/worksheets/"):
                continue
            last_row = last_column = 0
            rest = b""
            with archive.open(member) as sheet:
                while chunk := sheet.read(SNIFF_BYTES):
                    for letters, digits in CELL_PLACE.findall(rest + chunk):
                        column = functools.reduce(lambda sum_, letter: sum_ * 26 + letter - 64, letters, 0)
                        last_row, last_column = max(last_row, int(digits)), max(last_column, column)
                    rest = chunk[-16:]
            if last_row * last_column > MAX_SHEET_CELLS:
                raise InputRefusedError(
                    f"the sheet reaches to row {last_row}, column {last_column}; a stray cell far out makes it that"
                    " large. Delete the empty rows and columns, save and send it again"
                )


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    return str(cell).strip()
