"""The regulator's named questions on a small city: what they answer is what the tables hold."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import catalog, run, simulate, warehouse
from pipelines.errors import MachineError
from pipelines.publishing import edition_file, editions, query, regulator_macros
from pipelines.settings import Settings

OURS = ("truck", "repeat", "site_week", "record", "handover")
WHOLE = "'2000-01-01', '2100-01-01'"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small city with its editions, the regulator's with the macros."""
    settings = Settings(home=tmp_path_factory.mktemp("regulator") / "home", actor="tester")
    simulate.write_city(settings.inbox, settings.home / "truth", scale=0.05, weeks=6)
    run.ingest_inbox(settings)
    run.build(settings)
    run.check(settings)
    run.judge(settings)
    run.publish(settings)
    return settings


@pytest.fixture(scope="module")
def edition(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the published file: a reader opens it like anybody with a DuckDB client."""
    path = tmp_path_factory.mktemp("edition") / "regulator.duckdb"
    shutil.copy(editions.current(home, "regulator"), path)
    path.chmod(0o600)
    with duckdb.connect(str(path)) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        regulator_macros.create(con)
    return path


@pytest.fixture
def con(edition: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    found = duckdb.connect(str(edition), read_only=True)
    found.execute("SET TimeZone = 'Asia/Shanghai'")
    yield found
    found.close()


def rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = con.execute(sql, list(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def worst_plate(con: duckdb.DuckDBPyConnection) -> tuple[str, dt.date, dt.date]:
    found = con.execute(
        "SELECT plate, min(weighed_on), max(weighed_on) FROM mart.overload_record WHERE verdict = 'breached'"
        " GROUP BY plate ORDER BY count(*) DESC, plate LIMIT 1"
    ).fetchone()
    assert found is not None
    return found


class TestFiles:
    def test_all_questions_of_the_issue_are_there(self) -> None:
        assert set(OURS) <= {macro.name for macro in regulator_macros.read()}

    def test_each_file_pastes_into_a_client_and_answers_with_the_columns_of_its_header(
        self, edition: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "pasted.duckdb"
        shutil.copy(edition, path)
        calls = {
            "truck": f"'豫Q12345', {WHOLE}", "repeat": "'2026-06-30'", "site_week": "", "record": "'0-1'",
            "handover": WHOLE,
        }  # fmt: skip
        with duckdb.connect(str(path)) as con:
            for name in OURS:
                file = regulator_macros.ROOT / "sql" / "regulator" / f"{name}.sql"
                text = file.read_text(encoding="utf-8")
                con.execute(text)
                found = [column[0] for column in con.execute(f"FROM {name}({calls[name]})").description]
                assert found == list(catalog.header_of(text, name)["columns"])

    def test_they_read_only_schemas_of_the_regulators_edition(self) -> None:
        for macro in regulator_macros.read():
            macros = {other.name for other in regulator_macros.read()}
            schemas = {table.partition(".")[0] for table in macro.reads - macros}
            assert schemas <= set(run.REGULATOR_SCHEMAS), macro.name

    def test_a_macro_comes_after_those_it_reads(self, tmp_path: Path) -> None:
        for name, reads in (("a", "b()"), ("b", "mart.release")):
            (tmp_path / f"{name}.sql").write_text(
                f"/*\ndescription: d\ncolumns: {{x: y}}\n*/\nCREATE MACRO {name}() AS TABLE"
                f" SELECT 1 AS x FROM {reads}\n",
                encoding="utf-8",
            )
        assert [macro.name for macro in regulator_macros.read(tmp_path)] == ["b", "a"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("SELECT 1", "opens with"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nSELECT 1 AS x", "must hold one CREATE MACRO q"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO other() AS TABLE SELECT 1 AS x",
             "must hold one CREATE MACRO q"),
            ("/*\ndescription: d\n*/\nCREATE MACRO q() AS TABLE SELECT 1 AS x", r"lacks \['columns'\]"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO q(a) AS TABLE SELECT a AS x",
             r"takes \['a'\], the header describes \[\]"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_no_described_macro_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "q.sql").write_text(text, encoding="utf-8")
        with pytest.raises(MachineError, match=said):
            regulator_macros.read(tmp_path)


class TestCreate:
    def test_again_changes_nothing_and_says_what_each_answers(self, edition: Path, tmp_path: Path) -> None:
        path = tmp_path / "again.duckdb"
        shutil.copy(edition, path)
        with duckdb.connect(str(path)) as con:
            first, second = regulator_macros.create(con), regulator_macros.create(con)
            comments = con.execute(
                "SELECT function_name, comment FROM duckdb_functions()"
                " WHERE database_name = current_database() AND NOT internal AND function_type = 'table_macro'"
            ).fetchall()
        assert first == second
        assert set(OURS) <= set(first)
        assert {name for name, text in comments if text} == {name.rpartition(".")[2] for name in first}

    def test_an_edition_of_few_tables_answers_few_questions(self) -> None:
        with duckdb.connect() as con:
            assert regulator_macros.create(con) == []

    def test_a_copy_by_edition_file_can_take_them(self, home: Settings, tmp_path: Path) -> None:
        path = tmp_path / "few.duckdb"
        with warehouse.writer(home) as source:
            edition_file.write(source, path, ["mart.overload_site_week", "mart.site_week", "reference.region"])
        with duckdb.connect(str(path)) as con:
            assert regulator_macros.create(con) == ["site_week"]


class TestTruck:
    def test_gives_every_release_of_the_plate_in_the_days_with_its_record(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        plate, first, last = worst_plate(con)
        for from_on, to_on in ((first, last), (dt.date(2000, 1, 1), dt.date(2100, 1, 1)), (last, last)):
            found = rows(con, f"FROM truck('{plate}', '{from_on}', '{to_on}')")
            wanted = con.execute(
                "SELECT ticket_id FROM mart.release WHERE plate = ? AND weighed_on BETWEEN ? AND ?"
                " ORDER BY weighed_at, ticket_id",
                [plate, from_on, to_on],
            ).fetchall()
            assert wanted
            assert [row["record_id"] for row in found] == [name for (name,) in wanted]
            records = con.execute(
                "SELECT record_id, verdict, over_kg FROM mart.overload_record WHERE plate = ?"
                " AND weighed_on BETWEEN ? AND ? ORDER BY weighed_at, record_id",
                [plate, from_on, to_on],
            ).fetchall()
            assert [(row["record_id"], row["verdict"], row["over_kg"]) for row in found if row["verdict"]] == records

    def test_takes_the_plate_as_people_write_it(self, con: duckdb.DuckDBPyConnection) -> None:
        plate, _, _ = worst_plate(con)
        wanted = rows(con, f"FROM truck('{plate}', {WHOLE})")
        for written in (f" {plate[:2]}·{plate[2:]} ", plate.lower(), f"{plate[:2]} {plate[2:]}"):
            assert rows(con, f"FROM truck('{written}', {WHOLE})") == wanted


class TestRepeat:
    def test_counts_leads_of_the_year_before(self, con: duckdb.DuckDBPyConnection) -> None:
        plate, _, last = worst_plate(con)
        found = {row["plate"]: row for row in rows(con, f"FROM repeat('{last}')")}
        counts = dict(
            con.execute(
                "SELECT plate, count(*) FROM mart.overload_record WHERE verdict = 'breached' AND plate IS NOT NULL"
                " AND weighed_on <= ? AND weighed_on > ?::DATE - 365 GROUP BY plate HAVING count(*) > 3",
                [last, last],
            ).fetchall()
        )
        assert plate in counts
        assert {name: row["lead_count"] for name, row in found.items()} == counts
        assert all(row["case_count"] is None for row in found.values())
        assert all(row["half_year_lead_count"] <= row["lead_count"] for row in found.values())

    def test_the_day_and_the_window_cut(self, con: duckdb.DuckDBPyConnection) -> None:
        _, first, last = worst_plate(con)
        assert rows(con, f"FROM repeat('{first - dt.timedelta(days=1)}')") == []
        year_on = rows(con, f"FROM repeat('{first + dt.timedelta(days=365)}')")
        assert all(row["first_on"] > first for row in year_on)
        later = rows(con, f"FROM repeat('{last + dt.timedelta(days=190)}')")
        assert {row["half_year_lead_count"] for row in later} == {0}


class TestSiteWeek:
    def test_is_the_mart_with_names(self, con: duckdb.DuckDBPyConnection) -> None:
        found = rows(con, "FROM site_week()")
        wanted = con.execute(
            "SELECT week_start, site_id, breached_count, over_t FROM mart.overload_site_week ORDER BY ALL"
        ).fetchall()
        assert wanted
        assert [(r["week_start"], r["site_id"], r["breached_count"], r["over_t"]) for r in found] == wanted
        assert any(row["county_name"] and row["completeness_share"] is not None for row in found)

    def test_weeks_can_be_chosen(self, con: duckdb.DuckDBPyConnection) -> None:
        weeks = sorted({row["week_start"] for row in rows(con, "FROM site_week()")})
        call = f"FROM site_week(from_on := '{weeks[1]}', to_on := '{weeks[2]}')"
        assert {row["week_start"] for row in rows(con, call)} == {weeks[1], weeks[2]}
        assert {row["week_start"] for row in rows(con, f"FROM site_week('{weeks[-1]}')")} == {weeks[-1]}


class TestRecord:
    def test_holds_the_record_its_ticket_its_file_and_its_law(self, con: duckdb.DuckDBPyConnection) -> None:
        for wanted in rows(con, "FROM mart.overload_record WHERE verdict = 'breached' ORDER BY record_id LIMIT 3"):
            (found,) = rows(con, f"FROM record('{wanted['record_id']}')")
            same = found.keys() & wanted.keys()
            assert {name: found[name] for name in same} == {name: wanted[name] for name in same}
            ticket = rows(con, "FROM staging.weighbridge_ticket WHERE ticket_id = ?", wanted["record_id"])[0]
            assert (found["tare_kg"], found["operator"]) == (ticket["tare_kg"], ticket["operator"])
            account = rows(con, "FROM meta.load_account WHERE snapshot_sha256 = ?", wanted["snapshot_sha256"])[0]
            assert found["file_name"] == account["file_name"]
            assert "第62号" in found["document"]

    def test_names_the_heavier_weighings_before_it(self, con: duckdb.DuckDBPyConnection) -> None:
        pair = con.execute(
            "SELECT lead.reweighed_ticket_id, list(lead.ticket_id ORDER BY lead.weighed_at)"
            " FROM mart.overload_lead AS lead"
            " JOIN mart.overload_record AS record ON lead.reweighed_ticket_id = record.record_id"
            " WHERE lead.lead_kind = 'reweighed' GROUP BY ALL ORDER BY 1 LIMIT 1"
        ).fetchone()
        assert pair is not None  # the seeded city plants trucks that were re-weighed and stayed over the limit
        (found,) = rows(con, f"FROM record('{pair[0]}')")
        assert found["heavier_ticket_ids"] == pair[1]

    @pytest.mark.parametrize("name", ["000000000000-2", "no such record", ""])
    def test_an_unknown_id_is_no_row(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        assert rows(con, f"FROM record('{name}')") == []


class TestHandover:
    def test_gives_stated_breaches_of_the_days_and_nothing_else(self, con: duckdb.DuckDBPyConnection) -> None:
        found = rows(con, f"FROM handover({WHOLE})")
        wanted = con.execute(
            "SELECT record_id FROM mart.overload_record WHERE verdict = 'breached' AND limit_basis = 'stated'"
            " AND plate IS NOT NULL AND is_registered_site AND NOT is_direction_assumed AND NOT is_above_scale_max"
            " ORDER BY weighed_at, record_id"
        ).fetchall()
        assert wanted
        assert [row["record_id"] for row in found] == [name for (name,) in wanted]
        for row in found:
            assert row["lapses_on"] == row["weighed_at"].date().replace(year=row["weighed_at"].year + 2)
            assert {"scale_certificate", "scale_review"} <= set(row["lacking"])
            assert row["over_kg"] > 0

    def test_both_days_are_in(self, con: duckdb.DuckDBPyConnection) -> None:
        days = [row["weighed_at"].date() for row in rows(con, f"FROM handover({WHOLE})")]
        one = rows(con, f"FROM handover('{days[0]}', '{days[0]}')")
        assert [row["weighed_at"].date() for row in one] == [day for day in days if day == days[0]]


def test_they_answer_in_the_sandbox(home: Settings, edition: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sandwatch sql` opens the edition in its child; the macros need nothing that is closed there."""
    monkeypatch.setattr(editions, "current", lambda *_: edition)
    plate, _, last = worst_plate(duckdb.connect(str(edition), read_only=True))
    calls = {
        "truck": f"'{plate}', {WHOLE}", "repeat": f"'{last}'", "site_week": "", "handover": WHOLE,
        "record": "(SELECT max(record_id) FROM mart.overload_record)",
    }  # fmt: skip
    for name in OURS:
        result = query.run(home, f"FROM {name}({calls[name]})", output="json", purpose="test")
        assert json.loads(result.text), name
