"""How a file is laid out, told from its first megabyte: encoding, delimiter, titles and the header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError
from pipelines.feeds import containers, encodings
from pipelines.feeds.headers import HeaderMap, header_map, missing_columns

SNIFF_BYTES = 1 << 20
HEAD_BYTES = 1 << 18
HEADER_WITHIN = 20
MAX_HEADER_LINES = 6
DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Layout:
    """Where the header stands and how to read what follows.

    Lines are counted from 1 in the unpacked text, after CRLF and CR became LF. The header takes `header_span`
    lines (more than one where a header word holds a line end); `title_lines` are the lines above it that are not
    blank. `found` gives the position of each contract column among `headers`. For a workbook it describes the
    first sheet that is read, `encoding` is xlsx or xls and the delimiter is empty.
    """

    kind: str
    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    header_line_number: int
    title_lines: int
    found: HeaderMap = field(default_factory=HeaderMap)
    header_span: int = 1
    container: str = ""
    titles: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeaderLine:
    """A line tried as the header: its cells, which contract columns they are and which are missing."""

    line: int
    span: int
    delimiter: str
    headers: tuple[str, ...]
    found: HeaderMap
    missing: tuple[str, ...]
    titles: tuple[str, ...] = ()

    @property
    def foreign_words(self) -> int:
        """How many recognised header words are not ASCII: a word that matches proves the encoding."""
        return sum(not self.headers[position].isascii() for position in self.found.values())


def detect(path: Path, contract: Contract, source: Source) -> Layout:
    """Return the layout of a text file or workbook; of a text only the first megabyte is read.

    What the source profile says about encoding and delimiter overrides what is found.

    Raises:
        InputRefusedError: no header line within the first 20 lines holds the required columns, the encoding
            cannot be told, or the file is not one that is read.
    """
    content = containers.look(path)
    if content.kind != "text":
        from pipelines.feeds import workbook

        return workbook.detect(content, contract, source)
    return detect_text(content, contract, source)


def detect_text(content: containers.Content, contract: Contract, source: Source) -> Layout:
    """Return the layout of a text, bare or packed; see `detect`."""
    with content.open() as file:
        sample = file.read(SNIFF_BYTES)
    whole_lines = sample if len(sample) < SNIFF_BYTES else sample[: sample.rfind(b"\n") + 1] or sample
    mark = encodings.byte_order_mark(sample)
    said = encodings.known_encoding(source.encoding) if source.encoding else None
    choices = [mark] if mark else [said] if said else encodings.candidates(sample)
    tried: dict[str, HeaderLine] = {}
    for encoding in sorted(choices, key=lambda choice: not _reads_head(sample, choice)):
        tried[encoding] = _find_in_text(sample, encoding, contract, source)
        if not tried[encoding].missing and tried[encoding].foreign_words:
            break  # header words that are not ASCII come out right in one encoding only
    good = {encoding: line for encoding, line in tried.items() if not line.missing}
    if not good:
        encoding, line = min(tried.items(), key=lambda attempt: _distance(attempt[1]))
        raise InputRefusedError(missing_message(contract, encoding, line))
    proof = max(line.foreign_words for line in good.values())
    proven = [encoding for encoding, line in good.items() if line.foreign_words == proof] if proof else list(good)
    encoding = encodings.body_encoding(whole_lines, proven)
    if said and not mark and not proof and said != "utf-8" and encodings.proves_utf8(whole_lines):
        raise InputRefusedError(
            f"the source profile {source.name!r} says {said}, but the text below the header is UTF-8 and would be"
            " garbled; correct `encoding:` in the profile, or save the file in the encoding agreed"
        )
    line = good[encoding]
    return Layout(
        kind="text",
        encoding=encoding,
        delimiter=line.delimiter,
        headers=line.headers,
        header_line_number=line.line,
        title_lines=len(line.titles),
        found=line.found,
        header_span=line.span,
        container=content.container,
        titles=line.titles,
    )


def find_header(lines: Iterable[HeaderLine]) -> HeaderLine:
    """Return the first of the lines that lacks no required column, else the one that comes nearest."""
    nearest: HeaderLine | None = None
    for line in lines:
        if nearest is not None and not nearest.missing and line.line > nearest.line:
            break
        if nearest is None or _distance(line) < _distance(nearest):
            nearest = line
    return nearest or HeaderLine(0, 1, ",", (), HeaderMap(), ("every column: there is no line with text",))


def tried_header(
    number: int,
    cells: tuple[str, ...],
    contract: Contract,
    source: Source,
    *,
    span: int = 1,
    delimiter: str = "",
    titles: tuple[str, ...] = (),
) -> HeaderLine:
    """Return the cells of a line as a header, with the columns it gives and lacks."""
    found = header_map(contract, source, cells)
    missing = tuple(missing_columns(contract, source, found))
    return HeaderLine(number, span, delimiter, cells, found, missing, titles)


def missing_message(contract: Contract, encoding: str, line: HeaderLine) -> str:
    """Return what to tell the sender when no line holds the required columns."""
    wanted = [name for group in line.missing for name in group.split(" or ") if name in contract.columns]
    words = ["/".join((name, *contract.columns[name].aliases)) for name in wanted]
    shown = ", ".join(line.headers)[:300]
    between = f", {line.delimiter!r} between columns" if line.delimiter else ""
    return (
        f"required column missing: {', '.join(line.missing)}. Header as read (line {line.line}, {encoding}{between};"
        f" the first {HEADER_WITHIN} lines were tried): [{shown}]. Known headers: {'; '.join(words)}. Rename the"
        f" column, or add its header to a source profile in expectations/raw/{contract.feed}.yaml"
    )


def _distance(line: HeaderLine) -> tuple[int, int, int]:
    return (len(line.missing), -len(line.found), line.line)


def is_blank(text: str, delimiter: str) -> bool:
    """Whether a line holds no cell: nothing, or delimiters only."""
    return not text.strip(f"{delimiter} \t")


def _find_in_text(sample: bytes, encoding: str, contract: Contract, source: Source) -> HeaderLine:
    head = _first_lines(sample, encoding).decode(encoding, errors="replace").removeprefix("\ufeff")
    # newline=None: CRLF and a lone CR end a line too, and nothing else does.
    lines = [line.rstrip("\n") for line in io.StringIO(head, newline=None)]
    delimiters = (source.delimiter,) if source.delimiter else DELIMITERS
    if any(len(delimiter) != 1 or delimiter in '"\r\n' for delimiter in delimiters):
        raise InputRefusedError(
            f"the source profile {source.name!r} names the delimiter {source.delimiter!r}; write one character,"
            ' such as "," or "\\t"'
        )
    return find_header(_tried_lines(lines, delimiters, contract, source))


def _first_lines(sample: bytes, encoding: str) -> bytes:
    """The lines that may be the header; decoding a wrong encoding to the end would cost more than all the rest."""
    head = sample[:HEAD_BYTES]
    if encoding.startswith("utf-16"):
        return head
    filled, kept = 0, []
    for line in head.splitlines(keepends=True):
        kept.append(line)
        filled += bool(line.strip())
        if filled == HEADER_WITHIN + MAX_HEADER_LINES:
            break
    return b"".join(kept)


def _reads_head(sample: bytes, encoding: str) -> bool:
    try:
        _first_lines(sample, encoding).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _tried_lines(
    lines: list[str], delimiters: tuple[str, ...], contract: Contract, source: Source
) -> Iterator[HeaderLine]:
    above: list[str] = []
    for index, text in enumerate(lines):
        if not text.strip():
            continue
        if len(above) == HEADER_WITHIN:
            return
        for delimiter in delimiters:
            if delimiter not in text and delimiter != delimiters[0]:
                continue
            record, span = _record(lines, index)
            cells = _cells(record, delimiter)
            if cells:
                titles = tuple(line for line in above if not is_blank(line, delimiter))
                yield tried_header(index + 1, cells, contract, source, span=span, delimiter=delimiter, titles=titles)
        above.append(text)


def _record(lines: list[str], index: int) -> tuple[str, int]:
    """The line, with those after it as long as a quoted header word is open."""
    record, span = lines[index], 1
    while record.count('"') % 2 and span < MAX_HEADER_LINES and index + span < len(lines):
        record = f"{record}\n{lines[index + span]}"
        span += 1
    return (record, span) if record.count('"') % 2 == 0 else (lines[index], 1)


def _cells(record: str, delimiter: str) -> tuple[str, ...]:
    try:
        records = list(csv.reader(io.StringIO(record), delimiter=delimiter))
    except csv.Error:
        return ()
    return tuple(records[0]) if len(records) == 1 else ()
