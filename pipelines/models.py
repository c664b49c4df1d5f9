"""Building the tables of `sql/`: each file as it stands, in the order of the FROM clauses."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

from pipelines import catalog, contracts, warehouse
from pipelines.errors import MachineError
from pipelines.rules import judging, policy

if TYPE_CHECKING:
    import duckdb

LOG = logging.getLogger(__name__)
CALENDAR_YEARS = 20  # a longer span is one absurd date, and every site would get a row for each of its weeks


def build(con: duckdb.DuckDBPyConnection, *, after_judging: bool = False) -> list[str]:
    """Build the tables that can be built before the rules are judged, or those that need the verdicts.

    Returns the names of the tables, in the order they were built.

    Raises:
        MachineError: a file does not run, or returns other columns than its header describes.
    """
    step = "judge" if after_judging else "build"
    con.execute("DELETE FROM meta.step WHERE step = ?", [step])  # one that breaks off has not ended
    if not after_judging:
        judging.write_law(con)
        write_calendar(con)
    models = catalog.models()
    late = needing_verdicts(models)
    built = []
    for model in models.values():
        if (model.name in late) == after_judging:
            make(con, model)
            built.append(model.name)
    if not after_judging:
        _ask_about_names(con)
    con.execute("INSERT INTO meta.step VALUES (?, now())", [step])
    return built


def needing_verdicts(models: dict[str, catalog.Model]) -> set[str]:
    """Return the tables that read, at any remove, what judging writes."""
    law = set(policy.LAW_TABLES) | {
        f"policy.{rule.name}_{table}" for rule in policy.rules().values() for table in rule.tables
    }
    given = {"raw", "meta", "reference"}
    late: set[str] = set()
    for model in models.values():  # in order, so what it reads was looked at before
        for table in model.reads:
            is_early = table in law or table.split(".")[0] in given or (table in models and table not in late)
            if not is_early:
                late.add(model.name)
    return late


def make(con: duckdb.DuckDBPyConnection, model: catalog.Model) -> None:
    """Build one table and write its comments."""
    import duckdb

    try:
        # Newlines before and after: the file may end with a comment.
        con.execute(f"CREATE OR REPLACE TABLE {model.name} AS (\n{model.sql}\n)")
    except duckdb.Error as error:
        raise MachineError(f"sql/{model.name.replace('.', '/')}.sql does not run: {error}") from error
    made = [row[0] for row in con.execute(f"DESCRIBE {model.name}").fetchall()]
    if made != list(model.columns):
        missing, extra = set(model.columns) - set(made), set(made) - set(model.columns)
        raise MachineError(
            f"sql/{model.name.replace('.', '/')}.sql returns other columns than its header describes:"
            f" not returned {sorted(missing)}, not described {sorted(extra)}, or another order"
        )
    warehouse.comment(con, model.name, model.description, model.columns)


def write_calendar(con: duckdb.DuckDBPyConnection) -> None:
    """Write reference.calendar for the weeks the tickets span, whole ones: work days and public holidays of China.

    The last week runs to its Sunday, so that days that did not come yet are expected and not seen. Only the last
    `CALENDAR_YEARS` years get days, and none more than a year after 99 in 100 tickets: the few tickets dated outside
    are in no week, which is logged.

    Years the calendar package does not know fall back to Monday to Friday, flagged `is_known_year` false.
    """
    # A date more than a year after 99 in 100 tickets is a mistyped year; left in, it would be the newest week.
    row = con.execute(
        "WITH ticket AS (SELECT weighed_at::DATE AS day_on FROM raw.weighbridge_ticket WHERE outcome = 'accepted')"
        " SELECT min(day_on), max(day_on) FROM ticket"
        " WHERE day_on <= (SELECT quantile_disc(day_on, 0.99) + 366 FROM ticket)"
    ).fetchone()
    con.execute(
        "CREATE OR REPLACE TABLE reference.calendar (day_on DATE, is_workday BOOLEAN, is_public_holiday BOOLEAN,"
        " holiday_name VARCHAR, is_known_year BOOLEAN)"
    )
    if row and row[0]:
        first, last = _bounded(con, row[0], row[1])
        first -= dt.timedelta(days=first.weekday())
        last += dt.timedelta(days=6 - last.weekday())
        days = [first + dt.timedelta(days=offset) for offset in range((last - first).days + 1)]
        con.executemany("INSERT INTO reference.calendar VALUES (?, ?, ?, ?, ?)", [_day(day) for day in days])
    warehouse.comment(
        con,
        "reference.calendar",
        "Days of the weeks from the first to the last ticket, Monday to Sunday, at most the last"
        f" {CALENDAR_YEARS} years, with work days and public holidays.",
        {
            "day_on": "day",
            "is_workday": "whether it is a work day, moved ones included",
            "is_public_holiday": "whether it is a public holiday (法定节假日及调休放假)",
            "holiday_name": "name of the holiday",
            "is_known_year": "whether the calendar of that year is known; otherwise Monday to Friday are work days",
        },
    )


def _bounded(con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    """Cut what lies too far before the last ticket, and say how many tickets are dated outside the calendar."""
    earliest = last - dt.timedelta(days=round(CALENDAR_YEARS * 365.25))
    first = max(first, earliest - dt.timedelta(days=earliest.weekday()))
    outside = con.execute(
        "SELECT count(*), min(weighed_at)::DATE, max(weighed_at)::DATE FROM raw.weighbridge_ticket"
        " WHERE outcome = 'accepted' AND weighed_at::DATE NOT BETWEEN ? AND ?",
        [first, last],
    ).fetchone()
    if outside and outside[0]:
        LOG.warning(
            "%s tickets are dated outside %s to %s (the first %s, the last %s), more than %s years before or a year"
            " after nearly all others, so they are in no week. Look for them in staging.weighbridge_ticket and ask"
            " the sender for the right dates",
            outside[0], first, last, outside[1], outside[2], CALENDAR_YEARS,
        )  # fmt: skip
    return first, last


def _day(day: dt.date) -> tuple[dt.date, bool, bool, str | None, bool]:
    import chinese_calendar

    try:
        is_holiday, name = chinese_calendar.get_holiday_detail(day)
        is_workday = chinese_calendar.is_workday(day)
    except NotImplementedError:
        return day, day.weekday() < 5, False, None, False
    # The package calls every free Saturday and Sunday a holiday without a name: that is a weekend.
    return day, is_workday, is_holiday and name is not None, name if is_holiday else None, True


def _ask_about_names(con: duckdb.DuckDBPyConnection) -> None:
    """Ask about names nobody knows, once each, and close the questions that a table answers by now."""
    kinds = ["unknown_site", "unknown_product", "unknown_county", "date_far_off"]
    same = "asked.feed = name.feed AND asked.kind = name.kind AND asked.subject = name.subject"
    con.execute(
        "DELETE FROM meta.question AS asked WHERE list_contains(?, asked.kind)"
        f" AND NOT EXISTS (FROM staging.unknown_name AS name WHERE {same})",
        [kinds],
    )
    con.execute(
        "UPDATE meta.question AS asked SET row_count = name.row_count, source = name.source"
        f" FROM staging.unknown_name AS name WHERE {same}"
    )
    owners = {feed: contract.who_fixes for feed, contract in contracts.contracts().items()}
    rows = con.execute(
        "SELECT feed, source, kind, subject, row_count, snapshot_sha256 FROM staging.unknown_name AS name"
        f" WHERE NOT EXISTS (FROM meta.question AS asked WHERE {same}) ORDER BY ALL"
    ).fetchall()
    for feed, source, kind, subject, row_count, sha256 in rows:
        con.execute(
            "INSERT INTO meta.question VALUES (?, ?, ?, ?, ?, ?, ?, now())",
            [feed, source, kind, subject, owners[feed], row_count, sha256],
        )
