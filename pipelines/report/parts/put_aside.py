"""Rows that were put aside, with what to do about them, and tickets that were corrected later."""

from __future__ import annotations

from pipelines import contracts
from pipelines.feeds import reasons
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

SHOWN = 20


def rejects(facts: Facts) -> Query:
    """Rows put aside by feed, source, reason and column."""
    return facts.edition.week_of("feed_reject_week")


def corrections(facts: Facts) -> Query:
    """Tickets that the week's files replaced or cancelled."""
    return facts.edition.week_of("feed_correction_week")


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """How many rows of the week's files were put aside, and what they corrected."""
    put_aside = sum(row["row_count"] for row in rejects(facts).rows)
    total = sum(row["row_count"] for row in facts.feeds.rows)
    found = []
    if total:
        share = words.percent(put_aside / total, 2)
        found.append(
            Sentence(words("health.rejects", count=words.number(put_aside), rows=words.number(total), share=share))
        )
    rows = corrections(facts).rows
    if rows:
        found.append(
            Sentence(
                words(
                    "health.corrections",
                    superseded=sum(row["ticket_count"] for row in rows if row["kind"] == "superseded"),
                    voided=sum(row["ticket_count"] for row in rows if row["kind"] == "voided"),
                    first=words.day(min(row["first_weighed_on"] for row in rows)),
                )
            )
        )
    else:
        found.append(Sentence(words("health.no_correction"), "muted"))
    known = facts.edition.week_of("feed_known_error_week").rows
    if known:
        count = sum(row["ticket_count"] for row in known)
        names = words.listed(sorted({row["correction_id"] for row in known}), most=4)
        found.append(Sentence(words("health.known_errors", count=words.number(count), names=names)))
    return found


def reject_table(facts: Facts, words: Words) -> Table:
    """Why rows were put aside, how many, and what to do; the rows stay in the quarantine until they are mended."""
    query = rejects(facts)
    found = sorted(
        query.rows, key=lambda row: (-row["row_count"], -row["total_row_count"], row["feed"], row["source"],
                                     row["reason_code"], str(row["column_name"]))
    )  # fmt: skip
    rows = []
    for row in found[:SHOWN]:
        contract = contracts.contracts()[row["feed"]]
        what, remedy = reasons.wrong_and_remedy(row["reason_code"], contract, words.language)
        column = row["column_name"]
        named = column in contract.columns
        rows.append(
            (
                Cell(words.name("feed", row["feed"]), note=words.name("source_profile", row["source"])),
                Cell(what, note=row["reason_code"]),
                Cell(reasons.column_label(contract, column, words.language) if named else column or NOTHING),
                Cell(words.number(row["row_count"])),
                Cell(words.number(row["total_row_count"]), "muted"),
                Cell(remedy),
                Cell(contract.who_fixes),
            )
        )
    keys = ("feed", "reason", "field", "rows", "total_rows", "advice", "who_fixes")
    left = len(found) - len(rows)
    note = words("health.reject_note") + (words("overload.rest", count=left) if left else "")
    return Table(
        name="quarantine",
        title=words("health.reject_title"),
        columns=tuple(Column(words(f"column.{key}"), "", key in ("rows", "total_rows")) for key in keys),
        rows=tuple(rows),
        query=query,
        foot=fact.foot(words, facts.week.data_through, "accounts", note),
        empty=words("health.no_reject"),
    )


def correction_table(facts: Facts, words: Words) -> Table:
    """What the week's files replaced or cancelled in tickets that had come before."""
    query = corrections(facts)
    rows = tuple(
        (
            Cell(words.name("source_profile", row["source"])),
            Cell(words(f"health.{row['kind']}")),
            Cell(words.number(row["ticket_count"])),
            Cell(words.number(row["site_count"])),
            Cell(
                words("health.span", start=words.day(row["first_weighed_on"]), end=words.day(row["last_weighed_on"]))
            ),
            Cell(words.number(row["before_t"], 1)),
        )
        for row in query.rows
    )
    keys = ("source", "kind", "tickets", "sites", "weighed_on", "before_t")
    return Table(
        name="corrections",
        title=words("health.correction_title"),
        columns=tuple(
            Column(
                words(f"column.{key}"),
                words("unit_short.t") if key == "before_t" else "",
                key in ("tickets", "sites", "before_t"),
            )
            for key in keys
        ),
        rows=rows,
        query=query,
        foot=fact.foot(words, facts.week.data_through, "accounts", words("health.correction_note")),
        empty=words("health.no_correction"),
    )
