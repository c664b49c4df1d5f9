"""What all DAGs share: owner, retries, the writer's pool, whom to tell, and how our errors end a task."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException

from pipelines.settings import ROOT

P = ParamSpec("P")
R = TypeVar("R")

FEEDS = sorted(path.stem for path in (ROOT / "expectations" / "raw").glob("*.yaml"))
PRICES = "price_quote"  # its loads are watched by a DAG of their own, price_watch
WAREHOUSE_POOL = "warehouse"  # one slot: tasks that write queue here instead of failing on the writer's lock
WAREHOUSE = Asset("warehouse")
TAGS = frozenset({"ingest", "build", "alert", "report"})

# Among tasks that wait for the pool, those of a begun build go first: what is checked is then what was built.
LOAD_PRIORITY, BUILD_PRIORITY = 1, 10


def raw_asset(feed: str) -> Asset:
    """Return the asset that a load of new rows of this feed updates."""
    return Asset(f"raw.{feed}")


def tags(*names: str) -> list[str]:
    """Return the tags of a DAG.

    Raises:
        ValueError: a tag is not in the closed list.
    """
    if unknown := set(names) - TAGS:
        raise ValueError(f"unknown tags {sorted(unknown)}; known are {sorted(TAGS)}")
    return list(names)


def no_retry_on_findings(work: Callable[P, R]) -> Callable[P, R]:
    """Let a task fail at once where another try cannot help: data not trusted, or a wrong call.

    Trouble of the machine (also a busy warehouse) passes through and is tried again.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from pipelines.errors import CheckFailedError, InputRefusedError, WrongCallError

        try:
            return work(*args, **kwargs)
        except (CheckFailedError, InputRefusedError, WrongCallError) as error:
            raise AirflowFailException(str(error)) from error

    return run


def tell_engineers(context: Any) -> None:
    """Send a machine alarm for a task that failed for good.

    Not for a failed check: whoever repairs the feed was told when it failed, and alarms do not mix.
    """
    from pipelines import settings
    from pipelines.alerting import alerts
    from pipelines.errors import CheckFailedError

    error = context.get("exception")
    if isinstance(getattr(error, "__cause__", None), CheckFailedError):
        return
    task = context["task_instance"]
    attempt = ""
    with suppress(AttributeError):  # where the task was killed, the callback gets less of it
        attempt = f"，第 {task.try_number} 次尝试"
    body = f"运行 {context.get('run_id') or task.run_id}{attempt}：{error or '任务进程被终止，详见任务日志'}"
    alerts.machine_alarm(settings.load(), f"任务 {task.dag_id}.{task.task_id} 失败", body)


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "sandwatch",
    "retries": 2,
    "retry_delay": timedelta(minutes=1),
    "execution_timeout": timedelta(hours=2),
    "weight_rule": "absolute",
    "on_failure_callback": tell_engineers,
}
