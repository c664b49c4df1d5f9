"""Who to look at: counties, sites, carriers and vehicles with releases over a limit. Leads (线索), nobody accused.

Plates stand in the annex alone; everywhere else a vehicle has the number the annex gives it.
"""

from __future__ import annotations

import datetime as dt

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Row, Sentence, Table, shown_plate
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words
from pipelines.rules import policy
from pipelines.settings import TIME_ZONE

SHOWN = 15
ANNEX_SHOWN = 40
FEW_RELEASES = 100  # under so many a rate says little: a help to the reader, no bound of a rule


def interval(row: Row, words: Words) -> str:
    """The 95 % interval of a rate per 1,000."""
    if row["over_rate_low_per_1000"] is None:
        return NOTHING
    low, high = (words.number(row[f"over_rate_{end}_per_1000"], 1) for end in ("low", "high"))
    return f"{low}–{high}"


def tickets(facts: Facts) -> Query:
    """The week's releases over a limit or not determinable, without plates: what the figures rest on."""
    return facts.edition.query(
        "overload_tickets",
        "SELECT record_id AS ticket_id, ticket_no, site_id, county_code, weighed_at, gross_kg, axle_count, body,"
        " limit_kg, limit_basis, over_kg, band, verdict, missing_field, snapshot_sha256, line"
        f" FROM mart.overload_record WHERE week_start = DATE '{facts.week.start}' ORDER BY ALL",
    )


def _titles(keys: tuple[str, ...], words: Words, texts: tuple[str, ...]) -> tuple[Column, ...]:
    units = {"over_t": words("unit_short.t"), "gross_kg": "kg", "limit_kg": "kg", "over_kg": "kg"}
    return tuple(Column(words(f"column.{key}"), units.get(key, ""), key not in texts) for key in keys)


def _rest(count: int, words: Words) -> str:
    return words("overload.rest", count=count) if count > 0 else ""


def county_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """Rate with interval and n, and what cannot be determined, by county; the city first."""
    found = sorted(facts.overload.rows, key=lambda row: (not row["is_city"], row["county_code"] or "~"))
    rows = tuple(
        (
            Cell(words.place(row["county_code"], row["county_name"])),
            Cell(words.number(row["over_rate_per_1000"], 1)),
            Cell(interval(row, words)),
            Cell(words.number(row["breached_count"])),
            Cell(words.number(row["determinable_count"])),
            Cell(words.percent(row["undetermined_share"])),
            Cell(words.number(row["beyond_error_count"])),
            Cell(words.number(row["usable_count"])),
            Cell(words.number(row["over_t"], 1)),
        )
        for row in found
    )
    keys = ("place", "per_1000", "interval", "breached", "determinable", "undetermined_share", "beyond_error",
            "usable", "over_t")  # fmt: skip
    return Table(
        name="overload_counties",
        title=words("overload.county_title"),
        columns=_titles(keys, words, ("place",)),
        rows=rows,
        query=facts.overload,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", words("overload.county_note")),
        total_rows=1,
        sources=sources,
    )


def site_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
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
            Cell(interval(row, words), "muted" if row["determinable_count"] < FEW_RELEASES else ""),
            Cell(words.number(row["undetermined_count"])),
            Cell(words.number(row["over_t"], 1)),
            Cell(words.percent(row["max_over_share"])),
            Cell(words.number(row["breached_4w_count"])),
        )
        for row in found[:SHOWN]
    )
    keys = ("site", "place", "breached", "determinable", "per_1000", "interval", "undetermined", "over_t", "max_over",
            "breached_4w")  # fmt: skip
    note = words("overload.site_note", least=FEW_RELEASES) + _rest(len(found) - len(rows), words)
    return Table(
        name="overload_sites",
        title=words("overload.site_title"),
        columns=_titles(keys, words, ("site", "place")),
        rows=rows,
        query=facts.overload_sites,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", note),
        empty=words("overload.no_site"),
        sources=sources,
    )


def carriers(facts: Facts) -> Query:
    """Carriers of the week with releases over the limit."""
    return facts.edition.week_of("overload_carrier_week")


def carrier_table(facts: Facts, city: Row, words: Words, sources: tuple[Query, ...]) -> Table:
    """Registered carriers of vehicles that were released over the limit, most first."""
    query = carriers(facts)
    found = sorted(query.rows, key=lambda row: (-row["breached_count"], -row["over_t"], row["carrier_id"]))
    rows = tuple(
        (
            Cell(row["carrier_name"] or row["carrier_id"]),
            Cell(words.number(row["breached_count"])),
            Cell(words.number(row["vehicle_count"])),
            Cell(words.number(row["determinable_count"])),
            Cell(words.number(row["over_rate_per_1000"], 1)),
            Cell(interval(row, words), "muted" if row["determinable_count"] < FEW_RELEASES else ""),
            Cell(words.number(row["site_count"])),
            Cell(words.number(row["over_t"], 1)),
        )
        for row in found[:SHOWN]
    )
    keys = ("carrier", "breached", "vehicles", "determinable", "per_1000", "interval", "sites", "over_t")
    unknown = city["breached_count"] - sum(row["breached_count"] for row in found)
    note = words("overload.carrier_note", unknown=words.number(unknown)) + _rest(len(found) - len(rows), words)
    return Table(
        name="overload_carriers",
        title=words("overload.carrier_title"),
        columns=_titles(keys, words, ("carrier",)),
        rows=rows,
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "ticket_and_vehicle", note),
        empty=words("overload.no_carrier"),
        sources=sources,
    )


def repeats(facts: Facts) -> Query:
    """Vehicles of the week that the rule takes for repeats, without their plates."""
    return facts.edition.week_of("overload_repeat_week")


def repeat_rule() -> dict[str, int]:
    """Above how many releases in how many days a vehicle is a repeat, and above how many cases the law speaks."""
    found = {name: spec["value"] for rule, name, spec in policy.parameters() if rule == "repeat_overload"}
    return {
        "most": found["lead_more_than_count"],
        "days": found["window_days"],
        "cases": found["vehicle_more_than_count"],
    }


def repeat_sentence(facts: Facts, words: Words) -> Sentence:
    """How many vehicles came back, against what; the law counts cases."""
    found = repeats(facts).rows
    key = "overload.repeats" if found else "overload.no_repeat"
    return Sentence(words(key, count=len(found), **repeat_rule()))


def repeat_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """Vehicles by their number in the annex, most releases over the limit in the year first."""
    query = repeats(facts)
    rows = tuple(
        (
            Cell(words("overload.vehicle", number=row["lead_no"])),
            Cell(words.number(row["week_count"])),
            Cell(words.number(row["year_lead_count"])),
            Cell(row["site_names"]),
            Cell(words.number(row["usable_count"])),
            Cell(words.percent(row["max_over_share"])),
            Cell(words.number(row["over_t"], 1)),
        )
        for row in query.rows[:SHOWN]
    )
    keys = ("vehicle", "week_count", "year_count", "released_by", "usable", "max_over", "over_t")
    note = words("overload.repeat_note", **repeat_rule()) + _rest(len(query.rows) - len(rows), words)
    return Table(
        name="overload_repeats",
        title=words("overload.repeat_title"),
        columns=_titles(keys, words, ("vehicle", "released_by")),
        rows=rows,
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", note),
        empty=words("overload.no_repeat", **repeat_rule()),
        sources=sources,
    )


def annex(facts: Facts, words: Words) -> Table:
    """Vehicles to check with plate and ticket: the one block with plates, of the internal edition only."""
    query = facts.edition.query(
        "overload_annex",
        f"SELECT * FROM report.overload_annex_week WHERE week_start = DATE '{facts.week.start}'"
        " ORDER BY lead_no, weighed_at, line",
        has_plates=True,
    )
    rows = tuple(
        (
            Cell(words("overload.vehicle", number=row["lead_no"])),
            Cell(shown_plate(row["plate"]), "strong"),
            Cell(
                words.listed(
                    words(f"overload.because_{name}", count=row["year_lead_count"])
                    for name in ("repeat", "usable", "very_heavy")
                    if row[f"is_{name}"]
                )
            ),
            Cell(row["site_id"], note=words.place(row["county_code"], row["county_name"])),
            Cell(moment(row["weighed_at"])),
            Cell(row["ticket_no"] or NOTHING, note=row["ticket_id"]),
            Cell(words.number(row["gross_kg"])),
            Cell(words.number(row["limit_kg"])),
            Cell(words.number(row["over_kg"]), note=words.percent(row["over_rate"])),
        )
        for row in query.rows[:ANNEX_SHOWN]
    )
    keys = ("vehicle", "plate", "check_reason", "site", "weighed_at", "ticket", "gross_kg", "limit_kg", "over_kg")
    note = words("overload.annex_note") + _rest(len(query.rows) - len(rows), words)
    texts = ("vehicle", "plate", "check_reason", "site", "weighed_at", "ticket")
    return Table(
        name="overload_annex",
        title=words("overload.annex_title"),
        columns=_titles(keys, words, texts),
        rows=rows,
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", note),
        empty=words("overload.no_annex"),
    )


def moment(value: dt.datetime) -> str:
    """A moment as people write it, local time to the minute."""
    from zoneinfo import ZoneInfo

    return f"{value.astimezone(ZoneInfo(TIME_ZONE)):%m-%d %H:%M}"
