"""The rail cohort: parks and listed key firms by name, and how many sidings are missing."""

from __future__ import annotations

import re
from typing import Any

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

RULE = "rail_siding_access"


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """The city's cohort and the counties where sidings are missing."""
    found = []
    for row in facts.cohort.rows:
        is_short = row["verdict"] == "breached"
        if not row["is_city"] and not is_short:
            continue
        place = words.place(row["place_code"], row["place_name"])
        if not row["member_count"]:
            found.append(Sentence(words("cohort.no_member", place=place)))
            continue
        found.append(
            Sentence(
                words(
                    "cohort.state",
                    place=place,
                    members=row["member_count"],
                    operating=row["operating_count"],
                    unknown=words("cohort.unknown", count=row["unknown_count"]) if row["unknown_count"] else "",
                    threshold=words.percent(row["threshold"], 0),
                    verdict=words.name("outcome", row["verdict"]),
                    more=words("cohort.more", count=row["more_needed"]) if row["more_needed"] else "",
                ),
                "strong" if is_short else "",
            )
        )
    return sorted(found, key=lambda sentence: sentence.style != "")


def table(facts: Facts, words: Words) -> Table:
    """Members by name, the city first; places without a member or a listed park are left out."""
    rows = []
    for row in sorted(facts.cohort.rows, key=lambda row: (not row["is_city"], row["place_code"])):
        if not row["member_count"] and not row["haulage_unknown"] and not row["is_city"]:
            continue
        outcome = row["verdict"] if row["verdict"] != "exempt" else "not_applicable"
        rows.append(
            (
                Cell(words.place(row["place_code"], row["place_name"])),
                Cell(words.name("outcome", outcome), f"tag {outcome}"),
                Cell(
                    words("supply.share_of", part=row["operating_count"], whole=row["member_count"])
                    if row["member_count"]
                    else NOTHING
                ),
                Cell(words.number(row["more_needed"]) if row["member_count"] else NOTHING),
                Cell(row["operating_members"] or NOTHING),
                Cell(
                    with_siding_words(row["other_members"], words), "strong" if row["verdict"] == "breached" else ""
                ),
                Cell(row["haulage_unknown"] or NOTHING, "muted"),
            )
        )
    keys = (
        "place",
        "outcome",
        "operating_members",
        "more_needed",
        "operating_names",
        "other_names",
        "haulage_unknown",
    )
    return Table(
        name="rail_cohort",
        title=words("cohort.title"),
        columns=tuple(Column(words(f"column.{key}"), "", place in (2, 3)) for place, key in enumerate(keys)),
        rows=tuple(rows),
        query=facts.cohort,
        foot=fact.foot(words, facts.week.data_through, "site_register", words("cohort.note")),
        empty=words("cohort.none_reported"),
        total_rows=1,
    )


def with_siding_words(names: Any, words: Words) -> str:
    """Names with the state of their siding in words; the evidence carries the state as a code in brackets."""
    if not names:
        return NOTHING
    return re.sub(r"（([a-z]+)）", lambda found: f"（{words.name('siding', found[1])}）", str(names))
