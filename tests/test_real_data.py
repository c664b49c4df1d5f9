"""Real data, each through a source profile and no code of its own."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from pipelines import models, warehouse
from pipelines.feeds import ingest
from pipelines.feeds.account import OUTCOMES
from pipelines.rules import judging, prices
from pipelines.settings import ROOT, Settings

DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data lie beside the project in shared/data, which is absent here"
)


@contextmanager
def judged(home: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.writer(home) as con:
        models.build(con)
        judging.judge(con)
        prices.judge(con)
        models.build(con, after_judging=True)
        yield con


@pytest.fixture(scope="module")
def taiwan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home = Settings(home=tmp_path_factory.mktemp("taiwan"))
    result = ingest.ingest(home, "price_quote", [DATA / "price" / "taiwan_sand_prices.csv"], "taiwan_pcc")
    account = result.files[0]
    assert account["rows"] == sum(account[outcome] for outcome in OUTCOMES) == 3626
    assert account["questions"] == []
    with judged(home) as con:
        yield con


def test_taiwan_tells_the_episode_of_2019(taiwan: duckdb.DuckDBPyConnection) -> None:
    events = taiwan.execute(
        "SELECT event_on, event, level FROM mart.price_alert_event WHERE area_code = '南區'"
        " AND product_id = 'natural_sand' AND event_on BETWEEN DATE '2018-12-01' AND DATE '2019-06-30'"
        " ORDER BY event_on"
    ).fetchall()
    assert events[0] == (dt.date(2019, 1, 4), "opened", "黄")
    assert events[1] == (dt.date(2019, 1, 18), "raised", "橙")
    assert events[-1][:2] == (dt.date(2019, 4, 19), "closed")
    assert "红" not in {level for _, _, level in events}
    values = taiwan.execute(
        "SELECT round(100 * value, 1) FROM mart.price_alert_event WHERE area_code = '南區'"
        " AND product_id = 'natural_sand' AND event_on IN (DATE '2019-01-04', DATE '2019-01-18') ORDER BY event_on"
    ).fetchall()
    assert values == [(14.5,), (32.7,)]
    closed = taiwan.execute(
        "SELECT close_reason FROM mart.price_alert WHERE area_code = '南區' AND closed_on = DATE '2019-04-19'"
    ).fetchall()
    assert ("returned",) in closed


def test_taiwan_counties_stay_calm_after_2020(taiwan: duckdb.DuckDBPyConnection) -> None:
    rows = taiwan.execute(
        "SELECT level, count(*) FROM mart.price_level_week WHERE week_start >= DATE '2020-05-01' GROUP BY 1"
    ).fetchall()
    assert rows
    assert {level for level, _ in rows} <= {"无", "蓝", "黄"}


def test_taiwan_units_are_never_chained(taiwan: duckdb.DuckDBPyConnection) -> None:
    units = taiwan.execute("SELECT DISTINCT unit FROM mart.price_index_week ORDER BY 1").fetchall()
    assert units == [("m3",), ("t",)]
    first = taiwan.execute(
        "SELECT count(*) FROM mart.price_index_week AS point WHERE unit = 't' AND week_start = ("
        " SELECT min(week_start) FROM mart.price_index_week WHERE unit = 't') AND change_1w_share IS NOT NULL"
    ).fetchone()
    assert first == (0,)


# An own reading of the gross mass limits, from policy.md 3, to compare the rule with.
LIMITS = {2: (18000,), 3: (25000, 27000), 4: (31000, 36000), 5: (43000,)}


def test_motorway_trucks_give_exactly_the_overloads_their_limits_imply(tmp_path: Path) -> None:
    with (DATA / "weight" / "a16_trucks.csv").open(encoding="utf-8") as file:
        trucks = list(csv.DictReader(file))
    # The motorway gave no time, plate or site: attached here, one truck a minute.
    start = dt.datetime(2026, 5, 25, 6, 0)  # noqa: DTZ001  # wall time, as a ticket prints it
    attached = tmp_path / "a16.csv"
    with attached.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*trucks[0], "weighed_at", "plate", "site_name"])
        writer.writeheader()
        for number, truck in enumerate(trucks):
            at = (start + dt.timedelta(minutes=number)).isoformat(sep=" ")
            writer.writerow({**truck, "weighed_at": at, "plate": f"豫Q{number:05d}", "site_name": "A16"})
    breached, undetermined = {}, set()
    for truck in trucks:
        limits = LIMITS.get(int(truck["axle_count"]), (46000, 49000))
        gross_kg = int(truck["gross_kg"])
        if gross_kg > max(limits):
            breached[truck["vehicle_no"]] = gross_kg - max(limits)
        elif gross_kg > min(limits):
            undetermined.add(truck["vehicle_no"])
    assert (len(breached), len(undetermined)) == (253, 80)

    home = Settings(home=tmp_path / "home")
    result = ingest.ingest(home, "weighbridge_ticket", [attached], "wim_axles")
    assert (result.total("rows"), result.total("accepted")) == (len(trucks), len(trucks))
    with judged(home) as con:
        rows = con.execute("SELECT ticket_no, verdict, over_kg FROM mart.overload_record").fetchall()
    assert {number: over_kg for number, verdict, over_kg in rows if verdict == "breached"} == breached
    assert {number for number, verdict, _ in rows if verdict == "undetermined"} == undetermined


def test_austin_net_only_loads_are_all_accounted_for(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    path = DATA / "weight" / "austin_loads.csv"
    result = ingest.ingest(home, "weighbridge_ticket", [path], "austin_loads")
    assert not result.refused, result.refused
    account = result.files[0]
    assert account["rows"] == sum(account[outcome] for outcome in OUTCOMES) == 17028

    # The same file read by the standard library says what must come out.
    with path.open(encoding="utf-8") as file:
        loads = list(csv.DictReader(file))
    good = [load for load in loads if load["load_weight"] and float(load["load_weight"]) > 0]
    distinct = {
        (load["load_time"], load["load_type"], float(load["load_weight"]), load["dropoff_site"]) for load in good
    }
    assert account["quarantined"] == len(loads) - len(good)
    assert account["accepted"] == len(distinct)
    assert account["duplicate"] == len(good) - len(distinct)
    with warehouse.writer(home) as con:
        row = con.execute("SELECT sum(net_kg), count(gross_kg) FROM raw.weighbridge_ticket").fetchone()
    assert row is not None
    assert float(row[0]) == pytest.approx(0.45359237 * sum(pounds for _, _, pounds, _ in distinct), rel=1e-6)
    assert row[1] == 0
