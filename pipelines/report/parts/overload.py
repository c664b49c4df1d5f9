"""Overloads: the rate per 1,000 determinable releases with its interval, bands, and the leads behind them."""

from __future__ import annotations

import datetime as dt

from pipelines.report import facts as fact
from pipelines.report.blocks import Chart, Query, Row, Section, Sentence, Table
from pipelines.report.charts import figures
from pipelines.report.facts import Facts
from pipelines.report.parts import overload_leads as leads
from pipelines.report.words import NOTHING, Words


def section(facts: Facts, words: Words) -> Section:
    """Return the part on overloads; without releases it says so."""
    title = words("section.overload")
    if facts.city_overload is None:
        return Section("overload", title, (Sentence(words("overload.none_reported")),))
    city, sources = facts.city_overload, (leads.tickets(facts),)
    blocks: tuple[Table | Chart, ...] = (
        band_chart(facts, words, sources),
        trend_chart(facts, words, sources),
        leads.county_table(facts, words, sources),
        leads.site_table(facts, words, sources),
        leads.carrier_table(facts, city, words, sources),
        leads.repeat_table(facts, words, sources),
        leads.annex(facts, words),
    )
    return Section("overload", title, tuple(sentences(facts, city, words)), blocks)


def sentences(facts: Facts, city: Row, words: Words) -> list[Sentence]:
    """Rate with its change, what cannot be determined and why, and weighings kept apart."""
    before = facts.before(facts.overload_history)
    rate = words("overload.no_rate")
    if city["determinable_count"]:
        rate = words(
            "overload.rate",
            rate=words.number(city["over_rate_per_1000"], 1),
            interval=leads.interval(city, words),
            n=words.number(city["determinable_count"]),
        )
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
    found.append(leads.repeat_sentence(facts, words))
    apart = words.listed(
        words("overload.cause", cause=words.name("lead", row["cause"]), count=words.number(row["weighing_count"]))
        for row in facts.unsettled.rows
        if row["kind"] == "lead"
    )
    if apart:
        found.append(Sentence(words("overload.apart", causes=apart), "muted"))
    found.append(Sentence(words("overload.caveat", usable=words.number(city["usable_count"])), "muted"))
    return found


def band_chart(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Chart:
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
        sources=sources,
    )


def trend_chart(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Chart:
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
        sources=sources,
    )
