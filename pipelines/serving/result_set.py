"""The rows of a query in the types MySQL knows: exact or, where MySQL has no such type, as text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mysql_mimic.charset import CharacterSet
from mysql_mimic.packets import make_column_definition_41
from mysql_mimic.results import ResultColumn
from mysql_mimic.types import ColumnDefinition, ColumnType

from pipelines.publishing import query_output

if TYPE_CHECKING:
    from pipelines.publishing.query import QueryResult

# DuckDB's types that fit one of MySQL's whole; wider integers go as decimals, the rest as text.
_TYPES = {
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), ColumnType.LONGLONG
    ),
    **dict.fromkeys(("UBIGINT", "HUGEINT", "UHUGEINT"), ColumnType.NEWDECIMAL),
    **dict.fromkeys(("FLOAT", "DOUBLE"), ColumnType.DOUBLE),
    "BOOLEAN": ColumnType.TINY,
    "DATE": ColumnType.DATE,
    "TIME": ColumnType.TIME,
    "TIMESTAMP": ColumnType.DATETIME,
    "TIMESTAMP WITH TIME ZONE": ColumnType.TIMESTAMP,  # a moment, told in the session's zone
}
_LENGTHS = {
    ColumnType.TINY: 1,
    ColumnType.LONGLONG: 20,
    ColumnType.DOUBLE: 22,
    ColumnType.DATE: 10,
    ColumnType.TIME: 15,
    ColumnType.DATETIME: 26,
    ColumnType.TIMESTAMP: 26,
}
_NO_DECIMALS = 31  # MySQL's word for a float's "as many as there are"
_DECIMALS = {
    ColumnType.DOUBLE: _NO_DECIMALS,
    **dict.fromkeys((ColumnType.TIME, ColumnType.DATETIME, ColumnType.TIMESTAMP), 6),  # of a second
}
_TEXT = ColumnType.VAR_STRING
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


@dataclass(frozen=True)
class Column:
    """A column as a client is told of it; `length` in signs of text."""

    name: str
    type: ColumnType
    length: int
    decimals: int = 0

    def definition(self, charset: CharacterSet) -> bytes:
        """Return the packet that describes the column."""
        is_text = self.type == _TEXT
        packet: bytes = make_column_definition_41(
            server_charset=charset,
            name=self.name,
            character_set=charset if is_text else CharacterSet.binary,
            # Clients reserve room by this: in bytes, four of them a sign.
            column_length=self.length * 4 if is_text else self.length,
            column_type=self.type,
            flags=ColumnDefinition(0) if is_text else ColumnDefinition.BINARY_FLAG,
            decimals=self.decimals,
        )
        return packet

    def writer(self, charset: CharacterSet) -> ResultColumn:
        """Return what turns a cell of this column into bytes."""
        if self.type == ColumnType.TIME:
            return ResultColumn(self.name, self.type, charset, text_encoder=_clock_text)
        return ResultColumn(self.name, self.type, charset)


@dataclass(frozen=True)
class Answer:
    """Columns and rows that a client can be sent."""

    columns: list[Column]
    rows: list[tuple[Any, ...]]


def of_result(result: QueryResult) -> Answer:
    """Return a query's result; a number that is none (NaN, infinity) becomes NULL, as in JSON."""
    kinds = [_type(kind, [row[k] for row in result.rows]) for k, kind in enumerate(result.types)]
    rows = [tuple(_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)) for row in result.rows]
    columns = []
    for k, (name, kind) in enumerate(zip(result.columns, kinds, strict=True)):
        decimals = 0
        if kind == _TEXT:
            length = max((len(row[k]) for row in rows if row[k] is not None), default=1)
        elif kind == ColumnType.NEWDECIMAL:
            width, decimals = map(int, re.findall(r"\d+", result.types[k]) or (39, 0))
            length = width + 2
        else:
            length = _LENGTHS[kind]
            decimals = _DECIMALS.get(kind, 0)
        columns.append(Column(name, kind, max(length, 1), decimals))
    return Answer(columns, rows)


def of_values(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Answer:
    """Return an answer of the server itself: whole numbers and texts."""
    columns = []
    for k, name in enumerate(names):
        cells = [row[k] for row in rows if row[k] is not None]
        if cells and all(isinstance(cell, int) for cell in cells):
            columns.append(Column(name, ColumnType.LONGLONG, 20))
        else:
            columns.append(Column(name, _TEXT, max((len(str(cell)) for cell in cells), default=1)))
    texts = [
        tuple(
            int(cell) if cell is not None and column.type == ColumnType.LONGLONG else _as_text(cell)
            for cell, column in zip(row, columns, strict=True)
        )
        for row in rows
    ]
    return Answer(columns, texts)


def _type(kind: str, cells: list[Any]) -> ColumnType:
    """Return MySQL's type for a column; text where one of its cells lies outside MySQL's calendar."""
    found = ColumnType.NEWDECIMAL if re.fullmatch(r"DECIMAL\(\d+,\s?\d+\)", kind) else _TYPES.get(kind, _TEXT)
    if found == ColumnType.NEWDECIMAL:
        fits: Any = lambda cell: isinstance(cell, int | Decimal)  # noqa: E731
    elif found in (ColumnType.DATETIME, ColumnType.TIMESTAMP):
        fits = lambda cell: isinstance(cell, datetime)  # noqa: E731
    elif found == ColumnType.DATE:
        fits = lambda cell: isinstance(cell, date)  # noqa: E731
    elif found == ColumnType.TIME:
        fits = lambda cell: _CLOCK.fullmatch(cell)  # noqa: E731
    else:
        return found
    return found if all(cell is None or fits(cell) for cell in cells) else _TEXT


def _cell(cell: Any, kind: ColumnType) -> Any:
    if cell is None:
        return None
    if kind == _TEXT:
        return _as_text(cell)
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None)  # already told in the time zone of the data
    if kind == ColumnType.TIME:
        hours, minutes, seconds, fraction = _CLOCK.fullmatch(cell).groups()  # type: ignore[union-attr]
        return timedelta(
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds),
            microseconds=int((fraction or "0").ljust(6, "0")),
        )
    return cell


def _as_text(cell: Any) -> str | None:
    return None if cell is None else query_output.plain(cell)


def _clock_text(column: ResultColumn, value: timedelta) -> bytes:
    minutes, seconds = divmod(value.seconds, 60)
    fraction = f".{value.microseconds:06d}" if value.microseconds else ""
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{fraction}".encode(column.codec)
