"""What was issued of a week: numbered folders that nobody writes again, and a log of who let them out when."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines import durable
from pipelines.errors import WrongCallError
from pipelines.report.blocks import Issue
from pipelines.report.issuing import bundle

FOLDER, LOG = "issued", "log.jsonl"
STAGES = ("preliminary", "final", "correction")


@dataclass(frozen=True)
class Issued:
    """One issue of a week: number, stage, its folder (with `internal` and `public`), and its manifest."""

    number: int
    stage: str
    folder: Path
    about: dict[str, Any]


@dataclass(frozen=True)
class Release:
    """A line of the log: which issue, who let it out, when, why, and the SHA-256 of its manifest."""

    number: int
    stage: str
    approved_by: str
    reason: str
    issued_at: str
    manifest_sha256: str


def of_week(folder: Path) -> list[Issued]:
    """Return what was issued of a week, the oldest first.

    Args:
        folder: the week's folder below `reports/`.
    """
    found = []
    for path in sorted((folder / FOLDER).glob("[0-9][0-9]-*")):
        about = bundle.read(path / "internal")
        if about is not None:
            number, stage = path.name.split("-", 1)
            found.append(Issued(int(number), stage, path, about))
    return found


def releases(folder: Path) -> list[Release]:
    """Return the log of a week, the oldest first."""
    path = folder / FOLDER / LOG
    if not path.is_file():
        return []
    return [Release(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def next_issue(folder: Path, stage: str, approved_by: str, reason: str = "") -> Issue:
    """Return the issue that may come next in a week.

    Raises:
        WrongCallError: no such stage, nobody approves it, it is out of turn, or a correction gives no reason.
    """
    if stage not in STAGES:
        raise WrongCallError(f"the stage is {stage!r}; it takes {', '.join(STAGES)}")
    if not approved_by.strip():
        raise WrongCallError("an issue needs the name of who lets it out: give --by NAME")
    before = [one.stage for one in of_week(folder)]
    week = folder.name
    if stage == "preliminary" and before:
        raise WrongCallError(f"{week} was issued already ({', '.join(before)}); issue a final or a correction")
    if stage != "preliminary" and not before:
        raise WrongCallError(f"{week} has no preliminary issue (初报) yet: issue that first")
    if stage == "final" and "final" in before:
        raise WrongCallError(f"{week} has its final issue (终报) already; issue a correction with its reason")
    if stage == "correction" and not reason.strip():
        raise WrongCallError("a correction (更正) needs its reason: give --reason TEXT")
    return Issue("internal", stage, len(before) + 1, approved_by.strip(), reason.strip())


def write(folder: Path, issue: Issue, bundles: Mapping[str, tuple[bundle.Files, Mapping[str, Any]]]) -> Path:
    """Freeze the bundles of an issue, note it in the log and return its folder.

    Raises:
        WrongCallError: the folder exists.
        MachineError: no room, or not allowed; nothing was issued.
    """
    target = folder / FOLDER / f"{issue.number:02d}-{issue.stage}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.machine_error(error, target.parent) from error
    bundle.freeze(target, bundles)
    release = Release(
        number=issue.number,
        stage=issue.stage,
        approved_by=issue.approved_by,
        reason=issue.reason,
        issued_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        manifest_sha256=durable.sha256_of(target / "internal" / bundle.MANIFEST),
    )
    with (target.parent / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(asdict(release), ensure_ascii=False) + "\n")
        log.flush()
        os.fsync(log.fileno())
    return target
