"""Lines of kept files as they came: the text itself, its cells, and where else a ticket's number stands."""

from __future__ import annotations

import io
import mmap
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError
from pipelines.feeds import containers, decode, headers, snapshot
from pipelines.feeds.table import BadLine
from pipelines.settings import Settings

LONGEST_TEXT = 2000
PLATE_SIGNS = re.compile(r"[\s·•.\-]")


@dataclass(frozen=True)
class KeptFile:
    """A loaded file by its account: what it is called, how it was read, when it came."""

    load_no: int
    sha256: str
    file_name: str
    source: str
    encoding: str

    def path(self, settings: Settings) -> Path | None:
        """Where its snapshot lies, None where it is gone."""
        found = snapshot.kept_path(settings, self.sha256, Path(self.file_name).suffix.lower())
        return found if found.exists() else None


@dataclass(frozen=True)
class Line:
    """One row of a file: its line number, header words with their cells, and what three of our columns hold."""

    line: int
    cells: dict[str, str]
    ticket_no: str
    site_name: str
    plate: str
    assumed: tuple[str, ...]


def plain(text: str) -> str:
    """Return a name or number without what differs between keyboards: width, blanks at the ends."""
    return unicodedata.normalize("NFKC", text).strip()


def text_at(path: Path, encoding: str, lines: Collection[int]) -> dict[int, str]:
    """Return the physical lines of a text file as they came, at most 2000 characters each; a workbook has none."""
    try:
        content = containers.look(path)
        if content.kind != "text" or not lines:
            return {}
        found = {}
        with content.open() as binary, io.TextIOWrapper(binary, encoding, errors="replace", newline=None) as text:
            for number, line in enumerate(islice(text, max(lines)), 1):
                if number in lines:
                    found[number] = line.rstrip("\n")[:LONGEST_TEXT]
    except (InputRefusedError, LookupError, OSError):  # no longer readable: the cells, or nothing, must do
        return {}
    return found


def may_hold(path: Path, encoding: str, word: str) -> bool:
    """Whether a file can hold a word: packed ones and workbooks can, text does if its bytes have it."""
    try:
        if containers.look(path).kind != "text" or containers.look(path).container:
            return True
        wanted = word.encode(encoding.removesuffix("-sig"))
    except (InputRefusedError, LookupError, UnicodeEncodeError):
        return True
    if encoding.startswith("utf-16"):
        wanted = word.encode("utf-16-le").strip(b"\0")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(wanted) >= 0


def rows(path: Path, contract: Contract, profile: Source) -> Iterator[Line]:
    """Yield the readable rows of a file, with our columns by the header words of its profile."""
    try:
        table = decode.read_table(path, contract, profile)
        found = headers.header_map(contract, profile, table.headers)

        def cell(cells: list[str], name: str) -> str:
            given = cells[found[name]].strip() if name in found else ""
            return plain(given or profile.defaults.get(name, ""))

        for item in table.rows:
            if isinstance(item, BadLine):
                continue
            number, cells = item
            yield Line(
                line=number,
                cells=dict(zip(table.headers, cells, strict=False)),
                ticket_no=cell(cells, "ticket_no"),
                site_name=cell(cells, "site_name"),
                plate=PLATE_SIGNS.sub("", cell(cells, "plate")).upper(),
                assumed=tuple(
                    name for name in profile.defaults if name not in found or not cells[found[name]].strip()
                ),
            )
    except InputRefusedError:  # today's contract refuses it: what was loaded of it stands all the same
        return
