"""Unknown names: one question each, handed out as a workbook, answered by people, and told again by the snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it carries no types
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import models, run, warehouse
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import ingest, questions
from pipelines.feeds.similar_names import most_alike
from pipelines.naming import answers, question_book
from pipelines.settings import ROOT, Settings
from pipelines.trust.checks import mart_checks

REGISTER = ["站点,别名,企业名称,县区代码,主体类型,预期报送频率", "确山一号矿,确山矿,甲公司,411725,矿山,每日",
            "泌阳砂石场,,乙公司,411726,堆场,每日"]  # fmt: skip
HEADER = "磅单号,站点,车号,货名,类型,净重,毛重时间,车队"
QUOTES = ["报价日期,市场,县区代码,产品,单位,价格类型,价格", "2026-05-25,甲市场,411725,尾矿砂,元/吨,出厂,95"]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def send(home: Settings, feed: str, name: str, rows: list[str], source: str | None = None) -> dict[str, Any]:
    home.home.mkdir(exist_ok=True)
    path = home.home.parent / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    result = ingest.ingest(home, feed, [path], source)
    assert not result.refused, result.refused
    return result.files[0]


def tickets(*names: tuple[str, str, str]) -> list[str]:
    """A header and one ticket of ten tonnes for each (site, product, direction)."""
    return [HEADER] + [
        f"{n},{site},豫Q{n:05d},{product},{direction},10000,2026-05-{25 + n % 5} 08:00:00,一队"
        for n, (site, product, direction) in enumerate(names)
    ]


def build(home: Settings) -> None:
    with warehouse.writer(home) as con:
        models.build(con)


def rows(home: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.writer(home) as con:
        return con.execute(sql).fetchall()


def open_subjects(home: Settings) -> set[tuple[str, str]]:
    return set(rows(home, "SELECT kind, subject FROM meta.question"))


@pytest.fixture
def asked(home: Settings) -> Settings:
    """A warehouse with one question of each kind people are likely to meet."""
    send(home, "site_register", "sites.csv", REGISTER)
    names = [("确山1号矿", "机制砂", "销售"), ("确山1号矿", "尾矿砂", "销售"), ("外地场", "机制砂", "代销"),
             ("泌阳砂石场", "=1+1", "销售")]  # fmt: skip
    send(home, "weighbridge_ticket", "tickets.csv", tickets(*names))
    send(home, "price_quote", "quotes.csv", QUOTES)
    build(home)
    return home


def fill(home: Settings, given: dict[str, dict[str, Any]], name: str = "answered.xlsx", **everywhere: Any) -> Path:
    """Export the questions and fill in, by subject, cells of its row."""
    path = home.home.parent / name
    question_book.export(home, path)
    book = openpyxl.load_workbook(path)
    sheet = book["问题"]
    place = {cell.value: cell.column for cell in sheet[1]}
    seen = set()
    for row in range(2, sheet.max_row + 1):
        subject = str(sheet.cell(row, place["名称"]).value).removeprefix("'")
        cells = given.get(subject)
        if cells:
            seen.add(subject)
            for header, value in {**everywhere, **cells}.items():
                sheet.cell(row, place[header]).value = value
    assert seen == set(given)
    book.save(path)
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


class TestQuestions:
    def test_each_unknown_is_one_question_and_its_rows_stay_in(self, asked: Settings) -> None:
        found = rows(asked, "SELECT feed, kind, subject, row_count FROM meta.question ORDER BY ALL")
        assert found == [
            ("price_quote", "unknown_product", "尾矿砂", 1),
            ("weighbridge_ticket", "unknown_column", "车队", None),
            ("weighbridge_ticket", "unknown_direction", "代销", 1),
            ("weighbridge_ticket", "unknown_product", "=1+1", 1),
            ("weighbridge_ticket", "unknown_product", "尾矿砂", 1),
            ("weighbridge_ticket", "unknown_site", "外地场", 1),
            ("weighbridge_ticket", "unknown_site", "确山1号矿", 2),
        ]
        assert rows(asked, "SELECT count(*) FROM staging.weighbridge_ticket") == [(4,)]
        assert rows(asked, "SELECT count(*) FROM meta.question WHERE owner = ''") == [(0,)]

    def test_its_number_is_the_same_in_another_warehouse(self, asked: Settings, tmp_path: Path) -> None:
        numbers = dict(rows(asked, "SELECT feed || kind || subject, question_id FROM meta.question"))
        other = Settings(home=tmp_path / "other" / "home")
        other.home.mkdir(parents=True)
        send(other, "weighbridge_ticket", "t.csv", tickets(("外地场", "机制砂", "销售")))
        build(other)
        again = dict(rows(other, "SELECT feed || kind || subject, question_id FROM meta.question"))
        assert {key: numbers[key] for key in again if key in numbers} == {
            key: number for key, number in again.items() if key in numbers
        }
        assert len(set(numbers.values())) == len(numbers)
        one = "weighbridge_ticket", "unknown_site", "外地场"
        assert numbers["".join(one)] == questions.question_id(*one)

    def test_similar_names_are_offered(self, asked: Settings) -> None:
        similar = dict(rows(asked, "SELECT subject, similar_names FROM meta.question WHERE feed <> 'price_quote'"))
        assert next(iter(similar["确山1号矿"])) == "确山一号矿"
        assert similar["确山1号矿"]["确山一号矿"] == 0.8
        assert similar["=1+1"] == {}

    def test_similar_names_follow_the_register(self, asked: Settings) -> None:
        send(asked, "site_register", "more.csv", [REGISTER[0], "外地砂场,,丙公司,411725,堆场,每日"])
        build(asked)
        similar = dict(rows(asked, "SELECT subject, similar_names FROM meta.question WHERE kind = 'unknown_site'"))
        assert next(iter(similar["外地场"])) == "外地砂场"

    def test_columns_are_likened_to_the_words_of_the_contract(self, home: Settings) -> None:
        lines = tickets(("甲", "机制砂", "销售"))
        lines[0] = lines[0].replace("车队", "司磅员姓名")
        send(home, "weighbridge_ticket", "t.csv", lines)
        (found,) = rows(home, "SELECT similar_names FROM meta.question WHERE kind = 'unknown_column'")
        assert "毛重司磅员" in found[0]

    @hypothesis_settings(max_examples=60, deadline=None)
    @given(
        name=st.text(max_size=12), known=st.dictionaries(st.text(max_size=12), st.sampled_from("甲乙丙"), max_size=8)
    )
    def test_likeness_is_ordered_and_bounded(self, name: str, known: dict[str, str]) -> None:
        found = most_alike(name, known)
        scores = list(found.values())
        assert scores == sorted(scores, reverse=True)
        assert all(0.5 <= score <= 1 for score in scores)
        assert found.keys() <= set(known.values())
        if name in known and any(letter.isalnum() for letter in name):
            assert found[known[name]] == 1

    def test_a_column_that_a_profile_names_by_now_is_closed(
        self, asked: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import dataclasses

        from pipelines import contracts

        known = contracts.contracts()
        contract = known["weighbridge_ticket"]
        profile = dataclasses.replace(
            contract.sources["default"], ignored=("车队",), values={"direction": {"代销": "out"}}
        )
        taught = dataclasses.replace(contract, sources={**contract.sources, "default": profile})
        with monkeypatch.context() as patch:
            patch.setattr(contracts, "contracts", lambda: {**known, "weighbridge_ticket": taught})
            build(asked)
        assert not open_subjects(asked) & {("unknown_column", "车队"), ("unknown_direction", "代销")}
        assert ("unknown_site", "外地场") in open_subjects(asked)


class TestWorkbook:
    def test_one_row_a_question_with_choices_to_pick_from(self, asked: Settings, tmp_path: Path) -> None:
        done = question_book.export(asked, tmp_path / "q.xlsx", lambda feed: f"<{feed}>")
        assert (done.open_count, done.answered_count, done.left_out_count) == (7, 0, 0)
        book = openpyxl.load_workbook(done.path)
        sheet = book.worksheets[0]
        assert [item.title for item in book.worksheets] == ["问题", "说明", "选项"]
        assert book["选项"].sheet_state == "hidden"
        assert sheet.freeze_panes == "E2"
        head = [cell.value for cell in sheet[1]]
        table = [dict(zip(head, [cell.value for cell in row], strict=True)) for row in sheet.iter_rows(min_row=2)]
        first = table[0]
        assert first["名称"] == "确山1号矿"
        assert first["问题"] == "站点“确山1号矿”不在站点名录中，是名录里的哪个站点？"
        assert first["相近名称"].startswith("确山一号矿（80%）")
        assert (first["行数"], first["首见文件"], first["数据"]) == (2, "tickets.csv", "<weighbridge_ticket>")
        assert all(row["答案"] is None and row["状态"] == "待答" for row in table)
        assert {row["名称"] for row in table if row["kind"] == "unknown_product"} == {"'=1+1", "尾矿砂"}
        choices = {}
        for rule in sheet.data_validations.dataValidation:
            letters = rule.formula1.split("$")[1]
            offered = [cell.value for cell in book["选项"][letters] if cell.value is not None]
            for cell in (cell for block in rule.sqref.ranges for cell in block.rows):
                choices[sheet.cell(cell[0][0], head.index("名称") + 1).value] = offered
        assert choices["外地场"] == ["泌阳砂石场", "确山一号矿", "不登记"]
        assert choices["代销"] == ["销售", "采购", "内部", "留空"]
        assert choices["车队"][0] == "忽略"
        assert choices["尾矿砂"][-1] == "其他"
        assert len(choices) == 6  # two feeds ask about one product

    def test_nothing_is_overwritten(self, asked: Settings) -> None:
        first = question_book.export(asked).path
        assert question_book.export(asked).path != first
        with pytest.raises(WrongCallError, match="exists and may hold answers"):
            question_book.export(asked, first)


class TestAnswers:
    def test_a_site_that_is_answered_counts_where_it_belongs(self, asked: Settings) -> None:
        path = fill(asked, {"确山1号矿": {"答案": "确山一号矿"}}, 答复人="张三", 备注="改名前的叫法")
        done = answers.import_answers(asked, path)
        assert (done.taken, done.unchanged, done.refused, done.blank) == (1, 0, [], 6)
        build(asked)
        assert ("unknown_site", "确山1号矿") not in open_subjects(asked)
        assert (
            rows(asked, "SELECT site_id, county_code FROM staging.weighbridge_ticket WHERE ticket_no < '2'")
            == [("确山一号矿", "411725")] * 2
        )
        told = rows(asked, "SELECT answer, answered_by, note, takes_effect, answered_on IS NOT NULL"
                    " FROM staging.name_answer")  # fmt: skip
        assert told == [("确山一号矿", "张三", "改名前的叫法", True, True)]

    def test_a_product_answered_for_one_feed_is_known_to_all(self, asked: Settings) -> None:
        path = fill(asked, {"尾矿砂": {"答案": "机制砂"}})
        assert answers.import_answers(asked, path).taken == 2
        build(asked)
        assert rows(asked, "SELECT product_id FROM staging.price_quote") == [("manufactured_sand",)]
        assert rows(asked, "SELECT count(*) FROM staging.product_alias WHERE alias = '尾矿砂'") == [(1,)]
        assert rows(asked, "SELECT count(*) FROM staging.weighbridge_ticket") == [(4,)]
        assert not {subject for _, subject in open_subjects(asked)} & {"尾矿砂"}

    def test_two_answers_for_one_name_double_no_ticket(self, asked: Settings) -> None:
        path = asked.home.parent / "two.xlsx"
        question_book.export(asked, path)
        book = openpyxl.load_workbook(path)
        sheet = book["问题"]
        places = [row for row in range(2, sheet.max_row + 1) if sheet.cell(row, 4).value == "尾矿砂"]
        for row, answer in zip(places, ("碎石", "机制砂"), strict=True):
            sheet.cell(row, 6).value = answer
        book.save(path)
        assert answers.import_answers(asked, path).taken == 2
        build(asked)
        assert rows(asked, "SELECT count(*), count(DISTINCT ticket_id) FROM staging.weighbridge_ticket") == [(4, 4)]
        assert rows(asked, "SELECT product_id FROM staging.product_alias WHERE alias = '尾矿砂'") == [
            ("manufactured_sand",)
        ]

    def test_what_is_to_stay_as_it_is_is_not_asked_again(self, asked: Settings) -> None:
        keep = {
            "外地场": {"答案": "不登记"},
            "车队": {"答案": "忽略"},
            "=1+1": {"答案": "其他"},
            "代销": {"答案": "留空"},
        }
        assert answers.import_answers(asked, fill(asked, keep, 答复人="李四")).taken == 4
        build(asked)
        assert {subject for _, subject in open_subjects(asked)} == {"确山1号矿", "尾矿砂"}
        later = tickets(*[("外地场", "=1+1", "代销")] * 6)[:1] + tickets(*[("外地场", "=1+1", "代销")] * 6)[5:]
        send(asked, "weighbridge_ticket", "later.csv", later)
        build(asked)
        assert {subject for _, subject in open_subjects(asked)} == {"确山1号矿", "尾矿砂"}
        assert rows(asked, "SELECT count(*) FROM staging.weighbridge_ticket WHERE site_id = '外地场'") == [(3,)]

    def test_bad_answers_are_refused_one_by_one_and_the_others_taken(self, asked: Settings) -> None:
        given = {
            "确山1号矿": {"答案": "确山二号矿"},
            "外地场": {"答案": "泌阳砂石场", "名称": "别的场"},
            "车队": {"答案": "忽略", "编号": "Q000000000"},
            "代销": {"答案": "销售", "答复日期": "昨天"},
            "=1+1": {"答案": "石粉"},
        }
        done = answers.import_answers(asked, fill(asked, given))
        assert done.taken == 1
        assert len(done.refused) == 4
        told = "\n".join(done.refused)
        assert "答案“确山二号矿”不在选项中；新站点请补报站点名录" in told
        assert "名称应为“外地场”，表中为“别的场”" in told
        assert "没有编号为 'Q000000000' 的问题" in told
        assert "答复日期 '昨天' 不是日期" in told
        assert all(message.startswith("第 ") for message in done.refused)
        build(asked)
        assert rows(asked, "SELECT product_id FROM staging.weighbridge_ticket WHERE ticket_no = '3'") == [
            ("stone_dust",)
        ]

    def test_the_meaning_of_a_column_or_code_waits_for_a_profile_and_says_so(self, asked: Settings) -> None:
        done = answers.import_answers(asked, fill(asked, {"车队": {"答案": "备用"}, "代销": {"答案": "销售"}}))
        assert (done.taken, len(done.refused), len(done.to_do)) == (1, 1, 1)
        assert (
            'expectations/raw/weighbridge_ticket.yaml, sources, default: values: {direction: {"代销": out}}'
            in (done.to_do[0])
        )
        build(asked)
        assert ("unknown_direction", "代销") in open_subjects(asked)
        with warehouse.writer(asked) as con:
            states = {row["subject"]: row["state"] for row in question_book.questions(con)}
        assert (states["代销"], states["车队"]) == ("waiting", "open")

    def test_a_later_answer_replaces_an_earlier_one(self, asked: Settings) -> None:
        first = fill(asked, {"外地场": {"答案": "不登记"}}, "one.xlsx", 答复人="张三")
        answers.import_answers(asked, first)
        build(asked)
        second = fill(asked, {"外地场": {"答案": "泌阳砂石场"}}, "two.xlsx", 答复人="李四")
        done = answers.import_answers(asked, second)
        assert (done.taken, done.refused) == (1, [])
        build(asked)
        assert rows(asked, "SELECT answer, answered_by FROM staging.name_answer") == [("泌阳砂石场", "李四")]
        assert rows(asked, "SELECT county_code FROM staging.weighbridge_ticket WHERE site_name = '外地场'") == [
            ("411726",)
        ]
        assert rows(asked, "SELECT outcome, count(*) FROM raw.name_answer GROUP BY 1 ORDER BY 1") == [
            ("accepted", 1), ("superseded", 1),
        ]  # fmt: skip

    def test_the_same_workbook_twice_changes_nothing(self, asked: Settings) -> None:
        path = fill(asked, {"外地场": {"答案": "不登记"}}, 答复人="张三")
        answers.import_answers(asked, path)
        before = rows(asked, "FROM raw.name_answer")
        done = answers.import_answers(asked, path)
        assert (done.taken, done.unchanged, done.refused) == (0, 1, [])
        assert rows(asked, "FROM raw.name_answer") == before

    def test_the_answered_ones_come_along_in_the_next_workbook(self, asked: Settings) -> None:
        answers.import_answers(
            asked, fill(asked, {"外地场": {"答案": "不登记"}}, 答复人="张三", 答复日期="2026-06-01")
        )
        build(asked)
        done = question_book.export(asked)
        assert (done.open_count, done.answered_count) == (6, 1)
        sheet = openpyxl.load_workbook(done.path)["问题"]
        last = [cell.value for cell in sheet[sheet.max_row]]
        assert last[1] == "已答复"
        assert last[3] == "外地场"
        assert last[5:7] == ["不登记", "张三"]
        assert str(last[7]).startswith("2026-06-01")
        again = answers.import_answers(asked, done.path)
        assert (again.taken, again.unchanged) == (0, 1)

    def test_an_answer_whose_site_left_the_register_has_no_effect_and_the_question_is_back(
        self, asked: Settings
    ) -> None:
        answers.import_answers(asked, fill(asked, {"外地场": {"答案": "泌阳砂石场"}}))
        build(asked)
        with warehouse.writer(asked) as con:
            con.execute("UPDATE raw.site_register SET outcome = 'voided' WHERE site_name = '泌阳砂石场'")
            models.build(con, whole=True)
            assert con.execute("SELECT takes_effect FROM staging.name_answer").fetchall() == [(False,)]
        assert ("unknown_site", "外地场") in open_subjects(asked)

    def test_the_register_wins_over_an_answer(self, asked: Settings) -> None:
        answers.import_answers(asked, fill(asked, {"外地场": {"答案": "泌阳砂石场"}}))
        send(asked, "site_register", "more.csv", [REGISTER[0], "外地场,,丙公司,411725,堆场,每日"])
        build(asked)
        assert rows(asked, "SELECT site_id FROM staging.site_alias WHERE alias = '外地场'") == [("外地场",)]
        assert rows(asked, "SELECT count(*) FROM staging.weighbridge_ticket") == [(4,)]

    def test_reused_numbers_that_were_looked_at_are_asked_about_when_they_happen_again(self, home: Settings) -> None:
        def reuse(month: int) -> list[str]:
            head = "磅单号,站点,车号,净重,毛重时间"
            return [head, *[f"7,甲,豫Q0000{n},10000,2026-{month:02d}-{n + 1:02d} 08:00:00" for n in range(3)]]

        send(home, "weighbridge_ticket", "may.csv", reuse(5))
        build(home)
        assert ("number_reused", "ticket_no") in open_subjects(home)
        answers.import_answers(home, fill(home, {"ticket_no": {"答案": "已知悉"}}))
        build(home)
        assert ("number_reused", "ticket_no") not in open_subjects(home)
        send(home, "weighbridge_ticket", "june.csv", reuse(6))
        build(home)
        assert ("number_reused", "ticket_no") in open_subjects(home)

    def test_they_survive_a_warehouse_made_anew_from_the_snapshots(self, asked: Settings, tmp_path: Path) -> None:
        answers.import_answers(asked, fill(asked, {"确山1号矿": {"答案": "确山一号矿"}}, 答复人="张三"))
        build(asked)
        wanted = rows(asked, "FROM staging.name_answer"), rows(asked, "FROM staging.site_alias ORDER BY ALL")
        loads = rows(asked, "SELECT feed, snapshot_sha256 FROM meta.load_account ORDER BY load_no")
        new = Settings(home=tmp_path / "new")
        for feed, sha256 in loads:
            (path,) = (asked.snapshots / sha256[:2]).glob(f"{sha256}.*")
            assert not ingest.ingest(new, feed, [path]).refused
        build(new)
        assert (rows(new, "FROM staging.name_answer"), rows(new, "FROM staging.site_alias ORDER BY ALL")) == wanted
        (workbook,) = rows(asked, "SELECT DISTINCT workbook_sha256 FROM staging.name_answer")
        assert len(list((asked.snapshots / workbook[0][:2]).glob(f"{workbook[0]}.xlsx"))) == 1

    def test_the_checks_of_the_sums_hold(self, asked: Settings) -> None:
        answers.import_answers(asked, fill(asked, {"确山1号矿": {"答案": "确山一号矿"}}))
        build(asked)
        with warehouse.writer(asked) as con:
            failed = [check.name for check in mart_checks() if con.execute(check.sql).fetchall()]
        assert failed == []

    def test_another_file_is_refused_whole(self, asked: Settings, tmp_path: Path) -> None:
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(QUOTES) + "\n", encoding="utf-8")
        with pytest.raises(InputRefusedError, match="Send the workbook of `sandwatch names export`"):
            answers.import_answers(asked, path)


class TestVerbs:
    def test_a_stranger_answers_and_the_tickets_count_for_the_right_county(
        self, asked: Settings, tmp_path: Path
    ) -> None:
        run.judge(asked)
        before = rows(asked, "SELECT sum(dispatch_t) FROM mart.county_week WHERE county_code = '411725'")
        path = tmp_path / "to-answer.xlsx"
        out = call(asked, "names", "export", str(path))
        assert out.returncode == 0, out.stderr
        assert out.stdout.strip() == str(path)
        assert "7 open questions" in out.stderr
        book = openpyxl.load_workbook(path)
        sheet = book["问题"]
        head = [cell.value for cell in sheet[1]]
        for row in sheet.iter_rows(min_row=2):
            if row[head.index("名称")].value == "确山1号矿":
                row[head.index("答案")].value = "确山一号矿"
                row[head.index("答复人")].value = "王五"
        book.save(path)
        out = call(asked, "names", "import", str(path))
        assert (out.returncode, "1 answers taken" in out.stderr) == (0, True), out.stderr
        assert call(asked, "build").returncode == 0
        after = rows(asked, "SELECT sum(dispatch_t) FROM mart.county_week WHERE county_code = '411725'")
        assert (before, after) == ([(0,)], [(20,)])

    def test_a_workbook_without_one_good_answer_is_refused(self, asked: Settings) -> None:
        out = call(asked, "names", "import", str(fill(asked, {"外地场": {"答案": "无此站"}})))
        assert out.returncode == 1
        assert "无此站" in out.stderr


def call(home: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SANDWATCH_HOME": str(home.home)}
    return subprocess.run(  # noqa: S603  # our own verbs
        [sys.executable, "-m", "pipelines", *words], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
