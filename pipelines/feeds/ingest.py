"""From files to accounted rows in the warehouse, and the quarantine file a sender can mend."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines import ledger
from pipelines.errors import InputRefusedError, SandwatchError
from pipelines.feeds import load as loading
from pipelines.feeds.account import OUTCOMES
from pipelines.feeds.parse import contract_of, parse
from pipelines.feeds.parsed_file import ParsedFile, read_rejects
from pipelines.feeds.reasons import column_label, reject_message
from pipelines.settings import Settings

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload")


@dataclass
class IngestResult:
    """What became of the files of one call; `refused` holds a message a file that was refused whole."""

    feed: str
    files: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)

    def total(self, name: str) -> int:
        """Sum of one outcome over the files."""
        return sum(file[name] for file in self.files)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types: feed, rows, the six outcomes, files, refused."""
        totals = {name: self.total(name) for name in ("rows", *OUTCOMES)}
        return {"feed": self.feed, **totals, **{k: v for k, v in asdict(self).items() if k != "feed"}}


def inbox_files(settings: Settings, feed: str) -> list[tuple[Path, str]]:
    """Return the files that lie in a feed's inbox with their source, by name; unfinished ones are left out."""
    folder = settings.inbox / contract_of(feed).feed
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith((".", "~")) and path.suffix.lower() not in UNFINISHED:
            parts = path.relative_to(folder).parts
            found.append((path, parts[0] if len(parts) > 1 else "default"))
    return found


def parse_or_refuse(
    settings: Settings, feed: str, path: Path, source: str | None, known: Collection[str] = ()
) -> tuple[ParsedFile | None, dict[str, str] | None]:
    """Return a parsed file, or why it was refused whole (also written to the quarantine folder).

    `fault` of a refusal is `data`, or `machine` where our own reader broke on the file: that file is set aside
    like a bad one, so that it does not hold up the others, and is for engineers to look at.
    """
    try:
        return parse(settings, feed, path, source, known=known), None
    except InputRefusedError as error:
        message, fault = str(error), "data"
    except (SandwatchError, OSError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a parser written in Rust panics with an exception outside Exception
        message, fault = (
            f"{feed}/{path.name}: our reader broke on this file ({type(error).__name__}: {error})",
            "machine",
        )
    folder = settings.quarantine / feed
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{path.name}.refused.txt").write_text(f"{message}\n", encoding="utf-8")
    return None, {"path": path.name, "message": message[:2000], "fault": fault}


def ingest(
    settings: Settings, feed: str, files: Sequence[Path | tuple[Path, str]], source: str | None = None
) -> IngestResult:
    """Load files of a feed and return the account of every row.

    A refused file changes nothing and does not hold up the others; it is named in `refused`.

    Raises:
        WrongCallError: the feed or source does not exist.
        BusyError: another writer is at work.
    """
    known = {entry.sha256 for entry in ledger.read(settings) if entry.feed == feed}
    try:
        return _ingest(settings, feed, files, source, known)
    except loading.StaleLedgerError:
        return _ingest(settings, feed, files, source, set())


def _ingest(
    settings: Settings,
    feed: str,
    files: Sequence[Path | tuple[Path, str]],
    source: str | None,
    known: Collection[str],
) -> IngestResult:
    result = IngestResult(feed)
    parsed: list[ParsedFile] = []
    for item in files:
        path, name = item if isinstance(item, tuple) else (item, source or "default")
        file, refusal = parse_or_refuse(settings, feed, path, name, known)
        if file:
            parsed.append(file)
        if refusal:
            result.refused.append(refusal)
    return load_parsed(settings, result, parsed)


def load_parsed(settings: Settings, result: IngestResult, parsed: Sequence[ParsedFile]) -> IngestResult:
    """Load what was parsed and complete the result; rejected rows go to the quarantine as CSV."""
    if parsed:
        result.files = loading.load(settings, result.feed, parsed)
    for file in parsed:
        if file.rejects_parquet:
            write_quarantine(settings, file)
        file.discard()
    return result


def write_quarantine(settings: Settings, file: ParsedFile) -> Path:
    """Write a file's rejected rows with Chinese reasons, for the sender; return its path."""
    folder = settings.quarantine / file.feed
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{Path(file.path).stem}-{file.sha256[:8]}.csv"
    contract = contract_of(file.feed)
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["文件", "行号", "列", "原值", "原因", "原行"])
        for reject in read_rejects(file):
            reason = reject_message(
                reject["reason_code"],
                reject["line"],
                contract=contract if reject["column_name"] else None,
                column=reject["column_name"],
                value=reject["value"],
                language="zh",
            )
            name = reject["column_name"]
            label = column_label(contract, name, "zh") if name else ""
            cells = [file.path, reject["line"], label, reject["value"], reason, reject["raw_text"]]
            writer.writerow([neutral(cell) for cell in cells])
    return path


def neutral(cell: Any) -> Any:
    """Return a cell that a spreadsheet will not run as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def parsed_from_json(text: str) -> ParsedFile:
    """Return the parsed file that another task described."""
    return ParsedFile(**json.loads(text))
