"""Editions: what is copied survives whole, and no reader ever sees half a build or two builds mixed."""

from __future__ import annotations

import json
import multiprocessing
import stat
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.errors import MachineError, WrongCallError
from pipelines.publishing import editions
from pipelines.publishing.edition_file import View
from pipelines.settings import Settings

TABLES = {
    "regulator": ["staging.ticket", "mart.week", "mart.pair_left", "mart.pair_right"],
    "public": ["mart.week", "mart.pair_left"],
}
# All that could end a quoted literal early, and what people really write.
NASTY = "净重，吨; it's 'quoted' \"twice\" -- not a comment\n/* */ $$ E'\\n' 📦"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(settings.warehouse) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        con.execute("CREATE SCHEMA staging; CREATE SCHEMA mart")
        con.execute(
            """
            CREATE TABLE staging.ticket AS
            SELECT
                i AS line,
                '豫Q' || lpad(i::VARCHAR, 5, '0') AS plate,
                TIMESTAMPTZ '2026-11-23 07:00:00+08' + INTERVAL (i) MINUTE AS weighed_at,
                (i * 1.125)::DECIMAL(14, 3) AS gross_kg,
                [i, i + 1] AS axle_list,
                {'kind': 'x', 'share': 0.5::DECIMAL(5, 4)} AS detail,
                json_object('i', i) AS raw_json,
                DATE '2026-11-23' AS "odd ""name"
            FROM range(5000) AS t (i)
            ORDER BY (i * 7919) % 5000
            """
        )
        literal = "'" + NASTY.replace("'", "''") + "'"
        con.execute(f"COMMENT ON TABLE staging.ticket IS {literal}")
        con.execute(f"COMMENT ON COLUMN staging.ticket.gross_kg IS {literal}")
        con.execute('COMMENT ON COLUMN staging.ticket."odd ""name" IS \'odd\'')
        con.execute("CREATE VIEW mart.week AS SELECT count(*) AS ticket_count FROM staging.ticket")
        con.execute("COMMENT ON VIEW mart.week IS 'tickets of a week'")
        con.execute("CREATE TABLE mart.pair_left AS SELECT 0 AS build, range AS i FROM range(20000)")
        con.execute("CREATE TABLE mart.pair_right AS FROM mart.pair_left")
        yield con


def read(path: Path, sql: str) -> list[Any]:
    with duckdb.connect(path, read_only=True) as con:
        return con.execute(sql).fetchall()


def test_rows_types_order_and_comments_survive(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    editions.publish(warehouse, settings, TABLES)
    path = editions.current(settings, "regulator")
    # Hashing all rows in order shows any change of value, type and place at once.
    fingerprint = (
        "SELECT count(*), md5(string_agg(columns_text, ';' ORDER BY place)) FROM (SELECT rowid AS place, "
        "concat_ws('|', line, plate, epoch_us(weighed_at), gross_kg, axle_list, detail, raw_json) AS columns_text "
        "FROM staging.ticket)"
    )
    kinds = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'ticket' ORDER BY column_index"
    assert read(path, fingerprint) == warehouse.execute(fingerprint).fetchall()
    assert read(path, kinds) == warehouse.execute(kinds).fetchall()
    assert {kind for _, kind in read(path, kinds)} >= {
        *("TIMESTAMP WITH TIME ZONE", "DECIMAL(14,3)", "BIGINT[]", "JSON")
    }
    assert read(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'ticket'") == [(NASTY,)]
    assert read(
        path,
        "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'ticket' AND comment IS NOT NULL",
    ) == [("gross_kg", NASTY), ('odd "name', "odd")]
    assert read(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'week'") == [("tickets of a week",)]
    assert read(path, "FROM mart.week") == [(5000,)]


def test_storage_order_is_kept_where_the_loader_does_not_ask_for_it(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    warehouse.execute("CREATE TABLE mart.long AS SELECT range AS i FROM range(1000000)")
    warehouse.execute("SET preserve_insertion_order = false")
    warehouse.execute("SET threads = 4")
    editions.publish(warehouse, settings, {"regulator": ["mart.long"], "public": []})
    path = editions.current(settings, "regulator")
    assert read(path, "SELECT count(*), count(*) FILTER (i = rowid) FROM mart.long") == [(1000000, 1000000)]
    # and the connection is as it was
    assert warehouse.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (False,)
    assert warehouse.execute("SELECT current_database()").fetchone() == ("warehouse",)


def test_each_edition_holds_only_its_tables(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    published = editions.publish(warehouse, settings, TABLES, data_through=date(2026, 11, 22))
    names = "SELECT schema_name || '.' || table_name FROM duckdb_tables() ORDER BY ALL"
    for name, path in published.items():
        assert path == editions.current(settings, name)
        assert [found for (found,) in read(path, names)] == sorted(TABLES[name])
    account = json.loads((settings.editions / "published.json").read_text(encoding="utf-8"))
    assert account["build"] == 1
    assert account["data_through"] == "2026-11-22"
    assert account["editions"]["public"]["tables"] == TABLES["public"]


def test_views_resolve_in_the_edition(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    view = View(
        "overload.heavy",
        "SELECT line, gross_kg FROM staging.ticket WHERE gross_kg > 5000 -- tonnes;",
        comment=NASTY,
        columns={"line": "line of the file"},
    )
    follower = View("overload.heavy_count", "SELECT count(*) AS n FROM overload.heavy;\n")
    editions.publish(warehouse, settings, TABLES, views={"regulator": [view, follower]})
    path = editions.current(settings, "regulator")
    assert read(path, "FROM overload.heavy_count") == [(555,)]
    assert read(path, "SELECT comment FROM duckdb_views() WHERE view_name = 'heavy'") == [(NASTY,)]
    assert read(path, "SELECT comment FROM duckdb_columns() WHERE table_name = 'heavy' AND column_name = 'line'") == [
        ("line of the file",)
    ]


@pytest.mark.parametrize("catalog", ["", "warehouse."])
def test_a_view_that_needs_the_warehouse_is_not_published(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings, catalog: str
) -> None:
    first = editions.publish(warehouse, settings, TABLES)
    view = View("overload.plate", f"SELECT plate FROM {catalog}staging.ticket")  # not in the public edition
    with pytest.raises(MachineError, match=r"editions published before stay"):
        editions.publish(warehouse, settings, TABLES, views={"public": [view]})
    assert {name: editions.current(settings, name) for name in first} == first
    assert not list(settings.editions.glob(".building*"))
    # and the writer can go on with its own work
    assert editions.publish(warehouse, settings, TABLES)["public"].name == "public-2.duckdb"


def test_files_and_folder_are_closed_to_writing(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    published = editions.publish(warehouse, settings, TABLES)
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in published.items()}
    assert modes == {"regulator": 0o440, "public": 0o444}
    assert stat.S_IMODE(settings.editions.stat().st_mode) == 0o555
    assert not list(settings.editions.glob("*.wal"))


def test_three_versions_are_kept(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    for _ in range(5):
        editions.publish(warehouse, settings, TABLES)
    assert sorted(path.name for path in settings.editions.iterdir()) == sorted(
        [f"{name}-{build}.duckdb" for name in TABLES for build in (3, 4, 5)]
        + ["regulator.duckdb", "public.duckdb", "published.json"]
    )
    assert editions.build_of(editions.current(settings, "public")) == 5


def test_leftovers_of_a_crash_are_removed(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    settings.editions.mkdir()
    for name in (".building-public-1.duckdb", ".building-public-1.duckdb.wal", ".building-public.pointer"):
        (settings.editions / name).write_bytes(b"half")
    (settings.editions / "regulator-7.duckdb").write_bytes(b"named, and never pointed to")
    published = editions.publish(warehouse, settings, TABLES)
    assert published["regulator"].name == "regulator-8.duckdb"  # never a name that was used
    assert not list(settings.editions.glob(".building*"))


@pytest.mark.parametrize("name", ["regulator.duckdb.wal", "regulator-1.duckdb.wal", "public-1.duckdb.wal"])
def test_a_stray_wal_is_refused(warehouse: duckdb.DuckDBPyConnection, settings: Settings, name: str) -> None:
    editions.publish(warehouse, settings, TABLES)
    settings.editions.chmod(0o755)
    (settings.editions / name).write_bytes(b"")
    with pytest.raises(MachineError, match=name):
        editions.publish(warehouse, settings, TABLES)
    with pytest.raises(MachineError, match=name):
        editions.current(settings, name[: name.index(".")].removesuffix("-1"))


def _publish_for_ever(home: Path, begun: Any) -> None:
    settings = Settings(home=home)
    with duckdb.connect(settings.warehouse) as con:
        while True:
            begun.set()
            editions.publish(con, settings, TABLES)


def test_a_killed_publish_leaves_the_last_one_whole(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    editions.publish(warehouse, settings, TABLES)
    warehouse.close()
    context = multiprocessing.get_context("spawn")
    for delay in (0.02, 0.07, 0.13):
        begun = context.Event()
        publisher = context.Process(target=_publish_for_ever, args=(settings.home, begun))
        publisher.start()
        assert begun.wait(timeout=10)
        time.sleep(delay)
        publisher.kill()
        publisher.join()
        for name in TABLES:
            assert read(editions.current(settings, name), "SELECT count(*) FROM mart.pair_left") == [(20000,)]
    with duckdb.connect(settings.warehouse) as con:
        editions.publish(con, settings, TABLES)
    assert not list(settings.editions.glob(".building*"))
    assert stat.S_IMODE(settings.editions.stat().st_mode) == 0o555


def test_wrong_calls_say_what_to_do(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    with pytest.raises(WrongCallError, match="sandwatch run"):
        editions.current(settings, "regulator")
    with pytest.raises(WrongCallError, match="regulator or public"):
        editions.current(settings, "secret")
    with pytest.raises(WrongCallError, match="exactly"):
        editions.publish(warehouse, settings, {"public": []})
    with pytest.raises(WrongCallError, match=r"no table mart\.nothing: run `sandwatch build`"):
        editions.publish(warehouse, settings, TABLES | {"public": ["mart.nothing"]})
    with pytest.raises(WrongCallError, match="no regulator edition"):  # the first half was not published alone
        editions.current(settings, "regulator")


def test_uncommitted_work_of_the_writer_is_not_published(
    warehouse: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    warehouse.execute("BEGIN")
    warehouse.execute("DELETE FROM staging.ticket")
    editions.publish(warehouse, settings, TABLES)
    warehouse.execute("ROLLBACK")
    assert read(editions.current(settings, "regulator"), "SELECT count(*) FROM staging.ticket") == [(5000,)]


def _keep_reading(home: Path, stop: Any, results: Any) -> None:
    settings, seen, builds = Settings(home=home), 0, set()
    try:
        while not stop.is_set():
            with duckdb.connect(editions.current(settings, "regulator"), read_only=True) as con:
                for _ in range(2):  # also while the pointer moves on under an open connection
                    row = con.execute(
                        "SELECT (SELECT min(build) FROM mart.pair_left), (SELECT max(build) FROM mart.pair_right),"
                        " (SELECT count(*) FROM mart.pair_left), (SELECT count(*) FROM mart.pair_right)"
                    ).fetchone()
                    assert row is not None
                    assert row[0] == row[1], f"torn: {row}"
                    assert row[2] == row[3] == 20000, f"half: {row}"
                    builds.add(row[0])
                    seen += 1
            time.sleep(0.02)  # eight readers on two cores would starve the writer, not test it
    except Exception as error:
        results.put((seen, len(builds), repr(error)))
    else:
        results.put((seen, len(builds), None))


def test_eight_readers_see_twenty_swaps_whole(warehouse: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    editions.publish(warehouse, settings, TABLES)
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    readers = [context.Process(target=_keep_reading, args=(settings.home, stop, results)) for _ in range(8)]
    for reader in readers:
        reader.start()
    time.sleep(1)  # until most of them read
    for build in range(1, 21):
        warehouse.execute("BEGIN")
        warehouse.execute(f"UPDATE mart.pair_left SET build = {build}")
        warehouse.execute(f"UPDATE mart.pair_right SET build = {build}")
        warehouse.execute("COMMIT")
        editions.publish(warehouse, settings, TABLES)
        time.sleep(0.05)
    stop.set()
    outcomes = [results.get(timeout=20) for _ in readers]
    for reader in readers:
        reader.join(timeout=10)
    assert [error for _, _, error in outcomes if error] == []
    assert sum(seen for seen, _, _ in outcomes) > 50
    assert max(builds for _, builds, _ in outcomes) > 5, "the swaps were not seen while reading"
