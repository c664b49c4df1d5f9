"""Who asked what of which edition, when and why, and which plates were asked for and read.

Two lines a query, with the same id: `started` is on the disk before the query runs, `ended` before its result
is handed out. A query whose process was killed half way is thereby in the log too, and what cannot be logged
is not answered. Lines where `event` is `ended` are one a finished query and hold everything. Where the lines lie:
`access_files`; how long they are kept and whether they are whole: `access_keeping`; who asks them: `access_query`.
"""

from __future__ import annotations

import os
import pwd
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.errors import SandwatchError, WrongCallError
from pipelines.publishing import access_files, plates

if TYPE_CHECKING:
    from pipelines.settings import Settings

KEPT_SQL_CHARS = 100_000
LISTED_PLATES = 2_000  # a line; their number is whole


class PurposeMissingError(WrongCallError):
    """A read of plates that does not say why, where one has to."""

    outcome = "refused"


@dataclass
class Entry:
    """A read in the log, begun and not yet ended."""

    settings: Settings
    facts: dict[str, Any]
    started: float
    answer: dict[str, Any] = field(default_factory=dict)

    def found(self, *, row_count: int, plates_read: Iterable[str] = (), message: str = "") -> None:
        """Note what the read found, for the line that `logged` writes at its end."""
        self.answer = {"row_count": row_count, "plates_read": plates_read, "message": message}

    def end(
        self, outcome: str, *, row_count: int | None = None, message: str = "", plates_read: Iterable[str] = ()
    ) -> None:
        """Write how the read ended.

        Args:
            outcome: ok, refused, failed or limit.
            row_count: rows handed out.
            message: what else the asker was told; plates in it count as read.
            plates_read: plates handed out.

        Raises:
            MachineError: the line cannot be written; the result must then not be handed out.
        """
        read = sorted({*map(plates.normal, plates_read), *plates.in_text(message)})
        self._append(
            "ended",
            outcome=outcome,
            row_count=row_count,
            duration_ms=round((time.monotonic() - self.started) * 1000),
            message=message,
            plates_read_count=len(read),
            plates_read=read[:LISTED_PLATES],
        )

    def _append(self, event: str, **result: object) -> None:
        access_files.append(self.settings, {"event": event, **self.facts, **result})


def start(
    settings: Settings,
    *,
    edition: str,
    build: int | None,
    purpose: str,
    sql: str,
    actor: str | None = None,
    channel: str = "sql",
    plates_asked: Iterable[str] = (),
) -> Entry:
    """Write that a read was asked for, before it runs.

    Args:
        settings: whose log.
        edition: regulator, public, or access_log where the log itself is read.
        build: build of the edition.
        purpose: why; a missing one is marked where plates may be read.
        sql: what is asked, SQL or the words of a verb; plates in it are found.
        actor: person, by default that of the settings; the account of the process is written too.
        channel: the way in: sql, serve, evidence, report, why, log ...
        plates_asked: plates asked for that `sql` does not name.

    Raises:
        PurposeMissingError: the settings require a purpose; the refusal is in the log.
        MachineError: the log cannot be written; the read must then not happen.
    """
    asked = sorted({*plates.asked(sql), *map(plates.normal, plates_asked)})
    is_missing = edition != "public" and not purpose.strip()
    facts = {
        "id": uuid.uuid4().hex,
        "actor": actor or settings.actor,
        "account": _account(),
        "channel": channel,
        "edition": edition,
        "build": build,
        "purpose": purpose,
        "is_purpose_missing": is_missing,
        "sql": sql[:KEPT_SQL_CHARS],
        "plates_asked_count": len(asked),
        "plates_asked": asked[:LISTED_PLATES],
    }
    entry = Entry(settings, facts, time.monotonic())
    entry._append("started")
    if is_missing and settings.is_purpose_required:
        message = (
            "the read is refused: it gives no purpose, and here every read of plates has to say why "
            "(SANDWATCH_PURPOSE_REQUIRED=1). Ask again with --purpose and a case number or a few words"
        )
        entry.end(PurposeMissingError.outcome, message=message)
        raise PurposeMissingError(message)
    return entry


@contextmanager
def logged(
    settings: Settings,
    *,
    edition: str,
    build: int | None,
    purpose: str,
    sql: str,
    actor: str | None = None,
    channel: str = "sql",
    plates_asked: Iterable[str] = (),
) -> Iterator[Entry]:
    """Write the start of a read, let it happen, and write its end with what it noted by `found`, or its error.

    What was read may be handed out only after the block. Arguments and errors as for `start`.
    """
    entry = start(
        settings, edition=edition, build=build, purpose=purpose, sql=sql, actor=actor, channel=channel,
        plates_asked=plates_asked,
    )  # fmt: skip
    try:
        yield entry
    except SandwatchError as error:
        entry.end(getattr(error, "outcome", "failed"), message=str(error))
        raise
    except BaseException as error:
        entry.end("failed", message=type(error).__name__)
        raise
    entry.end("ok", **entry.answer)


def _account() -> str:
    """Return the account of this process by its number, whatever the environment says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under an id without a name
        return f"uid {os.getuid()}"
