"""Drafts and issues of the weekly report: whole or not there, numbered, never written again, revised with reasons."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from pipelines import run
from pipelines.errors import InputRefusedError, MachineError, WrongCallError
from pipelines.publishing import editions
from pipelines.report import blocks, weekly
from pipelines.report.issuing import bundle, index_page, issued, made_from, notes
from pipelines.settings import ROOT, Settings
from pipelines.upkeep import backup


@pytest.fixture(scope="module")
def city(small_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A published city whose newest week was drafted and issued as 初报."""
    home = Settings(home=tmp_path_factory.mktemp("issuing") / "home", actor="tester")
    shutil.copytree(small_city.home, home.home, symlinks=True)
    run.report(home)
    run.issue(home, newest_week(home), "preliminary", "李主任")
    return home


def newest_week(home: Settings) -> str:
    return next(path.name for path in sorted(home.reports.glob("*-W*"), reverse=True))


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


# Bundles


def test_a_draft_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "2026-W47"
    bundle.put(folder, {"report.html": b"1", "data/old.csv": b"old", "charts/x.png": b"x"}, {"iso_week": "2026-W47"})
    (folder / "notes.md").write_text("people's")
    (folder / "issued").mkdir()
    bundle.put(folder, {"report.html": b"2", "data/new.csv": b"new"}, {"iso_week": "2026-W47"})
    assert sorted(path.name for path in folder.iterdir()) == [
        "data",
        "issued",
        "manifest.json",
        "notes.md",
        "report.html",
    ]
    assert [path.name for path in (folder / "data").iterdir()] == ["new.csv"]
    bundle.verify(folder)
    (folder / "data" / "new.csv").write_bytes(b"other")
    with pytest.raises(InputRefusedError, match=r"1 of 2 files are missing or altered: data/new\.csv"):
        bundle.verify(folder)


def test_a_draft_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "2026-W47"
    bundle.put(folder, {"report.html": b"1"}, {})
    before = content(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "_write", full)
    with pytest.raises(MachineError, match=r"2026-W47"):
        bundle.put(folder, {"report.html": b"2"}, {})
    assert content(folder) == before


def test_a_run_cut_off_between_files_leaves_no_bundle_and_the_next_one_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "2026-W47"
    bundle.put(folder, {"a": b"1", "b": b"1"}, {})
    replace = Path.replace

    def cut(self: Path, target: Path) -> Path:
        if self.name == "b":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(KeyboardInterrupt):
        bundle.put(folder, {"a": b"2", "b": b"2"}, {})
    monkeypatch.undo()
    assert bundle.read(folder) is None
    bundle.put(folder, {"a": b"3", "b": b"3"}, {})
    bundle.verify(folder)
    assert [path.name for path in sorted(folder.iterdir())] == ["a", "b", "manifest.json"]


def test_what_was_issued_is_never_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "01-preliminary"
    bundle.freeze(folder, {"internal": ({"report.html": b"1"}, {}), "public": ({"report.html": b"p"}, {})})
    before = content(folder)
    with pytest.raises(WrongCallError, match="never written again"):
        bundle.freeze(folder, {"internal": ({"report.html": b"2"}, {})})
    assert content(folder) == before
    assert not (folder / "internal" / "report.html").stat().st_mode & 0o222
    assert not folder.stat().st_mode & 0o222


# Turns


@pytest.mark.parametrize(
    ("before", "stage", "by", "reason", "words"),
    [
        ([], "draft", "x", "", "it takes preliminary, final, correction"),
        ([], "preliminary", " ", "", "give --by NAME"),
        ([], "final", "x", "", "no preliminary issue"),
        ([], "correction", "x", "y", "no preliminary issue"),
        (["preliminary"], "preliminary", "x", "", "was issued already"),
        (["preliminary", "final"], "final", "x", "", "has its final issue"),
        (["preliminary"], "correction", "x", " ", "give --reason TEXT"),
    ],
)
def test_an_issue_out_of_turn_is_refused(
    tmp_path: Path, before: list[str], stage: str, by: str, reason: str, words: str
) -> None:
    for number, name in enumerate(before, 1):
        issued.write(tmp_path, blocks.Issue("internal", name, number, "x"), {"internal": ({}, {})})
    with pytest.raises(WrongCallError, match=words):
        issued.next_issue(tmp_path, stage, by, reason)


def test_issues_are_numbered_and_logged(tmp_path: Path) -> None:
    for stage in ("preliminary", "correction", "final", "correction"):
        issue = issued.next_issue(tmp_path, stage, "李主任", "错价" if stage == "correction" else "")
        issued.write(tmp_path, issue, {"internal": ({"report.html": stage.encode()}, {"n": issue.number})})
    assert [one.folder.name for one in issued.of_week(tmp_path)] == [
        "01-preliminary", "02-correction", "03-final", "04-correction",
    ]  # fmt: skip
    log = issued.releases(tmp_path)
    assert [(line.number, line.approved_by, line.reason) for line in log] == [
        (1, "李主任", ""), (2, "李主任", "错价"), (3, "李主任", ""), (4, "李主任", "错价"),
    ]  # fmt: skip
    assert all(dt.datetime.fromisoformat(line.issued_at).tzinfo for line in log)


# Notes


def test_signed_notes_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    assert notes.read(path) == ()
    path.write_text(
        "署名：王工\n日期: 2026-11-23\n\n确山县一家停产，\n下周恢复。\n\n另见台账。\n---\n"
        "signed: Li\nDATE: 2026-11-24\n\nDone.\n\n---\n",
        encoding="utf-8-sig",
    )
    assert notes.read(path) == (
        blocks.Note("王工", dt.date(2026, 11, 23), ("确山县一家停产， 下周恢复。", "另见台账。")),
        blocks.Note("Li", dt.date(2026, 11, 24), ("Done.",)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("日期: 2026-11-23\n\n文", "line 1: this note has no signed"),
        ("署名: 王工\n\n文", "line 1: this note has no date"),
        ("署名: 王工\n日期: 11月23日\n\n文", "'11月23日' is no date"),
        ("署名: 王工\n日期: 2026-11-23\n", "has no text"),
        ("署名: 王工\n日期: 2026-11-23\n\n文\n---\n文二", "line 6: this note has no signed"),
    ],
)
def test_a_note_nobody_signed_is_refused_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputRefusedError, match=words):
        notes.read(path)


def test_a_note_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_bytes("署名".encode("gb18030"))
    with pytest.raises(InputRefusedError, match="UTF-8"):
        notes.read(tmp_path / "notes.md")


# A week from draft to correction


def test_the_preliminary_issue_is_frozen_as_it_was_composed(city: Settings) -> None:
    week = newest_week(city)
    folder = city.reports / week / "issued" / "01-preliminary" / "internal"
    bundle.verify(folder)
    about = bundle.read(folder)
    assert about is not None
    assert about["issue"] == {
        "edition": "internal", "stage": "preliminary", "number": 1, "approved_by": "李主任", "reason": "",
    }  # fmt: skip
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "内部 · 初报 第 1 号（李主任 签发）" in page
    assert about["rules_sha256"] in page
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con:
        loads = con.execute("SELECT load_no, snapshot_sha256 FROM meta.load_account ORDER BY 1").fetchall()
    assert [(load["load_no"], load["snapshot_sha256"]) for load in about["inputs"]] == loads
    assert (folder / "report.pdf").exists()
    assert index_page.newest(city) == folder / "report.html"
    index = (city.reports / "index.html").read_text(encoding="utf-8")
    assert f'href="{week}/issued/01-preliminary/internal/report.pdf"' in index
    assert (city.reports / "latest").resolve() == (city.reports / week).resolve()
    assert (city.reports / "latest").is_symlink()


def test_a_late_quote_is_a_revision_with_its_reason(city: Settings, tmp_path: Path) -> None:
    home = dataclasses.replace(city, home=tmp_path / "home")
    shutil.copytree(city.home, home.home, symlinks=True)
    week = newest_week(home)
    frozen = content(home.reports / week / "issued")
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        rows = con.execute(
            "SELECT quoted_on, market, area_code, product_name, spec, unit, basis, tax, price_yuan, quote_source"
            " FROM staging.price_quote WHERE strftime(quoted_on, '%G-W%V') = ? AND basis = 'ex_works' AND unit = 't'"
            " AND area_code = '411725' AND product_id = 'natural_sand' ORDER BY ALL",
            [week],
        ).fetchall()
    assert rows
    inbox = home.inbox / "price_quote" / "default"
    with (inbox / "late.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["报价日期", "市场", "县区代码", "产品", "规格", "单位", "价格类型", "含税", "价格", "来源"])
        for day, market, area, product, spec, _, _, tax, price, source in rows:
            taxed = {"incl": "含税", "excl": "不含税"}[tax]
            out.writerow([day, market, area, product, spec, "元/吨", "出厂", taxed, float(price) * 1.2, source])
    files = [file for result in run.ingest_inbox(home) for file in result.files if "late" in file["path"]]
    assert [file["accepted"] for file in files] == [len(rows)]
    for step in (run.build, run.check, run.judge, run.publish):
        step(home)
    page = run.report(home, week).read_text(encoding="utf-8")
    assert f"与 {week} 初报第 1 号 相比" in page
    assert "此后收到：价格报价 1 份。" in page
    (home.reports / week / "notes.md").write_text(
        "署名: 王工\n日期: 2026-11-30\n\n确山报价更正。\n", encoding="utf-8"
    )
    folder = run.issue(home, week, "final", "李主任") / "internal"
    assert "确山报价更正。" in (folder / "report.html").read_text(encoding="utf-8")
    changes = list(csv.DictReader((folder / "changes.csv").open(encoding="utf-8-sig")))
    prices = [row for row in changes if row["figure"] == "price_yuan" and row["place"] == "确山县"]
    assert len(prices) == 1
    assert prices[0]["reason"] == "loaded"
    assert float(prices[0]["after"].replace(",", "")) == pytest.approx(
        float(prices[0]["before"].replace(",", "")) * 1.2, rel=0.01
    )
    assert not [row for row in changes if row["listing"] == "overload_history"]
    assert "终报，对照" in (folder / "notice.md").read_text(encoding="utf-8")
    now = content(home.reports / week / "issued")
    assert {name: now[name] for name in frozen if not name.endswith("log.jsonl")} == {
        name: text for name, text in frozen.items() if not name.endswith("log.jsonl")
    }


def test_the_same_edition_gives_the_same_bundle_anywhere(city: Settings, tmp_path: Path) -> None:
    week = newest_week(city)
    found = []
    for number, (zone, seed, mask) in enumerate([("UTC", "0", 0o022), ("America/New_York", "7", 0o027)]):
        home = tmp_path / str(number) / "home"
        shutil.copytree(city.home, home, symlinks=True, ignore=shutil.ignore_patterns("reports"))
        environment = {
            **os.environ, "SANDWATCH_HOME": str(home), "TZ": zone, "PYTHONHASHSEED": seed,
            "SOURCE_DATE_EPOCH": str(number * 10**9), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "pipelines", "report", "--week", week],
            check=True, capture_output=True, cwd=tmp_path, env=environment, umask=mask,
        )  # fmt: skip
        found.append(content(home / "reports" / week))
    assert json.loads(found[0]["manifest.json"])["files"]
    assert found[0] == found[1]


def test_the_rules_have_a_digest_of_their_own() -> None:
    assert len(made_from.rules_sha256()) == 64


def test_a_week_that_no_issue_came_before_says_so(small_city: Settings) -> None:
    with duckdb.connect(str(editions.current(small_city, "regulator")), read_only=True) as con:
        report = weekly.compose(con, None, "zh")
    section = next(section for section in report.sections if section.name == "revisions")
    assert [sentence.text for sentence in section.sentences] == ["本周及上周均无已签发的期次，没有可对照的数字。"]
    assert section.blocks == ()


def test_a_backup_carries_what_was_issued_and_written_but_no_draft(city: Settings, tmp_path: Path) -> None:
    week = newest_week(city)
    note = city.reports / week / notes.NAME
    note.write_text("署名: 王工\n日期: 2026-11-23\n\n停产检修。\n", encoding="utf-8")
    kept = backup.backup(city, tmp_path / "backup").folder
    note.unlink()
    carried = {
        path.relative_to(kept / "reports").parts[1] for path in (kept / "reports").rglob("*") if path.is_file()
    }
    assert carried == {"issued", notes.NAME}
    fresh = Settings(home=tmp_path / "fresh", actor="tester")
    backup.restore(fresh, kept)
    frozen = fresh.reports / week / "issued" / "01-preliminary"
    for edition in ("internal", "public"):
        bundle.verify(frozen / edition)
    assert [one.approved_by for one in issued.releases(fresh.reports / week)] == ["李主任"]
    assert notes.read(fresh.reports / week / notes.NAME)[0].signed_by == "王工"
