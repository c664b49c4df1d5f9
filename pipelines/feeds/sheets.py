"""The sheets of a workbook as rows of text, read by a process of its own.

The library that reads them holds the whole rectangle of a sheet in memory and aborts on some damage: neither may
end the process that holds the warehouse.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pipelines.errors import InputRefusedError
from pipelines.feeds.containers import CHUNK_BYTES, MAX_RATIO, MAX_WORKBOOK_BYTES, SMALL_BYTES, Content

CHILD = Path(__file__).with_name("sheet_child.py")
CELL_PLACE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
MAX_SHEET_CELLS = 20_000_000
AGAIN = "open it, save it again as .xlsx and send it once more"


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, how many rows it has, its first rows, and what is merged over several rows.

    `merged` holds (first row, last row, column), from 0.
    """

    name: str
    height: int
    merged: tuple[tuple[int, int, int], ...]
    head: tuple[tuple[str, ...], ...]


def sheets_of(content: Content) -> list[Sheet]:
    """Return the sheets of a workbook in its order.

    Raises:
        InputRefusedError: it is damaged, protected by a password, or huge.
    """
    if content.kind == "xlsx":
        with content.workbook() as file:
            _refuse_huge(file)
    return [
        Sheet(
            answer["name"],
            answer["height"],
            tuple((top, bottom, column) for top, bottom, column in answer["merged"]),
            tuple(map(tuple, answer["head"])),
        )
        for answer in _ask(content, ())
    ]


def rows_of(content: Content, numbers: Sequence[int]) -> Iterator[list[str]]:
    """Yield the rows of the sheets of these numbers (from 0), one sheet after the other.

    Raises:
        InputRefusedError: it is damaged beyond what `sheets_of` has seen.
    """
    yield from _ask(content, [str(number) for number in numbers])


def _ask(content: Content, numbers: Sequence[str]) -> Iterator[Any]:
    with (
        content.workbook() as file,
        subprocess.Popen(  # noqa: S603  # our own interpreter and file
            [sys.executable, "-I", "-B", "-X", "utf8", str(CHILD), *numbers],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        ) as child,
    ):
        try:
            for line in child.stdout or ():
                answer = json.loads(line)
                if isinstance(answer, dict) and "error" in answer:
                    raise _refusal(answer["error"])
                if isinstance(answer, dict) and "end" in answer:
                    return
                yield answer
        finally:
            child.kill()
    raise InputRefusedError(f"not a readable workbook (the reader broke off: damaged, or too large); {AGAIN}")


def _refusal(error: dict[str, str]) -> InputRefusedError:
    if error["kind"] == "password":
        return InputRefusedError("the workbook is protected by a password; save it without one and send it again")
    return InputRefusedError(f"not a readable workbook ({error['message'][:200]}); {AGAIN}")


def _refuse_huge(file: BinaryIO) -> None:
    """Refuse an .xlsx that unpacks to a huge one, or a sheet that a stray cell far out makes huge."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            packed = sum(member.compress_size for member in members)
            if unpacked > MAX_WORKBOOK_BYTES or (unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed):
                raise InputRefusedError(
                    f"the workbook unpacks from {packed} to {unpacked} bytes; at most {MAX_WORKBOOK_BYTES} and"
                    f" {MAX_RATIO} times its size are read. Send it in parts, or as .csv"
                )
            for member in members:
                if member.filename.startswith("xl/worksheets/"):
                    _refuse_far_cells(archive, member)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InputRefusedError(f"not a readable workbook ({error}); {AGAIN}") from error


def _refuse_far_cells(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    last_row = last_column = 0
    rest = b""
    with archive.open(member) as sheet:
        while chunk := sheet.read(CHUNK_BYTES):
            places = CELL_PLACE.findall(rest + chunk)
            last_row = max([last_row, *map(int, {digits for _, digits in places})])
            for letters in {letters for letters, _ in places}:
                column = functools.reduce(lambda sum_, letter: sum_ * 26 + letter - 64, letters, 0)
                last_column = max(last_column, column)
            rest = chunk[-16:]
    if last_row * last_column > MAX_SHEET_CELLS:
        raise InputRefusedError(
            f"the sheet reaches to row {last_row}, column {last_column}; a stray cell far out makes it that"
            " large. Delete the empty rows and columns, save and send it again"
        )
