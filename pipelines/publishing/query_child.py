"""The child process of `sandwatch sql`: opens one edition, runs one reading statement, streams the result.

It runs as a script of its own and imports nothing of this package: whatever a query may reach in here, there
is no setting, address or open file of the parent to find. The request comes as one JSON object on stdin; the
answer goes out as JSON lines: `{"columns": [[name, type], ...]}`, one array a row, then `{"end": ...}`; or
`{"error": {"kind": ..., "message": ...}}` with the kinds refused, failed and limit.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    import duckdb

# DuckDB's own memory limit does not hold for every string function, so the address space is limited too;
# this much is left above it for the interpreter, the library and the threads' stacks.
HEADROOM_MIB = 512
OPEN_FILES = 32
ROWS_A_FETCH = 512
EXPRESSION_DEPTH = 250
# What stands before the statement of an EXPLAIN. Whatever this does not match is not a SELECT and refused.
EXPLAIN = re.compile(
    r"\A(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN(?:\s+ANALYZE)?(?:\s*\((?:ANALYZE|FORMAT)\b[^()]*\))?",
    re.IGNORECASE | re.DOTALL,
)

# Table functions that read the edition or make rows. All others that DuckDB brings look at files, settings
# or the machine, or carry a statement in a string; new ones of a later version are refused too.
READING_TABLE_FUNCTIONS = frozenset(
    (
        *("duckdb_columns", "duckdb_constraints", "duckdb_functions", "duckdb_keywords", "duckdb_schemas"),
        *("duckdb_tables", "duckdb_types", "duckdb_views", "icu_calendar_names", "pg_timezone_names"),
        *("generate_series", "json_each", "json_tree", "pragma_table_info", "range", "repeat", "repeat_row"),
        *("summary", "unnest"),
    )
)
REFUSED_FUNCTIONS = frozenset({"current_setting", "getenv", "json_serialize_plan", "write_log"})
REFUSED_VIEWS = frozenset({"pg_settings", "pragma_database_list"})
# Types that cross as JSON of their own; the rest cross as DuckDB's text and are read by type in the parent.
PLAIN_TYPES = frozenset(
    (
        *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "VARCHAR"),
        *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    )
)
ALLOWED = "allowed is one SELECT (also FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE) or an EXPLAIN of one"


class QueryError(Exception):
    """The query cannot be answered; `kind` is refused, failed or limit."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def limit_process(request: dict[str, Any]) -> None:
    """Set the limits of this process that the kernel keeps, whatever the library does."""
    address_space = (request["memory_mib"] + HEADROOM_MIB) * 2**20
    for what, soft, hard in (
        (resource.RLIMIT_AS, address_space, address_space),
        # At the soft limit the process ends by SIGXCPU, which tells the parent why.
        (resource.RLIMIT_CPU, request["cpu_s"], request["cpu_s"] + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
    ):
        ceiling = resource.getrlimit(what)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(what, (soft, hard))


def open_edition(request: dict[str, Any]) -> tuple[duckdb.DuckDBPyConnection, frozenset[str]]:
    """Open the edition read-only and closed on all sides; return also the table functions refused."""
    import duckdb

    con = duckdb.connect(
        request["path"],
        read_only=True,
        config={
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "memory_limit": f"{request['memory_mib']}MiB",
            "threads": request["threads"],
            "temp_directory": "",  # no spilling; has to be said before external access is cut
        },
    )
    con.execute(f"SET TimeZone = '{request['time_zone']}'")
    con.execute(f"SET max_expression_depth = {EXPRESSION_DEPTH}")
    con.execute("SET allow_persistent_secrets = false")
    con.execute("SET python_enable_replacements = false")  # FROM name never finds a Python variable
    # A database may always write its own .wal and .tmp, external access or not: with the file system itself
    # switched off there is nothing left to write with. The open edition keeps its handle.
    con.execute("SET disabled_filesystems = 'LocalFileSystem'")
    con.execute("SET lock_configuration = true")  # last: no statement can undo the above
    built_in = con.execute(
        "SELECT function_name FROM duckdb_functions() WHERE internal AND function_type IN ('table', 'pragma')"
    ).fetchall()
    return con, frozenset(name for (name,) in built_in) - READING_TABLE_FUNCTIONS


def plan(con: duckdb.DuckDBPyConnection, sql: str, refused: frozenset[str]) -> duckdb.DuckDBPyRelation:
    """Return the one reading statement of the text, bound but not run.

    Raises:
        QueryError: another kind or number of statements, or a function that looks outside the edition.
    """
    statements = con.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if kinds == ["CREATE", "SELECT"] and re.search(r"\bpivot", sql, re.IGNORECASE):
        raise QueryError("refused", "PIVOT needs its values named here: PIVOT ... ON column IN (value, ...)")
    if len(kinds) != 1:
        raise QueryError("refused", f"the text holds {len(kinds)} statements; {ALLOWED}")
    reading = sql
    if kinds == ["EXPLAIN"]:
        reading = EXPLAIN.sub("", sql, count=1)
        kinds = [statement.type.name for statement in con.extract_statements(reading)]
    if kinds != ["SELECT"]:
        raise QueryError("refused", f"{' and '.join(kinds)} is not a reading statement; {ALLOWED}")
    for name in _names(_tree(con, reading)):
        if name in refused or name in REFUSED_FUNCTIONS or name in REFUSED_VIEWS:
            raise QueryError(
                "refused",
                f"{name} looks outside the edition (files, settings or the server) and is refused; queries "
                "read the tables and views that SHOW ALL TABLES lists",
            )
    return con.sql(statements[0])


def stream(answer: TextIO, relation: duckdb.DuckDBPyRelation, request: dict[str, Any]) -> None:
    """Write columns, rows and the end to the answer; cut at the limits of rows and bytes."""
    types = [str(kind) for kind in relation.types]
    _write(answer, {"columns": list(zip(relation.columns, types, strict=True))})
    # By position, since names may repeat. Text of DuckDB's own for what Python has no exact or no complete
    # type for (infinite dates, nanoseconds, zoned times); JSON for what nests.
    relation = relation.limit(request["max_rows"] + 1)
    relation = relation.project(", ".join(_crossing(k, kind) for k, kind in enumerate(types, start=1)))
    size = 0
    for count, row in enumerate(_rows(relation)):
        if count == request["max_rows"]:
            return _write(answer, {"end": "rows"})
        for name, cell in zip(relation.columns, row, strict=True):
            if isinstance(cell, str) and len(cell) > request["max_cell_chars"]:
                raise QueryError(
                    "limit",
                    f"row {count + 1} holds a text of {len(cell):,} characters in {name}; at most "
                    f"{request['max_cell_chars']:,} are shown: take a part of it with left() or substr()",
                )
        line = json.dumps(row)
        size += len(line) + 1
        if size > request["max_bytes"]:
            return _write(answer, {"end": "bytes"})
        answer.write(line + "\n")
    return _write(answer, {"end": "all"})


def _rows(relation: duckdb.DuckDBPyRelation) -> Iterator[tuple[Any, ...]]:
    if not hasattr(type(relation), "fetchmany"):  # DuckDB 2 runs a relation whole; it is limited already
        yield from relation.fetchall()
        return
    while rows := relation.fetchmany(ROWS_A_FETCH):
        yield from rows


def explain(error: BaseException, request: dict[str, Any]) -> QueryError:
    """Say what an error of DuckDB means to the person who asked."""
    import duckdb

    text = str(error)
    if isinstance(error, QueryError):
        return error
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException) or re.search(
        r"bad_alloc|failed to (allocate|offload)|could not allocate|cannot allocate memory", text, re.IGNORECASE
    ):
        # DuckDB speaks here of temp_directory and PRAGMA, which a reader cannot set.
        return QueryError(
            "limit",
            f"the query needs more than {request['memory_mib']} MiB of memory: select fewer columns, narrow "
            "the weeks in WHERE, or aggregate before joining and sorting",
        )
    if isinstance(error, duckdb.PermissionException) or "LocalFileSystem" in text:
        return QueryError(
            "refused", "queries read the tables of the edition only; files, folders and other databases are closed"
        )
    if isinstance(error, RecursionError) or re.search("expression depth|memory exhausted", text):
        return QueryError("limit", "the query is nested too deeply: split it with WITH, or use IN (...) for long ORs")
    if isinstance(error, duckdb.Error | ValueError):
        # The excerpt helps where it is the asker's own text, and not the statement made around it.
        message, _, excerpt = text.strip().partition("\n\nLINE ")
        shown = excerpt.partition("\n")[0].partition(": ")[2].strip(". ")
        return QueryError("failed", text.strip() if shown and shown in request["sql"] else message)
    raise error


def main() -> None:
    """Answer the request on stdin."""
    request = json.load(sys.stdin)
    # Only this stream reaches the parent as an answer; what a library prints goes to stderr.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    limit_process(request)
    try:
        con, refused = open_edition(request)
    except Exception as error:
        _fail(answer, "machine", str(error))
    try:
        stream(answer, plan(con, request["sql"], refused), request)
    except Exception as error:
        explained = explain(error, request)
        _fail(answer, explained.kind, str(explained))
    answer.flush()
    os._exit(0)  # nothing to save, and closing a database of a full memory may fail


def _fail(answer: TextIO, kind: str, message: str) -> NoReturn:
    _write(answer, {"error": {"kind": kind, "message": message}})
    answer.flush()
    os._exit(1)


def _write(answer: TextIO, line: dict[str, Any]) -> None:
    answer.write(json.dumps(line) + "\n")


def _crossing(position: int, kind: str) -> str:
    if kind in PLAIN_TYPES:
        return f"#{position}"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json(#{position})::VARCHAR"
    return f"#{position}::VARCHAR"


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """Return the statement as DuckDB's own syntax tree."""
    # Quoted, not bound: binding a value makes the client import pandas (0.25 s, 500 modules).
    # Fetched to the end: DuckDB 2 holds the connection for a result of which rows may be left.
    row = next(iter(con.execute("SELECT json_serialize_sql('" + sql.replace("'", "''") + "')").fetchall()), None)
    tree: dict[str, Any] = json.loads(row[0] if row else "null")
    if tree["error"]:
        raise QueryError("failed", tree.get("error_message", "the statement cannot be read"))
    return tree


def _names(tree: dict[str, Any]) -> Iterator[str]:
    """Yield the functions and the system relations that a statement names, in lower case."""
    parts: list[Any] = [tree]  # a stack of our own: a tree may be deeper than Python's
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts.extend(part)
        elif isinstance(part, dict):
            parts.extend(part.values())
            if isinstance(function := part.get("function_name"), str):
                yield function.lower()
            if isinstance(relation := part.get("table_name"), str):
                relation = relation.strip('"').lower()
                # Only DuckDB's own views: a table of the edition may well be named like a function.
                if relation.startswith("duckdb_") or relation in REFUSED_VIEWS:
                    yield relation


if __name__ == "__main__":
    main()
