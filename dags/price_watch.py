"""After every load of quotes: from quote to message in one run, without waiting for other feeds or a second DAG."""

from __future__ import annotations

from _defaults import (
    BUILD_PRIORITY,
    DEFAULT_ARGS,
    PRICES,
    WAREHOUSE,
    WAREHOUSE_POOL,
    no_retry_on_findings,
    raw_asset,
    tags,
)
from airflow.sdk import DAG, chain, task

with DAG(
    dag_id="price_watch",
    description="Judge new quotes, publish and send what is news",
    schedule=[raw_asset(PRICES)],
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags("build", "alert"),
) as dag:

    @task(outlets=[WAREHOUSE], pool=WAREHOUSE_POOL, priority_weight=BUILD_PRIORITY)
    @no_retry_on_findings
    def watch() -> None:
        """Build, check, judge and publish in one task: four starts of a process would be most of the delay."""
        from pipelines import run, settings

        run.refresh(settings.load())

    @task
    @no_retry_on_findings
    def alert() -> None:
        """Send the events of the published edition; what a channel does not take waits in its outbox."""
        from pipelines import run, settings

        run.alert(settings.load())

    chain(watch(), alert())
