"""Incremental equals whole: what is built week by week is what one build of everything gives, table by table."""

from __future__ import annotations

import datetime as dt
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_rows import put

from pipelines import catalog, models, run, warehouse
from pipelines.building import state
from pipelines.errors import MachineError
from pipelines.publishing import base, editions
from pipelines.rules import judging, prices
from pipelines.settings import Settings

FIRST = dt.date(2025, 12, 1)
WEEK = dt.timedelta(weeks=1)
SITES = [(f"站{number}", ("411725", "411726", "411700")[number % 3]) for number in range(6)]
# What reads a compared table, or only heavy weighings: a touched week may come out as it was.
SELDOM = ("mart.overload_lead", "policy.axle_limit")
BIG = ("staging.weighbridge_ticket", "staging.ticket_day", "mart.release", "mart.overload_lead", "mart.site_week",
       "policy.axle_limit", "mart.overload_record", "mart.overload_site_week")  # fmt: skip


def fresh() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    return con


def build_all(con: duckdb.DuckDBPyConnection, *, whole: bool = False) -> list[str]:
    built = models.build(con, whole=whole)
    judging.judge(con)
    prices.judge(con)
    return built + models.build(con, after_judging=True)


@dataclass
class City:
    """The same loads into several warehouses, as loading does it: versions, accounts and touched weeks."""

    cons: list[duckdb.DuckDBPyConnection]
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - what a city does, no secret
    load_no: int = 0
    line: int = 0
    in_force: dict[int, dict[str, Any]] = field(default_factory=dict)

    def execute(self, sql: str, values: list[Any]) -> None:
        for con in self.cons:
            con.execute(sql, values)

    def load(
        self, feed: str, rows: list[dict[str, Any]], replaced: dict[int, dict[str, Any] | None] | None = None
    ) -> set[dt.date]:
        """Load rows as one file; `replaced` gives lines in force their next version, None cancels them.

        Returns the weeks it touched.
        """
        self.load_no += 1
        given = [{**row, "outcome": "accepted"} for row in rows]
        touched: set[dt.date] = set()
        for line, version in (replaced or {}).items():
            old = self.in_force.pop(line)
            touched.add(week_of(old["weighed_at"]))
            given.append({**(version or old), "outcome": "accepted" if version else "voided"})
            self.execute(
                "UPDATE store.weighbridge_ticket SET outcome = 'superseded', ended_load_no = ? WHERE line = ?",
                [self.load_no, line],
            )
        for row in given:
            self.line += 1
            row |= {"line": self.line, "snapshot_sha256": f"{self.load_no:064d}"}
            if "weighed_at" in row:
                touched.add(week_of(row["weighed_at"]))
                if row["outcome"] == "accepted":
                    self.in_force[self.line] = row
        for con in self.cons:
            assert put(con, feed, given, last_period_on=max(touched, default=FIRST)) == self.load_no
        for monday in sorted(touched):
            self.execute("INSERT INTO meta.touched_week VALUES (?, ?, ?)", [feed, monday, self.load_no])
        return touched

    def ticket(self, week: int) -> dict[str, Any]:
        """One weighing; some overloaded, of a strange site or product, or weighed again past midnight of Sunday."""
        chance = self.chance
        monday = dt.datetime.combine(FIRST + week * WEEK, dt.time())
        at = monday + dt.timedelta(minutes=chance.randrange(5, 7 * 24 * 60))
        if chance.random() < 0.2:
            at = monday + dt.timedelta(minutes=chance.randrange(-10, 10))
        return {
            "site_name": chance.choice([*dict(SITES), "外站"]),
            "ticket_no": f"T{self.line}-{chance.random()}",
            "plate": f"豫Q{chance.randrange(3)}",
            "weighed_at": f"{at}+08",
            "product_name": chance.choice(["机制砂", "碎石", "怪砂"]),
            "direction": chance.choice(["out", "out", "out", "in"]),
            "gross_kg": chance.choice([47000, 49000, 52000, 60000]),
            "tare_kg": 15000,
            "number_period": "ever",
            "axle_count": chance.choice([6, 6, 4, None]),
            "body": "train",
        }

    def quotes(self, week: int) -> list[dict[str, Any]]:
        """Quotes of two counties for a week."""
        same = {"quoted_on": FIRST + week * WEEK, "product": "机制砂", "unit": "t", "basis": "ex_works"}
        same |= {"tax": "incl", "market": "市场"}
        return [same | {"county_code": code, "price": self.chance.randrange(60, 99)} for code in ("411725", "411726")]


def week_of(at: str) -> dt.date:
    day = dt.date.fromisoformat(at[:10])
    return day - dt.timedelta(days=day.weekday())


def contents(con: duckdb.DuckDBPyConnection) -> dict[str, Counter[str]]:
    """All rows of all that is built, as text: EXCEPT ALL both ways."""
    tables = con.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name IN"
        " ('staging', 'mart', 'policy', 'report', 'public') OR table_name = 'calendar'"
    ).fetchall()
    return {name: Counter(map(repr, con.execute(f"FROM {name}").fetchall())) for (name,) in tables}


def assert_equal(con: duckdb.DuckDBPyConnection, other: duckdb.DuckDBPyConnection) -> None:
    left, right = contents(con), contents(other)
    assert left.keys() == right.keys()
    different = {
        name: (sorted((left[name] - right[name]).elements())[:2], sorted((right[name] - left[name]).elements())[:2])
        for name in left
        if left[name] != right[name]
    }
    assert different == {}


@pytest.fixture
def city() -> Iterator[City]:
    """Twelve weeks of a small city in two warehouses: one to build week by week, one to build whole."""
    found = City([fresh(), fresh()])
    found.load("site_register", [
        {"site_name": name, "firm_name": f"{name}公司", "county_code": county, "entity_kind": "plant",
         "expected_cadence": "daily", "filed_capacity_t": 100000} for name, county in SITES])  # fmt: skip
    for week in range(12):
        found.load("weighbridge_ticket", [found.ticket(week) for _ in range(25)])
        found.load("price_quote", found.quotes(week))
    build_all(found.cons[0])
    yield found
    for con in found.cons:
        con.close()


def batch(city: City, newest: int) -> set[dt.date]:
    """A late, corrected, cancelled, out-of-order, newest or repeated week, or several."""
    chance = city.chance
    kind = chance.choice(["newest", "late", "corrected", "voided", "moved", "mixed", "gap", "nothing"])
    lines = chance.sample(sorted(city.in_force), 2)
    if kind == "newest":
        return city.load("weighbridge_ticket", [city.ticket(newest + 1) for _ in range(20)])
    if kind == "late":
        return city.load("weighbridge_ticket", [city.ticket(chance.randrange(newest)) for _ in range(3)])
    if kind == "corrected":
        return city.load("weighbridge_ticket", [], {
            line: {**city.in_force[line], "gross_kg": chance.choice([30000, 55000])} for line in lines})  # fmt: skip
    if kind == "voided":
        return city.load("weighbridge_ticket", [], dict.fromkeys(lines))
    if kind == "moved":
        version = {**city.in_force[lines[0]], "weighed_at": city.ticket(chance.randrange(newest))["weighed_at"]}
        return city.load("weighbridge_ticket", [], {lines[0]: version})
    if kind == "gap":
        return city.load("weighbridge_ticket", [city.ticket(newest + 3)])
    if kind == "nothing":
        return set()
    rows = [city.ticket(week) for week in (0, newest, newest + 1)]
    return city.load("weighbridge_ticket", rows, {lines[0]: None})


@pytest.mark.parametrize("seed", range(3))
def test_incremental_equals_whole(city: City, seed: int) -> None:
    city.chance.seed(seed)
    few = 0
    for _ in range(5):
        newest = (max(week_of(row["weighed_at"]) for row in city.in_force.values()) - FIRST) // WEEK
        touched = batch(city, newest)
        if city.chance.random() < 0.3:
            city.load("price_quote", city.quotes(newest))
        before = state.last_no(city.cons[0])
        build_all(city.cons[0])
        build_all(city.cons[1], whole=True)
        assert_equal(*city.cons)
        for table in BIG:
            changed = state.changed_since(city.cons[0], table, before)
            assert changed is not None, f"{table} was built whole for {sorted(touched)}"
            assert len(changed) < newest, table
            assert (touched <= changed) or table in SELDOM, table
            few += bool(changed)
    assert few > 2 * len(BIG)


def test_a_late_weighing_on_monday_changes_the_release_of_sunday(city: City) -> None:
    """A table may look ahead: the week before the touched one changes too, and only that."""
    con = city.cons[0]
    monday = FIRST + 6 * WEEK
    same = {
        **city.ticket(5),
        "site_name": "站1",
        "plate": "豫QX",
        "direction": "out",
        "axle_count": 6,
        "tare_kg": 15000,
    }
    sunday = f"{monday - dt.timedelta(days=1)} 23:55:00+08"
    city.load("weighbridge_ticket", [{**same, "ticket_no": "heavy", "gross_kg": 60000, "weighed_at": sunday}])
    build_all(con)
    release = "SELECT is_reweighed FROM mart.release WHERE ticket_no = 'heavy'"
    record = "SELECT count(*) FROM mart.overload_record WHERE ticket_no = 'heavy'"
    assert (con.execute(release).fetchone(), con.execute(record).fetchone()) == ((False,), (1,))
    before = state.last_no(con)
    city.load(
        "weighbridge_ticket",
        [{**same, "ticket_no": "light", "gross_kg": 48000, "weighed_at": f"{monday} 00:05:00+08"}],
    )
    build_all(con)
    assert (con.execute(release).fetchone(), con.execute(record).fetchone()) == ((True,), (0,))
    assert state.changed_since(con, "mart.release", before) == {monday - WEEK, monday}


def test_a_load_that_names_no_weeks_builds_whole(city: City) -> None:
    """Nobody wrote which weeks changed: nothing is taken for right."""
    con = city.cons[0]
    before = state.last_no(con)
    put(con, "weighbridge_ticket", [city.ticket(3)])
    build_all(con)
    assert state.changed_since(con, "mart.release", before) is None


def test_nothing_new_builds_no_ticket_table(city: City) -> None:
    built = build_all(city.cons[0])
    assert not set(built) & set(BIG)


def test_a_changed_register_threshold_or_file_builds_whole(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    con = city.cons[0]
    marks = [state.last_no(con)]
    renamed = {"site_name": "新站", "firm_name": "新公司", "county_code": "411725", "entity_kind": "plant"}
    city.load("site_register", [renamed])
    build_all(con)
    assert state.changed_since(con, "staging.weighbridge_ticket", marks[0]) is None

    marks.append(state.last_no(con))
    con.execute("UPDATE policy.axle_limit_gross_limit SET limit_kg = limit_kg + 1")  # the files say otherwise
    build_all(con)
    assert state.changed_since(con, "policy.axle_limit", marks[1]) == frozenset()
    state.write(con, "policy.axle_limit_gross_limit", None, state.next_no(con), "another content")
    build_all(con)
    assert state.changed_since(con, "policy.axle_limit", marks[1]) is None
    assert state.changed_since(con, "mart.release", marks[1]) == frozenset()

    marks.append(state.last_no(con))
    changed = dict(catalog.models())
    release = changed["mart.release"]
    changed["mart.release"] = replace(release, sql=f"{release.sql} -- said otherwise")
    monkeypatch.setattr(catalog, "models", lambda: changed)
    build_all(con)
    assert state.changed_since(con, "mart.release", marks[2]) is None
    assert state.changed_since(con, "staging.weighbridge_ticket", marks[2]) == frozenset()


def test_a_build_that_breaks_off_leaves_table_and_notes_together(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    con = city.cons[0]
    city.load("weighbridge_ticket", [city.ticket(3), city.ticket(8)])
    with monkeypatch.context() as patch:
        broken = dict(catalog.models())
        week = broken["mart.site_week"]
        broken["mart.site_week"] = replace(week, sql=week.sql.replace("FROM mart.site_day", "FROM mart.no_such"))
        patch.setattr(catalog, "models", lambda: broken)
        with pytest.raises(MachineError, match="site_week"):
            build_all(con)
    assert con.execute("SELECT current_database()").fetchone() == ("memory",)
    assert "build" not in state.steps(con)
    before = state.last_no(con)
    build_all(con)
    build_all(city.cons[1], whole=True)
    assert_equal(*city.cons)
    assert state.changed_since(con, "mart.site_week", before) is not None


def test_an_incremental_edition_equals_the_warehouse(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editions exchange only changed weeks, and hold rows, columns and comments of the warehouse all the same."""
    monkeypatch.setattr(base, "MOST_FREE_SHARE", 1)  # in a file this small the small tables are nearly all of it
    con, settings = city.cons[0], Settings(home=tmp_path)
    names = {
        "regulator": run._tables(con, run.REGULATOR_SCHEMAS),
        "public": run._tables(con, run.PUBLIC_SCHEMAS),
    }
    inodes = [editions.publish(con, settings, names)["regulator"].stat().st_ino]
    for number in range(5):
        city.chance.seed(number)
        city.load("weighbridge_ticket", [city.ticket(3), city.ticket(12 + number)], {min(city.in_force): None})
        build_all(con)
        found = base.find(con, editions.current(settings, "regulator"), "regulator", names["regulator"], ())
        assert found is not None
        for table in BIG:
            assert 0 < len(found.changed[table] or ()) < 9, table
        if number == 3:  # a reader keeps the file that is next to be written
            with duckdb.connect(settings.editions / "regulator-2.duckdb", read_only=True) as reader:
                before = reader.execute("SELECT count(*), bit_xor(hash(t)) FROM mart.release AS t").fetchall()
                inodes.append(editions.publish(con, settings, names)["regulator"].stat().st_ino)
                after = reader.execute("SELECT count(*), bit_xor(hash(t)) FROM mart.release AS t").fetchall()
            assert before == after
        else:
            inodes.append(editions.publish(con, settings, names)["regulator"].stat().st_ino)
        for edition, tables in names.items():
            assert_edition(con, editions.current(settings, edition), tables)
    # The fourth took the file of the first, the fifth could not take that of the second, the sixth that of the third.
    assert (inodes[3] == inodes[0], inodes[4] in inodes[:4], inodes[5] == inodes[2]) == (True, False, True)

    path = editions.current(settings, "regulator")
    assert base.find(con, path, "regulator", names["regulator"][1:], ()) is None  # other tables
    path.chmod(0o640)
    os.utime(path)
    assert base.find(con, path, "regulator", names["regulator"], ()) is None  # somebody touched the file
    editions.publish(con, settings, names)
    editions.publish(duckdb_without_notes(), settings, {"regulator": ["mart.release"], "public": []})
    assert base.find(con, editions.current(settings, "regulator"), "regulator", names["regulator"], ()) is None


def duckdb_without_notes() -> duckdb.DuckDBPyConnection:
    """Another warehouse that keeps no notes and publishes into the same folder."""
    other = duckdb.connect()
    other.execute("CREATE SCHEMA mart; CREATE TABLE mart.release (ticket_id VARCHAR)")
    return other


def assert_edition(con: duckdb.DuckDBPyConnection, path: Path, tables: list[str]) -> None:
    comments = (
        "SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns()"
        " WHERE database_name = ? AND schema_name || '.' || table_name IN (SELECT unnest(?))"
        " UNION ALL SELECT schema_name, table_name, '', '', comment FROM duckdb_tables()"
        " WHERE database_name = ? AND schema_name || '.' || table_name IN (SELECT unnest(?)) ORDER BY ALL"
    )
    con.execute(f"ATTACH '{path}' AS published (READ_ONLY)")
    try:
        for table in tables:
            here, there = f"memory.{table}", f"published.{table}"
            for left, right in ((here, there), (there, here)):
                rest = con.execute(f"SELECT count(*) FROM (FROM {left} EXCEPT ALL FROM {right})").fetchone()
                assert rest == (0,), (table, left)
        sides = [con.execute(comments, [side, tables, side, tables]).fetchall() for side in ("memory", "published")]
        assert sides[0] == sides[1]
    finally:
        con.execute("DETACH published")
