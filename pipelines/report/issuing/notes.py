"""What people of the bureau write about a week: `notes.md` in its folder, signed; it enters all formats as it is."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from pipelines.errors import InputRefusedError
from pipelines.report.blocks import Note

NAME = "notes.md"
_HEAD = re.compile(r"^(signed|署名|date|日期)\s*[:：]\s*(.+?)\s*$", re.IGNORECASE)
_SAME = {"署名": "signed", "日期": "date"}
_EXAMPLE = "begin each note with two lines, `署名: 王工` and `日期: 2026-11-23`, then a blank line and the text"


def read(path: Path) -> tuple[Note, ...]:
    """Return the notes of a week's folder in their order; none where there is no file.

    Notes stand below one another, with a line of three dashes between them.

    Raises:
        InputRefusedError: a note has no text, no name or no date; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefusedError(f"{path} cannot be read as UTF-8 text ({error}); save it so again") from error
    found, start = [], 1
    lines = text.splitlines()
    for number, line in enumerate([*lines, "---"], 1):
        if line.strip() == "---":
            if part := lines[start - 1 : number - 1]:
                found += _note(path, start, part)
            start = number + 1
    return tuple(found)


def _note(path: Path, start: int, lines: list[str]) -> list[Note]:
    if not any(line.strip() for line in lines):
        return []
    begin = next((at for at, line in enumerate(lines) if line.strip() and not _HEAD.match(line)), len(lines))
    head = {}
    for line in lines[:begin]:
        if match := _HEAD.match(line):
            name = match[1].lower()
            head[_SAME.get(name, name)] = match[2]
    for name in ("signed", "date"):
        if name not in head:
            raise InputRefusedError(f"{path}, line {start}: this note has no {name}; {_EXAMPLE}")
    try:
        on = dt.date.fromisoformat(head["date"])
    except ValueError as error:
        raise InputRefusedError(
            f"{path}, line {start}: {head['date']!r} is no date; write it as 2026-11-23"
        ) from error
    body = "\n".join(lines[begin:])
    paragraphs = tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", body) if part.strip())
    if not paragraphs:
        raise InputRefusedError(f"{path}, line {start}: this note has no text; {_EXAMPLE}")
    return [Note(head["signed"], on, paragraphs)]
