"""The result of a query as people and programs read it: typed values, a table, CSV or JSON."""

from __future__ import annotations

import io
import json
import math
import re
import shutil
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

OUTPUTS = ("table", "csv", "json")
# Drawing a wide table costs about a millisecond a row, and nobody reads more on a screen.
SHOWN_ROWS = 200
# A spreadsheet runs a text that starts like this, in half and full width, as a formula.
FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
QUOTED = re.compile(r'[,"\r\n]|^\s|\s$')
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def typed(cell: Any, kind: str) -> Any:
    """Return a cell of DuckDB type `kind` as Python holds it; text where Python has no exact type.

    Decimals stay exact, dates are `date`, zoned times aware `datetime`, lists and structs plain lists and
    dicts. What lies outside Python's calendar (infinity, the year 20000) and other types stay text.
    """
    if not isinstance(cell, str) or kind == "VARCHAR":
        return cell
    try:
        if kind.startswith("DECIMAL"):
            return Decimal(cell)
        if kind == "DATE":
            return date.fromisoformat(cell)
        if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
            return datetime.fromisoformat(cell)
        if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "JSON")):
            return json.loads(cell, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, InvalidOperation):
        pass
    return cell


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return CSV with a header; a null is nothing, an empty text is two quotes.

    A text that a spreadsheet would run as a formula gets a leading apostrophe; a number stays a number.
    """
    lines = [columns, *rows]
    return "".join(",".join(_csv(cell) for cell in line) + "\n" for line in lines)


def as_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a list of objects: dates and times as ISO text, decimals as numbers, no number as null."""
    names = [json.dumps(name, ensure_ascii=False) for name in _distinct(columns)]
    objects = (
        "{" + ", ".join(f"{name}: {_json(cell)}" for name, cell in zip(names, row, strict=True)) + "}" for row in rows
    )
    return "[" + ",\n ".join(objects) + "]\n"


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str, width: int | None) -> str:
    """Return a table for the screen, `width` columns wide (default: the terminal), with the note below it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        is_number = any(isinstance(row[position], int | float | Decimal) for row in rows[:SHOWN_ROWS])
        table.add_column(Text(_visible(name)), justify="right" if is_number else "left", overflow="fold")
    for row in rows[:SHOWN_ROWS]:
        # Text, not markup: a bracket or an escape sequence in the data stays data.
        table.add_row(*(Text(_visible(plain(cell))) for cell in row))
    out = io.StringIO()
    console = Console(file=out, width=width or shutil.get_terminal_size((120, 24)).columns, color_system=None)
    if columns:
        console.print(table)
    hidden = f"; the first {SHOWN_ROWS} are shown, csv and json hold all" if len(rows) > SHOWN_ROWS else ""
    return out.getvalue() + f"{note}{hidden}\n"


def plain(cell: Any) -> str:
    """Return the text of a cell, without quotes: a null is empty, a number has no exponent if exact."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, list | dict):
        return _json(cell)
    return str(cell)


def _json(cell: Any) -> str:
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, float) and not math.isfinite(cell):
        return "null"
    if isinstance(cell, date):  # a datetime is one
        return f'"{cell.isoformat()}"'
    if isinstance(cell, list):
        return "[" + ", ".join(_json(part) for part in cell) + "]"
    if isinstance(cell, dict):
        parts = (f"{json.dumps(name, ensure_ascii=False)}: {_json(part)}" for name, part in cell.items())
        return "{" + ", ".join(parts) + "}"
    return json.dumps(cell, ensure_ascii=False)


def _csv(cell: Any) -> str:
    # By hand: the csv module of some versions leaves a lone carriage return unquoted, and none tells a null
    # from an empty text.
    text = plain(cell)
    if isinstance(cell, str) and FORMULA.match(text):
        text = f"'{text}"
    if (text == "" and cell is not None) or QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _visible(text: str) -> str:
    """Return the text without what a terminal would obey; a line end stays a line end."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\t", " "))


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names that can be keys of one object: a repeated one gets a number, none is lost."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        fresh, number = name, 1
        while fresh in taken:
            number += 1
            fresh = f"{name}_{number}"
        taken.add(fresh)
        distinct.append(fresh)
    return distinct


def _no_number(_: str) -> None:
    return None
