"""What changed since the issue before: which figures, from what to what, and what came in since."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Section, Sentence, Table
from pipelines.report.edition import Edition
from pipelines.report.issuing.revisions import Revisions, loaded_by_feed
from pipelines.report.words import NOTHING, Words

MOST = 30  # rows on the page; the file beside an issue has them all


def section(edition: Edition, revisions: Revisions | None, words: Words, figures: Query | None = None) -> Section:
    """Return the part on revisions; without an earlier issue it says so.

    Args:
        edition: the edition the report is made from.
        revisions: what changed.
        words: the language.
        figures: the listing that the changes are of, where the loads since (with names of files) may not be listed.
    """
    title = words("section.public_revisions" if figures else "section.revisions")
    if revisions is None:
        return Section("revisions", title, (Sentence(words("revision.none_before"), "muted"),))
    since = issue_name(revisions, words)
    found = []
    if revisions.changes:
        found.append(Sentence(words("revision.changed", count=len(revisions.changes), since=since), "strong"))
    else:
        found.append(Sentence(words("revision.unchanged", since=since)))
    if revisions.loads:
        files = words.listed(
            words("revision.files", feed=words.name("feed", feed), count=count)
            for feed, count in sorted(loaded_by_feed(revisions).items())
        )
        found.append(Sentence(words("revision.loaded", files=files)))
    if revisions.is_rules_changed:
        found.append(Sentence(words("revision.rules"), "strong"))
    if revisions.is_code_changed:
        found.append(Sentence(words("revision.code"), "muted"))
    blocks = (_table(edition, revisions, words, figures or _loads(edition, revisions)),) if revisions.changes else ()
    return Section("revisions", title, tuple(found), blocks)


def issue_name(revisions: Revisions, words: Words) -> str:
    """Week, stage and number of the issue that is compared with."""
    since = revisions.since
    return words(
        "revision.issue",
        iso_week=since.about["iso_week"],
        stage=words(f"issue.{since.stage}"),
        number=since.number,
    )


def _table(edition: Edition, revisions: Revisions, words: Words, query: Query) -> Table:
    rows = [
        (
            Cell(f"{change.week_start:%G-W%V}"),
            Cell(change.place),
            Cell(words("revision.of", figure=words("revision." + change.figure), subject=change.subject)),
            Cell(change.before or NOTHING, "muted"),
            Cell(change.after or NOTHING, "strong"),
            Cell(words(f"revision.because_{change.reason}", count=change.files), "muted"),
        )
        for change in revisions.changes[:MOST]
    ]
    left = len(revisions.changes) - len(rows)
    keys = ("week", "place", "figure", "before", "after", "reason")
    return Table(
        name="revisions",
        title=words("revision.title"),
        columns=tuple(Column(words(f"column.{key}"), "", key in ("before", "after")) for key in keys),
        rows=tuple(rows),
        query=query,
        foot=fact.foot(
            words,
            edition.week.data_through,
            "ticket_and_quotes",
            words("revision.more", count=left) if left else words("revision.note"),
        ),
    )


def _loads(edition: Edition, revisions: Revisions) -> Query:
    """The loads since that issue, as the edition lists them."""
    last = max((int(load["load_no"]) for load in revisions.since.about["inputs"]), default=0)
    columns = "load_no, feed, source, file_name, first_period_on, last_period_on, accepted_count"
    return edition.query(
        "loads_since",
        f"SELECT {columns} FROM meta.load_account WHERE load_no > {last} ORDER BY load_no",
    )
