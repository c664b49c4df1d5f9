"""The DAGs: which there are, what they are made of, and that they do what the command line does."""

from __future__ import annotations

import ast
import contextlib
import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run
from pipelines.building import state
from pipelines.scheduler.stack import POOL
from pipelines.settings import ROOT, Settings

FEEDS = ("capacity_filing", "key_project_demand", "penalty_case", "price_quote", "river_permit", "scale",
         "site_register", "stock_report", "vehicle", "waybill", "weighbridge_ticket")  # fmt: skip
# Answers and contests are not simulated: they come when somebody speaks.
ALL_FEEDS = (*FEEDS, "name_answer", "record_contest")
DAG_IDS = {*(f"ingest_{feed}" for feed in ALL_FEEDS), "build", "price_watch", "alert", "freshness", "weekly_report"}
BUILD_STEPS = ("build", "check", "judge", "publish")
HEAVY = ("duckdb", "pandas", "matplotlib", "great_expectations", "pyarrow", "statsmodels", "apprise")
Both = tuple[Settings, Settings, dict[str, Any]]
# When a machine ran, and how often, is the only thing in which two runs over the same files may differ.
CLOCK_COLUMNS = {"judged_at", "finished_at", "loaded_at", "checked_at", "first_seen_at", "step_no"}

PARSE = """
import json, pathlib, sys
from airflow.dag_processing.dagbag import BundleDagBag
before = set(sys.modules)
bag = BundleDagBag(sys.argv[1], bundle_path=pathlib.Path(sys.argv[1]), bundle_name="dags-folder")
print(json.dumps({"new": sorted(set(sys.modules) - before), "all": sorted(sys.modules),
                  "errors": bag.import_errors, "dags": sorted(bag.dags)}))
"""


@pytest.fixture(scope="module")
def bag(airflow_database: Path) -> Any:
    assert airflow_database.exists()
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder")


@contextlib.contextmanager
def at_home(settings: Settings, *, auto_approve: str = "") -> Iterator[None]:
    """Run tasks on this home, as a stack of it would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDWATCH_HOME", str(settings.home))
        patch.delenv("SANDWATCH_NOTIFY_URLS", raising=False)
        patch.setenv("SANDWATCH_AUTO_APPROVE", auto_approve)
        yield


def states(dag_run: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for task in dag_run.get_task_instances():
        found.setdefault(task.task_id, set()).add(str(task.state))
    return found


def asset_names(dag_run: Any) -> set[str]:
    """Assets that the tasks of a run updated."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return set(
            session.scalars(
                select(AssetModel.name)
                .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
                .where(AssetEvent.source_dag_id == dag_run.dag_id, AssetEvent.source_run_id == dag_run.run_id)
            )
        )


def test_there_are_exactly_these_dags(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == DAG_IDS
    assert {path.stem for path in (ROOT / "expectations" / "raw").glob("*.yaml")} == set(ALL_FEEDS)


def test_parsing_the_folder_imports_nothing_heavy() -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", PARSE, str(ROOT / "dags")], capture_output=True, text=True, check=True, timeout=120
    )
    parsed = json.loads(done.stdout.splitlines()[-1])
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == DAG_IDS  # it did look
    assert "pipelines.settings" in parsed["new"]
    assert [name for name in HEAVY if name in parsed["all"]] == []
    # A contract is read by the task that needs it: parsing looks at file names only.
    assert [name for name in parsed["new"] if name.startswith("pipelines")] == [
        "pipelines", "pipelines.errors", "pipelines.settings",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_says_when_and_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    heavy = [
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [item.name for item in node.names])
        if name.split(".")[0] in HEAVY or name.split(".")[0] == "os"
    ]
    assert heavy == []
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if text.lstrip().upper().startswith(("SELECT ", "INSERT ", "UPDATE "))] == []
    assert len(path.read_text(encoding="utf-8").splitlines()) < 120


@pytest.mark.parametrize("feed", ALL_FEEDS)
def test_an_ingest_finds_parses_side_by_side_and_loads_once(bag: Any, feed: str) -> None:
    dag = bag.dags[f"ingest_{feed}"]
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "find": {"parse"}, "parse": {"load"}, "load": set(),
    }  # fmt: skip
    assert dag.get_task("parse").is_mapped
    assert not dag.get_task("load").is_mapped
    assert [asset.name for asset in dag.get_task("load").outlets] == [f"raw.{feed}"]
    assert not dag.get_task("parse").outlets
    assert not dag.catchup


def test_build_follows_any_feed_but_quotes_and_alert_follows_build(bag: Any) -> None:
    build, alert = bag.dags["build"], bag.dags["alert"]
    others = {f"raw.{feed}" for feed in ALL_FEEDS if feed != "price_quote"}
    assert {asset.name for asset in build.timetable.asset_condition.objects} == others
    assert type(build.timetable.asset_condition).__name__ == "AssetAny"
    assert [task.task_id for task in build.topological_sort()] == ["build", "check", "judge", "publish"]
    assert {task.task_id: [asset.name for asset in task.outlets] for task in build.tasks} == {
        "build": [], "check": [], "judge": [], "publish": ["warehouse"],
    }  # fmt: skip
    assert {asset.name for asset in alert.timetable.asset_condition.objects} == {"warehouse"}


def test_quotes_are_watched_from_load_to_message_in_one_run(bag: Any) -> None:
    watch = bag.dags["price_watch"]
    assert {asset.name for asset in watch.timetable.asset_condition.objects} == {"raw.price_quote"}
    assert {task.task_id: task.downstream_task_ids for task in watch.tasks} == {"watch": {"alert"}, "alert": set()}
    assert [asset.name for asset in watch.get_task("watch").outlets] == ["warehouse"]


def test_whoever_writes_takes_the_one_slot_and_a_begun_build_goes_first(bag: Any) -> None:
    writers = {f"ingest_{feed}.load" for feed in ALL_FEEDS} | {
        "price_watch.watch",
        *(f"build.{name}" for name in ("build", "check", "judge", "publish")),
    }
    tasks = {f"{dag.dag_id}.{task.task_id}": task for dag in bag.dags.values() for task in dag.tasks}
    assert {name for name, task in tasks.items() if task.pool == POOL[0]} == writers
    assert {task.pool for name, task in tasks.items() if name not in writers} == {"default_pool"}
    loads = {tasks[name].priority_weight for name in writers if name.startswith("ingest")}
    builds = {tasks[name].priority_weight for name in writers if not name.startswith("ingest")}
    assert max(loads) < min(builds)


def test_every_task_has_an_owner_retries_a_callback_and_known_tags(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.max_active_runs == 1, dag.dag_id
        assert set(dag.tags) & {"ingest", "build", "alert", "report"}, dag.dag_id
        for task in dag.tasks:
            assert (task.owner, task.retries) == ("sandwatch", 2), task.task_id
            assert task.on_failure_callback, task.task_id


def test_a_tag_outside_the_list_is_refused(bag: Any) -> None:
    defaults = sys.modules["_defaults"]
    assert bag.dags
    with pytest.raises(ValueError, match="unknown tags"):
        defaults.tags("ingest", "misc")


def test_silent_sources_are_looked_for_every_morning_at_eight_here(bag: Any) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    dag = bag.dags["freshness"]
    info = coerce_to_core_timetable(dag.timetable).next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    assert info is not None
    run_at = info.run_after.in_timezone("Asia/Shanghai")
    assert (run_at.hour, run_at.minute) == (8, 0)
    assert abs(run_at - dt.datetime.now(dt.UTC)) <= dt.timedelta(days=1)
    assert not dag.catchup


def test_the_report_runs_on_monday_at_seven_here_for_the_week_before(bag: Any) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(bag.dags["weekly_report"].timetable)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    assert info is not None
    run_at = info.run_after.in_timezone("Asia/Shanghai")
    assert (run_at.isoweekday(), run_at.hour, run_at.minute) == (1, 7, 0)
    # The first start waits for the next Monday: there may be nothing to report on yet.
    assert run_at > dt.datetime.now(dt.UTC)
    began = info.data_interval.start.in_timezone("Asia/Shanghai")
    assert f"{began:%G-W%V}" == f"{run_at.subtract(weeks=1):%G-W%V}"


@pytest.fixture(scope="module")
def both(bag: Any, small_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """The same inbox taken through the command-line path (the small city is) and through the DAGs."""
    by_hand, by_dags = (
        Settings(home=tmp_path_factory.mktemp(name) / "home", actor="test") for name in ("by_hand", "by_dags")
    )
    shutil.copytree(small_city.home, by_hand.home, symlinks=True)
    run.alert(by_hand)
    shutil.copytree(small_city.inbox, by_dags.inbox)
    with at_home(by_dags):
        runs = {
            dag_id: bag.dags[dag_id].test() for dag_id in (*(f"ingest_{feed}" for feed in FEEDS), "build", "alert")
        }
    return by_hand, by_dags, runs


def test_every_task_succeeds_and_updates_its_asset(both: Both) -> None:
    *_, runs = both
    assert {dag_id: states(dag_run) for dag_id, dag_run in runs.items()} == {
        **{f"ingest_{feed}": {name: {"success"} for name in ("find", "parse", "load")} for feed in FEEDS},
        "build": {name: {"success"} for name in ("build", "check", "judge", "publish")},
        "alert": {"alert": {"success"}},
    }
    assert [asset_names(runs[f"ingest_{feed}"]) for feed in FEEDS] == [{f"raw.{feed}"} for feed in FEEDS]
    assert asset_names(runs["build"]) == {"warehouse"}


def test_the_dags_make_the_tables_of_the_command_line(both: Both) -> None:
    by_hand, by_dags, _ = both
    compared, different = 0, []
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        for name, settings in (("hand", by_hand), ("dags", by_dags)):
            con.execute(f"ATTACH '{settings.warehouse}' AS {name} (READ_ONLY)")
        tables = {
            name: con.execute(
                "SELECT schema_name, table_name, list(column_name ORDER BY column_index) FROM duckdb_columns()"
                " WHERE database_name = ? AND NOT internal GROUP BY ALL ORDER BY ALL",
                [name],
            ).fetchall()
            for name in ("hand", "dags")
        }
        assert tables["hand"] == tables["dags"]
        for schema, table, columns in tables["hand"]:
            if f"{schema}.{table}" in state.OWN_TABLES:
                continue
            kept = ", ".join(f'"{column}"' for column in columns if column not in CLOCK_COLUMNS)
            sides = [f'SELECT {kept} FROM {side}."{schema}"."{table}"' for side in ("hand", "dags")]
            counts = [
                con.execute(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchone() for a, b in (sides, sides[::-1])
            ]
            if counts != [(0,), (0,)]:
                different.append((schema, table, counts))
            compared += con.execute(f"SELECT count(*) FROM ({sides[0]})").fetchone()[0]  # type: ignore[index]
    assert different == []
    assert compared > 10_000
    assert sorted(path.name for path in by_dags.editions.glob("*.duckdb")) == sorted(
        path.name for path in by_hand.editions.glob("*.duckdb")
    )
    sent = [sorted(path.name for path in settings.alerts.rglob("*.txt")) for settings in (by_hand, by_dags)]
    assert sent[0] == sent[1]


def test_the_watch_publishes_and_alerts_in_one_run(bag: Any, both: Both) -> None:
    _, by_dags, _ = both
    before = (by_dags.editions / "regulator.duckdb").resolve()
    with at_home(by_dags):
        watched = bag.dags["price_watch"].test()
    assert states(watched) == {"watch": {"success"}, "alert": {"success"}}
    assert (by_dags.editions / "regulator.duckdb").resolve() != before


def test_the_report_of_a_week_is_the_same_and_can_be_asked_for_again(bag: Any, both: Both) -> None:
    by_hand, by_dags, _ = both
    expected = run.report(by_hand, "2026-W46")
    with at_home(by_dags, auto_approve="李主任"):
        asked = bag.dags["weekly_report"].test(run_conf={"week": "2026-W46"})
        draft = by_dags.reports / "2026-W46" / "report.html"
        assert draft.read_bytes() == expected.read_bytes()
        # Monday 07:00 here, where it is still Sunday of week 46 in UTC: week 46 again, written anew.
        due = bag.dags["weekly_report"].test(logical_date=dt.datetime(2026, 11, 15, 23, tzinfo=dt.UTC))
    nobody = {
        **{name: {"success"} for name in ("report", "due_preliminary", "due_final")},
        **{name: {"skipped"} for name in ("ask_preliminary", "ask_final", "issue_final", "issue_preliminary")},
    }
    # Week 45 has no first issue, so no final one is due; the first of week 46 is out when the second run looks.
    assert [states(dag_run) for dag_run in (asked, due)] == [nobody | {"issue_preliminary": {"success"}}, nobody]
    pages = {path.parent.relative_to(by_dags.reports).as_posix() for path in by_dags.reports.rglob("report.html")}
    issued = "2026-W46/issued/01-preliminary"
    assert pages == {"2026-W46", "2026-W46/public", f"{issued}/internal", f"{issued}/public"}
    assert "初报 第 1 号（李主任 签发）" in (by_dags.reports / issued / "internal" / "report.html").read_text("utf-8")
    assert "2026-W46 初报第 1 号" in draft.read_text("utf-8")  # the second draft says what changed since


def test_a_silent_source_is_told_of_by_the_morning_run_once(bag: Any, both: Both) -> None:
    by_hand, by_dags, _ = both
    shutil.copytree(by_dags.alerts, by_dags.home / "alerts-before")
    for settings in (by_hand, by_dags):
        # A simulated home stands still on its last day; weeks later every source of a real one has fallen silent.
        settings.simulated_mark.unlink(missing_ok=True)
    expected = run.freshness(by_hand)
    before = {path.name for path in by_dags.alerts.rglob("*.txt")}
    with at_home(by_dags):
        morning, again = bag.dags["freshness"].test(), bag.dags["freshness"].test()
    assert [states(dag_run) for dag_run in (morning, again)] == [{"freshness": {"success"}}] * 2
    told = {path.name for path in by_dags.alerts.rglob("*.txt")} - before
    assert len(told) == expected.sent
    assert told <= {path.name for path in by_hand.alerts.rglob("*.txt")}


def test_a_second_look_loads_nothing_and_triggers_nothing(bag: Any, both: Both) -> None:
    _, by_dags, _ = both
    before = by_dags.warehouse.stat().st_mtime_ns
    with at_home(by_dags):
        again = bag.dags["ingest_price_quote"].test()
    assert states(again) == {"find": {"success"}, "parse": {"skipped"}, "load": {"skipped"}}
    assert str(again.state) == "success"
    assert asset_names(again) == set()
    assert by_dags.warehouse.stat().st_mtime_ns == before  # it did not even open the warehouse


def test_the_same_content_under_another_name_triggers_no_build(bag: Any, both: Both) -> None:
    _, by_dags, _ = both
    filings = by_dags.inbox / "capacity_filing" / "default" / "filings.csv"
    shutil.copyfile(filings, filings.with_name("filings (2).csv"))
    with at_home(by_dags):
        again = bag.dags["ingest_capacity_filing"].test()
    assert states(again) == {"find": {"success"}, "parse": {"success"}, "load": {"skipped"}}
    assert asset_names(again) == set()


class TestHowErrorsEndATask:
    def wrapped(self, bag: Any, error: Exception) -> Any:
        assert bag.dags

        def work() -> None:
            raise error

        return sys.modules["_defaults"].no_retry_on_findings(work)

    def alarms(self, settings: Settings) -> list[str]:
        return [path.read_text(encoding="utf-8") for path in settings.alerts.rglob("*.txt")]

    @pytest.mark.parametrize("name", ["CheckFailedError", "WrongCallError", "InputRefusedError"])
    def test_what_another_try_cannot_mend_is_not_tried_again(self, bag: Any, name: str) -> None:
        from airflow.sdk.exceptions import AirflowFailException

        from pipelines import errors

        with pytest.raises(AirflowFailException, match="not good"):
            self.wrapped(bag, getattr(errors, name)("not good"))()

    def test_a_busy_warehouse_is_tried_again(self, bag: Any) -> None:
        from pipelines.errors import BusyError

        with pytest.raises(BusyError):
            self.wrapped(bag, BusyError("in use"))()

    def test_a_broken_machine_alarms_the_engineers_and_a_failed_check_does_not(
        self, bag: Any, tmp_path: Path
    ) -> None:
        from types import SimpleNamespace

        from airflow.sdk.exceptions import AirflowFailException

        from pipelines.errors import CheckFailedError

        settings = Settings(home=tmp_path)
        task = SimpleNamespace(dag_id="build", task_id="check", run_id="r1", try_number=3)
        failed_check = AirflowFailException("keys are not unique")
        failed_check.__cause__ = CheckFailedError("keys are not unique")
        tell = bag.dags["build"].get_task("check").on_failure_callback[0]
        with at_home(settings):
            tell({"task_instance": task, "run_id": "r1", "exception": failed_check})
            assert self.alarms(settings) == []
            tell({"task_instance": task, "run_id": "r1", "exception": OSError("disk full")})
            tell({"task_instance": SimpleNamespace(dag_id="build", task_id="judge", run_id="r1")})
        found = self.alarms(settings)
        assert len(found) == 2
        assert any("build.check" in text and "disk full" in text for text in found)
        assert any("build.judge" in text for text in found)

    def test_a_failed_critical_check_stops_the_build_at_once_and_keeps_the_edition(
        self, bag: Any, both: Both, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pipelines.errors import CheckFailedError
        from pipelines.trust import checks

        def fail(_: Any) -> None:
            raise CheckFailedError("1 critical check failed")

        _, by_dags, _ = both
        before = {path.name: path.stat().st_mtime_ns for path in by_dags.editions.iterdir()}
        monkeypatch.setattr(checks, "require", fail)
        with at_home(by_dags):
            stopped = bag.dags["build"].test()
        assert states(stopped) == {
            "build": {"success"}, "check": {"failed"}, "judge": {"upstream_failed"}, "publish": {"upstream_failed"},
        }  # fmt: skip
        assert asset_names(stopped) == set()
        assert {path.name: path.stat().st_mtime_ns for path in by_dags.editions.iterdir()} == before
        texts = self.alarms(by_dags)
        assert [text for text in texts if "数据可信" in text]
        assert not [text for text in texts if "系统故障" in text]
