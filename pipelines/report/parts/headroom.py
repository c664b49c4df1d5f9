"""How far projects stand from what the rules ask: headroom (余量) where a rule is met, what lacks where it is not."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Row, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.parts import verdict_words
from pipelines.report.words import Words

SHOWN = 15
MOST_DIGITS = 9
MEASURED = ("t per year", "share", "years")


def by_rule(facts: Facts) -> Query:
    """Headroom by rule and part."""
    return facts.edition.all_of("report.project_headroom")


def amount(row: Row, value: object, words: Words) -> str:
    """A headroom in tonnes, a year where the threshold is a year's."""
    yearly = row["threshold_unit"] == "t per year"
    return words("project.t_per_year" if yearly else "project.t", t=words.number(value))


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """For each rule that measures an amount: how many meet it, by how much, and what the others lack."""
    found = []
    for row in by_rule(facts).rows:
        if row["rule"] not in ("capacity_floor", "rail_share") or not row["met_count"]:
            continue
        lacking = ""
        if row["breached_count"]:
            lacking = words("project.lacking", count=row["breached_count"], amount=amount(row, row["lacking"], words))
        found.append(
            Sentence(
                words(
                    "project.headroom",
                    rule=verdict_words.rule_title(row["rule"], words),
                    bound=verdict_words.threshold_text(row, words),
                    met=row["met_count"],
                    exact=row["exact_count"],
                    median=amount(row, row["median_headroom"], words),
                    lacking=lacking,
                )
            )
        )
    return found


def table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """Projects nearest to their thresholds, those on the wrong side first."""
    found = [
        row
        for row in facts.verdicts.rows
        if row["outcome"] in ("met", "breached")
        and row["headroom_share"] is not None
        and row["threshold_unit"] in MEASURED
    ]
    found.sort(key=lambda row: (row["headroom_share"], row["headroom"], row["rule"], row["subject_id"]))
    rows = tuple(
        (
            Cell(
                verdict_words.outcome_word(row, words),
                f"tag {row['outcome']}"
                + ("-management" if (row["outcome"], row["kind"]) == ("breached", "management") else ""),
            ),
            Cell(verdict_words.rule_title(row["rule"], words), note=verdict_words.basis(row, words)),
            Cell(row["subject_name"] or row["subject_id"], note=words.place(row["county_code"], row["county_name"])),
            Cell(verdict_words.measured(row, words)),
            Cell(verdict_words.bound(row, words)),
            Cell(signed(row, words)),
            Cell(share(row, words)),
        )
        for row in found[:SHOWN]
    )
    keys = ("outcome", "rule", "project", "value", "threshold", "headroom", "headroom_share")
    left = len(found) - len(rows)
    note = words("project.headroom_note") + (words("overload.rest", count=left) if left else "")
    return Table(
        name="project_headroom",
        title=words("project.headroom_title"),
        columns=tuple(Column(words(f"column.{key}"), "", key.startswith("headroom")) for key in keys),
        rows=rows,
        query=facts.verdicts,
        also=(by_rule(facts),),
        foot=fact.foot(words, facts.week.data_through, "capacity_filing", note),
        empty=words("project.no_headroom"),
        sources=sources,
    )


def share(row: Row, words: Words) -> str:
    """A headroom by what is asked, in percent, with the decimals it takes not to look like 0 when it is not."""
    exact = row["headroom"] / (row["threshold"] * row["base"])
    for digits in range(1, MOST_DIGITS):
        text = words.percent(exact, digits, signed=exact != 0)
        if not exact or words.percent(abs(exact), digits) != words.percent(0, digits):
            return text
    return text


def signed(row: Row, words: Words) -> str:
    """A headroom with its sign; what lacks is negative."""
    sign = "+" if row["headroom"] > 0 else "−" if row["headroom"] < 0 else ""
    return sign + amount(row, abs(row["headroom"]), words)
