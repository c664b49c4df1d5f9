"""From the bytes of a file to rows of text cells: what holds it, how it is laid out, and then its rows."""

from __future__ import annotations

from pathlib import Path

from pipelines.contracts import Contract, Source
from pipelines.feeds import containers, layout, text_rows
from pipelines.feeds.table import BadLine, Table

__all__ = ["BadLine", "Table", "read_table"]


def read_table(path: Path, contract: Contract, source: Source) -> Table:
    """Return the rows of a text file or workbook, bare or packed as .gz or .zip, as text.

    Encoding, delimiter and sheets are those of the profile, else what the file shows (`layout.detect`).

    Raises:
        InputRefusedError: a required column is missing, the encoding cannot be told, the archive is not one
            table, or the file is of no kind that is read.
    """
    content = containers.look(path)
    if content.kind == "text":
        return text_rows.read_text(content, layout.detect_text(content, contract, source), contract)
    from pipelines.feeds import workbook

    return workbook.read_workbook(content, contract, source)
