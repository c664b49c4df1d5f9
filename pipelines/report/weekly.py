"""The weekly report of the published editions: facts are read, parts composed, formats written, issues kept.

A format is a function from a `Report` and its pictures to files of a folder; `FORMATS` lists them. All formats lay
out the same blocks, so no two can show different figures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import BusyError, WrongCallError
from pipelines.publishing import editions
from pipelines.report import edition, facts
from pipelines.report.blocks import Issue, Note, Report, Week
from pipelines.report.charts.pictures import Pictures
from pipelines.report.facts import Facts
from pipelines.report.formats import data_files, page, pdf, picture_files, wordfile, workbook
from pipelines.report.issuing import asking, bundle, index_page, issued, made_from, notes, revisions
from pipelines.report.issuing.made_from import MadeFrom
from pipelines.report.parts import headline, health, ledger, method, overload, prices, projects, public, supply
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
    wordfile.files,
    picture_files.files,
)

# Where the draft of an edition lies below its week.
FOLDERS = {"internal": "", "public": "public"}


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
    found = _written(settings, week, Issue())
    folder = settings.reports / found["internal"].report.week.iso_week
    for name, one in found.items():
        bundle.put(folder / FOLDERS[name], _files(one.report), one.about)
    index_page.write(settings)
    return folder / page.NAME


def question(settings: Settings, page_path: str, stage: str) -> asking.Question | None:
    """Return the question whether the stage of a week may go out; None where it is not due.

    Args:
        settings: where the reports live, and the language.
        page_path: page of the week's draft, as `write` returned it.
        stage: preliminary, of that week; final, of the week before, whose draft is written anew.
    """
    week = Path(page_path).parent.name
    week = asking.week_before(week) if stage == "final" else week
    folder = settings.reports / week
    try:
        issued.next_issue(folder, stage, "?")
    except WrongCallError:
        return None
    if stage == "final":
        write(settings, week)
    about = bundle.read(folder)
    return asking.question(about, stage, Words(settings.language)) if about else None


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
    bundles = {}
    for name, one in _written(settings, week, next_one).items():
        extra = _notice(one.report, one.changed) if one.changed and stage != "preliminary" else {}
        bundles[name] = ({**_files(one.report), **extra}, one.about)
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
    return _with_revisions(report, known.edition, made, earlier)[0]


def compose_public(
    con: duckdb.DuckDBPyConnection,
    week: Week,
    made: MadeFrom,
    language: str,
    *,
    is_simulated: bool = False,
    issue: Issue | None = None,
) -> Report:
    """Return the public report of a week from a connection to a public edition.

    Args:
        con: the connection.
        week: the week with its data-through days, as the regulator edition tells them.
        made: what the editions were made from.
        language: zh or en.
        is_simulated: whether all of it is invented, which the report then says.
        issue: which issue it is; by default a draft.
    """
    words = Words(language)
    which = dataclasses.replace(issue or Issue(), edition="public")
    report = public.report(edition.Edition(con, week), words, which, is_simulated=is_simulated)
    return dataclasses.replace(report, imprint=made.sentences(words, is_public=True))


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
    report: Report, seen: edition.Edition, made: MadeFrom, earlier: issued.Issued | None
) -> tuple[Report, revisions.Revisions | None]:
    words, name = Words(report.language), report.issue.edition
    changed = revisions.compare(earlier, report.queries, made, words, edition=name) if earlier else None
    figures = report.queries["public_supply_history"] if report.issue.is_public else None
    last = revisions_part.section(seen, changed, words, figures)
    return dataclasses.replace(report, sections=(*report.sections, last)), changed


@dataclasses.dataclass(frozen=True)
class _Written:
    """A report with what its manifest tells and what changed since the issue before."""

    report: Report
    about: dict[str, Any]
    changed: revisions.Revisions | None


def _written(settings: Settings, week: str | None, issue: Issue) -> dict[str, _Written]:
    """The internal and the public report of a week, both of one publication."""
    import duckdb

    paths = {name: editions.current(settings, name) for name in ("regulator", "public")}
    if len({editions.build_of(path) for path in paths.values()}) > 1:
        raise BusyError("the editions are being published just now; write the report when that is done")
    is_simulated = settings.simulated_mark.exists()
    with (
        duckdb.connect(str(paths["regulator"]), read_only=True) as con,
        duckdb.connect(str(paths["public"]), read_only=True) as public_con,
    ):
        for one in (con, public_con):
            one.execute(f"SET TimeZone = '{TIME_ZONE}'")
        found = edition.week_of(con, week)
        said = notes.read(settings.reports / found.iso_week / notes.NAME)
        known = facts.read(edition.Edition(con, found), is_simulated=is_simulated)
        made = made_from.read(con, found)
        earlier = _earlier(settings, found.iso_week, found.before)
        drawn = (
            (_composed(known, made, Words(settings.language), issue, said), known.edition),
            (
                compose_public(public_con, found, made, settings.language, is_simulated=is_simulated, issue=issue),
                edition.Edition(public_con, found),
            ),
        )
        reports = [_with_revisions(report, seen, made, earlier) for report, seen in drawn]
    return {
        report.issue.edition: _Written(report, _about(report, made, settings.language), changed)
        for report, changed in reports
    }


def _about(report: Report, made: MadeFrom, language: str) -> dict[str, Any]:
    week = report.week
    return {
        "iso_week": week.iso_week,
        "week_start": week.start.isoformat(),
        "language": language,
        "issue": dataclasses.asdict(report.issue),
        "data_through": week.data_through.isoformat(),
        "tiles": [dataclasses.asdict(tile) for tile in report.headline.tiles],
        "notes": [note.signed_by for note in report.notes],
        **made.to_json(is_public=report.issue.is_public),
    }


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
