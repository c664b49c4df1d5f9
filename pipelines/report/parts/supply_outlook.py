"""Dispatch beside what is missing from it and beside the year before: 推算 with its interval, year on year."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Row, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

KINDS = ("calendar", "lunar")


@dataclass(frozen=True)
class Outlook:
    """Listings of the week, each read when it is first asked for."""

    facts: Facts

    @cached_property
    def history(self) -> Query:
        """The city's estimate by week, as far back as the chart of dispatch."""
        return self.facts.edition.week_of(
            "supply_estimate_week", weeks=fact.SUPPLY_WEEKS, only="is_city", as_name="supply_estimate_history"
        )

    @cached_property
    def week(self) -> Query:
        """Estimates of the week by county, the city among them."""
        return self.facts.edition.week_of("supply_estimate_week")

    @cached_property
    def years(self) -> Query:
        """Dispatch of the week beside that of a year before."""
        return self.facts.edition.week_of("supply_year_week")

    @property
    def spans(self) -> dict[dt.date, tuple[float, float, float]]:
        """Estimate and ends of its interval of each week in which the city misses site-days."""
        return {
            row["week_start"]: (float(row["estimate_t"]), float(row["low_t"]), float(row["high_t"]))
            for row in self.history.rows
            if row["filled_day_count"]
        }


def sentences(outlook: Outlook, words: Words) -> list[Sentence]:
    """What is missing and what it may weigh; the city against the year before, or why there is no such comparison."""
    found = []
    city = next((row for row in outlook.week.rows if row["is_city"]), None)
    if city is not None and city["missing_day_count"]:
        found.append(
            Sentence(
                words(
                    "outlook.estimate" if city["filled_day_count"] else "outlook.no_estimate",
                    days=city["missing_day_count"],
                    added=words.number(city["estimate_t"] - city["weighed_t"]),
                    estimate=words.number(city["estimate_t"]),
                    span=_span(city, words),
                )
            )
        )
        if bare := city["missing_day_count"] - city["filled_day_count"]:
            found.append(Sentence(words("outlook.bare", days=bare), "muted"))
    year = next((row for row in outlook.years.rows if row["is_city"]), None)
    return [*found, *_year_sentences(year, words)] if year else found


def _year_sentences(year: Row, words: Words) -> list[Sentence]:
    compared = [kind for kind in KINDS if year[f"{kind}_share"] is not None]
    found = []
    if year["calendar_iso_week"] is None:
        found.append(Sentence(words("outlook.no_week"), "muted"))
    if compared:
        names = words.listed(
            words(
                f"outlook.{kind}",
                week=year[f"{kind}_iso_week"],
                change=words.percent(year[f"{kind}_share"], signed=True),
                dispatch=words.number(year[f"{kind}_dispatch_t"]),
            )
            for kind in compared
        )
        found.append(Sentence(words("outlook.year", names=names)))
    silent = [kind for kind in KINDS if year[f"{kind}_iso_week"] and year[f"{kind}_share"] is None]
    if silent:
        names = words.listed(
            words("outlook.why", week=year[f"{kind}_iso_week"], why=_why(year, kind, words)) for kind in silent
        )
        found.append(Sentence(words("outlook.no_year", names=names), "muted"))
    return found


def _why(year: Row, kind: str, words: Words) -> str:
    """Why there is no change on the week a year before."""
    return words("outlook.no_data" if year[f"{kind}_dispatch_t"] is None else "outlook.incomplete")


def _span(row: Row, words: Words) -> str:
    return f"{words.number(row['low_t'])}–{words.number(row['high_t'])}"


def table(facts: Facts, outlook: Outlook, words: Words, sources: tuple[Query, ...]) -> Table:
    """Weighed, missing site-days, estimate with interval, and year on year, a row a county below the city."""
    years = {row["county_code"]: row for row in outlook.years.rows}
    rows = []
    for row in sorted(outlook.week.rows, key=lambda row: (not row["is_city"], row["county_code"])):
        year = years.get(row["county_code"])
        rows.append(
            (
                Cell(words.place(row["county_code"], row["county_name"])),
                Cell(words.number(row["weighed_t"])),
                Cell(words.number(row["missing_day_count"]), "" if row["missing_day_count"] else "muted"),
                *_estimate_cells(row, words),
                *(_year_cell(year, kind, words) for kind in KINDS),
            )
        )
    tonnes = words("unit_short.t")
    return Table(
        name="supply_outlook",
        title=words("outlook.title"),
        columns=(
            Column(words("column.place")),
            Column(words("column.weighed"), tonnes, True),
            Column(words("column.missing_days"), "", True),
            Column(words("column.estimate"), tonnes, True),
            Column(words("column.estimate_interval"), tonnes, True),
            Column(words("column.calendar_share"), "", True),
            Column(words("column.lunar_share"), "", True),
        ),
        rows=tuple(rows),
        query=outlook.week,
        also=(outlook.years,),
        foot=fact.foot(words, facts.week.ticket_through, "ticket_and_register", words("outlook.note")),
        total_rows=1,
        sources=sources,
    )


def _estimate_cells(row: Row, words: Words) -> tuple[Cell, Cell]:
    if not row["missing_day_count"]:
        return Cell(words("outlook.nothing_missing"), "muted"), Cell(NOTHING, "muted")
    if not row["filled_day_count"]:
        return Cell(words("outlook.no_past"), "muted"), Cell(NOTHING, "muted")
    bare = row["missing_day_count"] - row["filled_day_count"]
    note = words("outlook.bare_note", days=bare) if bare else ""
    return Cell(words.number(row["estimate_t"]), note=note), Cell(_span(row, words))


def _year_cell(year: Row | None, kind: str, words: Words) -> Cell:
    week = year[f"{kind}_iso_week"] if year else None
    if year is None or week is None:
        return Cell(words("outlook.no_such_week"), "muted")
    if year[f"{kind}_share"] is None:
        return Cell(_why(year, kind, words), "muted", week)
    return Cell(words.percent(year[f"{kind}_share"], signed=True), note=week)
