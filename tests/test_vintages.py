"""Vintages of the price scores: what was said stays, and comes out again from the quotes known then."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import raw_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines import catalog, warehouse
from pipelines.__main__ import app
from pipelines.building import state, tables
from pipelines.errors import MachineError, WrongCallError
from pipelines.feeds import ingest
from pipelines.rules import known_then, prices, vintage_check, vintage_log, vintages
from pipelines.settings import Settings
from pipelines.upkeep import backup, rebuild

MONDAY = dt.date(2026, 1, 5)
HEADER = "报价日期,市场,县区代码,产品,规格,单位,价格类型,含税,价格,来源"
SAND = {"product": "天然砂", "spec": "中砂", "unit": "t", "basis": "ex_works", "tax": "incl", "source": "监测"}


def monday(week: int) -> dt.date:
    return MONDAY + dt.timedelta(weeks=week)


def line(week: int, price: float, market: str = "甲", area: str = "411725", product: str = "天然砂") -> str:
    return f"{monday(week) + dt.timedelta(days=3)},{market},{area},{product},中砂,元/吨,出厂,是,{price},监测"


def send(home: Settings, name: str, lines: Iterable[str], feed: str = "price_quote", header: str = HEADER) -> None:
    path = home.home / "sent" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    assert not ingest.ingest(home, feed, [path]).refused


def answer(home: Settings, subject: str, product_id: str) -> None:
    send(
        home, f"answer-{subject}", [f"Q1,price_quote,unknown_product,{subject},{product_id},张三,2026-03-01"],
        feed="name_answer", header="编号,feed,kind,subject,答案,答复人,答复日期",
    )  # fmt: skip


def judge_prices(con: duckdb.DuckDBPyConnection) -> vintages.Vintage | None:
    """What build and judge do about prices, without all the rest."""
    number = state.begin(con, "build")
    for model in known_then.models():
        con.execute(f"CREATE OR REPLACE TABLE {model.name} AS (\n{model.sql}\n)")
    state.finish(con, "build", number)
    with tables.transaction(con):
        return vintages.record(con)


def judge(home: Settings) -> vintages.Vintage | None:
    with warehouse.writer(home) as con:
        vintage_log.settle(home, con)
        vintage = judge_prices(con)
        vintage_log.settle(home, con)
        return vintage


def stored(con: duckdb.DuckDBPyConnection) -> tuple[list[Any], list[Any]]:
    heads = con.execute(f"FROM {vintages.TABLE} ORDER BY ALL").fetchall()
    return heads, con.execute(f"FROM {vintages.ROWS} ORDER BY ALL").fetchall()


def stored_in(home: Settings) -> tuple[list[Any], list[Any]]:
    with warehouse.writer(home) as con:
        return stored(con)


def files(home: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in vintage_log.folder_of(home).iterdir()}


@dataclasses.dataclass
class Told:
    """A home with five vintages, and what was stored after each of them."""

    home: Settings
    said: list[vintages.Vintage]
    after: list[list[Any]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Told:
    told = Told(Settings(home=tmp_path_factory.mktemp("vintages") / "home", actor="tester"), [], [])

    def judged() -> None:
        vintage = judge(told.home)
        assert vintage
        told.said.append(vintage)
        told.after.append(stored_in(told.home)[1])

    home = told.home
    first = [line(week, 100 + week, market) for week in range(6) if week != 3 for market in ("甲", "乙")]
    send(home, "first", [*first, line(3, 103, "甲"), *(line(week, 60, product="特细砂石") for week in range(4))])
    judged()
    send(home, "week-6", [line(6, 106)])
    judged()
    send(home, "week-6-late", [line(6, 109, "乙")])  # two loads a day
    send(home, "week-6-corrected", [line(6, 140)])
    judged()
    send(home, "week-3-late", [line(3, 120, "乙")])
    judged()
    answer(home, "特细砂石", "crushed_stone")
    judged()
    return told


@pytest.fixture
def told(story: Told, tmp_path: Path) -> Told:
    """The same home once more, to be changed."""
    shutil.copytree(story.home.home, tmp_path / "home")
    return dataclasses.replace(story, home=Settings(home=tmp_path / "home", actor="tester"))


@pytest.fixture
def con(told: Told) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.writer(told.home) as opened:
        yield opened


def versions(con: duckdb.DuckDBPyConnection, week: int, product: str = "natural_sand") -> list[dict[str, Any]]:
    return [row for row in vintages.versions(con, monday(week), "411725") if row["product_id"] == product]


# --- what is stored


def test_each_judging_with_news_is_a_vintage_and_says_why(story: Told) -> None:
    assert [(v.vintage_no, v.load_no, v.reason) for v in story.said] == [
        (1, 1, "first"), (2, 2, "quotes"), (3, 4, "quotes"), (4, 5, "quotes"), (5, 6, "quotes"),
    ]  # fmt: skip


def test_a_week_without_news_is_not_said_again(con: duckdb.DuckDBPyConnection, story: Told) -> None:
    new_weeks = {row[6] for row in story.after[1]} - {row[6] for row in story.after[0]}
    assert new_weeks == {monday(6)}
    assert [row["vintage_no"] for row in versions(con, 2)] == [1]


def test_a_late_and_a_corrected_quote_make_a_version_beside_the_first(con: duckdb.DuckDBPyConnection) -> None:
    first, final, *more = [row for row in versions(con, 6) if row["vintage_no"] < 4]
    assert more == []
    assert (first["version_no"], first["score"]["price_yuan"], first["score"]["quote_count"]) == (1, 106.0, 1)
    assert (final["version_no"], final["score"]["price_yuan"], final["score"]["quote_count"]) == (
        2, round((140 * 109) ** 0.5, 4), 2,
    )  # fmt: skip
    assert {"price_yuan", "price_index", "quote_count", "month_share"} <= set(final["changed"])


def test_a_late_quote_of_an_old_week_changes_what_follows_and_nothing_before(con: duckdb.DuckDBPyConnection) -> None:
    assert [[row["vintage_no"] for row in versions(con, week)] for week in (2, 3)] == [[1], [1, 4]]
    assert versions(con, 3)[1]["score"]["quote_count"] == 2


def test_an_answer_about_a_name_withdraws_the_series_of_that_name(con: duckdb.DuckDBPyConnection) -> None:
    before, after = versions(con, 2, "特细砂石")
    assert (before["vintage_no"], before["score"]["price_yuan"]) == (1, 60.0)
    assert (after["vintage_no"], after["score"]) == (5, None)
    assert [row["vintage_no"] for row in versions(con, 2, "crushed_stone")] == [5]
    newest = vintages.newest(con)
    assert newest
    assert newest.withdrawn_count == 2 * 7  # 4 weeks quoted and 3 carried, of the county and of the city


def test_judging_again_without_news_writes_nothing(told: Told) -> None:
    before, kept = stored_in(told.home), files(told.home)
    assert judge(told.home) is None
    send(told.home, "week-6-again", [line(6, 140)])  # a copy
    assert judge(told.home) is None
    assert (stored_in(told.home), files(told.home)) == (before, kept)


def test_later_loads_changed_no_earlier_vintage(story: Told) -> None:
    for earlier, later in pairwise(story.after):
        assert [row for row in later if row[0] <= earlier[-1][0]] == earlier


def test_the_columns_of_a_score_are_shown_to_analysts_with_their_types(con: duckdb.DuckDBPyConnection) -> None:
    level, shown = prices.tables()["mart.price_level_week"], catalog.models()["mart.price_vintage"]
    con.execute(level.sql)
    tables.make(con, shown)
    wanted = dict(row[:2] for row in con.execute(f"DESCRIBE {level.name}").fetchall())
    found = dict(row[:2] for row in con.execute(f"DESCRIBE {shown.name}").fetchall())
    scored = {name: kind for name, kind in wanted.items() if name not in vintages.NOT_SCORED}
    assert {name: found.get(name) for name in scored} == scored
    rows = con.execute(
        "SELECT version_no, is_first, is_latest, is_withdrawn, vintage_no, load_no, reason, price_yuan,"
        " last_quoted_on FROM mart.price_vintage WHERE week_start = ? AND product_id = 'natural_sand'"
        " AND area_code = '411725' ORDER BY version_no",
        [monday(3)],
    ).fetchall()
    thursday = monday(3) + dt.timedelta(days=3)
    assert rows == [
        (1, True, False, False, 1, 1, "first", 103.0, thursday),
        (2, False, True, False, 4, 5, "quotes", round((103 * 120) ** 0.5, 4), thursday),
    ]
    assert con.execute("SELECT count(*) FROM mart.price_vintage WHERE is_withdrawn").fetchone() == (14,)


# --- what was known then


def test_every_vintage_comes_out_the_same_byte_for_byte(con: duckdb.DuckDBPyConnection, story: Told) -> None:
    for vintage in story.said:
        verified = vintage_check.verify(con, vintage.vintage_no)
        assert (verified.is_intact, verified.is_comparable, verified.differing) == (True, True, {})
        assert verified.row_count > 0
        assert "byte for byte" in verified.words()
    with pytest.raises(WrongCallError, match="newest is 5"):
        vintage_check.verify(con, 6)
    assert con.execute("SELECT current_database()").fetchone() == ("warehouse",)


def test_a_mistyped_year_that_came_later_is_not_known_before(told: Told) -> None:
    """The bound of plausible dates is a share of all quotes: those of then."""
    far = "2031-01-02,甲,411725,天然砂,中砂,元/吨,出厂,是,99,监测"
    send(told.home, "far", [far, line(7, 110)])
    assert judge(told.home)
    with warehouse.writer(told.home) as con:
        assert [vintage_check.verify(con, number).differing for number in (5, 6)] == [{}, {}]


def test_changed_rules_are_said_and_are_no_error(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    by_quotes = prices.by_quotes

    def otherwise(con: duckdb.DuckDBPyConnection) -> Any:
        found = by_quotes(con)
        for row in found.weeks:
            row["price_yuan"] = round(row["price_yuan"] * 2, 4)
        return found

    monkeypatch.setattr(prices, "by_quotes", otherwise)
    with warehouse.writer(told.home) as con:
        broken = vintage_check.verify(con, 5)
        assert (broken.is_comparable, broken.is_kept) == (True, False)
        assert set(map(tuple, broken.differing.values())) == {("price_yuan",)}
        monkeypatch.setattr(known_then, "rules_sha256", lambda: "other rules")
        changed = vintage_check.verify(con, 5)
        assert (changed.is_comparable, changed.is_kept, len(changed.differing)) == (False, True, changed.row_count)
        assert "rules changed since" in changed.words()
    vintage = judge(told.home)
    assert vintage
    assert (vintage.reason, vintage.load_no, vintage.row_count) == ("rules", 6, changed.row_count)


def test_files_that_were_read_again_otherwise_are_said(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE raw.price_quote SET price = 61 WHERE product = '特细砂石'")  # as a backfill does
    verified = vintage_check.verify(con, 1)
    assert (verified.is_same_quotes, verified.is_kept, len(verified.differing)) == (False, True, 12)
    assert "read again" in verified.words()
    vintage = judge_prices(con)
    assert vintage
    assert (vintage.reason, vintage.load_no) == ("reread", 6)


def test_stored_rows_that_were_touched_are_noticed(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"UPDATE {vintages.ROWS} SET content = replace(content, '106.0', '107.0') WHERE vintage_no = 2")
    verified = vintage_check.verify(con, 2)
    assert (verified.is_intact, verified.is_kept) == (False, False)
    assert "restore a backup" in verified.words()


def quote(week: int, market: str, area: str, price: int) -> dict[str, Any]:
    return {**SAND, "quoted_on": monday(week), "market": market, "county_code": area, "price": price}


QUOTE = st.builds(
    quote,
    st.integers(0, 7),
    st.sampled_from("甲乙"),
    st.sampled_from(("411725", "411721", "花蓮")),
    st.integers(80, 160),
)


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        warehouse.configure(con)
        warehouse.prepare(con)
        yield con


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(loads=st.lists(st.lists(QUOTE, min_size=1, max_size=8), min_size=2, max_size=4))
def test_any_loads_come_out_again_and_change_nothing_before(
    empty: duckdb.DuckDBPyConnection, loads: list[list[dict[str, Any]]]
) -> None:
    for table in ("raw.price_quote", "meta.load_account", vintages.TABLE, vintages.ROWS):
        empty.execute(f"DELETE FROM {table}")
    after: list[tuple[list[Any], list[Any]]] = []
    for number, load in enumerate(loads, start=1):
        rows = {(row["quoted_on"], row["market"], row["county_code"]): row for row in load}
        for key in rows:  # a later price of the same line is its newer version
            empty.execute(
                "UPDATE raw.price_quote SET outcome = 'superseded', ended_load_no = ?"
                " WHERE ended_load_no IS NULL AND (quoted_on, market, county_code) = (?, ?, ?)",
                [number, *key],
            )
        raw_rows.put(empty, "price_quote", [{**row, "snapshot_sha256": f"{number:064d}"} for row in rows.values()])
        judge_prices(empty)
        after.append(stored(empty))
    for earlier, later in pairwise(after):
        assert [head for head in later[0] if head in earlier[0]] == earlier[0]
        assert [row for row in later[1] if row in earlier[1]] == earlier[1]
    for vintage in vintages.all_vintages(empty):
        verified = vintage_check.verify(empty, vintage.vintage_no)
        assert (verified.is_intact, verified.is_comparable, verified.differing) == (True, True, {})


# --- beside the snapshots


def forget(home: Settings) -> None:
    """A warehouse that was made anew holds all loads and no vintage yet."""
    with warehouse.writer(home) as con:
        con.execute(f"DELETE FROM {vintages.TABLE}; DELETE FROM {vintages.ROWS}")


def test_a_rebuilt_warehouse_says_what_the_old_one_said(told: Told) -> None:
    before, kept = stored_in(told.home), files(told.home)
    told.home.warehouse.unlink()
    rebuild.rebuild(told.home, only_load=True)
    assert judge(told.home) is None
    assert (stored_in(told.home), files(told.home)) == (before, kept)
    assert sorted(kept) == [f"00000{number}.jsonl" for number in range(1, 6)]


def test_a_warehouse_made_anew_by_other_rules_keeps_what_was_said(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored_in(told.home)
    monkeypatch.setattr(vintages, "NOT_SCORED", (*vintages.NOT_SCORED, "rung_reason"))
    monkeypatch.setattr(known_then, "rules_sha256", lambda: "other rules")
    forget(told.home)
    vintage = judge(told.home)
    assert vintage
    assert (vintage.vintage_no, vintage.reason) == (6, "rules")
    heads, rows = stored_in(told.home)
    assert (heads[:5], [row for row in rows if row[0] < 6]) == before


def test_a_judging_that_breaks_off_leaves_nothing_and_one_cut_off_later_is_made_up_for(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, kept = stored_in(told.home), files(told.home)
    send(told.home, "week-7", [line(7, 110)])
    insert = vintages.insert

    def cut(*given: Any) -> None:
        insert(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vintages, "insert", cut)
        with pytest.raises(KeyboardInterrupt):
            judge(told.home)
    assert (stored_in(told.home), files(told.home)) == (before, kept)
    with warehouse.writer(told.home) as con:
        assert judge_prices(con)  # killed between the commit and the file
    assert files(told.home) == kept
    assert judge(told.home) is None
    assert files(told.home).keys() - kept.keys() == {"000006.jsonl"}


def test_a_backup_carries_the_vintages(told: Told, tmp_path: Path) -> None:
    before, kept = stored_in(told.home), files(told.home)
    copy = backup.backup(told.home, tmp_path / "copy")
    elsewhere = Settings(home=tmp_path / "elsewhere", actor="tester")
    backup.restore(elsewhere, copy.folder)
    assert (stored_in(elsewhere), files(elsewhere)) == (before, kept)


def test_vintages_of_another_warehouse_are_kept_aside(told: Told) -> None:
    kept = files(told.home)
    told.home.warehouse.unlink()
    send(told.home, "other", [line(0, 50), line(1, 51)])
    vintage = judge(told.home)
    assert vintage
    assert (vintage.vintage_no, vintage.reason) == (1, "first")
    (aside,) = told.home.snapshots.glob("vintages-until-5-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept
    assert files(told.home).keys() == {"000001.jsonl"}


def test_a_damaged_file_is_named(told: Told) -> None:
    forget(told.home)
    path = vintage_log.folder_of(told.home) / "000003.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("natural_sand", "natural_sang"), encoding="utf-8")
    with pytest.raises(MachineError, match=r"000003.jsonl is damaged"):
        judge(told.home)


# --- the verbs


def test_the_verbs_list_show_and_verify(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDWATCH_HOME", str(told.home.home))
    call = CliRunner().invoke

    def heard(*words: str) -> Any:
        return json.loads(call(app, ["vintage", *words, "--json"]).stdout)

    assert [row["reason"] for row in heard("list")["vintages"]] == ["first", *["quotes"] * 4]
    shown = heard("show", "--week", "2026-W08", "--area", "411725")["versions"]
    assert [row["vintage_no"] for row in shown if row["product_id"] == "natural_sand"][:2] == [2, 3]
    assert "load 6, quotes" in call(app, ["vintage", "list"]).stdout
    assert "withdrawn" in call(app, ["vintage", "show", "--week", "2026-W02"]).stdout
    assert call(app, ["vintage", "verify", "--all"]).stdout.count("byte for byte") == 5
    with warehouse.writer(told.home) as con:
        con.execute(f"UPDATE {vintages.ROWS} SET content = replace(content, '106.0', '107.0') WHERE vintage_no = 2")
    assert call(app, ["vintage", "verify", "--no", "1"]).exit_code == 0
    broken = call(app, ["vintage", "verify", "--no", "2"])
    assert (broken.exit_code, "vintage 2" in str(broken.exception)) == (1, True)
