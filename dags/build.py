"""After any load that brought something new: build, check, judge and publish. Loads of quotes go by `price_watch`."""

from __future__ import annotations

from _defaults import (
    BUILD_PRIORITY,
    DEFAULT_ARGS,
    FEEDS,
    PRICES,
    WAREHOUSE,
    WAREHOUSE_POOL,
    no_retry_on_findings,
    raw_asset,
    tags,
)
from airflow.sdk import DAG, AssetAny, chain, task

with DAG(
    dag_id="build",
    description="Build, check, judge and publish what was loaded",
    schedule=AssetAny(*(raw_asset(feed) for feed in FEEDS if feed != PRICES)),
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "pool": WAREHOUSE_POOL, "priority_weight": BUILD_PRIORITY},
    tags=tags("build"),
) as dag:

    @task
    @no_retry_on_findings
    def build() -> None:
        """Make staging and the marts that need no verdict."""
        from pipelines import run, settings

        run.build(settings.load())

    @task
    @no_retry_on_findings
    def check() -> None:
        """Run the expectations; a failed critical one stops here and the last good edition stays."""
        from pipelines import run, settings

        run.check(settings.load())

    @task
    @no_retry_on_findings
    def judge() -> None:
        """Give the verdicts and make the marts that show them."""
        from pipelines import run, settings

        run.judge(settings.load())

    @task(outlets=[WAREHOUSE])
    @no_retry_on_findings
    def publish() -> None:
        """Publish both editions."""
        from pipelines import run, settings

        run.publish(settings.load())

    chain(build(), check(), judge(), publish())
