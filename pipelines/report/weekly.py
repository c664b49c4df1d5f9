"""The weekly report of the published regulator edition: facts are read, parts composed, formats written.

A format is a function from a `Report` and its pictures to files of a folder; `FORMATS` lists them. All formats lay
out the same blocks, so no two can show different figures.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.publishing import editions
from pipelines.report import edition, facts
from pipelines.report.blocks import Report
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import data_files, page, pdf
from pipelines.report.parts import headline, health, method, overload, prices, projects, supply
from pipelines.report.words import Words
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

FORMATS: tuple[Callable[[Report, Pictures], dict[str, bytes]], ...] = (
    page.files,
    pdf.files,
    data_files.files,
)


def write(settings: Settings, week: str | None = None) -> Path:
    """Write the report of an ISO week and return its page; the same edition and week give the same bytes.

    Args:
        settings: where the editions and reports live, and the language.
        week: as 2026-W47; by default the last week whose Sunday the data reach (for filings alone: the newest's).

    Raises:
        WrongCallError: nothing is published yet, or the edition holds no such week or no dated data.
        MachineError: the editions folder is not as publishing left it.
    """
    import duckdb

    path = editions.current(settings, "regulator")
    is_simulated = settings.simulated_mark.exists()
    with duckdb.connect(str(path), read_only=True) as con:
        report = compose(con, week, settings.language, is_simulated=is_simulated)
    folder = settings.reports / report.week.iso_week
    pictures = Pictures()
    put(folder, {name: content for files in FORMATS for name, content in files(report, pictures).items()})
    return folder / page.NAME


def compose(con: duckdb.DuckDBPyConnection, week: str | None, language: str, *, is_simulated: bool = False) -> Report:
    """Return the report of a week from a connection to a regulator edition.

    Raises:
        WrongCallError: the edition holds no such week.
    """
    con.execute(f"SET TimeZone = '{TIME_ZONE}'")
    words = Words(language)
    found = edition.week_of(con, week)
    known = facts.read(edition.Edition(con, found), is_simulated=is_simulated)
    year, number = found.iso_week.split("-W")
    span = words(
        "title.week", iso_year=year, number=int(number), start=words.day(found.start), end=words.day(found.end)
    )
    through = words("title.through", ticket=words.day(found.ticket_through), quote=words.day(found.quote_through))
    parts = (prices.section, supply.section, overload.section, projects.section, health.section)
    return Report(
        language=language,
        title=words("title.report"),
        week=found,
        subtitle=f"{span} · {through}",
        notices=method.notices(known, words),
        headline=headline.headline(known, words),
        sections=tuple(part(known, words) for part in parts),
        method=method.section(known, words),
    )


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder: data first, the page last, each whole or not at all; files of an older report go."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    fresh = Path(tempfile.mkdtemp(prefix=".data-", dir=folder))
    fresh.chmod(0o750)
    for name, content in sorted(files.items()):
        if name.startswith("data/"):
            (fresh / name.removeprefix("data/")).write_bytes(content)
    if data.exists():
        shutil.rmtree(data)
    fresh.replace(data)
    for name, content in sorted(files.items()):
        if not name.startswith("data/"):
            part = folder / f".{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)
