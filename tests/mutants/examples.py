"""Running a rule's examples again and again: the tests as they stand, on databases that were filled once.

The first time through, the tests run as ever and their databases are kept. Every further time they get those
databases back, filled and built, inside a transaction that is rolled back afterwards; what puts rows in does nothing,
what builds and judges makes only the tables that the mutant touches. Tests that cannot be run so (they fill their
databases by other means) are noticed, because they must stay green where nothing changed, and run as ever each time.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest

from pipelines import models, versions, warehouse
from pipelines.rules import judging, prices
from pipelines.settings import ROOT
from tests.mutants.changed import reading
from tests.mutants.remaking import Chain

PATIENCE_S = 20
MEMORY = "1GB"
Parts = dict[Any, dict[str, Callable[..., Any]]]


class Worlds:
    """The databases that some tests fill, in the order in which they ask for them.

    Raises:
        AssertionError: the tests fail on the rules as they are.
    """

    def __init__(self, items: Sequence[pytest.Item], chain: Chain) -> None:
        self.chain = chain
        self.kept: list[duckdb.DuckDBPyConnection] = []
        with reading(None, ""), _replaced(self.filled_anew(self.kept)):
            if first := _failure(items):
                raise AssertionError(f"the examples fail on the rules as they are: {first}")

    def filled_anew(self, kept: list[duckdb.DuckDBPyConnection] | None = None) -> Parts:
        """What tests run with that fill their databases themselves; the databases are added to `kept`."""
        connect, prepare = duckdb.connect, warehouse.prepare
        preparing: list[duckdb.DuckDBPyConnection] = []

        def connected(*args: Any, **kwargs: Any) -> duckdb.DuckDBPyConnection:
            con = connect(*args, **kwargs)
            # A mutant that joins everything with everything must end for want of room, not take the machine's.
            con.execute("SET memory_limit = '1GiB'; SET temp_directory = ''")
            if kept is None or preparing or not _is_in_memory(args):
                return con
            kept.append(con)  # the tests get a second connection to it, and may close that
            return con.cursor()

        def prepared(con: duckdb.DuckDBPyConnection) -> None:
            preparing.append(con)  # preparing opens databases of its own
            prepare(con)
            preparing.pop()

        return {
            duckdb: {"connect": connected},
            warehouse: {"prepare": prepared, "comment": _unsaid},
            versions: {"_wanted": _wanted},
            **self._makers(self.chain.needed | self.chain.law),
        }

    def as_kept(self, touched: set[str], opened: list[duckdb.DuckDBPyConnection]) -> Parts:
        """What tests run with that get the kept databases back, with some tables to be made anew.

        Each connection is `opened` in a transaction; closing it leaves the database as it was.
        """
        kept, connect = iter(self.kept), duckdb.connect

        def connected(*args: Any, **kwargs: Any) -> duckdb.DuckDBPyConnection:
            if not _is_in_memory(args):
                return connect(*args, **kwargs)
            opened.append(next(kept).cursor())
            opened[-1].execute(f"SET memory_limit = '{MEMORY}'")
            return opened[-1].begin()

        parts: Parts = {
            duckdb: {"connect": connected},
            warehouse: {"prepare": lambda _: None, "comment": _unsaid},
            **self._makers(touched),
        }
        parts[models]["make"] = lambda con, model: models.tables.make(con, model) if model.name in touched else None
        parts[judging]["write_law"] = lambda con: self.chain.write_law(con, touched)
        if rows := sys.modules.get("raw_rows"):
            parts[rows] = {"put": lambda *_, **__: 0, "add_account": lambda *_, **__: None}
        return parts

    def _makers(self, wanted: set[str]) -> Parts:
        chain, judge_prices = self.chain, prices.judge

        def build(con: duckdb.DuckDBPyConnection, *, after_judging: bool = False, **_: Any) -> list[str]:
            chain.build(con, wanted, after_judging=after_judging)
            return []

        def judge_prices_elsewhere(con: duckdb.DuckDBPyConnection) -> None:
            if not is_warehouse(con):  # a small world of its own, made to judge prices in
                judge_prices(con)

        return {
            models: {"build": build},
            judging: {"judge": lambda con: chain.judge(con, wanted), "comment": _unsaid},
            prices: {"judge": judge_prices_elsewhere},
        }


class Examples:
    """The examples of one rule, ready to be run on any change."""

    def __init__(self, items: Sequence[pytest.Item], worlds: Worlds) -> None:
        self.items = items
        self.worlds = worlds
        self.is_kept = bool(worlds.kept) and all(map(is_warehouse, worlds.kept))
        self.is_kept = self.is_kept and self.failure(None, "") is None

    def failure(self, path: Path | None, text: str) -> str | None:
        """Return the first example that fails where a file reads as `text`, with why; None where none does."""
        with reading(path, text), ExitStack() as stack:
            if not self.is_kept:
                stack.enter_context(_replaced(self.worlds.filled_anew()))
                return _failure(self.items)
            opened: list[duckdb.DuckDBPyConnection] = []
            touched = self.worlds.chain.touched(path) if path else set()
            stack.enter_context(_replaced(self.worlds.as_kept(touched, opened)))
            # A join without its condition may not end: that is noticed too.
            watch = threading.Timer(PATIENCE_S, lambda: [con.interrupt() for con in opened])
            watch.start()
            try:
                return _failure(self.items)
            finally:
                watch.cancel()
                for con in opened:
                    con.close()


@contextmanager
def _replaced(parts: Parts) -> Iterator[None]:
    with ExitStack() as stack:
        for module, functions in parts.items():
            for name, function in functions.items():
                stack.enter_context(mock.patch.object(module, name, function))
        yield


def _unsaid(*_: Any, **__: Any) -> None:
    """Comments on tables: half of the statements, and no example reads them."""


_WANTED: dict[str, Any] = {}
_wanted_really = versions._wanted


def _wanted(table: Any) -> Any:
    """What a fixed table looks like, found once: it opens a database each time."""
    if table.name not in _WANTED:
        _WANTED[table.name] = _wanted_really(table)
    return _WANTED[table.name]


def _is_in_memory(args: tuple[Any, ...]) -> bool:
    return not args or args[0] == ":memory:"


def is_warehouse(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a database was prepared as a warehouse."""
    found = con.execute("SELECT 1 FROM duckdb_tables() WHERE schema_name = 'meta' AND table_name = 'prepared'")
    return found.fetchone() is not None


def _failure(items: Sequence[pytest.Item]) -> str | None:
    from _pytest.runner import runtestprotocol

    try:
        for item, following in zip(items, [*items[1:], None], strict=True):
            for report in runtestprotocol(item, log=False, nextitem=following):
                if report.failed:
                    return f"{item.nodeid}: {_why(report)}"
    finally:
        items[0].session._setupstate.teardown_exact(None)
    return None


def _why(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).partition("\n")[0]


class _Collected:
    """Hands the tests of a pytest session over instead of running them."""

    def __init__(self, work: Callable[[list[pytest.Item]], None]) -> None:
        self.work = work
        self.error: BaseException | None = None
        self.is_done = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        try:
            self.work(session.items)
            self.is_done = True
        except BaseException as error:  # raised again outside the session
            self.error = error
        return True


def with_tests(files: list[str], work: Callable[[list[pytest.Item]], None]) -> None:
    """Call `work` with the tests of some files, collected but not run.

    Without conftest: it makes an Airflow home that these tests do not need, and removes it at its end.
    """
    plugin = _Collected(work)
    said = io.StringIO()
    options = ["-q", "--noconftest", "--capture=no", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={ROOT}"]
    with contextlib.redirect_stdout(said):
        pytest.main([*options, *(str(ROOT / file) for file in files)], plugins=[plugin])
    if plugin.error:
        raise plugin.error
    if not plugin.is_done:
        raise AssertionError(f"the tests could not be collected:\n{said.getvalue()}")
