"""The public edition of the report: figures of public.* alone, so that what is withheld there is nowhere in it."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import (
    Cell,
    Column,
    Headline,
    Issue,
    Report,
    Section,
    Sentence,
    Table,
    Tile,
)  # fmt: skip
from pipelines.report.edition import Edition
from pipelines.report.parts import public_sections
from pipelines.report.parts.public_rows import Known, cell, hidden
from pipelines.report.words import Words

PARTS = (public_sections.prices, public_sections.supply, public_sections.overload)


def report(edition: Edition, words: Words, issue: Issue, *, is_simulated: bool) -> Report:
    """Return the public report of the edition's week, without imprint and revisions.

    Args:
        edition: the published public edition, seen from the week.
        words: the language.
        issue: which issue it is.
        is_simulated: whether all of it is invented.
    """
    week = edition.week
    known = Known(edition)
    year, number = week.iso_week.split("-W")
    span = words(
        "title.week", iso_year=year, number=int(number), start=words.day(week.start), end=words.day(week.end)
    )
    through = words("title.through", ticket=words.day(week.ticket_through), quote=words.day(week.quote_through))
    notices = [Sentence(words("notice.simulated"), "strong")] if is_simulated else []
    if not week.is_complete:
        notices.append(Sentence(words("notice.part_week", day=words.day(week.data_through)), "strong"))
    return Report(
        language=words.language,
        title=words("title.report"),
        week=week,
        subtitle=f"{span} · {through}",
        notices=tuple(notices),
        headline=Headline(_tiles(known, words), _counties(known, words), public_sections.changes(known, words)),
        sections=tuple(part(known, words) for part in PARTS),
        method=Section(
            "method",
            words("section.public_method"),
            tuple(Sentence(words(f"public.{name}")) for name in ("rule", "no_firms", "leads", "trace")),
        ),
        issue=issue,
    )  # fmt: skip


def _tiles(known: Known, words: Words) -> tuple[Tile, ...]:
    city = known.city
    is_shown = city is not None and not city["is_withheld"]
    through = words.day(known.week.ticket_through)
    dispatch = Tile(
        words("public.dispatch"),
        words("public.tonnes", value=words.number(city["dispatch_t"])) if city and is_shown else hidden(city, words),
        words(
            "public.dispatch_note",
            change=words.change(city["dispatch_change_share"]),
            seen=words.percent(city["completeness_share"]),
            day=through,
        )
        if city and is_shown
        else words("public.through", day=through),
    )
    shown = [row for row in known.prices.rows if not row["is_withheld"] and row["price_index"] is not None]
    indices = [row["price_index"] for row in shown]
    spread = (
        words("public.range", low=words.number(min(indices), 1), high=words.number(max(indices), 1))
        if indices
        else words("public.none_shown")
    )
    prices = Tile(
        words("public.index"),
        spread,
        words(
            "public.index_note",
            shown=len(shown),
            count=len(known.prices.rows),
            day=words.day(known.week.quote_through),
        ),
    )
    places = [row for row in known.counties.rows if row is not city]
    withheld = Tile(
        words("public.withheld"),
        words("public.of_counties", part=sum(row["is_withheld"] for row in places), whole=len(places)),
        words("public.withheld_note"),
    )
    return dispatch, prices, withheld


def _counties(known: Known, words: Words) -> Table:
    """The city and its counties: dispatch, change, utilisation, completeness, overload rate."""
    over = {row["county_code"]: row for row in known.overload.rows}
    rows = []
    for row in known.counties.rows:
        rate = over.get(row["county_code"])
        rows.append(
            (
                Cell(words.place(row["county_code"], row["county_name"])),
                cell(row, words.number(row["dispatch_t"]), words),
                cell(row, words.percent(row["dispatch_change_share"], signed=True), words),
                cell(row, words.percent(row["utilisation_share"]), words),
                Cell(words.percent(row["completeness_share"])),
                Cell(words("public.no_city_row"), "muted")
                if rate is None
                else cell(rate, words.number(rate["over_rate_per_1000"], 1), words),
            )
        )
    heads = ("place", "dispatch", "week_share", "utilisation", "public_seen", "public_over_rate")
    return Table(
        name="public_by_county",
        title=words("public.table"),
        columns=tuple(
            Column(words(f"column.{key}"), words("unit_short.t") if key == "dispatch" else "", place > 0)
            for place, key in enumerate(heads)
        ),
        rows=tuple(rows),
        query=known.counties,
        foot=fact.foot(words, known.week.ticket_through, "weighbridge_ticket", words("public.withheld_means")),
        empty=words("supply.none_reported"),
        total_rows=1 if known.city else 0,
        also=(known.history, known.overload),
    )
