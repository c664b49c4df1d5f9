"""The weekly report says what the edition holds: queries, pictures, words, no plate, the same bytes again."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import html
import io
import re
import shutil
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import run, warehouse
from pipelines.errors import WrongCallError
from pipelines.publishing import editions
from pipelines.publishing.query_output import as_csv
from pipelines.report import blocks, edition, weekly, words
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import data_files, page
from pipelines.report.parts import verdict_words
from pipelines.rules import levels
from pipelines.settings import Settings

WEEK = "2026-W47"
BLOCK = re.compile(r'<pre>(.*?)</pre>\s*<p><a href="(data/[^"]+)"', re.DOTALL)
PICTURE = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")


def published(home: Path) -> Settings:
    """Load what lies in the inbox, build, judge and publish."""
    settings = Settings(home=home)
    run.ingest_inbox(settings)
    run.build(settings)
    run.judge(settings)
    with warehouse.writer(settings) as con:
        tables = [
            [
                name
                for (name,) in con.execute(
                    "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE list_contains(?, schema_name)"
                    " AND database_name = current_database() ORDER BY 1",
                    [schemas],
                ).fetchall()
            ]
            for schemas in (["reference", "mart", "policy", "report", "meta"], ["public"])
        ]
        editions.publish(con, settings, dict(zip(("regulator", "public"), tables, strict=True)))
    return settings


@pytest.fixture(scope="module")
def city(demo_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A published city that is not marked as simulated and of which nothing was reported."""
    found = Settings(home=tmp_path_factory.mktemp("report") / "home")
    shutil.copytree(demo_city.home, found.home, symlinks=True, ignore=shutil.ignore_patterns("reports"))
    found.simulated_mark.unlink()
    return found


@pytest.fixture(scope="module")
def written(city: Settings) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph the font lacks is a warning of matplotlib, and tofu on the page
        return weekly.write(city, WEEK)


@pytest.fixture(scope="module")
def text(written: Path) -> str:
    return written.read_text(encoding="utf-8")


@pytest.fixture
def con(city: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        yield connection


def visible(page_text: str) -> str:
    """The words of a page without its pictures and tags."""
    without = re.sub(r"<(style|details)\b.*?</\1>|<img[^>]*>|<source[^>]*>|<[^>]+>", "", page_text, flags=re.DOTALL)
    return html.unescape(without)


def truth(city: Settings, name: str) -> list[dict[str, str]]:
    with (city.home / "truth" / f"{name}.csv").open(encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def cells(report: blocks.Report, name: str) -> list[list[str]]:
    table = next(block for block in report.blocks if block.name == name)
    assert isinstance(table, blocks.Table)
    return [[cell.text for cell in row] for row in table.rows]


def test_every_printed_query_returns_the_data_file_beside_it(
    text: str, written: Path, con: duckdb.DuckDBPyConnection
) -> None:
    printed = BLOCK.findall(text)
    assert len(printed) >= 15
    for sql, name in printed:
        result = con.execute(html.unescape(sql))
        columns = [column[0] for column in result.description]
        expected = as_csv(columns, result.fetchall())
        assert (written.parent / name).read_text(encoding="utf-8-sig") == expected, name
    files = {f"data/{path.name}" for path in (written.parent / "data").glob("*.csv")}
    assert files == {name for _, name in printed}


def test_every_table_and_chart_prints_its_query(text: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
    assert len(figures) >= 15
    for figure in figures:
        assert "<pre>SELECT * " in figure
        assert "data/" in figure


def test_dispatch_on_the_page_is_the_simulated_dispatch(
    city: Settings, con: duckdb.DuckDBPyConnection, text: str
) -> None:
    released: dict[str, Decimal] = {}
    for row in truth(city, "dispatch_county_week"):
        if row["iso_week"] == WEEK:
            released[row["county_code"]] = released.get(row["county_code"], Decimal(0)) + Decimal(
                row["released_net_kg"]
            )
    zh = words.Words("zh")
    codes = dict(con.execute("SELECT county_name, county_code FROM reference.region").fetchall())
    shown = {codes[row[0]]: row[1] for row in cells(weekly.compose(con, WEEK, "zh"), "supply_by_county")}
    assert shown.pop("411700") == zh.number(sum(released.values()) / 1000)
    assert shown == {code: zh.number(mass / 1000) for code, mass in released.items() if code}
    assert f"全市发运 {zh.number(sum(released.values()) / 1000)} 吨" in visible(text)


def test_overloads_on_the_page_are_the_simulated_overloads(city: Settings, con: duckdb.DuckDBPyConnection) -> None:
    first = dt.date.fromisocalendar(2026, 47, 1)
    count = sum(
        row["outcome"] == "accepted"
        and first <= dt.date.fromisoformat(row["weighed_at"][:10]) < first + dt.timedelta(weeks=1)
        for row in truth(city, "overloads")
    )
    report = weekly.compose(con, WEEK, "zh")
    section = next(section for section in report.sections if section.name == "overload")
    assert count > 0
    assert f"超限 {count} 辆次" in section.sentences[0].text
    bands = next(block for block in section.blocks if block.name == "overload_bands")
    assert sum(row["breached_count"] for row in bands.query.rows) == count


def test_the_planted_price_spike_is_the_headline(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    tile = report.headline.tiles[0]
    assert (tile.value, tile.note.split(" · ")[0]) == ("橙", "确山县 机制砂")
    assert "界限 ≥\u00a020%" in tile.note
    episodes = cells(report, "price_episodes")
    assert episodes[0][0] == "橙"
    assert episodes[0][1].startswith("确山县机制砂")
    assert "界限 ≥\u00a020%" in episodes[0][3]
    advice = cells(report, "actions")[0]
    assert "各县区人民政府" in advice[4]  # from 橙 on the clause on emergency plans speaks too


def test_no_plate_of_the_truth_is_outside_the_overload_annex(city: Settings, written: Path) -> None:
    rows = duckdb.sql(f"SELECT DISTINCT plate FROM '{city.home}/truth/releases.parquet' WHERE plate <> ''").fetchall()
    plates = {row[0] for row in rows}
    assert len(plates) > 100
    texts = [path for path in written.parent.rglob("*") if path.suffix in (".html", ".csv", ".json")]
    assert len(texts) > 20
    any_plate = re.compile("|".join(map(re.escape, sorted(plates))))
    bearing = {str(path.relative_to(written.parent)) for path in texts if any_plate.search(path.read_text("utf-8"))}
    assert bearing == {"report.html", "data/overload_annex.csv"}
    figures = re.findall(r"<figure.*?</figure>", written.read_text(encoding="utf-8"), re.DOTALL)
    annex = [figure for figure in figures if any_plate.search(figure)]
    assert len(annex) == 1
    assert "data/overload_annex.csv" in annex[0]
    assert not any_plate.search(written.read_text(encoding="utf-8").replace(annex[0], ""))


def test_a_plate_in_a_name_is_masked(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    said = blocks.Section("x", "豫Q·A1234 堆场", (blocks.Sentence("豫QB2345"),))
    changed = blocks.Report(**{**vars(report), "sections": (said,)})
    content = page.files(changed, Pictures())[page.NAME].decode("utf-8")
    assert "A1234" not in content
    assert "B2345" not in content


def test_a_plate_in_a_data_file_is_masked_too(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    row: dict[str, Any] = {"subject": "豫QA1234 堆场", "names": ["甲", "豫QB23456"], "row_count": 5, "none": None}
    bad = blocks.Query("bad", "SELECT 1", tuple(row), (row,))
    section = blocks.Section("x", "x", (), (blocks.Table("bad", "", (), (), bad, ""),))
    content = data_files.files(blocks.Report(**{**vars(report), "sections": (section,)}), Pictures())["data/bad.csv"]
    line = next(csv.reader(io.StringIO(content.decode("utf-8-sig").splitlines()[1])))
    assert "A1234" not in line[0]
    assert "堆场" in line[0]
    assert "B2345" not in line[1]
    assert "甲" in line[1]
    assert line[2:] == ["5", ""]


def test_the_page_loads_nothing_from_outside(text: str) -> None:
    markup = re.sub(PICTURE, "data:", text)
    assert not re.search(r"https?://|//[a-z]+\.|<script |<link|<iframe|@import|url\(", markup, re.IGNORECASE)
    for address in re.findall(r'(?:src|srcset)="([^"]*)"', markup):
        assert address == "data:"
    for address in re.findall(r'href="([^"]*)"', markup):
        assert address.startswith(("#", "data/", "sources/")) or address in (
            "report.pdf",
            "report.docx",
            "report.xlsx",
        )
    assert markup.count("<script>") == 1  # our own; its hash stands in the policy of the page


def test_pictures_have_a_text_and_carry_their_own_letters(text: str) -> None:
    images = re.findall(r"<img ([^>]*)>", text)
    assert len(images) == 12
    for image in images:
        alt = re.search(r'alt="([^"]+)"', image)
        assert alt is not None
        assert len(alt[1]) > 20
    pictures = [base64.b64decode(found).decode("utf-8") for found in PICTURE.findall(text)]
    assert len(pictures) == 20  # eight of the twelve have a narrow form
    for picture in pictures:
        assert "<text" not in picture
        assert "NotoSansSC" in picture
        assert "<dc:date>" not in picture


def test_figures_say_how_far_the_data_reach(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    for block in report.blocks:
        if block.name != "actions":
            assert "数据截至 2026-11-2" in block.foot, block.name
    assert "2026 年第 47 周（2026-11-16 至 2026-11-22）" in report.subtitle


def test_the_same_edition_and_week_give_the_same_bytes(city: Settings, written: Path) -> None:
    import matplotlib as mpl

    def bundle() -> dict[str, bytes]:
        return {str(p.relative_to(written.parent)): p.read_bytes() for p in written.parent.rglob("*") if p.is_file()}

    before = bundle()
    (written.parent / "data" / "left_over.csv").write_text("x", encoding="utf-8")
    with mpl.rc_context({"font.size": 23.0, "svg.fonttype": "none"}):  # whatever the caller has set
        weekly.write(city, WEEK)
    assert bundle() == before
    assert {path.name for path in written.parent.iterdir()} == {
        "charts", "data", "manifest.json", "public", "report.html", "report.docx", "report.pdf",
        "report.xlsx", "sources",
    }  # fmt: skip


def test_the_last_complete_week_is_the_default(city: Settings, tmp_path: Path) -> None:
    assert weekly.write(city).parent.name == WEEK
    with duckdb.connect(str(tmp_path / "part.duckdb")) as part:
        part.execute("CREATE SCHEMA report")
        part.execute(f"ATTACH '{editions.current(city, 'regulator')}' AS whole (READ_ONLY)")
        part.execute(
            "CREATE TABLE report.week AS SELECT * REPLACE (week_start < '2026-11-16' AS is_complete)"
            " FROM whole.report.week WHERE week_start <> '2026-11-02'"
        )
        assert edition.week_of(part, None).iso_week == "2026-W46"
        with pytest.raises(WrongCallError, match=r"2026-W45.*holds .*to 2026-W44, 2026-W46 to 2026-W47"):
            edition.week_of(part, "2026-W45")
        part.execute("UPDATE report.week SET is_complete = false")
        with pytest.raises(WrongCallError, match="no week is complete"):
            edition.week_of(part, None)


@pytest.mark.parametrize("asked", ["2030-W01", "2026-47", "", "' OR 1=1 --"])
def test_a_week_without_data_is_refused_naming_those_there_are(city: Settings, asked: str) -> None:
    with pytest.raises(WrongCallError, match="2025-W40 to 2026-W47"):
        weekly.write(city, asked)


def test_verdict_words(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    rows = cells(report, "project_findings")
    said = {(row[0], row[1]) for row in rows}
    assert ("未达管理指标", "项目铁路运输占比") in said
    assert ("不符合", "项目铁路运输占比") not in said
    # Exactly the text's own exemption is called 豁免; the others are not in the list of findings at all.
    exempt = con.execute("SELECT count(*) FROM policy.verdict WHERE reason_code = 'exempted_by_text'").fetchone()
    assert exempt == (sum(row[0] == "豁免" for row in rows),)
    assert exempt[0] > 0
    counts = report.sections[3].sentences[0].text
    breached = con.execute(
        "SELECT count(*) FILTER (kind = 'law'), count(*) FILTER (kind = 'management') FROM policy.verdict"
        " WHERE verdict = 'breached' AND subject_kind = 'project'"
    ).fetchone()
    assert breached is not None
    assert f"57号条款不符合 {breached[0]} 项" in counts
    assert f"未达管理指标 {breached[1]} 项，另计" in counts
    basis = [row for row in cells(report, "actions") if row[0] == "未达管理指标"]
    assert len(basis) == 1


def test_a_figure_never_looks_like_its_threshold_when_it_is_not(con: duckdb.DuckDBPyConnection) -> None:
    assert verdict_words.exact(Decimal("79.99999"), Decimal(80)) == "79.99999"
    assert verdict_words.exact(Decimal(80), Decimal(80)) == "80.0"
    assert verdict_words.exact(Decimal("83.21"), Decimal(80)) == "83.2"
    values = {row[3] for row in cells(weekly.compose(con, WEEK, "zh"), "project_findings")}
    assert "2,999,999 吨/年" in values  # planted: one tonne under the floor
    assert any(value.startswith("79.9") and "80" not in value[:5] for value in values)


def test_the_cohort_names_members_and_gap(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    city_row = cells(report, "rail_cohort")[0]
    known = con.execute(
        "SELECT operating_members, more_needed, other_members FROM policy.rail_siding_access"
        " WHERE subject_id = '411700'"
    ).fetchone()
    assert known is not None
    assert (city_row[3], city_row[4]) == (str(known[1]), known[0])
    assert "building" in known[2]
    assert "在建" in city_row[5]


def test_an_incomplete_week_has_no_arrow(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "SELECT iso_week, county_name FROM mart.county_week WHERE completeness_share < 0.8"
        " AND county_code <> '411700'"
        " ORDER BY iso_week DESC"
    ).fetchall()
    assert rows
    for week, county in rows[:2]:
        shown = {row[0]: row for row in cells(weekly.compose(con, week, "zh"), "supply_by_county")}
        assert shown[county][2] == words.NOTHING
        assert "不评级" in shown[county][7]


def test_a_report_of_an_earlier_week_knows_nothing_of_later_ones(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, "2026-W43", "zh")  # the week before the planted spike
    assert all("确山县机制砂" not in row[1] for row in cells(report, "price_episodes"))
    last = dt.date.fromisocalendar(2026, 43, 7)
    for block in report.blocks:
        for query in block.queries:
            for row in query.rows:
                for name, value in row.items():
                    if name in ("week_start", "opened_on", "base_on", "last_on") and value:
                        assert value <= last, (query.name, name, value)


def test_open_validity_is_said_and_only_where_it_is_open(con: duckdb.DuckDBPyConnection) -> None:
    notices = weekly.compose(con, WEEK, "zh").notices
    assert any("依据文件效力待核" in notice.text and "57号" in notice.text for notice in notices)
    early = weekly.compose(con, "2025-W45", "zh").notices  # before 2025-12-23
    assert not any("依据文件效力待核" in notice.text for notice in early)


def test_simulated_data_is_marked(con: duckdb.DuckDBPyConnection) -> None:
    assert "模拟数据" in weekly.compose(con, WEEK, "zh", is_simulated=True).notices[0].text
    assert all("模拟数据" not in notice.text for notice in weekly.compose(con, WEEK, "zh").notices)


@pytest.mark.parametrize("feed", ["price_quote", "weighbridge_ticket"])
def test_missing_feeds_say_so_and_nothing_breaks(city: Settings, tmp_path: Path, feed: str) -> None:
    shutil.copytree(city.home / "inbox" / feed, tmp_path / "home" / "inbox" / feed)
    said = visible(weekly.write(published(tmp_path / "home")).read_text(encoding="utf-8"))
    for name in {"磅单", "价格报价"} - {"磅单" if feed == "weighbridge_ticket" else "价格报价"}:
        assert f"{name}：未报送" in said
    assert "产能备案：未报送" in said
    assert "未按期报送" in said


FILING = (
    "项目代码,项目名称,县区代码,建设性质,备案日期,自备矿山产能\n"
    "2025-1,甲项目,411725,新建,2025-03-05,1000000\n2025-2,乙项目,411726,新建,2025-06-11,2000000\n"
)
REGISTER = "站点名称,企业名称,县区代码,主体类型\n甲站,甲公司,411725,加工厂\n"


def given(home: Path, feed: str, text: str) -> Settings:
    """A home whose inbox holds one file."""
    path = home / "inbox" / feed / "given.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return Settings(home=home)


def test_filings_alone_are_reported_in_the_week_of_the_newest(tmp_path: Path) -> None:
    settings = given(tmp_path / "home", "capacity_filing", FILING)
    run.ingest_inbox(settings)
    path = run.run_all(settings)["report"]
    assert path == settings.reports / "2025-W24" / "report.html"
    said = visible(path.read_text(encoding="utf-8"))
    assert "甲项目" in said
    assert "乙项目" in said
    assert "数据截至 2025-06-11" in said
    assert "不满一周" not in said
    with pytest.raises(WrongCallError, match="the edition holds 2025-W24"):
        weekly.write(settings, "2025-W10")


@pytest.mark.parametrize(
    ("feed", "text"),
    [("site_register", REGISTER), ("capacity_filing", "项目代码,项目名称,县区代码\n2025-1,甲项目,411725\n")],
    ids=["register", "filings"],
)
def test_without_any_date_a_run_publishes_and_says_why_there_is_no_report(
    tmp_path: Path, feed: str, text: str
) -> None:
    settings = given(tmp_path / "home", feed, text)
    run.ingest_inbox(settings)
    said: list[str] = []
    done = run.run_all(settings, say=said.append)
    assert done["report"] is None
    assert said[-1].startswith("no report was written: ")
    assert "no dated data" in said[-1]
    assert editions.current(settings, "regulator").exists()
    assert not settings.reports.exists()
    with pytest.raises(WrongCallError, match="no dated data"):
        run.report(settings)
    with pytest.raises(WrongCallError, match="no dated data"):
        run.run_all(settings, "2026-W01")  # who asks for a week is told that it is not there


def test_a_first_part_week_is_published_and_said(tmp_path: Path) -> None:
    lines = (
        "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间\n"
        "1,甲站,豫QA1234,机制砂,销售,49000,15000,34000,2026-03-04 10:00:00\n"
    )
    settings = given(tmp_path / "home", "weighbridge_ticket", lines)
    run.ingest_inbox(settings)
    said: list[str] = []
    assert run.run_all(settings, say=said.append)["report"] is None
    assert "no week is complete yet" in said[-1]
    assert run.report(settings, "2026-W10").exists()


def test_no_feed_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongCallError, match="published yet"):
        weekly.write(Settings(home=tmp_path))


def test_english_says_the_same_figures(con: duckdb.DuckDBPyConnection) -> None:
    zh, en = (weekly.compose(con, WEEK, language) for language in ("zh", "en"))
    numbers = re.compile(r"[+−]?[\d,]+\.?\d*%?")
    for name in ("price_table", "dispatch_by_product", "overload_sites", "feeds"):
        ours = [[numbers.findall(cell) for cell in row[2:]] for row in cells(zh, name)]
        theirs = [[numbers.findall(cell) for cell in row[2:]] for row in cells(en, name)]
        assert ours == theirs, name
    assert b'lang="en"' in page.files(en, Pictures())[page.NAME]


def test_messages_of_both_languages_have_the_same_keys_and_places() -> None:
    def places(language: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for group, texts in words.messages(language).items():
            if group not in ("place", "product"):  # names that are Chinese in the data already
                for key, message in texts.items():
                    found[f"{group}.{key}"] = set(re.findall(r"{(\w+)}", str(message)))
        return found

    assert places("zh") == places("en")


def test_levels_have_a_colour_and_a_word() -> None:
    from pipelines.report.charts import style

    ladder = {levels.NO_LEVEL, *levels.load("price_level").levels, *levels.load("supply_level").levels}
    assert ladder <= set(style.LEVELS)
    for language in ("zh", "en"):
        assert ladder <= set(words.messages(language)["level"])


def test_a_data_file_runs_no_formula(con: duckdb.DuckDBPyConnection) -> None:
    report = weekly.compose(con, WEEK, "zh")
    row: dict[str, Any] = {"subject": "=cmd|' /C calc'!A0", "row_count": -5}
    bad = blocks.Query("bad", "SELECT 1", tuple(row), (row,))
    table = blocks.Table("bad", "", (), (), bad, "")
    section = blocks.Section("x", "x", (), (table,))
    content = data_files.files(blocks.Report(**{**vars(report), "sections": (section,)}), Pictures())["data/bad.csv"]
    cell, number = next(csv.reader(io.StringIO(content.decode("utf-8-sig").splitlines()[1])))
    assert cell.startswith("'=")
    assert number == "-5"
