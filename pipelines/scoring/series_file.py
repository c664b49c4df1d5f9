"""Any CSV of prices to numbers: what the columns of a call hold, and what of the file could not be read.

Nothing is left out in silence: every kind of line or cell that does not count is counted, with its first line and an
example. The cells are read as text and judged by their distinct spellings, so a million lines take a second or two.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import InputRefusedError
from pipelines.feeds import containers
from pipelines.scoring.alps import Array
from pipelines.scoring.cell_words import NO_DATE, read_date, read_price
from pipelines.scoring.series_head import Head, find_head, utf8

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.int64]

BLOCK_BYTES = 1 << 22  # no line is longer
SHOWN = 80


@dataclass(frozen=True)
class Quotes:
    """The prices of a file, one entry a line that counts, and words about the lines that do not.

    `keys` gives each key column's value of every series; series are numbered in the order of their keys.
    """

    keys: dict[str, list[str]]
    series: Numbers
    days: Numbers  # since 1970; of a month its first day
    is_month: NDArray[np.bool_]  # whether the line gives a month and no day
    prices: Array
    notes: list[str] = field(default_factory=list)


def read(path: Path, *, date: str, price: str, by: Sequence[str] = ()) -> Quotes:
    """Return the prices of a CSV: UTF-8, GB18030, Big5 or UTF-16, bare or in a .gz or .zip.

    The header is the first of the first 20 lines that holds the named columns. Left out, and said in `notes`: lines
    with another number of cells, without a price, with a price or date that cannot be read or a price not above 0.

    Args:
        path: the file.
        date: header of the column of dates, by day or by month.
        price: header of the column of prices.
        by: headers of the columns that tell series apart.

    Raises:
        WrongCallError: a named column is not there.
        InputRefusedError: a named column is there twice, the file is no CSV, its encoding cannot be told, or no
            line of it has a date and a price.
    """
    content = containers.look(path)
    if content.kind != "text":
        raise InputRefusedError(f"{path.name} is a workbook: save the sheet with the prices as CSV")
    with content.open() as file:
        raw = file.read()
    wanted = [date, price, *by]
    head = find_head(path.name, raw, wanted)
    text = utf8(path.name, raw, head.encoding)
    del raw
    body = _Body(text, head)
    columns = body.read()
    return _quotes(path.name, body, columns, by)


class _Body:
    """The lines below the header, and which of them have the cells of one."""

    def __init__(self, text: bytes, head: Head) -> None:
        self.text, self.head = text, head
        self.start = 0
        for _ in range(head.line):
            self.start = text.find(b"\n", self.start) + 1 or len(text)
        self.odd = 0

    def read(self) -> list[pa.ChunkedArray]:
        """Return the wanted columns as text: date and keys by dictionary, prices plain."""
        import pyarrow as pa

        if self.text.find(b'"', self.start) >= 0:
            every = [cells for _, cells in self.rows()]
            rows = [cells for cells in every if cells is not None]
            self.odd = len(every) - len(rows)
            columns = [pa.chunked_array([pa.array([cells[at] for cells in rows], pa.string())])
                       for at in self.head.places]  # fmt: skip
            return [column if at == 1 else column.dictionary_encode() for at, column in enumerate(columns)]
        return self._read_plain()

    def _read_plain(self) -> list[pa.ChunkedArray]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        def left_out(row: Any) -> str:
            self.odd += bool(row.text.strip(f"{self.head.delimiter} "))
            return "skip"

        names = [f"c{at}" for at in range(len(self.head.headers))]
        if self.start >= len(self.text.rstrip()):
            return [pa.chunked_array([pa.array([], pa.string())]) for _ in self.head.places]
        words = pa.dictionary(pa.int32(), pa.string())
        types = {names[place]: pa.string() if at == 1 else words for at, place in enumerate(self.head.places)}
        table = arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(self.text).slice(self.start)),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.head.delimiter, quote_char=False, invalid_row_handler=left_out
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), strings_can_be_null=False
            ),
        ).unify_dictionaries()
        return [table[names[place]] for place in self.head.places]

    def rows(self) -> Iterator[tuple[int, list[str] | None]]:
        """Return every line that is not blank: its number and cells, None where it has another number of them."""
        delimiter, width = self.head.delimiter, len(self.head.headers)
        text = io.StringIO(self.text[self.start :].decode())
        for number, line in enumerate(text, start=self.head.line + 1):
            if not line.strip(f"{delimiter} \n"):
                if width > 1 and line.count(delimiter) == width - 1:
                    yield number, [""] * width
                continue
            try:
                cells = next(csv.reader([line], delimiter=delimiter, strict=True))
            except (csv.Error, StopIteration):
                cells = []
            yield number, cells if len(cells) == width else None

    def odd_line(self) -> tuple[int, str]:
        """The first line with another number of cells."""
        number = next(number for number, cells in self.rows() if cells is None)
        return number, self.text.split(b"\n", number)[number - 1].decode()

    def line_of(self, row: int) -> int:
        """The line that a row stands on."""
        numbers = (number for number, cells in self.rows() if cells is not None)
        return next(number for place, number in enumerate(numbers) if place == row)


def _quotes(name: str, body: _Body, columns: Sequence[pa.ChunkedArray], by: Sequence[str]) -> Quotes:
    notes: list[str] = []
    if body.odd:
        number, text = body.odd_line()
        notes.append(_note(body.odd, f"have not the {len(body.head.headers)} cells of the header", number, text))
    days, is_month, date_note = _dates(columns[0])
    prices, is_blank = _prices(columns[1])
    with np.errstate(invalid="ignore"):
        reasons = (
            ("have no price", is_blank),
            ("have a price that is no number", np.isnan(prices) & ~is_blank),
            ("have a price that is not above 0", prices <= 0),
            (date_note, days == NO_DATE),
        )
    is_good = np.ones(len(prices), dtype=bool)
    for reason, is_met in reasons:
        bad = np.flatnonzero(is_met & is_good)
        is_good &= ~is_met
        if len(bad):
            row = int(bad[0])
            shown = columns[0 if reason == date_note else 1][row].as_py()
            notes.append(_note(len(bad), reason, body.line_of(row), shown))
    if not is_good.any():
        told = "; ".join(notes) or "there is no line below the header"
        raise InputRefusedError(f"{name}: no line has a date and a price. {told}")
    keys, series = _series([column.filter(_arrow(is_good)) for column in columns[2:]], by, int(is_good.sum()))
    return Quotes(keys, series, days[is_good], is_month[is_good], prices[is_good], notes)


def _arrow(values: NDArray[Any]) -> Any:
    import pyarrow as pa

    return pa.array(values)


def _note(count: int, reason: str, line: int, shown: str) -> str:
    example = f", {shown[:SHOWN]!r}" if shown.strip() else ""
    return f"{count} line{'s' * (count > 1)} left out that {reason} (the first: line {line}{example})"


def _decoded(column: pa.ChunkedArray) -> tuple[Numbers, list[str]]:
    """Numbers of the distinct texts, and the texts."""
    import pyarrow as pa

    whole = column.combine_chunks()
    array = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    return array.indices.to_numpy(zero_copy_only=False).astype(np.int64), array.dictionary.to_pylist()


def _dates(column: pa.ChunkedArray) -> tuple[Numbers, NDArray[np.bool_], str]:
    codes, texts = _decoded(column)
    read = [read_date(text) for text in texts]
    days = np.array([day for day, _, _ in read] or [NO_DATE], dtype=np.int64)
    is_month = np.array([is_one for _, is_one, _ in read] or [False])
    hints = sorted({hint for _, _, hint in read if hint})
    reason = "have a date that cannot be read" + (f" ({'; '.join(hints)})" if hints else "")
    return days[codes], is_month[codes], reason


def _prices(column: pa.ChunkedArray) -> tuple[Array, NDArray[np.bool_]]:
    """Prices, NaN where there is none, and where the cell is blank."""
    import pyarrow as pa
    from pyarrow import compute as pc

    cells = pc.utf8_trim_whitespace(column)
    is_blank = pc.equal(cells, "").to_numpy().astype(bool)
    try:
        numbers = pc.if_else(_arrow(is_blank), pa.scalar(None, pa.string()), cells).cast(pa.float64())
        prices = numbers.to_numpy().astype(np.float64)
    except pa.ArrowInvalid:  # a cell that is no number, or one written for people: each spelling is looked at
        codes, texts = _decoded(cells)
        prices = np.array([read_price(text) for text in texts])[codes]
    return np.where(np.isfinite(prices), prices, np.nan), is_blank


def _series(columns: Sequence[pa.ChunkedArray], by: Sequence[str], rows: int) -> tuple[dict[str, list[str]], Numbers]:
    """The values of each key column by series, and the series of each line; series are sorted by their keys."""
    joint = np.zeros(rows, dtype=np.int64)
    for column in columns:
        codes, texts = _decoded(column)
        words = sorted({text.strip() for text in texts})
        rank = {word: place for place, word in enumerate(words)}
        codes = np.array([rank[text.strip()] for text in texts], dtype=np.int64)[codes]
        joint = np.unique(joint * len(words) + codes, return_inverse=True)[1].astype(np.int64)
    first = np.unique(joint, return_index=True)[1]
    found = {name: [text.strip() for text in column.take(_arrow(first)).to_pylist()]
             for name, column in zip(by, columns, strict=True)}  # fmt: skip
    return found, joint
