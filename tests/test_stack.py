"""Starting Airflow: ports, keys, one stack a home, and services that do not start."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import psutil
import pytest

from pipelines.errors import BusyError, MachineError
from pipelines.scheduler import stack
from pipelines.scheduler.stack_environment import USER, airflow_home, free_port, service_environment
from pipelines.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path, language="en", notify_urls=("json://one", "json://two"), actor="who", auto_approve="李主任"
    )


def test_a_busy_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        busy = other.getsockname()[1]
        assert free_port(busy) not in (busy, 0)
    assert free_port(busy) == busy


def test_keys_and_password_are_made_once_and_are_private(settings: Settings) -> None:
    first, password = service_environment(settings, 1234)
    second, same = service_environment(settings, 1234)
    assert password == same
    assert len(password) >= 12
    assert first == second
    for name in ("secrets.json", "passwords.json"):
        assert stat.S_IMODE((airflow_home(settings) / name).stat().st_mode) == 0o600
    assert json.loads((airflow_home(settings) / "passwords.json").read_text(encoding="utf-8")) == {USER: password}
    assert password not in first.values()  # it stays in the file


def test_services_work_on_the_settings_of_whoever_starts_them(settings: Settings) -> None:
    environment, _ = service_environment(settings, 1234)
    assert {name: environment[name] for name in environment if name.startswith("SANDWATCH_")} == {
        "SANDWATCH_HOME": str(settings.home),
        "SANDWATCH_LANGUAGE": "en",
        "SANDWATCH_NOTIFY_URLS": "json://one json://two",
        "SANDWATCH_ACTOR": "who",
        "SANDWATCH_AUTO_APPROVE": "李主任",
    }
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:1234/execution/"
    assert "127.0.0.1" in environment["NO_PROXY"].split(",")


def without_migration(settings: Settings, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setattr(stack, "SERVICES", {"scheduler": (command, "scheduler")})
    monkeypatch.setattr(stack.Stack, "_migrate", lambda *_: None)
    assert not airflow_home(settings).exists()


def test_a_service_that_ends_is_named_with_its_last_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_migration(settings, monkeypatch, ("no-such-command",))
    with pytest.raises(MachineError, match=r"scheduler ended \(exit 2\)(.|\n)*no-such-command"):  # noqa: SIM117  # only the inner block may raise
        with stack.Stack(settings, 0):
            pytest.fail("it cannot have started")


def test_a_home_has_one_stack_and_a_service_that_never_gets_well_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_migration(settings, monkeypatch, ("scheduler", "--help"))
    monkeypatch.setattr(stack, "START_SECONDS", 2.0)
    # A service that runs and never answers.
    monkeypatch.setattr(stack.Stack, "_airflow", _sleeper)
    first = stack.Stack(settings, 0)
    seen: list[psutil.Process] = []

    def second_start(text: str) -> None:
        if "starting" not in text:
            return
        with pytest.raises(BusyError, match="already runs"):  # noqa: SIM117  # only the inner block may raise
            with stack.Stack(settings, 0):
                pytest.fail("two stacks run on one home")

    first.say = second_start
    with pytest.raises(MachineError, match=r"scheduler not healthy after 2 s"):  # noqa: SIM117  # only the inner block may raise
        with first:
            pytest.fail("it cannot be healthy")
    seen = [process for process in psutil.process_iter(["cmdline"]) if MARK in (process.info["cmdline"] or [])]
    assert seen == []
    with pytest.raises(MachineError, match="not healthy"):  # noqa: SIM117  # the lock is free again
        with stack.Stack(settings, 0):
            pytest.fail("it cannot be healthy")


MARK = "sandwatch-test-sleeper"


def _sleeper(self: stack.Stack, *_: object) -> object:
    import subprocess
    import sys

    assert self._lock
    return subprocess.Popen(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", "import time; time.sleep(600)", MARK],
        start_new_session=True,
        pass_fds=[self._lock.fileno()],
    )
