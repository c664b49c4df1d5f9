"""`sandwatch sql`: one query on a published edition, in a child process with hard limits, logged.

The edition is opened read-only in a process of its own that has no settings, no environment and no way to
files or network (`query_child.py`). What the kernel limits there holds for whatever the query does; this side
ends the process when the time is over and believes nothing it says beyond the limits.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from pipelines.errors import MachineError, SandwatchError, WrongCallError
from pipelines.publishing import access_log, editions, plates, query_output
from pipelines.settings import TIME_ZONE, Settings

CHILD = Path(__file__).with_name("query_child.py")
MAX_SQL_CHARS = access_log.KEPT_SQL_CHARS  # what is run is in the log whole
MAX_CELL_CHARS = 100_000
ROWS_ONLY = "rows"  # an output without text, for callers that take the rows themselves
_KEPT_STDERR_BYTES = 4_000


class QueryRefusedError(WrongCallError):
    """Not a question to an edition: another kind of statement, or a way out of the sandbox."""

    outcome = "refused"  # in the access log


class QueryLimitError(WrongCallError):
    """The query was ended because it needed more than a limit allows."""

    outcome = "limit"


class _EditionGoneError(MachineError):
    """The version asked was pruned before the child had opened it."""


@dataclass(frozen=True)
class Limits:
    """What one query may use: seconds, MiB of memory, rows and bytes of result."""

    timeout_s: float = 30.0
    memory_mib: int = 512
    cpu_s: int = 60
    max_rows: int = 10_000
    threads: int = 2
    max_bytes: int = 32 * 2**20


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query with their types, and the text to print.

    `truncated` is set where the limit of rows or bytes has cut the result; `note` says so in words and belongs
    on stderr where `text` is for a program.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    note: str
    text: str


def run(
    settings: Settings,
    sql: str,
    *,
    edition: str = "regulator",
    output: str = "table",
    limits: Limits = Limits(),
    purpose: str = "",
    width: int | None = None,
    actor: str | None = None,
    channel: str = "sql",
    has_to_be_whole: bool = False,
) -> QueryResult:
    """Run one reading statement on a published edition and return its rows and their text.

    Args:
        settings: whose editions and access log.
        sql: one SELECT (also FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE) or an EXPLAIN of one.
        edition: regulator or public.
        output: the form of `text`: table, csv or json; rows for none.
        limits: what the query may use.
        purpose: why the asker reads this; goes to the access log.
        width: columns of a table's text, the terminal's where None.
        actor: person who asks, for the access log; by default that of the settings.
        channel: way the query came, for the access log: sql, serve ...
        has_to_be_whole: whether a result that the limits cut is refused (QueryLimitError), for callers that
            cannot say that it was cut.

    Raises:
        WrongCallError: the query has an error, is refused (QueryRefusedError), hit a limit
            (QueryLimitError), has no purpose where one is required, or nothing is published.
        MachineError: the access log cannot be written, or the child process is broken.
    """
    path, obstacle = None, None
    try:
        path = editions.current(settings, edition)
    except SandwatchError as error:
        obstacle = error  # raised after it is logged
    build = editions.build_of(path) if path else None
    with access_log.logged(
        settings, edition=edition, build=build, purpose=purpose, sql=sql, actor=actor, channel=channel
    ) as entry:
        if path is None:
            raise obstacle or MachineError(f"the {edition} edition has no file")
        try:
            result = on_file(path, sql, output=output, limits=limits, width=width)
        except _EditionGoneError:  # the newest then, and once
            newest = editions.current(settings, edition)
            result = on_file(newest, sql, output=output, limits=limits, width=width)
        if has_to_be_whole and result.truncated:
            raise QueryLimitError(f"the query was ended: {result.note}. Nothing of it was handed out")
        entry.found(
            row_count=len(result.rows),
            plates_read=plates.read(result.columns, result.rows),
            message=result.note if result.truncated else "",
        )
    return result


def on_file(
    path: Path, sql: str, *, output: str = "table", limits: Limits = Limits(), width: int | None = None
) -> QueryResult:
    """Run one reading statement on a database file of ours, as `run` does on an edition, and log nothing.

    Raises:
        WrongCallError: as for `run`.
        MachineError: the child process is broken, or the file cannot be opened.
    """
    _check_call(sql, output)
    return _result(_ask(path, sql, limits), output, limits, width)


def _check_call(sql: str, output: str) -> None:
    if output not in (*query_output.OUTPUTS, ROWS_ONLY):
        raise WrongCallError(f"the format {output!r} is not known; it takes {', '.join(query_output.OUTPUTS)}")
    if len(sql) > MAX_SQL_CHARS:
        raise QueryRefusedError(
            f"the query has {len(sql):,} characters; at most {MAX_SQL_CHARS:,} are taken: use IN (SELECT ...) "
            "or a range in place of a long list"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in sql):
        raise QueryRefusedError("the query holds bytes that are not text in UTF-8: type it again")


def _ask(path: Path, sql: str, limits: Limits) -> list[Any]:
    """Return the child's answer: the head, the rows and the end, decoded.

    Raises:
        _EditionGoneError: the file is gone, since it was published over several times in the meantime.
    """
    request = asdict(limits) | {
        "path": str(path),
        "sql": sql,
        "time_zone": TIME_ZONE,
        "max_cell_chars": MAX_CELL_CHARS,
    }
    status, answer, complaint = _run_child(json.dumps(request), limits)
    if status < 0:
        _fail_by_signal(-status, limits)
    try:
        lines = [json.loads(line) for line in answer.splitlines()]
        error = lines[-1].get("error")
        if error is None:
            return [lines[0]["columns"], lines[1:-1], lines[-1]["end"]]
    except (ValueError, LookupError, AttributeError, TypeError):
        raise MachineError(
            f"the query process gave no readable answer (exit code {status}): "
            f"{_without_paths(complaint[-500:], path)}"
        ) from None
    message = _without_paths(error["message"], path)
    match error["kind"]:
        case "refused":
            raise QueryRefusedError(f"the query is refused: {message}")
        case "limit":
            raise QueryLimitError(f"the query was ended: {message}")
        case "failed":
            raise WrongCallError(f"the query has an error. {message}")
    if not path.exists():
        raise _EditionGoneError(f"{path.name} was replaced while the query started: ask again")
    raise MachineError(f"the edition {path.name} cannot be opened: {message}. Run `sandwatch publish`")


def _run_child(request: str, limits: Limits) -> tuple[int, bytes, str]:
    """Run the child to its end; return its exit status, its answer and what it wrote to stderr."""
    with tempfile.TemporaryDirectory(prefix="sandwatch-sql-") as empty, tempfile.TemporaryFile() as question:
        question.write(request.encode())
        question.seek(0)
        try:
            child = subprocess.Popen(  # noqa: S603  # our own interpreter and file
                # Isolated: no environment, no user site, no current folder on the module path.
                [sys.executable, "-I", "-B", "-X", "utf8", str(CHILD)],
                stdin=question,  # a file and not a pipe: nothing waits for a child that does not read
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=empty,
                env={},
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"no process for the query could be started: {error.strerror}") from error
        with child:
            try:
                answer, complaint = _listen(child, limits)
                return child.wait(timeout=1), answer, complaint
            except subprocess.TimeoutExpired:
                raise QueryLimitError(
                    f"the query was ended after {limits.timeout_s:g} s: narrow the weeks in WHERE, or "
                    "aggregate before joining"
                ) from None
            finally:
                # Whatever ended the talk, also Ctrl-C here: no process stays behind.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)


def _listen(child: subprocess.Popen[bytes], limits: Limits) -> tuple[bytes, str]:
    """Return what the child writes until it closes both pipes; TimeoutExpired where that takes too long."""
    if child.stdout is None or child.stderr is None:
        raise MachineError("the query process has no pipes")
    deadline = time.monotonic() + limits.timeout_s
    out, err = child.stdout.fileno(), child.stderr.fileno()
    heard = {out: bytearray(), err: bytearray()}
    # The child counts its bytes itself; this bound is for one that does not.
    room = {out: limits.max_bytes + 2**20, err: _KEPT_STDERR_BYTES}
    with selectors.DefaultSelector() as selector:
        for pipe in heard:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(str(CHILD), limits.timeout_s)
            for key, _ in selector.select(left):
                piece = os.read(key.fd, 2**16)
                if not piece:
                    selector.unregister(key.fd)
                elif len(heard[key.fd]) < room[key.fd]:
                    heard[key.fd] += piece
    return bytes(heard[out]), heard[err].decode("utf-8", "replace")


def _fail_by_signal(number: int, limits: Limits) -> NoReturn:
    if number == signal.SIGXCPU:
        raise QueryLimitError(
            f"the query was ended after {limits.cpu_s} s of computing: narrow the weeks in WHERE, or aggregate "
            "before joining"
        )
    # A library that finds no memory where it cannot say so ends its process; so does the kernel.
    raise QueryLimitError(
        f"the query broke its process (signal {number}), most likely for want of memory (limit "
        f"{limits.memory_mib} MiB); the edition is unharmed: select fewer columns or aggregate first"
    )


def _result(answer: list[Any], output: str, limits: Limits, width: int | None) -> QueryResult:
    head, body, end = answer
    columns = tuple(name for name, _ in head)
    types = tuple(kind for _, kind in head)
    rows = tuple(tuple(query_output.typed(cell, kind) for cell, kind in zip(row, types, strict=True)) for row in body)
    note = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    if end == "rows":
        note += f" (cut at {limits.max_rows:,}: narrow the query or aggregate)"
    elif end == "bytes":
        note += f" (cut at {limits.max_bytes / 2**20:g} MiB: select fewer columns)"
    match output:
        case "csv":
            text = query_output.as_csv(columns, rows)
        case "json":
            text = query_output.as_json(columns, rows)
        case "rows":
            text = ""
        case _:
            text = query_output.as_table(columns, rows, note, width)
    return QueryResult(columns, types, rows, end != "all", note, text)


def _without_paths(message: str, path: Path) -> str:
    """Return the message without the folder that the edition lies in."""
    return message.replace(str(path), path.name).replace(str(path.parent), "editions")
