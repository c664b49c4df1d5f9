"""What was known when: versions that are no longer in force stay queryable, and any moment can be asked for."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import catalog, models, simulate, warehouse
from pipelines.feeds import ingest
from pipelines.publishing import regulator_macros
from pipelines.settings import ROOT, Settings

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间,作废"
MACROS = ("known_ticket", "known_site_week")


def ticket(number: int, gross: int = 45000, *, at: str = "2026-05-25 08:00:00", void: str = "否") -> str:
    return f"{number},甲矿,豫Q{number:05d},机制砂,销售,{gross},15000,{gross - 15000},{at},{void}"


def load(home: Settings, folder: Path, name: str, rows: list[str]) -> dt.datetime:
    """Load one file and return when it was loaded."""
    path = folder / name
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert not ingest.ingest(home, FEED, [path]).refused
    with warehouse.writer(home) as con:
        row = con.execute("SELECT max(loaded_at) FROM meta.load_account").fetchone()
    assert row
    found: dt.datetime = row[0]
    return found


def add_macros(con: duckdb.DuckDBPyConnection) -> None:
    assert {f"overload.{name}" for name in MACROS} <= set(regulator_macros.create(con))


def fetch(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    return con.execute(sql, list(values)).fetchall()


@pytest.fixture(scope="module")
def corrected(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[dt.datetime]]]:
    """Three loads: tickets 1 to 3; then 1 with another weight, 4 is late; then 2 is cancelled."""
    folder = tmp_path_factory.mktemp("history")
    home = Settings(home=folder / "home")
    moments = [
        load(home, folder, "a.csv", [ticket(1), ticket(2), ticket(3)]),
        load(home, folder, "b.csv", [ticket(1, 41000), ticket(4, at="2026-05-19 08:00:00")]),
        load(home, folder, "c.csv", [ticket(2, void="是"), ticket(5, void="是")]),
    ]
    with warehouse.writer(home) as con:
        models.build(con)
        add_macros(con)
        yield con, moments


def test_versions_no_longer_in_force_say_who_replaced_them(corrected: Any) -> None:
    con, _ = corrected
    found = fetch(
        con,
        "SELECT ticket_no, gross_kg::INTEGER, outcome, is_void, load_no, ended_load_no FROM staging.ticket_history"
        " ORDER BY ALL",
    )
    assert found == [
        ("1", 45000, "superseded", False, 1, 2),
        ("2", 45000, "superseded", False, 1, 3),
        ("2", 45000, "voided", True, 3, None),
        ("5", 45000, "voided", True, 3, None),
    ]


def test_history_and_tickets_in_force_are_all_rows_that_are_kept(corrected: Any) -> None:
    con, _ = corrected
    both = "SELECT ticket_id FROM staging.weighbridge_ticket UNION ALL SELECT ticket_id FROM staging.ticket_history"
    assert fetch(con, f"SELECT count(*), count(DISTINCT ticket_id) FROM ({both})") == [(7, 7)]
    assert fetch(con, "SELECT count(*) FROM raw.weighbridge_ticket") == [(7,)]


def test_each_moment_shows_what_was_known_then(corrected: Any) -> None:
    con, moments = corrected
    sql = "SELECT ticket_no, gross_kg::INTEGER, replaced_at FROM known_ticket(?) ORDER BY ALL"
    assert fetch(con, sql, moments[0] - dt.timedelta(microseconds=1)) == []
    assert fetch(con, sql, moments[0]) == [("1", 45000, moments[1]), ("2", 45000, moments[2]), ("3", 45000, None)]
    assert fetch(con, sql, moments[1]) == [
        ("1", 41000, None), ("2", 45000, moments[2]), ("3", 45000, None), ("4", 45000, None)]  # fmt: skip
    assert fetch(con, sql, moments[2]) == [("1", 41000, None), ("3", 45000, None), ("4", 45000, None)]


def test_dispatch_as_known_last_monday_is_asked_with_a_date(corrected: Any) -> None:
    con, moments = corrected
    sql = "SELECT iso_week, release_count, dispatch_t::DOUBLE FROM known_site_week(?) ORDER BY ALL"
    assert fetch(con, sql, moments[0]) == [("2026-W22", 3, 90.0)]
    assert fetch(con, sql, moments[1]) == [("2026-W21", 1, 30.0), ("2026-W22", 3, 86.0)]
    literal = "SELECT count(*) FROM known_site_week(TIMESTAMPTZ '2020-01-06 09:00:00+08')"
    assert fetch(con, literal) == [(0,)]


@pytest.mark.parametrize("name", MACROS)
def test_a_macro_returns_what_its_header_says(corrected: Any, name: str) -> None:
    con, _ = corrected
    header = catalog.header_of((ROOT / "sql" / "regulator" / f"{name}.sql").read_text(encoding="utf-8"), name)
    assert list(header["arguments"]) == ["as_of"]
    made = [row[0] for row in fetch(con, f"DESCRIBE SELECT * FROM {name}(now())")]
    assert made == list(header["columns"])


def test_every_moment_of_a_city_is_what_stood_in_the_warehouse_then(tmp_path: Path) -> None:
    """Load a city file by file and look after each load; later the macro tells the same of every moment."""
    home = Settings(home=tmp_path / "home")
    simulate.write_city(home.inbox, home.home / "truth", scale=0.05, weeks=6)
    ingest.ingest(home, "site_register", ingest.inbox_files(home, "site_register"))
    seen: dict[dt.datetime, set[tuple[str, int]]] = {}
    in_force = "SELECT snapshot_sha256, line FROM raw.weighbridge_ticket WHERE outcome = 'accepted'"
    newest = "SELECT max(loaded_at) FROM meta.load_account"
    for path, source in ingest.inbox_files(home, FEED):
        assert not ingest.ingest(home, FEED, [(path, source)]).refused
        with warehouse.writer(home) as con:
            seen[fetch(con, newest)[0][0]] = set(fetch(con, in_force))
    with warehouse.writer(home) as con:
        models.build(con)
        add_macros(con)
        assert fetch(con, "SELECT count(*) > 2 FROM staging.ticket_history") == [(True,)]
        for moment, rows in seen.items():
            known = fetch(con, "SELECT snapshot_sha256, line FROM known_ticket(?)", moment)
            assert len(known) == len(rows), moment
            assert set(known) == rows, moment
        differing = fetch(
            con,
            "SELECT * FROM (SELECT site_id, week_start, release_count, dispatch_t FROM mart.site_week"
            " WHERE release_count > 0) AS mart FULL JOIN known_site_week(now()) AS known"
            " USING (site_id, week_start) WHERE known.dispatch_t IS DISTINCT FROM mart.dispatch_t"
            " OR known.release_count IS DISTINCT FROM mart.release_count",
        )
        assert differing == []
        assert fetch(con, "SELECT count(*) > 0 FROM mart.release WHERE is_reweighed") == [(True,)]
