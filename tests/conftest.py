"""Airflow reads its settings when it is first imported: every test session gets a home of its own before that."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pipelines.scheduler.stack_environment import airflow_home, airflow_settings
from pipelines.settings import Settings

SESSION_HOME = tempfile.TemporaryDirectory(prefix="sandwatch-airflow-")
os.environ.update(airflow_settings(Settings(home=Path(SESSION_HOME.name))))


def pytest_unconfigure() -> None:
    SESSION_HOME.cleanup()


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """The session's Airflow with its database made, for `dag.test()`; no service runs."""
    home = airflow_home(Settings(home=Path(SESSION_HOME.name)))
    home.mkdir(exist_ok=True)
    from airflow.utils.db import initdb

    initdb()
    return home
