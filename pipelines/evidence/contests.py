"""`sandwatch contest`: somebody contests a record, somebody rules on it; both are rows of feed record_contest.

The record is frozen as the published edition had it: whatever is loaded later, what was contested can be shown. The
file that is loaded is a snapshot like any other, so a warehouse made anew from the snapshots holds the contests too.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import warehouse
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.evidence import case as cases
from pipelines.evidence.case import Case
from pipelines.feeds import ingest
from pipelines.settings import TIME_ZONE, Settings

FEED = "record_contest"
RULINGS = ("upheld", "withdrawn")
COLUMNS = ("contest_id", "record_id", "contested_on", "contested_by", "reason", "document_no", "ruling", "ruled_on",
           "frozen")  # fmt: skip
LONGEST = 4_000
MARK = "\0number "
NUMBER = re.compile(r'"\\u0000number (-?[0-9.]+(?:E[+-]?[0-9]+)?)"')


@dataclass(frozen=True)
class Recorded:
    """What was written down: the contests' numbers, the record, the ruling, and the build it is frozen at."""

    record_id: str
    contest_ids: tuple[str, ...]
    ruling: str
    day: dt.date
    frozen_build: int


def contest(
    settings: Settings, record_id: str, *, by: str, reason: str, document_no: str = "", on: dt.date | None = None
) -> Recorded:
    """Write down that a record is contested and freeze it as the published edition has it.

    Args:
        settings: whose edition and warehouse.
        record_id: record of mart.overload_record.
        by: who contests it.
        reason: what is said against it.
        document_no: number of the paper it came with.
        on: day of the contest, by default today.

    Raises:
        WrongCallError: no such record, `by` or `reason` is empty, or `by` has an open contest of the record.
        BusyError: another writer is at work.
    """
    day = on or _today()
    by, reason, document_no = _tidy("--by", by), _tidy("--reason", reason), _tidy("--document", document_no)
    if not by or not reason:
        raise WrongCallError("a contest says who contests the record and why: give --by NAME and --reason TEXT")
    _refuse_future("--on", day)
    with cases.opened(settings, f"contest {record_id}", f"contest {document_no}".strip()) as (con, build, entry):
        frozen = cases.read(con, build, record_id)
        if frozen is None:
            raise WrongCallError(cases.why_none(con, build, record_id))
        entry.found(row_count=1, plates_read={frozen["record"]["plate"]} - {None})
    known = _contests(settings, record_id)
    if mine := [row for row in known if row["ruling"] == "open" and row["contested_by"] == by]:
        raise WrongCallError(
            f"{record_id} is contested by {by} since {mine[0]['contested_on']} ({mine[0]['contest_id']}) and nobody"
            f" has ruled on it; rule first: `sandwatch contest {record_id} --ruling upheld --on DATE`, or withdrawn"
        )
    number = f"{record_id}/{len(known) + 1}"
    row = {
        "contest_id": number,
        "record_id": record_id,
        "contested_on": day,
        "contested_by": by,
        "reason": reason,
        "document_no": document_no,
        "ruling": "open",
        "ruled_on": "",
        "frozen": _as_text(frozen),
    }
    _load(settings, [row], f"{record_id}.contest-{len(known) + 1}.csv")
    return Recorded(record_id, (number,), "open", day, int(frozen["build"]))


def rule(settings: Settings, record_id: str, *, ruling: str, on: dt.date | None = None) -> Recorded:
    """Write down the ruling on all open contests of a record: upheld (it stands) or withdrawn (it is taken back).

    Raises:
        WrongCallError: no such ruling, no open contest of the record, or the day is before the contest or to come.
        BusyError: another writer is at work.
    """
    day = on or _today()
    if ruling not in RULINGS:
        raise WrongCallError(f"--ruling is {ruling!r}; it takes {' or '.join(RULINGS)}")
    cases.parts_of(record_id)
    _refuse_future("--on", day)
    known = _contests(settings, record_id)
    waiting = [row for row in known if row["ruling"] == "open"]
    if not waiting:
        told = f"ruled on: {known[-1]['ruling']} on {known[-1]['ruled_on']}" if known else "never contested"
        raise WrongCallError(
            f"no contest of {record_id} waits for a ruling ({told}); `sandwatch contest {record_id} --by NAME"
            " --reason TEXT` writes one down"
        )
    if early := [row for row in waiting if day < row["contested_on"]]:
        raise WrongCallError(
            f"--on {day} is before the contest {early[0]['contest_id']} of {early[0]['contested_on']}; name the day"
            " of the ruling"
        )
    rows = [{**row, "ruling": ruling, "ruled_on": day, "document_no": row["document_no"] or ""} for row in waiting]
    numbers = "-".join(row["contest_id"].partition("/")[2] for row in rows)
    _load(settings, rows, f"{record_id}.ruling-{numbers}.csv")
    build = json.loads(rows[-1]["frozen"])["build"]
    return Recorded(record_id, tuple(row["contest_id"] for row in rows), ruling, day, int(build))


def _contests(settings: Settings, record_id: str) -> list[dict[str, Any]]:
    """The contests of a record as they stand, from the warehouse: a load may be newer than the edition."""
    with warehouse.writer(settings) as con:
        names = ", ".join(COLUMNS)
        rows = con.execute(
            f"SELECT {names} FROM raw.{FEED} WHERE outcome = 'accepted' AND record_id = ?"
            " ORDER BY len(contest_id), contest_id",
            [record_id],
        ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _load(settings: Settings, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sandwatch-contest-") as folder:
        path = Path(folder) / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
        loaded = ingest.ingest(settings, FEED, [path])
    if loaded.refused or loaded.total("quarantined"):
        raise InputRefusedError(
            f"the contest could not be loaded: {loaded.refused or loaded.files}; report this, it is a fault of ours"
        )


def _as_text(frozen: Case) -> str:
    """JSON in plain ASCII, which no reader of files changes, with every number written as the edition wrote it."""
    text = json.dumps(frozen, default=lambda value: f"{MARK}{_digits(value)}", separators=(",", ":"))
    return NUMBER.sub(r"\1", text)


def _digits(value: Any) -> str:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} is no value of a record")
    return str(value)


def _tidy(option: str, text: str) -> str:
    """One line without blanks at its ends; a longer one is a paper, whose number can be given."""
    plain = re.sub(r"\s+", " ", text).strip()
    if len(plain) > LONGEST:
        raise WrongCallError(f"{option} has {len(plain):,} characters; at most {LONGEST:,} are kept: name the paper"
                             " with --document and say the gist")  # fmt: skip
    return plain


def _refuse_future(option: str, day: dt.date) -> None:
    if day > _today():
        raise WrongCallError(f"{option} {day} has not come yet; name the day it happened")


def _today() -> dt.date:
    return dt.datetime.now(ZoneInfo(TIME_ZONE)).date()
