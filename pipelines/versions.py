"""Bringing a warehouse that an earlier version made up to the tables of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.errors import MachineError

if TYPE_CHECKING:
    import duckdb

    from pipelines.catalog import Model

# What a row lacks here cannot be filled in afterwards: only reading the snapshot again says it.
ORIGIN = ("feed_source", "snapshot_sha256", "line", "load_no", "ended_load_no", "outcome")
NEUTRAL = {"VARCHAR": "''", "BOOLEAN": "false", "DATE": None, "TIME": None}
Column = tuple[str, str, bool, str | None]  # name, type, whether it must have a value, its default


class OutdatedError(MachineError):
    """An earlier version made this warehouse, and its tables cannot be altered to what this one writes.

    `table` is the one that is too old, `why` says what cannot be made up for.
    """

    def __init__(self, table: str, why: str) -> None:
        self.table, self.why = table, why
        super().__init__(
            f"{table} was made by an earlier version of sandwatch: {why}. Nothing was changed and nothing is lost."
            " Run `sandwatch migrate`: it makes the warehouse anew from the snapshots, with the same load numbers,"
            " and keeps the old file aside"
        )


def neutral_value(sql_type: str) -> str | None:
    """Return the literal that says nothing in a column that must have a value, None where every value would."""
    if sql_type in NEUTRAL:
        return NEUTRAL[sql_type]
    return None if sql_type.startswith("TIMESTAMP") else "0"


def bring_up(con: duckdb.DuckDBPyConnection, table: Model) -> None:
    """Create a fixed table, or bring one that is there to the columns of its file, in their order.

    A column that came since gets its default, or the value that says nothing ('' or 0) where it must have one;
    what the file no longer has is dropped.

    Raises:
        OutdatedError: a column has another type that its values do not fit, or a new one has no neutral value.
    """
    import duckdb

    there = columns(con, table.name)
    if not there:
        con.execute(table.sql)
        return
    wanted = _wanted(table)
    if there == wanted:
        return
    schema, _, name = table.name.partition(".")
    before = f"{schema}.{name}_before"
    known = {column[0] for column in there}
    values = {}
    for column, sql_type, is_needed, default in wanted:
        values[column] = f'"{column}"' if column in known else default or "NULL"
        if column not in known and is_needed and not default:
            value = neutral_value(sql_type)
            if value is None and _has_rows(con, table.name):
                raise OutdatedError(table.name, f"column {column} cannot be filled in")
            values[column] = value or "NULL"
    con.execute(f"DROP TABLE IF EXISTS {before}")
    con.execute(f"ALTER TABLE {table.name} RENAME TO {name}_before")
    con.execute(table.sql)
    listed = ", ".join(f'"{column}"' for column in values)
    try:
        con.execute(f"INSERT INTO {table.name} ({listed}) SELECT {', '.join(values.values())} FROM {before}")
    except (duckdb.ConversionException, duckdb.ConstraintException) as error:
        raise OutdatedError(table.name, f"its values do not fit its columns any more ({error})") from error
    con.execute(f"DROP TABLE {before}")


def bring_up_raw(con: duckdb.DuckDBPyConnection, name: str, wanted: dict[str, str]) -> None:
    """Create a raw table, or add the columns that its contract got since; their values are NULL in old rows.

    Raises:
        OutdatedError: a column has another type now, or one is missing that says where a row came from.
    """
    body = ", ".join(f'"{column}" {sql_type}' for column, sql_type in wanted.items())
    there = {column: sql_type for column, sql_type, *_ in columns(con, name)}
    ideal = {column: sql_type for column, sql_type, *_ in _described(con, body)}
    missing = [column for column in wanted if column not in there]
    changed = [column for column in wanted if column in there and there[column] != ideal[column]]
    if there and not _has_rows(con, name) and (missing or changed):
        con.execute(f"DROP TABLE {name}")
        there = {}
    if not there:
        con.execute(f"CREATE TABLE {name} ({body})")
        return
    if changed:
        column = changed[0]
        raise OutdatedError(name, f"{column} was {there[column]} and is {ideal[column]} now")
    if lost := [column for column in missing if column in ORIGIN]:
        raise OutdatedError(name, f"its rows do not say {', '.join(lost)}")
    for column in missing:
        con.execute(f'ALTER TABLE {name} ADD COLUMN "{column}" {wanted[column]}')


def columns(con: duckdb.DuckDBPyConnection, name: str) -> list[Column]:
    """Return the columns of a table of the warehouse, in their order; none where it does not exist."""
    schema, _, table = name.partition(".")
    rows = con.execute(
        "SELECT column_name, data_type, NOT is_nullable, column_default FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY column_index",
        [schema, table],
    ).fetchall()
    return [(column, sql_type, bool(needed), default) for column, sql_type, needed, default in rows]


def _wanted(table: Model) -> list[Column]:
    import duckdb

    with duckdb.connect() as plan:
        plan.execute(f"CREATE SCHEMA {table.name.partition('.')[0]}")
        plan.execute(table.sql)
        return columns(plan, table.name)


def _described(con: duckdb.DuckDBPyConnection, body: str) -> list[Column]:
    """The types as DuckDB calls them (INTEGER for INT), from an empty table that is gone again."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE described_before ({body})")
    rows = con.execute("DESCRIBE described_before").fetchall()
    con.execute("DROP TABLE described_before")
    return [(row[0], row[1], False, None) for row in rows]


def _has_rows(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    return con.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() is not None
