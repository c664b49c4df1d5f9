"""What parsing hands to the load: where a file's rows lie, its counts, what was put aside and what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.literal import quoted

REJECT_COLUMNS = {
    "line": "int64",
    **dict.fromkeys(("reason_code", "column_name", "value", "message", "raw_text"), "string"),
}


@dataclass
class ParsedFile:
    """A parsed file: where its typed rows lie, its counts, and what is asked about it.

    `rows` = `good` + `quarantined`; reasons count the quarantined rows by reason code. The good rows lie in
    `good_parquet` as the exact reader typed them and, of a large text, in the `plain_*` files (`plain_rows`).
    """

    feed: str
    source: str
    path: str
    sha256: str
    encoding: str
    delimiter: str
    good_parquet: str
    physical_lines: int
    header_lines: int
    title_lines: int
    total_lines: int
    blank_lines: int
    quoted_newlines: int
    rows: int
    good: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    rejects_parquet: str = ""
    first_reject: str = ""
    questions: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plain_parquet: str = ""
    plain_words: str = ""
    plain_odd: str = ""
    plain_first_line: int = 0
    is_known: bool = False

    def discard(self) -> None:
        """Remove the files it points to, once its rows are loaded; parsing the snapshot makes them anew."""
        for path in (self.good_parquet, self.rejects_parquet, self.plain_parquet, self.plain_words, self.plain_odd):
            if path:
                Path(path).unlink(missing_ok=True)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON types, to travel between tasks."""
        return asdict(self)


def write_rejects(path: Path, rejects: Sequence[dict[str, Any]]) -> None:
    """Write the rows that were put aside as Parquet; none is no file."""
    if not rejects:
        path.unlink(missing_ok=True)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in REJECT_COLUMNS.items()])
    pq.write_table(pa.Table.from_pylist(list(rejects), schema=schema), path)


def read_rejects(parsed: ParsedFile) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file that were put aside, by line, with the columns of meta.reject but feed and file."""
    if not parsed.rejects_parquet:
        return
    import duckdb

    names = ", ".join(REJECT_COLUMNS)
    with duckdb.connect() as con:
        cursor = con.execute(f"SELECT {names} FROM read_parquet({quoted(parsed.rejects_parquet)}) ORDER BY line")
        while rows := cursor.fetchmany(10_000):
            yield from (dict(zip(REJECT_COLUMNS, row, strict=True)) for row in rows)
