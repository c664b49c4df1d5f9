"""reference.calendar: the days of the weeks that tickets span, with what the law says of each day."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

from pipelines import workdays
from pipelines.building import state
from pipelines.warehouse import comment

if TYPE_CHECKING:
    import duckdb

LOG = logging.getLogger(__name__)
CALENDAR = "reference.calendar"
DAY = "day_on"
CALENDAR_YEARS = 20  # a longer span is one absurd date, and every site would get a row for each of its weeks
Day = tuple[dt.date, bool, bool, str | None, bool, int]


def write_calendar(con: duckdb.DuckDBPyConnection, number: int) -> None:
    """Write reference.calendar for the weeks the tickets span, whole ones: work days and public holidays of China.

    The last week runs to its Sunday, so that days that did not come yet are expected and not seen. Only the last
    `CALENDAR_YEARS` years get days, and none more than a year after 99 in 100 tickets: the few tickets dated outside
    are in no week, which is logged. Reads staging.ticket_day; only days that changed are written, and their
    weeks are noted.

    Years the calendar package does not know fall back to Monday to Friday, flagged `is_known_year` false.
    """
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {CALENDAR} (day_on DATE, is_workday BOOLEAN, is_public_holiday BOOLEAN,"
        " holiday_name VARCHAR, is_known_year BOOLEAN, spring_festival_days INTEGER)"
    )
    # An earlier version made it without; its rows are then other than wanted and so written anew.
    con.execute(f"ALTER TABLE {CALENDAR} ADD COLUMN IF NOT EXISTS spring_festival_days INTEGER")
    known = state.built(con, CALENDAR)
    wanted = {day[0]: day for day in _days(con)}
    there = {row[0]: row for row in con.execute(f"SELECT * FROM {CALENDAR}").fetchall()}
    stale = sorted(day for day in wanted.keys() | there.keys() if wanted.get(day) != there.get(day))
    if known and not stale:
        return
    con.begin()
    try:
        con.execute(f"DELETE FROM {CALENDAR} WHERE list_contains(?, day_on)", [stale])
        columns = list(zip(*(wanted[day] for day in stale if day in wanted), strict=True))
        if columns:
            con.execute(
                f"INSERT INTO {CALENDAR} SELECT unnest(?::DATE[]), unnest(?::BOOLEAN[]), unnest(?::BOOLEAN[]),"
                " unnest(?::VARCHAR[]), unnest(?::BOOLEAN[]), unnest(?::INTEGER[])",
                [list(column) for column in columns],
            )
        mondays = frozenset(day - dt.timedelta(days=day.weekday()) for day in stale)
        state.write(con, CALENDAR, mondays if known else None, number, "")
        _comment(con)
    except BaseException:
        con.rollback()
        raise
    con.commit()


def _days(con: duckdb.DuckDBPyConnection) -> list[Day]:
    counted = con.execute(
        "SELECT weighed_on, sum(ticket_count)::BIGINT FROM staging.ticket_day GROUP BY weighed_on ORDER BY weighed_on"
    ).fetchall()
    if not counted:
        return []
    # A date more than a year after 99 in 100 tickets is a mistyped year; left in, it would be the newest week.
    total, so_far, latest = sum(count for _, count in counted), 0, dt.date.max
    for day, count in counted:
        so_far += count
        if so_far * 100 >= total * 99:
            latest = day + dt.timedelta(days=366)
            break
    last = max(day for day, _ in counted if day <= latest)
    earliest = last - dt.timedelta(days=round(CALENDAR_YEARS * 365.25))
    first = max(counted[0][0], earliest - dt.timedelta(days=earliest.weekday()))
    _say_outside([(day, count) for day, count in counted if not first <= day <= last], first, last)
    first -= dt.timedelta(days=first.weekday())
    last += dt.timedelta(days=6 - last.weekday())
    return [_day(first + dt.timedelta(days=offset)) for offset in range((last - first).days + 1)]


def _say_outside(outside: list[tuple[dt.date, int]], first: dt.date, last: dt.date) -> None:
    """Say how many tickets are dated outside the calendar."""
    if outside:
        LOG.warning(
            "%s tickets are dated outside %s to %s (the first %s, the last %s), more than %s years before or a year"
            " after nearly all others, so they are in no week. Look for them in staging.weighbridge_ticket and ask"
            " the sender for the right dates",
            sum(count for _, count in outside), first, last, outside[0][0], outside[-1][0], CALENDAR_YEARS,
        )  # fmt: skip


def _day(day: dt.date) -> Day:
    known = workdays.of(day)
    near = workdays.days_from_spring_festival(day)
    return day, known.is_workday, known.is_public_holiday, known.holiday_name, known.is_known_year, near


def _comment(con: duckdb.DuckDBPyConnection) -> None:
    comment(
        con,
        CALENDAR,
        "Days of the weeks from the first to the last ticket, Monday to Sunday, at most the last"
        f" {CALENDAR_YEARS} years, with work days and public holidays.",
        {
            "day_on": "day",
            "is_workday": "whether it is a work day, moved ones included",
            "is_public_holiday": "whether it is a public holiday (法定节假日及调休放假)",
            "holiday_name": "name of the holiday",
            "is_known_year": "whether the calendar of that year is known; otherwise Monday to Friday are work days",
            "spring_festival_days": "days to the public holiday of the Spring Festival (春节): 0 in it, negative"
            " before, positive after; of a year that is not known, to the days it can fall on",
        },
    )
