"""The named questions of the regulator edition: one macro a file in `sql/regulator`, all in schema `overload`.

A macro keeps its text in the edition and reads the edition's own tables, so it answers through `sandwatch sql` and in
any DuckDB client that opens the file: `FROM overload.truck('豫Q12345', '2026-01-01', '2026-06-30')`. A question that
needs no argument is a view too (`FROM overload.site_week`), which clients list. The names of 0.2.0, which bore no
schema, answer as before.

The schema must not be called `regulator`: a client that opens `editions/regulator.duckdb` calls that database so, and
a schema of the same name would make every call ambiguous.
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

SCHEMA = "overload"
# The questions of 0.2.0 bore no schema; programs and people of then call them so.
UNQUALIFIED = ("truck", "repeat", "site_week", "record", "handover", "known_ticket", "known_site_week")
STATEMENT = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?MACRO\s+(?:(?P<schema>\w+)\.)?(?P<name>\w+)\s*\((?P<arguments>.*?)\)\s*"
    r"AS\s+(?P<kind>TABLE\b|(?=\())",
    re.IGNORECASE | re.DOTALL,
)


class Macro(NamedTuple):
    """One question: its name as it is called, the statements that create it, what it answers and what it reads.

    `reads` are qualified tables, and other macros by their name. `columns` are what it answers with; a macro that
    gives one value instead of a table has none.
    """

    name: str
    sql: str
    description: str
    arguments: tuple[str, ...]
    columns: dict[str, str]
    reads: frozenset[str]

    @property
    def statements(self) -> tuple[str, ...]:
        """All that must run for it, in order: itself, its name of 0.2.0, its view."""
        kind = "TABLE " if self.columns else ""
        texts = [self.sql, f"COMMENT ON MACRO {kind}{self.name} IS {quoted(self.description)}"]
        short = self.name.partition(".")[2]
        if short in UNQUALIFIED:
            given = [text.partition(":=") for text in self.arguments]
            passed = ", ".join(f"{name.strip()} := {name.strip()}" if mark else name for name, mark, _ in given)
            texts += [
                f"CREATE OR REPLACE MACRO {short}({', '.join(self.arguments)}) AS TABLE FROM {self.name}({passed})",
                f"COMMENT ON MACRO TABLE {short} IS {quoted(self.description)}",
            ]
        if self.columns and all(":=" in text for text in self.arguments):
            texts += [
                f"CREATE OR REPLACE VIEW {self.name} AS FROM {self.name}()",
                f"COMMENT ON VIEW {self.name} IS {quoted(self.description)}",
                *(f"COMMENT ON COLUMN {self.name}.{name} IS {quoted(text)}" for name, text in self.columns.items()),
            ]
        return tuple(texts)


@cache
def read(folder: Path = ROOT / "sql" / "regulator") -> tuple[Macro, ...]:
    """Return the macros, each after those it reads.

    Raises:
        MachineError: a file is not one `CREATE MACRO overload.<file name>(...) AS TABLE SELECT` (or `AS (...)`) under
            a header that says what it answers and what each argument and column is, or macros read each other in a
            circle.
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
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for statement in macro.statements:
            cursor.execute(statement)
        created.append(macro.name)
    return created


def _macro(path: Path) -> Macro:
    where = f"sql/regulator/{path.name}"
    sql = path.read_text(encoding="utf-8").strip().rstrip(";")
    header = catalog.header_of(sql, where)
    found = list(STATEMENT.finditer(sql))
    if [(match["schema"] or SCHEMA, match["name"]) for match in found] != [(SCHEMA, path.stem)]:
        raise MachineError(f"{where}: the file must hold one CREATE MACRO {SCHEMA}.{path.stem}(...) AS TABLE SELECT")
    match = found[0]
    says = "columns" if match["kind"] else "returns"
    if missing := [key for key in ("description", says) if not header.get(key)]:
        raise MachineError(f"{where}: the header lacks {missing}")
    arguments = tuple(text.strip() for text in match["arguments"].split(",") if text.strip())
    names = [text.partition(":=")[0].strip() for text in arguments]
    described = list(header.get("arguments") or ())
    if names != described:
        raise MachineError(f"{where}: the macro takes {names}, the header describes {described}")
    name = f"{SCHEMA}.{path.stem}"
    body = sql[match.end() :]
    # The lineage of tables comes from sqlglot; a call of another macro is a table without a name to it.
    tables = {table for table in catalog.tables_read(body) if not table.endswith(".")} if match["kind"] else set()
    called = {word if "." in word else f"{SCHEMA}.{word}"
              for word in re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)\s*\(", body, re.IGNORECASE)}  # fmt: skip
    called |= {f"{SCHEMA}.{word}" for word in re.findall(rf"\b{SCHEMA}\.(\w+)\s*\(", body)}
    create_it = f"CREATE OR REPLACE MACRO {name}({match['arguments']}) AS {match['kind']}"
    return Macro(
        name=name,
        sql=sql[: match.start()] + create_it + body,
        description=" ".join(str(header["description"]).split()),
        arguments=arguments,
        columns={column: " ".join(str(text).split()) for column, text in (header.get("columns") or {}).items()},
        reads=frozenset(tables | called),
    )
