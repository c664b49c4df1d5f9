"""Work days and public holidays of China, as far as they are announced."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

FRIDAY = 5  # isoweekday
SPRING_FESTIVAL = "Spring Festival"  # as the calendar package names it
POSSIBLE_DAYS = 70  # from New Year on: no Spring Festival ends later


@dataclass(frozen=True)
class Workday:
    """What the calendar says of a day; `holiday_name` is None on ordinary days and weekends."""

    is_workday: bool
    is_public_holiday: bool
    holiday_name: str | None
    is_known_year: bool


@cache
def of(day: dt.date) -> Workday:
    """Return what a day is, moved work days (调休) included.

    A year that is not announced yet falls back to Monday to Friday, with `is_known_year` false.
    """
    import chinese_calendar

    try:
        is_holiday, name = chinese_calendar.get_holiday_detail(day)
        is_workday = chinese_calendar.is_workday(day)
    except NotImplementedError:
        return Workday(day.isoweekday() <= FRIDAY, False, None, False)
    # The package calls every free Saturday and Sunday a holiday without a name: that is a weekend.
    return Workday(is_workday, is_holiday and name is not None, name if is_holiday else None, True)


@cache
def spring_festival(year: int) -> tuple[dt.date, dt.date, bool]:
    """Return the first and last day of the public holiday of the Spring Festival (春节), and whether it is known.

    Of a year that is not announced these are the earliest and the latest day it can fall on.
    """
    days = [dt.date(year, 1, 1) + dt.timedelta(days=number) for number in range(POSSIBLE_DAYS)]
    found = [day for day in days if of(day).holiday_name == SPRING_FESTIVAL]
    if found:
        return found[0], found[-1], True
    # Lunar new year lies between 21 January and 21 February; the holiday begins up to two days before and lasts nine.
    return dt.date(year, 1, 19), dt.date(year, 2, 28), False


def days_from_spring_festival(day: dt.date) -> int:
    """Return how many days lie between a day and the nearest Spring Festival holiday.

    0 within it, negative before it; of two years' holidays the nearer one counts.
    """
    return min((_days_from(day, *spring_festival(year)[:2]) for year in (day.year, day.year + 1)), key=abs)


def _days_from(day: dt.date, first: dt.date, last: dt.date) -> int:
    return -(first - day).days if day < first else (day - last).days if day > last else 0
