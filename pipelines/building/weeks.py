"""Weeks of a table as SQL: the few that changed, never all that lie between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

# The Mondays of the weeks that changed; None is the whole table.
Weeks = frozenset[dt.date] | None
NONE: frozenset[dt.date] = frozenset()
WEEK = dt.timedelta(weeks=1)


def around(weeks: Iterable[dt.date], before: int, after: int) -> frozenset[dt.date]:
    """Return the weeks and so many before and after each of them, by their Mondays."""
    return frozenset(monday + number * WEEK for monday in weeks for number in range(-before, after + 1))


def ranges(weeks: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Return the weeks as ranges of days, the first day inside and the last outside, neighbours joined."""
    found: list[tuple[dt.date, dt.date]] = []
    for monday in sorted(weeks):
        if found and found[-1][1] == monday:
            found[-1] = (found[-1][0], monday + WEEK)
        else:
            found.append((monday, monday + WEEK))
    return found


def conditions(column: str, weeks: Iterable[dt.date]) -> list[str]:
    """Return one SQL condition a range of days, for a column of dates or times."""
    # A bare literal takes the column's type, so that the storage can be skipped by its bounds.
    return [f"({column} >= '{first.isoformat()}' AND {column} < '{end.isoformat()}')" for first, end in ranges(weeks)]


def rows_of(table: str, column: str, weeks: Iterable[dt.date]) -> str:
    """Return the SELECT of a table's rows in some weeks, range by range: each is found by its bounds."""
    found = conditions(column, weeks) or ["false"]
    return " UNION ALL ".join(f"SELECT * FROM {table} WHERE {condition}" for condition in found)
