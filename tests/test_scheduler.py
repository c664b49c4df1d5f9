"""The real thing: what `make airflow` starts, a dropped file that comes out as a report, and who may connect."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import psutil
import pytest

from pipelines import run, simulate
from pipelines.scheduler.stack_api import Api
from pipelines.settings import ROOT, Settings

LAST = "weighbridge_ticket/weighsoft/weighsoft_2026-W47.csv"
LOOPBACK = {"127.0.0.1", "::1"}
LOGIN = re.compile(r"runs at http://127\.0\.0\.1:(\d+) +user: (\S+) +password: (\S+)")
PATIENCE_SECONDS = 150.0  # far more than it takes; a loaded machine is not a failure


class Person:
    """Someone who starts the command in a terminal, reads what it prints, and presses Ctrl-C."""

    def __init__(self, home: Path) -> None:
        self.output = home / "terminal.txt"
        self.seen: dict[int, psutil.Process] = {}
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SANDWATCH"))
        }
        with self.output.open("wb") as output:
            self.command = subprocess.Popen(  # our own interpreter and module
                [sys.executable, "-m", "pipelines.scheduler.stack", "--port", "0"],
                cwd=ROOT,
                env={**environment, "SANDWATCH_HOME": str(home)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def reads(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def listening(self) -> set[tuple[str, int]]:
        """Addresses on which any process of the command listens; all its processes are remembered."""
        addresses = set()
        parent = psutil.Process(self.command.pid)
        for process in (parent, *parent.children(recursive=True)):
            self.seen[process.pid] = process
            try:
                connections = process.net_connections("inet")
            except psutil.NoSuchProcess:
                continue
            addresses |= {
                (item.laddr.ip, item.laddr.port) for item in connections if item.status == psutil.CONN_LISTEN
            }
        return addresses

    def press_ctrl_c(self) -> int:
        self.command.send_signal(signal.SIGINT)
        return self.command.wait(60)

    def still_running(self) -> list[str]:
        return [
            process.name() for process in self.seen.values() if process.is_running() and process.status() != "zombie"
        ]

    def clean_up(self) -> None:
        if self.command.poll() is None:
            self.listening()
            self.command.terminate()
            try:
                self.command.wait(60)
            except subprocess.TimeoutExpired:
                self.command.kill()
        for process in self.seen.values():
            if process.is_running():
                process.kill()


def assert_only_who_is_logged_in_reads_the_report(port: int, user: str, password: str) -> None:
    """Airflow does not authenticate the app of a plugin: ours asks for the login at every address."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as anyone:
        views = (
            "/weekly-report/",
            "/weekly-report/index.html",
            "/weekly-report/2026-W47/report.html",
            "/weekly-report/x",
        )
        assert [anyone.get(view).status_code for view in views] == [401] * len(views)
        assert anyone.get(views[0], headers={"Authorization": "Bearer x.y.z"}).status_code in (401, 403)
        token = anyone.post("/auth/token", json={"username": user, "password": password}).json()["access_token"]
        plugins = anyone.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token}"}).json()["plugins"]
        assert [view["name"] for plugin in plugins for view in plugin["external_views"]] == ["周报 / Weekly report"]
    # A browser sends the session as a cookie.
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, cookies={"_token": token}, follow_redirects=True
    ) as person:
        page = person.get("/weekly-report/")
        assert page.status_code == 200
        assert page.url.path == "/weekly-report/2026-W47/issued/01-preliminary/internal/report.html"
        assert "内部 · 初报 第 1 号" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert person.get(str(page.url.join("report.pdf"))).content[:5] == b"%PDF-"
        for name in ("%2e%2e/airflow/passwords.json", "2026-W47/..%2f..%2fwarehouse.duckdb", "x%00.html", "latest"):
            assert person.get(f"/weekly-report/{name}").status_code == 404


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, actor="test")


@pytest.fixture
def person(settings: Settings) -> Iterator[Person]:
    """The command, started on a city whose last file of tickets has not come yet; all else is loaded."""
    city = simulate.write_city(settings.inbox, settings.home / "truth", scale=0.05, weeks=8)
    assert city.last_week == "2026-W47"
    settings.inbox.joinpath(LAST).rename(settings.home / "late.csv")
    starting = Person(settings.home)
    try:
        run.ingest_inbox(settings)
        yield starting
    finally:
        starting.clean_up()


def test_a_dropped_file_comes_out_as_a_report_and_only_the_loopback_listens(
    person: Person, settings: Settings
) -> None:
    addresses: set[tuple[str, int]] = set()

    def wait_for(what: str, probe: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert person.command.poll() is None, person.reads()
            addresses.update(person.listening())
            if found := probe():
                return found
            time.sleep(0.3)
        pytest.fail(f"{what}: not within {PATIENCE_SECONDS:.0f} s\n{person.reads()}")

    login = wait_for("the login is printed", lambda: LOGIN.search(person.reads()))
    api = Api(int(login[1]), login[2], login[3])

    def runs(dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
        assert not [one for one in found if one["state"] == "failed"], settings.logs
        return found

    def has_ended_well(dag_id: str, run_id: str = "") -> bool:
        return any(one["state"] == "success" and run_id in one["dag_run_id"] for one in runs(dag_id))

    assert httpx.get(f"http://127.0.0.1:{api.port}/api/v2/dags", trust_env=False).status_code == 401
    assert api.call("GET", "/importErrors")["import_errors"] == []
    feeds = sorted(path.stem for path in (ROOT / "expectations" / "raw").glob("*.yaml"))
    dag_ids = [*(f"ingest_{feed}" for feed in feeds), "build", "price_watch", "alert", "freshness", "weekly_report"]
    assert {dag["dag_id"]: dag["is_paused"] for dag in api.call("GET", "/dags")["dags"]} == dict.fromkeys(
        dag_ids, False
    )
    assert api.call("GET", "/pools/warehouse")["slots"] == 1
    assert runs("build") == []  # what lies there is loaded already: nothing to build for

    (settings.home / "late.csv").rename(settings.inbox / LAST)
    api.trigger("ingest_weighbridge_ticket")
    wait_for("the load is built and published", lambda: has_ended_well("build"))
    with duckdb.connect(str((settings.editions / "regulator.duckdb").resolve()), read_only=True) as con:
        late = con.execute(
            "SELECT count(*) FROM staging.weighbridge_ticket JOIN meta.load_account USING (snapshot_sha256)"
            " WHERE file_name = 'weighsoft_2026-W47.csv'"
        ).fetchone()
    assert late is not None
    assert late[0] > 100
    wait_for("the publication is followed by the alerts", lambda: has_ended_well("alert"))
    assert len(runs("build")) == 1

    asked = api.trigger("weekly_report", {"week": "2026-W47"})
    of_run = f"/dags/weekly_report/dagRuns/{asked}"
    question = wait_for(
        "somebody is asked",
        lambda: [
            one
            for one in api.call("GET", f"{of_run}/hitlDetails")["hitl_details"]
            if one["task_instance"]["task_id"] == "ask_preliminary"
        ],
    )[0]
    assert question["subject"] == "2026-W47 周报：初报可以签发吗？"
    assert "全市发运" in question["body"]
    assert question["options"] == ["Approve", "Reject"]
    issued = settings.reports / "2026-W47" / "issued"
    assert not issued.exists()
    asked_at: dict[int, float] = {}

    def approves_and_has_ended_well() -> bool:
        """A person reads first. Who answers before the scheduler has noted that the task waits is asked once more."""
        path = f"{of_run}/taskInstances/ask_preliminary/-1/hitlDetails"
        one = api.call("GET", path)
        task = one["task_instance"]
        since = asked_at.setdefault(task["try_number"], time.monotonic())
        if task["state"] == "awaiting_input" and not one["response_received"] and time.monotonic() - since > 10:
            api.call("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
        return has_ended_well("weekly_report", asked)

    wait_for("the report is approved, written and issued", approves_and_has_ended_well)
    assert json.loads((issued / "log.jsonl").read_text("utf-8"))["approved_by"] == login[2]
    assert_only_who_is_logged_in_reads_the_report(api.port, login[2], login[3])
    page = (settings.reports / "2026-W47" / "report.html").read_text(encoding="utf-8")
    assert "2026-W47" in page
    assert len(page) > 20_000

    assert {address for address, _ in addresses} <= LOOPBACK
    assert ("127.0.0.1", api.port) in addresses

    assert person.press_ctrl_c() == 0
    assert "stopped" in person.reads()
    assert person.still_running() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{api.port}/", trust_env=False)
