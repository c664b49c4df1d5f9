"""A tiny city to break things on, and what a warehouse or edition holds, without clocks, to compare two of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from pipelines import simulate
from pipelines.settings import ROOT, Settings

CLOCKS = ("loaded_at", "first_seen_at", "finished_at", "checked_at", "judged_at", "run_id")
# Which run did what, counted and timed, and what the last checks saw: about the runs, not about the data.
ABOUT_RUNS = (
    "meta.step", "meta.check_result", "meta.prepared", "meta.built_table", "meta.built_week",
    "meta.published_edition",
)  # fmt: skip
FEEDS = ("capacity_filing", "price_quote", "site_register", "weighbridge_ticket")


def write(home: Path, *, weeks: int = 2) -> Settings:
    """Write a city's inbox and return its settings; nothing is loaded."""
    settings = Settings(home=home, actor="faults")
    simulate.write_city(settings.inbox, home / "truth", scale=0.05, weeks=weeks)
    for path in settings.inbox.rglob("*"):
        if path.is_file():
            settle(path)
    return settings


def hold_back(settings: Settings, later: Path) -> int:
    """Move the tickets of the last week out of the inbox and return how many files that were."""
    folder = settings.inbox / "weighbridge_ticket"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    newest = max(path.stem[-8:] for path in files)
    moved = [path for path in files if path.stem.endswith(newest)]
    for path in moved:
        target = later / path.relative_to(settings.inbox)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    return len(moved)


def settle(path: Path) -> None:
    """Make a file look as if it was finished a while ago."""
    os.utime(path, (time.time() - 3600, time.time() - 3600))


def copy_home(settings: Settings, home: Path) -> Settings:
    """Return the same home once more, elsewhere."""
    shutil.copytree(settings.home, home, symlinks=True)
    return Settings(home=home, actor=settings.actor)


def remove(home: Path) -> None:
    """Remove a home; its editions lie in a closed folder."""
    for folder in home.rglob("editions"):
        folder.chmod(0o755)
    shutil.rmtree(home, ignore_errors=True)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a child that works on this home."""
    return {**os.environ, "SANDWATCH_HOME": str(settings.home), "SANDWATCH_NOTIFY_URLS": "", "PYTHONPATH": str(ROOT)}


def start(settings: Settings, *words: str, module: str = "pipelines") -> subprocess.Popen[str]:
    """Start a verb as a process of its own."""
    return subprocess.Popen(  # noqa: S603  # our own verbs
        [sys.executable, "-m", module, *words],
        cwd=ROOT, env=environment(settings), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def call(settings: Settings, *words: str, module: str = "pipelines") -> None:
    """Run a verb to its end; anything but success is an error with its last words."""
    child = start(settings, *words, module=module)
    _, heard = child.communicate(timeout=300)
    if child.returncode != 0:
        raise AssertionError(f"sandwatch {' '.join(words)} ended with {child.returncode}: {heard[-2000:]}")


def contents(path: Path) -> dict[str, tuple[int, int]]:
    """Return rows and a sum of row hashes of every table of a file; two files with equal data give the same."""
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        return {table: _digest(con, table) for table in tables(con)}


def open_whole(path: Path) -> int:
    """Open a file as a reader does and count the rows of all its tables."""
    with duckdb.connect(str(path), read_only=True) as con:
        counts = [con.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables(con)]
    return sum(count[0] for count in counts if count)


def tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tables whose rows are data; a raw table may be a view over narrower storage."""
    rows = con.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
        " WHERE NOT temporary AND database_name = current_database() AND schema_name <> 'store'"
        " UNION ALL SELECT schema_name || '.' || view_name FROM duckdb_views()"
        " WHERE NOT internal AND database_name = current_database() AND schema_name = 'raw' ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows if name not in ABOUT_RUNS]


def data_columns(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return the columns of a table that hold data, quoted and listed."""
    names = [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall() if row[0] not in CLOCKS]
    return ", ".join(f'"{name}"' for name in names)


def _digest(con: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    data = f"SELECT {data_columns(con, table)} FROM {table}"
    row: Any = con.execute(f"SELECT count(*), coalesce(sum(hash(r)::HUGEINT), 0) FROM ({data}) AS r").fetchone()
    return int(row[0]), int(row[1])
