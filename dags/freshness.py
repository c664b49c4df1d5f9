"""Every morning at 08:00: say which sources are silent or late, to those who repair them."""

from __future__ import annotations

from _defaults import DEFAULT_ARGS, no_retry_on_findings, tags
from airflow.sdk import DAG, CronTriggerTimetable, task

from pipelines.settings import TIME_ZONE

with DAG(
    dag_id="freshness",
    description="Look for silent and late sources",
    # A silent source loads nothing, so no asset would start this: the clock does. A morning missed while Airflow was
    # down is not made up for: the next one says the same.
    schedule=CronTriggerTimetable("0 8 * * *", timezone=TIME_ZONE),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags("alert"),
) as dag:

    @task
    @no_retry_on_findings
    def freshness() -> None:
        """Send what changed among the sources since the last message."""
        from pipelines import run, settings

        run.freshness(settings.load())

    freshness()
