"""How the figures are made, where they come from, and what is not verified."""

from __future__ import annotations

import datetime as dt

from pipelines import contracts
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Section, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words, messages
from pipelines.rules import policy

NOTES = ("week", "dispatch", "price", "levels", "overload", "verdicts", "completeness", "trace")
FIELDS = 4  # of a definition in the messages: measure, formula, unit, source
NOT_VERIFIED = ("validity", "percentages", "limits")


def section(facts: Facts, words: Words) -> Section:
    """Return the part on method, documents and what is not verified."""
    least = words.percent(fact.least_completeness(), 0)
    found = [Sentence(words(f"method.{name}", least=least)) for name in NOTES]
    found += [Sentence(words(f"unverified.{name}"), "muted") for name in NOT_VERIFIED]
    seen = {row["feed"] for row in facts.feeds.rows}
    absent = [feed for feed, contract in contracts.contracts().items() if contract.is_owed and feed not in seen]
    if absent:
        names = words.listed(words.name("feed", feed) for feed in absent)
        found.append(Sentence(words("method.not_reported", names=names), "muted"))
    blocks = (measure_table(facts, words), document_table(facts, words))
    return Section("method", words("section.method"), tuple(found), blocks)


def measure_table(facts: Facts, words: Words) -> Table:
    """Every measure in a line: formula, unit, source. A part adds its own to the group `measure` of the messages."""
    rows = []
    for text in messages(words.language)["measure"].values():
        name, formula, unit, source = (part.strip() for part in text.split("|", FIELDS - 1))
        rows.append((Cell(name, "strong"), Cell(formula), Cell(unit), Cell(source, "muted")))
    return Table(
        name="measures",
        title=words("method.measure_title"),
        columns=tuple(Column(words(f"column.{key}")) for key in ("measure", "formula", "unit", "basis")),
        rows=tuple(rows),
        query=facts.edition.query(
            "measures", "SELECT * FROM meta.data_catalogue_field WHERE dataset LIKE 'report.%' ORDER BY ALL"
        ),
        foot=fact.foot(words, facts.week.data_through, "catalogue", words("method.measure_note")),
    )


def document_table(facts: Facts, words: Words) -> Table:
    """The documents the rules rest on: from when until when they hold, when that was checked, how sure we are."""
    rows = []
    for document_id, document in policy.documents().items():
        if document_id == "default":
            continue
        number = document["number"] if document["number"] and document["number"] != document["title"] else ""
        state = "open" if policy.is_validity_open(document, facts.week.data_through) else "no_term"
        if document["valid_until"] and state != "open":
            state = "in_term"
        rows.append(
            (
                Cell(document["title"], "strong", number),
                Cell(_day(document["in_force_from"])),
                Cell(_day(document["valid_until"])),
                Cell(_day(document["checked_on"], words("method.never_checked"))),
                Cell(f"{document['confidence']} {words.name('confidence', document['confidence'])}"),
                Cell(words(f"method.state_{state}"), "strong" if state == "open" else "muted"),
            )
        )
    keys = ("document", "in_force_from", "valid_until", "checked_on", "confidence", "state")
    return Table(
        name="documents",
        title=words("method.document_title"),
        columns=tuple(Column(words(f"column.{key}")) for key in keys),
        rows=tuple(rows),
        query=facts.edition.all_of("policy.document", order="rowid"),
        foot=fact.foot(words, facts.week.data_through, "rules", words("method.document_note")),
    )


def _day(day: dt.date | None, otherwise: str = NOTHING) -> str:
    return day.isoformat() if day else otherwise


def notices(facts: Facts, words: Words) -> tuple[Sentence, ...]:
    """Return what a reader must know before any figure: open validity, a part week, simulated data."""
    found = []
    if facts.is_simulated:
        found.append(Sentence(words("notice.simulated"), "strong"))
    if not facts.week.is_complete:
        found.append(Sentence(words("notice.part_week", day=words.day(facts.week.data_through)), "strong"))
    for document in policy.documents().values():
        if policy.is_validity_open(document, facts.week.data_through):
            text = words("notice.validity", number=document["number"], until=words.day(document["valid_until"]))
            found.append(Sentence(text, "strong"))
    return tuple(found)
