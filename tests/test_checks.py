"""The checks on a real warehouse, filled by the real reader from small made-up files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from stdnum.cn import uscc

from pipelines import catalog, contracts, models, warehouse
from pipelines.errors import CheckFailedError, MachineError
from pipelines.feeds import form_book, ingest
from pipelines.settings import ROOT, Settings
from pipelines.trust import checks, data_docs
from pipelines.trust.checks import CheckSummary

TICKETS = 200
BAD_TICKETS = 2
CODE_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def code(number: int) -> str:
    base = f"91411725MA{number:07d}"
    return base + uscc.calc_check_digit(base)


def ticket_lines() -> list[str]:
    """A header, then weighings with everything that makes the account of lines hard to keep."""
    start = dt.datetime(2026, 3, 2, 7, tzinfo=dt.UTC)
    lines = ["磅单号,站点,车号,货名,过磅类型,毛重,皮重,净重,毛重时间,轴数,车型,流向"]
    for number in range(TICKETS):
        time = start + dt.timedelta(minutes=7 * number)
        gross, tare = 40000 + 20 * (number % 300), 14000
        lines.append(
            f"{number:05d},站点{number % 5},豫Q{10000 + number % 40},机制砂,销售,{gross},{tare},{gross - tare},"
            f"{time:%Y-%m-%d %H:%M:%S},6,半挂,确山县"
        )
    lines[10] = lines[10].replace("确山县", '"确山\n县"')
    lines[20] = lines[20].replace("14000", "不详", 1)
    lines[30] = lines[30].rpartition(",")[0]
    lines.insert(40, "")
    lines.append(lines[50])
    return lines


def write_inputs(folder: Path) -> dict[str, list[Path]]:
    import openpyxl  # type: ignore[import-untyped]  # it carries no types

    folder.mkdir(parents=True)
    tickets, sites = folder / "tickets.csv", folder / "sites.csv"
    tickets.write_text("\n".join(ticket_lines()) + "\n", encoding="gb18030")
    sites.write_text(
        "站点,企业名称,统一社会信用代码,县区代码,主体类型,专用线状态,衡器最大称量,分度值\r\n"
        + "".join(f"站点{n},甲{n}公司,{code(n)},411725,矿山,无,100000,20\r\n" for n in range(5)),
        encoding="utf-8-sig",
    )
    filings = folder / "filings.csv"
    filings.write_text(
        "项目代码,项目名称,企业名称,统一社会信用代码,县区代码,建设性质,备案日期,外购原料产能\n"
        + "".join(
            f"P-{n},项目{n},乙{n}公司,{code(100 + n)},411725,新建,2024-05-0{n + 1},3200000\n" for n in range(4)
        ),
        encoding="utf-8",
    )
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["报价日期", "市场", "县区代码", "产品", "单位", "价格类型", "含税", "价格", "来源"])
    for day in range(1, 15):
        sheet.append(
            [f"2026-03-{day:02d}", "市场甲", "411725", "机制砂", "元/吨", "出厂价", "含税", 80 + day, "价格中心"]
        )
        if day == 7:
            sheet.append([None] * 9)
    prices = folder / "prices.xlsx"
    book.save(prices)
    given = folder / "answers.csv"
    given.write_text(
        "question_id,feed,kind,subject,answer,answered_by\nQ1,weighbridge_ticket,unknown_site,旧站,站点1,甲\n",
        encoding="utf-8",
    )
    found = {
        "weighbridge_ticket": [tickets],
        "site_register": [sites],
        "capacity_filing": [filings],
        "price_quote": [prices],
        "name_answer": [given],
    }
    for feed, contract in contracts.contracts().items():
        if feed not in found:  # the empty form of a feed bears one example row
            found[feed] = [form_book.write(folder / f"{feed}.xlsx", contract, "zh", feed)]
    for paths in found.values():
        for path in paths:
            os.utime(path, (0, 0))  # an old file is not waited for
    return found


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder whose warehouse holds all four feeds."""
    home = tmp_path_factory.mktemp("checks") / "home"
    settings = Settings(home=home)
    for feed, paths in write_inputs(home / "sent").items():
        source = "weighsoft" if feed == "weighbridge_ticket" else "default"
        result = ingest.ingest(settings, feed, paths, source)
        assert not result.refused
    with warehouse.writer(settings) as con:
        models.build(con)
    return home


@pytest.fixture
def settings(loaded: Path, tmp_path: Path) -> Settings:
    """A copy of that home to spoil."""
    shutil.copytree(loaded, tmp_path / "home")
    return Settings(home=tmp_path / "home")


def open_to_spoiling(con: duckdb.DuckDBPyConnection) -> None:
    """Turn the view on the tickets into a table, which takes any nonsense."""
    if con.execute("FROM duckdb_views() WHERE schema_name = 'raw' AND view_name = 'weighbridge_ticket'").fetchall():
        con.execute("CREATE TABLE raw.spoilt AS FROM raw.weighbridge_ticket")
        con.execute("DROP VIEW raw.weighbridge_ticket")
        con.execute("ALTER TABLE raw.spoilt RENAME TO weighbridge_ticket")


def check(settings: Settings, *statements: str) -> tuple[CheckSummary, dict[str, dict[str, Any]]]:
    """Spoil the warehouse by the statements, run the checks, return the summary and the rows by check name."""
    with warehouse.writer(settings) as con:
        if statements:
            open_to_spoiling(con)
        for statement in statements:
            changed = con.execute(statement).fetchone()
            assert changed is None or changed[0] > 0, f"spoils nothing: {statement}"
        summary = checks.run(con, settings)
        cursor = con.execute("SELECT * FROM meta.check_result")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    found = {row["check_name"]: row for row in rows}
    assert len(found) == len(rows) == summary.result_count
    return summary, found


def failed(rows: Mapping[str, Mapping[str, Any]], severity: str) -> set[str]:
    return {
        name
        for name, row in rows.items()
        if row["severity"] == severity and not row["is_success"] and not row["is_machine_error"]
    }


@contextmanager
def contract_with(monkeypatch: pytest.MonkeyPatch, feed: str, *specs: dict[str, Any]) -> Iterator[None]:
    known = contracts.contracts()
    changed = dataclasses.replace(known[feed], expectations=(*known[feed].expectations, *specs))
    with monkeypatch.context() as patch:
        patch.setattr(contracts, "contracts", lambda: {**known, feed: changed})
        yield


class TestGoodData:
    def test_passes_with_at_least_fifteen_expectations_over_four_feeds(self, settings: Settings) -> None:
        summary, rows = check(settings)
        assert summary.failed_critical == ()
        assert summary.failed_warning == ()
        assert summary.machine_errors == ()
        checks.require(summary)
        expectations = [row for row in rows.values() if row["expectation"].startswith("expect_")]
        assert len(expectations) >= 15
        assert {row["feed"] for row in expectations} == set(contracts.contracts())
        assert [row for row in rows.values() if not row["is_success"] or row["is_machine_error"]] == []
        assert rows["weighbridge_ticket.row_count_to_be_between"]["observed_value"] == str(TICKETS - BAD_TICKETS)

    def test_every_listed_expectation_of_every_contract_ran(self, settings: Settings) -> None:
        _, rows = check(settings)
        for contract in contracts.contracts().values():
            ran = {(row["expectation"], row["column_name"]) for row in rows.values() if row["feed"] == contract.feed}
            assert {(spec["type"], spec["kwargs"].get("column")) for spec in contract.expectations} <= ran
            for column in contract.columns.values():
                if column.not_null:
                    assert ("expect_column_values_to_not_be_null", column.name) in ran
                if column.codes:
                    assert ("expect_column_values_to_be_in_set", column.name) in ran

    def test_second_run_replaces_the_first_and_counts_on(self, settings: Settings) -> None:
        first, _ = check(settings)
        second, rows = check(settings)
        assert (first.run_id, second.run_id) == (1, 2)
        assert {row["run_id"] for row in rows.values()} == {2}

    def test_prints_nothing_and_writes_only_below_home(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        own = Path.home() / ".great_expectations"
        was_there = own.exists()
        check(settings)
        printed = capfd.readouterr()
        assert printed.out == ""
        assert printed.err == ""
        assert list(elsewhere.iterdir()) == []
        assert own.exists() == was_there
        assert not [path for path in settings.home.iterdir() if path.name.startswith(".data_docs")]

    def test_leaves_the_warehouse_free_for_another_process(self, settings: Settings) -> None:
        check(settings)
        program = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE free AS SELECT 1')"
        subprocess.run([sys.executable, "-c", program, str(settings.warehouse)], check=True, timeout=30)  # noqa: S603


class TestUntrustedData:
    def test_unknown_direction_fails_critical_with_counts(self, settings: Settings) -> None:
        summary, rows = check(
            settings, "UPDATE raw.weighbridge_ticket SET direction = 'sideways' WHERE line IN (2, 3, 4)"
        )
        assert failed(rows, "critical") == {"weighbridge_ticket.direction.be_in_set"}
        row = rows["weighbridge_ticket.direction.be_in_set"]
        assert (row["unexpected_count"], row["column_name"]) == (3, "direction")
        with pytest.raises(CheckFailedError) as caught:
            checks.require(summary)
        message = str(caught.value)
        contract = contracts.contracts()["weighbridge_ticket"]
        for part in ("raw.weighbridge_ticket.direction", "198 行中 3 行不符", "out、in、internal", "'sideways'"):
            assert part in message
        assert contract.who_fixes in message
        assert "暂停发布" in message

    def test_message_in_english_where_that_is_set(self, settings: Settings) -> None:
        summary, _ = check(
            dataclasses.replace(settings, language="en"),
            "UPDATE raw.weighbridge_ticket SET direction = 'sideways' WHERE line = 2",
        )
        with pytest.raises(CheckFailedError, match=r"is one of out/in/internal: 1 of 198 rows do not"):
            checks.require(summary)

    @pytest.mark.parametrize(
        ("statement", "names"),
        [
            ("UPDATE meta.load_account SET accepted_count = accepted_count + 1 WHERE feed = 'weighbridge_ticket'",
             {"load_account_adds_up", "raw_matches_account"}),
            ("UPDATE meta.load_account SET physical_lines = physical_lines + 1 WHERE feed = 'price_quote'",
             {"load_account_adds_up"}),
            ("UPDATE meta.load_account SET quoted_newlines = 0 WHERE feed = 'weighbridge_ticket'",
             {"load_account_adds_up"}),
            ("DELETE FROM raw.price_quote WHERE line = 3", {"raw_matches_account"}),
            ("DELETE FROM raw.site_register WHERE line = 3", {"raw_matches_account"}),
            ("DELETE FROM raw.capacity_filing WHERE line = 3", {"raw_matches_account"}),
            ("UPDATE raw.weighbridge_ticket SET outcome = 'voided' WHERE line = 3", {"raw_matches_account"}),
            ("DELETE FROM meta.reject WHERE column_name IS NOT NULL", {"raw_matches_account"}),
            ("DELETE FROM meta.load_account WHERE feed = 'site_register'", {"raw_matches_account"}),
            ("INSERT INTO raw.weighbridge_ticket FROM raw.weighbridge_ticket WHERE line = 5",
             {"raw_matches_account", "ticket_key_unique"}),
        ],
    )  # fmt: skip
    def test_accounts_and_keys_that_do_not_hold_are_seen(
        self, settings: Settings, statement: str, names: set[str]
    ) -> None:
        with warehouse.writer(settings) as con:
            assert [one.name for one in checks.mart_checks() if con.execute(one.sql).fetchall()] == []
            open_to_spoiling(con)
            con.execute(statement)
            seen = {one.name: one.severity for one in checks.mart_checks() if con.execute(one.sql).fetchall()}
        assert seen == dict.fromkeys(names, "critical")

    def test_what_is_wrong_with_a_table_is_critical(self, settings: Settings) -> None:
        summary, rows = check(
            settings,
            "UPDATE raw.site_register SET site_name = '站点1' WHERE site_name = '站点2'",
            "UPDATE raw.capacity_filing SET project_id = 'P-1' WHERE project_id = 'P-2'",
            "UPDATE raw.price_quote SET snapshot_sha256 = NULL WHERE line = 3",
            "ALTER TABLE raw.price_quote ADD COLUMN surprise INTEGER",
            "UPDATE raw.weighbridge_ticket SET outcome = 'voided'",
        )
        assert failed(rows, "critical") == {
            "site_register.site_name.be_unique",
            "capacity_filing.project_id.be_unique",
            "price_quote.snapshot_sha256.not_be_null",
            "price_quote.columns_to_match_set",
            "weighbridge_ticket.row_count_to_be_between",
            "raw_matches_account",
        }
        assert "surprise" in rows["price_quote.columns_to_match_set"]["message"]
        assert rows["site_register.site_name.be_unique"]["unexpected_count"] == 2
        assert summary.machine_errors == ()
        with pytest.raises(CheckFailedError, match="6 项关键检查未通过"):
            checks.require(summary)

    def test_a_bad_scale_or_site_is_never_critical(self, settings: Settings) -> None:
        # Off the scale's division, above its maximum, above all sense; a site that no register knows.
        summary, rows = check(
            settings,
            "UPDATE raw.weighbridge_ticket SET gross_kg = gross_kg + 7, net_kg = net_kg + 7 WHERE line % 2 = 0",
            "UPDATE raw.weighbridge_ticket SET gross_kg = 120000, net_kg = 106000 WHERE line % 5 = 0",
            "UPDATE raw.weighbridge_ticket SET gross_kg = 900000, net_kg = 886000 WHERE line % 9 = 0",
            "UPDATE raw.weighbridge_ticket SET site_name = '无名', plate = NULL, body = NULL WHERE line % 3 = 0",
        )
        assert failed(rows, "critical") == set()
        assert "weighbridge_ticket.gross_kg.be_between" in failed(rows, "warning")
        assert any("gross_kg" in message for message in summary.failed_warning)
        checks.require(summary)

    def test_a_feed_that_never_came_is_a_warning(self, tmp_path: Path) -> None:
        summary, rows = check(Settings(home=tmp_path / "new"))
        assert summary.failed_critical == ()
        assert summary.machine_errors == ()
        assert failed(rows, "warning") == {
            f"{feed}.arrived" for feed, contract in contracts.contracts().items() if contract.is_owed
        }
        assert all("未报送" in message for message in summary.failed_warning)
        assert summary.docs_path.exists()
        checks.require(summary)


class TestMachineErrors:
    def test_an_exception_inside_gx_is_a_machine_error(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "nowhere"},
            "severity": "critical",
        }
        with contract_with(monkeypatch, "price_quote", spec):
            summary, rows = check(settings)
        row = rows["price_quote.nowhere.not_be_null"]
        assert (row["is_machine_error"], row["is_success"]) == (True, False)
        assert summary.failed_critical == ()
        assert len(summary.machine_errors) == 1
        with pytest.raises(MachineError, match="nowhere"):
            checks.require(summary)
        # The other checks of the feed still ran, the engineer finds the traceback, the pages do not show it.
        assert rows["price_quote.price.not_be_null"]["is_success"]
        assert "Traceback" in (settings.logs / "checks.log").read_text(encoding="utf-8")
        pages = [page.read_text(encoding="utf-8") for page in summary.docs_path.parent.rglob("*.html")]
        assert not any("Traceback" in page or str(ROOT) in page for page in pages)

    def test_an_expectation_gx_cannot_take_is_a_machine_error(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Not tested on this engine; a setting that does not exist; a severity that does not exist.
        specs = (
            {
                "type": "expect_column_quantile_values_to_be_between",
                "kwargs": {"column": "price"},
                "severity": "info",
            },
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "price", "min": 1},
                "severity": "info",
            },
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "market"}, "severity": "grave"},
        )
        known = contracts.contracts()
        changed = dataclasses.replace(known["price_quote"], expectations=specs)
        monkeypatch.setattr(contracts, "contracts", lambda: {**known, "price_quote": changed})
        summary, rows = check(settings)
        assert {name for name, row in rows.items() if row["is_machine_error"]} == {
            "price_quote.price.quantile_values_to_be_between",
            "price_quote.price.be_between",
            "price_quote.market.be_unique",
        }
        assert len(summary.machine_errors) == 3
        assert summary.failed_critical == ()

    def test_a_check_in_sql_that_breaks_is_a_machine_error(self, settings: Settings) -> None:
        with warehouse.writer(settings) as con:
            con.execute("DROP TABLE meta.reject")
            summary = checks.run(con, settings)
            broken = con.execute("SELECT check_name FROM meta.check_result WHERE is_machine_error").fetchall()
        assert broken == [("raw_matches_account",)]
        with pytest.raises(MachineError, match="raw_matches_account"):
            checks.require(summary)

    def test_pages_that_cannot_be_written_are_a_machine_error(self, settings: Settings) -> None:
        settings.home.joinpath(".data_docs.partial").write_text("in the way", encoding="utf-8")
        settings.home.joinpath("data_docs").write_text("in the way", encoding="utf-8")
        summary, rows = check(settings)
        assert rows["great_expectations"]["is_machine_error"] or rows["data_docs"]["is_machine_error"]
        with pytest.raises(MachineError):
            checks.require(summary)

    def test_untrusted_data_is_told_before_a_machine_error_and_apart_from_it(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "nowhere"},
            "severity": "critical",
        }
        with contract_with(monkeypatch, "price_quote", spec):
            summary, _ = check(settings, "UPDATE raw.price_quote SET unit = 'bag' WHERE line = 3")
        assert len(summary.machine_errors) == 1
        with pytest.raises(CheckFailedError) as caught:
            checks.require(summary)
        assert "nowhere" not in str(caught.value)


# One expectation that good data meets and one it does not: each type must tell them apart on this engine.
ENGINE_CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "expect_column_value_lengths_to_be_between": (
        "weighbridge_ticket", {"column": "plate", "min_value": 7, "max_value": 8},
        {"column": "plate", "min_value": 1, "max_value": 3}),
    "expect_column_value_lengths_to_equal": (
        "site_register", {"column": "uscc", "value": 18}, {"column": "uscc", "value": 15}),
    "expect_column_values_to_be_between": (
        "weighbridge_ticket", {"column": "gross_kg", "min_value": 0, "max_value": 300000},
        {"column": "gross_kg", "min_value": 0, "max_value": 41000.5}),
    "expect_column_values_to_be_in_set": (
        "price_quote", {"column": "unit", "value_set": ["t", "m3"]}, {"column": "unit", "value_set": ["m3"]}),
    "expect_column_values_to_be_unique": (
        "weighbridge_ticket", {"column": "ticket_no"}, {"column": "plate"}),
    "expect_column_values_to_not_be_null": (
        "site_register", {"column": "site_name"}, {"column": "siding_since"}),
    "expect_table_columns_to_match_set": (
        "price_quote", {"column_set": list(warehouse.raw_columns(contracts.contracts()["price_quote"]))},
        {"column_set": ["price"]}),
    "expect_table_row_count_to_be_between": ("price_quote", {"min_value": 14, "max_value": 14}, {"min_value": 15}),
}  # fmt: skip


class TestAllowList:
    def test_contracts_name_only_expectations_that_run_on_this_engine(self) -> None:
        from pipelines.trust.gx_duckdb import TESTED_EXPECTATIONS

        named = {spec["type"] for contract in contracts.contracts().values() for spec in contract.expectations}
        assert named <= TESTED_EXPECTATIONS
        assert ENGINE_CASES.keys() == TESTED_EXPECTATIONS

    def test_each_runs_and_tells_good_from_bad(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        known = contracts.contracts()
        for index, is_good in ((1, True), (2, False)):
            specs: dict[str, list[dict[str, Any]]] = {feed: [] for feed in known}
            for name, case in ENGINE_CASES.items():
                specs[case[0]].append({"type": name, "kwargs": case[index], "severity": "info"})
            changed = {
                feed: dataclasses.replace(contract, expectations=tuple(specs[feed]))
                for feed, contract in known.items()
            }
            with monkeypatch.context() as patch:
                patch.setattr(contracts, "contracts", lambda changed=changed: changed)
                _, rows = check(settings)
            asked = {row["expectation"]: row for row in rows.values() if row["severity"] == "info"}
            assert asked.keys() == ENGINE_CASES.keys()
            for row in asked.values():
                assert not row["is_machine_error"], row["message"]
                assert row["is_success"] == is_good, row["message"]


@pytest.fixture(scope="module")
def pages(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The Data Docs of data that tries to get into them, by path."""
    home = tmp_path_factory.mktemp("docs") / "home"
    shutil.copytree(loaded, home)
    summary, _ = check(
        Settings(home=home),
        "UPDATE raw.weighbridge_ticket SET direction = '<script>alert(1)</script>' WHERE line = 2",
        "UPDATE raw.weighbridge_ticket SET direction = '<img src=http://x.example/a>' WHERE line = 3",
        "UPDATE raw.weighbridge_ticket SET plate = '豫Q987654321' WHERE line < 100",
    )
    assert summary.machine_errors == ()
    docs = summary.docs_path.parent
    files = [path for path in docs.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".html"}
    return {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in files}


class TestDataDocs:
    def test_load_nothing_from_outside(self, pages: dict[str, str]) -> None:
        # Text of the data may read like an address; it is escaped, so no tag holds it.
        outside = re.compile(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(""", re.IGNORECASE)
        for name, text in pages.items():
            text = text.replace("&lt;img src=http://x.example/a&gt;", "")
            assert not outside.search(text), name
            assert not re.search(r"https?://", text), name
            assert not re.search(r"<(?:script|iframe|img|object|embed)\b", text, re.IGNORECASE), name
            assert "default-src 'none'" in text, name

    def test_hold_a_page_of_the_suite_and_of_the_results_of_each_feed(self, pages: dict[str, str]) -> None:
        for feed in contracts.contracts():
            assert f"expectations/{feed}.html" in pages
            results = [name for name in pages if name.startswith(f"validations/{feed}/")]
            assert len(results) == 1
            assert f'href="{results[0]}"' in pages["index.html"]
            home = re.search(r'href="((?:\.\./)+index\.html)"', pages[results[0]])
            assert home is not None
            assert home.group(1).count("../") == results[0].count("/")

    def test_index_lists_every_check_with_failures_first(self, pages: dict[str, str]) -> None:
        index = pages["index.html"]
        assert all(check.name in index for check in checks.mart_checks())
        assert index.index("✗ 未通过") < index.index("✓ 通过")

    def test_show_values_as_text_and_no_plate(self, pages: dict[str, str]) -> None:
        page = next(text for name, text in pages.items() if name.startswith("validations/weighbridge_ticket/"))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert not any("豫Q987654321" in text for text in pages.values())

    def test_a_page_with_an_outside_address_is_not_published(self) -> None:
        with pytest.raises(MachineError, match=r"load from outside"):
            data_docs.alone("<html><head></head><body><object><form action='https://x.example'></form>", "page")


class TestMartChecks:
    def test_headers_describe_what_comes_out(self, settings: Settings) -> None:
        with warehouse.writer(settings) as con:
            for check_file in checks.mart_checks():
                cursor = con.execute(check_file.sql)
                assert [column[0] for column in cursor.description or ()] == list(check_file.columns)
        assert len(checks.mart_checks()) >= 4

    def test_every_feed_is_held_against_its_account(self) -> None:
        sql = next(check_file.sql for check_file in checks.mart_checks() if check_file.name == "raw_matches_account")
        assert {f"raw.{feed}" for feed in contracts.contracts()} <= catalog.tables_read(sql)

    def test_a_header_that_lacks_a_setting_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "odd.sql").write_text("/*\ndescription: odd\n*/\nSELECT 1 AS one\n", encoding="utf-8")
        with pytest.raises(MachineError, match=r"odd\.sql.*severity"):
            checks.mart_checks(tmp_path)

    def test_check_digit_agrees_with_an_independent_reading_of_the_standard(self) -> None:
        sql = next(check_file.sql for check_file in checks.mart_checks() if check_file.name == "uscc_check_digit")
        dice = random.Random(20260302)  # noqa: S311
        codes = [code(number) for number in range(200)]
        for right in codes[:150]:
            place = dice.randrange(18)
            codes.append(right[:place] + dice.choice(CODE_LETTERS + "IOSVZ") + right[place + 1 :])
        codes += ["", "91411725", codes[0] + "0", codes[1].lower()]
        with duckdb.connect() as con:
            con.execute("CREATE SCHEMA raw")
            for table, key in (("site_register", "site_name"), ("capacity_filing", "project_id")):
                con.execute(
                    f"CREATE TABLE raw.{table} ({key} VARCHAR, uscc VARCHAR, snapshot_sha256 VARCHAR, line BIGINT,"
                    " outcome VARCHAR)"
                )
            con.executemany(
                "INSERT INTO raw.site_register VALUES (?, ?, 's', 1, 'accepted')",
                [[str(number), value] for number, value in enumerate(codes)],
            )
            wrong = {int(row[1]) for row in con.execute(sql).fetchall()}
        expected = {
            number
            for number, value in enumerate(codes)
            if not re.fullmatch(f"[{CODE_LETTERS}]{{18}}", value) or uscc.calc_check_digit(value[:17]) != value[17]
        }
        assert wrong == expected
        assert 100 < len(expected) < 160


def test_the_module_is_light_until_checks_run() -> None:
    program = (
        "import sys, pipelines.trust.checks; print([m for m in ('great_expectations', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.strip() == "[]"
