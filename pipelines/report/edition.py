"""Reading the published regulator edition: which weeks there are, and listings that can be printed and run again."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from pipelines.errors import WrongCallError
from pipelines.report.blocks import Query, Row, Week

if TYPE_CHECKING:
    import duckdb


class Edition:
    """The edition as seen from one week. Every listing is a plain statement, printed beside its figure."""

    def __init__(self, con: duckdb.DuckDBPyConnection, week: Week) -> None:
        self.con = con
        self.week = week

    def week_of(self, name: str, *, weeks: int = 1, only: str = "", as_name: str = "") -> Query:
        """Rows of `report.<name>` of this week, or of the weeks up to it.

        Args:
            name: table in schema report, with a column week_start.
            weeks: how many weeks, this one included.
            only: a flag of the table that must hold.
            as_name: name of the data file, where it is not the table's.
        """
        last = self.week.start
        first = last - dt.timedelta(weeks=weeks - 1)
        time = f"week_start = DATE '{last}'" if weeks == 1 else f"week_start BETWEEN DATE '{first}' AND DATE '{last}'"
        flag = f" AND {only}" if only else ""
        return self.query(as_name or name, f"SELECT * FROM report.{name} WHERE {time}{flag} ORDER BY ALL")

    def all_of(self, table: str, *, without: str = "", order: str = "ALL") -> Query:
        """All rows of a table that knows no weeks.

        Args:
            table: with its schema.
            without: columns that tell when the machine ran, or may quote a row.
            order: columns to sort by; `rowid` keeps the order of the file a reference table comes from.
        """
        columns = f"* EXCLUDE ({without})" if without else "*"
        return self.query(table.split(".")[1], f"SELECT {columns} FROM {table} ORDER BY {order}")

    def query(self, name: str, sql: str, *, has_plates: bool = False) -> Query:
        """Rows of a statement, which is printed beside its figure and must return the same rows in any client.

        Args:
            name: name of its data file.
            sql: one SELECT over tables of the edition that moves or narrows rows; what they mean stands in sql/.
            has_plates: whether it lists plates that people may see.
        """
        columns, rows = fetch(self.con, sql)
        types = tuple(str(column[1]) for column in self.con.description or [])
        return Query(name, sql, columns, rows, types, has_plates)


def fetch(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Return the columns and rows of a statement."""
    result = con.execute(sql)
    columns = tuple(column[0] for column in result.description or [])
    return columns, tuple(dict(zip(columns, row, strict=True)) for row in result.fetchall())


def week_of(con: duckdb.DuckDBPyConnection, asked: str | None) -> Week:
    """Return the asked ISO week, by default the last one whose Sunday the data reach.

    An edition of filings alone has one week, that of the newest filing.

    Raises:
        WrongCallError: the edition holds no such week, or no complete one; the message names those there are.
    """
    _, rows = fetch(con, "SELECT * FROM report.week ORDER BY week_start")
    if not rows:
        raise WrongCallError(
            "the edition holds no dated data: no tickets, no price quotes and no filing with its date (备案日期)."
            " Load one of them and publish, then write the report"
        )
    there = _spans([str(row["iso_week"]) for row in rows], [row["week_start"] for row in rows])
    if asked is None:
        complete = [row for row in rows if row["is_complete"]]
        if not complete:
            raise WrongCallError(
                f"no week is complete yet; the edition holds {there}: name the week to get a report of a part of it"
            )
        return _week(complete[-1])
    for row in rows:
        if row["iso_week"] == asked.strip().upper():
            return _week(row)
    raise WrongCallError(f"no data for week {asked!r}; the edition holds {there} (written as 2026-W47)")


def _week(row: Row) -> Week:
    return Week(
        start=row["week_start"],
        iso_week=row["iso_week"],
        end=row["week_end_on"],
        ticket_through=row["ticket_through_on"],
        quote_through=row["quote_through_on"],
        filing_through=row["filing_through_on"],
        is_complete=bool(row["is_complete"]),
        is_holiday=bool(row["is_holiday_week"]),
    )


def _spans(names: list[str], starts: list[Any]) -> str:
    """Name weeks as spans without holes: 2026-W01 to 2026-W05, 2026-W07."""
    spans: list[list[str]] = []
    for position, name in enumerate(names):
        if position and starts[position] - starts[position - 1] == dt.timedelta(weeks=1):
            spans[-1] = [spans[-1][0], name]
        else:
            spans.append([name])
    return ", ".join(" to ".join(span) for span in spans)
