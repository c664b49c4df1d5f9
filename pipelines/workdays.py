"""Work days and public holidays of China, as far as they are announced."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

FRIDAY = 5  # isoweekday


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
