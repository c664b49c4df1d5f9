"""How any CSV is written, told by the columns that a call names: encoding, delimiter, header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import encodings

DELIMITERS = (",", "\t", ";", "|")
HEADER_WITHIN = 20
HEAD_BYTES = 1 << 18
SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class Head:
    """Where the header stands and how the file is written; `places` are the columns of a call, in its order."""

    encoding: str
    delimiter: str
    headers: list[str]
    line: int  # of the header, from 1
    places: list[int]


def find_head(name: str, raw: bytes, wanted: Sequence[str]) -> Head:
    """Return the header: the first of the first 20 lines that holds the wanted columns.

    Header words that are not ASCII prove the encoding; else the text below them has to.

    Raises:
        WrongCallError: a wanted column is not there.
        InputRefusedError: one is there twice, the file is empty, or its encoding cannot be told.
    """
    sample = raw[:SAMPLE_BYTES]
    sample = sample if len(raw) <= SAMPLE_BYTES else sample[: sample.rfind(b"\n") + 1] or sample
    if not sample.strip():
        raise InputRefusedError(f"{name} is empty")
    mark = encodings.byte_order_mark(sample)
    choices = [mark] if mark else encodings.candidates(sample)
    found = {choice: line for choice in choices if (line := _header_line(sample, choice, wanted))}
    if not found:
        raise _no_column(name, sample, choices, wanted)
    if any(not word.isascii() for word in wanted):  # it came out right, and in one encoding only
        head = next(iter(found.values()))
    else:
        try:
            head = found[encodings.body_encoding(sample, list(found))]
        except InputRefusedError as error:
            raise InputRefusedError(
                f"{name}: the encoding cannot be told from so little text that is not ASCII; save it as UTF-8"
            ) from error
    for word, place in zip(wanted, head.places, strict=True):
        if head.headers.count(word) > 1:
            columns = [str(at + 1) for at, header in enumerate(head.headers) if header == word]
            raise InputRefusedError(
                f"{name}, line {head.line}: {len(columns)} columns are called {word!r} (columns {', '.join(columns)},"
                f" the first is column {place + 1}); rename all but the one that is meant"
            )
    return head


def _lines(sample: bytes, encoding: str) -> Iterator[tuple[int, str]]:
    text = sample[:HEAD_BYTES].decode(encoding, errors="replace").removeprefix("\ufeff")
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if line.strip():
            yield number, line.rstrip("\n")


def _header_line(sample: bytes, encoding: str, wanted: Sequence[str]) -> Head | None:
    for tried, (number, line) in enumerate(_lines(sample, encoding)):
        if tried == HEADER_WITHIN:
            break
        for delimiter in DELIMITERS:
            headers = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
            if all(word in headers for word in wanted):
                return Head(encoding, delimiter, headers, number, [headers.index(word) for word in wanted])
    return None


def _no_column(name: str, sample: bytes, choices: Sequence[str], wanted: Sequence[str]) -> WrongCallError:
    readable = [choice for choice in choices if "\ufffd" not in sample[:HEAD_BYTES].decode(choice, errors="replace")]
    encoding = (readable or list(choices))[0]
    with suppress(InputRefusedError):
        encoding = encodings.body_encoding(sample, list(choices))
    line = next(_lines(sample, encoding), (1, ""))[1]
    delimiter = max(DELIMITERS, key=line.count)
    headers = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    missing = [word for word in wanted if word not in headers] or list(wanted)
    return WrongCallError(
        f"{name} has no column {', '.join(map(repr, missing))}; its header, read as {encoding}: "
        f"[{', '.join(headers)[:300]}]. Name the columns as they stand there"
    )


def utf8(name: str, raw: bytes, encoding: str) -> bytes:
    """Return the file as UTF-8 with line feeds.

    Raises:
        InputRefusedError: it holds bytes that are not of the encoding, or NUL characters.
    """
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputRefusedError(
            f"{name}, line {line}: bytes that are not {encoding} ({raw[error.start : error.end].hex(' ')}), which the"
            " rest of the file is written in; save it again as UTF-8"
        ) from error
    if "\x00" in text:
        raise InputRefusedError(f"{name}: {text.count(chr(0))} NUL characters: the file is damaged; send it again")
    return text.removeprefix("\ufeff").encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
