"""The values of a prepared statement, from MySQL's binary form to SQL literals.

The server library puts texts between quotes as they are and so lets a value end its string; here every value is a
literal of its type with its quotes doubled.
"""

from __future__ import annotations

import math
import struct
from decimal import Decimal, InvalidOperation

from mysql_mimic.types import ColumnType

from pipelines.errors import WrongCallError
from pipelines.literal import quoted

Types = tuple[tuple[int, bool], ...]
_NUMBERS = {
    ColumnType.TINY: "b",
    ColumnType.BOOL: "b",
    ColumnType.SHORT: "h",
    ColumnType.YEAR: "h",
    ColumnType.LONG: "i",
    ColumnType.INT24: "i",
    ColumnType.LONGLONG: "q",
}
_FLOATS = {ColumnType.FLOAT: "f", ColumnType.DOUBLE: "d"}
_DAYS = {ColumnType.DATE: "DATE", ColumnType.DATETIME: "TIMESTAMP", ColumnType.TIMESTAMP: "TIMESTAMP"}
_TEXTS = frozenset(
    (
        *(ColumnType.VARCHAR, ColumnType.VAR_STRING, ColumnType.STRING, ColumnType.ENUM, ColumnType.SET),
        *(ColumnType.BLOB, ColumnType.TINY_BLOB, ColumnType.MEDIUM_BLOB, ColumnType.LONG_BLOB, ColumnType.JSON),
        *(ColumnType.DECIMAL, ColumnType.NEWDECIMAL, ColumnType.BIT),
    )
)


class Reader:
    """Reads the numbers and texts of a packet one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            WrongCallError: the packet is shorter than it says.
        """
        piece = self.data[self.at : self.at + count]
        if count < 0 or len(piece) < count:
            raise WrongCallError("the packet is shorter than it says: send it again")
        self.at += count
        return piece

    @property
    def is_empty(self) -> bool:
        """Whether all is read."""
        return self.at >= len(self.data)

    def ended(self) -> bytes:
        """Return the bytes up to the next zero byte, or to the end, where some clients leave it out."""
        end = self.data.find(b"\0", self.at)
        piece = self.data[self.at : end if end >= 0 else len(self.data)]
        self.at += len(piece) + 1
        return piece

    def number(self, form: str) -> int:
        """Return the next number in a form of `struct`, little end first."""
        value: int = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0]
        return value

    def text(self) -> bytes:
        """Return the next bytes that have their length before them."""
        first = self.number("B")
        size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first)
        return self.take(first if size is None else int.from_bytes(self.take(size), "little"))


def literals(
    data: bytes, count: int, known: Types, long_data: dict[int, bytearray], codec: str
) -> tuple[list[str], Types]:
    """Return the values as SQL literals, and their types, which a client sends only the first time.

    Args:
        data: what follows the iteration count of COM_STMT_EXECUTE.
        count: how many values the statement takes.
        known: types from the time before.
        long_data: values that were sent ahead, by position.
        codec: character set of texts.

    Raises:
        WrongCallError: the packet does not hold what it says, or a type that has no literal.
    """
    if count == 0:
        return [], ()
    reader = Reader(data)
    nulls = reader.take((count + 7) // 8)
    if reader.number("B"):
        known = tuple((reader.number("B"), bool(reader.number("B") & 0x80)) for _ in range(count))
    if len(known) != count:
        raise WrongCallError("the values of the prepared statement come without their types: prepare it anew")
    found = []
    for k, (kind, is_unsigned) in enumerate(known):
        if nulls[k // 8] >> (k % 8) & 1:
            found.append("NULL")
        elif k in long_data:
            found.append(_text(bytes(long_data[k]), codec))
        else:
            found.append(_literal(reader, kind, is_unsigned, codec))
    return found, known


def _literal(reader: Reader, kind: int, is_unsigned: bool, codec: str) -> str:
    if form := _NUMBERS.get(kind):
        number = reader.number(form.upper() if is_unsigned else form)
        return f"({number})" if number < 0 else str(number)  # `-` before it would else begin a comment
    if form := _FLOATS.get(kind):
        value = float(reader.number(form))
        return f"({value!r}::DOUBLE)" if math.isfinite(value) else f"('{value}'::DOUBLE)"
    if name := _DAYS.get(kind):
        return f"{name} '{_moment(reader.take(reader.number('B')))}'"
    if kind == ColumnType.TIME:
        return f"TIME '{_clock(reader.take(reader.number('B')))}'"
    if kind == ColumnType.NULL:
        return "NULL"
    if kind in (ColumnType.DECIMAL, ColumnType.NEWDECIMAL):
        try:
            return f"({Decimal(reader.text().decode('ascii')):f})"
        except (InvalidOperation, UnicodeDecodeError) as error:
            raise WrongCallError("a value of the prepared statement is no decimal number") from error
    if kind in _TEXTS:
        return _text(reader.text(), codec)
    raise WrongCallError(f"values of MySQL's type {kind} are not taken: send them as text")


def _text(raw: bytes, codec: str) -> str:
    try:
        return quoted(raw.decode(codec))
    except UnicodeDecodeError as error:
        raise WrongCallError(f"a value of the prepared statement is no text in {codec}: send UTF-8") from error


def _moment(raw: bytes) -> str:
    if len(raw) not in (4, 7, 11):
        raise WrongCallError("a day of the prepared statement is empty or cut off")
    year, month, day = struct.unpack("<HBB", raw[:4])
    hour, minute, second = raw[4:7] or (0, 0, 0)
    fraction = struct.unpack("<I", raw[7:])[0] if len(raw) == 11 else 0
    moment = f"{year:04d}-{month:02d}-{day:02d}"
    return moment if len(raw) == 4 else f"{moment} {hour:02d}:{minute:02d}:{second:02d}.{fraction:06d}"


def _clock(raw: bytes) -> str:
    if not raw:
        return "00:00:00"
    if len(raw) not in (8, 12) or raw[0] or any(raw[1:5]):
        raise WrongCallError("a time of the prepared statement is longer than a day or negative: send it as text")
    fraction = struct.unpack("<I", raw[8:])[0] if len(raw) == 12 else 0
    return f"{raw[5]:02d}:{raw[6]:02d}:{raw[7]:02d}.{fraction:06d}"
