"""How the figures are made, where they come from, and what is not verified."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Section, Sentence
from pipelines.report.facts import Facts
from pipelines.report.words import Words
from pipelines.rules import policy

NOTES = ("week", "dispatch", "price", "levels", "overload", "verdicts", "completeness", "trace")
NOT_VERIFIED = ("validity", "percentages", "limits", "not_reported")


def section(facts: Facts, words: Words) -> Section:
    """Return the part on method, documents and what is not verified."""
    least = words.percent(fact.least_completeness(), 0)
    found = [Sentence(words(f"method.{name}", least=least)) for name in NOTES]
    for document_id, document in policy.documents().items():
        if document_id == "default":
            continue
        is_open = policy.is_validity_open(document, facts.week.data_through)
        found.append(
            Sentence(
                words(
                    "method.document",
                    title=document["title"],
                    number=document["number"],
                    confidence=words.name("confidence", document["confidence"]),
                    state=words("method.open") if is_open else "",
                )
            )
        )
    found += [Sentence(words(f"unverified.{name}"), "muted") for name in NOT_VERIFIED]
    return Section("method", words("section.method"), tuple(found))


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
