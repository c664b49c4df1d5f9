"""`reports/index.html`: all weeks with what was issued of them, and `reports/latest`, which leads to the newest."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import durable
from pipelines.report.blocks import Issue
from pipelines.report.issuing import bundle, issued
from pipelines.report.words import Words
from pipelines.settings import Settings

if TYPE_CHECKING:
    import jinja2

NAME, LATEST = "index.html", "latest"
FORMATS = ("html", "pdf", "docx", "xlsx")
SERVED = (*(f".{name}" for name in FORMATS), ".csv", ".parquet", ".png", ".json", ".md")


@dataclass(frozen=True)
class Line:
    """One report of a week: the words for its issue, where it lies, its formats, and who let it out when."""

    issue: str
    folder: str
    formats: tuple[str, ...]
    approved: str


@dataclass(frozen=True)
class WeekLine:
    """A week: its name, its headline figures, and its reports, the newest issue first, the draft last."""

    iso_week: str
    tiles: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...]


def write(settings: Settings) -> Path:
    """Write the index anew, lead `latest` to the newest week with a report, and return the index.

    Raises:
        MachineError: no room, or not allowed.
    """
    words = Words(settings.language)
    weeks = [line for folder in _folders(settings) if (line := _week(folder, words)) is not None]
    page = _template().render(weeks=weeks, words=words, language=settings.language)
    path = settings.reports / NAME
    durable.write_text(path, page)
    if weeks:
        _lead(settings.reports / LATEST, weeks[0].iso_week)
    return path


def newest(settings: Settings) -> Path | None:
    """Return the newest page that people may read: the newest issue of the newest week, or its draft."""
    for folder in _folders(settings):
        if found := issued.of_week(folder):
            return found[-1].folder / "internal" / "report.html"
        if bundle.read(folder) is not None:
            return folder / "report.html"
    return None


def served(settings: Settings, name: str) -> Path | None:
    """Return the file of a report by its address below `reports/`; None for what is no file of a report.

    Nothing outside the folder is served, wherever dots and links lead, and nothing hidden.
    """
    root = settings.reports.resolve()
    if "\0" in name:
        return None
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file() or path.suffix not in SERVED:
        return None
    return None if any(part.startswith(".") for part in path.relative_to(root).parts) else path


def _folders(settings: Settings) -> list[Path]:
    return sorted((path for path in settings.reports.glob("[0-9]*-W[0-9][0-9]") if path.is_dir()), reverse=True)


def _week(folder: Path, words: Words) -> WeekLine | None:
    draft = bundle.read(folder)
    found = issued.of_week(folder)
    if draft is None and not found:
        return None
    released = {release.number: release for release in issued.releases(folder)}
    lines = []
    for one in reversed(found):
        release = released.get(one.number)
        approved = f"{release.approved_by} {release.issued_at[:10]}" if release else ""
        for edition in ("internal", "public"):
            about = bundle.read(one.folder / edition)
            if about is not None:
                at = (one.folder / edition).relative_to(folder.parent).as_posix()
                lines.append(_line(about, at, words, approved))
    drafts = {folder.name: draft, f"{folder.name}/public": bundle.read(folder / "public")}
    lines += [_line(about, at, words, "") for at, about in drafts.items() if about is not None]
    about = found[-1].about if found else draft
    return WeekLine(folder.name, tuple((about or {})["tiles"]), tuple(lines))


def _line(about: dict[str, Any], folder: str, words: Words, approved: str) -> Line:
    said = words.issue(replace(Issue(**about["issue"]), approved_by=""))
    formats = tuple(form for form in FORMATS if f"report.{form}" in about["files"])
    return Line(said, folder, formats, approved)


def _lead(link: Path, name: str) -> None:
    """Let a link lead elsewhere at once; a reader sees the old place or the new one."""
    fresh = link.with_name(f".{link.name}-{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        fresh.replace(link)
    except OSError as error:
        raise durable.machine_error(error, link) from error


@cache
def _template() -> jinja2.Template:
    import jinja2

    folder = Path(__file__).parents[1] / "formats" / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("index.html.j2")
