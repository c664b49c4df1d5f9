"""Lines below the header that are no rows: totals, and the header or title once more on a new page.

A total (合计, 小计, Total ...) has its word as a whole cell, numbers in all cells after it and no date where the
feed must have one. A ticket of a firm called 合计商贸 has a date, and its word is not the whole cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.contracts import Contract
from pipelines.feeds.layout import Layout

WORD = re.compile(
    r"(?:.{0,20}?(?:[合小累共]\s*[计計]|总\s*计|總\s*計)|(?:page |sub|grand )?[ -]?totals?)"
    r"\s*(?:[(（][^()（）]{0,8}[)）])?\s*[:：]?(.*)",
    re.IGNORECASE | re.DOTALL,
)
LABEL = re.compile(r"\D{1,6}[:：]")
UNIT = re.compile(
    r"吨|公吨|公噸|千克|公斤|kg|m3|m³|立方米|方|车次?|車次?|辆|輛|次|笔|筆|条|张|單|单|元|t\b", re.IGNORECASE
)
# No colon and no inner hyphen: a date or a time is no sum.
NUMBERS = re.compile(r"\s*[-+]?[\d,，.\s;；%]*|[-—/]+")
LONGEST_CELL = 60


@dataclass(frozen=True)
class Furniture:
    """Tells the lines below a header that are no rows.

    `time_positions` are the cells of which a row has at least one: those of the feed's required dates.
    """

    headers: tuple[str, ...]
    titles: frozenset[str]
    time_positions: tuple[int, ...]

    @classmethod
    def below(cls, layout: Layout, contract: Contract) -> Furniture:
        """Return the judge of the lines below a header."""
        times = tuple(
            layout.found[name]
            for name, column in contract.columns.items()
            if column.type in ("time", "date") and column.required and name in layout.found
        )
        return cls(layout.headers, frozenset(layout.titles), times)

    def may_stand_in(self, cells: Sequence[str]) -> bool:
        """Whether a line with as many cells as the header may be no row: a cheap question asked of each line."""
        return not any(cells[position][:1].isdecimal() for position in self.time_positions)

    def is_header(self, cells: Sequence[str]) -> bool:
        """Whether the line is the header once more."""
        return cells[0].lstrip("\ufeff") == self.headers[0] and tuple(cells[1:]) == self.headers[1:]

    def is_total(self, cells: Sequence[str]) -> bool:
        """Whether the line only sums: a word for it, at most one name before it, then nothing but numbers."""
        # In a line cut short a sum may have slid under the date.
        if len(cells) >= len(self.headers) and not all(
            _is_no_date(cells[position]) for position in self.time_positions
        ):
            return False
        filled = [cell.strip() for cell in cells if cell.strip()]
        if not filled or any(len(cell) > LONGEST_CELL for cell in filled):
            return False
        at = next((index for index, cell in enumerate(filled[:2]) if _is_total_word(cell)), None)
        if at is None:
            return False
        return all(_is_sum(cell) or _is_total_word(cell) for cell in filled[at + 1 :])


def _is_no_date(cell: str) -> bool:
    """Whether nothing stands there, or the word for the total itself (the date is often the first column)."""
    return not cell.strip() or _is_total_word(cell.strip())


def _is_total_word(cell: str) -> bool:
    """Whether the whole cell is a word for a total, with its sum or not: 合计, 本页小计(吨), 总计：20车 600吨."""
    match = WORD.fullmatch(cell)
    return match is not None and _is_sum(match[1])


def _is_sum(cell: str) -> bool:
    """Whether a cell holds nothing but numbers, their units and one word in front: 600.0吨, 净重:600."""
    rest = LABEL.sub("", cell, count=1) if LABEL.match(cell) else cell
    return NUMBERS.fullmatch(UNIT.sub("", rest)) is not None
