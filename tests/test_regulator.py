"""The regulator's named questions on a small city: what they answer is what the tables hold."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import catalog, run, warehouse
from pipelines.errors import MachineError
from pipelines.publishing import base, edition_file, editions, query, regulator_macros
from pipelines.settings import Settings

WHOLE = "'2000-01-01', '2100-01-01'"
# What each question is called with here; those without arguments are asked as views too.
CALLS = {
    "truck": f"'豫Q12345', {WHOLE}", "repeat": "'2026-11-22'", "repeat_driver": "'2026-11-22'",
    "repeat_firm": "'2026-11-22'", "site": "'2026-11-22'", "site_week": "", "record": "'0-1'", "handover": WHOLE,
    "handover_lacking": WHOLE, "lapsing": "'2028-10-20'", "licence_excess": WHOLE, "find_plate": "'豫q1234S'",
    "waybill_finding": WHOLE, "contested": "", "connection": "",
    "known_ticket": "now()", "known_site_week": "now()",
}  # fmt: skip
VALUES = ("plate_text", "reference_text")
CONTRACT = yaml.safe_load((Path(__file__).parent / "data" / "regulator_contract.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def home(small_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small city with its editions, the regulator's with the macros."""
    found = Settings(home=tmp_path_factory.mktemp("regulator") / "home", actor="tester")
    shutil.copytree(small_city.home, found.home, symlinks=True)
    return found


@pytest.fixture(scope="module")
def edition(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the published file: a reader opens it like anybody with a DuckDB client."""
    path = tmp_path_factory.mktemp("edition") / "regulator.duckdb"
    shutil.copy(editions.current(home, "regulator"), path)
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def opened(edition: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect(str(edition))
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    yield con
    con.close()


@pytest.fixture
def con(opened: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The edition; what a test writes into it is taken back."""
    opened.execute("BEGIN")
    yield opened
    opened.execute("ROLLBACK")


def rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = con.execute(sql, list(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def told(con: duckdb.DuckDBPyConnection, call: str) -> list[str]:
    """All that a question answers, in an order of its own: not every question promises one."""
    return sorted(map(repr, con.execute(f"FROM {call}").fetchall()))


def worst_plate(con: duckdb.DuckDBPyConnection) -> tuple[str, dt.date, dt.date]:
    found = con.execute(
        "SELECT plate, min(weighed_on), max(weighed_on) FROM mart.overload_record WHERE verdict = 'breached'"
        " AND plate_doubt IS NULL GROUP BY plate ORDER BY count(*) DESC, plate LIMIT 1"
    ).fetchone()
    assert found is not None
    return found


def contest(con: duckdb.DuckDBPyConnection, record_id: str, ruling: str) -> None:
    con.execute(
        "INSERT INTO mart.contested_record BY NAME SELECT ? AS record_id, DATE '2026-11-20' AS contested_on,"
        " ? AS ruling, ? AS is_open", [record_id, ruling, ruling == "open"],
    )  # fmt: skip


def handed_over(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    found = rows(con, f"FROM overload.handover({WHOLE})")
    assert found
    return found


class TestFiles:
    def test_each_file_is_called_here(self) -> None:
        names = {macro.name.partition(".")[2] for macro in regulator_macros.read()}
        assert names == {*CALLS, *VALUES}

    def test_each_file_pastes_into_a_client_and_answers_with_the_columns_of_its_header(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        for path in sorted((regulator_macros.ROOT / "sql" / "regulator").glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            con.execute(text)
            if path.stem in CALLS:
                found = [
                    column[0] for column in con.execute(f"FROM overload.{path.stem}({CALLS[path.stem]})").description
                ]
                assert found == list(catalog.header_of(text, path.stem)["columns"])

    def test_they_read_only_schemas_of_the_regulators_edition(self) -> None:
        for macro in regulator_macros.read():
            macros = {other.name for other in regulator_macros.read()}
            schemas = {table.partition(".")[0] for table in macro.reads - macros}
            assert schemas <= set(run.REGULATOR_SCHEMAS), macro.name

    def test_a_macro_comes_after_those_it_reads(self, tmp_path: Path) -> None:
        for name, reads in (("a", "overload.b()"), ("b", "c()"), ("c", "mart.release WHERE overload.d(1)")):
            (tmp_path / f"{name}.sql").write_text(
                f"/*\ndescription: d\ncolumns: {{x: y}}\n*/\nCREATE MACRO overload.{name}() AS TABLE"
                f" SELECT 1 AS x FROM {reads}\n",
                encoding="utf-8",
            )
        (tmp_path / "d.sql").write_text(
            "/*\ndescription: d\narguments: {y: z}\nreturns: x\n*/\nCREATE MACRO overload.d(y) AS (y > 0)\n",
            encoding="utf-8",
        )
        assert [macro.name for macro in regulator_macros.read(tmp_path)] == [f"overload.{name}" for name in "dcba"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("SELECT 1", "opens with"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nSELECT 1 AS x", "must hold one CREATE MACRO overload.q"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO other() AS TABLE SELECT 1 AS x",
             "must hold one CREATE MACRO overload.q"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO mart.q() AS TABLE SELECT 1 AS x",
             "must hold one CREATE MACRO overload.q"),
            ("/*\ndescription: d\n*/\nCREATE MACRO q() AS TABLE SELECT 1 AS x", r"lacks \['columns'\]"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO q() AS (1)", r"lacks \['returns'\]"),
            ("/*\ndescription: d\ncolumns: {x: y}\n*/\nCREATE MACRO q(a) AS TABLE SELECT a AS x",
             r"takes \['a'\], the header describes \[\]"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_no_described_macro_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "q.sql").write_text(text, encoding="utf-8")
        with pytest.raises(MachineError, match=said):
            regulator_macros.read(tmp_path)


class TestContract:
    """What programs outside rely on: adding is allowed, taking away or turning about is not."""

    def test_each_question_takes_and_gives_what_was_promised(self, con: duckdb.DuckDBPyConnection) -> None:
        for name, promised in CONTRACT.items():
            found = con.execute(f"DESCRIBE SELECT * FROM {name}({CALLS[name.rpartition('.')[2]]})").fetchall()
            columns = {row[0]: row[1] for row in found}
            assert {column: columns.get(column) for column in promised["columns"]} == promised["columns"], name
            schema, _, macro = name.rpartition(".")
            parameters = con.execute(
                "SELECT parameters FROM duckdb_functions() WHERE (schema_name, function_name) = (?, ?)"
                " AND function_type = 'table_macro'", [schema or "main", macro],
            ).fetchone()  # fmt: skip
            assert parameters is not None
            assert parameters[0][: len(promised["arguments"])] == promised["arguments"], name

    def test_all_questions_are_promised(self) -> None:
        assert set(CONTRACT) == {*(f"overload.{name}" for name in CALLS), *regulator_macros.UNQUALIFIED}


class TestCreate:
    def test_again_changes_nothing_and_says_what_each_answers(self, con: duckdb.DuckDBPyConnection) -> None:
        first, second = regulator_macros.create(con), regulator_macros.create(con)
        comments = con.execute(
            "SELECT schema_name, function_name, comment FROM duckdb_functions()"
            " WHERE database_name = current_database() AND NOT internal AND function_type LIKE '%macro'"
        ).fetchall()
        assert first == second
        assert set(first) == {macro.name for macro in regulator_macros.read()}
        wanted = {*first, *(f"main.{name}" for name in regulator_macros.UNQUALIFIED)}
        assert {f"{schema}.{name}" for schema, name, text in comments if text} == wanted

    def test_an_edition_of_few_tables_answers_few_questions(self) -> None:
        with duckdb.connect() as con:
            made = regulator_macros.create(con)
            assert made == [f"overload.{name}" for name in VALUES]

    def test_a_copy_by_edition_file_can_take_them(self, home: Settings, tmp_path: Path) -> None:
        path = tmp_path / "few.duckdb"
        with warehouse.writer(home) as source:
            edition_file.write(source, path, ["mart.overload_site_week", "mart.site_week", "reference.region"])
        with duckdb.connect(str(path)) as con:
            assert regulator_macros.create(con) == [*(f"overload.{name}" for name in VALUES), "overload.site_week"]

    def test_the_next_edition_starts_from_one_that_holds_them(
        self, home: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        current = editions.current(home, "regulator")
        with warehouse.writer(home) as con:
            tables = run._tables(con, run.REGULATOR_SCHEMAS)
            start = base.find(con, current, "regulator", tables, ())
            assert start is not None
            path = current.parent.parent / "next.duckdb"
            edition_file.write(con, path, tables, (), start)
            with duckdb.connect(str(path)) as copy:
                assert rows(copy, "FROM overload.site_week LIMIT 1")
                assert rows(copy, "FROM site_week() LIMIT 1")
            held = regulator_macros.read()  # one of 0.2.0 held other macros: it is written anew
            monkeypatch.setattr(regulator_macros, "read", lambda: held[:-1])
            assert base.find(con, current, "regulator", tables, ()) is None


class TestOpened:
    """The edition in clients as people have them."""

    def test_each_question_takes_its_arguments_by_name_too(self, con: duckdb.DuckDBPyConnection) -> None:
        for macro in regulator_macros.read():
            name = macro.name.partition(".")[2]
            if CALLS.get(name):
                given_ = [value.strip() for value in CALLS[name].split(",")]
                names = [argument.partition(" ")[0] for argument in macro.arguments]
                named = ", ".join(f"{key} := {value}" for key, value in zip(names, given_, strict=True))
                assert told(con, f"{macro.name}({named})") == told(con, f"{macro.name}({CALLS[name]})")

    def test_the_names_of_0_2_0_answer_alike(self, con: duckdb.DuckDBPyConnection) -> None:
        for name in regulator_macros.UNQUALIFIED:
            assert told(con, f"{name}({CALLS[name]})") == told(con, f"overload.{name}({CALLS[name]})")
        assert rows(con, "FROM repeat(as_of := '2026-11-22')") == rows(con, "FROM overload.repeat('2026-11-22')")
        assert rows(con, "FROM site_week(to_on := '2026-10-20')") == rows(
            con, "FROM overload.site_week(to_on := '2026-10-20')"
        )

    def test_a_question_without_arguments_is_a_view_with_its_texts(self, con: duckdb.DuckDBPyConnection) -> None:
        for name in (name for name, call in CALLS.items() if not call):
            assert rows(con, f"FROM overload.{name}") == rows(con, f"FROM overload.{name}()")
            described = con.execute(
                "SELECT count(*) = count(comment) FROM duckdb_columns() WHERE (schema_name, table_name) ="
                " ('overload', ?)", [name],
            ).fetchone()  # fmt: skip
            assert described == (True,)

    @pytest.mark.parametrize("alias", ["regulator", "ed", "main_edition"])
    def test_attached_under_any_name_they_answer_after_use(
        self, edition: Path, opened: duckdb.DuckDBPyConnection, alias: str, tmp_path: Path
    ) -> None:
        opened.execute("CHECKPOINT")
        path = tmp_path / "copy.duckdb"
        shutil.copy(edition, path)
        with duckdb.connect() as con:
            con.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")
            assert rows(con, f"SELECT count(*) AS n FROM {alias}.overload.site_week")[0]["n"] > 0
            with pytest.raises(duckdb.Error, match="does not exist"):
                con.execute(f"FROM {alias}.overload.handover({WHOLE})")
            con.execute(f"USE {alias}")
            for call in (f"overload.handover({WHOLE})", f"{alias}.overload.handover({WHOLE})", f"handover({WHOLE})"):
                assert handed_over(con) == rows(con, f"FROM {call}")

    def test_they_answer_in_the_sandbox(self, home: Settings) -> None:
        """`sandwatch sql` opens the edition in its child; the macros need nothing that is closed there."""
        calls = " UNION ALL ".join(f"(SELECT '{name}' AS q, count(*) AS n FROM overload.{name}({call}))"
                                   for name, call in CALLS.items())  # fmt: skip
        answer = json.loads(query.run(home, calls, output="json", purpose="test").text)
        assert {row["q"] for row in answer} == set(CALLS)
        assert all(row["n"] for row in answer if row["q"] in ("handover", "repeat", "site_week", "known_ticket"))

    def test_duckdb_2_answers_alike(self, edition: Path, opened: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
        """An edition written by the DuckDB we run on, opened by the one that comes after it."""
        folder = Path(sys.prefix) / "duckdb2"
        assert folder.is_dir(), f"{folder} is not there: run make setup"
        opened.execute("CHECKPOINT")
        path = tmp_path / "regulator.duckdb"
        shutil.copy(edition, path)
        plate = worst_plate(opened)[0]
        calls = [f"overload.{name}({call})" for name, call in CALLS.items()]
        calls += [f"overload.{name}" for name, call in CALLS.items() if not call]
        calls += [f"{name}({CALLS[name]})" for name in regulator_macros.UNQUALIFIED]
        calls += [f"overload.truck('{plate}', {WHOLE})", f"overload.find_plate('{plate[1:]}')",
                  f"overload.record('{handed_over(opened)[0]['record_id']}')"]  # fmt: skip
        child = (
            "import duckdb, json, sys\n"
            "con = duckdb.connect(sys.argv[1], read_only=True)\n"
            "con.execute(\"SET TimeZone = 'Asia/Shanghai'\")\n"
            "ask = lambda call: sorted(map(repr, con.execute('FROM ' + call).fetchall()))\n"
            "print(json.dumps([duckdb.__version__, {call: ask(call) for call in json.load(sys.stdin)}]))\n"
        )
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", child, str(path)], input=json.dumps(calls), capture_output=True, text=True,
            check=False, env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        version, answers = json.loads(done.stdout)
        assert version.startswith("2.")
        assert not duckdb.__version__.startswith("2.")
        for call in calls:
            assert answers[call] == told(opened, call), call


class TestTruck:
    def test_gives_every_release_of_the_plate_in_the_days_with_its_record(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        plate, first, last = worst_plate(con)
        for from_on, to_on in ((first, last), (dt.date(2000, 1, 1), dt.date(2100, 1, 1)), (last, last)):
            found = rows(con, f"FROM overload.truck('{plate}', '{from_on}', '{to_on}')")
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
        wanted = rows(con, f"FROM overload.truck('{plate}', {WHOLE})")
        wide = "".join(chr(ord(sign) + 0xFEE0) if sign.isascii() else sign for sign in plate)
        for written in (f" {plate[:2]}·{plate[2:]} ", plate.lower(), f"{plate[:2]} {plate[2:]}", wide, wide.lower()):
            assert rows(con, f"FROM overload.truck('{written}', {WHOLE})") == wanted

    def test_every_row_bears_its_evidence(self, con: duckdb.DuckDBPyConnection) -> None:
        for record in handed_over(con)[:5]:
            (found,) = rows(con, f"FROM overload.truck('{record['plate']}', {WHOLE}) WHERE record_id = ?",
                            record["record_id"])  # fmt: skip
            same = found.keys() & record.keys()
            assert {"limit_basis", "axle_count_source", "over_beyond_error_kg", "unusable_reasons", "reference_text",
                    "contest_ruling"} <= same  # fmt: skip
            assert {name: found[name] for name in same} == {name: record[name] for name in same}
            assert found["is_attributed"]

    def test_a_release_of_a_doubted_plate_is_shown_and_flagged(self, con: duckdb.DuckDBPyConnection) -> None:
        doubted = rows(
            con, "FROM mart.overload_record WHERE verdict = 'breached' AND plate_doubt IS NOT NULL LIMIT 1"
        )[0]
        (found,) = rows(con, f"FROM overload.truck('{doubted['plate']}', {WHOLE}) WHERE record_id = ?",
                        doubted["record_id"])  # fmt: skip
        assert (found["plate_doubt"], found["is_attributed"]) == (doubted["plate_doubt"], False)
        assert not found["is_enforcement_usable"]

    def test_a_contest_is_marked(self, con: duckdb.DuckDBPyConnection) -> None:
        first = handed_over(con)[0]
        for ruling, is_contested in (("open", True), ("upheld", False), ("withdrawn", False)):
            con.execute("DELETE FROM mart.contested_record")
            contest(con, first["record_id"], ruling)
            for call in (f"truck('{first['plate']}', {WHOLE})", f"record('{first['record_id']}')"):
                (found,) = rows(con, f"FROM overload.{call} WHERE record_id = ?", first["record_id"])
                assert (found["is_contested"], found["contest_ruling"]) == (is_contested, ruling)
                assert found["contested_on"] == dt.date(2026, 11, 20)


class TestRepeat:
    def test_counts_leads_of_the_year_before(self, con: duckdb.DuckDBPyConnection) -> None:
        plate, _, last = worst_plate(con)
        found = {row["plate"]: row for row in rows(con, f"FROM overload.repeat('{last}')")}
        counts = dict(
            con.execute(
                "SELECT plate, count(*) FROM mart.overload_record WHERE verdict = 'breached' AND plate IS NOT NULL"
                " AND plate_doubt IS NULL AND weighed_on <= ? AND weighed_on > ?::DATE - 365 GROUP BY plate"
                " HAVING count(*) > 3",
                [last, last],
            ).fetchall()
        )
        assert plate in counts
        assert {name: row["lead_count"] for name, row in found.items() if row["lead_word"]} == counts
        assert all(row["half_year_lead_count"] <= row["lead_count"] for row in found.values())

    def test_leads_of_doubted_plates_and_those_taken_back_do_not_count(self, con: duckdb.DuckDBPyConnection) -> None:
        plate, _, last = worst_plate(con)
        con.execute(
            "INSERT INTO mart.overload_record BY NAME SELECT breach.* REPLACE (record_id || 'x' || n AS record_id)"
            " FROM mart.overload_record AS breach, range(4) AS more(n) WHERE plate = ? AND weighed_on = ?",
            [plate, last],
        )  # fmt: skip
        call = f"SELECT lead_count, contested_lead_count FROM overload.repeat('{last}') WHERE plate = '{plate}'"
        before = rows(con, call)[0]["lead_count"]
        some = con.execute(
            "SELECT record_id FROM mart.overload_record WHERE plate = ? AND record_id LIKE '%x%' ORDER BY 1", [plate]
        ).fetchall()
        contest(con, some[0][0], "open")
        assert rows(con, call) == [{"lead_count": before, "contested_lead_count": 1}]
        contest(con, some[1][0], "withdrawn")
        assert rows(con, call) == [{"lead_count": before - 1, "contested_lead_count": 1}]
        con.execute("UPDATE mart.overload_record SET plate_doubt = 'cloned' WHERE record_id = ?", [some[2][0]])
        assert [row["lead_count"] for row in rows(con, call)] in (
            [before - 2],
            [],
        )  # gone where no more than the bound

    def test_the_truth_of_the_city_comes_out(self, home: Settings, con: duckdb.DuckDBPyConnection) -> None:
        import csv

        with (home.home / "truth" / "penalty_subjects.csv").open(encoding="utf-8") as file:
            truth = list(csv.DictReader(file))
        assert {row["subject_kind"] for row in truth} == {"plate", "driver", "firm"}
        macros = {"plate": ("repeat", "plate"), "driver": ("repeat_driver", "driver_permit_no"),
                  "firm": ("repeat_firm", "carrier_uscc")}  # fmt: skip
        last = con.execute("SELECT max(last_weighed_at)::DATE FROM mart.site_week").fetchone()
        assert last is not None
        for kind, (macro, column) in macros.items():
            triggered = {row[column] for row in rows(con, f"FROM overload.{macro}('{last[0]}')")
                         if row["trigger_state"] == "triggered"}  # fmt: skip
            assert triggered == {row["subject"] for row in truth
                                 if row["subject_kind"] == kind and row["is_triggered"] == "True"}  # fmt: skip


class TestFindPlate:
    PLATES = ("豫Q12345", "豫Q1234S", "豫QA8B0D", "冀A12345", "豫Q99999", "豫QD1234挂")

    @pytest.fixture
    def known(self, con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        for table in ("mart.plate_week", "staging.vehicle", "mart.established_case"):
            con.execute(f"DELETE FROM {table}")
        for plate in self.PLATES:
            con.execute("INSERT INTO mart.plate_week VALUES (?, '2026-11-16', 2, 0)", [plate])
        return con

    @pytest.mark.parametrize(
        ("written", "wanted"),
        [
            ("豫Q12345", {"豫Q12345": "exact", "豫Q1234S": "look_alike"}),
            ("豫q1234S", {"豫Q1234S": "exact", "豫Q12345": "look_alike"}),
            (" 豫ｑ·１２３４5 ", {"豫Q12345": "exact", "豫Q1234S": "look_alike"}),
            ("Q12345", {"豫Q12345": "province_missing", "豫Q1234S": "look_alike", "冀A12345": "one_edit"}),
            ("a12345", {"冀A12345": "province_missing", "豫Q12345": "one_edit", "豫Q1234S": "one_edit"}),
            ("豫Q1234", {"豫Q12345": "one_edit", "豫Q1234S": "one_edit"}),
            ("豫Q123456", {"豫Q12345": "one_edit", "豫Q1234S": "one_edit"}),
            ("豫Q13245", {"豫Q12345": "one_edit", "豫Q1234S": "one_edit"}),
            ("冀Q12345", {"豫Q12345": "one_edit", "豫Q1234S": "one_edit", "冀A12345": "one_edit"}),
            ("豫QABBOO", {"豫QA8B0D": "look_alike"}),
            ("豫Q1?345", {"豫Q12345": "wildcard", "豫Q1234S": "wildcard"}),
            ("*2345", {"豫Q12345": "wildcard", "豫Q1234S": "wildcard", "冀A12345": "wildcard"}),
            ("豫*挂", {"豫QD1234挂": "wildcard"}),
            ("豫Q１２３４？", {"豫Q12345": "wildcard", "豫Q1234S": "wildcard"}),
            ("Q1234?", {"豫Q12345": "wildcard", "豫Q1234S": "wildcard"}),
            ("京Z00000", {}),
            ("豫Q_2345%", {"豫Q12345": "one_edit", "豫Q1234S": "one_edit"}),
            ("*", {}),
            ("", {}),
            ("'; DROP", {}),
        ],
    )
    def test_finds_what_may_be_meant(
        self, known: duckdb.DuckDBPyConnection, written: str, wanted: dict[str, str]
    ) -> None:
        found = rows(known, "FROM overload.find_plate(?)", written)
        assert {row["plate"]: row["match_kind"] for row in found} == wanted
        assert all(row["release_count"] == 2 for row in found)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(at=st.integers(1, 6), sign=st.sampled_from("ACEFGHJKLMNPQRTUVWXY34679"), edit=st.integers(0, 2))
    def test_one_edit_is_always_found(self, known: duckdb.DuckDBPyConnection, at: int, sign: str, edit: int) -> None:
        plate = "豫Q99999"
        written = (plate[:at] + sign + plate[at + 1 :], plate[:at] + sign + plate[at:], plate[:at] + plate[at + 1 :])[
            edit
        ]
        assert plate in [row["plate"] for row in rows(known, "FROM overload.find_plate(?)", written)]

    def test_plates_of_the_register_and_of_decisions_are_found_too(self, known: duckdb.DuckDBPyConnection) -> None:
        known.execute(
            "INSERT INTO staging.vehicle BY NAME SELECT '豫P77777' AS plate, DATE '2020-01-01' AS valid_from"
        )
        known.execute(
            "INSERT INTO mart.established_case BY NAME SELECT '1' AS case_no, '豫P77777' AS plate,"
            " DATE '2020-01-01' AS decided_on"
        )
        (found,) = rows(known, "FROM overload.find_plate('P77777')")
        assert (found["is_registered"], found["case_count"], found["release_count"]) == (True, 1, 0)

    def test_a_plate_is_brought_to_the_form_the_feeds_keep(self, con: duckdb.DuckDBPyConnection) -> None:
        from pipelines.feeds import readings

        for written in (
            "豫q 12345",
            "豫Ｑ·１２３４５",
            "豫Q.123-45",
            "豫q•12345",
            "豫Q\u00a012345",
            "豫Q\u300012345",
            "豫Q－12345",
        ):
            row = con.execute(
                f"SELECT {readings.plate('x')}, overload.plate_text(x) FROM (SELECT ? AS x)", [written]
            ).fetchone()
            assert row == ("豫Q12345", "豫Q12345"), written


class TestSiteWeek:
    def test_is_the_mart_with_names(self, con: duckdb.DuckDBPyConnection) -> None:
        found = rows(con, "FROM overload.site_week")
        wanted = con.execute(
            "SELECT week_start, site_id, breached_count, over_t FROM mart.overload_site_week ORDER BY ALL"
        ).fetchall()
        assert wanted
        assert [(r["week_start"], r["site_id"], r["breached_count"], r["over_t"]) for r in found] == wanted
        assert any(row["county_name"] and row["completeness_share"] is not None for row in found)

    def test_weeks_can_be_chosen(self, con: duckdb.DuckDBPyConnection) -> None:
        weeks = sorted({row["week_start"] for row in rows(con, "FROM overload.site_week()")})
        call = f"FROM overload.site_week(from_on := '{weeks[1]}', to_on := '{weeks[2]}')"
        assert {row["week_start"] for row in rows(con, call)} == {weeks[1], weeks[2]}
        assert {row["week_start"] for row in rows(con, f"FROM overload.site_week('{weeks[-1]}')")} == {weeks[-1]}


class TestSite:
    def test_counts_the_releases_of_the_year_and_calls_the_range_a_reference(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        last = max(row["weighed_at"].date() for row in handed_over(con))
        found = {row["site_id"]: row for row in rows(con, f"FROM overload.site('{last}')")}
        counts = con.execute(
            "SELECT site_id, count(*), count(*) FILTER (over_beyond_error_kg > 0) FROM mart.overload_record"
            " WHERE verdict = 'breached' AND weighed_on <= ? AND weighed_on > ?::DATE - 365 GROUP BY 1", [last, last],
        ).fetchall()  # fmt: skip
        assert {(site, row["breached_count"], row["beyond_error_count"]) for site, row in found.items()} == set(
            counts
        )
        for row in found.values():
            beyond = row["beyond_error_count"] > 0
            assert (row["reference_text"] or "").startswith("参考") == beyond
            assert (row["reference_low_yuan"], row["reference_high_yuan"]) == (
                (10000, 30000) if beyond else (None, None)
            )

    def test_the_window_ends_and_begins_with_a_day(self, con: duckdb.DuckDBPyConnection) -> None:
        days = [row["weighed_on"] for row in rows(con, "FROM mart.overload_record WHERE verdict = 'breached'")]
        first = min(days)
        assert rows(con, f"FROM overload.site('{first - dt.timedelta(days=1)}')") == []
        counted = sum(row["breached_count"] for row in rows(con, f"FROM overload.site('{first}')"))
        assert counted == days.count(first)
        whole = sum(row["breached_count"] for row in rows(con, f"FROM overload.site('{first + dt.timedelta(364)}')"))
        assert sum(r["breached_count"] for r in rows(con, f"FROM overload.site('{first + dt.timedelta(365)}')")) == (
            whole - counted
        )

    def test_what_was_taken_back_does_not_count(self, con: duckdb.DuckDBPyConnection) -> None:
        record = handed_over(con)[0]
        call = f"FROM overload.site('2026-11-22') WHERE site_id = '{record['site_id']}'"
        (before,) = rows(con, call)
        contest(con, record["record_id"], "withdrawn")
        (after,) = rows(con, call)
        assert (after["breached_count"], after["usable_count"]) == (
            before["breached_count"] - 1, before["usable_count"] - 1
        )  # fmt: skip


class TestRecord:
    def test_holds_the_record_its_ticket_its_file_and_its_law(self, con: duckdb.DuckDBPyConnection) -> None:
        for wanted in rows(con, "FROM mart.overload_record WHERE verdict = 'breached' ORDER BY record_id LIMIT 3"):
            (found,) = rows(con, f"FROM overload.record('{wanted['record_id']}')")
            same = found.keys() & wanted.keys()
            assert len(same) > 50
            assert {name: found[name] for name in same} == {name: wanted[name] for name in same}
            ticket = rows(con, "FROM staging.weighbridge_ticket WHERE ticket_id = ?", wanted["record_id"])[0]
            assert (found["tare_kg"], found["operator"]) == (ticket["tare_kg"], ticket["operator"])
            account = rows(con, "FROM meta.load_account WHERE snapshot_sha256 = ?", wanted["snapshot_sha256"])[0]
            assert found["file_name"] == account["file_name"]
            assert "第62号" in found["document"]

    def test_the_reference_is_called_one(self, con: duckdb.DuckDBPyConnection) -> None:
        texts = con.execute(
            "SELECT overload.reference_text('warning', 0), overload.reference_text('amount', 500),"
            " overload.reference_text(NULL, NULL)"
        ).fetchone()
        assert texts == ("参考：警告", "参考金额：500元", None)

    def test_names_the_decisions_on_the_plate_of_that_day(self, con: duckdb.DuckDBPyConnection) -> None:
        record = handed_over(con)[0]
        call = f"FROM overload.record('{record['record_id']}')"
        assert rows(con, call)[0]["decision_nos"] == []
        con.execute(
            "INSERT INTO mart.established_case BY NAME SELECT '7' AS case_no, '第7号' AS decision_no, ? AS plate,"
            " ?::DATE AS act_on, DATE '2026-11-22' AS decided_on", [record["plate"], record["weighed_at"].date()],
        )  # fmt: skip
        assert rows(con, call)[0]["decision_nos"] == ["第7号"]

    def test_names_the_heavier_weighings_before_it(self, con: duckdb.DuckDBPyConnection) -> None:
        pair = con.execute(
            "SELECT lead.reweighed_ticket_id, list(lead.ticket_id ORDER BY lead.weighed_at)"
            " FROM mart.overload_lead AS lead"
            " JOIN mart.overload_record AS record ON lead.reweighed_ticket_id = record.record_id"
            " WHERE lead.lead_kind = 'reweighed' GROUP BY ALL ORDER BY 1 LIMIT 1"
        ).fetchone()
        assert pair is not None  # the seeded city plants trucks that were re-weighed and stayed over the limit
        (found,) = rows(con, f"FROM overload.record('{pair[0]}')")
        assert found["heavier_ticket_ids"] == pair[1]

    @pytest.mark.parametrize("name", ["000000000000-2", "no such record", ""])
    def test_an_unknown_id_is_no_row(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        assert rows(con, f"FROM overload.record('{name}')") == []


class TestHandover:
    def test_gives_usable_breaches_of_the_days_and_nothing_else(self, con: duckdb.DuckDBPyConnection) -> None:
        found = handed_over(con)
        wanted = con.execute(
            "SELECT record_id FROM mart.overload_record WHERE verdict = 'breached' AND is_enforcement_usable"
            " ORDER BY weighed_at, record_id"
        ).fetchall()
        assert [row["record_id"] for row in found] == [name for (name,) in wanted]
        for row in found:
            assert row["lapses_on"] == row["weighed_at"].date().replace(year=row["weighed_at"].year + 2)
            assert row["over_kg"] > row["max_error_kg"]
            assert row["over_beyond_error_kg"] == row["over_kg"] - row["max_error_kg"] > 0
            assert row["certificate_valid_until"] >= row["weighed_at"].date()
            assert (row["unusable_reasons"], row["is_contested"]) == ([], False)
            assert row["reference_text"].startswith("参考")

    def test_both_days_are_in(self, con: duckdb.DuckDBPyConnection) -> None:
        days = [row["weighed_at"].date() for row in handed_over(con)]
        one = rows(con, f"FROM overload.handover('{days[0]}', '{days[0]}')")
        assert [row["weighed_at"].date() for row in one] == [day for day in days if day == days[0]]

    @pytest.mark.parametrize(
        ("change", "stays"),
        [
            ("plate_doubt = 'cloned'", False), ("plate = NULL", False), ("verdict = 'undetermined'", False),
            ("is_enforcement_usable = FALSE", False), ("limit_basis = 'highest_possible'", True),
        ],
    )  # fmt: skip
    def test_one_doubt_keeps_it_back(self, con: duckdb.DuckDBPyConnection, change: str, stays: bool) -> None:
        record = handed_over(con)[0]["record_id"]
        con.execute(f"UPDATE mart.overload_record SET {change} WHERE record_id = ?", [record])
        assert (record in {row["record_id"] for row in handed_over(con)}) == stays

    @pytest.mark.parametrize(("ruling", "stays"), [("open", False), ("withdrawn", False), ("upheld", True)])
    def test_so_does_a_contest_until_it_is_turned_down(
        self, con: duckdb.DuckDBPyConnection, ruling: str, stays: bool
    ) -> None:
        record = handed_over(con)[0]["record_id"]
        contest(con, record, ruling)
        assert (record in {row["record_id"] for row in handed_over(con)}) == stays
        lacking = {row["record_id"]: row["lacking"] for row in rows(con, f"FROM overload.handover_lacking({WHOLE})")}
        assert lacking.get(record) == {"open": ["contested"], "withdrawn": ["withdrawn"], "upheld": None}[ruling]

    def test_every_breach_is_either_fit_or_lacks_something(self, con: duckdb.DuckDBPyConnection) -> None:
        fit = {row["record_id"] for row in handed_over(con)}
        lacking = {row["record_id"]: row["lacking"] for row in rows(con, f"FROM overload.handover_lacking({WHOLE})")}
        breached = {name for (name,) in con.execute(
            "SELECT record_id FROM mart.overload_record WHERE verdict = 'breached'").fetchall()}  # fmt: skip
        assert not fit & lacking.keys()
        assert fit | lacking.keys() == breached
        assert all(lacking.values())


class TestLapsing:
    def test_is_told_from_60_days_before_to_the_last_day(self, con: duckdb.DuckDBPyConnection) -> None:
        record = handed_over(con)[0]
        for days, is_told in ((61, False), (60, True), (0, True), (-1, False)):
            found = {row["record_id"]: row for row in
                     rows(con, f"FROM overload.lapsing('{record['lapses_on'] - dt.timedelta(days)}')")}  # fmt: skip
            assert (record["record_id"] in found) == is_told, days
            if is_told:
                assert found[record["record_id"]]["days_left"] == days

    @pytest.mark.parametrize(
        ("decision", "is_told"),
        [({}, False), ({"site_id": None}, False), ({"site_id": "elsewhere"}, True), ({"late": 1}, True),
         ({"act": 1}, True), ({"plate": "豫Q00000"}, True)],
    )  # fmt: skip
    def test_a_decision_ends_it(
        self, con: duckdb.DuckDBPyConnection, decision: dict[str, Any], is_told: bool
    ) -> None:
        record = handed_over(con)[0]
        as_of = record["lapses_on"]
        con.execute(
            "INSERT INTO mart.established_case BY NAME SELECT '7' AS case_no, ? AS plate, ?::DATE AS act_on,"
            " ?::DATE AS decided_on, ? AS site_id",
            [decision.get("plate", record["plate"]),
             record["weighed_at"].date() - dt.timedelta(decision.get("act", 0)),
             as_of + dt.timedelta(decision.get("late", 0)), decision.get("site_id", record["site_id"])],
        )  # fmt: skip
        found = {row["record_id"] for row in rows(con, f"FROM overload.lapsing('{as_of}')")}
        assert (record["record_id"] in found) == is_told

    def test_one_taken_back_does_not_lapse(self, con: duckdb.DuckDBPyConnection) -> None:
        record = handed_over(con)[0]
        contest(con, record["record_id"], "withdrawn")
        assert record["record_id"] not in {
            row["record_id"] for row in rows(con, f"FROM overload.lapsing('{record['lapses_on']}')")
        }


@pytest.mark.parametrize("name", ["waybill_finding", "licence_excess"])
def test_leads_of_some_days_are_those_of_the_table(con: duckdb.DuckDBPyConnection, name: str) -> None:
    found = rows(con, f"FROM overload.{name}({WHOLE})")
    counted = con.execute(f"SELECT count(*) FROM mart.{name}").fetchone()
    assert counted == (len(found),)
    assert found
    day = next(at for row in found if (at := row.get("issued_at") or row["weighed_at"])).date()
    some = rows(con, f"FROM overload.{name}('{day}', '{day}')")
    assert some == [row for row in found if (row.get("issued_at") or row["weighed_at"]).date() == day]


def test_contested_shows_open_ones_first(con: duckdb.DuckDBPyConnection) -> None:
    first, second = (row["record_id"] for row in handed_over(con)[:2])
    contest(con, first, "upheld")
    contest(con, second, "open")
    found = rows(con, "FROM overload.contested")
    assert [row["record_id"] for row in found] == [second, first]
    assert {row["verdict_now"] for row in found} == {"breached"}


def promised(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the questions take and give now, as the contract has it."""
    found = {}
    for name in sorted({*(f"overload.{name}" for name in CALLS), *regulator_macros.UNQUALIFIED}):
        macro = next(m for m in regulator_macros.read() if m.name.rpartition(".")[2] == name.rpartition(".")[2])
        described = con.execute(f"DESCRIBE SELECT * FROM {name}({CALLS[name.rpartition('.')[2]]})").fetchall()
        found[name] = {"arguments": [argument.partition(" ")[0] for argument in macro.arguments],
                       "columns": {row[0]: row[1] for row in described}}  # fmt: skip
    return found


if __name__ == "__main__":  # python tests/test_regulator.py EDITION: promise what the questions give now
    with duckdb.connect(sys.argv[1], read_only=True) as edition_:
        text = yaml.safe_dump(promised(edition_), allow_unicode=True, sort_keys=False, width=118)
    (Path(__file__).parent / "data" / "regulator_contract.yaml").write_text(
        "# What each question takes and gives. Programs outside rely on it: add, and take nothing away.\n" + text,
        encoding="utf-8",
    )
