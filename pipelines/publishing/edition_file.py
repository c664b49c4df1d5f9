"""One edition as one file: chosen tables copied in order with their comments, views, then proved alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.building import weeks
from pipelines.errors import WrongCallError
from pipelines.literal import quoted
from pipelines.publishing import regulator_macros

if TYPE_CHECKING:
    import duckdb

    from pipelines.publishing.base import Base

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


def write(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Sequence[str],
    views: Sequence[View] = (),
    base: Base | None = None,
) -> float:
    """Write a new edition file from the committed state of the connection's warehouse and prove it.

    Storage order and comments of the tables are kept; nothing of the connection's own state changes. From a base,
    the weeks that changed are exchanged in a copy of it, and tables that are not kept by week are replaced.

    Returns the share of the file that lies free.

    Raises:
        WrongCallError: a table is named that the warehouse does not have.
        duckdb.Error: the copy or a view failed; the half-written file is the caller's to remove.
    """
    cursor = con.cursor()  # its own transaction and current database
    try:
        home = _one(cursor, "SELECT current_database()")
        is_ordered = _one(cursor, "SELECT current_setting('preserve_insertion_order')")
        if base and not base.is_retired:
            copy_file(base.path, path)
        cursor.execute(f"ATTACH {quoted(str(path))} AS {_ALIAS}")
        try:
            # Marts are stored by time and time-bound queries live on it: the copy keeps that order even
            # where the loader has switched it off.
            cursor.execute("SET preserve_insertion_order = true")
            _fill(cursor, home, tables, views, base)
            free_share = _free_share(cursor)
        finally:
            cursor.execute(f"SET preserve_insertion_order = {is_ordered}")
            cursor.execute(f"USE {_name(home)}")
            cursor.execute(f"DETACH {_ALIAS}")
    finally:
        cursor.close()
    _prove(path, [*tables, *(view.name for view in views)])
    return free_share


def copy_file(source: Path, target: Path) -> None:
    """Copy a file inside the kernel, sharing blocks where the file system can."""
    with source.open("rb") as reader, target.open("xb") as writer:
        left = os.fstat(reader.fileno()).st_size
        try:
            while left > 0 and (moved := os.copy_file_range(reader.fileno(), writer.fileno(), left)):
                left -= moved
        except OSError:  # another file system, or one that cannot
            reader.seek(writer.tell())
        if left:
            writer.seek(0, os.SEEK_END)
            reader.seek(writer.tell())
            shutil.copyfileobj(reader, writer, 1 << 24)


def _fill(
    cursor: duckdb.DuckDBPyConnection, home: str, tables: Sequence[str], views: Sequence[View], base: Base | None
) -> None:
    cursor.execute("BEGIN")  # one transaction: all tables are of one state of the warehouse
    try:
        for table in tables:
            if not (base and _exchange_weeks(cursor, home, table, base)):
                _copy(cursor, home, table)
        cursor.execute(f"USE {_ALIAS}")  # a view's names resolve in the edition, not in the warehouse
        for view in views:
            _create_view(cursor, view)
        regulator_macros.create(cursor)
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")
    cursor.execute(f"CHECKPOINT {_ALIAS}")  # leaves no write-ahead file behind


def _exchange_weeks(cursor: duckdb.DuckDBPyConnection, home: str, table: str, base: Base) -> bool:
    """Bring a table of the copied edition up to now week by week; return whether that was possible."""
    changed, period = base.changed.get(table), base.periods.get(table)
    if changed is None:
        return False
    source, target = f"{_name(home)}.{_qualified(table)}", f"{_ALIAS}.{_qualified(table)}"
    if changed and (period is None or _layout(cursor, home, table) != _layout(cursor, _ALIAS, table)):
        return False
    for condition in weeks.conditions(str(period), changed):
        cursor.execute(f"DELETE FROM {target} WHERE {condition}")
        cursor.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {source} WHERE {condition}")
    return True


def _layout(cursor: duckdb.DuckDBPyConnection, database: str, table: str) -> list[Any]:
    schema, _, relation = table.partition(".")
    return cursor.execute(
        "SELECT column_name, data_type FROM duckdb_columns()"
        " WHERE (database_name, schema_name, table_name) = (?, ?, ?) ORDER BY column_index",
        [database, schema, relation],
    ).fetchall()


def _free_share(cursor: duckdb.DuckDBPyConnection) -> float:
    found = _one(
        cursor,
        "SELECT free_blocks / greatest(total_blocks, 1) FROM pragma_database_size()"
        f" WHERE database_name = '{_ALIAS}'",
    )
    return float(found or 0)


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
    cursor.execute(f"CREATE OR REPLACE TABLE {target} AS FROM {_name(home)}.{_qualified(table)}")
    _comment(cursor, "TABLE", target, found[0], dict(columns))


def _create_view(cursor: duckdb.DuckDBPyConnection, view: View) -> None:
    schema = view.name.partition(".")[0]
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(schema)}")
    # Own lines: the text may end in a comment.
    cursor.execute(f"CREATE OR REPLACE VIEW {_qualified(view.name)} AS\n{view.sql.strip().rstrip(';')}\n")
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
