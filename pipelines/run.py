"""The steps of a run, each on its own and all in their order: what the command line and the DAGs both call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import contracts, warehouse
from pipelines.building import state, tables
from pipelines.errors import CheckFailedError, WrongCallError
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

    from pipelines.alerting.alerts import Summary
    from pipelines.alerting.freshness import FreshnessSummary
    from pipelines.feeds.ingest import IngestResult
    from pipelines.report.issuing.asking import Question
    from pipelines.trust.checks import CheckSummary

# What regulators query: everything past raw. Raw rows stay in the warehouse, behind the snapshots they repeat.
REGULATOR_SCHEMAS = ("reference", "staging", "mart", "policy", "report", "meta")
PUBLIC_SCHEMAS = ("public",)
CHECKS_FAILED = "关键检查未通过，停止发布"
TIME = "%Y-%m-%d %H:%M:%S"


def ingest_inbox(settings: Settings, say: Callable[[str], None] = lambda _: None) -> list[IngestResult]:
    """Load all that lies in the inbox, feed by feed; files loaded before change nothing."""
    from pipelines.feeds import ingest

    results = []
    for feed in contracts.contracts():
        files = ingest.inbox_files(settings, feed)
        if files:
            say(f"ingest {feed}: {len(files)} files")
            results.append(ingest.ingest(settings, feed, files))
    return results


def build(settings: Settings, *, whole: bool = False) -> list[str]:
    """Build staging and the marts that need no verdict, as far as loads changed them; return those built.

    Args:
        settings: whose warehouse.
        whole: build every table whole, and judge and publish all of them next time.
    """
    from pipelines import models

    with warehouse.writer(settings) as con:
        return models.build(con, whole=whole)


def check(settings: Settings, *, is_full: bool = False) -> CheckSummary:
    """Run all checks and return what they found.

    Args:
        settings: whose warehouse.
        is_full: look at every row in force, not only at those that came since the last check.

    Raises:
        CheckFailedError: a critical one failed. Whoever fixes the feed is told; nothing will be published.
        MachineError: a check itself broke.
    """
    from pipelines.alerting import alerts
    from pipelines.trust import checks

    with warehouse.writer(settings) as con:
        number = state.begin(con, "check")
        summary = checks.run(con, settings, is_full=is_full)
        state.finish(con, "check", number)
    try:
        checks.require(summary)
    except CheckFailedError as error:
        alerts.data_alarm(settings, CHECKS_FAILED, str(error))
        raise
    alerts.data_recovered(settings, CHECKS_FAILED)
    return summary


def judge(settings: Settings) -> list[str]:
    """Judge rules, prices and supply, then build the marts that show the verdicts; return their names.

    What the prices say anew is stored as a vintage, in the warehouse and beside the snapshots.

    Raises:
        WrongCallError: nothing is built yet.
    """
    from pipelines import models
    from pipelines.rules import judging, prices, vintage_log, vintages

    with warehouse.writer(settings) as con:
        if "build" not in state.steps(con):
            raise WrongCallError("there is nothing to judge: no build ended here yet; run build first")
        judging.judge(con)
        vintage_log.settle(settings, con)
        with tables.transaction(con):
            prices.judge(con)
            vintages.record(con)
        vintage_log.settle(settings, con)
        return models.build(con, after_judging=True)


def publish(settings: Settings) -> dict[str, Path]:
    """Publish both editions from one state of the warehouse and return their files.

    Raises:
        WrongCallError: nothing is built or judged yet.
        CheckFailedError: a critical check failed, or build, check or judge did not run since the last load. The
            last good editions stay.
    """
    from pipelines.cataloguing import tables as catalogue
    from pipelines.publishing import editions

    with warehouse.writer(settings) as con:
        _require_built(con)
        _require_checked(con)
        catalogue.write(con)
        names = {
            "regulator": _tables(con, REGULATOR_SCHEMAS),
            "public": _tables(con, PUBLIC_SCHEMAS),
        }
        row = con.execute("SELECT max(last_weighed_at)::DATE FROM mart.site_week").fetchone()
        return editions.publish(con, settings, names, data_through=row[0] if row else None)


def refresh(settings: Settings) -> dict[str, Path]:
    """Build, check, judge and publish what loads changed, and return the editions: all before an alert.

    Raises:
        CheckFailedError: the data are not to be trusted; nothing was published.
    """
    build(settings)
    check(settings)
    judge(settings)
    return publish(settings)


def alert(settings: Settings, *, is_forced: bool = False) -> Summary:
    """Send the price events of the published edition that were not sent yet, and what waits and may go.

    With `is_forced` channels that failed a short while ago are tried too.
    """
    from pipelines.alerting import alerts

    return alerts.send(settings, is_forced=is_forced)


def freshness(settings: Settings, as_of: dt.date | None = None) -> FreshnessSummary:
    """Look which sources of the published edition are silent or late and tell who repairs them what changed.

    Args:
        settings: whose edition.
        as_of: last day that counts; by default yesterday, in a simulated home the last day of its data.

    Raises:
        WrongCallError: nothing is published yet.
    """
    from pipelines.alerting import freshness as looking

    return looking.check(settings, as_of)


def report(settings: Settings, week: str | None = None) -> Path:
    """Write the weekly report of an ISO week (default: the last complete one) and return its path."""
    from pipelines.report import weekly

    return weekly.write(settings, week)


def issue(settings: Settings, week: str, stage: str, approved_by: str, reason: str = "") -> Path:
    """Issue the report of an ISO week (preliminary, final or correction) and return its folder."""
    from pipelines.report import weekly

    return weekly.issue(settings, week, stage, approved_by, reason)


def question(settings: Settings, page: str, stage: str) -> Question | None:
    """Return what is asked before a stage goes out; None where it is not due. `page` is what `report` returned."""
    from pipelines.report import weekly

    return weekly.question(settings, page, stage)


def newest_report(settings: Settings) -> str | None:
    """Return where the newest report lies below `reports/`: the newest issue of the newest week, or its draft."""
    from pipelines.report.issuing import index_page

    path = index_page.newest(settings)
    return path.relative_to(settings.reports).as_posix() if path else None


def report_file(settings: Settings, name: str) -> Path | None:
    """Return a file of the reports by its address below `reports/`; None for anything else."""
    from pipelines.report.issuing import index_page

    return index_page.served(settings, name)


def run_all(
    settings: Settings, week: str | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Build, check, judge, publish, alert, look for silent sources and report; return what each step gave.

    Where no week is asked for and none can be reported (no dated data, no complete week yet), that is said and
    `report` is None: everything else was done.

    Raises:
        CheckFailedError: the data are not to be trusted; nothing was published.
        WrongCallError: the published data hold no such week.
    """
    say("build staging and marts")
    build(settings)
    say("check with Great Expectations")
    checked = check(settings)
    say("judge rules, prices and supply")
    judge(settings)
    say("publish the editions")
    published = publish(settings)
    say("send alerts")
    alerted = alert(settings)
    say("look for silent sources")
    fresh = freshness(settings)
    say("write the weekly report")
    written: Path | None = None
    try:
        written = report(settings, week)
    except WrongCallError as error:
        if week is not None:
            raise
        say(f"no report was written: {error}")
    return {"checks": checked, "editions": published, "alerts": alerted, "freshness": fresh, "report": written}


def _tables(con: duckdb.DuckDBPyConnection, schemas: tuple[str, ...]) -> list[str]:
    rows = con.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT temporary AND database_name ="
        " current_database() AND list_contains(?, schema_name) ORDER BY 1",
        [list(schemas)],
    ).fetchall()
    return [name for (name,) in rows if name not in state.OWN_TABLES]


def _require_built(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse to publish marts that are older than the accounts that would stand beside them."""
    steps = state.steps(con)
    if missing := [step for step in ("build", "judge") if step not in steps]:
        raise WrongCallError(
            f"there is nothing to publish: {' and '.join(missing)} never ended here; run build, check and judge first"
        )
    built, judged = steps["build"], steps["judge"]
    advice = "the last good editions stay published; run build, check, judge, then publish"
    loaded, files = state.last_load(con), state.files_now()
    for name, step in (("build", built), ("judge", judged)):
        if step.load_no < loaded:
            raise CheckFailedError(
                f"{name} ran at {step.finished_at:{TIME}}, before the last load of rows: it has seen load"
                f" {step.load_no} of {loaded}; {advice}"
            )
        if step.fingerprint != files:
            raise CheckFailedError(
                f"{name} ran at {step.finished_at:{TIME}} with other contracts or files of sql than there"
                f" are now: {advice}"
            )
    if judged.step_no < built.step_no:
        raise CheckFailedError(
            f"judge ran at {judged.finished_at:{TIME}}, before the last build ran at {built.finished_at:{TIME}}:"
            f" {advice}"
        )


def _require_checked(con: duckdb.DuckDBPyConnection) -> None:
    failed = con.execute(
        "SELECT table_name, message FROM meta.check_result"
        " WHERE severity = 'critical' AND NOT is_success ORDER BY ALL"
    ).fetchall()
    if failed:
        shown = "; ".join(f"{table}: {message}" for table, message in failed[:3])
        raise CheckFailedError(
            f"{len(failed)} critical checks failed ({shown}); the last good editions stay published."
            " Mend the feed, load it again, then run check and publish"
        )
    loaded, checked = state.last_load(con), state.steps(con).get("check")
    if loaded and (checked is None or checked.load_no < loaded):
        raise CheckFailedError(f"load {loaded} brought rows that were not checked since; run check, then publish")


def verdict_counts(settings: Settings) -> list[tuple[str, str, str, int]]:
    """Return (rule, kind, verdict, subjects) for all that was judged."""
    with warehouse.writer(settings) as con:
        return con.execute(
            "SELECT rule, kind, verdict, count(*) FROM policy.verdict GROUP BY ALL ORDER BY ALL"
        ).fetchall()
