"""Reading the files of a report back, as a person or a program would."""

from __future__ import annotations

import io
from pathlib import Path

import docx
import openpyxl
import pyarrow.parquet as pq
import pypdf


def text_of(path: Path) -> str:
    """The words of a file in any of the formats."""
    if path.suffix == ".pdf":
        return "".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        return " ".join(
            str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell
        )
    if path.suffix == ".parquet":
        return str(pq.read_table(io.BytesIO(path.read_bytes())).to_pylist())
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return " ".join([*(paragraph.text for paragraph in document.paragraphs), *cells])
    return "" if path.suffix == ".png" else path.read_text(encoding="utf-8")
