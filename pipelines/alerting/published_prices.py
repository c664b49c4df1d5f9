"""What messages about prices are made of: the transitions of a published edition, and how old its data are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines import contracts
from pipelines.alerting import alert_chart
from pipelines.errors import WrongCallError
from pipelines.rules.levels import Row
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class PublishedPrices:
    """Rows of mart.price_alert_event, mart.price_alert, and of the other series of mart.price_level_week.

    `data_through` is the newest date of the price data, `date.min` where there is none. `last_seen_on` is the newest
    day that any source told of. `loads` are the loads of quotes, the newest first; `drivers` rows of
    mart.supply_driver_week; `weeks` what charts are drawn from, where they were asked for.
    """

    events: list[Row]
    alerts: list[Row]
    others: list[Row]
    data_through: dt.date
    last_seen_on: dt.date | None
    loads: list[Row]
    drivers: list[Row] = field(default_factory=list)
    weeks: list[Row] = field(default_factory=list)

    def stale_days(self, settings: Settings, now: dt.datetime) -> int | None:
        """Return by how many days the newest price is older than its contract allows; None where it is not.

        Counted to the moment; in a simulated home, which knows no clock, to the newest day of its data.
        """
        today = now.astimezone(ZoneInfo(TIME_ZONE)).date()
        if settings.simulated_mark.exists():
            today = self.last_seen_on or self.data_through
        overdue = (today - self.data_through).days - contracts.contracts()["price_quote"].max_age_days
        return overdue if overdue > 0 else None

    def received_at(self, events: Iterable[Row]) -> dt.datetime | None:
        """Return when the newest quote behind transitions was loaded: the newest load of quotes around its day."""
        on = max(event["last_quoted_on"] for event in events)
        around = [load for load in self.loads if load["first_period_on"] <= on <= load["last_period_on"]]
        found: dt.datetime | None = next((load["loaded_at"] for load in around or self.loads), None)
        return found


def read(edition: duckdb.DuckDBPyConnection | Path, *, with_weeks: bool = False) -> PublishedPrices:
    """Read a published regulator edition.

    Args:
        edition: its file, or a connection to it.
        with_weeks: also what charts are drawn from.

    Raises:
        WrongCallError: nothing is published yet.
    """
    import duckdb

    if isinstance(edition, Path):
        if not edition.exists():
            raise WrongCallError(f"no edition at {edition.name}: run `sandwatch run` to publish one, then alert")
        # The pointer is followed first: a path that is open in this process would be the old file.
        with duckdb.connect(str(edition.resolve()), read_only=True) as con:
            return read(con, with_weeks=with_weeks)
    events = rows(edition, "SELECT * FROM mart.price_alert_event")
    weeks = rows(edition, "SELECT MAX(last_quoted_on) AS data_through FROM mart.price_index_week")
    known = [day for day in (weeks[0]["data_through"], *(event["event_on"] for event in events)) if day]
    seen = rows(edition, "SELECT MAX(last_on) AS last_on FROM mart.source_freshness", "mart.source_freshness")
    return PublishedPrices(
        events=events,
        alerts=rows(edition, "SELECT * FROM mart.price_alert"),
        others=rows(edition, "SELECT * FROM mart.price_level_week WHERE NOT is_lead AND rules_met IS NOT NULL"),
        data_through=max(known, default=dt.date.min),
        last_seen_on=seen[0]["last_on"] if seen else None,
        loads=rows(
            edition,
            "SELECT first_period_on, last_period_on, loaded_at FROM meta.load_account WHERE feed = 'price_quote'"
            " AND accepted_count > 0 AND first_period_on IS NOT NULL ORDER BY loaded_at DESC",
            "meta.load_account",
        ),
        drivers=rows(
            edition,
            "SELECT county_code, week_start, driver_rank, kind, subject, subject_name, value_t, text_zh"
            " FROM mart.supply_driver_week",
            "mart.supply_driver_week",
        ),
        weeks=rows(edition, f"SELECT {', '.join(alert_chart.COLUMNS)} FROM mart.price_level_week")
        if with_weeks
        else [],
    )


def rows(con: duckdb.DuckDBPyConnection, sql: str, needs: str | None = None) -> list[Row]:
    """Return what a statement gives; nothing where the table that it `needs` is not in the edition."""
    if needs:
        schema, table = needs.split(".")
        there = "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?"
        if not con.execute(there, [schema, table]).fetchone():
            return []
    result = con.execute(sql)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
