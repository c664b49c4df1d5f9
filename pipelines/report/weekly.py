"""The weekly report of the published editions: facts are read, parts composed, formats written, issues kept.

A format is a function from a `Report` and its pictures to files of a folder; `FORMATS` lists them. All formats lay
out the same blocks, so no two can show different figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.publishing import editions
from pipelines.report import edition, facts
from pipelines.report.blocks import Issue, Note, Report
from pipelines.report.charts.pictures import Pictures
from pipelines.report.facts import Facts
from pipelines.report.formats import data_files, page, pdf, picture_files, workbook
from pipelines.report.issuing import bundle, index_page, issued, made_from, notes, revisions
from pipelines.report.issuing.made_from import MadeFrom
from pipelines.report.parts import headline, health, ledger, method, overload, prices, projects, supply
from pipelines.report.parts import revisions as revisions_part
from pipelines.report.words import Words
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

FORMATS: tuple[Callable[[Report, Pictures], dict[str, bytes]], ...] = (
    page.files,
    pdf.files,
    data_files.files,
    workbook.files,
    picture_files.files,
)


def write(settings: Settings, week: str | None = None) -> Path:
    """Write the draft of an ISO week's report and return its page; the same edition and week give the same bytes.

    Args:
        settings: where the editions and reports live, and the language.
        week: as 2026-W47; by default the last week whose Sunday the data reach (for filings alone: the newest's).

    Raises:
        WrongCallError: nothing is published yet, or the edition holds no such week or no dated data.
        InputRefusedError: the notes of the week cannot be read.
        MachineError: the editions folder is not as publishing left it, or the disk refuses.
    """
    report, about, _ = _written(settings, week, Issue())
    folder = settings.reports / report.week.iso_week
    bundle.put(folder, _files(report), about)
    index_page.write(settings)
    return folder / page.NAME


def issue(settings: Settings, week: str, stage: str, approved_by: str, reason: str = "") -> Path:
    """Issue the report of a week as the editions are now and return its folder; nobody writes it again.

    Args:
        settings: where the editions and reports live, and the language.
        week: as 2026-W47.
        stage: preliminary (初报), final (终报) or correction (更正).
        approved_by: who lets it out.
        reason: why, of a correction.

    Raises:
        WrongCallError: the stage is out of turn, nobody approves it, or a correction gives no reason.
        InputRefusedError: the notes of the week cannot be read.
        MachineError: the disk refuses; nothing was issued.
    """
    folder = settings.reports / week.strip().upper()
    next_one = issued.next_issue(folder, stage, approved_by, reason)
    report, about, found = _written(settings, week, next_one)
    extra = _notice(report, found) if found and stage != "preliminary" else {}
    files = {**_files(report), **extra}
    bundles = {"internal": (files, about)}
    target = issued.write(folder, next_one, bundles)
    index_page.write(settings)
    return target


def compose(
    con: duckdb.DuckDBPyConnection,
    week: str | None,
    language: str,
    *,
    is_simulated: bool = False,
    issue: Issue | None = None,
    written: tuple[Note, ...] = (),
    earlier: issued.Issued | None = None,
) -> Report:
    """Return the report of a week from a connection to a regulator edition.

    Args:
        con: the connection.
        week: ISO week; None is the last complete one.
        language: zh or en.
        is_simulated: whether all of it is invented, which the report then says.
        issue: which issue it is; by default a draft.
        written: notes of people on the week.
        earlier: the issue that its figures are compared with.

    Raises:
        WrongCallError: the edition holds no such week.
    """
    con.execute(f"SET TimeZone = '{TIME_ZONE}'")
    known = facts.read(edition.Edition(con, edition.week_of(con, week)), is_simulated=is_simulated)
    made = made_from.read(con, known.week)
    report = _composed(known, made, Words(language), issue or Issue(), written)
    return _with_revisions(report, known, made, earlier)[0]


def _composed(known: Facts, made: MadeFrom, words: Words, issue: Issue, written: tuple[Note, ...]) -> Report:
    found = known.week
    year, number = found.iso_week.split("-W")
    span = words(
        "title.week", iso_year=year, number=int(number), start=words.day(found.start), end=words.day(found.end)
    )
    through = words("title.through", ticket=words.day(found.ticket_through), quote=words.day(found.quote_through))
    parts = (prices.section, supply.section, overload.section, projects.section, health.section)
    return Report(
        language=words.language,
        title=words("title.report"),
        week=found,
        subtitle=f"{span} · {through}",
        notices=method.notices(known, words),
        headline=headline.headline(known, words),
        sections=tuple(part(known, words) for part in parts),
        method=method.section(known, words),
        issue=issue,
        notes=written,
        imprint=made.sentences(words),
        ledgers=ledger.ledgers(known, words),
    )


def _with_revisions(
    report: Report, known: Facts, made: MadeFrom, earlier: issued.Issued | None
) -> tuple[Report, revisions.Revisions | None]:
    words = Words(report.language)
    changed = revisions.compare(earlier, report.queries, made, words) if earlier else None
    last = revisions_part.section(known, changed, words)
    return dataclasses.replace(report, sections=(*report.sections, last)), changed


def _written(
    settings: Settings, week: str | None, issue: Issue
) -> tuple[Report, dict[str, Any], revisions.Revisions | None]:
    import duckdb

    path = editions.current(settings, "regulator")
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute(f"SET TimeZone = '{TIME_ZONE}'")
        found = edition.week_of(con, week)
        said = notes.read(settings.reports / found.iso_week / notes.NAME)
        known = facts.read(edition.Edition(con, found), is_simulated=settings.simulated_mark.exists())
        made = made_from.read(con, found)
        report = _composed(known, made, Words(settings.language), issue, said)
        report, changed = _with_revisions(report, known, made, _earlier(settings, found.iso_week, found.before))
    about = {
        "iso_week": found.iso_week,
        "week_start": found.start.isoformat(),
        "language": settings.language,
        "issue": dataclasses.asdict(issue),
        "data_through": found.data_through.isoformat(),
        "tiles": [dataclasses.asdict(tile) for tile in report.headline.tiles],
        "notes": [note.signed_by for note in report.notes],
        **made.to_json(),
    }
    return report, about, changed


def _earlier(settings: Settings, week: str, before: str) -> issued.Issued | None:
    """The newest issue of the week; where it has none, that of the week before."""
    for name in (week, before):
        if found := issued.of_week(settings.reports / name):
            return found[-1]
    return None


def _files(report: Report) -> dict[str, bytes]:
    pictures = Pictures()
    return {name: content for files in FORMATS for name, content in files(report, pictures).items()}


def _notice(report: Report, changed: revisions.Revisions) -> dict[str, bytes]:
    """What changed as a file, and the words that go with a correction or a final issue."""
    found = {"changes.csv": ("\ufeff" + revisions.as_rows(changed.changes)).encode("utf-8")}
    lines = []
    for language in ("zh", "en"):
        words = Words(language)
        since = revisions_part.issue_name(changed, words)
        lines += [
            f"# {words('title.report')} {report.week.iso_week} {words.issue(report.issue)}",
            words("issue.notice", since=since, count=len(changed.changes), reason=report.issue.reason)
            if report.issue.reason
            else words("issue.notice_final", since=since, count=len(changed.changes)),
        ]
    return found | {"notice.md": ("\n\n".join(lines) + "\n").encode("utf-8")}
