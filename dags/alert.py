"""After each publication and four times a day: send what changed since the last message, and what waits."""

from __future__ import annotations

from datetime import timedelta

from _defaults import DEFAULT_ARGS, WAREHOUSE, no_retry_on_findings, tags
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task

from pipelines.settings import TIME_ZONE

with DAG(
    dag_id="alert",
    description="Send price events that were not sent yet",
    # What waited for the end of quiet hours or for a dead channel goes out by the clock, also when nothing is loaded.
    schedule=AssetOrTimeSchedule(
        # A start waits for the next of these times: before the first publication there is nothing to send.
        timetable=CronTriggerTimetable("5 7,11,15,19 * * *", timezone=TIME_ZONE, run_immediately=timedelta()),
        assets=[WAREHOUSE],
    ),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags("alert"),
) as dag:

    @task
    @no_retry_on_findings
    def alert() -> None:
        """Send the events of the published edition."""
        from pipelines import run, settings

        run.alert(settings.load())

    alert()
