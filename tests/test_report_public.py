"""The public edition of the weekly report: what is withheld in public.* is nowhere in it, nor any firm or lead."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from report_files import text_of

from pipelines import run
from pipelines.publishing import editions
from pipelines.report import blocks, edition, weekly
from pipelines.report.issuing import bundle, made_from
from pipelines.settings import Settings

WEEK = "2026-W47"


@pytest.fixture(scope="module")
def city(demo_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = Settings(home=tmp_path_factory.mktemp("public") / "home", actor="tester")
    shutil.copytree(demo_city.home, home.home, symlinks=True, ignore=shutil.ignore_patterns("reports"))
    run.report(home, WEEK)
    return home


@pytest.fixture(scope="module")
def folder(city: Settings) -> Path:
    return city.reports / WEEK / "public"


def composed(city: Settings, week: str, language: str = "zh") -> blocks.Report:
    with (
        duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con,
        duckdb.connect(str(editions.current(city, "public")), read_only=True) as public,
    ):
        found = edition.week_of(con, week)
        return weekly.compose_public(public, found, made_from.read(con, found), language)


def test_no_firm_site_plate_person_or_input_file_is_named(city: Settings, folder: Path) -> None:
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con:
        names = {
            str(row[0])
            for row in con.execute(
                "SELECT firm_name FROM staging.site UNION SELECT site_name FROM staging.site"
                " UNION SELECT file_name FROM meta.load_account UNION SELECT plate FROM staging.weighbridge_ticket"
            ).fetchall()
            if row[0]
        }
    assert len(names) > 200
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".pdf", ".docx", ".xlsx", ".csv", ".parquet", ".json", ".png"}
    pattern = re.compile("|".join(re.escape(name) for name in sorted(names)) + r"|1[3-9]\d{9}(?!\d)")
    for path in files:
        text = re.sub(r"base64,[A-Za-z0-9+/=]+|[0-9a-f]{64}", "", text_of(path))
        assert (found := pattern.search(text)) is None, (path.name, found)


def test_it_has_no_leads_no_actions_and_no_notes(city: Settings) -> None:
    report = composed(city, WEEK)
    assert report.headline.actions is None
    assert report.notes == ()
    assert [section.name for section in report.sections] == ["prices", "supply", "overload"]
    assert all("public." in query.sql for query in report.queries.values())
    assert not report.sources


def test_what_is_withheld_has_no_digit_anywhere_in_its_row(city: Settings) -> None:
    report = composed(city, WEEK)
    counties = report.queries["public_county_week"].rows
    hidden = {row["county_name"] for row in counties if row["is_withheld"]}
    assert hidden  # the demo has a county of too few firms
    lights = report.headline.lights
    for row in lights.rows:
        place, dispatch, change, use, _, over = (cell.text for cell in row)
        figures = (dispatch, change, use, over)
        if place in hidden:
            assert figures == ("不公布",) * 4
        else:
            assert all("不公布" not in figure for figure in figures[:1])
    shown = {row["county_name"]: row["dispatch_t"] for row in counties if not row["is_withheld"]}
    chart = next(block for block in report.blocks if block.name == "public_dispatch")
    assert isinstance(chart, blocks.Chart)
    for name in hidden:
        assert f"{name} 不公布" in chart.alt
    assert all(f"{value:,.0f}" in chart.alt for name, value in shown.items() if name != "驻马店市")


@pytest.mark.parametrize("weeks_back", [0, 3])
def test_nothing_withheld_follows_by_subtraction(city: Settings, weeks_back: int) -> None:
    """The city less all shown counties stands on enough firms, by the mart's own tickets."""
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con:
        least, most = con.execute(
            "SELECT max(value) FILTER (name = 'least_firm_count'), max(value) FILTER (name = 'largest_firm_share')"
            " FROM policy.parameter WHERE rule = 'publication'"
        ).fetchall()[0]
        week = con.execute(f"SELECT strftime(DATE '2026-11-16' - {7 * weeks_back}, '%G-W%V')").fetchall()[0][0]
        report = composed(city, week)
        shown = [row["county_code"] for row in report.queries["public_county_week"].rows if not row["is_withheld"]]
        assert "411700" in shown
        left = con.execute(
            "SELECT firm_name, sum(dispatch_t) FROM mart.site_week WHERE week_start = ? AND dispatch_t > 0"
            " AND NOT list_contains(?, coalesce(county_code, '')) GROUP BY 1",
            [report.week.start, shown],
        ).fetchall()
    masses = [mass for _, mass in left]
    assert not masses or (len(masses) >= least and max(masses) / sum(masses) <= most)


def test_every_printed_query_returns_its_rows_on_the_public_edition_alone(city: Settings) -> None:
    report = composed(city, WEEK)
    assert len(report.queries) >= 5
    with duckdb.connect(
        str(editions.current(city, "public")), read_only=True, config={"enable_external_access": False}
    ) as con:
        for query in report.queries.values():
            columns, rows = edition.fetch(con, query.sql)
            assert (columns, rows) == (query.columns, query.rows)


def test_the_manifest_lists_no_inputs_and_the_draft_is_whole(folder: Path) -> None:
    about = bundle.read(folder)
    assert about is not None
    assert "inputs" not in about
    assert about["issue"]["edition"] == "public"
    assert about["notes"] == []
    bundle.verify(folder)


def test_an_issue_has_both_editions_and_a_final_one_tells_the_public_what_changed(
    city: Settings, tmp_path: Path
) -> None:
    home = Settings(home=tmp_path / "home", actor="tester")
    shutil.copytree(city.home, home.home, symlinks=True)
    first = run.issue(home, WEEK, "preliminary", "李主任")
    assert sorted(path.name for path in first.iterdir()) == ["internal", "public"]
    page = (first / "public" / "report.html").read_text(encoding="utf-8")
    assert "公开 · 初报 第 1 号" in page
    assert "线索" not in re.sub(r"核查线索", "", page)
    last = run.issue(home, WEEK, "final", "李主任")
    assert (last / "public" / "changes.csv").is_file()
    assert "loads_since" not in "".join(path.name for path in (last / "public").rglob("*"))


def test_english_says_the_same_figures(city: Settings) -> None:
    zh, en = composed(city, WEEK), composed(city, WEEK, "en")
    assert [query.rows for query in zh.queries.values()] == [query.rows for query in en.queries.values()]
    numbers = [
        [re.sub(r"[^\d.,%+−]", "", cell.text) for row in one.headline.lights.rows for cell in row] for one in (zh, en)
    ]
    assert numbers[0] == numbers[1]
