"""How wide the columns of a table want to be, in em: whether it fits an upright page, and at which size."""

from __future__ import annotations

from pipelines.report.blocks import Column, Table
from pipelines.report.charts.figures import width_em

# Type of 8.5 pt on A4: what an upright page and one turned on its side hold, in em.
UPRIGHT_EM, LYING_EM = 64.0, 96.0
GAP_EM, LEAST_EM, MOST_EM = 1.0, 7.0, 16.0


def columns_em(table: Table) -> list[float]:
    """Return the width each column asks for: numbers stay on one line, words may break."""
    return [_column_em(table, place) for place in range(len(table.columns))]


def least_em(table: Table) -> float:
    """Return the width under which the table would be cut or its numbers broken."""
    return sum(
        GAP_EM + (em if stays_whole(table, place) else min(em, LEAST_EM))
        for place, em in enumerate(columns_em(table))
    )


def stays_whole(table: Table, place: int) -> bool:
    """Whether a column is never broken: numbers, and short marks (tags) without words under them."""
    cells = [row[place] for row in table.rows]
    is_mark = bool(cells) and all(
        not cell.note and width_em(cell.text) <= LEAST_EM and cell.style.split()[:1] in (["tag"], ["light"])
        for cell in cells
    )
    return table.columns[place].is_number or is_mark


def is_wide(table: Table) -> bool:
    """Whether the table wants a page on its side."""
    return least_em(table) > UPRIGHT_EM


def shrink(table: Table) -> float:
    """Return the factor of type at which a page on its side holds the table; 1 where it does anyway."""
    return min(1.0, LYING_EM / least_em(table))


def in_cm(table: Table, width_cm: float, em_cm: float, padding_cm: float) -> list[float]:
    """Return the widths of the columns of a table that fills the page: what must stay whole first, words the rest.

    Args:
        table: the table.
        width_cm: what the page holds.
        em_cm: size of the type.
        padding_cm: what a cell keeps free, left and right together.
    """
    ems = columns_em(table)
    whole = [stays_whole(table, place) for place in range(len(ems))]
    asked = [em * em_cm + padding_cm for em in ems]
    words = sum(width for width, is_whole in zip(asked, whole, strict=True) if not is_whole)
    rest = width_cm - (sum(asked) - words)
    if not words or rest < words / 4:  # too little for words: everybody gives way alike
        return [width * width_cm / sum(asked) for width in asked]
    return [width if is_whole else width * rest / words for width, is_whole in zip(asked, whole, strict=True)]


def _column_em(table: Table, place: int) -> float:
    column: Column = table.columns[place]
    cells = [row[place] for row in table.rows]
    text = max((width_em(cell.text) for cell in cells), default=2.0)
    note = max((width_em(cell.note) for cell in cells), default=0.0) * 0.85
    head = width_em(column.title) if column.is_number else min(width_em(column.title), 5.0)
    if column.is_number:
        return max(text, note, min(head, 6.0), 2.0)
    return max(min(max(text, note), MOST_EM), head, 2.0)
