"""`sandwatch evidence`: one PDF of one overload record, from the published regulator edition and the kept file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipelines import durable, typesetting
from pipelines.errors import WrongCallError
from pipelines.evidence import case as cases
from pipelines.evidence import kept_file, page
from pipelines.evidence.words import Words
from pipelines.settings import Settings

# A plate is in it: for the account and its group.
MODE = 0o640
FOLDER = "evidence"


@dataclass(frozen=True)
class Written:
    """The PDF of a record: where it lies, its verdict, and what a reader must know of it.

    `snapshot` is whole, altered or gone; `contest` is None, or the state of the contested record now (same, changed,
    gone).
    """

    path: Path
    record_id: str
    build: int
    verdict: str
    snapshot: str
    contest: str | None


def write(
    settings: Settings, record_id: str, *, out: Path | None = None, language: str | None = None, purpose: str = ""
) -> Written:
    """Write the evidence of a record as a PDF and return where it lies.

    A contested record is shown as it was frozen when it was contested, with what changed since. The look into the
    edition is in the access log. The same edition, file and purpose give the same bytes.

    Args:
        settings: whose edition, snapshots and `evidence/`.
        record_id: record of mart.overload_record, or of mart.contested_record where it is gone from there.
        out: another place for the file, ending with .pdf; what lies there is replaced.
        language: zh or en, by default that of the settings.
        purpose: why; goes to the access log and stands on the page.

    Raises:
        WrongCallError: no such record (the message says what is known of the id), nothing published, or `out` is no
            .pdf.
        MachineError: the access log or the file cannot be written.
    """
    if out is not None and (out.suffix.lower() != ".pdf" or out.is_dir()):
        raise WrongCallError(f"--out {out}: the evidence is one PDF; name a file that ends with .pdf")
    cases.parts_of(record_id)
    words = Words(language or settings.language)
    with cases.opened(settings, f"evidence {record_id}", purpose) as (con, build, entry):
        now = cases.read(con, build, record_id)
        contest = cases.contested(con, build, record_id)
        shown = contest["frozen"] if contest else now
        if shown is None:
            raise WrongCallError(cases.why_none(con, build, record_id))
        plates = {case["record"]["plate"] for case in (now, shown) if case}
        entry.found(row_count=1, plates_read=plates - {None})
    proof = kept_file.prove(settings, shown)
    content = typesetting.pdf(
        page.TEMPLATE, page.page(shown, proof, words, contest=contest, now=now, purpose=purpose)
    )
    path = out or settings.home / FOLDER / f"{record_id}.build-{build}.{words.language}.pdf"
    _write(path, content)
    verdict = str(shown["record"]["verdict"])
    return Written(path, record_id, build, verdict, proof.state, contest["state_now"] if contest else None)


def _write(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, for the account and its group only."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE)
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        partial.chmod(MODE)
        partial.replace(path)
        durable.sync_folder(path.parent)
    except OSError as error:
        raise durable.machine_error(error, path) from error
    finally:
        partial.unlink(missing_ok=True)
