"""Append-only files of one JSON object a line: what is written stays, what was cut off counts as not written."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from pipelines import durable


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries in the order they were written; none where there is no file."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            # The machine stopped while writing this line: what it tells of did not come to its end.
            continue
        if isinstance(entry, dict):
            yield entry


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Write an entry behind the others and bring it to the disk.

    Raises:
        MachineError: there is no room, or it may not be written.
    """
    line = json.dumps(plain(entry), ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() and not _ends_line(file.fileno(), file.tell()):
                file.write(b"\n")
            file.write(line.encode("utf-8", "replace") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise durable.machine_error(error, path) from error


def plain(value: Any) -> Any:
    """Return a value as JSON types: days and moments in ISO form, what is no number as null."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.date):  # a moment is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(float(value))
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def _ends_line(descriptor: int, size: int) -> bool:
    return os.pread(descriptor, 1, size - 1) == b"\n"
