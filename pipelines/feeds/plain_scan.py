"""One pass over the bytes of a large text: which lines are plain, and a copy in which every line is one row.

A plain line has as many delimiters as the header and no quote, control character or lone carriage return. No trail
byte of GB18030, GBK or Big5 is a comma, tab, semicolon, quote or line end, so nothing is decoded to see that.
Whatever is not plain is collected with its line number for the exact reader, which is the one that decides.

DuckDB reads UTF-8 and Latin-1. A Chinese encoding is read as Latin-1, byte by byte; where it uses bytes 80 to 9F,
which DuckDB does not take for Latin-1, the copy spells each byte as the UTF-8 of that Latin-1 letter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pipelines.feeds.containers import Content
from pipelines.feeds.layout import Layout
from pipelines.feeds.text_rows import MAX_RECORD_LINES

BLOCK_BYTES = 1 << 20
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "big5", "ascii")
DELIMITERS = (",", "\t", ";")
# The exact reader takes ten times as long a line: with more than this left to it, it may as well read all.
MAX_ODD_SHARE = 0.05
MIN_ODD_LINES = 1000
LONG_LINE_BYTES = 1 << 16
ENDLESS_BYTES = 64 << 20
THREADS = 2  # numpy lets go of the interpreter while it compares
NEWLINE, BLANK, QUOTE = 10, 32, 34

Positions = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


@dataclass
class Scan:
    """What a pass found.

    `path` holds the plain lines (the file itself, or a copy in which each odd line became a row of empty cells);
    `skip` are the lines above its first row, `first_line` the physical line of that row. `odd` are the lines left
    to the exact reader, by number, as they came. `blocks` are (offset in `path`, line of the first row) for `fetch`.
    `reads_as` is utf-8 or latin-1; `is_spelled` says that `path` spells Latin-1 letters in UTF-8.
    """

    path: Path
    skip: int
    first_line: int
    reads_as: str
    is_spelled: bool = False
    lines: int = 0
    odd: dict[int, bytes] = field(default_factory=dict)
    blocks: list[tuple[int, int]] = field(default_factory=list)


def is_plain(layout: Layout) -> bool:
    """Whether a text of this layout can be cut without decoding it."""
    return layout.kind == "text" and layout.encoding in ENCODINGS and layout.delimiter in DELIMITERS


def scan(content: Content, layout: Layout, copy: Path) -> Scan | None:
    """Return what is plain in a text; None where too much of it is not.

    Args:
        content: the text, bare or packed.
        layout: its layout, for which `is_plain` holds.
        copy: where the copy goes, if one is needed; the caller removes it.
    """
    for is_spelled in (False, True):
        try:
            with content.open() as source:
                return _Scanner(content, layout, copy, is_spelled=is_spelled).run(source)
        except _NeedsSpellingError:
            continue
    return None


def fetch(scan: Scan, numbers: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield some lines as they came, in ascending order of their numbers."""
    starts = [line for _, line in scan.blocks]
    wanted = np.array([number for number in numbers if number not in scan.odd], dtype=np.int64)
    found = dict(_from_blocks(scan, wanted, np.array(starts)))
    for number in numbers:
        yield number, scan.odd[number] if number in scan.odd else found[number]


def _from_blocks(
    scan: Scan, wanted: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]
) -> Iterator[tuple[int, bytes]]:
    block_of = np.searchsorted(starts, wanted, side="right") - 1
    ends = [*(offset for offset, _ in scan.blocks[1:]), scan.path.stat().st_size]
    with scan.path.open("rb") as file:
        for block in np.unique(block_of):
            offset, first = scan.blocks[block]
            file.seek(offset)
            data = file.read(ends[block] - offset)
            breaks = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == NEWLINE)
            for number in wanted[block_of == block]:
                index = int(number) - first
                start = 0 if index == 0 else int(breaks[index - 1]) + 1
                end = int(breaks[index]) if index < len(breaks) else len(data)
                line = data[start:end].rstrip(b"\r")
                yield int(number), line.decode("utf-8").encode("latin-1") if scan.is_spelled else line


@dataclass(frozen=True)
class _Block:
    """Whole lines as they came (`data`) and with LF for line ends (`text`), where they end and which are odd."""

    data: bytes
    text: bytes
    is_same: bool
    breaks: Positions
    odd: Flags


def _blocks(source: BinaryIO) -> Iterator[bytes | None]:
    """Yield blocks of whole lines; None where a line never ends."""
    rest = b""
    while True:
        block = source.read(BLOCK_BYTES)
        data = rest + block
        end = data.rfind(b"\n") + 1 if block else len(data)
        if end:
            yield data[:end]
        rest = data[end:]
        if not block:
            return
        if len(rest) > ENDLESS_BYTES:
            yield None
            return


class _NeedsSpellingError(Exception):
    """The text holds bytes that DuckDB does not take for Latin-1."""


class _Scanner:
    def __init__(self, content: Content, layout: Layout, copy: Path, *, is_spelled: bool) -> None:
        head = layout.header_line_number + layout.header_span - 1
        self.is_utf8 = layout.encoding in ("utf-8", "utf-8-sig", "ascii")
        self.is_spelled = is_spelled
        self.content = content
        self.copy = copy
        self.head = head
        self.delimiter = ord(layout.delimiter)
        self.width = len(layout.headers)
        self.empty_row = layout.delimiter.encode() * (self.width - 1)
        self.target: BinaryIO | None = None
        # Only a header in the very first line can be skipped by the CSV reader without a doubt.
        reads_as = "utf-8" if self.is_utf8 or is_spelled else "latin-1"
        self.result = Scan(content.path, head, head + 1, reads_as, is_spelled)
        self.needs_copy = bool(content.container) or head != 1 or is_spelled
        self.window_until = 0

    def run(self, source: BinaryIO) -> Scan | None:
        result = self.result
        above = [source.readline() for _ in range(self.head)]
        if any(b"\r" in line.removesuffix(b"\n").removesuffix(b"\r") for line in above):
            return None
        offset = sum(map(len, above))
        if self.needs_copy:
            self._start_copy(0, 0)
        line = self.head + 1
        try:
            for block in self._looked_at(source):
                if block is None:
                    return None
                kept = self._kept(block, line)
                if kept is not block.data and self.target is None:
                    self._start_copy(self.head_bytes(offset), offset)
                result.blocks.append((self.target.tell() if self.target else offset, line))
                if self.target:
                    self.target.write(kept.decode("latin-1").encode("utf-8") if self.is_spelled else kept)
                offset += len(block.data)
                line += len(block.breaks)
                if len(result.odd) > MIN_ODD_LINES and len(result.odd) > MAX_ODD_SHARE * (line - self.head):
                    return None
        finally:
            if self.target:
                self.target.close()
        result.lines = line - 1
        return result

    def _looked_at(self, source: BinaryIO) -> Iterator[_Block | None]:
        """Yield the blocks in their order, each looked at in a thread; None where a line never ends."""
        with ThreadPoolExecutor(THREADS) as threads:
            waiting: deque[Future[_Block]] = deque()
            for data in _blocks(source):
                if data is None:
                    yield None
                    return
                waiting.append(threads.submit(self._look, data))
                if len(waiting) > 2 * THREADS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def head_bytes(self, offset: int) -> int:
        """Bytes before the first row in the file as it came."""
        return self.result.blocks[0][0] if self.result.blocks else offset

    def _start_copy(self, start: int, until: int) -> None:
        """From here on write to the copy, which begins with the rows that were plain so far."""
        self.target = self.copy.open("wb")
        if until > start:
            with self.content.open() as source:
                source.seek(start)
                left = until - start
                while left:
                    left -= self.target.write(source.read(min(left, BLOCK_BYTES)))
        self.result.blocks = [(offset - start, line) for offset, line in self.result.blocks]
        self.result.path, self.result.skip = self.copy, 0

    def _look(self, data: bytes) -> _Block:
        """Find the line ends of a block and the lines that are not plain."""
        text = data
        if b"\r" in text:
            # CRLF, or the lone CR that a tolerant reader takes for a line end: lines as the exact reader counts.
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        is_same = text is data
        if not text.endswith(b"\n"):
            text += b"\n"
        letters = np.frombuffer(text, dtype=np.uint8)
        marks = letters < BLANK
        marks |= letters == self.delimiter
        marks |= letters == QUOTE
        places = np.flatnonzero(marks)
        kinds = letters[places]
        ends = np.flatnonzero(kinds == NEWLINE)
        breaks = places[ends]
        odd = (np.diff(ends, prepend=-1) != self.width) | (np.diff(breaks, prepend=-1) > LONG_LINE_BYTES)
        strange = np.flatnonzero((kinds != NEWLINE) & (kinds != self.delimiter))
        if len(strange):
            odd |= np.bincount(np.searchsorted(ends, strange), minlength=len(ends)) > 0
        if self.is_utf8:
            odd |= _not_utf8(text, breaks)
        elif not self.is_spelled and ((letters >= 0x80) & (letters < 0xA0)).any():
            raise _NeedsSpellingError
        return _Block(data, text, is_same, breaks, odd)

    def _kept(self, block: _Block, line: int) -> bytes:
        """Return the block with every line one row, collecting odd ones; its data where all are plain as they are."""
        if self.window_until < line and not block.odd.any():
            return block.data if block.is_same else block.text
        return self._patched(block.text, block.breaks, block.odd, line)

    def _patched(self, data: bytes, breaks: Positions, odd: Flags, line: int) -> bytes:
        starts = np.concatenate(([0], breaks[:-1] + 1))
        parts = []
        copied = 0
        index = 0
        candidates = np.flatnonzero(odd)
        while True:
            # A quote may open a cell that goes on for some lines: those are the exact reader's too.
            if line + index <= self.window_until and index < len(breaks):
                number = index
            else:
                at = np.searchsorted(candidates, index)
                if at == len(candidates):
                    break
                number = int(candidates[at])
            text = data[starts[number] : breaks[number]]
            self.result.odd[line + number] = text
            if b'"' in text:
                self.window_until = line + number + MAX_RECORD_LINES
            parts += [data[copied : starts[number]], self.empty_row]
            copied = int(breaks[number])
            index = number + 1
        parts.append(data[copied:])
        return b"".join(parts)


def _not_utf8(data: bytes, breaks: Positions) -> Flags:
    """Which lines of a block are not UTF-8."""
    flags = np.zeros(len(breaks), dtype=bool)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        start = 0
        for index, end in enumerate(breaks):
            try:
                data[start:end].decode("utf-8")
            except UnicodeDecodeError:
                flags[index] = True
            start = int(end) + 1
    return flags
