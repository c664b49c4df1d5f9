"""What the page is made of: parts of plain data for the template.

A part has a `kind` (pairs, table, list, verbatim), a `title`, and its texts. Nothing in it is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.evidence.words import Words

Part = dict[str, Any]


def pairs(title: str, rows: list[tuple[str, str]], columns: int = 2) -> Part:
    """Labels with their values, in two columns of pairs or one; a pair with a third item takes the whole line."""
    return {"kind": "pairs", "title": title, "columns": columns, "rows": [list(row) for row in rows]}


def table(title: str, head: list[str], widths: list[int], rows: list[list[str]], marked: Sequence[int] = ()) -> Part:
    """A table under a head line; `widths` are shares of the page, `marked` the places of rows that stand out."""
    return {"kind": "table", "title": title, "head": head, "widths": widths, "rows": rows, "marked": list(marked)}


def labelled(found: list[tuple[str, str]], words: Words) -> list[tuple[str, str]]:
    """Pairs under the page's words for their labels."""
    return [(words(f"label.{name}"), value) for name, value in found]


def in_brackets(text: str, words: Words) -> str:
    """A remark behind a value."""
    return words("word.open_bracket") + text + words("word.close_bracket")
