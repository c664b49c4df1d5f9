"""A file as rows of text, whatever it came as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BadLine:
    """A line that cannot become a row: where it stands, why, and the text itself."""

    line: int
    reason_code: str
    detail: str
    raw_text: str


@dataclass
class Table:
    """A file as rows of text. The counts are complete once `rows` has been read to its end.

    Then physical_lines = header_lines + title_lines + total_lines + blank_lines + quoted_newlines + items of
    `rows`. In a workbook a line is a row of a sheet; the rows of a second sheet are numbered after those of the
    first, and `notes` says which lines are whose.
    """

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
    notes: list[str] = field(default_factory=list)
