"""Airflow reads its settings when it is first imported: every test session gets a home of its own before that."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.scheduler.stack_environment import airflow_home, airflow_settings
from pipelines.settings import ROOT, Settings

SESSION_HOME = tempfile.TemporaryDirectory(prefix="sandwatch-airflow-")
os.environ.update(airflow_settings(Settings(home=Path(SESSION_HOME.name))))


# Files that run longest, first: whoever is handed one of them last keeps everybody else waiting.
LONGEST = (
    "test_scheduler", "test_end_to_end", "test_faults", "test_dags", "test_readme", "test_report", "test_regulator",
    "test_serve",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    # By itself xdist hands out the files with the most tests first; the longest one here holds a single test.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {f"{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


def pytest_unconfigure() -> None:
    SESSION_HOME.cleanup()


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Settings], None]) -> Settings:
    """A home that the first worker who asks for it makes, and all others find. Copy it: nobody writes in it."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of the whole session
    home, mark = Settings(home=folder / name / "home", actor="tester"), folder / f"{name}.made"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            make(home)
            mark.touch()
    return home


@pytest.fixture(scope="session")
def demo_city(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What `sandwatch demo --scale 0.05` leaves behind under the usual mask; to be copied, not written in."""

    def make(home: Settings) -> None:
        done = subprocess.run(  # our own command line
            [sys.executable, "-m", "pipelines", "demo", "--scale", "0.05"],
            capture_output=True, text=True, check=False, cwd=ROOT, umask=0o022,
            env={**os.environ, "SANDWATCH_HOME": str(home.home), "SANDWATCH_NOTIFY_URLS": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "demo_city", make)


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Six weeks of a small city, loaded, checked, judged and published, nobody told; to be copied, not written in."""

    def make(home: Settings) -> None:
        from pipelines import run, simulate

        simulate.write_city(home.inbox, home.home / "truth", scale=0.05, weeks=6)
        assert not any(result.refused for result in run.ingest_inbox(home))
        for step in (run.build, run.check, run.judge, run.publish):
            step(home)

    return made_once(tmp_path_factory, "small_city", make)


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """The session's Airflow with its database made, for `dag.test()`; no service runs."""
    home = airflow_home(Settings(home=Path(SESSION_HOME.name)))
    home.mkdir(exist_ok=True)
    from airflow.utils.db import initdb

    initdb()
    return home


@pytest.fixture(autouse=True)
def no_pause_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead channel is tried again at once: no test waits for seconds to pass unless it says so."""
    from pipelines.alerting import channels

    monkeypatch.setattr(channels, "PATIENCE", channels.Patience(wait_s=0.0))
