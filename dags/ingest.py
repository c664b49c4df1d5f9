"""Every five minutes, for each feed: find what waits in its inbox, parse it in parallel, load it once."""

from __future__ import annotations

from typing import Any

from _defaults import (
    DEFAULT_ARGS,
    FEEDS,
    LOAD_PRIORITY,
    WAREHOUSE_POOL,
    no_retry_on_findings,
    raw_asset,
    tags,
)
from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowSkipException

from pipelines.settings import TIME_ZONE


def ingest_dag(feed: str) -> DAG:
    """Return the DAG of one feed; it updates the feed's asset only when a load brought something new."""
    with DAG(
        dag_id=f"ingest_{feed}",
        description=f"Load what waits in inbox/{feed}",
        schedule=CronTriggerTimetable("*/5 * * * *", timezone=TIME_ZONE, run_immediately=True),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=tags("ingest"),
    ) as dag:

        @task
        @no_retry_on_findings
        def find() -> list[list[dict[str, Any]]]:
            from pipelines import settings
            from pipelines.scheduler import inbox

            return inbox.batches(settings.load(), feed)

        @task
        @no_retry_on_findings
        def parse(batch: list[dict[str, Any]]) -> list[str]:
            from pipelines import settings
            from pipelines.scheduler import inbox

            return inbox.parse_batch(settings.load(), feed, batch)

        # A batch that fails is tried again by the next run and does not hold up the others.
        @task(
            pool=WAREHOUSE_POOL,
            priority_weight=LOAD_PRIORITY,
            trigger_rule="all_done_min_one_success",
            outlets=[raw_asset(feed)],
        )
        @no_retry_on_findings
        def load(jobs: list[list[str]]) -> None:
            from pipelines import settings
            from pipelines.scheduler import inbox

            if not inbox.load_jobs(settings.load(), feed, [job for batch in jobs for job in batch]):
                raise AirflowSkipException("nothing new was loaded")

        load(parse.expand(batch=find()))  # type: ignore[arg-type]  # at run time it gets the lists
    return dag


for feed_name in FEEDS:
    ingest_dag(feed_name)
