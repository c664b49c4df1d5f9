"""What we trust: runs every expectation, records what was found, and stops publishing on untrusted data.

Three outcomes stay apart: the data met it, the data did not (someone mends a feed), the check itself broke (an
engineer mends our code). Whether a rule of policy is breached is none of them.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import catalog, contracts
from pipelines.errors import CheckFailedError, MachineError
from pipelines.settings import ROOT, Settings
from pipelines.trust import scope
from pipelines.trust.check_result import CheckResult, machine_error, verdict_message

if TYPE_CHECKING:
    import duckdb

SEVERITIES = ("critical", "warning", "info")
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckSummary:
    """One run of the checks: how many, the messages of those that failed by what they mean, and the pages."""

    run_id: int
    result_count: int
    failed_critical: tuple[str, ...]
    failed_warning: tuple[str, ...]
    machine_errors: tuple[str, ...]
    docs_path: Path
    language: str = "zh"


@dataclass(frozen=True)
class MartCheck:
    """A check across tables: a SELECT whose rows are the failures."""

    name: str
    sql: str
    table: str
    severity: str
    description: str
    text_zh: str
    action: str
    action_zh: str
    columns: Mapping[str, str]


@cache
def mart_checks(folder: Path = ROOT / "expectations" / "mart") -> tuple[MartCheck, ...]:
    """Return the checks across tables, by file name.

    Raises:
        MachineError: a file has no header, or the header lacks a setting or names an unknown severity.
    """
    return tuple(_mart_check(path) for path in sorted(folder.glob("*.sql")))


def _mart_check(path: Path) -> MartCheck:
    where = f"expectations/mart/{path.name}"
    sql = path.read_text(encoding="utf-8").strip().rstrip(";")
    header = catalog.header_of(sql, where)
    wanted = {field.name for field in fields(MartCheck)} - {"name", "sql"}
    if header.keys() != wanted:
        raise MachineError(
            f"{where}: the header must give {sorted(wanted)}; it lacks {sorted(wanted - header.keys())} and has"
            f" {sorted(header.keys() - wanted)} too many"
        )
    if header["severity"] not in SEVERITIES:
        raise MachineError(f"{where}: severity {header['severity']!r} is none of {', '.join(SEVERITIES)}")
    texts = {name: " ".join(str(text).split()) for name, text in header.items() if name != "columns"}
    return MartCheck(name=path.stem, sql=sql, columns=header["columns"], **texts)


def run(con: duckdb.DuckDBPyConnection, settings: Settings, *, is_full: bool = False) -> CheckSummary:
    """Run all checks on the writer's connection, record them and write the Data Docs.

    The connection must not be inside a transaction: the checks read what is committed. The rows of the last run
    in `meta.check_result` are replaced. Data Docs lie in `data_docs/` under the home folder, what an engineer
    needs to mend a check that broke in `logs/checks.log`.

    Great Expectations looks at the rows that came since the last run that found their feed trusted (`scope`), with
    `is_full` at all rows.

    Raises:
        MachineError: a file in `expectations/mart` has no proper header.
    """
    row = con.execute("SELECT coalesce(max(run_id), 0) + 1 FROM meta.check_result").fetchone()
    run_id = int(row[0]) if row else 1
    docs = settings.home / "data_docs"
    partial = settings.home / ".data_docs.partial"
    results: list[CheckResult] = []
    scopes = {
        name: scope.scope_of(con, contract, is_full=is_full) for name, contract in contracts.contracts().items()
    }
    scope.begin(con, scopes.values())

    def validate() -> None:
        from pipelines.trust import validating

        shutil.rmtree(partial, ignore_errors=True)
        results.extend(validating.validate(con, settings, run_id, partial, scopes))

    def write_docs() -> None:
        from pipelines.trust import data_docs

        data_docs.publish(partial, docs, results, run_id, settings.language)

    with _logging_to(settings.logs / "checks.log"):
        results += [
            _run_mart_check(con, check, settings.language) for check in mart_checks() if _is_built(con, check)
        ]
        for name, step in (("great_expectations", validate), ("data_docs", write_docs)):
            if broken := _attempt(name, step, settings.language):
                results.append(broken)
    _record(con, run_id, results)
    failed = [result for result in results if not result.is_success and not result.is_machine_error]
    return CheckSummary(
        run_id=run_id,
        result_count=len(results),
        failed_critical=tuple(result.message for result in failed if result.severity == "critical"),
        failed_warning=tuple(result.message for result in failed if result.severity == "warning"),
        machine_errors=tuple(result.message for result in results if result.is_machine_error),
        docs_path=docs / "index.html",
        language=settings.language,
    )


def require(summary: CheckSummary) -> None:
    """Return if the data may be published.

    A failed critical check is told first; the machine errors of the same run stand in `meta.check_result`.

    Raises:
        CheckFailedError: a critical check failed: what, where, how much, against what, what to do.
        MachineError: a check itself broke, so that nobody knows; no word on the data.
    """
    is_english = summary.language == "en"
    if failed := summary.failed_critical:
        head = (
            f"{len(failed)} critical checks failed; nothing is published, the last good edition stays"
            if is_english
            else f"{len(failed)} 项关键检查未通过，暂停发布，保留上一次通过检查的版本"
        )
        raise CheckFailedError("\n- ".join((head, *failed)))
    if broken := summary.machine_errors:
        head = (
            f"{len(broken)} checks broke; nothing is published until they run"
            if is_english
            else f"{len(broken)} 项检查程序出错，修复前暂停发布"
        )
        raise MachineError("\n- ".join((head, *broken)))


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Send our log and that of GX to a file; GX's goes nowhere else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    theirs, ours = logging.getLogger("great_expectations"), logging.getLogger("pipelines")
    level, propagate = theirs.level, theirs.propagate
    theirs.setLevel(logging.WARNING)
    theirs.propagate = False
    for logger in (theirs, ours):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in (theirs, ours):
            logger.removeHandler(handler)
        handler.close()
        theirs.setLevel(level)
        theirs.propagate = propagate


def _attempt(name: str, step: Callable[[], None], language: str) -> CheckResult | None:
    try:
        step()
    except Exception as error:  # what breaks here is ours, whatever it is, and must not look like bad data
        LOG.exception("%s broke", name)
        return machine_error(name, "meta.check_result", name, name, "critical", repr(error), language)
    return None


def _is_built(con: duckdb.DuckDBPyConnection, check: MartCheck) -> bool:
    """Whether the tables a check reads are there; before the first build there is no figure to distrust."""
    there = {
        name for (name,) in con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
    }
    return not (catalog.tables_read(check.sql) - there) & catalog.models().keys()


def _run_mart_check(con: duckdb.DuckDBPyConnection, check: MartCheck, language: str) -> CheckResult:
    import duckdb

    feed = check.table.partition(".")[2]
    try:
        cursor = con.execute(check.sql)
        names = [column[0] for column in cursor.description or ()]
        first = cursor.fetchone()
        # Own lines: the text may end in a comment.
        total = con.execute(f"SELECT count(*) FROM (\n{check.sql}\n)").fetchone() if first else None
    except duckdb.Error as error:
        LOG.exception("check %s broke", check.name)
        return machine_error(feed, check.table, check.name, "mart_sql", check.severity, str(error), language)
    count = total[0] if total else 0
    is_english = language == "en"
    seen = f"{count} rows fail" if is_english else f"{count} 行不符"
    if first:
        shown = ", ".join(f"{name}={value}" for name, value in zip(names, first, strict=True))
        action = check.action if is_english else check.action_zh
        seen += f", first {shown}; {action}" if is_english else f"，首行 {shown}；{action}"
    what = check.description.partition(". ")[0] if is_english else check.text_zh
    return CheckResult(
        feed=feed,
        table_name=check.table,
        column_name=None,
        check_name=check.name,
        expectation="mart_sql",
        severity=check.severity,
        is_success=not count,
        observed_value=str(count),
        unexpected_count=count,
        message=verdict_message(check.table, what.rstrip("."), seen, None, "", language),
    )


def _record(con: duckdb.DuckDBPyConnection, run_id: int, results: list[CheckResult]) -> None:
    names = [field.name for field in fields(CheckResult)]
    untrusted = {result.feed for result in results if not result.is_success and result.severity == "critical"}
    is_gx_broken = "great_expectations" in untrusted
    con.begin()
    try:
        con.execute("DELETE FROM meta.check_result")
        con.executemany(
            f"INSERT INTO meta.check_result BY NAME SELECT ? AS run_id, {', '.join(f'? AS {n}' for n in names)},"
            " now() AS checked_at",
            [[run_id, *astuple(result)] for result in results],
        )
        if not is_gx_broken:
            scope.trust(con, contracts.contracts().keys() - untrusted)
        con.commit()
    except BaseException:
        con.rollback()
        raise
