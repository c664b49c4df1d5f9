"""Text as a SQL literal, for the few statements that take no bound values (COMMENT, COPY, CREATE)."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
