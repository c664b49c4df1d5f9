"""Raw rows without a file: what a load would have written, for tests of all that comes after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb

from pipelines import contracts, storage, warehouse

SHA = "0" * 64


def put(con: duckdb.DuckDBPyConnection, feed: str, rows: Iterable[dict[str, Any]], **account: Any) -> int:
    """Add accepted rows to `raw.<feed>` as one load and return its number.

    Args:
        con: a prepared warehouse.
        feed: feed of the rows.
        rows: values by column; what is not given is as in a plain file.
        account: what `meta.load_account` says of the load.
    """
    contract = contracts.contracts()[feed]
    columns = {name: kind for name, (kind, _) in warehouse.raw_columns(contract).items()}
    last = con.execute("SELECT coalesce(max(load_no), 0) FROM meta.load_account").fetchone()
    load_no = (last[0] if last else 0) + 1
    given = [
        {"suspect_codes": [], "assumed_columns": [], "feed_source": "default", "snapshot_sha256": SHA, "line": line,
         "outcome": "accepted", **row, "load_no": load_no} for line, row in enumerate(rows, start=1)]  # fmt: skip
    first = given[0] if given else {"feed_source": "default", "snapshot_sha256": SHA}
    add_account(con, feed, load_no, **{
        "source": first["feed_source"], "snapshot_sha256": first["snapshot_sha256"], "row_count": len(given),
        "accepted_count": len(given), **account})  # fmt: skip
    body = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE given_row ({body})")
    for row in given:
        names = ", ".join(f'"{name}"' for name in row)
        con.execute(f"INSERT INTO given_row ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    select = "FROM given_row"
    if storage.is_numbered(contract):
        storage.add_names(con, storage.words_of("given_row", storage.numbered_columns(contract)))
        select = storage.numbered_select(contract, "given_row", columns)
    con.execute(f"INSERT INTO {storage.table_of(contract)} BY NAME {select}")
    con.execute("DROP TABLE given_row")
    return load_no


def add_account(con: duckdb.DuckDBPyConnection, feed: str, load_no: int, **account: Any) -> None:
    """Write the account of a load, zeros where nothing is said."""
    row: dict[str, Any] = {"feed": feed, "load_no": load_no, "loaded_at": "2026-01-01 00:00:00+08", **account}
    for name, kind, nullable in con.execute(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE schema_name = 'meta'"
        " AND table_name = 'load_account' AND database_name = current_database()"
    ).fetchall():
        if name not in row and not nullable:
            row[name] = "" if kind == "VARCHAR" else 0
    names = ", ".join(f'"{name}"' for name in row)
    con.execute(f"INSERT INTO meta.load_account ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
