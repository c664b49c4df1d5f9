"""Overloads: the rate per 1,000 determinable releases, bands, and sites as leads. No plate, nobody accused."""

from __future__ import annotations

import datetime as dt

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Row, Section, Sentence, Table
from pipelines.report.charts import figures
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

SITES_SHOWN = 15
FEW_RELEASES = 100  # under so many a rate says little: a help to the reader, no bound of a rule


def section(facts: Facts, words: Words) -> Section:
    """Return the part on overloads; without releases it says so."""
    title = words("section.overload")
    if facts.city_overload is None:
        return Section("overload", title, (Sentence(words("overload.none_reported")),))
    blocks: tuple[Table | Chart, ...] = (
        band_chart(facts, words),
        trend_chart(facts, words),
        site_table(facts, words),
    )
    return Section("overload", title, tuple(sentences(facts, facts.city_overload, words)), blocks)


def sentences(facts: Facts, city: Row, words: Words) -> list[Sentence]:
    """Rate with its change, what cannot be determined and why, and weighings kept apart."""
    before = facts.before(facts.overload_history)
    rate = words("overload.no_rate")
    if city["determinable_count"]:
        rate = words("overload.rate", rate=words.number(city["over_rate_per_1000"], 1))
    found = [
        Sentence(
            words(
                "overload.city",
                releases=words.number(city["release_count"]),
                determinable=words.number(city["determinable_count"]),
                breached=words.number(city["breached_count"]),
                beyond=words.number(city["beyond_error_count"]),
                rate=rate,
                before=words.number(before["over_rate_per_1000"], 1) if before else NOTHING,
                over_t=words.number(city["over_t"], 1),
            )
        )
    ]
    if city["undetermined_count"]:
        causes = words.listed(
            words(
                "overload.cause", cause=words.name("missing", row["cause"]), count=words.number(row["weighing_count"])
            )
            for row in facts.unsettled.rows
            if row["kind"] == "undetermined"
        )
        share = words.percent(city["undetermined_share"])
        text = words(
            "overload.undetermined", count=words.number(city["undetermined_count"]), share=share, causes=causes
        )
        found.append(Sentence(text))
    apart = words.listed(
        words("overload.cause", cause=words.name("lead", row["cause"]), count=words.number(row["weighing_count"]))
        for row in facts.unsettled.rows
        if row["kind"] == "lead"
    )
    if apart:
        found.append(Sentence(words("overload.apart", causes=apart), "muted"))
    found.append(Sentence(words("overload.caveat", usable=words.number(city["usable_count"])), "muted"))
    return found


def band_chart(facts: Facts, words: Words) -> Chart:
    """Releases over the limit by band, with the mean of the 4 weeks before as a mark."""
    rows = sorted(facts.bands.rows, key=lambda row: row["over_rate_from"])
    labels = [row["band"].replace("-", "–") for row in rows]
    notes = [
        words("overload.band_note", count=row["breached_count"], mean=words.number(row["mean_before_count"], 1))
        for row in rows
    ]
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    return Chart(
        name="overload_bands",
        title=words("overload.band_title"),
        unit=words("overload.band_unit"),
        alt=words("overload.band_alt", rows=words.listed(f"{a}: {b}" for a, b in zip(labels, notes, strict=True))),
        draw=lambda _: figures.by_place(
            labels,
            [float(row["breached_count"]) for row in rows],
            notes,
            [None if row["mean_before_count"] is None else float(row["mean_before_count"]) for row in rows],
            foot,
            height_in=2.35,
        ),
        query=facts.bands,
        foot=foot,
        is_half=True,
    )


def trend_chart(facts: Facts, words: Words) -> Chart:
    """The city's rate by week; weeks with an incomplete feed hatched."""
    rows = list(facts.overload_history.rows)
    first = min(row["week_start"] for row in rows)
    weeks = [week for week in facts.weeks(fact.SUPPLY_WEEKS) if week >= first]
    seen = {row["week_start"]: row["completeness_share"] for row in facts.supply_history.rows if row["is_city"]}
    is_low: dict[dt.date, bool] = {week: fact.is_incomplete(seen.get(week)) for week in weeks}
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    city = facts.city_overload or {}
    return Chart(
        name="overload_trend",
        title=words("overload.trend_title"),
        unit=words("overload.trend_unit"),
        alt=words("overload.trend_alt", weeks=len(weeks), rate=words.number(city.get("over_rate_per_1000"), 1)),
        draw=lambda _: figures.trend(rows, weeks, words, foot, column="over_rate_per_1000", is_low=is_low, digits=1),
        query=facts.overload_history,
        foot=foot,
        is_half=True,
    )


def site_table(facts: Facts, words: Words) -> Table:
    """Sites with releases over the limit, most first."""
    found = sorted(
        facts.overload_sites.rows, key=lambda row: (-row["breached_count"], -row["over_t"], row["site_id"])
    )
    rows = tuple(
        (
            Cell(row["site_name"], note="" if row["is_registered_site"] else words("overload.unregistered")),
            Cell(words.place(row["county_code"], row["county_name"])),
            Cell(words.number(row["breached_count"])),
            Cell(words.number(row["determinable_count"])),
            Cell(words.number(row["over_rate_per_1000"], 1)),
            Cell(words.number(row["undetermined_count"])),
            Cell(words.number(row["over_t"], 1)),
            Cell(words.percent(row["max_over_share"])),
            Cell(words.number(row["breached_4w_count"])),
        )
        for row in found[:SITES_SHOWN]
    )
    keys = (
        "site",
        "place",
        "breached",
        "determinable",
        "per_1000",
        "undetermined",
        "over_t",
        "max_over",
        "breached_4w",
    )
    left = len(found) - len(rows)
    note = words("overload.site_note", least=FEW_RELEASES) + (words("overload.site_rest", count=left) if left else "")
    return Table(
        name="overload_sites",
        title=words("overload.site_title"),
        columns=tuple(
            Column(words(f"column.{key}"), words("unit_short.t") if key == "over_t" else "", place > 1)
            for place, key in enumerate(keys)
        ),
        rows=rows,
        query=facts.overload_sites,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", note),
        empty=words("overload.no_site"),
    )
