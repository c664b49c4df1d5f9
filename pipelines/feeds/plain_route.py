"""The plain route of a large text: most rows recognised in bulk, the rest by the exact reader, one account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Contract, Source
from pipelines.feeds import cells, plain_rows, plain_scan, plain_words, text_rows
from pipelines.feeds.containers import Content
from pipelines.feeds.layout import Layout
from pipelines.feeds.table import Table
from pipelines.feeds.typed_rows import TypedRows
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

# Below this a file is read exactly in less time than the plain route takes to start.
PLAIN_BYTES = 4 << 20


@dataclass(frozen=True)
class PlainFile:
    """The bulk of a file: Parquet files of its rows, spellings and lines that are not its (`odd`), and counts."""

    rows: Path
    words: Path
    odd: Path
    first_line: int
    good: int
    unknown_codes: dict[tuple[str, str], int]


def fits(content: Content, layout: Layout, contract: Contract, profile: Source) -> bool:
    """Whether a file is large and plain enough for this route."""
    return (
        (bool(content.container) or content.path.stat().st_size >= PLAIN_BYTES)
        and plain_scan.is_plain(layout)
        and plain_rows.is_supported(contract, profile)
    )


def read(
    con: duckdb.DuckDBPyConnection, content: Content, layout: Layout, typed: TypedRows, stem: Path
) -> tuple[PlainFile, Table] | None:
    """Write the plainly good rows of a file and give the others to `typed`; None where too many are others.

    Args:
        con: connection of `typed`, with nothing else in it.
        content: the text.
        layout: its layout.
        typed: receives the other rows.
        stem: path the files are named after.

    Returns the bulk, and a table with the counts of lines of the whole file.
    """
    contract, profile = typed.contract, typed.profile
    copy, rows, words, odd = (stem.with_suffix(suffix) for suffix in (".copy", ".rows", ".words", ".odd"))
    try:
        scan = plain_scan.scan(content, layout, copy)
        if scan is None:
            return None
        plain_rows.cut(con, contract, profile, layout, scan, rows)
        plain_words.read_words(con, contract, profile, layout, rows, words)
        given = plain_words.given_columns(contract, profile, layout.found)
        plain_rows.find_odd(con, contract, scan, rows, given, _conditions(typed))
        numbers = _lines(con, "SELECT line FROM odd")
        if len(numbers) > max(plain_scan.MIN_ODD_LINES, plain_scan.MAX_ODD_SHARE * scan.lines):
            return None
        table = _read_exactly(scan, layout, typed, numbers)
        far = _far_lines(con, contract, scan, rows)
        if far:
            con.execute(f"INSERT INTO odd SELECT unnest({far}::BIGINT[])")
            again = _read_exactly(scan, layout, typed, far)
            for count in ("header_lines", "title_lines", "total_lines", "blank_lines", "quoted_newlines"):
                setattr(table, count, getattr(table, count) + getattr(again, count))
        con.execute(f"COPY odd TO {quoted(str(odd))} (FORMAT parquet)")
        head = layout.header_line_number - 1
        table.physical_lines = scan.lines
        table.header_lines += 1
        table.title_lines += layout.title_lines
        table.blank_lines += head - layout.title_lines
        table.quoted_newlines += layout.header_span - 1
        good = scan.lines - scan.first_line + 1 - len(numbers) - len(far)
        codes = plain_rows.unknown_codes(con, contract, rows, scan)
        return PlainFile(rows, words, odd, scan.first_line, good, codes), table
    finally:
        copy.unlink(missing_ok=True)


def _conditions(typed: TypedRows) -> list[str]:
    """Conditions over whole rows, words included, under which the exact reader must look at a row."""
    origin = f"SELECT *, {quoted(typed.profile.name)} AS feed_source, {quoted(typed.sha256)} AS snapshot_sha256"
    known_errors = [
        f"line IN (SELECT line FROM ({origin} FROM plain) WHERE (\n{fix.where}\n))" for fix in typed.corrections
    ]
    return [*plain_rows.word_conditions(typed.contract), *known_errors]


def _lines(con: duckdb.DuckDBPyConnection, select: str) -> list[int]:
    return [line for (line,) in con.execute(f"{select} ORDER BY 1").fetchall()]


def _read_exactly(scan: plain_scan.Scan, layout: Layout, typed: TypedRows, numbers: list[int]) -> Table:
    lines = _decoded(plain_scan.fetch(scan, numbers), layout)
    table = text_rows.read_lines(lines, layout, typed.contract)
    typed.add(table)
    return table


def _decoded(lines: Iterator[tuple[int, bytes]], layout: Layout) -> Iterator[tuple[int, str]]:
    encoding = "utf-8" if layout.encoding == "utf-8-sig" else layout.encoding
    for number, line in lines:
        yield number, line.decode(encoding, text_rows.MARK_BROKEN)


def _far_lines(con: duckdb.DuckDBPyConnection, contract: Contract, scan: plain_scan.Scan, rows: Path) -> list[int]:
    """Lines of the bulk whose date is far off from all others; the exact reader says so, row by row."""
    con.execute(
        f"CREATE TABLE day AS SELECT day_on, sum(row_count)::BIGINT AS row_count"
        f" FROM ({plain_rows.day_counts(contract, rows)}"
        f' UNION ALL SELECT "{contract.period}"::DATE, 1 FROM typed WHERE reject_no IS NULL) GROUP BY 1'
    )
    select = plain_rows.lines_of_days(contract, scan, rows, cells.far_off_days("day"))
    return _lines(con, f"SELECT line FROM ({select}) ANTI JOIN odd USING (line)")
