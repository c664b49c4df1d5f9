"""Projects: verdicts by rule with value, threshold and clause; the rail cohort stands below them."""

from __future__ import annotations

from decimal import Decimal

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Row, Section, Sentence, Table
from pipelines.report.charts import figures_grid
from pipelines.report.facts import Facts
from pipelines.report.parts import cohort
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import policy

OUTCOMES = ("breached", "undetermined", "met", "exempted", "not_applicable", "not_in_force")
LISTED = ("breached", "undetermined", "exempted")


def section(facts: Facts, words: Words) -> Section:
    """Return the part on projects and policy; without filings it says so, the cohort is shown all the same."""
    found = list(sentences(facts, words))
    blocks: list[Table | Chart] = []
    if facts.verdicts.rows:
        blocks = [verdict_chart(facts, words), verdict_table(facts, words)]
    else:
        found.append(Sentence(words("project.none_reported")))
    found += cohort.sentences(facts, words)
    blocks.append(cohort.table(facts, words))
    return Section("projects", words("section.projects"), tuple(found), tuple(blocks))


def rule_title(rule: str, words: Words) -> str:
    """Title of a rule, as its folder states it."""
    return policy.rules()[rule].title[words.language]


def outcome_word(row: Row, words: Words) -> str:
    """A verdict in words: a management rule unmet is 未达管理指标, never a breach of the document."""
    if row["outcome"] == "breached" and row["kind"] == "management":
        return words("outcome.unmet_management")
    return words.name("outcome", row["outcome"])


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


def verdict_table(facts: Facts, words: Words) -> Table:
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
    )


def clause(document: str, number: str, words: Words) -> str:
    """Short name of a document with the clause."""
    return words("word.clause", document=words.name("document", document), clause=number)


def basis(row: Row, words: Words) -> str:
    """The clause a verdict rests on; a management rule only follows it."""
    named = clause(row["document"], row["clause"], words)
    return words("project.after", clause=named) if row["kind"] == "management" else named


def measured(row: Row, words: Words) -> str:
    """The measured value in the unit of its rule; a share is never rounded onto its threshold."""
    unit, value, base = _unit(row), row["value"], row["base"]
    if value is None or unit == "present":
        return NOTHING
    if unit == "share":
        if not base:
            return NOTHING
        shown = exact_percent(Decimal(value) / Decimal(base), row["threshold"])
        return words("project.share_of", share=shown, part=words.number(value), whole=words.number(base))
    if unit == "years":
        if not base:
            return NOTHING
        return words("project.years", years=exact(Decimal(value) / Decimal(base), row["threshold"]))
    if unit == "days before construction":
        part = policy.rules()[row["rule"]].parts[row["part"]]["title"][words.language]
        return words("project.days_before" if value >= 0 else "project.days_after", part=part, days=abs(int(value)))
    return words("project.t_per_year", t=words.number(value))


def bound(row: Row, words: Words) -> str:
    """The threshold with its comparison, in the unit of its rule."""
    unit, threshold = _unit(row), row["threshold"]
    if threshold is None:
        return NOTHING
    if unit == "present":
        return words("project.must_be_present")
    sign = SIGNS[row["must_be"]] + "\u00a0"
    if unit == "share":
        return f"{sign}{words.percent(threshold, 0)}"
    if unit == "years":
        return f"{sign}{words('project.years', years=words.number(threshold))}"
    if unit == "days before construction":
        return words("project.before_construction")
    return f"{sign}{words('project.t_per_year', t=words.number(threshold))}"


def _unit(row: Row) -> str:
    """Unit of the part that decided; a filing without a date has no threshold to take it from."""
    return str(policy.rules()[row["rule"]].parts[row["part"]]["unit"])


def exact(value: Decimal, threshold: Decimal | None, digits: int = 1) -> str:
    """A number with as many decimals as it takes not to look like the threshold when it is not."""
    if threshold is None:
        return f"{value:.{digits}f}"
    for places in range(digits, 9):
        text = f"{value:.{places}f}"
        if value == threshold or Decimal(text) != threshold:
            return text
    return str(value)


def exact_percent(share: Decimal, threshold: Decimal | None) -> str:
    """The same for a share, in percent."""
    return f"{exact(share * 100, None if threshold is None else threshold * 100)}%"
