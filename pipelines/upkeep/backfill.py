"""Some weeks of one feed put right, and no other: late files loaded, or the kept snapshots read again.

Reading again puts what today's contract, source profiles and corrections say in the place of what was read then. The
files keep their load numbers and times, so what was known when stays as it was.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import storage, warehouse
from pipelines.contracts import Contract
from pipelines.errors import BusyError, InputRefusedError, MachineError, WrongCallError
from pipelines.feeds import incoming, ingest, questions, snapshot
from pipelines.feeds import load as loading
from pipelines.feeds.ingest import IngestResult
from pipelines.feeds.parse import contract_of, parse
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.settings import Settings
from pipelines.trust import scope
from pipelines.upkeep import reread

if TYPE_CHECKING:
    import duckdb

WEEK = dt.timedelta(weeks=1)
_ISO_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """Whole ISO weeks from the Monday `first` to the Monday `last`, both inside."""

    first: dt.date
    last: dt.date

    @property
    def condition(self) -> str:
        """SQL condition on a column `week_start`."""
        return f"week_start BETWEEN DATE '{self.first}' AND DATE '{self.last}'"

    def __str__(self) -> str:
        return (
            week_name(self.first) if self.first == self.last else f"{week_name(self.first)} to {week_name(self.last)}"
        )


@dataclass
class Reread:
    """What reading again changed: the weeks whose rows differ now, and the counts of each file that was read."""

    feed: str
    span: str
    changed_weeks: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)


def span(from_week: str, to_week: str | None = None) -> Span:
    """Return the weeks from one ISO week to another, by default that one alone.

    Raises:
        WrongCallError: a week is not written as 2026-W20, does not exist, or the last is before the first.
    """
    first = monday_of(from_week)
    last = monday_of(to_week) if to_week else first
    if last < first:
        raise WrongCallError(f"--to-week {to_week} is before --from-week {from_week}; name the earlier one first")
    return Span(first, last)


def monday_of(week: str) -> dt.date:
    """Return the Monday of an ISO week such as 2026-W20."""
    match = _ISO_WEEK.fullmatch(week.strip())
    try:
        if match:
            return dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        pass
    raise WrongCallError(f"{week!r} is no ISO week; write it as 2026-W20")


def week_name(monday: dt.date) -> str:
    """Return an ISO week as 2026-W20."""
    year, number, _ = monday.isocalendar()
    return f"{year}-W{number:02d}"


def load_files(
    settings: Settings, feed: str, weeks: Span, files: Sequence[Path], source: str | None = None
) -> IngestResult:
    """Load files like `ingest`, but only if every row that is new lies in the weeks; all files are loaded, or none.

    Rows outside the weeks that the warehouse holds already are copies and do no harm.

    Raises:
        InputRefusedError: a file is refused whole, or has new rows outside the weeks: says which weeks, how many.
        WrongCallError: the feed or source does not exist, or the feed has no weeks.
    """
    contract = _dated_contract(feed)
    parsed = [parse(settings, feed, path, source) for path in files]
    with warehouse.writer(settings) as con:
        found = _new_weeks(con, contract, parsed)
        outside = {monday: count for monday, count in found if not weeks.first <= monday <= weeks.last}
        if outside:
            listed = ", ".join(f"{week_name(monday)}: {count} rows" for monday, count in sorted(outside.items()))
            raise InputRefusedError(
                f"{feed}: {sum(outside.values())} new rows lie outside {weeks} ({listed}); nothing was loaded. Name"
                f" these weeks too (--from-week, --to-week), or load the files with `sandwatch ingest {feed}`"
            )
        result = IngestResult(feed, loading.load_into(con, contract, parsed))
    for file in parsed:
        if file.rejects_parquet:
            ingest.write_quarantine(settings, file)
        file.discard()
    return result


def _dated_contract(feed: str) -> Contract:
    contract = contract_of(feed)
    if not contract.period:
        raise WrongCallError(f"feed {feed} has no date of its own, so it has no weeks; load its files with ingest")
    return contract


def _new_weeks(
    con: duckdb.DuckDBPyConnection, contract: Contract, parsed: Sequence[ParsedFile]
) -> list[tuple[dt.date, int]]:
    """Return the weeks of the files' good rows that do not stand in the warehouse as they are, with their counts."""
    names = dict.fromkeys([*contract.key, *(contract.same or contract.columns)])
    listed = ", ".join(f'"{storage.stored_name(contract, name)}"' for name in names)
    con.begin()  # laying out gives new words their numbers: that is for the load to do
    try:
        incoming.lay_out(con, contract, parsed, {file.sha256: number for number, file in enumerate(parsed)})
        return con.execute(
            f"SELECT date_trunc('week', \"{contract.period}\")::DATE AS week_start, count(*) FROM incoming"
            f" WHERE hash({listed}) NOT IN (SELECT hash({listed}) FROM {storage.table_of(contract)}) GROUP BY 1"
        ).fetchall()
    finally:
        con.rollback()


def read_again(settings: Settings, feed: str, weeks: Span) -> Reread:
    """Read the kept files of some weeks again and put their rows in the place of those weeks' rows.

    Every file that may have rows there is read: those with stored rows in the weeks, and those with copies or rows
    put aside, whose dates are not kept. All is done in one transaction.

    Raises:
        InputRefusedError: a file reads differently outside the weeks too: names the weeks; or is refused today.
            Nothing was changed.
        WrongCallError: the feed has no weeks, or no file of it has rows there.
        MachineError: a snapshot is missing.
        BusyError: another load came in between.
    """
    contract = _dated_contract(feed)
    with warehouse.writer(settings) as con:
        wanted = reread.files_of(con, contract, weeks.condition)
    if not wanted:
        raise WrongCallError(f"no file of {feed} has rows in {weeks}; look at first_period_on in meta.load_account")
    parsed = [_parse_kept(settings, feed, file) for file in wanted]
    with warehouse.writer(settings) as con:
        if reread.files_of(con, contract, weeks.condition) != wanted:
            raise BusyError(f"{feed} was loaded while its files were read again; nothing was changed, run it again")
        con.begin()
        try:
            changes = reread.replace(con, contract, weeks.condition, wanted, parsed)
            if changes.outside:
                raise _outside_error(feed, weeks, changes.outside)
            if changes.inside:
                record_touched(con, feed, changes.inside)
                scope.forget(con, feed)  # rows that were checked are others now
            _ask(con, contract, parsed)
            con.commit()
        except BaseException:
            con.rollback()
            raise
    for file in parsed:
        if file.rejects_parquet:
            ingest.write_quarantine(settings, file)
        file.discard()
    return Reread(feed, str(weeks), [week_name(monday) for monday in changes.inside], changes.accounts)


def _ask(con: duckdb.DuckDBPyConnection, contract: Contract, parsed: Sequence[ParsedFile]) -> None:
    """Ask what reading again brought up; what was asked before stands with its count."""
    standing = set(
        con.execute("SELECT source, kind, subject FROM meta.question WHERE feed = ?", [contract.feed]).fetchall()
    )
    asked = [
        (file.source, question["kind"], question["subject"], question["row_count"], file.sha256)
        for file in parsed
        for question in file.questions
    ]
    questions.ask(con, contract, [question for question in asked if question[:3] not in standing])


def _parse_kept(settings: Settings, feed: str, file: reread.LoadedFile) -> ParsedFile:
    path = snapshot.kept_path(settings, file.sha256, Path(file.file_name).suffix.lower())
    if not path.exists():
        raise MachineError(
            f"the snapshot of load {file.load_no} {feed}/{file.file_name} is missing ({path}); nothing was changed."
            " Put it back from a backup, or ask the sender for the very same file"
        )
    try:
        found = parse(settings, feed, path, file.source)
    except InputRefusedError as error:
        raise InputRefusedError(
            f"load {file.load_no} {feed}/{file.file_name} is refused when it is read today, so nothing was changed."
            f" Mend the contract, profile or correction first. {error}"
        ) from error
    found.path = file.file_name
    return found


def _outside_error(feed: str, weeks: Span, outside: dict[dt.date, int]) -> InputRefusedError:
    listed = ", ".join(f"{week_name(monday)}: {count} rows" for monday, count in sorted(outside.items()))
    both = [weeks.first, weeks.last, *outside]
    return InputRefusedError(
        f"{feed}: the files of {weeks} read differently outside these weeks too ({listed}); nothing was changed. Name"
        f" them all: `sandwatch backfill {feed} --from-week {week_name(min(both))} --to-week {week_name(max(both))}`"
    )


def record_touched(con: duckdb.DuckDBPyConnection, feed: str, mondays: Iterable[dt.date]) -> None:
    """Tell the next build which weeks of a raw table changed without a load, and that it must run before publishing.

    A table the ledger of builds does not know yet is built whole anyway.
    """
    from pipelines.building import state

    table = f"raw.{feed}"
    known = state.built(con, table)
    if known:
        row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
        state.write(
            con, table, frozenset(mondays), state.next_no(con), known.fingerprint,
            load_no=known.load_no, row_count=row[0] if row else 0,
        )  # fmt: skip
    con.execute("DELETE FROM meta.step")
