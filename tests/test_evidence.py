"""`sandwatch evidence` and `sandwatch contest`: the paper says every fact, proves what it says, and no more."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import evidence_home as small
import pypdf
import pytest
from typer.testing import CliRunner

from pipelines import catalog, run
from pipelines.__main__ import app
from pipelines.errors import WrongCallError
from pipelines.evidence import case as cases
from pipelines.evidence import contests, kept_file, limits, page, writing
from pipelines.evidence.words import Words, messages
from pipelines.publishing import editions
from pipelines.settings import Settings

DAY = dt.date(2026, 6, 1)
RULED = dt.date(2026, 6, 10)
CONTESTED = ("replaced", "voided", "later", "usable")


@dataclass
class World:
    """The home with what was written of it: texts by (ticket, build), and the records' ids by ticket."""

    home: Settings
    ids: dict[str, str] = field(default_factory=dict)
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    rebuilt: list[str] = field(default_factory=list)
    before: dict[str, cases.Case] = field(default_factory=dict)
    contested: dict[str, cases.Case] = field(default_factory=dict)

    def text(self, ticket: str, build: int = 1) -> str:
        return self.texts[ticket, build]


def text_of(path: Path) -> str:
    """All text of a PDF without blanks: a line of the page ends where there is no room, not where a word ends."""
    return re.sub(r"\s", "", "".join(found.extract_text() for found in pypdf.PdfReader(path).pages))


def flat(text: str) -> str:
    return re.sub(r"\s", "", text)


def rows(home: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = Settings(home=tmp_path_factory.mktemp("evidence") / "home", actor="tester")
    home.home.mkdir()
    found = World(home)
    small.first_publishing(home)
    found.ids = dict(rows(home, "SELECT ticket_no, ticket_id FROM staging.weighbridge_ticket"))
    records = [name for (name,) in rows(home, "SELECT ticket_no FROM mart.overload_record")]
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        for name in records:
            made = cases.read(con, 1, found.ids[name])
            assert made is not None
            found.before[name] = made
    for name in ("usable", "open", "exempt", "expired", "stranger", "light", "hostile"):
        done = writing.write(home, found.ids[name], purpose="案件 2026-17")
        found.texts[name, 1] = text_of(done.path)
    for name in CONTESTED:
        contests.contest(
            home, found.ids[name], by="张三", reason=f"磅单有误 {small.HOSTILE}", document_no="异〔2026〕3号", on=DAY
        )
    found.rebuilt = [*run.build(home), *run.judge(home)]
    contests.rule(home, found.ids["usable"], ruling="withdrawn", on=RULED)
    small.send(home, "weighbridge_ticket", "六月.csv", small.TICKETS, small.SECOND)
    later = ["豫Q10010", "2026-01-01", "汽车列车", "6", "1", "否", "否", "否", "庚运输公司"]
    small.send(home, "vehicle", "车辆二.csv", small.VEHICLES, [later])
    small.publish(home)
    for name in CONTESTED:
        found.texts[name, 2] = text_of(writing.write(home, found.ids[name]).path)
    with cases.opened(home, "look", "test") as (con, build, _):
        row = cases.contested(con, build, found.ids["usable"])
        assert row is not None
        found.contested["usable"] = row
    yield found
    home.editions.chmod(0o755)


def fresh(world: World, name: str) -> cases.Case:
    return copy.deepcopy(world.before[name])


def page_text(case: cases.Case, proof: kept_file.FileProof | None = None, language: str = "zh", **more: Any) -> str:
    made = page.page(
        case, proof or kept_file.FileProof("whole", "0" * 64, "x", {"车号": "x"}), Words(language), **more
    )
    return json.dumps(made, ensure_ascii=False)


def test_the_paper_of_a_breach_says_every_fact(world: World) -> None:
    text, record = world.text("usable"), world.before["usable"]["record"]
    sha = record["snapshot_sha256"]
    for fact in (
        record["record_id"], "甲矿", "甲矿业公司", "91411700MA00TEST03", "确山县", "2026-05-25 08:00:00",
        "2026-05-25 07:30:00",
        "豫Q10001", "机制砂", "60,000 kg", "15,000 kg", "45 t", "出场", "丙商砼", "驿城区", "司磅员甲",
        "49,000 kg（事实确定唯一限值）", "11,000 kg", "22.4%", "20-30%", "±60 kg", "10,940 kg", "5,500 元",
        "不是处罚决定",
        "2028-05-25", "磅单第 2 行", "汽车列车", "车辆.csv 第 2 行（2026-01-01 起）", "46,000 kg", "18,000 kg",
        "《超限运输车辆行驶公路管理规定》", "62号令 第三条", "S 级，转载文本、未见原文", "未见效力核查记录",
        "证A-1", "2026-01-10", "2027-01-09", "2026-02-01", "2026-02-02", "120,000 kg", "20 kg（取自衡器登记）",
        "衡器.csv 第 2 行",
        "五月.csv", sha, "第 4 批", "gb18030", "重新计算的 SHA-256 与入库时一致", "现行（本记录）", "案件 2026-17",
        "第 1 版监管数据，数据截至 2026-05-25", ",".join(small.FIRST[0]), "登记的经营者是“丁运输公司”",
    ):  # fmt: skip
        assert flat(fact) in text, fact
    assert "可以作为线索移送" in text
    assert "不能直接用于执法" not in text
    assert "None" not in text


@pytest.mark.parametrize("name", ["open", "exempt"])
def test_what_is_not_breached_is_no_accusation(world: World, name: str) -> None:
    text = world.text(name)
    for word in ("证据单", "参考金额", "超出限值", "超限率", "追究时限", "处罚", "结论超过限值", "扣除误差"):
        assert word not in text, word
    assert "不得据此认定任何人违法" in text
    assert "本单不能证明的事项·车辆" in text
    assert "不适用：本记录没有认定超限" in text
    if name == "open":
        assert "缺少“轴数”" in text
        assert flat("18,000 kg – 49,000 kg") in text
    else:
        assert "符合GB1589的汽车列车" in text


def test_reasons_against_enforcement_are_said_with_their_facts(world: World) -> None:
    for fact in (
        "毛重 49,520 kg 不是检定分度值 50 kg 的整数倍",
        "检定证书 证B-2 有效期至 2026-01-09，称重当日（2026-05-25）已过期",
        "没有衡器经法制和技术审核的记录",
        "没有衡器设置地点已公布的记录",
        "警告，0 元",
        "毛重不超过限值的 105%",
        "不因此合法",
    ):
        assert flat(fact) in world.text("expired"), fact
    stranger = world.text("stranger")
    for fact in ("磅单没有车牌", "站点不在名录内", "没有登记", "“百吨王”", "是哪一辆车", "适用的是哪一个限值"):
        assert fact in stranger, fact


def test_every_reason_a_record_can_bear_has_its_words() -> None:
    header = catalog.models()["mart.overload_record"].columns
    codes = set(re.findall(r"[a-z_]{4,}", header["unusable_reasons"].partition(";")[2]))
    assert len(codes) >= 12
    for language in ("zh", "en"):
        assert codes <= messages(language)["unusable"].keys()
        assert codes <= messages(language)["unusable_short"].keys()
        for column, group in (
            ("plate_doubt", "doubt"),
            ("exemption", "exemption"),
            ("exemption_doubt", "exemption_doubt"),
        ):
            named = set(re.findall(r"[a-z0-9_]+", header[column].partition("(")[2].partition(")")[0]))
            assert named
            assert named <= messages(language)[group].keys()


CHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("record", {"gross_kg": Decimal("61234.000")}, "61,234 kg"),
    ("record", {"over_kg": Decimal("12345.000")}, "12,345 kg"),
    ("record", {"over_beyond_error_kg": Decimal("1234.5")}, "1,234.5 kg"),
    ("record", {"max_error_kg": Decimal("80")}, "±80 kg"),
    ("record", {"error_basis": "assumed"}, "未登记，系统默认取较大值"),
    ("record", {"reference_amount_yuan": 29500}, "29,500 元"),
    ("record", {"plate": "豫Q99999"}, "豫Q99999"),
    ("record", {"plate_doubt": "cloned"}, "本单不指认该车牌的所有人"),
    ("record", {"plate_doubt": "impossible_trip"}, "同时出现在两处"),
    ("record", {"site_name": "另一矿"}, "站点“另一矿”于"),
    ("record", {"firm_name": None}, "名录没有写明经营单位"),
    ("record", {"is_registered_site": False}, "站点不在名录内"),
    ("record", {"is_direction_assumed": True}, "来源没有写方向"),
    ("record", {"is_above_scale_max": True}, "毛重高于最大称量"),
    ("record", {"carrier_name": None}, "磅单没有经核验的身份信息"),
    ("record", {"limit_basis": "highest_possible"}, "超出量只是下限"),
    ("record", {"limit_basis": "unlisted_layout"}, "所载轴型属实"),
    ("record", {"is_single_tyre": True}, "单轮胎（限值减 3,000 kg）"),
    ("record", {"is_single_tyre": None}, "未载明，按双轮胎计"),
    ("record", {"axle_count_source": "register"}, "取自车辆登记，不反映当日"),
    ("record", {"is_over_100t": True}, "百吨王"),
    ("record", {"is_enforcement_usable": False, "unusable_reasons": ["within_error"]}, "没有超过使用中允许误差"),
    ("record", {"is_enforcement_usable": False, "unusable_reasons": ["axle_sum"]}, "各轴重之和"),
    ("record", {"lapses_on": "2028-02-02"}, "2028-02-02"),
    ("record", {"weighed_at": "2026-05-26 01:02:03+08"}, "2026-05-26 01:02:03"),
    ("ticket", {"tare_kg": Decimal("14321")}, "14,321 kg"),
    ("ticket", {"correction_ids": ["tare-5"]}, "tare-5"),
    ("account", {"file_name": "别的.csv", "load_no": 17}, "别的.csv"),
    ("scale", {"valid_until": "2026-05-24"}, "检定证书已于 2026-05-24 到期"),
    ("scale", {"valid_until": "2026-05-25"}, "检定在有效期内"),
    ("scale", {"review_on": "2026-05-26"}, "2026-05-26（晚于称重当日）"),
    ("scale", {"location_published_on": None}, "没有记录"),
    ("vehicle", {"line": 77}, "第 77 行"),
]


@pytest.mark.parametrize(("part", "change", "said"), CHANGES, ids=lambda value: str(value)[:40])
def test_another_fact_is_another_page(world: World, part: str, change: dict[str, Any], said: str) -> None:
    case = fresh(world, "usable")
    assert change.keys() <= case[part].keys()
    before = page_text(case)
    case[part].update(change)
    after = page_text(case)
    assert said in after
    assert after != before
    assert page_text(case, language="en") != page_text(fresh(world, "usable"), language="en")


def test_what_no_register_says_is_not_known(world: World) -> None:
    for gone in ("scale", "vehicle", "site", "account", "ticket"):
        text = page_text({**fresh(world, "usable"), gone: None})
        assert "None" not in text, gone
    assert "没有可用的车辆登记" in page_text({**fresh(world, "usable"), "vehicle": None})
    assert "没有称重当日有效的检定证书记录" in page_text({**fresh(world, "usable"), "scale": None})


def test_a_document_that_ran_out_is_said_to_be_checked(world: World) -> None:
    case = fresh(world, "usable")
    assert "依据文件效力待核" not in page_text(case)
    order = next(row for row in case["documents"] if row["document_id"] == "order62")
    order["valid_until"] = "2026-05-24"
    text = page_text(case)
    assert "依据文件效力待核（登记有效期至 2026-05-24）" in text
    assert "文件效力须在引用前核实" in text
    order["valid_until"] = "2026-05-25"
    assert "依据文件效力待核" not in page_text(case)


def test_the_possible_limits_are_those_it_was_judged_by(world: World) -> None:
    for name, case in world.before.items():
        found = limits.possible(case)
        left = {row["limit_kg"] for row in found if row["is_possible"]}
        assert min(left) == case["record"]["limit_low_kg"], name
        assert max(left) == case["record"]["limit_high_kg"], name
    assert {row["limit_kg"] for row in limits.possible(world.before["single"]) if row["is_possible"]} == {46000}
    case = fresh(world, "usable")
    case["record"]["limit_high_kg"] = 48000
    assert limits.possible(case) == []


def test_heavier_weighings_of_the_visit_stand_beside_the_release(world: World) -> None:
    text = world.text("light")
    assert flat("heavy 2026-05-25 10:00:00 62,000 kg") in text
    assert flat("heavier 2026-05-25 10:10:00 61,000 kg") in text
    assert "已复磅，不计超限" in text
    assert "已复磅" not in world.text("usable")


def test_a_file_that_is_gone_or_altered_is_no_proof(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copytree(world.home.snapshots, tmp_path / "snapshots")
    monkeypatch.setattr(Settings, "snapshots", property(lambda _: tmp_path / "snapshots"))
    case = fresh(world, "usable")
    (kept,) = (tmp_path / "snapshots").glob(f"*/{case['record']['snapshot_sha256']}*")
    assert kept_file.prove(world.home, case).state == "whole"
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes().replace(b"60000", b"60001", 1))
    proof = kept_file.prove(world.home, case)
    assert (proof.state, proof.raw_text, proof.cells) == ("altered", None, {})
    text = page_text(case, proof)
    assert "快照已被改动" in text
    assert str(proof.hash_now) in text
    assert "文件原行" not in text
    kept.unlink()
    assert "快照不在，无法核对原件" in page_text(case, kept_file.prove(world.home, case))


def test_nothing_a_sender_writes_is_read_as_markup(world: World) -> None:
    shown = flat(small.HOSTILE.replace("\u202e", "‹U+202E›"))
    assert world.text("hostile").count(shown) >= 4  # product and receiver, above and as they were sent
    assert shown in world.text("usable", 2)  # the reason of a contest
    path = writing.write(world.home, world.ids["hostile"], purpose=small.HOSTILE).path
    assert "用途：" + shown in text_of(path)


def test_the_same_edition_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    paths = [tmp_path / "a.pdf", tmp_path / "b" / "c.pdf"]
    for path in paths:
        done = writing.write(world.home, world.ids["light"], out=path, language="en", purpose="p")
        assert done.path == path
        assert path.stat().st_mode & 0o777 == 0o640
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert b"CreationDate" not in first
    assert b"ModDate" not in first
    assert len(pypdf.PdfReader(paths[0]).pages) <= 2
    text = text_of(paths[0])
    for fact in ("Evidenceofanoverloadedrelease", "55,000kg", "6,000kg", "Whatisnotproved", "notastatedfact"):
        assert (fact in text) == (fact != "notastatedfact")
    own = writing.write(world.home, world.ids["light"]).path
    assert own == world.home.home / "evidence" / f"{world.ids['light']}.build-2.zh.pdf"


def test_each_paper_is_in_the_access_log(world: World) -> None:
    writing.write(world.home, world.ids["light"], purpose="案件 9")
    found = [json.loads(line) for path in sorted(world.home.logs.rglob("*.jsonl")) for line in path.open("rb")]
    ended = [row for row in found if row.get("event") == "ended"][-1]
    assert (ended["actor"], ended["purpose"], ended["sql"]) == ("tester", "案件 9", f"evidence {world.ids['light']}")
    assert ended["plates_read"] == ["豫Q10006"]


def test_an_unknown_record_is_told_what_it_is(world: World) -> None:
    for wanted, message in (
        ("豫Q10001", "is no record: its id is 12 hex digits"),
        ("0123456789ab-2; DROP", "is no record"),
        ("0123456789ab-2", "no record or ticket 0123456789ab-2 in build 2"),
        (world.ids["legal"], "within every possible limit"),
        (world.ids["heavy"], "re-weighed before leaving"),
        (world.ids["least"], "no longer in force .superseded since load .*; the version in force is"),
    ):
        with pytest.raises(WrongCallError, match=message):
            writing.write(world.home, wanted)
    with pytest.raises(WrongCallError, match=r"ends with \.pdf"):
        writing.write(world.home, world.ids["light"], out=Path("x.txt"))


def test_a_contest_marks_and_freezes_and_changes_no_record(world: World) -> None:
    assert {"staging.record_contest", "mart.contested_record"} <= set(world.rebuilt)
    records = ("mart.release", "mart.release_vehicle", "mart.overload", "mart.site", "mart.county", "policy.")
    assert not [name for name in world.rebuilt if name.startswith(records)]
    found = {
        row[0]: row[1:]
        for row in rows(
            world.home,
            "SELECT record_id, contest_id, is_open, ruling, ruled_on, is_withdrawn, contested_by, document_no,"
            " state_now, gone_reason, changed_columns, frozen_build, frozen_gross_kg, frozen_limit_kg,"
            " frozen_over_kg, frozen_line"
            " FROM mart.contested_record",
        )
    }
    for name, expected in {
        "replaced": (True, "open", None, False, "gone", "superseded", [], 60000),
        "voided": (True, "open", None, False, "gone", "voided", [], 60000),
        "usable": (False, "withdrawn", RULED, True, "same", None, [], 60000),
    }.items():
        row = found[world.ids[name]]
        assert (*row[1:5], *row[7:10], row[11]) == expected, name
        assert row[0] == f"{world.ids[name]}/1"
        assert (row[5], row[6], row[10]) == ("张三", "异〔2026〕3号", 1)
        assert row[14] == int(world.ids[name].rpartition("-")[2])
    changed = found[world.ids["later"]]
    assert changed[7] == "changed"
    assert {"limit_kg", "over_kg", "limit_basis", "drive_axle_count", "carrier_name"} <= set(changed[9])
    assert not {"gross_kg", "plate", "weighed_at", "snapshot_sha256"} & set(changed[9])
    assert (changed[12], changed[13]) == (49000, 11000)
    now = rows(
        world.home, f"SELECT limit_kg, over_kg FROM mart.overload_record WHERE record_id = '{world.ids['later']}'"
    )
    assert now == [(46000, 14000)]


def test_a_contested_paper_shows_the_frozen_version_and_what_changed(world: World) -> None:
    text = world.text("later", 2)
    for fact in (
        "异议人 张三", "异〔2026〕3号", "待处理", "第 1 版监管数据", "与冻结版本不同", "适用限值 49,000 kg 46,000 kg",
        "超出限值 11,000 kg 14,000 kg", "驱动轴数来源 未载明 车辆登记", "22.4% 30.4%",
        "有异议的事实", "高于适用限值 49,000 kg，超出 11,000 kg",
    ):  # fmt: skip
        assert flat(fact) in text, fact
    for name, why in (("replaced", "磅单已被来源的新版本替代"), ("voided", "来源已将磅单作废")):
        text = world.text(name, 2)
        assert why in text
        assert flat("第 2 版监管数据，数据截至") in text  # made of, and 1 it is frozen at
        assert flat("第 1 版监管数据（数据截至 2026-05-25）") in text
        assert flat("异议尚未处理，处理前不应用于执法") in text
        assert "可以作为线索移送" not in text
        assert "异议记录的冻结版本（与现状不同）" in text
        assert "证据单" not in text
        assert flat("六月.csv") in text  # the version that came since
        assert flat("磅单毛重 60,000 kg，高于适用限值 49,000 kg") in text
    withdrawn = world.text("usable", 2)
    assert flat("本记录已于 2026-06-10 经处理撤回，不得再作为依据") in withdrawn
    assert flat("撤回记录（2026-06-10）") in withdrawn
    assert "有异议的事实" not in withdrawn
    assert "已撤回的放行记录（仅供存查）" in withdrawn
    assert "可以作为线索移送" not in withdrawn
    now = fresh(world, "usable")
    now["record"]["verdict"] = "exempt"
    other = {
        **world.contested["usable"],
        "is_withdrawn": False,
        "state_now": "changed",
        "changed_columns": ["verdict"],
    }
    text = page_text(fresh(world, "usable"), contest=other, now=now)
    assert '["结论", "超过限值", "豁免"]' in text
    assert "证据单" not in text
    upheld = {**world.contested["usable"], "ruling": "upheld", "is_withdrawn": False}
    upheld["contests"] = [{**row, "ruling": "upheld"} for row in upheld["contests"]]
    text = page_text(fresh(world, "usable"), contest=upheld, now=fresh(world, "usable"))
    assert "证据单" in text
    assert "维持记录（2026-06-10）" in text
    assert "可以作为线索移送" in text
    assert "异议" not in world.text("usable", 1)


def test_a_frozen_record_of_an_earlier_version_can_still_be_shown(world: World) -> None:
    case = fresh(world, "usable")
    for part, name in (("record", "plate_doubt"), ("record", "is_over_100t"), ("ticket", "operator")):
        del case[part][name]
    old = json.loads(contests._as_text(case), parse_float=Decimal, object_hook=cases.Remembered)
    assert "甲矿业公司" in page_text(old)


def test_numbers_are_frozen_as_they_were_written() -> None:
    case = {"a": Decimal("0.224490"), "b": Decimal("60000.0"), "c": "“\0number 5”", "d": "1.50"}
    text = contests._as_text(case)
    assert text.isascii()
    assert '"a":0.224490,"b":60000.0' in text
    assert json.loads(text)["d"] == "1.50"


def test_a_contest_that_cannot_be_is_refused(world: World) -> None:
    home, usable = world.home, world.ids["usable"]
    day = DAY
    for call, message in (
        (lambda: contests.contest(home, "0123456789ab-2", by="甲", reason="r"), "no record or ticket"),
        (lambda: contests.contest(home, world.ids["legal"], by="甲", reason="r"), "no overload record"),
        (lambda: contests.contest(home, usable, by=" ", reason="r"), "who contests the record and why"),
        (lambda: contests.contest(home, usable, by="甲", reason="r", on=dt.date(2999, 1, 1)), "has not come yet"),
        (lambda: contests.contest(home, world.ids["later"], by="张三", reason="r"), "nobody has ruled on it"),
        (lambda: contests.contest(home, usable, by="甲", reason="r" * 5000), "at most 4,000"),
        (
            lambda: contests.rule(home, usable, ruling="upheld", on=day),
            "waits for a ruling .*withdrawn on 2026-06-10",
        ),
        (lambda: contests.rule(home, world.ids["light"], ruling="upheld", on=day), "never contested"),
        (lambda: contests.rule(home, world.ids["later"], ruling="denied", on=day), "takes upheld or withdrawn"),
        (
            lambda: contests.rule(home, world.ids["later"], ruling="upheld", on=day - dt.timedelta(days=1)),
            "is before",
        ),
    ):
        with pytest.raises(WrongCallError, match=message):
            call()


def test_both_languages_have_the_same_words() -> None:
    zh, en = messages("zh"), messages("en")
    assert zh.keys() == en.keys()
    for group in zh.keys() - {"column"}:
        assert zh[group].keys() == en[group].keys(), group
        for key, text in zh[group].items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", en[group][key])), key


def test_every_column_of_a_record_has_a_name_on_the_paper() -> None:
    assert catalog.models()["mart.overload_record"].columns.keys() <= messages("zh")["column"].keys()


def test_the_verbs_say_what_they_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDWATCH_HOME", str(world.home.home))
    runner = CliRunner()
    made = runner.invoke(app, ["evidence", world.ids["open"], "--language", "en", "--purpose", "p", "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["verdict"] == "undetermined"
    assert "accuses nobody" in made.stderr
    done = runner.invoke(
        app, ["contest", world.ids["light"], "--by", "李四", "--reason", "已卸载", "--on", "2026-06-02"]
    )
    assert done.exit_code == 0, done.output
    assert "frozen as of build 2" in done.stderr
    ruled = runner.invoke(app, ["contest", world.ids["light"], "--ruling", "upheld", "--on", "2026-06-03", "--json"])
    assert json.loads(ruled.stdout)["contest_ids"] == [f"{world.ids['light']}/1"]
    again = runner.invoke(app, ["contest", world.ids["light"], "--by", "李四", "--reason", "又称", "--json"])
    assert json.loads(again.stdout)["contest_ids"] == [f"{world.ids['light']}/2"]
    both = runner.invoke(app, ["contest", world.ids["light"], "--by", "李四", "--ruling", "upheld"])
    assert isinstance(both.exception, WrongCallError)
