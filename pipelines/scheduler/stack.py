"""Airflow on one machine: its three services as child processes that only this machine can reach.

`airflow standalone` is not used: it opens log servers on every address. This module never imports Airflow.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

import psutil

from pipelines import settings as settings_module
from pipelines.errors import BusyError, MachineError, SandwatchError
from pipelines.scheduler.stack_api import HOST, Api
from pipelines.scheduler.stack_environment import USER, airflow_home, free_port, service_environment
from pipelines.settings import Settings

PREFERRED_PORT = 8080
START_SECONDS, STOP_SECONDS = 180.0, 20.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, a supervisor, a closed terminal
POOL = ("warehouse", "one slot: one writer at a time")
# name: (arguments, its part of the health page)
SERVICES: dict[str, tuple[tuple[str, ...], str]] = {
    # The scheduler's log server would listen on every address; on one machine the page reads the log files.
    "scheduler": (("scheduler", "--skip-serve-logs"), "scheduler"),
    "dag-processor": (("dag-processor",), "dag_processor"),
    "api-server": (("api-server", "--host", HOST), "metadatabase"),
}


class Stack:
    """The api-server, the scheduler and the dag-processor of one home folder, for the time of a `with` block.

    Entering returns when all three are healthy; leaving ends them and everything they started.

    Args:
        settings: whose home holds Airflow's database, its login and its logs.
        port: of the web page and the API; 0 takes any free one, a busy one is replaced by a free one.
        say: receives lines of progress.

    Raises:
        BusyError: a stack of this home is running already.
        MachineError: a service did not start.
    """

    def __init__(
        self, settings: Settings, port: int = PREFERRED_PORT, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.port = free_port(port)
        self.api = Api(self.port, USER, "")
        self.say = say
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: dict[int, psutil.Process] = {}
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """Address of the web page."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def processes(self) -> list[psutil.Process]:
        """Return all processes that the stack has started and that still run."""
        for service in self._services.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(service.pid)
                self._seen.update({process.pid: process for process in (parent, *parent.children(recursive=True))})
        self._seen = {pid: process for pid, process in self._seen.items() if process.is_running()}
        return list(self._seen.values())

    def watch(self) -> None:
        """Return never; wait as long as all services run.

        Raises:
            MachineError: a service has ended by itself; names it, with the end of its log.
        """
        while True:
            self._require_running()
            self.processes()
            time.sleep(1)

    def stop(self) -> None:
        """End the services and all they started; a task that runs has some seconds to finish. Can be repeated."""
        self.processes()
        # Tasks report to the API server, and wait long for one that is gone: it is ended last.
        first = [service for name, service in self._services.items() if name != "api-server"]
        for group in (first, list(self._services.values())):
            _end(group)
        self._services.clear()
        # Tasks run in process groups of their own: what outlived its parent is ended one by one.
        left = [process for process in self._seen.values() if process.is_running()]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        if self._lock:
            self._lock.close()
            self._lock = None

    def _start(self) -> None:
        environment, self.api.password = service_environment(self.settings, self.port)
        self._take_lock()
        self._migrate(environment)
        self.say(f"Airflow: starting {', '.join(SERVICES)}")
        for name, (arguments, _) in SERVICES.items():
            port = ("--port", str(self.port)) if name == "api-server" else ()
            self._services[name] = self._airflow(name, (*arguments, *port), environment)
        running = ", ".join(f"{name} {service.pid}" for name, service in self._services.items())
        self._note(f"{self.url}, processes: {running}")
        self._wait_until_healthy()

    def _take_lock(self) -> None:
        # The services inherit the lock: it is free again only when the last of them has ended.
        lock = (airflow_home(self.settings) / ".running.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise BusyError(f"Airflow already runs on {self.settings.home} ({holder}); stop it first") from error
        self._lock = lock
        self._note("starting")

    def _note(self, text: str) -> None:
        if self._lock:
            self._lock.seek(0)
            self._lock.truncate()
            self._lock.write(f"process {os.getpid()}: {text}")
            self._lock.flush()

    def _migrate(self, environment: Mapping[str, str]) -> None:
        version = importlib.metadata.version("apache-airflow-core")
        done = airflow_home(self.settings) / f"migrated-{version}"
        if done.exists():
            return
        self.say("Airflow: preparing its database (once)")
        migration = self._services["db"] = self._airflow("db", ("db", "migrate"), environment)
        code = migration.wait()
        if code:
            raise MachineError(f"Airflow's database cannot be prepared (exit {code}):\n{self._tail('db')}")
        del self._services["db"]
        done.touch()

    def _airflow(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            # A session of its own: Ctrl-C reaches us only, and we end the services in good order.
            return subprocess.Popen(  # noqa: S603  # the interpreter we run under, and fixed arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=dict(environment),
                cwd=airflow_home(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[self._lock.fileno()] if self._lock else [],
            )

    def _wait_until_healthy(self) -> None:
        began = time.monotonic()
        parts = {name: part for name, (_, part) in SERVICES.items()}
        missing, is_pool_there = set(SERVICES), False
        while time.monotonic() - began < START_SECONDS:
            self._require_running()
            with contextlib.suppress(OSError, http.client.HTTPException):  # nothing answers yet
                if not is_pool_there:  # tasks of a pool that does not exist wait for ever: it comes first
                    self.api.ensure_pool(*POOL)
                    is_pool_there = True
                waiting = self.api.unhealthy(parts)
                for name in sorted(missing - waiting):
                    self.say(f"Airflow: {name} is up ({time.monotonic() - began:.0f} s)")
                missing = waiting
                if not missing:
                    return
            time.sleep(0.3)
        raise MachineError(
            f"Airflow: {', '.join(sorted(missing))} not healthy after {START_SECONDS:.0f} s; logs are in"
            f" {self._log('scheduler').parent}"
        )

    def _require_running(self) -> None:
        for name, service in self._services.items():
            if service.poll() is not None:
                raise MachineError(f"Airflow's {name} ended (exit {service.returncode}):\n{self._tail(name)}")

    def _log(self, name: str) -> Path:
        return self.settings.logs / "airflow" / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-40:])


def _end(services: Sequence[subprocess.Popen[bytes]]) -> None:
    for service in services:
        service.terminate()  # does nothing to one that has ended
    deadline = time.monotonic() + STOP_SECONDS
    for service in services:
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.wait(max(0.1, deadline - time.monotonic()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run Airflow until Ctrl-C; say where it is and how to log in. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.scheduler.stack", description=main.__doc__)
    parser.add_argument("--port", type=int, default=PREFERRED_PORT, help="port on 127.0.0.1 (default %(default)s)")
    asked = parser.parse_args(argv)

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in ENDING:  # stopping takes seconds and is not to be cut short
            signal.signal(number, signal.SIG_IGN)
        _say("Airflow: stopping")
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, end)
    try:
        with Stack(settings_module.load(), asked.port, _say) as stack:
            if stack.port != asked.port:
                _say(f"port {asked.port} is busy: port {stack.port} is used")
            _say(f"Airflow runs at {stack.url}   user: {USER}   password: {stack.api.password}")
            _say(
                f"Drop files into {stack.settings.inbox}/<feed>/<source>/; looked at every five minutes. Ctrl-C ends."
            )
            stack.watch()
    except KeyboardInterrupt:
        _say("Airflow: stopped")
    except SandwatchError as error:
        _say(f"sandwatch: {error}")
        return error.exit_code
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # this is a command: people read it


if __name__ == "__main__":
    sys.exit(main())
