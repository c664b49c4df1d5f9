"""What a report consists of, whatever format lays it out: sentences, tables and charts with their queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]

# A private sign that no feed keeps; it stands inside a plate that people may see, so that masking does not know it.
SHOWN = "\ue000"


def shown_plate(plate: str) -> str:
    """Return a plate for a cell of the overload annex, the only place of a report that shows any."""
    return plate[:1] + SHOWN + plate[1:]


@dataclass(frozen=True)
class Query:
    """Rows of the edition with the statement that returns them; `name` names the data file beside the page.

    `types` are the DuckDB types of the columns, where the rows come from a statement. `has_plates` is said of the one
    listing whose plates people may see (the annex of the internal edition); everywhere else formats mask them.
    """

    name: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    types: tuple[str, ...] = ()
    has_plates: bool = False

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
    """A table as people read it. `total_rows` of the first rows stand apart (the city above its counties).

    `sources` list the tickets, quotes or filings that the figures rest on; they carry no plate.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    query: Query
    foot: str
    empty: str = ""
    total_rows: int = 0
    also: tuple[Query, ...] = ()
    sources: tuple[Query, ...] = ()

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
    also: tuple[Query, ...] = ()
    sources: tuple[Query, ...] = ()

    @property
    def queries(self) -> tuple[Query, ...]:
        """Every query the chart rests on."""
        return (self.query, *self.also)


@dataclass(frozen=True)
class Series:
    """One series of a ledger: what it measures, where, of what, its unit and decimals, and a figure for each week.

    A share has the unit % and stays a share, 0..1.
    """

    measure: str
    place: str
    subject: str
    unit: str
    digits: int
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Ledger:
    """Series of a year side by side (底稿): as many figures a series as weeks, None where there is no figure."""

    name: str
    title: str
    weeks: tuple[dt.date, ...]
    series: tuple[Series, ...]
    query: Query
    foot: str


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
    """The first screen: tiles, lights by county and product, what changed, what needs action (not for the public)."""

    tiles: tuple[Tile, ...]
    lights: Table
    changes: tuple[Sentence, ...]
    actions: Table | None = None


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
    def before(self) -> str:
        """Name of the week before."""
        return f"{self.start - dt.timedelta(weeks=1):%G-W%V}"

    @property
    def data_through(self) -> dt.date:
        """Newest ticket or quote up to the week's end; where neither came, the newest filing."""
        if self.ticket_through or self.quote_through:
            return max(day for day in (self.ticket_through, self.quote_through, self.start) if day)
        return self.filing_through or self.start


@dataclass(frozen=True)
class Issue:
    """Which issue of the week's report this is, and for whom.

    Attributes:
        edition: internal (内部) or public.
        stage: draft, preliminary (初报), final (终报) or correction (更正).
        number: running number within the week, 0 for a draft.
        approved_by: who let it go out; empty for a draft.
        reason: why a correction was made.
    """

    edition: str = "internal"
    stage: str = "draft"
    number: int = 0
    approved_by: str = ""
    reason: str = ""

    @property
    def is_public(self) -> bool:
        """Whether it is the edition without firms and leads."""
        return self.edition == "public"


@dataclass(frozen=True)
class Note:
    """What a person of the bureau wrote about the week, with name and day."""

    signed_by: str
    signed_on: dt.date
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All a format needs, in reading order.

    `notes` are people's words on the week, `imprint` says what the report was made from: version of the code and of
    the rules, edition, input snapshots. `ledgers` hold the series of a year, for the workbook.
    """

    language: str
    title: str
    week: Week
    subtitle: str
    notices: tuple[Sentence, ...]
    headline: Headline
    sections: tuple[Section, ...]
    method: Section
    issue: Issue = Issue()
    notes: tuple[Note, ...] = ()
    imprint: tuple[Sentence, ...] = ()
    ledgers: tuple[Ledger, ...] = ()

    @property
    def blocks(self) -> tuple[Table | Chart, ...]:
        """Every table and chart, in reading order."""
        found = [block for section in (*self.sections, self.method) for block in section.blocks]
        head = (self.headline.lights, self.headline.actions)
        return (*(table for table in head if table), *found)

    @property
    def queries(self) -> dict[str, Query]:
        """Every query a figure rests on, by its name, each once."""
        return {query.name: query for block in self.blocks for query in block.queries}

    @property
    def sources(self) -> dict[str, Query]:
        """Every list of tickets, quotes or filings behind a figure, by its name, each once."""
        return {query.name: query for block in self.blocks for query in block.sources}
