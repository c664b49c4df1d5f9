"""Rows of the edition as plain Python values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]


def listed(con: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[Row]:
    """Return the rows of a statement, each by column name."""
    result = con.execute(sql, list(values))
    columns = [column[0] for column in result.description or []]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
