"""Charts of supply: the city's dispatch by week, the counties', utilisation and operating rate."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Chart, Row
from pipelines.report.charts import figures
from pipelines.report.facts import Facts
from pipelines.report.parts import supply_outlook
from pipelines.report.words import Words


def trend_chart(facts: Facts, outlook: supply_outlook.Outlook, words: Words) -> Chart:
    """The city's dispatch by week as weighed, with the estimate and its interval where site-days are missing."""
    rows = [row for row in facts.supply_history.rows if row["is_city"]]
    weeks = [week for week in facts.weeks(fact.SUPPLY_WEEKS) if week >= min(row["week_start"] for row in rows)]
    is_low = {row["week_start"]: fact.is_incomplete(row["completeness_share"]) for row in rows}
    city = facts.city or {}
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    return Chart(
        name="dispatch_trend",
        title=words("supply.trend_title"),
        unit=words("outlook.trend_unit"),
        alt=words(
            "supply.trend_alt",
            weeks=len(weeks),
            dispatch=words.number(city.get("dispatch_t")),
            change=words.change(city.get("dispatch_change_share")),
        ),
        draw=lambda _: figures.trend(
            rows,
            weeks,
            words,
            foot,
            column="dispatch_t",
            is_low=is_low,
            spans=outlook.spans,
            height_in=figures.bar_height(len(facts.counties)),
        ),
        query=facts.supply_history,
        also=(outlook.history,),
        foot=foot,
        is_half=True,
    )


def county_chart(facts: Facts, words: Words) -> Chart:
    """Dispatch by county with the week before as a mark."""
    rows = _counties(facts)
    labels = [words.place(code, name) for code, name, _ in rows]
    notes = []
    for _, _, row in rows:
        if row is None:
            notes.append(words("word.not_reported"))
            continue
        incomplete = fact.is_incomplete(row["completeness_share"])
        beside = (
            words("figure.incomplete") if incomplete else words.percent(row["dispatch_change_share"], signed=True)
        )
        notes.append(f"{words.number(row['dispatch_t'])}  {beside}")
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    return Chart(
        name="dispatch_by_county",
        title=words("supply.county_title"),
        unit=words("supply.county_unit"),
        alt=words("supply.county_alt", rows=words.listed(f"{a} {b}" for a, b in zip(labels, notes, strict=True))),
        draw=lambda _: figures.by_place(
            labels,
            [None if row is None else float(row["dispatch_t"]) for _, _, row in rows],
            notes,
            [_float(row, "dispatch_week_before_t") for _, _, row in rows],
            foot,
            hollow=[row is not None and fact.is_incomplete(row["completeness_share"]) for _, _, row in rows],
        ),
        query=facts.supply,
        foot=foot,
        is_half=True,
    )


def rates_chart(facts: Facts, words: Words) -> Chart:
    """Capacity utilisation and operating rate, the city above its counties."""
    code, name = facts.city_place
    rows = [(code, name, facts.city), *_counties(facts)]
    labels = [words.place(code, name) for code, name, _ in rows]
    used = [_float(row, "utilisation_share") for _, _, row in rows]
    used_text = [
        words("word.not_reported")
        if row is None
        else words("supply.no_capacity")
        if row["utilisation_share"] is None
        else words.percent(row["utilisation_share"])
        for _, _, row in rows
    ]
    rates = [_float(row, "operating_rate_share") for _, _, row in rows]
    rate_text = [
        words("word.not_reported")
        if row is None
        else words("supply.no_active")
        if not row["active_site_count"]
        else words("supply.of_active", operating=row["operating_site_count"], active=row["active_site_count"])
        for _, _, row in rows
    ]
    foot = fact.foot(words, facts.week.ticket_through, "ticket_and_register")
    both = words.listed(f"{a} {b} / {c}" for a, b, c in zip(labels, used_text, rate_text, strict=True))
    return Chart(
        name="utilisation",
        title=words("supply.rates_title"),
        unit=words("supply.rates_unit"),
        alt=words("supply.rates_alt", rows=both),
        draw=lambda is_narrow: figures.two_rates(
            labels,
            ((words("supply.utilisation"), used, used_text), (words("supply.operating_rate"), rates, rate_text)),
            foot,
            is_narrow=is_narrow,
        ),
        query=facts.supply,
        foot=foot,
        has_narrow=True,
    )


def _counties(facts: Facts) -> list[tuple[str, str, Row | None]]:
    by_code = {row["county_code"]: row for row in facts.supply.rows}
    return [(code, name, by_code.get(code)) for code, name in facts.counties]


def _float(row: Row | None, column: str) -> float | None:
    return None if row is None or row[column] is None else float(row[column])
