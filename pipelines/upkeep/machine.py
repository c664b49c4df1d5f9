"""What the doctor finds on the machine: settings, packages, fonts, channels, disk, clock, calendar."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pipelines import durable, ledger
from pipelines.errors import MachineError, WrongCallError
from pipelines.settings import ROOT, Settings
from pipelines.upkeep.line import Line

LITTLE_ROOM_BYTES = 256 << 20
CLOCK_TOLERANCE = dt.timedelta(minutes=2)
SMALLEST_FONT_BYTES = 1 << 20


def home(settings: Settings) -> Line:
    """Whether the home folder is there and may be written."""
    where = f"{settings.home} (SANDWATCH_HOME), language {settings.language}, acting for {settings.actor}"
    if not settings.home.exists():
        return Line("settings", "attention", f"{where}: does not exist yet", "it is made by the first load or demo")
    try:
        with tempfile.TemporaryFile(dir=settings.home):
            pass
    except OSError as error:
        return Line("settings", "broken", where, str(durable.machine_error(error, settings.home)))
    if settings.simulated_mark.exists():
        return Line("settings", "ok", f"{where}: holds a simulated city")
    return Line("settings", "ok", where)


def versions() -> Iterator[Line]:
    """Whether Python and every package are in the ranges of pyproject.toml."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if not SpecifierSet(project["requires-python"]).contains(platform.python_version()):
        wanted = project["requires-python"]
        yield Line("versions", "broken", f"Python {platform.python_version()}, it takes {wanted}", "make setup")
    shown, wrong = {}, []
    for text in project["dependencies"]:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing, it takes {requirement.specifier}")
            continue
        shown[requirement.name] = version
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, it takes {requirement.specifier}")
    if wrong:
        yield Line("versions", "broken", "; ".join(wrong), "make clean setup: packages come from requirements.lock")
    else:
        named = ", ".join(
            f"{name} {shown[name]}" for name in ("duckdb", "great-expectations", "apache-airflow") if name in shown
        )
        yield Line("versions", "ok", f"Python {platform.python_version()}, {named}, {len(shown)} packages in range")


def fonts() -> Line:
    """Whether the packaged Chinese font is there: without it charts and PDF show empty boxes."""
    todo = "make clean setup: the font comes with the package pylopdf-fonts-zh-cn"
    try:
        import pylopdf_fonts_zh_cn

        path = Path(str(pylopdf_fonts_zh_cn.sans_path()))
    except (ImportError, OSError, AttributeError) as error:
        return Line("fonts", "broken", f"no Chinese font ({error})", todo)
    if not path.is_file() or path.stat().st_size < SMALLEST_FONT_BYTES:
        return Line("fonts", "broken", f"{path} is missing or cut short", todo)
    return Line("fonts", "ok", f"{path.name}, {durable.size_text(path.stat().st_size)}")


def channels(settings: Settings, *, send: bool) -> Iterator[Line]:
    """Whether messages go anywhere but into files; with `send` a test message goes over each channel."""
    import apprise

    from pipelines.alerting import channels as ways
    from pipelines.alerting import routing

    try:
        told = routing.recipients(settings)
    except WrongCallError as error:
        yield Line(
            "channels", "broken", f"the routes: {error}", "correct the file; until then no audience of it is told"
        )
        told = routing.unrouted(settings)
    if len(told) == 1 and settings.routes is None:
        yield Line(
            "channels", "attention", f"none: messages lie in {settings.alerts} only",
            "set SANDWATCH_NOTIFY_URLS to apprise addresses, or SANDWATCH_ROUTES, if someone is to be told",
        )  # fmt: skip
        return
    for channel in (recipient.channel for recipient in told):
        if isinstance(channel, ways.Address) and not apprise.Apprise().add(channel.url):
            yield Line(
                "channels", "broken", f"{channel.channel_id}: the address is not understood",
                "correct it in SANDWATCH_NOTIFY_URLS or the variable of the routes (see the apprise documentation)",
            )  # fmt: skip
        elif not send:
            yield Line("channels", "ok", f"{channel.channel_id}: configured; --send tries it")
        else:
            message = ways.Message("sandwatch doctor", "测试消息，无需处理。A test; nothing to do.", "doctor", "test")
            is_taken = channel.deliver(message)
            found = f"{channel.channel_id}: the test message was {'taken' if is_taken else 'not taken'}"
            yield (
                Line("channels", "ok", found)
                if is_taken
                else Line("channels", "broken", found, "look at the network, the address and its password")
            )


def disk(settings: Settings) -> Line:
    """Whether there is room for what home holds once more: a rebuild and a backup need it."""
    used = sum(path.stat().st_size for path in _files(settings.home))
    free = durable.free_bytes(settings.home)
    found = f"{durable.size_text(free)} free, {settings.home} takes {durable.size_text(used)}"
    if free < LITTLE_ROOM_BYTES:
        return Line("disk", "broken", found, "free some space now: the next load or publish may not fit")
    if free < used:
        return Line("disk", "attention", found, "a rebuild or a backup would not fit; free some space or move home")
    return Line("disk", "ok", found)


def clock(settings: Settings, now: dt.datetime | None = None) -> Line:
    """Whether the clock stands behind what it wrote before; moments are compared, so zones do not matter."""
    now = now or dt.datetime.now(dt.UTC)
    newest = dt.datetime.fromtimestamp(0, dt.UTC)
    what = "nothing yet"
    try:
        for entry in ledger.read(settings)[-1000:]:
            loaded_at = dt.datetime.fromisoformat(entry.loaded_at)
            if loaded_at > newest:
                newest, what = loaded_at, f"load {entry.load_no} ({entry.feed}/{entry.file_name})"
    except MachineError:
        pass  # the line about the ledger says so
    for path in [settings.warehouse, ledger.path_of(settings), settings.editions / "published.json"]:
        if path.exists():
            written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
            if written > newest:
                newest, what = written, path.name
    found = f"{now.astimezone().isoformat(timespec='seconds')}"
    if newest - now > CLOCK_TOLERANCE:
        return Line(
            "clock", "broken", f"{found}, but {what} was written {newest - now} later",
            "set the clock right (timedatectl set-ntp true). If it was ahead before, load times stay as they are:"
            " loads are ordered by number",
        )  # fmt: skip
    return Line("clock", "ok", f"{found}, last written: {what}")


def calendar(today: dt.date | None = None) -> Line:
    """Whether public holidays of this year are known; of the next year too, once December begins."""
    import chinese_calendar

    today = today or dt.datetime.now(dt.UTC).astimezone().date()
    todo = "update the package chinesecalendar (make lock, make setup); until then Monday to Friday are work days"
    for year in [today.year] + [today.year + 1] * (today.month == 12):
        try:
            chinese_calendar.is_workday(dt.date(year, 12, 31))
        except NotImplementedError:
            return Line("calendar", "attention", f"public holidays of {year} are not known", todo)
    return Line("calendar", "ok", f"public holidays of {today.year} are known")


def _files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if path.is_file() and not path.is_symlink():
                yield path
