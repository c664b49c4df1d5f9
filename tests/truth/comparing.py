"""Runs the comparisons on a published edition and lays the result out as one table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tests.truth.comparisons import COMPARISONS, Comparison

EXAMPLES = 5


@dataclass(frozen=True)
class Outcome:
    """How one comparison ended: how many are true and were found, and the keys missed and falsely found."""

    what: str
    true_count: int
    found_count: int
    missed: tuple[str, ...]
    false: tuple[str, ...]
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is missed, false or left out."""
        return not self.missed and not self.false and not self.note


@contextmanager
def opened(edition: Path, truth: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a regulator edition read-only with the truth's files beside it as views `truth_*`."""
    with duckdb.connect(str(edition), read_only=True) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        for path in sorted(truth.glob("*.csv")):
            reader = f"read_csv('{path}', all_varchar = true)"
            con.execute(f"CREATE TEMP VIEW truth_{path.stem} AS SELECT * FROM {reader}")
        con.execute(f"CREATE TEMP VIEW truth_release AS FROM '{truth / 'releases.parquet'}'")
        con.execute(
            "CREATE TEMP VIEW truth_line AS SELECT left(truth_files.sha256, 12) || '-' || line AS ticket_id,"
            " truth_release.* FROM truth_release JOIN truth_files USING (file)"
        )
        spike = json.loads((truth / "truth.json").read_text(encoding="utf-8"))["price_spike"]
        con.execute(
            f"CREATE TEMP VIEW truth_price_spike AS SELECT '{spike['county_code']}' AS county_code,"
            f" '{spike['product_id']}' AS product_id"
        )
        yield con


def compare(con: duckdb.DuckDBPyConnection, comparisons: Sequence[Comparison] = COMPARISONS) -> list[Outcome]:
    """Return the outcome of every comparison."""
    return [_compare(con, comparison) for comparison in comparisons]


def _compare(con: duckdb.DuckDBPyConnection, comparison: Comparison) -> Outcome:
    present = {
        name for (name,) in con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
    }
    if absent := sorted(set(comparison.needs) - present):
        return Outcome(comparison.what, 0, 0, (), (), f"not compared: no table {', '.join(absent)}")
    true = {str(key) for (key,) in con.execute(comparison.true).fetchall()}
    found = {str(key) for (key,) in con.execute(comparison.found).fetchall()}
    return Outcome(comparison.what, len(true), len(found), tuple(sorted(true - found)), tuple(sorted(found - true)))


def in_words(con: duckdb.DuckDBPyConnection, key: str) -> str:
    """Return a key with site, ticket number and planted case where it begins with a ticket id."""
    row = con.execute(
        'SELECT site_name, ticket_no, "case", verdict FROM truth_line WHERE ticket_id = ?', [key.split()[0]]
    ).fetchone()
    return f"{key}  ({row[0]}, ticket {row[1]}, case {row[2] or 'ordinary'}, truth {row[3]})" if row else key


def table(con: duckdb.DuckDBPyConnection, outcomes: list[Outcome]) -> str:
    """Return the table to print, with examples of what was missed or false."""
    lines = [f"{'what':36}{'true':>9}{'found':>9}{'missed':>9}{'false':>9}"]
    for outcome in outcomes:
        counts = (outcome.true_count, outcome.found_count, len(outcome.missed), len(outcome.false))
        lines.append(
            f"{outcome.what:36}" + "".join(f"{count:9,}" for count in counts) + (outcome.note and f"  {outcome.note}")
        )
        for kind, keys in (("missed", outcome.missed), ("false", outcome.false)):
            lines += [f"    {kind}: {in_words(con, key)}" for key in keys[:EXAMPLES]]
            if len(keys) > EXAMPLES:
                lines.append(f"    {kind}: ... {len(keys) - EXAMPLES} more")
    return "\n".join(lines)
