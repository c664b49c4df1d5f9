"""`sandwatch why`: a ticket walked from the line of its file to the figures of the report, against known truth."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from pipelines import run, simulate
from pipelines.errors import WrongCallError
from pipelines.feeds import corrections, ingest
from pipelines.publishing import access_files, editions
from pipelines.settings import ROOT, Settings
from pipelines.tracing import walk, wording

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间,轴数,车型"


def ticket(number: int | str, gross: int | str = 45000, **cells: str) -> str:
    row = {
        "no": str(number), "site": "甲矿", "plate": "豫Q00001", "product": "机制砂", "direction": "销售",
        "gross": str(gross), "tare": "15000", "net": str(gross - 15000 if isinstance(gross, int) else ""),
        "at": "2026-05-25 08:00:00", "axles": "6", "body": "汽车列车", **cells,
    }  # fmt: skip
    return ",".join(row.values())


KNOWN = """
- {id: tare-of-ticket-5, where: ticket_no = '5', action: {set: {tare_kg: 15000}}, reason: 皮重错误, date: 2026-05-26,
   by: 数据岗, guard: tare_kg = 1}
- {id: trial-6, where: ticket_no = '6', action: drop, reason: 试称, date: 2026-05-26, by: 数据岗, guard: gross_kg > 0}
"""


@pytest.fixture(scope="module")
def known_errors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("corrections")
    (folder / f"{FEED}.yaml").write_text(KNOWN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corrections, "FOLDER", folder)
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, known_errors: None) -> Settings:  # noqa: ARG001
    """A site of our own beside the register of a simulated city, published; one file in GB18030, then corrections."""
    folder = tmp_path_factory.mktemp("why")
    home = Settings(home=folder / "home", actor="tester")
    simulate.write_city(home.inbox, home.home / "truth", scale=0.05, weeks=3)
    ingest.ingest(home, "site_register", ingest.inbox_files(home, "site_register"))
    others = [ticket(n, plate=f"豫Q{n:05d}", at=f"2026-05-25 09:{n % 60:02d}:00") for n in range(100, 300)]
    first = [ticket(1), ticket("K-7", 60000), ticket(3, "4五000", net="30000"), *others]
    second = [ticket(1, 43000), ticket("K-7", 60000), ticket(9, direction="采购")]
    first += [ticket(5, tare="1"), ticket(6)]
    for name, rows in (("a.csv", first), ("b.csv", second)):
        path = folder / name
        path.write_bytes("\r\n".join([HEADER, *rows, ""]).encode("gb18030"))
        os.utime(path, (time.time() - 60, time.time() - 60))
        assert not ingest.ingest(home, FEED, [path]).refused
    run.build(home)
    run.judge(home)
    from pipelines import warehouse

    with warehouse.writer(home) as con:
        schemas = run.REGULATOR_SCHEMAS
        tables = {"regulator": run._tables(con, schemas), "public": run._tables(con, run.PUBLIC_SCHEMAS)}
        editions.publish(con, home, tables)
    return home


def test_a_ticket_is_walked_from_its_line_to_its_figures(small: Settings) -> None:
    found = walk.trace(small, "甲矿", "1")
    (one,) = found["tickets"]
    old, new = one["versions"]
    assert (old["outcome"], new["outcome"], one["is_in_force"]) == ("superseded", "accepted", True)
    assert (old["ended_load_no"], old["replaced_by"]) == (new["load_no"], new["ticket_id"])
    assert (old["file"]["name"], old["file"]["line"], old["file"]["encoding"]) == ("a.csv", 2, "gb18030")
    assert old["file"]["raw_text"] == ticket(1)
    assert new["file"]["raw_text"] == ticket(1, 43000)
    assert new["file"]["cells"]["车号"] == "豫Q00001"
    assert (old["values"]["gross_kg"], new["values"]["gross_kg"]) == (45000, 43000)
    assert one["release"] == {"is_release": True, "is_reweighed": False, "reweighed_ticket_id": None}
    assert one["staging"]["week_start"] == dt.date(2026, 5, 25)
    site = next(figure for figure in one["figures"] if figure["table"] == "mart.site_week")
    assert site["part"] == 28
    assert site["share"] == pytest.approx(28 / float(site["value"]))
    assert {figure["table"] for figure in one["figures"] if figure["in_report"]} == {
        "report.supply_week", "report.product_week"}  # fmt: skip
    assert one["record"] is None


def test_a_copy_is_found_in_the_other_file_and_an_overload_has_its_limit(small: Settings) -> None:
    (one,) = walk.trace(small, "甲矿", "K-7", dt.date(2026, 5, 25))["tickets"]
    (copy,) = one["copies"]
    assert (copy["name"], copy["line"], copy["raw_text"]) == ("b.csv", 3, ticket("K-7", 60000))
    assert one["verdict"]["verdict"] == "breached"
    assert one["verdict"]["limit_high_kg"] == 49000
    assert one["record"]["over_kg"] == 11000
    tables = [figure["table"] for figure in one["figures"]]
    assert "report.overload_week" in tables


def test_what_is_no_release_counts_in_no_dispatch(small: Settings) -> None:
    (one,) = walk.trace(small, "甲矿", "9")["tickets"]
    assert not one["release"]["is_release"]
    assert one["figures"] == []


def test_a_row_that_was_put_aside_is_found_by_its_number(small: Settings) -> None:
    found = walk.trace(small, "甲矿", "3")
    assert found["tickets"] == []
    (row,) = found["put_aside"]
    assert (row["name"], row["line"], row["reason_code"]) == ("a.csv", 4, "not_a_number")
    assert row["raw_text"] == ticket(3, "4五000", net="30000")
    assert "第 4 行：毛重 = '4五000'，不是数字；请填写纯数字" in wording.render(found, "zh")


def test_what_a_correction_did_is_said_of_a_ticket_in_force_and_of_one_that_was_dropped(small: Settings) -> None:
    found = walk.trace(small, "甲矿", "5")
    (version,) = found["tickets"][0]["versions"]
    assert version["corrections"] == [{"id": "tare-of-ticket-5", "reason": "皮重错误"}]
    assert version["values"]["tare_kg"] == 15000
    assert found["tickets"][0]["is_in_force"]
    assert "tare-of-ticket-5" in wording.render(found, "zh")
    dropped = walk.trace(small, "甲矿", "6")
    assert dropped["tickets"] == []
    assert dropped["put_aside"][0]["reason_code"] == "known_error"
    said = wording.render(dropped, "zh")
    assert "来源已知错误，已按更正规则剔除" in said
    assert "更正 trial-6" in said
    assert "known error of the source" in wording.render(dropped, "en")


def test_an_unknown_number_or_site_gets_what_is_like_it(small: Settings) -> None:
    found = walk.trace(small, "甲矿", "K7")
    assert found["similar"]["is_site_known"]
    assert "K-7" in found["similar"]["numbers"]
    elsewhere = walk.trace(small, "甲矿厂", "K-7")
    assert not elsewhere["similar"]["is_site_known"]
    assert "甲矿" in elsewhere["similar"]["sites"]
    assert [row["site_id"] for row in elsewhere["similar"]["elsewhere"]] == ["甲矿"]
    for language in ("zh", "en"):
        assert "甲矿" in wording.render(elsewhere, language)


def test_another_day_is_another_ticket(small: Settings) -> None:
    assert walk.trace(small, "甲矿", "1", dt.date(2026, 5, 26))["tickets"] == []


def test_a_snapshot_that_is_gone_leaves_the_rest(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "snapshots", property(lambda self: self.home / "nowhere"))
    (one,) = walk.trace(small, "甲矿", "1")["tickets"]
    assert [version["file"]["is_kept"] for version in one["versions"]] == [False, False]
    assert "快照不在" in wording.render(walk.trace(small, "甲矿", "1"), "zh")


def test_each_look_is_logged_with_who_asked(small: Settings) -> None:
    walk.trace(small, "甲矿", "1")
    log = [line.record for line in access_files.lines(small) if line.record]
    assert [entry["event"] for entry in log[-2:]] == ["started", "ended"]
    assert (log[-1]["actor"], log[-1]["purpose"], log[-1]["sql"]) == ("tester", "why", "why 甲矿 1")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_words_are_whole(small: Settings, language: str) -> None:
    for number in ("1", "K-7", "9", "3", "nothing"):
        text = wording.render(walk.trace(small, "甲矿", number), language)
        assert "None" not in text
        assert "{" not in text
        assert not any(line.endswith(" ") for line in text.splitlines())
    text = wording.render(walk.trace(small, "甲矿", "K-7"), language)
    for part in ("a.csv", "b.csv", "60000", "49000", "11000", ticket("K-7", 60000)):
        assert part in text


def test_both_languages_have_the_same_words() -> None:
    words = yaml.safe_load((ROOT / "pipelines/tracing/messages/why.yaml").read_text("utf-8"))
    assert {group: set(names) for group, names in words["zh"].items() if group != "city"} == {
        group: set(names) for group, names in words["en"].items() if group != "city"
    }


def test_without_an_edition_the_call_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WrongCallError, match="sandwatch run"):
        walk.trace(Settings(home=tmp_path), "甲矿", "1")


def test_the_verb_prints_words_or_json(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from pipelines.verbs import tracing

    app = typer.Typer()
    tracing.register(app)
    monkeypatch.setenv("SANDWATCH_HOME", str(small.home))
    runner = CliRunner()
    said = runner.invoke(app, ["why", "甲矿", "K-7"])
    assert said.exit_code == 0
    assert "超限记录" in said.stdout
    given = runner.invoke(app, ["why", "甲矿", "K-7", "--day", "2026-05-25", "--json"])
    found: dict[str, Any] = json.loads(given.stdout)
    assert found["tickets"][0]["record"]["over_kg"] == "11000.000"
    assert runner.invoke(app, ["why", "甲矿", "nothing"]).exit_code == 2


def test_tickets_of_a_city_are_walked_as_the_truth_says(small_city: Settings, tmp_path: Path) -> None:
    """For some tickets of each outcome: the walk names the very line the truth knows, and its verdict."""
    home = Settings(home=tmp_path / "home", actor="tester")
    shutil.copytree(small_city.home, home.home, symlinks=True)
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        asked = con.execute(
            "SELECT account.file_name, truth.line, truth.verdict, ticket.site_name, ticket.ticket_no,"
            " ticket.weighed_on FROM read_parquet(?) AS truth"
            " JOIN meta.load_account AS account ON account.file_name = truth.file"
            " JOIN staging.weighbridge_ticket AS ticket ON ticket.snapshot_sha256 = account.snapshot_sha256"
            " AND ticket.line = truth.line WHERE ticket.ticket_no IS NOT NULL"
            " AND truth.verdict IN ('met', 'breached', 'undetermined', 'reweighed')"
            " QUALIFY row_number() OVER (PARTITION BY truth.verdict ORDER BY hash(ticket.ticket_id)) <= 3",
            [str(home.home / "truth" / "releases.parquet")],
        ).fetchall()
    assert {row[2] for row in asked} >= {"met", "breached", "undetermined"}
    for file_name, line, verdict, site, number, day in asked:
        found = walk.trace(home, site, number, day)
        match = [
            (one, version)
            for one in found["tickets"]
            for version in one["versions"]
            if (version["file"]["name"], version["file"]["line"]) == (file_name, line)
        ]
        assert len(match) == 1, (site, number)
        one, version = match[0]
        assert number in version["file"]["raw_text"]
        assert version["outcome"] == "accepted"
        if verdict == "reweighed":
            assert one["release"]["is_reweighed"]
        else:
            assert one["verdict"]["verdict"] == verdict
            assert one["figures"][0]["table"] == "mart.site_week"
