"""Monday 07:00: the draft of the week just ended; on a person's word its 初报, and the 终报 of the week before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from _defaults import DEFAULT_ARGS, no_retry_on_findings, tags
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param, chain, task

from pipelines.settings import TIME_ZONE

STAGES = ("preliminary", "final")
# The next Monday's run waits for this one; who has not answered by Sunday has let nothing out.
PATIENCE = timedelta(days=6, hours=12)

with DAG(
    dag_id="weekly_report",
    description="Write the weekly report, ask whether it may go out, and issue it",
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

    @task.branch
    @no_retry_on_findings
    def due(page: str, stage: str, **context: Any) -> list[str]:
        """Ask a person; ask nobody where SANDWATCH_AUTO_APPROVE names who answers; nothing where the stage is out."""
        from pipelines import run, settings

        known = settings.load()
        question = run.question(known, page, stage)
        if question is None:
            return []
        for key in ("week", "subject", "body"):
            context["ti"].xcom_push(key, getattr(question, key))
        return [f"issue_{stage}" if known.auto_approve else f"ask_{stage}"]

    # Also after an `ask` that nobody was asked: that one is skipped.
    @task(trigger_rule="none_failed_min_one_success")
    @no_retry_on_findings
    def issue(stage: str, **context: Any) -> str:
        """Issue in the name of who answered and return the folder."""
        from pipelines import run, settings

        known = settings.load()
        answer = context["ti"].xcom_pull(task_ids=f"ask_{stage}")
        by = answer["responded_by_user"]["name"] if answer else known.auto_approve
        return str(run.issue(known, context["ti"].xcom_pull(task_ids=f"due_{stage}", key="week"), stage, by))

    written: Any = report()
    for stage in STAGES:
        said = f"ti.xcom_pull(task_ids='due_{stage}', key="
        asked = due.override(task_id=f"due_{stage}")(written, stage)
        ask = ApprovalOperator(
            task_id=f"ask_{stage}",
            subject=f"{{{{ {said}'subject') }}}}",
            body=f"{{{{ {said}'body') }}}}",
            defaults=ApprovalOperator.REJECT,
            response_timeout=PATIENCE,
        )
        out = issue.override(task_id=f"issue_{stage}")(stage)
        chain(asked, ask, out)
        chain(asked, out)
