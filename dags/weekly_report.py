"""Monday 07:00: the report of the week that has just ended; by hand, of any week."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from _defaults import DEFAULT_ARGS, no_retry_on_findings, tags
from airflow.sdk import DAG, CronTriggerTimetable, Param, task

from pipelines.settings import TIME_ZONE

with DAG(
    dag_id="weekly_report",
    description="Write the weekly report",
    # The interval is the week before the run, so its first moment lies in the week that is reported. A start on
    # another day waits for Monday; a Monday missed while Airflow was down is made up for.
    schedule=CronTriggerTimetable(
        "0 7 * * 1", timezone=TIME_ZONE, interval=timedelta(weeks=1), run_immediately=timedelta()
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={
        "week": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{4}-W\d{2}$",
            description="ISO week such as 2026-W47; empty: the week before the run",
        )
    },
    tags=tags("report"),
) as dag:

    @task
    @no_retry_on_findings
    def report(**context: Any) -> str:
        """Write the report of the asked week and return its path; writing it again replaces it."""
        from pipelines import run, settings

        began = context.get("data_interval_start")
        before = f"{began.astimezone(ZoneInfo(TIME_ZONE)):%G-W%V}" if began else None
        return str(run.report(settings.load(), context["params"]["week"] or before))

    report()
