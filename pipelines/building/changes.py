"""What changed: in the feeds by the weeks their loads touched, in small tables by their content."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipelines import catalog, contracts, storage, warehouse
from pipelines.building import state, weeks
from pipelines.building.weeks import Weeks

if TYPE_CHECKING:
    import duckdb


def observe_feeds(con: duckdb.DuckDBPyConnection, number: int) -> None:
    """Note which weeks of each raw table changed since the last build.

    Loads that changed rows and named no weeks, or rows that no load explains, change the whole table.
    """
    for feed, contract in contracts.contracts().items():
        table = f"raw.{feed}"
        made_of = state.fingerprint(repr(warehouse.raw_columns(contract)))
        known = state.built(con, table)
        load_no, row_count = _extent(con, contract)
        changed: Weeks = None
        if known and known.fingerprint == made_of:
            changed = _touched(con, feed, known, load_no, row_count)
        if changed != weeks.NONE or known is None or known.load_no != load_no:
            state.write(con, table, changed, number, made_of, load_no=load_no, row_count=row_count)


def _extent(con: duckdb.DuckDBPyConnection, contract: contracts.Contract) -> tuple[int, int]:
    load = con.execute(
        "SELECT coalesce(max(load_no), 0) FROM meta.load_account WHERE feed = ?", [contract.feed]
    ).fetchone()
    count = con.execute(f"SELECT count(*) FROM {storage.table_of(contract)}").fetchone()
    return int(load[0]) if load else 0, int(count[0]) if count else 0


def _touched(con: duckdb.DuckDBPyConnection, feed: str, known: state.Built, load_no: int, row_count: int) -> Weeks:
    seen = known.load_no or 0
    if load_no < seen:  # an older warehouse was put back
        return None
    if load_no == seen:
        return weeks.NONE if row_count == known.row_count else None
    rows = con.execute(
        "SELECT DISTINCT week_start FROM meta.touched_week WHERE feed = ? AND load_no > ?", [feed, seen]
    ).fetchall()
    changing = con.execute(
        "SELECT count(*) FROM meta.load_account WHERE feed = ? AND load_no > ?"
        " AND row_count > duplicate_count + quarantined_count",
        [feed, seen],
    ).fetchone()
    if not rows and changing and changing[0]:
        return None
    return frozenset(week for (week,) in rows)


def observe_content(con: duckdb.DuckDBPyConnection, tables: Iterable[str], number: int) -> None:
    """Note which of some small tables hold something else than at the last build."""
    for table in tables:
        content = content_of(con, table)
        known = state.built(con, table)
        if known is None or known.fingerprint != content:
            state.write(con, table, None, number, content)


def content_of(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return a fingerprint of a small table's columns and rows, whatever their order."""
    columns = con.execute(f"DESCRIBE {table}").fetchall()
    row = con.execute(
        "SELECT count(*), bit_xor(entry_hash), sum(entry_hash)"
        f" FROM (SELECT hash(entry) AS entry_hash FROM {table} AS entry)"
    ).fetchone()
    return state.fingerprint(repr([column[:2] for column in columns]), repr(row))


def weeks_of(con: duckdb.DuckDBPyConnection, model: catalog.Model, wanted: Weeks) -> dict[dt.date, tuple[int, ...]]:
    """Return a fingerprint of the rows of each week of a table, whatever their order; None asks for all weeks."""
    conditions = weeks.conditions(str(model.period), wanted) if wanted is not None else []
    only = f" WHERE {' OR '.join(conditions)}" if conditions else ""
    rows = con.execute(
        "SELECT week_start, count(*), bit_xor(row_hash), sum(row_hash) FROM ("
        f"SELECT date_trunc('week', {model.period})::DATE AS week_start, hash(entry) AS row_hash"
        f" FROM {model.name} AS entry{only}) GROUP BY week_start"
    ).fetchall()
    return {week: tuple(content) for week, *content in rows}


def differing(before: dict[dt.date, tuple[int, ...]], after: dict[dt.date, tuple[int, ...]]) -> frozenset[dt.date]:
    """Return the weeks of which two fingerprints differ, or that only one knows."""
    return frozenset(week for week in before.keys() | after.keys() if before.get(week) != after.get(week))


def to_build(con: duckdb.DuckDBPyConnection, model: catalog.Model, reads: Iterable[str], made_of: str) -> Weeks:
    """Return the weeks of a table that must be made anew; an empty set is none, None the whole table."""
    known = state.built(con, model.name)
    if known is None or known.fingerprint != made_of or not is_there(con, model.name):
        return None
    touched = weeks.NONE
    for table in sorted(reads):
        changed = state.changed_since(con, table, known.seen_no)
        if changed is None:
            return None
        touched |= changed
    if not touched:
        return weeks.NONE
    if not model.period or not isinstance(model.lookback, int):
        return None
    return weeks.around(touched, model.lookahead, model.lookback)


def is_there(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the warehouse has such a table."""
    schema, _, name = table.partition(".")
    row = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = ? AND table_name = ?",
        [schema, name],
    ).fetchone()
    return bool(row and row[0])
