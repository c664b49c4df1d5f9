"""The child process that opens a workbook: a damaged one can abort the library, and with it the process.

It runs as a script of its own and imports nothing of this package. The workbook comes on stdin; the answer goes
out as JSON lines. Without arguments: one object a sheet, `{"name", "height", "merged", "head"}`, `merged` being
[first row, last row, column] of cells merged over several rows (from 0) and `head` the first rows. With numbers
of sheets as arguments: one array of texts for each of their rows. At the end `{"end": true}`, or `{"error":
{"kind": password | damaged, "message": ...}}`.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

ADDRESS_SPACE = 6 << 30
CPU_SECONDS = 900
HEAD_ROWS = 200


def limit_process() -> None:
    """Set the limits of this process that the kernel keeps, whatever the library does."""
    for what, limit in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        ceiling = resource.getrlimit(what)[1]
        limit = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
        resource.setrlimit(what, (limit, limit))


def cell_text(cell: object) -> str:
    """Return a cell as a person reads it: whole numbers without a point, dates as ISO 8601 to the second."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float):
        # 15 digits are what a spreadsheet holds: 45.599999999999994 is 45.6 there.
        return str(int(cell)) if cell.is_integer() else format(cell, ".15g")
    if isinstance(cell, dt.datetime):
        nearest = (cell + dt.timedelta(milliseconds=500)).replace(microsecond=0)
        # Days as fractions miss the second by a little.
        is_near = abs(nearest - cell) <= dt.timedelta(milliseconds=5)
        return (nearest if is_near else cell).isoformat(sep=" ")
    return str(cell).strip()


def head_of(sheet: CalamineSheet) -> dict[str, Any]:
    """Return what the parent needs to find the header."""
    # `total_height` leaves out the empty rows above.
    last_row, last_column = sheet.end or (-1, -1)
    merged = [
        (top, min(bottom, last_row), left)
        for (top, left), (bottom, _) in sheet.merged_cell_ranges or []
        if min(bottom, last_row) > top and left <= last_column
    ]
    rows = sheet.to_python(skip_empty_area=False, nrows=HEAD_ROWS)
    return {
        "name": sheet.name,
        "height": last_row + 1,
        "merged": merged,
        "head": [[cell_text(cell) for cell in row] for row in rows],
    }


def main(numbers: list[str]) -> None:
    """Answer for the workbook on stdin."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    def say(answer: object) -> None:
        # One sheet may hold half a character of UTF-16: it must not end the talk.
        sys.stdout.write(json.dumps(answer) + "\n")

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
        if not numbers:
            for name in book.sheet_names:
                say(head_of(book.get_sheet_by_name(name)))
        for number in numbers:
            for row in book.get_sheet_by_index(int(number)).to_python(skip_empty_area=False):
                say([cell_text(cell) for cell in row])
        say({"end": True})
    except PasswordError as error:
        say({"error": {"kind": "password", "message": str(error)}})
    except (CalamineError, OSError, IndexError, ValueError, OverflowError, MemoryError) as error:
        say({"error": {"kind": "damaged", "message": str(error) or type(error).__name__}})


if __name__ == "__main__":
    limit_process()
    main(sys.argv[1:])
