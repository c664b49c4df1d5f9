"""What was known at a load: the quotes and answers in force then, laid out again and scored by today's rules.

The raw tables keep every version of a row with the load that brought it and the load that ended it, so what was in
force at a load can be told for ever. The SQL files run as they stand, in a database in memory.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import catalog
from pipelines.building import state
from pipelines.rules import prices
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

    from pipelines.rules.story import Story

MEASURE = "policy.price_level"
_DATABASE = "known_then"
_RULE = ROOT / "sql" / "policy" / "price_level"
_FIRST = "pipelines.rules.prices"
_SCORING = ("pipelines.rules.", "pipelines.scoring.")
_NO_SCORE = ("pipelines.rules.screens", "pipelines.rules.supply")  # what they say is no part of a score by quotes
# What a row is to the load, its numbers and flags, is not what the row says.
_NOT_SAID = "load_no, ended_load_no, suspect_codes, assumed_columns, correction_ids"
_LIBRARIES = ("numpy",)  # DuckDB is in every fingerprint


def recompute(con: duckdb.DuckDBPyConnection, load_no: int) -> Story:
    """Return what the quotes known at a load say, every supply unknown; nothing that came later is looked at.

    Args:
        con: a connection to the warehouse, outside a transaction; nothing in it is written.
        load_no: newest load that was known.
    """
    with _laid_out(con, load_no):
        for model in models():
            con.execute(f"CREATE TABLE {model.name} AS (\n{model.sql}\n)")
        return prices.by_quotes(con)


@contextmanager
def _laid_out(con: duckdb.DuckDBPyConnection, load_no: int) -> Iterator[None]:
    """A database in memory that bears the tables' names: raw ones as known then, others as they stand."""
    row = con.execute("SELECT current_database()").fetchone()
    home = f'"{row[0] if row else ""}"'
    con.execute(f"ATTACH ':memory:' AS {_DATABASE}")
    try:
        made = {model.name for model in models()}
        given = {table for model in models() for table in model.reads} | {"reference.region"}
        for table in sorted(given | made):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {_DATABASE}.{table.partition('.')[0]}")
            if table not in made:
                rows = _rows_known(f"{home}.{table}", load_no) if table.startswith("raw.") else f"FROM {home}.{table}"
                con.execute(f"CREATE TABLE {_DATABASE}.{table} AS {rows}")
        con.execute(f"USE {_DATABASE}")
        yield
    finally:
        con.execute(f"USE {home}")
        con.execute(f"DETACH {_DATABASE}")


def _rows_known(table: str, load_no: int) -> str:
    """SELECT of the rows of a raw table in force at a load: a version ended later stood then."""
    outcome = "CASE outcome WHEN 'superseded' THEN 'accepted' ELSE outcome END AS outcome"
    return (
        f"SELECT * REPLACE ({outcome}, NULL::INTEGER AS ended_load_no) FROM {table}"
        f" WHERE load_no <= {load_no} AND (ended_load_no IS NULL OR ended_load_no > {load_no})"
    )


@cache
def models() -> tuple[catalog.Model, ...]:
    """Return the tables between the raw quotes and the price levels, each after the ones it reads."""
    wanted = set(catalog.judged()[MEASURE].reads)
    found = []
    for model in reversed(catalog.models().values()):
        if model.name in wanted:
            found.append(model)
            wanted |= model.reads
    return tuple(reversed(found))


@cache
def feeds() -> frozenset[str]:
    """Return the feeds that the price levels rest on: quotes, and answers about names."""
    raw = {table for model in models() for table in model.reads if table.startswith("raw.")}
    return frozenset(table.removeprefix("raw.") for table in raw)


def quotes_sha256(con: duckdb.DuckDBPyConnection, load_no: int) -> str:
    """Return the SHA-256 over the rows of the feeds as known at a load, in the order of file and line."""
    digest = hashlib.sha256()
    for feed in sorted(feeds()):
        known = f"SELECT * EXCLUDE ({_NOT_SAID}) FROM ({_rows_known(f'raw.{feed}', load_no)})"
        row = con.execute(
            "SELECT sha256(coalesce(string_agg(said::VARCHAR, chr(10) ORDER BY snapshot_sha256, line, said::VARCHAR),"
            f" '')) FROM ({known}) AS said"
        ).fetchone()
        digest.update(f"{feed} {row[0] if row else ''}\n".encode())
    return digest.hexdigest()


@cache
def rules_sha256() -> str:
    """Return the SHA-256 over all that makes a score of a quote: SQL, rule, reference tables, modules, libraries."""
    files = [path for path in _RULE.rglob("*") if path.suffix in (".sql", ".yaml") and path.name != "cases.yaml"]
    files += [reference.path for reference in catalog.references().values()]
    files += [model.path for model in models()]
    files += _modules()
    parts = [path.relative_to(ROOT).as_posix().encode() + b"\n" + path.read_bytes() for path in sorted(set(files))]
    return state.fingerprint(*parts, *(f"{name} {version(name)}" for name in _LIBRARIES))


def _modules() -> list[Path]:
    """The modules that judging prices runs: `prices` and what it imports of rules and scoring, at any remove."""
    found: dict[str, Path] = {}
    waiting = [_FIRST]
    while waiting:
        name = waiting.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name in found or name in _NO_SCORE or not path.is_file():
            continue
        found[name] = path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                waiting += [imported for imported in names if imported.startswith(_SCORING)]
    return sorted(found.values())
