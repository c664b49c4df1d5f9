"""The named questions of the regulator edition: one table macro a file in `sql/regulator`.

A macro keeps its text in the edition and reads the edition's own tables, so it answers through `sandwatch sql` and in
any DuckDB client that opens the file: `FROM truck('豫Q12345', '2026-01-01', '2026-06-30')`. They bear no schema: a
client that opens `editions/regulator.duckdb` calls that database `regulator`, and a schema of the same name would
make every call ambiguous.
"""

from __future__ import annotations

import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipelines import catalog
from pipelines.errors import MachineError
from pipelines.literal import quoted
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

STATEMENT = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?MACRO\s+(?P<schema>\w+\.)?(?P<name>\w+)\s*\((?P<arguments>.*?)\)\s*AS\s+TABLE\b",
    re.IGNORECASE | re.DOTALL,
)


class Macro(NamedTuple):
    """One question: its name as it is called, the statement that creates it, what it answers and what it reads.

    `reads` are qualified tables, and other macros by their name.
    """

    name: str
    sql: str
    description: str
    reads: frozenset[str]


@cache
def read(folder: Path = ROOT / "sql" / "regulator") -> tuple[Macro, ...]:
    """Return the macros, each after those it reads.

    Raises:
        MachineError: a file is not one `CREATE MACRO <file name>(...) AS TABLE SELECT` under a header that says
            what it answers and what each argument and column is, or macros read each other in a circle.
    """
    macros = [_macro(path) for path in sorted(folder.glob("*.sql"))]
    found = {macro.name: macro for macro in macros}
    graph = {name: sorted(macro.reads & found.keys()) for name, macro in found.items()}
    try:
        return tuple(found[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise MachineError(f"macros read each other in a circle: {' -> '.join(error.args[1])}") from error


def create(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Create or replace the macros in the cursor's current database and return their names.

    A macro whose tables that database lacks is left out: an edition of fewer tables answers fewer questions.

    Raises:
        duckdb.Error: a macro does not fit the tables it reads.
    """
    there = {
        name
        for (name,) in cursor.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database()"
            " UNION ALL SELECT schema_name || '.' || view_name FROM duckdb_views()"
            " WHERE database_name = current_database()"
        ).fetchall()
    }
    created: list[str] = []
    for macro in read():
        if macro.reads - there - set(created):
            continue
        if "." in macro.name:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {macro.name.partition('.')[0]}")
        cursor.execute(STATEMENT.sub(_create_or_replace, macro.sql, count=1))
        cursor.execute(f"COMMENT ON MACRO TABLE {macro.name} IS {quoted(macro.description)}")
        created.append(macro.name)
    return created


def _macro(path: Path) -> Macro:
    where = f"sql/regulator/{path.name}"
    sql = path.read_text(encoding="utf-8").strip().rstrip(";")
    header = catalog.header_of(sql, where)
    found = list(STATEMENT.finditer(sql))
    if [match["name"] for match in found] != [path.stem]:
        raise MachineError(f"{where}: the file must hold one CREATE MACRO {path.stem}(...) AS TABLE SELECT")
    if missing := [key for key in ("description", "columns") if not header.get(key)]:
        raise MachineError(f"{where}: the header lacks {missing}")
    match = found[0]
    arguments = [text.partition(":=")[0].strip() for text in match["arguments"].split(",") if text.strip()]
    described = list(header.get("arguments") or ())
    if arguments != described:
        raise MachineError(f"{where}: the macro takes {arguments}, the header describes {described}")
    select = sql[match.end() :]
    # The lineage of tables comes from sqlglot; a call of another macro is a table without a name to it.
    tables = {table for table in catalog.tables_read(select) if not table.endswith(".")}
    called = set(re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)\s*\(", select, re.IGNORECASE))
    return Macro(
        name=(match["schema"] or "") + match["name"],
        sql=sql,
        description=" ".join(str(header["description"]).split()),
        reads=frozenset(tables | called),
    )


def _create_or_replace(match: re.Match[str]) -> str:
    return f"CREATE OR REPLACE MACRO {match['schema'] or ''}{match['name']}({match['arguments']}) AS TABLE"
