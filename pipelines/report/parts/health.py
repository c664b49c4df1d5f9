"""Health of the feeds: what was expected and seen, what was put aside, what is open, which checks failed."""

from __future__ import annotations

from pipelines import contracts
from pipelines.alerting.channels import without_plates
from pipelines.contracts import Contract
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Row, Section, Sentence, Table
from pipelines.report.charts import figures_grid
from pipelines.report.facts import Facts
from pipelines.report.parts import gaps, put_aside
from pipelines.report.words import NOTHING, Words

REGULAR = ("daily", "weekly")  # the other feeds come when there is something to tell


def section(facts: Facts, words: Words) -> Section:
    """Return the part on the health of the feeds."""
    blocks: list[Table | Chart] = []
    if facts.city is not None:
        blocks.append(completeness_chart(facts, words))
    if facts.city is not None:
        blocks += [gaps.county_table(facts, words), gaps.gap_table(facts, words)]
    blocks += [
        gaps.chase_table(facts, [(feed, source) for feed, source, _ in silent(facts)], words),
        feed_table(facts, words),
        put_aside.reject_table(facts, words),
        put_aside.correction_table(facts, words),
        question_table(facts, words),
        check_table(facts, words),
    ]
    return Section("health", words("section.health"), tuple(sentences(facts, words)), tuple(blocks))


def sentences(facts: Facts, words: Words) -> list[Sentence]:
    """Completeness, places that cannot be compared, silent sources, open questions and failed checks."""
    found = []
    if facts.city is None:
        found.append(Sentence(words("health.no_tickets"), "strong"))
    elif not facts.city["expected_day_count"]:
        found.append(Sentence(words("health.none_expected"), "strong"))
    else:
        found.append(
            Sentence(
                words(
                    "health.city",
                    seen=facts.city["seen_day_count"],
                    expected=facts.city["expected_day_count"],
                    share=words.percent(facts.city["completeness_share"]),
                )
            )
        )
        low = incomplete_counties(facts)
        if low:
            names = words.listed(words.place(row["county_code"], row["county_name"]) for row in low)
            least = words.percent(fact.least_completeness(), 0)
            found.append(Sentence(words("health.low", names=names, least=least), "strong"))
    found += gaps.sentences(facts, words)
    quiet = silent(facts)
    if quiet:
        names = words.listed(words.name("feed", feed) + (f"/{source}" if source else "") for feed, source, _ in quiet)
        found.append(Sentence(words("health.silent", names=names), "strong"))
    found += put_aside.sentences(facts, words)
    failed = [row for row in facts.checks.rows if not row["is_success"]]
    if facts.checks.rows:
        total, questions = len(facts.checks.rows), len(facts.questions.rows)
        found.append(Sentence(words("health.checks", total=total, failed=len(failed), questions=questions)))
    else:
        found.append(Sentence(words("health.not_checked"), "strong"))
    return found


def incomplete_counties(facts: Facts) -> list[Row]:
    """Counties whose week was not seen well enough to be compared."""
    return [
        row
        for row in facts.supply.rows
        if not row["is_city"] and row["expected_day_count"] and fact.is_incomplete(row["completeness_share"])
    ]


def silent(facts: Facts) -> list[tuple[str, str, Contract]]:
    """Feeds that never came, and sources of regular feeds quiet for longer than their contract allows."""
    found = []
    for feed, contract in contracts.contracts().items():
        rows = [row for row in facts.feeds.rows if row["feed"] == feed]
        if not rows and contract.is_owed:
            found.append((feed, "", contract))
        found += [(feed, str(row["source"]), contract) for row in rows if is_stale(row, contract, facts)]
    return found


def is_stale(row: Row, contract: Contract, facts: Facts) -> bool:
    """Whether a source of a regular feed is quiet for longer than its contract allows."""
    if contract.cadence not in REGULAR or row["last_on"] is None:
        return False
    return bool((facts.week.end - row["last_on"]).days > contract.max_age_days)


def completeness_chart(facts: Facts, words: Words) -> Chart:
    """Share of the expected site-days seen, by place and week."""
    code, name = facts.city_place
    places = [(place, words.place(place, given)) for place, given in ((code, name), *facts.counties)]
    shares = {
        (row["county_code"], row["week_start"]): (
            None if row["completeness_share"] is None else float(row["completeness_share"])
        )
        for row in facts.supply_history.rows
    }
    weeks = facts.weeks(fact.HEALTH_WEEKS)
    foot = fact.foot(words, facts.week.ticket_through, "ticket_and_register")
    told = words.listed(
        f"{label} {words.whole_percent(shares.get((place, facts.week.start)))}" for place, label in places
    )
    return Chart(
        name="completeness",
        title=words("health.chart_title"),
        unit="%",
        alt=words("health.chart_alt", weeks=len(weeks), rows=told),
        draw=lambda is_narrow: figures_grid.completeness(
            shares, places, weeks, fact.least_completeness(), words, foot, is_narrow=is_narrow
        ),
        query=facts.supply_history,
        foot=foot,
        has_narrow=True,
    )


def feed_table(facts: Facts, words: Words) -> Table:
    """Rows of each source in the week; a feed that never came has its line too."""
    rows = []
    for feed, contract in contracts.contracts().items():
        sent = sorted((row for row in facts.feeds.rows if row["feed"] == feed), key=lambda row: str(row["source"]))
        name = words.name("feed", feed)
        if not sent and contract.is_owed:
            rows.append(
                (
                    Cell(name),
                    Cell(NOTHING),
                    Cell(words("word.not_reported"), "strong"),
                    *[Cell(NOTHING)] * 7,
                    Cell(contract.who_fixes),
                )
            )
        for row in sent:
            is_late = is_stale(row, contract, facts)
            has_file = bool(row["file_count"])
            counts = ("row_count", "accepted_count", "duplicate_count", "superseded_count", "quarantined_count")
            rows.append(
                (
                    Cell(name),
                    Cell(words.name("source_profile", row["source"])),
                    Cell(
                        words.day(row["last_on"]) if row["last_on"] else words("health.without_dates"),
                        "strong" if is_late else "",
                        words("health.late") if is_late else "",
                    ),
                    *(Cell(words.number(row[column]) if has_file else NOTHING) for column in counts),
                    Cell(words.percent(row["quarantined_share"], 2)),
                    Cell(words.number(row["total_row_count"])),
                    Cell(contract.who_fixes),
                )
            )
    keys = (
        "feed",
        "source",
        "last_on",
        "rows",
        "accepted",
        "duplicate",
        "superseded",
        "quarantined",
        "quarantined_share",
        "total_rows",
        "who_fixes",
    )
    return Table(
        name="feeds",
        title=words("health.feed_title"),
        columns=tuple(Column(words(f"column.{key}"), "", 2 < place < 10) for place, key in enumerate(keys)),
        rows=tuple(rows),
        query=facts.feeds,
        foot=fact.foot(words, facts.week.data_through, "accounts", words("health.feed_note")),
    )


def question_table(facts: Facts, words: Words) -> Table:
    """What is unknown and who can answer; the rows stay in."""
    rows = tuple(
        (
            Cell(words.name("feed", row["feed"])),
            Cell(words.name("source_profile", row["source"])),
            Cell(words.name("question", row["kind"])),
            Cell(without_plates(words.name("subject", row["subject"]))),
            Cell(words.number(row["row_count"])),
            Cell(row["owner"]),
        )
        for row in sorted(
            facts.questions.rows, key=lambda row: (row["feed"], row["kind"], row["subject"], row["source"])
        )
    )
    keys = ("feed", "source", "question", "subject", "rows", "owner")
    return Table(
        name="questions",
        title=words("health.question_title"),
        columns=tuple(Column(words(f"column.{key}"), "", key == "rows") for key in keys),
        rows=rows,
        query=facts.questions,
        foot=fact.foot(words, facts.week.data_through, "questions", words("health.question_note")),
        empty=words("health.no_question"),
    )


def check_table(facts: Facts, words: Words) -> Table:
    """Checks that failed in the last run before publishing."""
    failed = sorted(
        (row for row in facts.checks.rows if not row["is_success"]),
        key=lambda row: (("critical", "warning", "info").index(row["severity"]), row["check_name"]),
    )
    rows = tuple(
        (
            Cell(words.name("severity", row["severity"])),
            Cell(row["table_name"]),
            Cell(row["check_name"], note=words("health.machine_error") if row["is_machine_error"] else ""),
            Cell(words.number(row["unexpected_count"])),
        )
        for row in failed
    )
    keys = ("severity", "table", "check", "unexpected")
    return Table(
        name="failed_checks",
        title=words("health.check_title"),
        columns=tuple(Column(words(f"column.{key}"), "", key == "unexpected") for key in keys),
        rows=rows,
        query=facts.checks,
        foot=fact.foot(words, facts.week.data_through, "checks"),
        empty=words("health.no_failed_check") if facts.checks.rows else words("health.not_checked"),
    )
