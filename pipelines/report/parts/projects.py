"""Projects: verdicts by rule with value, threshold and clause; the rail cohort stands below them."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Query, Row, Section, Sentence, Table
from pipelines.report.charts import figures_grid
from pipelines.report.facts import Facts
from pipelines.report.parts import cohort, headroom
from pipelines.report.parts.verdict_words import basis, bound, measured, outcome_word, rule_title
from pipelines.report.words import NOTHING, Words

OUTCOMES = ("breached", "undetermined", "met", "exempted", "not_applicable", "not_in_force")
LISTED = ("breached", "undetermined", "exempted")


def section(facts: Facts, words: Words) -> Section:
    """Return the part on projects and policy; without filings it says so, the cohort is shown all the same."""
    found = list(sentences(facts, words))
    blocks: list[Table | Chart] = []
    if facts.verdicts.rows:
        found[1:1] = headroom.sentences(facts, words)
        sources = (filings(facts),)
        blocks = [
            verdict_chart(facts, words),
            verdict_table(facts, words, sources),
            headroom.table(facts, words, sources),
        ]
    else:
        found.append(Sentence(words("project.none_reported")))
    found += cohort.sentences(facts, words)
    blocks.append(cohort.table(facts, words))
    return Section("projects", words("section.projects"), tuple(found), tuple(blocks))


def filings(facts: Facts) -> Query:
    """The filing behind each verdict: its line of which file."""
    return facts.edition.query(
        "project_filings",
        "SELECT rule, subject_id AS project_id, part, judged_on, verdict, reason_code, document, clause,"
        " snapshot_sha256, line FROM policy.verdict WHERE subject_kind = 'project' ORDER BY ALL",
    )


def by_kind(facts: Facts, kind: str) -> list[Row]:
    """Breached (unmet) verdicts of rules of one kind."""
    return [row for row in facts.verdicts.rows if row["outcome"] == "breached" and row["kind"] == kind]


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """How many findings by law, how many unmet by management rule, how many open; the two are never added."""
    if not facts.verdicts.rows:
        return []
    projects = {row["subject_id"] for row in facts.verdicts.rows}
    law, unmet = by_kind(facts, "law"), by_kind(facts, "management")
    open_ones = [row for row in facts.verdicts.rows if row["outcome"] == "undetermined"]
    return [
        Sentence(
            words(
                "project.counts",
                projects=len(projects),
                law=len(law),
                law_projects=len({row["subject_id"] for row in law}),
                unmet=len(unmet),
                open=len(open_ones),
            )
        ),
        Sentence(words("project.caveat"), "muted"),
    ]


def verdict_chart(facts: Facts, words: Words) -> Chart:
    """Projects by rule and outcome."""
    counts: dict[str, dict[str, int]] = {}
    for row in facts.verdict_counts.rows:
        counts.setdefault(row["rule"], {})[row["outcome"]] = row["project_count"]
    kinds = {row["rule"]: row["kind"] for row in facts.verdict_counts.rows}
    rows = [
        (
            rule_title(rule, words) + (words("project.management_mark") if kinds[rule] == "management" else ""),
            counts[rule],
        )
        for rule in sorted(counts, key=lambda rule: (kinds[rule] != "law", rule))
    ]
    outcomes = [(outcome, words.name("outcome_key", outcome)) for outcome in OUTCOMES]
    told = words.listed(
        words(
            "project.chart_row",
            rule=title,
            counts=words.listed(f"{name} {found[code]}" for code, name in outcomes if found.get(code)),
        )
        for title, found in rows
    )
    foot = fact.foot(words, facts.week.data_through, "capacity_filing")
    return Chart(
        name="project_verdicts",
        title=words("project.chart_title"),
        unit=words("project.chart_unit"),
        alt=words("project.chart_alt", rows=told),
        draw=lambda is_narrow: figures_grid.verdicts(rows, outcomes, foot, is_narrow=is_narrow),
        query=facts.verdict_counts,
        foot=foot,
        has_narrow=True,
    )


def verdict_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """Findings, open questions and what the text exempts, project by project."""
    listed = [row for row in facts.verdicts.rows if row["outcome"] in LISTED]
    listed.sort(
        key=lambda row: (
            LISTED.index(row["outcome"]),
            row["kind"] != "law",
            row["rule"],
            str(row["county_code"]),
            row["subject_id"],
        )
    )
    rows = tuple(
        (
            Cell(
                outcome_word(row, words),
                f"tag {row['outcome']}" + ("-management" if row["kind"] == "management" else ""),
            ),
            Cell(rule_title(row["rule"], words), note=basis(row, words)),
            Cell(
                row["subject_name"] or row["subject_id"],
                note=words(
                    "project.where_when",
                    place=words.place(row["county_code"], row["county_name"]),
                    day=words.day(row["judged_on"]) if row["judged_on"] else NOTHING,
                ),
            ),
            Cell(measured(row, words)),
            Cell(bound(row, words)),
            Cell(words.name("reason", row["reason_code"], words("project.measured"))),
        )
        for row in listed
    )
    keys = ("outcome", "rule", "project", "value", "threshold", "reason")
    return Table(
        name="project_findings",
        title=words("project.table_title"),
        columns=tuple(Column(words(f"column.{key}")) for key in keys),
        rows=rows,
        query=facts.verdicts,
        foot=fact.foot(words, facts.week.data_through, "capacity_filing", words("project.table_note")),
        empty=words("project.no_finding"),
        sources=sources,
    )
