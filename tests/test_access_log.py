"""The access log: who, why, which plates; kept whole by month, asked by the data officer, pruned by rule only."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.testing
from hypothesis import given
from hypothesis import strategies as st
from test_query import ESCAPES, TABLES, build_warehouse

from pipelines import settings as settings_module
from pipelines.errors import MachineError, WrongCallError
from pipelines.publishing import access_files, access_keeping, access_log, access_query, editions, plates, query
from pipelines.publishing.access_query import Wanted
from pipelines.rules import policy
from pipelines.settings import ROOT, Settings
from pipelines.verbs import logging as log_verb


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, actor="officer")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A city on which some reads happened: two people, two ways in, one of them killed half way."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), actor="officer")
    with build_warehouse(settings) as con:
        editions.publish(con, settings, TABLES)
    query.run(settings, "FROM policy.verdict", purpose="案件 12", actor="张三", channel="serve")
    query.run(settings, "SELECT count(*) FROM policy.verdict WHERE plate LIKE '豫R%'", actor="李四")
    with pytest.raises(WrongCallError):
        query.run(settings, "DROP TABLE policy.verdict", purpose="test")
    query.run(settings, "FROM mart.week", edition="public")
    access_log.start(settings, edition="regulator", build=1, purpose="killed", sql="FROM overload.truck('豫Q00001')")
    return settings


def records(settings: Settings) -> list[dict[str, Any]]:
    return [line.record for line in access_files.lines(settings) if line.record]


def file_of(settings: Settings) -> Path:
    return access_files.folder(settings) / access_files.names(settings)[-1]


def write(settings: Settings, count: int, word: str = "x") -> None:
    for number in range(count):
        access_files.append(settings, {"event": "note", "word": f"{word}{number}"})


def at_month(monkeypatch: pytest.MonkeyPatch, month: str) -> None:
    monkeypatch.setattr(access_files, "now", lambda: f"{month}-15T08:00:00.000+08:00")


# --- plates


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT * FROM t WHERE plate = '豫Q12345'", ["豫Q12345"]),
        ("FROM overload.truck('豫q·１２３４５', '2026-01-01')", ["豫Q12345"]),
        (
            "SELECT * FROM t WHERE plate IN ('豫Q1234挂', '豫Q12345', '鲁A D12345')",
            ["豫Q1234挂", "豫Q12345", "鲁AD12345"],
        ),
        ("FROM t WHERE plate LIKE '豫Q12%' OR x = '豫_12345'", ["豫Q12%", "豫_12345"]),
        ("FROM t WHERE starts_with(plate, 'Q12') AND plate NOT LIKE '%45'", ["%45", "Q12"]),
        ("FROM t WHERE upper(plate) = 'ABC' AND plate SIMILAR TO '.*9'", [".*9", "ABC"]),
        ("FROM t WHERE plate IN ('1', '2') AND site IN ('3', '4')", ["1", "2"]),
        ("FROM t WHERE x = 'Q12345' AND y = $$豫Q54321$$", ["Q12345", "豫Q54321"]),
        ("-- '豫Q12345'\nSELECT \"豫Q12345\" FROM t WHERE week = '2026-W47' /* '豫Q1' */", []),
        ("SELECT 'breached', '2026-11-23', '河砂', 'it''s' FROM t", []),
        ("SELECT 'unclosed", []),
    ],
)
def test_plates_a_query_names_are_found(sql: str, named: list[str]) -> None:
    assert plates.asked(sql) == sorted(named)


@given(
    st.sampled_from("豫鲁京粤"),
    st.text("ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=1, max_size=1),
    st.text("0123456789", min_size=5, max_size=5),
    st.sampled_from(["", "·", " ", ".", "-", "•"]),
    st.booleans(),
)
def test_no_spelling_hides_a_plate(province: str, letter: str, digits: str, sign: str, is_wide: bool) -> None:
    plate = f"{province}{letter}{digits}"
    spelled = f"{province}{letter.lower()}{sign}{digits}"
    if is_wide:
        spelled = spelled.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert plates.asked(f"FROM t WHERE x = '{spelled}'") == [plate]
    assert plates.read(["x"], [(f"a {spelled}|", 1)]) == [plate]


def test_plates_of_a_result_are_found_wherever_they_stand() -> None:
    rows = [
        (1, None, "豫Q12345", ["豫Q00001", None], {"豫Q00002": [{"a": "x豫Q00003y"}]}),
        (2, "plain", "豫Q12345", [], {}),
    ]
    found = plates.read(["豫Q00004", "b"], rows)
    assert found == ["豫Q00001", "豫Q00002", "豫Q00003", "豫Q00004", "豫Q12345"]
    assert plates.read(["a"], [("河砂 2026", 12345)]) == []


def test_a_read_is_logged_with_person_way_and_plates(asked: Settings) -> None:
    first = next(record for record in records(asked) if record["event"] == "ended")
    assert (first["actor"], first["channel"], first["purpose"], first["is_purpose_missing"]) == (
        "张三", "serve", "案件 12", False,
    )  # fmt: skip
    assert (first["plates_asked"], first["plates_read"], first["plates_read_count"]) == ([], ["豫Q12345"], 1)
    assert (first["edition"], first["build"], first["row_count"]) == ("regulator", 1, 1)
    second = [record for record in records(asked) if record["event"] == "ended"][1]
    assert (second["actor"], second["plates_asked"], second["plates_read"]) == ("李四", ["豫R%"], [])
    assert second["is_purpose_missing"]
    public = [record for record in records(asked) if record.get("edition") == "public"]
    assert [record["is_purpose_missing"] for record in public] == [False, False]  # it needs none


def test_a_plate_in_an_error_is_a_plate_read(asked: Settings) -> None:
    with pytest.raises(WrongCallError, match="豫Q12345"):
        query.run(asked, "SELECT plate::INTEGER FROM policy.verdict", purpose="test")
    assert records(asked)[-1]["plates_read"] == ["豫Q12345"]


def test_a_long_list_is_cut_and_its_number_kept(home: Settings) -> None:
    many = [f"豫Q{number:05}" for number in range(access_log.LISTED_PLATES + 5)]
    sql = f"FROM t WHERE plate IN ({', '.join(map(repr, many))})"
    access_log.start(home, edition="regulator", build=1, purpose="p", sql=sql).end("ok", plates_read=many)
    last = records(home)[-1]
    for kind in ("asked", "read"):
        assert last[f"plates_{kind}_count"] == len(many)
        assert last[f"plates_{kind}"] == many[: access_log.LISTED_PLATES]
    found = access_query.ask(home, "SELECT is_plate_list_cut FROM access.query", Wanted(plate="豫Q99999"))
    assert found.rows == ((True,),)  # it may be among those that are not listed


# --- purpose


def test_a_required_purpose_is_required_of_every_way(asked: Settings) -> None:
    strict = Settings(home=asked.home, actor="officer", is_purpose_required=True)
    for ask in (
        lambda: query.run(strict, "FROM policy.verdict", purpose="  "),
        lambda: access_query.ask(strict),
        lambda: access_log.start(strict, edition="regulator", build=1, purpose="", sql="x", channel="evidence"),
    ):
        with pytest.raises(WrongCallError, match="--purpose"):
            ask()
        last = records(asked)[-1]
        assert (last["event"], last["outcome"], last["is_purpose_missing"]) == ("ended", "refused", True)
    assert query.run(strict, "SELECT 1", edition="public").rows == ((1,),)
    assert query.run(strict, "SELECT 1", purpose="案件 12").rows == ((1,),)


def test_the_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDWATCH_PURPOSE_REQUIRED", "1")
    assert settings_module.load().is_purpose_required
    monkeypatch.setenv("SANDWATCH_PURPOSE_REQUIRED", "yes")
    with pytest.raises(WrongCallError, match="takes 0 or 1"):
        settings_module.load()


# --- files


def test_one_file_a_month_for_few_eyes(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for month in ("2026-10", "2026-11", "2026-09", "2027-01"):  # in between the clock was set back
        at_month(monkeypatch, month)
        write(home, 2, month)
    assert access_files.names(home) == ["2026-10.jsonl", "2026-11.jsonl", "2027-01.jsonl"]
    words = [record["word"] for record in records(home)]
    assert words == [f"{month}{n}" for month in ("2026-10", "2026-11", "2026-09", "2027-01") for n in (0, 1)]
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o007 for path in home.logs.rglob("*")}
    assert modes == {0}
    assert access_keeping.verify(home).problems == []


def test_the_log_of_earlier_versions_is_taken_over_whole(home: Settings) -> None:
    home.logs.mkdir()
    old = home.logs / "access.jsonl"
    lines = b'{"at": "2026-03-01T08:00:00+08:00", "event": "started", "id": "a", "actor": "old", "sql": "x",'
    lines += b' "edition": "regulator", "purpose": ""}\n{"at": "2026-03-02T08'
    old.write_bytes(lines)
    write(home, 1)
    assert not old.exists()
    assert access_files.names(home)[0] == "2026-03.before.jsonl"
    kept = access_files.folder(home) / "2026-03.before.jsonl"
    assert kept.read_bytes() == lines
    assert access_keeping.verify(home).problems == []
    seen = access_query.ask(home, "SELECT person, outcome, is_purpose_missing FROM access.query")
    assert seen.rows == (("old", "unfinished", True),)
    kept.write_bytes(lines.replace(b"old", b"new"))
    assert any("2026-03.before.jsonl: was altered" in problem for problem in access_keeping.verify(home).problems)


def test_writers_of_many_processes_keep_one_chain(home: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.settings import Settings\n"
        "from pipelines.publishing import access_files\n"
        "for n in range(15): access_files.append(Settings(home=Path(sys.argv[1])), {'event': 'note', 'word': 'p'})\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(home.home)], cwd=ROOT) for _ in range(2)]  # noqa: S603
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: write(home, 10), range(4)))
    assert [other.wait() for other in others] == [0, 0]
    found = access_keeping.verify(home)
    assert (found.line_count, found.problems) == (70, [])


def test_a_reader_during_writing_sees_whole_lines(home: Settings) -> None:
    write(home, 1)
    is_over = threading.Event()
    torn: list[Any] = []

    def read() -> None:
        while not is_over.is_set():
            torn.extend(line for line in access_files.lines(home) if line.record is None)

    reader = threading.Thread(target=read)
    reader.start()
    write(home, 60, "长" * 500)
    is_over.set()
    reader.join()
    assert torn == []


def test_a_torn_line_swallows_nothing_and_is_told(home: Settings) -> None:
    write(home, 2)
    with file_of(home).open("ab") as file:
        file.write(b'{"at": "2026-')
    write(home, 2, "after")
    assert [record["word"] for record in records(home)] == ["x0", "x1", "after0", "after1"]
    (problem,) = access_keeping.verify(home).problems
    assert "line 3: cannot be read" in problem
    assert access_query.unreadable(home) == [f"{file_of(home).name} line 3"]


def _alter(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b"x2", b"y2"), *lines[3:]]


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (_alter, "line 4: does not follow"),
        (lambda lines: [*lines[:2], *lines[3:]], "line 3: does not follow"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3: does not follow"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "line 2: does not follow"),
        (lambda lines: [*lines[:2], b'{"event": "note"}', *lines[2:]], "line 3: bears no prev_sha256"),
        (lambda lines: [*lines[:2], b"[1]", *lines[2:]], "line 3: cannot be read"),
        (lambda lines: lines[1:], "line 1: the lines before it are missing"),
        (lambda lines: lines[:-1], "was noted as the head"),
    ],
)
def test_what_was_done_to_the_log_is_told(home: Settings, tamper: Any, told: str) -> None:
    write(home, 6)
    head = access_keeping.verify(home).head
    assert access_keeping.verify(home, head).problems == []
    lines = file_of(home).read_bytes().splitlines()
    file_of(home).write_bytes(b"\n".join(tamper(lines)) + b"\n")
    problems = access_keeping.verify(home, head).problems
    assert any(told in problem for problem in problems), problems


def test_a_month_that_is_gone_is_told(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for month in ("2026-10", "2026-11", "2026-12"):
        at_month(monkeypatch, month)
        write(home, 2)
    (access_files.folder(home) / "2026-11.jsonl").unlink()
    assert any("2026-12.jsonl line 1: does not follow" in one for one in access_keeping.verify(home).problems)


# --- keeping


def test_the_rule_keeps_as_long_as_both_duties() -> None:
    figures = {name: spec["value"] for rule, name, spec in policy.parameters() if rule == "access_log"}
    assert figures["kept_months"] >= max(figures["log_months"], figures["sharing_record_months"])
    assert (figures["log_months"], figures["sharing_record_months"]) == (6, 36)


def test_only_what_is_older_than_the_rule_goes(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for month in ("2023-09", "2023-10", "2023-11", "2026-11"):
        at_month(monkeypatch, month)
        write(home, 3, month)
    assert access_keeping.prune(home, dt.date(2026, 9, 30)).files == {}  # 2023-09 ended three years ago and no more
    assert access_keeping.prune(home, dt.date(2026, 10, 1)).files == {"2023-09.jsonl": 3}
    done = access_keeping.prune(home, dt.date(2026, 11, 1))
    assert (done.keep_from, done.files) == ("2023-11", {"2023-10.jsonl": 3})
    assert access_files.names(home) == ["2023-11.jsonl", "2026-11.jsonl"]
    told = [record for record in records(home) if record["event"] == "pruned"]
    assert [(record["file_names"], record["line_count"]) for record in told] == [
        (["2023-09.jsonl"], 3), (["2023-10.jsonl"], 3),
    ]  # fmt: skip
    assert access_keeping.verify(home).problems == []  # what the log itself let go is not missing


def test_a_line_within_the_rule_keeps_its_file(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    at_month(monkeypatch, "2023-09")
    write(home, 1)
    folder = access_files.folder(home)
    (folder / "2023-09.jsonl").rename(folder / "2020-01.jsonl")  # a name says less than the lines
    assert access_keeping.prune(home, dt.date(2026, 9, 1)).files == {}
    assert access_keeping.prune(home, dt.date(2026, 10, 1)).files == {"2020-01.jsonl": 1}


# --- asked by the data officer


def test_reads_are_one_row_each(asked: Settings) -> None:
    sql = "SELECT person, channel, outcome, row_count FROM access.query ORDER BY asked_at LIMIT 5"
    assert access_query.ask(asked, sql, purpose="review").rows == (
        ("张三", "serve", "ok", 1),
        ("李四", "sql", "ok", 1),
        ("officer", "sql", "refused", None),
        ("officer", "sql", "ok", 1000),
        ("officer", "sql", "unfinished", None),
    )


def test_reads_are_narrowed_by_day_person_and_plate(asked: Settings) -> None:
    def people(**wanted: Any) -> set[str]:
        rows = access_query.ask(asked, "SELECT person, channel FROM access.query", Wanted(**wanted)).rows
        return {person for person, channel in rows if channel != "log"}

    today = dt.date.fromisoformat(access_files.now()[:10])
    assert people(since=today, until=today) == {"张三", "李四", "officer"}
    assert people(since=today + dt.timedelta(days=1)) == set()
    assert people(until=today - dt.timedelta(days=1)) == set()
    assert people(person="李四") == {"李四"}
    assert people(plate="豫Q·12345") >= {"张三"}
    assert "李四" not in people(plate="豫Q12345")
    assert people(plate="豫R88888") == {"李四"}  # asked by a part of it
    with pytest.raises(WrongCallError, match="earlier one first"):
        access_query.ask(asked, wanted=Wanted(since=today, until=today - dt.timedelta(days=1)))


def test_reading_the_log_is_logged(asked: Settings) -> None:
    access_query.ask(asked, "SELECT plate FROM access.plate", Wanted(plate="豫Q12345"), purpose="audit", actor="王五")
    last = records(asked)[-1]
    assert (last["actor"], last["channel"], last["edition"], last["purpose"]) == (
        "王五",
        "log",
        "access_log",
        "audit",
    )
    assert (last["plates_asked"], last["plates_read"]) == (["豫Q12345"], ["豫Q12345"])


def test_the_log_is_asked_in_the_sandbox(asked: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = [line.raw for line in access_files.lines(asked)]
    ways = ("COPY", "ATTACH", "SET ", "read_text", "getenv")
    tried = [next(sql for sql in ESCAPES if way in sql) for way in ways]
    tried += ["DELETE FROM access.query", "FROM log.line"]
    for sql in tried:
        with pytest.raises(WrongCallError):
            access_query.ask(asked, sql.replace("mart.week", "access.query"))
    after = [line.raw for line in access_files.lines(asked)]
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2 * len(tried)
    assert not list(tmp_path.iterdir())


def test_lines_of_odd_types_do_not_stop_the_others(home: Settings) -> None:
    access_files.append(home, {"event": "started", "id": "a", "actor": 7, "sql": None, "plates_asked": "豫Q12345"})
    access_files.append(home, {"event": "started", "id": "b", "actor": "x", "build": "1", "plates_asked": [1]})
    rows = access_query.ask(home, "SELECT query_id, person FROM access.query ORDER BY 1").rows
    assert rows == (("a", None), ("b", "x"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_of_others_is_not_read(home: Settings) -> None:
    write(home, 1)
    file_of(home).chmod(0)
    with pytest.raises(MachineError, match="data officer"):
        list(access_files.lines(home))


# --- the verb


@pytest.fixture
def call(asked: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("SANDWATCH_HOME", str(asked.home))
    app = typer.Typer()
    log_verb.register(app)
    return lambda *words: typer.testing.CliRunner().invoke(app, list(words))


def test_the_verb_asks_verifies_and_prunes(call: Callable[..., Any]) -> None:
    shown = call("--person", "张三", "--format", "json")
    assert shown.exit_code == 0
    assert {row["person"] for row in json.loads(shown.stdout)} == {"张三"}
    counted = call("SELECT count(*) AS n FROM access.plate WHERE plate = '豫Q12345'", "--format", "csv")
    assert int(counted.stdout.split()[1]) >= 1
    proved = call("verify")
    assert (proved.exit_code, "0 problems" in proved.stderr) == (0, True)
    assert call("verify", "--head", "0" * 64).exit_code == 1
    assert "0 files deleted; kept are 36 months" in call("prune").stderr
