"""After each publication: send what changed since the last message."""

from __future__ import annotations

from _defaults import DEFAULT_ARGS, WAREHOUSE, no_retry_on_findings, tags
from airflow.sdk import DAG, task

with DAG(
    dag_id="alert",
    description="Send price events that were not sent yet",
    schedule=[WAREHOUSE],
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
