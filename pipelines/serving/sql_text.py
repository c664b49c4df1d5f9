"""A statement as text: where its strings and comments are, and the few words clients of MySQL say differently.

Nothing here decides what may run: whatever comes out is read again, whole, by the gate of `publishing/query_child`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pipelines.errors import WrongCallError
from pipelines.literal import quoted

_PIECE = re.compile(
    r"""
      (?P<comment>--[^\n]*|/\*.*?\*/)
    | (?P<string>\b[eE]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<name>"(?:[^"]|"")*")
    | (?P<backtick>`(?:[^`]|``)*`)
    """,
    re.DOTALL | re.VERBOSE,
)
_LEADING = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*(?!!).*?\*/)+", re.DOTALL)
_EXECUTABLE = re.compile(r"\A\s*/\*!\d*\s(.*?)\*/\s*;?\s*\Z", re.DOTALL)
_PURPOSE = re.compile(
    r"\A\s*(?:--\s*(?:purpose|用途|目的)\s*[:：](?P<line>[^\n]*)|/\*\s*(?:purpose|用途|目的)\s*[:：](?P<block>.*?)\*/)",
    re.IGNORECASE | re.DOTALL,
)
_OFFSET_LIMIT = re.compile(r"\bLIMIT\s+(\d+)\s*,\s*(\d+)", re.IGNORECASE)
_DATABASE = re.compile(r"\b(?:database|schema)\s*\(\s*\)", re.IGNORECASE)


def bare(sql: str) -> str:
    """Return the statement without comments before it, semicolon after it and MySQL's `/*! */` around it."""
    inner = _EXECUTABLE.match(sql)
    return _LEADING.sub("", inner[1] if inner else sql).rstrip().rstrip(";").rstrip()


def purpose(sql: str) -> str | None:
    """Return the purpose that a comment at the very start gives: `-- purpose: ...` or `/* purpose: ... */`."""
    found = _PURPOSE.match(sql)
    return " ".join((found["line"] or found["block"] or "").split()) or None if found else None


def in_duckdb(sql: str, database: str | None, views: Callable[[str], str]) -> str:
    """Return the statement as DuckDB takes it; one without a word of MySQL's own comes back untouched.

    Args:
        sql: what the client sent.
        database: what DATABASE() is to return.
        views: turns plain text, in which information_schema may be named, into text that names our views of it.
    """
    found = []
    for kind, text in pieces(sql):
        if kind == "backtick":
            text = '"' + text[1:-1].replace("``", "`").replace('"', '""') + '"'
        elif kind == "code":
            text = _OFFSET_LIMIT.sub(r"LIMIT \2 OFFSET \1", text)
            text = _DATABASE.sub(quoted(database) if database else "NULL", text)
        found.append((kind, text))
    # Last, since a name may be written `information_schema`.`TABLES`, in pieces.
    if "information_schema" in sql.lower():
        return views("".join(text for _, text in found))
    return "".join(text for _, text in found)


def pieces(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the text in pieces with their kinds: code, comment, string, name, backtick."""
    end = 0
    for match in _PIECE.finditer(sql):
        if match.start() > end:
            yield "code", sql[end : match.start()]
        kind = next(name for name in ("comment", "string", "name", "backtick") if match[name] is not None)
        yield kind, match[0]
        end = match.end()
    if end < len(sql):
        yield "code", sql[end:]


def place_count(sql: str) -> int:
    """Return how many places for values (`?`) a statement has."""
    return sum(text.count("?") for kind, text in pieces(sql) if kind == "code")


def with_values(sql: str, literals: list[str]) -> str:
    """Return the statement with its places for values filled, in order, by SQL literals.

    Raises:
        WrongCallError: more or fewer values than places.
    """
    if place_count(sql) != len(literals):
        raise WrongCallError(f"the statement has {place_count(sql)} places for values and got {len(literals)}")
    left = iter(literals)
    return "".join(
        re.sub(r"\?", lambda _: next(left), text) if kind == "code" else text for kind, text in pieces(sql)
    )
