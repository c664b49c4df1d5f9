"""A simulated city through the whole chain: what comes out is what was put in, and only that."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run, warehouse
from pipelines.building import state
from pipelines.errors import CheckFailedError
from pipelines.feeds import ingest
from pipelines.publishing import access_files, editions, query
from pipelines.settings import ROOT, Settings
from tests.truth import comparing

CLOCKS = {"meta.load_account", "meta.question", "meta.check_result", "meta.step", *state.OWN_TABLES}


@pytest.fixture(scope="module")
def home(demo_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small city, loaded, judged, published and reported."""
    found = Settings(home=tmp_path_factory.mktemp("city") / "home", actor="tester")
    shutil.copytree(demo_city.home, found.home, symlinks=True)
    return found


@pytest.fixture(scope="module")
def con(home: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The regulator edition, with the truth's files as tables beside it."""
    found = duckdb.connect(str(editions.current(home, "regulator")), read_only=True)
    found.execute("SET TimeZone = 'Asia/Shanghai'")
    for path in sorted((home.home / "truth").glob("*.csv")):
        reader = f"read_csv('{path}', all_varchar = true)"
        found.execute(f"CREATE TEMP VIEW truth_{path.stem} AS SELECT * FROM {reader}")
    found.execute(f"CREATE TEMP VIEW truth_release AS FROM '{home.home / 'truth' / 'releases.parquet'}'")
    yield found
    found.close()


def rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def test_every_file_is_accounted_for_as_the_truth_says(con: duckdb.DuckDBPyConnection) -> None:
    differing = rows(
        con,
        "SELECT truth.file, truth.data_lines, account.row_count FROM truth_files AS truth"
        " FULL JOIN meta.load_account AS account ON truth.sha256 = account.snapshot_sha256"
        " WHERE account.row_count IS DISTINCT FROM truth.data_lines::BIGINT"
        " OR account.accepted_count IS DISTINCT FROM truth.accepted::BIGINT"
        " OR account.duplicate_count IS DISTINCT FROM truth.duplicate::BIGINT"
        " OR account.superseded_count IS DISTINCT FROM truth.superseded::BIGINT"
        " OR account.quarantined_count IS DISTINCT FROM truth.quarantined::BIGINT",
    )
    assert differing == []
    assert rows(con, "SELECT count(*) > 100, sum(quarantined_count) > 0 FROM meta.load_account") == [(True, True)]


def test_every_release_gets_its_true_verdict(con: duckdb.DuckDBPyConnection) -> None:
    """Breached, exempt and undetermined ones are records, with the true mass over; all others are none."""
    con.execute(
        "CREATE OR REPLACE TEMP VIEW found AS SELECT account.file_name AS file, record.*"
        " FROM mart.overload_record AS record JOIN meta.load_account AS account USING (snapshot_sha256)"
    )
    wrong = rows(
        con,
        "SELECT truth.file, truth.line, truth.verdict, found.verdict FROM truth_release AS truth"
        " FULL JOIN found ON truth.file = found.file AND truth.line = found.line"
        " WHERE (truth.verdict IN ('breached', 'undetermined', 'exempt') OR found.verdict IS NOT NULL)"
        " AND (truth.verdict IS DISTINCT FROM found.verdict"
        "  OR (truth.verdict = 'breached' AND (truth.over_kg <> found.over_kg OR truth.limit_kg <> found.limit_kg))"
        "  OR truth.missing_field IS DISTINCT FROM coalesce(found.missing_field, ''))",
    )
    assert wrong == []
    counts = dict(rows(con, "SELECT verdict, count(*) FROM mart.overload_record GROUP BY 1"))
    assert min(counts["breached"], counts["undetermined"]) > 50


def test_reweighed_and_inbound_are_leads_only(con: duckdb.DuckDBPyConnection) -> None:
    kinds = dict(rows(con, "SELECT lead_kind, count(*) FROM mart.overload_lead GROUP BY 1"))
    assert kinds["reweighed"] > 0
    assert kinds["in"] > 0
    truth = rows(con, "SELECT count(*) FROM truth_release WHERE verdict = 'reweighed'")
    assert rows(con, "SELECT count(*) FROM mart.release WHERE is_reweighed") == truth


def test_all_that_is_true_is_found_and_nothing_else(home: Settings) -> None:
    """Verdicts, evidence, plates, cases, waybills, accounts: what `make truth` prints, on this small city."""
    with comparing.opened(editions.current(home, "regulator"), home.home / "truth") as compared:
        outcomes = comparing.compare(compared)
        bad = [outcome for outcome in outcomes if outcome.missed or outcome.false]
        assert not bad, comparing.table(compared, bad)
    # what is compared is there: a table without the planted cases would agree with anything
    assert not [outcome.what for outcome in outcomes if not outcome.true_count and "falsely" not in outcome.what
                and not outcome.note]  # fmt: skip


def test_the_comparison_sees_what_is_missed_and_what_is_false(home: Settings) -> None:
    found = comparing.Comparison("three", "FROM (VALUES ('a'), ('b'))", "FROM (VALUES ('b'), ('c'))")
    absent = comparing.Comparison("absent", "FROM nowhere", "FROM nowhere", needs=("mart.nowhere",))
    with comparing.opened(editions.current(home, "regulator"), home.home / "truth") as compared:
        outcomes = comparing.compare(compared, (found, absent))
        text = comparing.table(compared, outcomes)
    assert (outcomes[0].missed, outcomes[0].false, outcomes[0].is_good) == (("a",), ("c",), False)
    assert not outcomes[1].is_good
    assert "missed: a" in text
    assert "false: c" in text
    assert "no table mart.nowhere" in text


def test_dispatch_by_site_and_week_is_what_was_released(con: duckdb.DuckDBPyConnection) -> None:
    wrong = rows(
        con,
        "WITH truth AS (SELECT CASE WHEN is_registered = 'True' THEN site_name ELSE 'unregistered' END AS site,"
        " week_start::DATE AS week_start, sum(released_net_kg::DECIMAL(18, 3)) / 1000 AS t"
        " FROM truth_dispatch_site_week GROUP BY ALL),"
        # The register does not know the site, so each name it goes by is a site of its own until someone answers.
        " found AS (SELECT CASE WHEN is_registered_site THEN site_id ELSE 'unregistered' END AS site, week_start,"
        " sum(dispatch_t) AS t FROM mart.site_week GROUP BY ALL)"
        " SELECT * FROM truth LEFT JOIN found USING (site, week_start)"
        " WHERE abs(truth.t - coalesce(found.t, 0)) > 0.0005",
    )
    assert wrong == []
    totals = rows(
        con,
        "SELECT (SELECT sum(dispatch_t) FROM mart.county_week WHERE county_code = '411700')"
        " = (SELECT sum(dispatch_t) FROM mart.site_week)",
    )
    assert totals == [(True,)]


@pytest.mark.parametrize("rule", ["capacity_floor", "capacity_basis", "approvals_before_start", "rail_share"])
def test_every_project_gets_its_true_verdict(con: duckdb.DuckDBPyConnection, rule: str) -> None:
    wrong = rows(
        con,
        f"SELECT truth.case, truth.{rule}, found.verdict FROM truth_filings AS truth"
        f" LEFT JOIN policy.verdict AS found ON truth.project_id = found.subject_id AND found.rule = '{rule}'"
        f" WHERE truth.{rule} IS NOT NULL AND truth.{rule} <> '' AND truth.{rule} IS DISTINCT FROM found.verdict",
    )
    assert wrong == []


def test_the_rail_cohort_is_met_at_four_of_five_and_names_its_members(con: duckdb.DuckDBPyConnection) -> None:
    wrong = rows(
        con,
        "SELECT * FROM truth_rail_cohort AS truth LEFT JOIN policy.verdict AS found"
        " ON truth.area_code = found.subject_id AND found.rule = 'rail_siding_access'"
        " WHERE truth.verdict IS DISTINCT FROM found.verdict OR truth.member_count::INTEGER <> found.base",
    )
    assert wrong == []
    named = rows(
        con,
        "SELECT value FROM policy.evidence WHERE rule = 'rail_siding_access' AND subject_id = '411700'"
        " AND name = 'operating_members'",
    )
    truth = {
        name for (name,) in rows(
            con, "SELECT site_name FROM truth_sites WHERE cohort_place = 'member' AND siding_state = '运营'"
        )
    }  # fmt: skip
    assert set(named[0][0].split("、")) == truth
    assert len(truth) == 4


def test_the_one_spike_is_the_one_alert(con: duckdb.DuckDBPyConnection) -> None:
    alerts = rows(
        con, "SELECT DISTINCT product_id, area_code FROM mart.price_alert WHERE max_level IN ('黄', '橙', '红')"
    )
    assert alerts == [("manufactured_sand", "411725")]
    opened = rows(
        con,
        "SELECT iso_week FROM mart.price_alert_event WHERE area_code = '411725' AND product_id = 'manufactured_sand'"
        " AND event = 'opened'",
    )
    assert ("2026-W44",) in opened


def test_unknown_names_are_one_question_each(con: duckdb.DuckDBPyConnection, home: Settings) -> None:
    truth = json.loads((home.home / "truth" / "truth.json").read_text(encoding="utf-8"))
    asked = rows(con, "SELECT kind, subject FROM meta.question WHERE kind IN ('unknown_site', 'unknown_product')")
    assert len(asked) == len(set(asked))
    names = rows(con, "SELECT site_name, aliases FROM truth_sites WHERE role = 'unregistered'")
    known_as = {name for site, others in names for name in [site, *others.split("、")]}
    sites = {subject for kind, subject in asked if kind == "unknown_site"}
    assert truth["unregistered_site"] in sites
    assert sites <= known_as
    assert {subject for kind, subject in asked if kind == "unknown_product"} == set(truth["unknown_products"])


def test_a_release_of_an_unregistered_site_is_judged(con: duckdb.DuckDBPyConnection) -> None:
    count = rows(con, "SELECT count(*) FROM mart.overload_record WHERE NOT is_registered_site")
    assert count[0][0] > 0


def text_cells(path: Path) -> Iterator[str]:
    with duckdb.connect(str(path), read_only=True) as con:
        columns = con.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns()"
            " WHERE NOT internal AND data_type LIKE 'VARCHAR%'"
        ).fetchall()
        for schema, table, column in columns:
            for (value,) in con.execute(f'SELECT DISTINCT "{column}"::VARCHAR FROM {schema}.{table}').fetchall():
                if value:
                    yield value


def test_the_public_edition_knows_no_plate_and_no_firm(home: Settings) -> None:
    with duckdb.connect() as plain:
        truth = home.home / "truth"
        plates = {
            row[0] for row in plain.execute(f"SELECT DISTINCT plate FROM '{truth}/releases.parquet'").fetchall()
        }
        names = {
            name
            for row in plain.execute(f"SELECT site_name, firm_name FROM '{truth}/sites.csv'").fetchall()
            for name in row
        }
    cells = set(text_cells(editions.current(home, "public")))
    assert cells
    hidden = {word for word in plates | names if word}
    assert not [cell for cell in cells for word in hidden if word in cell]


def test_small_cells_of_the_public_edition_are_withheld(home: Settings, con: duckdb.DuckDBPyConnection) -> None:
    with duckdb.connect(str(editions.current(home, "public")), read_only=True) as public:
        shown = public.execute(
            "SELECT county_code, week_start::VARCHAR FROM public.county_week WHERE dispatch_t IS NOT NULL"
        ).fetchall()
        withheld = public.execute("SELECT count(*) FROM public.county_week WHERE is_withheld").fetchone()
    assert shown
    assert withheld is not None
    assert withheld[0] > 0
    firms = {
        (county, week): (count, share)
        for county, week, count, share in rows(
            con, "SELECT county_code, week_start::VARCHAR, firm_count, largest_firm_share FROM mart.county_week"
        )
    }
    for key in shown:
        count, share = firms[key]
        assert count >= 3
        assert share <= 0.8


@pytest.mark.parametrize("name", ["regulator", "public"])
def test_every_published_table_and_column_has_a_comment(home: Settings, name: str) -> None:
    with duckdb.connect(str(editions.current(home, name)), read_only=True) as edition:
        bare = edition.execute(
            "SELECT table_name FROM duckdb_tables() WHERE comment IS NULL AND NOT internal"
            " UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns()"
            " WHERE comment IS NULL AND NOT internal"
        ).fetchall()
    assert bare == []


def test_queries_answer_while_a_load_runs(home: Settings) -> None:
    with warehouse.writer(home) as writing:
        writing.begin()
        writing.execute("CREATE OR REPLACE TABLE raw.big AS SELECT range AS n FROM range(1000000)")
        result = query.run(home, "SELECT count(*) AS n FROM mart.overload_record", output="json", purpose="test")
        writing.rollback()
    assert json.loads(result.text)[0]["n"] > 0
    log = [line.record for line in access_files.lines(home) if line.record]
    assert (log[-1]["event"], log[-1]["actor"], log[-1]["purpose"]) == ("ended", "tester", "test")


def test_the_report_is_there_and_says_its_week(home: Settings) -> None:
    page = (home.reports / "2026-W47" / "report.html").read_text(encoding="utf-8")
    assert "2026-W47" in page
    assert "驻马店市" in page


def contents(home: Settings) -> dict[str, int]:
    with warehouse.writer(home) as con:
        tables = [
            name
            for (name,) in con.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT temporary"
            ).fetchall()
            if name not in CLOCKS
        ]
        return {
            name: con.execute(f"SELECT coalesce(bit_xor(hash(t)), 0) FROM {name} AS t").fetchone()[0]  # type: ignore[index]
            for name in tables
        }


def test_a_second_run_changes_nothing_and_sends_nothing(home: Settings, tmp_path: Path) -> None:
    again = Settings(home=tmp_path / "home")
    shutil.copytree(home.home, again.home, symlinks=True)
    before, page = contents(again), (again.reports / "2026-W47" / "report.html").read_bytes()
    results = run.ingest_inbox(again)
    assert not any(result.refused for result in results)
    assert all(file["already_loaded"] for result in results for file in result.files)
    done = run.run_all(again)
    assert contents(again) == before
    assert done["alerts"].sent == 0
    assert (done["freshness"].sent, done["freshness"].as_of) == (0, dt.date(2026, 11, 22))
    assert (again.reports / "2026-W47" / "report.html").read_bytes() == page


def test_a_failed_critical_check_keeps_the_good_edition(home: Settings, tmp_path: Path) -> None:
    again = Settings(home=tmp_path / "home")
    shutil.copytree(home.home, again.home, symlinks=True)
    good, told = editions.current(again, "regulator"), set(again.alerts.glob("data/**/*.txt"))
    with warehouse.writer(again) as con:  # a row lost between file and table: the sums do not add up any more
        con.execute(
            "DELETE FROM store.weighbridge_ticket WHERE rowid = (SELECT min(rowid) FROM store.weighbridge_ticket)"
        )
    with pytest.raises(CheckFailedError, match="按去向留存的行数（含隔离行）与装载账目一致"):
        run.run_all(again)
    with pytest.raises(CheckFailedError, match="last good editions stay"):
        run.publish(again)
    assert editions.current(again, "regulator") == good
    assert set(again.alerts.glob("data/**/*.txt")) > told
    assert not list(again.alerts.glob("machine/**/*.txt"))


def test_a_bad_scale_does_not_hold_up_the_city(home: Settings, tmp_path: Path) -> None:
    again = Settings(home=tmp_path / "home")
    shutil.copytree(home.home, again.home, symlinks=True)
    bad = tmp_path / "bad.csv"
    header = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"
    site = next(
        line.split(",")[0] for line in (home.home / "truth" / "sites.csv").read_text("utf-8").splitlines()[1:]
    )
    lines = [
        f"B{n},{site},豫Q{n:05d},机制砂,销售,{200007 + n},15003,{185004 + n},2026-11-20 10:{n:02d}:00"
        for n in range(60)
    ]
    bad.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    os.utime(bad, (time.time() - 60, time.time() - 60))
    result = ingest.ingest(again, "weighbridge_ticket", [bad])
    assert result.total("accepted") == 60
    before = editions.current(again, "regulator")
    run.run_all(again)
    assert editions.current(again, "regulator") != before
    with duckdb.connect(str(editions.current(again, "regulator")), read_only=True) as con:
        flagged = con.execute(
            "SELECT count(*), bool_and(is_above_scale_max) FROM mart.overload_record WHERE ticket_no LIKE 'B%'"
        ).fetchone()
    assert flagged == (60, True)


def sandwatch(home: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-m", "pipelines", *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "SANDWATCH_HOME": str(home.home)},
    )  # fmt: skip


def test_the_command_line_says_what_and_exits_as_promised(home: Settings, tmp_path: Path) -> None:
    asked = sandwatch(home, "sql", "SELECT count(*) AS n FROM policy.verdict", "--format", "json")
    assert asked.returncode == 0
    assert json.loads(asked.stdout)[0]["n"] > 100
    wrong = sandwatch(home, "sql", "SELECT * FROM nowhere")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "nowhere" in wrong.stderr
    empty = tmp_path / "empty.csv"
    empty.touch()
    refused = sandwatch(home, "ingest", "price_quote", str(empty), "--json")
    assert refused.returncode == 1
    assert "the file is empty (0 bytes)" in json.loads(refused.stdout)["refused"][0]["message"]
    unknown = sandwatch(home, "ingest", "prices", str(empty))
    assert unknown.returncode == 2
    assert "no feed 'prices'" in unknown.stderr
    strict = sandwatch(home, "judge", "--strict")
    assert strict.returncode == 1
    assert "capacity_floor (law): breached" in strict.stderr
    assert sandwatch(home, "report", "--week", "1999-W01").returncode == 2
    assert "Traceback" not in wrong.stderr + refused.stderr + unknown.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ingest", "price_quote"], 0, "0 rows in 0 files"),
        (["build"], 0, "built"),
        (["check"], 0, "checks"),
        (["judge"], 2, "there is nothing to judge: no build ended here yet; run build first"),
        (["judge", "--strict"], 2, "run build first"),
        (["publish"], 2, "there is nothing to publish: build and judge never ended here"),
        (["alert"], 2, "run `sandwatch run`"),
        (["report"], 2, "run `sandwatch run`"),
        (["sql", "SELECT 1"], 2, "run `sandwatch run`"),
        (["run"], 0, "no report was written: the edition holds no dated data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_verb_on_an_empty_home_says_what_to_do(
    tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    done = sandwatch(Settings(home=tmp_path / "home"), *words)
    assert message in done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_nobody_else_can_read_what_a_run_writes(demo_city: Settings, tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "home")
    shutil.copytree(demo_city.home, home.home, symlinks=True)  # with the modes that the demo left
    before = os.umask(0o022)
    try:
        asked = sandwatch(home, "sql", "SELECT 1 AS n", "--purpose", "test")
        assert asked.returncode == 0
    finally:
        os.umask(before)
    assert home.home.stat().st_mode & 0o777 == 0o750
    open_ones = {
        path.relative_to(home.home).as_posix(): oct(path.stat().st_mode & 0o777)
        for path in home.home.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o007
    }
    assert open_ones == {"editions/public-1.duckdb": "0o444"}
    writable = [path for path in home.home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o022]
    assert writable == []


def test_a_stricter_mask_is_kept(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert sandwatch(Settings(home=tmp_path / "home"), "build").returncode == 0
    finally:
        os.umask(before)
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600


def test_the_demo_refuses_a_home_with_real_data(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    with warehouse.writer(home):
        pass
    refused = sandwatch(home, "demo", "--scale", "0.05")
    assert refused.returncode == 2
    assert "invented data would mix with it" in refused.stderr


def test_asking_for_help_imports_nothing_heavy() -> None:
    heavy = ["duckdb", "pandas", "numpy", "matplotlib", "great_expectations", "pyarrow", "apprise", "sqlglot"]
    code = f"import sys, pipelines.__main__; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert shown.stdout.strip() == "[]"
