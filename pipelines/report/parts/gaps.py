"""What is missing: sites due and seen by county, every gap with its label, and whom to call about what."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines import contracts
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Row, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

KINDS = ("feed_down", "unknown", "no_trade", "site_closed")  # the most pressing first
COUNTED = ("feed_down", "no_trade", "unknown", "closed")
SHOWN = 40
TICKETS = "weighbridge_ticket"
FILINGS = "capacity_filing"


def counties(facts: Facts) -> Query:
    """Health of the ticket feed by county."""
    return facts.edition.week_of("feed_county_week")


def gaps(facts: Facts) -> Query:
    """Runs of missing days by site, with their label."""
    return facts.edition.week_of("feed_gap_week")


def two_weeks(facts: Facts) -> Query:
    """The same of this week and the one before."""
    return facts.edition.week_of("feed_gap_week", weeks=2, as_name="feed_gap_two_weeks")


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """How many due days are missing and why, how many days a site was closed, and how much came late."""
    city = next((row for row in counties(facts).rows if row["is_city"]), None)
    if city is None or not city["due_day_count"]:
        return []
    found = [
        Sentence(
            words(
                "health.gaps",
                sites=city["due_site_count"],
                seen=city["seen_site_count"],
                missing=city["due_day_count"] - city["seen_day_count"],
                kinds=words.listed(
                    words("health.gap_days", kind=words(f"gap.{kind}"), count=city[f"{kind}_day_count"])
                    for kind in KINDS[:3]
                ),
                closed=city["closed_day_count"],
            )
        )
    ]
    if city["timed_day_count"]:
        share, days = words.percent(city["late_share"]), contracts.contracts()[TICKETS].max_age_days
        found.append(
            Sentence(words("health.late_share", share=share, n=words.number(city["timed_day_count"]), days=days))
        )
    else:
        found.append(Sentence(words("health.late_unknown"), "muted"))
    return found


def county_table(facts: Facts, words: Words) -> Table:
    """Sites and days due and seen, missing days by label, closed days and late share; the city first."""
    query = counties(facts)
    rows = tuple(
        (
            Cell(words.place(row["county_code"], row["county_name"])),
            Cell(words("supply.share_of", part=row["seen_site_count"], whole=row["due_site_count"])),
            Cell(words("supply.share_of", part=row["seen_day_count"], whole=row["due_day_count"])),
            Cell(
                words.percent(row["completeness_share"]),
                "strong" if row["due_day_count"] and fact.is_incomplete(row["completeness_share"]) else "",
            ),
            *(Cell(words.number(row[f"{kind}_day_count"])) for kind in COUNTED),
            Cell(words.percent(row["late_share"]))
            if row["timed_day_count"]
            else Cell(words("health.no_time"), "muted"),
        )
        for row in sorted(query.rows, key=lambda row: (not row["is_city"], row["county_code"]))
    )
    heads = ("place", "sites_seen", "days_seen", "completeness")
    labels = ("feed_down", "no_trade", "unknown", "site_closed")
    return Table(
        name="health_counties",
        title=words("health.county_title"),
        columns=(
            *(Column(words(f"column.{key}"), "", key != "place") for key in heads),
            *(Column(words(f"gap.{kind}"), words("health.days"), True) for kind in labels),
            Column(words("column.late_share"), "", True),
        ),
        rows=rows,
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "ticket_and_register", words("health.county_note")),
        empty=words("health.none_expected"),
        total_rows=1 if rows else 0,
    )


def gap_table(facts: Facts, words: Words) -> Table:
    """Every run of missing or closed days of the week by site: label, what speaks for it, and since when."""
    query = gaps(facts)
    found = sorted(query.rows, key=lambda row: (KINDS.index(row["kind"]), row["since_on"], row["site_id"]))
    rows = tuple(
        (
            Cell(words(f"gap.{row['kind']}"), f"tag gap-{row['kind']}"),
            Cell(row["site_id"], note=row["firm_name"] or ""),
            Cell(words.place(row["county_code"], row["county_name"])),
            Cell(since(row, words), "strong" if row["is_running"] and row["kind"] != "site_closed" else ""),
            Cell(words.number(row["week_day_count"])),
            Cell(words.number(row["day_count"])),
            Cell(words.day(row["last_seen_on"]) if row["last_seen_on"] else words("health.never")),
            Cell(words(f"gap.sign_{row['sign']}") if row["sign"] else words("gap.no_sign"), "muted"),
        )
        for row in found[:SHOWN]
    )
    keys = ("gap", "site", "place", "since", "gap_week_days", "gap_days", "last_seen", "sign")
    return Table(
        name="site_gaps",
        title=words("health.gap_title"),
        columns=tuple(
            Column(words(f"column.{key}"), words("health.days") if key.endswith("days") else "", key.endswith("days"))
            for key in keys
        ),
        rows=rows,
        query=query,
        foot=fact.foot(
            words, facts.week.ticket_through, "gap_signs", words("health.gap_note") + _rest(found, rows, words)
        ),
        empty=words("health.no_gap"),
    )


def since(row: Row, words: Words) -> str:
    """When a gap began, and whether it still runs or when it ended."""
    if row["is_running"]:
        return words("health.since", day=words.day(row["since_on"]))
    return words("health.span", start=words.day(row["since_on"]), end=words.day(row["until_on"]))


def chase_table(facts: Facts, quiet: Iterable[tuple[str, str]], words: Words) -> Table:
    """Whom to call about what: feeds, sites and filings that are owed, since when, and the bureau in charge.

    Args:
        facts: the week.
        quiet: feeds and sources not reported or overdue.
        words: the language.
    """
    known = contracts.contracts()
    rows = [
        (
            Cell(words("health.whole_feed", feed=words.name("feed", feed), source=source).rstrip(" /"), "strong"),
            Cell(words("health.missing_feed")),
            Cell(_last(facts, feed, source, words)),
            Cell(words("health.ask_feed")),
            Cell(known[feed].who_fixes),
            Cell(known[feed].owner),
        )
        for feed, source in quiet
    ]
    owed = [row for row in gaps(facts).rows if row["kind"] != "site_closed" and row["sign"] != "holiday"]
    owed.sort(key=lambda row: (not row["is_running"], -row["day_count"], row["site_id"]))
    rows += [
        (
            Cell(row["site_id"], note=row["firm_name"] or ""),
            Cell(words("health.missing_days", count=row["day_count"])),
            Cell(since(row, words)),
            Cell(words(f"health.ask_{row['kind']}")),
            Cell(known[TICKETS].who_fixes),
            Cell(known[TICKETS].owner),
        )
        for row in owed
    ]
    # A project whose value is known but open by the text (no blank) has nobody to call.
    blank = [
        row
        for row in facts.verdicts.rows
        if row["outcome"] == "undetermined" and str(row["reason_code"]).endswith(("_blank", "_missing"))
    ]
    # One blank may leave several rules open; it is asked for once.
    blank = list({(row["subject_id"], row["reason_code"]): row for row in blank}.values())
    blank.sort(key=lambda row: (str(row["subject_name"] or row["subject_id"]), row["rule"]))
    rows += [
        (
            Cell(row["subject_name"] or row["subject_id"], note=words.place(row["county_code"], row["county_name"])),
            Cell(words.name("reason", row["reason_code"])),
            Cell(words("health.filed", day=words.day(row["judged_on"])) if row["judged_on"] else NOTHING),
            Cell(words("health.ask_filing")),
            Cell(known[FILINGS].who_fixes),
            Cell(known[FILINGS].owner),
        )
        for row in blank
    ]
    keys = ("whom", "missing", "since", "ask", "who_fixes", "bureau")
    return Table(
        name="chase",
        title=words("health.chase_title"),
        columns=tuple(Column(words(f"column.{key}")) for key in keys),
        rows=tuple(rows[:SHOWN]),
        query=gaps(facts),
        also=(facts.feeds, facts.verdicts),
        foot=fact.foot(
            words, facts.week.data_through, "gap_signs", words("health.chase_note") + _rest(rows, rows[:SHOWN], words)
        ),
        empty=words("health.no_chase"),
    )


def _last(facts: Facts, feed: str, source: str, words: Words) -> str:
    for row in facts.feeds.rows:
        if (row["feed"], row["source"]) == (feed, source) and row["last_on"]:
            return words("health.after", day=words.day(row["last_on"]))
    return words("health.never")


def _rest(found: Iterable[object], shown: Iterable[object], words: Words) -> str:
    left = len(list(found)) - len(list(shown))
    return words("overload.rest", count=left) if left else ""
