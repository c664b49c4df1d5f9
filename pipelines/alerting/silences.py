"""Days a source owed and did not send: counted by its cadence and the calendar, not by the clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines import workdays

DAY = dt.timedelta(days=1)
# Days from one report to the next. What comes when there is something to tell has no rhythm, only a greatest age.
RHYTHM_DAYS = {"daily": 1, "workday": 1, "weekly": 7, "irregular": 0}


@dataclass(frozen=True)
class Silence:
    """A run of expected days without a row: the first and the last of them, and how many they are."""

    first_on: dt.date
    last_on: dt.date
    day_count: int


def allowed_days(cadence: str, contract_cadence: str, max_age_days: int) -> int:
    """Return how many expected days may go by without a row.

    The contract's `max_age_days` is meant for the contract's cadence; a longer rhythm gets as much more.

    Args:
        cadence: of the source.
        contract_cadence: of the feed.
        max_age_days: of the feed.
    """
    return max_age_days - RHYTHM_DAYS[contract_cadence] + RHYTHM_DAYS[cadence]


def is_expected(day: dt.date, cadence: str) -> bool:
    """Whether a day counts: work days for `workday`; for `weekly` every day but public holidays; else every day."""
    if cadence == "workday":
        return workdays.of(day).is_workday
    if cadence == "weekly":
        return not workdays.of(day).is_public_holiday
    return True


def after(last_on: dt.date, as_of: dt.date, cadence: str) -> Silence | None:
    """Return the expected days after a day, through `as_of`; None where there is none."""
    return _between(last_on, as_of + DAY, cadence)


def found(
    seen: Iterable[dt.date], as_of: dt.date, *, cadence: str, allowed: int, window_on: dt.date
) -> Iterator[Silence]:
    """Yield the runs of more than `allowed` expected days without a row that reach into the window, in order.

    Args:
        seen: days with rows, or the day from which rows were owed; none after `as_of`.
        as_of: last day that counts.
        cadence: daily, workday or weekly.
        allowed: expected days that may go by.
        window_on: first day of the window; a run that ended before it is not told any more.
    """
    days = sorted({*seen})
    for day, following in zip(days, [*days[1:], as_of + DAY], strict=True):
        if following > window_on and (following - day).days - 1 > allowed:
            run = _between(day, following, cadence)
            if run and run.day_count > allowed and run.last_on >= window_on:
                yield run


def _between(day: dt.date, following: dt.date, cadence: str) -> Silence | None:
    span = (day + DAY * offset for offset in range(1, (following - day).days))
    missed = [each for each in span if is_expected(each, cadence)]
    return Silence(missed[0], missed[-1], len(missed)) if missed else None
