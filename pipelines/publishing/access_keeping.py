"""Whether the access log is whole, and which of its months may be deleted: `sandwatch log verify`, `... log prune`.

The chain shows a line that was altered, taken out or put in. It cannot show that the newest lines were cut off, or
that someone who may write wrote all of it anew: for that, keep the head that `verify` prints somewhere else.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines import durable
from pipelines.errors import MachineError
from pipelines.publishing import access_files
from pipelines.publishing.access_files import Line
from pipelines.settings import TIME_ZONE

if TYPE_CHECKING:
    from pipelines.settings import Settings

MONTHS_A_YEAR = 12


@dataclass
class Verified:
    """What `verify` found; `head` is the SHA-256 of the newest line, each problem names file and line."""

    line_count: int = 0
    unchained_count: int = 0
    head: str = ""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pruned:
    """What `prune` deleted: months before `keep_from` (YYYY-MM), by file with their number of lines."""

    keep_from: str
    files: dict[str, int]


def verify(settings: Settings, head: str | None = None) -> Verified:
    """Read the whole log and return what is wrong with it.

    Args:
        settings: whose log.
        head: head of an earlier look, kept elsewhere: it must still be there.

    Raises:
        MachineError: the log cannot be read by this account.
    """
    found = Verified()
    taken_over: dict[str, str] = {}
    pruned: set[str] = set()
    kept: dict[str, list[bytes]] = {}
    first: Line | None = None
    last: Line | None = None
    is_head_there = head is None
    for line in access_files.lines(settings):
        if not line.is_chained:
            kept.setdefault(line.file, []).append(line.raw)
            found.unchained_count += 1
            continue
        found.line_count += 1
        first = first or line
        is_head_there = is_head_there or line.sha256 == head
        _look_at(line, last, found.problems)
        match (line.record or {}).get("event"):
            case "taken_over":
                taken_over[str((line.record or {}).get("file"))] = str((line.record or {}).get("sha256"))
            case "pruned":
                pruned.update((line.record or {}).get("file_names", ()))
                pruned.add(str((line.record or {}).get("last_sha256")))
        last = line
    begin = (first.record or {}).get("prev_sha256") if first else access_files.FIRST
    if begin != access_files.FIRST and begin not in pruned and first:
        found.problems.append(f"{_place(first)}: the lines before it are missing, and no pruning tells of them")
    found.problems += _before(kept, taken_over, pruned)
    if not is_head_there:
        found.problems.append(
            f"no line has the SHA-256 {head} that was noted as the head: the end was cut off, or the log written anew"
        )
    found.head = last.sha256 if last else ""
    return found


def prune(settings: Settings, today: dt.date | None = None) -> Pruned:
    """Delete the months that are older than the rule keeps, note that in the log, and return them.

    A month goes when its last day, and the day of its newest line, are more than `kept_months` of
    `sql/policy/access_log` ago, and all months before it went.

    Raises:
        MachineError: the log cannot be written, or a file not deleted.
    """
    today = today or dt.datetime.now(ZoneInfo(TIME_ZONE)).date()
    keep_from = _months_before(today, kept_months())
    try:
        with access_files.locked(settings):
            access_files.take_over(settings)
            lines: dict[str, list[Line]] = {name: [] for name in access_files.names(settings)}
            for line in access_files.lines_there(settings):
                lines[line.file].append(line)
            old: list[str] = []
            for name, its in lines.items():
                if max(access_files.month_of(name), *map(_month, its), "") >= keep_from:
                    break
                old.append(name)
            chained = [line for name in old for line in lines[name] if line.is_chained]
            if old:
                access_files.write(
                    settings,
                    {
                        "event": "pruned",
                        "keep_from": keep_from,
                        "file_names": old,
                        "line_count": sum(len(lines[name]) for name in old),
                        "last_sha256": chained[-1].sha256 if chained else None,
                    },
                )
            for name in old:
                (access_files.folder(settings) / name).unlink()
            durable.sync_folder(access_files.folder(settings))
    except OSError as error:
        raise MachineError(
            f"the access log logs/access could not be pruned ({error.strerror or error}); months that are left are "
            "whole. Run it as the account that keeps the log"
        ) from error
    return Pruned(keep_from, {name: len(lines[name]) for name in old})


def kept_months() -> int:
    """Return for how many months the rule keeps the log."""
    from pipelines.rules import policy

    return int(next(spec["value"] for rule, name, spec in policy.parameters()
                    if (rule, name) == ("access_log", "kept_months")))  # fmt: skip


def _look_at(line: Line, last: Line | None, problems: list[str]) -> None:
    before = last.sha256 if last else None
    if line.record is None:
        problems.append(f"{_place(line)}: cannot be read, torn by a power cut or altered: {line.raw[:60]!r}")
        return
    said = line.record.get("prev_sha256")
    if said is None:
        problems.append(f"{_place(line)}: bears no prev_sha256, so it was not written by the log")
    elif before is not None and said != before and last:
        problems.append(
            f"{_place(line)}: does not follow {_place(last)}, which was altered, or lines between them are missing"
        )


def _before(kept: dict[str, list[bytes]], taken_over: dict[str, str], pruned: set[str]) -> list[str]:
    """Hold the files of earlier versions against what was noted when they were taken over."""
    problems = []
    for name, digest in sorted(taken_over.items()):
        if name not in kept:
            if name not in pruned:
                problems.append(f"{name}: it was taken over and is not there any more")
            continue
        joined = b"\n".join(kept[name])
        if digest not in (hashlib.sha256(joined + end).hexdigest() for end in (b"", b"\n")):
            problems.append(f"{name}: was altered since it was taken over")
    return problems + [f"{name}: no line tells of its being taken over" for name in sorted(kept.keys() - taken_over)]


def _place(line: Line) -> str:
    return f"{line.file} line {line.number}"


def _month(line: Line) -> str:
    at = (line.record or {}).get("at")
    return at[:7] if isinstance(at, str) else ""


def _months_before(day: dt.date, months: int) -> str:
    """Return the first month that is kept: that of the day so many months ago."""
    count = day.year * MONTHS_A_YEAR + day.month - 1 - months
    return f"{count // MONTHS_A_YEAR:04}-{count % MONTHS_A_YEAR + 1:02}"
