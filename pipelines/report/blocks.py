"""What a report consists of, whatever format lays it out: sentences, tables and charts with their queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """Rows of the edition with the statement that returns them; `name` names the data file beside the page."""

    name: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def cells(self) -> list[list[Any]]:
        """The rows as lists, in the order of `columns`."""
        return [[row[name] for name in self.columns] for row in self.rows]


@dataclass(frozen=True)
class Cell:
    """One cell: the text people read, and a style word (`level-3`, `muted`, `strong`) a format may show."""

    text: str
    style: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """Head of a column: its title, its unit, and whether it holds numbers (aligned right)."""

    title: str
    unit: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """A table as people read it. `total_rows` of the first rows stand apart (the city above its counties)."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    query: Query
    foot: str
    empty: str = ""
    total_rows: int = 0
    also: tuple[Query, ...] = ()

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query the table rests on."""
        return (self.query, *self.also)


@dataclass(frozen=True)
class Chart:
    """A chart: `draw(is_narrow)` makes the picture, for a page or for a hand's width of screen."""

    name: str
    title: str
    unit: str
    alt: str
    draw: Callable[[bool], Figure]
    query: Query
    foot: str
    is_half: bool = False
    has_narrow: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query the chart rests on."""
        return (self.query,)


@dataclass(frozen=True)
class Sentence:
    """A generated sentence; `style` is empty, `strong` for what needs action or `muted` for a caveat."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Tile:
    """A headline figure: what it is, its value, what stands beside it, and a style word."""

    label: str
    value: str
    note: str
    style: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the report in reading order."""

    name: str
    title: str
    sentences: tuple[Sentence, ...]
    blocks: tuple[Table | Chart, ...] = ()


@dataclass(frozen=True)
class Headline:
    """The first screen: tiles, lights by county and product, what changed, what needs action."""

    tiles: tuple[Tile, ...]
    lights: Table
    changes: tuple[Sentence, ...]
    actions: Table


@dataclass(frozen=True)
class Week:
    """The week of a report and how far the data of its feeds reach by its end."""

    start: dt.date
    iso_week: str
    end: dt.date
    ticket_through: dt.date | None
    quote_through: dt.date | None
    filing_through: dt.date | None
    is_complete: bool
    is_holiday: bool

    @property
    def data_through(self) -> dt.date:
        """Newest ticket or quote up to the week's end; where neither came, the newest filing."""
        if self.ticket_through or self.quote_through:
            return max(day for day in (self.ticket_through, self.quote_through, self.start) if day)
        return self.filing_through or self.start


@dataclass(frozen=True)
class Report:
    """All a format needs, in reading order."""

    language: str
    title: str
    week: Week
    subtitle: str
    notices: tuple[Sentence, ...]
    headline: Headline
    sections: tuple[Section, ...]
    method: Section

    @property
    def blocks(self) -> tuple[Table | Chart, ...]:
        """Every table and chart, in reading order."""
        found = [block for section in (*self.sections, self.method) for block in section.blocks]
        return (self.headline.lights, self.headline.actions, *found)
