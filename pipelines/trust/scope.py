"""Which rows a run of the checks looks at: those that came since the last run that found their feed trusted.

Rows that were checked do not change; a later load can only replace them. So a night's check costs what the night's
files cost, however long the history is. All rows are looked at again where the feed's expectations changed, where
somebody asks for it, and in feeds that are small lists or whose expectations compare rows with each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.contracts import Contract

if TYPE_CHECKING:
    import duckdb

# These ask about the table as a whole: a batch cannot answer them.
WHOLE_TABLE = frozenset({"expect_column_values_to_be_unique"})


@dataclass(frozen=True)
class Scope:
    """The rows of one feed that a run checks: loads after `after_load_no` up to `load_no`; 0 means from the first."""

    feed: str
    after_load_no: int
    load_no: int
    fingerprint: str

    @property
    def is_whole(self) -> bool:
        """Whether every row in force is checked."""
        return self.after_load_no == 0

    @property
    def condition(self) -> str:
        """The scope as SQL on the feed's raw table."""
        return "outcome = 'accepted'" + ("" if self.is_whole else f" AND load_no > {self.after_load_no}")

    def words(self, language: str) -> str:
        """Return the scope for a message; nothing where all rows are checked."""
        if self.is_whole:
            return ""
        first, last = self.after_load_no + 1, self.load_no
        return f" (loads {first} to {last})" if language == "en" else f"（第 {first} 至 {last} 次装载）"


def scope_of(con: duckdb.DuckDBPyConnection, contract: Contract, *, is_full: bool = False) -> Scope:
    """Return what is to be checked of a feed now.

    A check that is run again without a load in between looks at the same rows again, and so does one after a failed
    critical expectation: what is wrong stays told until it is mended.
    """
    newest = con.execute(
        "SELECT coalesce(max(load_no), 0) FROM meta.load_account WHERE feed = ?", [contract.feed]
    ).fetchone()
    load_no = int(newest[0]) if newest else 0
    fingerprint = _fingerprint(contract)
    row = con.execute(
        "SELECT after_load_no, load_no, is_trusted FROM meta.check_scope WHERE feed = ? AND fingerprint = ?",
        [contract.feed, fingerprint],
    ).fetchone()
    after = 0
    if row and not is_full and contract.period and not _compares_rows(contract):
        last_after, last_load_no, is_trusted = row
        if load_no == last_load_no or (load_no > last_load_no and not is_trusted):
            after = last_after
        elif load_no > last_load_no:
            after = last_load_no
    return Scope(contract.feed, after, load_no, fingerprint)


def begin(con: duckdb.DuckDBPyConnection, scopes: Iterable[Scope]) -> None:
    """Write what a run is about to check, as not trusted yet: a run that dies is made up for by the next one."""
    for scope in scopes:
        forget(con, scope.feed)
        con.execute(
            "INSERT INTO meta.check_scope BY NAME SELECT ? AS feed, ? AS after_load_no, ? AS load_no,"
            " false AS is_trusted, ? AS fingerprint",
            [scope.feed, scope.after_load_no, scope.load_no, scope.fingerprint],
        )


def trust(con: duckdb.DuckDBPyConnection, feeds: Iterable[str]) -> None:
    """Write that no critical expectation of these feeds failed: their next run goes on from here."""
    for feed in feeds:
        con.execute("UPDATE meta.check_scope SET is_trusted = true WHERE feed = ?", [feed])


def forget(con: duckdb.DuckDBPyConnection, feed: str) -> None:
    """Let the next run check every row of a feed; for whoever changes rows that were checked."""
    con.execute("DELETE FROM meta.check_scope WHERE feed = ?", [feed])


def _compares_rows(contract: Contract) -> bool:
    return any(spec["type"] in WHOLE_TABLE for spec in contract.expectations)


def _fingerprint(contract: Contract) -> str:
    """Return a SHA-256 over all that decides what is expected of a row."""
    columns = [
        (column.name, column.type, column.not_null, sorted(column.codes)) for column in contract.columns.values()
    ]
    facts = json.dumps([columns, [dict(spec) for spec in contract.expectations]], ensure_ascii=False, default=str)
    return hashlib.sha256(facts.encode()).hexdigest()
