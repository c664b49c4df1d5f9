"""The exact route: rows of text, one by one, to the typed rows of table `typed` and the lines put aside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import Contract, Source
from pipelines.feeds import cells, corrections
from pipelines.feeds.corrections import AppliedCorrection
from pipelines.feeds.headers import HeaderMap
from pipelines.feeds.reasons import reject_message
from pipelines.feeds.table import BadLine, Table
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

CELL_BREAK = "\x1f"
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
CONTROLS_BUT_BREAK = re.compile(r"[\x00-\x1e\x7f\x85\u2028\u2029]")
MAX_LINE_CHARS = 1_000_000
# Columns of `typed` by the text of its query: planning that costs more than reading a small file does.
SHAPES: dict[str, str] = {}
MOST_SHAPES = 200
RAW_TEXT_CHARS = 2000


class TypedRows:
    """Tables `cell` (the text of the columns found) and `typed` of a file; `add` may be called more than once.

    `bad` are the lines that are no rows, as rows of meta.reject.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        profile: Source,
        found: HeaderMap,
        sha256: str,
        scratch: Path,
    ) -> None:
        self.con = con
        self.contract = contract
        self.profile = profile
        self.found = found
        self.sha256 = sha256
        self.scratch = scratch
        self.bad: list[dict[str, Any]] = []
        self.corrections = corrections.for_feed(contract.feed)
        self.applied: list[AppliedCorrection] = []
        listed = ", ".join(f'"{name}" VARCHAR' for name in found)
        con.execute(f"CREATE TABLE cell (line BIGINT, {listed})")
        con.execute(f"CREATE TABLE typed ({_columns(con, cells.typed_select(contract, profile, found))})")
        if self.corrections:
            con.execute("ALTER TABLE typed ADD COLUMN correction_ids VARCHAR[]")

    def add(self, table: Table) -> None:
        """Type the rows of a table; its counts are complete afterwards."""
        try:
            self.bad += _write_text(self.scratch, table, list(self.found.values()))
            self.con.execute("ALTER TABLE cell RENAME TO cell_before")
            self.con.execute(
                "CREATE TABLE cell AS SELECT * FROM read_csv(?, columns = ?, delim = ?, header = false,"
                " quote = '', escape = '', auto_detect = false, new_line = '\\n', nullstr = '',"
                " max_line_size = 10000000)",
                [str(self.scratch), {"line": "BIGINT", **dict.fromkeys(self.found, "VARCHAR")}, CELL_BREAK],
            )
        finally:
            self.scratch.unlink(missing_ok=True)
        select = cells.typed_select(self.contract, self.profile, self.found)
        if self.corrections:
            self.con.execute(f"CREATE OR REPLACE TABLE fresh AS {select}")
            self.applied += corrections.apply(
                self.con, self.contract, self.corrections, profile=self.profile, sha256=self.sha256,
                found=self.found, table="fresh",
            )  # fmt: skip
            select = "FROM fresh"
        self.con.execute(f"INSERT INTO typed BY NAME {select}")
        self.con.execute("INSERT INTO cell FROM cell_before; DROP TABLE cell_before")

    def write(self, path: Path) -> None:
        """Write the good rows as Parquet."""
        partial = path.with_suffix(".partial")
        self.con.execute(
            "COPY (SELECT * EXCLUDE (reject_no), ? AS feed_source, ? AS snapshot_sha256 FROM typed"
            f" WHERE reject_no IS NULL ORDER BY line) TO {quoted(str(partial))} (FORMAT parquet)",
            [self.profile.name, self.sha256],
        )
        partial.replace(path)

    def rejects(self) -> list[dict[str, Any]]:
        """Return every line and row that was put aside, by line."""
        return sorted([*self.bad, *self._typed_rejects()], key=lambda reject: int(reject["line"]))

    def counts(self) -> tuple[int, int]:
        """Return the rows that were typed, and how many of them are good."""
        row = self.con.execute("SELECT count(*), count(*) FILTER (reject_no IS NULL) FROM typed").fetchone()
        return row if row else (0, 0)

    def unknown_codes(self) -> dict[tuple[str, str], int]:
        """Return the words of code columns that mean nothing yet, with the good rows that bear them."""
        asked: dict[tuple[str, str], int] = {}
        for column in self.contract.columns.values():
            if column.type == "code" and column.on_unknown == "question" and column.name in self.found:
                rows = self.con.execute(
                    f'SELECT cell."{column.name}", count(*) FROM typed JOIN cell USING (line)'
                    f' WHERE typed.reject_no IS NULL AND typed."{column.name}" IS NULL'
                    f' AND cell."{column.name}" IS NOT NULL GROUP BY 1 ORDER BY 1'
                ).fetchall()
                asked |= {(column.name, word): count for word, count in rows}
        return asked

    def _typed_rejects(self) -> Iterable[dict[str, Any]]:
        rules = cells.reject_rules(self.contract, self.profile)
        names = list(self.found)
        shown = ", ".join(f'cell."{name}"' for name in names)
        rows = self.con.execute(
            f"SELECT typed.reject_no, typed.line, {shown} FROM typed JOIN cell USING (line)"
            " WHERE typed.reject_no IS NOT NULL ORDER BY typed.line"
        ).fetchall()
        for reject_no, line, *texts in rows:
            given: dict[str, str | None] = dict(zip(names, texts, strict=True))
            column: str | None
            value: str | None
            correction = corrections.dropped(self.contract, self.corrections, reject_no) if self.corrections else None
            if correction:
                code, column, value = corrections.DROPPED, None, correction.id
                message = corrections.drop_message(correction, line)
            else:
                code, column, _ = rules[reject_no]
                value = given.get(column)
                message = reject_message(code, line, contract=self.contract, column=column, value=value)
            yield {
                "line": line,
                "reason_code": code,
                "column_name": column,
                "value": value,
                "message": message,
                "raw_text": json.dumps(given, ensure_ascii=False)[:RAW_TEXT_CHARS],
            }


def _columns(con: duckdb.DuckDBPyConnection, select: str) -> str:
    if select not in SHAPES:
        if len(SHAPES) >= MOST_SHAPES:
            SHAPES.clear()
        shape = con.execute(f"DESCRIBE {select}").fetchall()
        SHAPES[select] = ", ".join(f'"{name}" {kind}' for name, kind, *_ in shape)
    return SHAPES[select]


def _write_text(text_path: Path, table: Table, positions: list[int]) -> list[dict[str, Any]]:
    bad: list[dict[str, Any]] = []
    with text_path.open("w", encoding="utf-8", newline="\n") as file:
        for item in table.rows:
            if isinstance(item, BadLine):
                bad.append(_bad_row(item.line, item.reason_code, item.detail, item.raw_text))
                continue
            number, texts = item
            kept = CELL_BREAK.join([texts[position].strip() for position in positions])
            if kept.count(CELL_BREAK) != len(positions) - 1 or CONTROLS_BUT_BREAK.search(kept):
                # Controls inside a cell (line ends of quoted cells, our own separator) become blanks.
                kept = CELL_BREAK.join([CONTROLS.sub(" ", texts[position]).strip() for position in positions])
            if len(kept) > MAX_LINE_CHARS:
                bad.append(_bad_row(number, "line_too_long", "", kept))
                continue
            file.write(f"{number}{CELL_BREAK}{kept}\n")
    return bad


def _bad_row(line: int, reason_code: str, detail: str, raw_text: str) -> dict[str, Any]:
    return {
        "line": line,
        "reason_code": reason_code,
        "column_name": None,
        "value": None,
        "message": reject_message(reason_code, line, detail=detail),
        "raw_text": raw_text[:RAW_TEXT_CHARS],
    }


def sorted_counts(rejects: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many were put aside by reason code."""
    reasons: dict[str, int] = {}
    for reject in rejects:
        reasons[reject["reason_code"]] = reasons.get(reject["reason_code"], 0) + 1
    return reasons
