"""What a file holds once it is unpacked: text or a workbook, bare or in a .gz or .zip.

The content decides, not the suffix: vendors call text `.xls`. The file itself stays as it came; unpacking is a
stream with limits, so that a small file that unpacks to a huge one (a bomb) is refused before it fills anything.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import InputRefusedError

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 4096
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200
SMALL_BYTES = 64 << 20  # below this a high ratio does no harm: a quiet week compresses well
MAX_WORKBOOK_BYTES = 1 << 30
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
GZIP, OLE = b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
STRANGE = (
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive", "unpack it and send the table itself, or a .zip with it"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive", "unpack it and send the table itself, or a .zip with it"),
    (re.compile(rb"BZh\d1AY&SY|\xfd7zXZ\x00"), "a bz2 or xz file", "unpack it and send the table itself, or a .gz"),
    (re.compile(rb"%PDF-"), "a PDF", "export the table as .csv or .xlsx"),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml|!doctype|html|head|meta|table|style)\b", re.IGNORECASE),
        "a web page or XML text (many programs call it .xls)",
        "open it in a spreadsheet, save it as .xlsx and send it again",
    ),
)


@dataclass(frozen=True)
class Content:
    """What is to be read: `kind` text, xlsx or xls; `container` gz, zip or empty; `name` of what is inside."""

    path: Path
    kind: str
    container: str
    name: str

    def open(self) -> BinaryIO:
        """Return the unpacked bytes as a forward-only stream.

        Reading it raises InputRefusedError where the archive is damaged or unpacks beyond the limits.
        """
        if not self.container:
            return self.path.open("rb")
        chunks = _gz_chunks(self.path) if self.container == "gz" else _zip_chunks(self.path, self.name)
        return io.BufferedReader(_Stream(chunks), CHUNK_BYTES)

    def workbook(self) -> BinaryIO:
        """Return the bytes of a workbook as a file of its own that can be sought in."""
        if not self.container:
            return self.path.open("rb")
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it; it has no name to be left behind
        size = 0
        with self.open() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                size += file.write(chunk)
                if size > MAX_WORKBOOK_BYTES:
                    file.close()
                    raise InputRefusedError(_too_large(self.path, size, MAX_WORKBOOK_BYTES))
        file.seek(0)
        return file


def look(path: Path) -> Content:
    """Return what a file holds, told by its first bytes.

    Raises:
        InputRefusedError: an archive with no or several members, nested, encrypted or damaged; a format that is
            not read (RAR, 7z, PDF, HTML).
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(GZIP):
        inside = path.name.removesuffix(".gz")
        return _inside(Content(path, "text", "gz", inside))
    if head.startswith(ZIP):
        if _is_workbook(path):
            return Content(path, "xlsx", "", path.name)
        return _inside(Content(path, "text", "zip", _only_member(path).filename))
    return Content(path, _kind(head, path.name), "", path.name)


def _inside(packed: Content) -> Content:
    with packed.open() as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(GZIP):
        raise _nested(packed)
    if head.startswith(ZIP):
        with packed.workbook() as file:
            if not zipfile.is_zipfile(file) or not _is_workbook(file):
                raise _nested(packed)
        return Content(packed.path, "xlsx", packed.container, packed.name)
    return Content(packed.path, _kind(head, packed.name), packed.container, packed.name)


def _nested(packed: Content) -> InputRefusedError:
    return InputRefusedError(
        f"an archive within an archive ({packed.name} in a .{packed.container}); pack the table itself, once"
    )


def _kind(head: bytes, name: str) -> str:
    if head.startswith(OLE):
        return "xls"
    for mark, what, remedy in STRANGE:
        if mark.match(head):
            raise InputRefusedError(f"{name} is {what}, which is not read; {remedy}")
    return "text"


def _is_workbook(file: Path | BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputRefusedError(f"a damaged archive or workbook ({error}); send it again") from error
    for mark, what in (("xl/workbook.bin", ".xlsb"), ("content.xml", "OpenDocument"), ("word/document.xml", "Word")):
        if mark in names:
            raise InputRefusedError(f"a {what} file, which is not read; save the table as .xlsx and send it again")
    return "xl/workbook.xml" in names


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not member.filename.endswith(".DS_Store")
    ]


def _only_member(path: Path) -> zipfile.ZipInfo:
    with zipfile.ZipFile(path) as archive:
        members = _members(archive)
    if len(members) != 1:
        shown = ", ".join(_shown(member) for member in members[:5])
        raise InputRefusedError(
            f"the .zip holds {len(members)} files{f' ({shown})' if shown else ''} and one is read;"
            " send each table by itself"
        )
    member = members[0]
    if member.flag_bits & 0x1:
        raise InputRefusedError(f"{_shown(member)} in the .zip is encrypted; send it without a password")
    _check_limits(path, member.file_size, member.compress_size)
    return member


def _shown(member: zipfile.ZipInfo) -> str:
    """The member's name; archives of Chinese systems write it in GBK without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _check_limits(path: Path, unpacked: int, packed: int) -> None:
    if unpacked > MAX_UNPACKED_BYTES:
        raise InputRefusedError(_too_large(path, unpacked, MAX_UNPACKED_BYTES))
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * max(packed, 1):
        raise InputRefusedError(
            f"{path.name} unpacks to more than {MAX_RATIO} times its size ({packed} bytes to {unpacked} and more):"
            " no table does. Check where it comes from; send the table unpacked if it is right"
        )


def _too_large(path: Path, size: int, limit: int) -> str:
    return (
        f"{path.name} unpacks to {size} bytes or more, at most {limit} are read;"
        " send it in parts (a month or a site each)"
    )


def _gz_chunks(path: Path) -> Iterator[bytes]:
    packed_size, size = path.stat().st_size, 0
    inflate = zlib.decompressobj(wbits=31)
    with path.open("rb") as file:
        while not inflate.eof:
            packed = inflate.unconsumed_tail or file.read(CHUNK_BYTES)
            if not packed:
                raise InputRefusedError(f"a damaged .gz: it ends after {size} bytes of the text; send it again")
            try:
                chunk = inflate.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                raise InputRefusedError(
                    f"a damaged .gz after {size} bytes of the text ({error}); send it again"
                ) from error
            size += len(chunk)
            _check_limits(path, size, packed_size)
            if chunk:
                yield chunk
        rest = inflate.unused_data.strip(b"\0") or file.read(CHUNK_BYTES).strip(b"\0")
    if rest:
        raise InputRefusedError(
            f"the .gz holds a second file after {size} bytes of text and one is read; send each by itself"
        )


def _zip_chunks(path: Path, name: str) -> Iterator[bytes]:
    size = 0
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as member:
            packed_size = archive.getinfo(name).compress_size
            while chunk := member.read(CHUNK_BYTES):
                size += len(chunk)
                _check_limits(path, size, packed_size)
                yield chunk
    except NotImplementedError as error:
        raise InputRefusedError(
            f"the .zip is packed in a way that is not read ({error}); pack it again with the system's own tool"
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise InputRefusedError(f"a damaged .zip after {size} bytes of the text ({error}); send it again") from error


class _Stream(io.RawIOBase):
    """Chunks of bytes as a readable stream."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer)  # type: ignore[arg-type]  # a writable buffer, as RawIOBase says
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
