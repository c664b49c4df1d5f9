"""One edition as one file: chosen tables copied in order with their comments, views, then proved alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import WrongCallError
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

# The name a new file has while it is attached; it does not get into the file.
_ALIAS = "unfinished_edition"


@dataclass(frozen=True)
class View:
    """A question people ask often, as a view of an edition.

    `name` is qualified (`overload.site_week`), `sql` one SELECT over the tables of that edition, `columns`
    the text of each column.
    """

    name: str
    sql: str
    comment: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def write(con: duckdb.DuckDBPyConnection, path: Path, tables: Sequence[str], views: Sequence[View] = ()) -> None:
    """Write a new edition file from the committed state of the connection's warehouse and prove it.

    Storage order and comments of the tables are kept; nothing of the connection's own state changes.

    Raises:
        WrongCallError: a table is named that the warehouse does not have.
        duckdb.Error: the copy or a view failed; the half-written file is the caller's to remove.
    """
    cursor = con.cursor()  # its own transaction and current database
    try:
        home = _one(cursor, "SELECT current_database()")
        is_ordered = _one(cursor, "SELECT current_setting('preserve_insertion_order')")
        cursor.execute(f"ATTACH {quoted(str(path))} AS {_ALIAS}")
        try:
            # Marts are stored by time and time-bound queries live on it: the copy keeps that order even
            # where the loader has switched it off.
            cursor.execute("SET preserve_insertion_order = true")
            _fill(cursor, home, tables, views)
        finally:
            cursor.execute(f"SET preserve_insertion_order = {is_ordered}")
            cursor.execute(f"USE {_name(home)}")
            cursor.execute(f"DETACH {_ALIAS}")
    finally:
        cursor.close()
    _prove(path, [*tables, *(view.name for view in views)])


def _fill(cursor: duckdb.DuckDBPyConnection, home: str, tables: Sequence[str], views: Sequence[View]) -> None:
    cursor.execute("BEGIN")  # one transaction: all tables are of one state of the warehouse
    try:
        for table in tables:
            _copy(cursor, home, table)
        cursor.execute(f"USE {_ALIAS}")  # a view's names resolve in the edition, not in the warehouse
        for view in views:
            _create_view(cursor, view)
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")
    cursor.execute(f"CHECKPOINT {_ALIAS}")  # leaves no write-ahead file behind


def _copy(cursor: duckdb.DuckDBPyConnection, home: str, table: str) -> None:
    """Copy one table with its comments, which CREATE TABLE AS leaves behind."""
    schema, _, relation = table.partition(".")
    found = cursor.execute(
        "SELECT comment FROM duckdb_tables() WHERE (database_name, schema_name, table_name) = (?, ?, ?) "
        "UNION ALL "
        "SELECT comment FROM duckdb_views() WHERE (database_name, schema_name, view_name) = (?, ?, ?)",
        [home, schema, relation] * 2,
    ).fetchone()
    if found is None:
        raise WrongCallError(f"the warehouse has no table {table}: run `sandwatch build` before publishing")
    columns = cursor.execute(
        "SELECT column_name, comment FROM duckdb_columns() "
        "WHERE (database_name, schema_name, table_name) = (?, ?, ?) AND comment IS NOT NULL",
        [home, schema, relation],
    ).fetchall()
    target = f"{_ALIAS}.{_qualified(table)}"
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_ALIAS}.{_name(schema)}")
    cursor.execute(f"CREATE TABLE {target} AS FROM {_name(home)}.{_qualified(table)}")
    _comment(cursor, "TABLE", target, found[0], dict(columns))


def _create_view(cursor: duckdb.DuckDBPyConnection, view: View) -> None:
    schema = view.name.partition(".")[0]
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(schema)}")
    # Own lines: the text may end in a comment.
    cursor.execute(f"CREATE VIEW {_qualified(view.name)} AS\n{view.sql.strip().rstrip(';')}\n")
    _comment(cursor, "VIEW", _qualified(view.name), view.comment, view.columns)


def _comment(
    cursor: duckdb.DuckDBPyConnection, kind: str, target: str, text: str | None, columns: Mapping[str, str]
) -> None:
    # COMMENT ON takes no bound value, so the text goes in as a quoted literal.
    if text:
        cursor.execute(f"COMMENT ON {kind} {target} IS {quoted(text)}")
    for column, column_text in columns.items():
        cursor.execute(f"COMMENT ON COLUMN {target}.{_name(column)} IS {quoted(column_text)}")


def _prove(path: Path, relations: Sequence[str]) -> None:
    """Open the new file alone and plan a read of all it holds: a view that needs the warehouse fails here."""
    import duckdb

    with duckdb.connect(path, read_only=True) as con:
        for relation in relations:
            con.execute(f"FROM {_qualified(relation)} LIMIT 0")


def _one(cursor: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = cursor.execute(sql).fetchone()
    return row[0] if row else None


def _qualified(name: str) -> str:
    schema, dot, relation = name.partition(".")
    if not dot or not schema or not relation:
        raise WrongCallError(f"{name!r} is not a qualified table name; it takes schema.table")
    return f"{_name(schema)}.{_name(relation)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
