"""Airflow on one machine: its three services as child processes that only this machine can reach.

`airflow standalone` is not used: it opens log servers on every address. This module never imports Airflow.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import importlib.metadata
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self

import psutil

from pipelines import settings as settings_module
from pipelines.errors import BusyError, MachineError, SandwatchError
from pipelines.settings import ROOT, TIME_ZONE, Settings

HOST = "127.0.0.1"
USER = "sandwatch"
POOLS = {"warehouse": "one slot: one writer at a time"}
PREFERRED_PORT = 8080
START_SECONDS, STOP_SECONDS = 180.0, 20.0
SERVICES: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server", "--host", HOST),
    # Its log server would listen on every address; the API reads the log files of this machine without it.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}


def airflow_settings(settings: Settings) -> dict[str, str]:
    """Return the environment that makes Airflow ours, but for the port and the secrets of a running stack."""
    home = settings.home / "airflow"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": TIME_ZONE,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(settings.logs / "airflow"),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
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
        self.port = _free_port(port)
        self.say = say
        self.home = settings.home / "airflow"
        self.password = ""
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._seen: dict[int, psutil.Process] = {}
        self._lock: IO[str] | None = None
        self._token = ""

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

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call Airflow's REST API as the admin and return its JSON.

        Raises:
            MachineError: the API refused the call; its own words are given.
            OSError: nothing answers (yet).
        """
        if not self._token:
            self._token = self._request("POST", "/auth/token", {"username": USER, "password": self.password})[
                "access_token"
            ]
        return self._request(method, f"/api/v2{path}", body)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG now and return its id."""
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def processes(self) -> list[psutil.Process]:
        """Return all processes that the stack has started and that still run."""
        for service in self._services.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(service.pid)
                for process in (parent, *parent.children(recursive=True)):
                    self._seen[process.pid] = process
        return [process for process in self._seen.values() if process.is_running()]

    def watch(self) -> None:
        """Return only when a service has ended by itself.

        Raises:
            MachineError: always, naming the service and its log.
        """
        while True:
            self._require_running()
            time.sleep(1)

    def stop(self) -> None:
        """End all services, and what they started; a running task is cut off after some seconds, and repeatable."""
        mine = self.processes()
        for service in self._services.values():
            if service.poll() is None:
                service.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for service in self._services.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.wait(max(0.1, deadline - time.monotonic()))
        # Tasks run in process groups of their own: what outlived its parent is ended one by one.
        left = [process for process in mine if process.is_running()]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)
        self._services.clear()
        if self._lock:
            self._lock.close()
            self._lock = None

    def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        environment = self._environment()
        self._migrate(environment)
        self.say(f"Airflow: starting {', '.join(SERVICES)}")
        for name, arguments in SERVICES.items():
            port = ("--port", str(self.port)) if name == "api-server" else ()
            self._services[name] = self._airflow(name, (*arguments, *port), environment)
        self._wait_until_healthy()

    def _take_lock(self) -> None:
        # The services inherit the lock: it is free again only when the last of them has ended.
        self._lock = (self.home / ".running.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            self._lock = None
            raise BusyError(f"Airflow already runs on {self.settings.home} ({holder}); stop it first") from error
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(f"started by process {os.getpid()}, {self.url}")
        self._lock.flush()

    def _environment(self) -> dict[str, str]:
        kept = _secrets(self.home / "secrets.json")
        self.password = kept["password"]
        _write_private(self.home / "passwords.json", {USER: self.password})
        here = self.settings
        local = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST)))
        return {
            **os.environ,
            **airflow_settings(here),
            "AIRFLOW__API__SECRET_KEY": kept["session"],
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["tokens"],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "NO_PROXY": local,
            "no_proxy": local,
            "SANDWATCH_HOME": str(here.home),
            "SANDWATCH_LANGUAGE": here.language,
            "SANDWATCH_NOTIFY_URLS": " ".join(here.notify_urls),
            "SANDWATCH_ACTOR": here.actor,
        }

    def _migrate(self, environment: Mapping[str, str]) -> None:
        done = self.home / f"migrated-{importlib.metadata.version('apache-airflow-core')}"
        if done.exists():
            return
        self.say("Airflow: preparing its database (once)")
        self._services["db"] = self._airflow("db", ("db", "migrate"), environment)
        code = self._services["db"].wait()
        if code:
            raise MachineError(f"Airflow's database cannot be prepared (exit {code}):\n{self._tail('db')}")
        del self._services["db"]
        done.touch()

    def _airflow(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        log = self._log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # A session of its own: Ctrl-C reaches us only, and we end the services in good order.
            return subprocess.Popen(  # noqa: S603  # the interpreter we run under, and fixed arguments
                [sys.executable, "-m", "airflow", *arguments],
                env=dict(environment),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[self._lock.fileno()] if self._lock else [],
            )

    def _wait_until_healthy(self) -> None:
        began = time.monotonic()
        missing = set(SERVICES)
        is_pool_there = False
        while time.monotonic() - began < START_SECONDS:
            self._require_running()
            with contextlib.suppress(OSError, http.client.HTTPException):
                # A task of a pool that does not exist would wait for ever, so the pools come first.
                is_pool_there = is_pool_there or self._make_pools()
                health = self._request("GET", "/api/v2/monitor/health")
                waiting = {name for name in SERVICES if not _is_healthy(health, name)}
                for name in sorted(missing - waiting):
                    self.say(f"Airflow: {name} is up ({time.monotonic() - began:.0f} s)")
                missing = waiting
                if not missing:
                    return
            time.sleep(0.5)
        raise MachineError(
            f"Airflow: {', '.join(sorted(missing))} not healthy after {START_SECONDS:.0f} s; logs are in"
            f" {self._log('scheduler').parent}"
        )

    def _make_pools(self) -> bool:
        there = {pool["name"] for pool in self.call("GET", "/pools")["pools"]}
        for name, text in POOLS.items():
            if name not in there:
                self.call("POST", "/pools", {"name": name, "slots": 1, "description": text})
        return True

    def _require_running(self) -> None:
        for name, service in self._services.items():
            if service.poll() is not None:
                raise MachineError(f"Airflow's {name} ended (exit {service.returncode}):\n{self._tail(name)}")

    def _log(self, name: str) -> Path:
        return self.settings.logs / "airflow" / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-15:])

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=15)
        try:
            headers = {"Content-Type": "application/json"}
            if self._token:
                headers["Authorization"] = f"Bearer {self._token}"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8")
        finally:
            connection.close()
        if answer.status >= 400:
            raise MachineError(f"Airflow refused {method} {path}: {answer.status} {text[:500]}")
        return json.loads(text) if text else None


def _is_healthy(health: Mapping[str, Any], name: str) -> bool:
    part = "metadatabase" if name == "api-server" else name.replace("-", "_")
    return bool(health.get(part) and health[part]["status"] == "healthy")


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise MachineError(f"no free port on {HOST}")


def _secrets(path: Path) -> dict[str, str]:
    """Return the login and the keys of a home folder; made once, readable by its owner only."""
    if not path.exists():
        made = {
            "password": secrets.token_urlsafe(12),
            "session": secrets.token_hex(32),
            "tokens": secrets.token_hex(64),
        }
        _write_private(path, made)
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run Airflow until Ctrl-C or SIGTERM; print where it is and how to log in. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.stack", description=main.__doc__)
    parser.add_argument("--port", type=int, default=PREFERRED_PORT, help="port on 127.0.0.1 (default %(default)s)")
    asked = parser.parse_args(argv)

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # stopping takes seconds and is not to be cut short
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    try:
        with Stack(settings_module.load(), asked.port, _say) as stack:
            if stack.port != asked.port:
                _say(f"port {asked.port} is busy; taking {stack.port}")
            for feed in sorted(path.stem for path in (ROOT / "expectations" / "raw").glob("*.yaml")):
                stack.trigger(f"ingest_{feed}")
            _say(f"Airflow runs at {stack.url}   user: {USER}   password: {stack.password}")
            _say(
                f"Drop files into {stack.settings.inbox}/<feed>/<source>/: looked at every five minutes. Ctrl-C stops."
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
