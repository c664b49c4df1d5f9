"""Sites under many names: a renamed one is one, and no ton is counted twice."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipelines import models, warehouse
from pipelines.feeds import ingest
from pipelines.rules import judging
from pipelines.settings import Settings
from pipelines.trust.checks import mart_checks

REGISTER = "站点,别名,企业名称,县区代码,主体类型,年运量,年运量年份,专用线状态"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def send(home: Settings, folder: Path, feed: str, name: str, *rows: str) -> None:
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    os.utime(path, (time.time() - 60, time.time() - 60))
    result = ingest.ingest(home, feed, [path])
    assert not result.refused, result.refused


def tickets(*sites: str) -> list[str]:
    return ["磅单号,站点,类型,净重,毛重时间"] + [
        f"{n},{site},销售,10000,2026-05-{25 + n % 5} 08:00:00" for n, site in enumerate(sites)
    ]


def outcome(home: Settings) -> dict[str, object]:
    with warehouse.writer(home) as con:
        models.build(con)
        judging.judge(con)
        return {
            "sites": [name for (name,) in con.execute("SELECT site_id FROM staging.site ORDER BY 1").fetchall()],
            "by_site": dict(
                con.execute(
                    "SELECT site_id, sum(dispatch_t)::INTEGER FROM mart.site_week WHERE dispatch_t > 0 GROUP BY 1"
                ).fetchall()
            ),
            "city_t": con.execute(
                "SELECT sum(dispatch_t)::INTEGER FROM mart.county_week WHERE county_code = '411700'"
            ).fetchone(),
            "members": con.execute(
                "SELECT base::INTEGER FROM policy.verdict WHERE rule = 'rail_siding_access' AND subject_id = '411700'"
            ).fetchone(),
        }  # fmt: skip


def test_a_renamed_site_is_one_site_and_one_member(home: Settings, tmp_path: Path) -> None:
    send(home, tmp_path, "site_register", "r1.csv", REGISTER, "旧园区,旧名,甲公司,411725,物流园区,2000000,2025,无")
    send(home, tmp_path, "site_register", "r2.csv", REGISTER, "新园区,旧园区,甲公司,411725,物流园区,2000000,2025,无")
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("旧园区", "新园区", "旧名"))
    assert outcome(home) == {"sites": ["新园区"], "by_site": {"新园区": 30}, "city_t": (30,), "members": (1,)}


def test_a_name_of_its_own_beats_another_sites_claim(home: Settings, tmp_path: Path) -> None:
    rows = ["甲站,,甲公司,411725,堆场,,,无", "乙站,甲站,乙公司,411726,堆场,,,无"]
    send(home, tmp_path, "site_register", "r.csv", REGISTER, *rows)
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("甲站", "乙站"))
    assert outcome(home)["by_site"] == {"甲站": 10, "乙站": 10}


def test_an_alias_two_sites_claim_is_nobodys_and_counts_once(home: Settings, tmp_path: Path) -> None:
    rows = ["甲站,老站,甲公司,411725,堆场,,,无", "乙站,老站,乙公司,411726,堆场,,,无"]
    send(home, tmp_path, "site_register", "r.csv", REGISTER, *rows)
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("老站", "甲站"))
    found = outcome(home)
    assert found["by_site"] == {"甲站": 10, "老站": 10}
    assert found["city_t"] == (20,)


ANSWER = "question_id,feed,kind,subject,answer"


def test_an_answer_settles_a_name_two_sites_claim(home: Settings, tmp_path: Path) -> None:
    rows = ["甲站,老站,甲公司,411725,堆场,,,无", "乙站,老站,乙公司,411726,堆场,,,无"]
    send(home, tmp_path, "site_register", "r.csv", REGISTER, *rows)
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("老站", "甲站"))
    send(home, tmp_path, "name_answer", "a.csv", ANSWER, "Q1,weighbridge_ticket,unknown_site,老站,乙站")
    found = outcome(home)
    assert found["by_site"] == {"甲站": 10, "乙站": 10}
    assert found["city_t"] == (20,)


def test_an_answer_follows_a_site_to_its_new_name_and_moves_no_known_one(home: Settings, tmp_path: Path) -> None:
    send(home, tmp_path, "site_register", "r1.csv", REGISTER, "旧园区,,甲公司,411725,物流园区,2000000,2025,无")
    answers = [f"Q{n},weighbridge_ticket,unknown_site,{name},旧园区" for n, name in enumerate(("园区", "乙站"))]
    send(home, tmp_path, "name_answer", "a.csv", ANSWER, *answers)
    rows = ["新园区,旧园区,甲公司,411725,物流园区,2000000,2025,无", "乙站,,乙公司,411726,堆场,,,无"]
    send(home, tmp_path, "site_register", "r2.csv", REGISTER, *rows)
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("园区", "旧园区", "乙站"))
    assert outcome(home)["by_site"] == {"新园区": 20, "乙站": 10}


def test_one_ticket_dated_decades_away_moves_no_calendar_and_stops_nothing(home: Settings, tmp_path: Path) -> None:
    """Alone in its file, nothing there tells that its year is wrong; the tickets loaded before do."""
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets(*["甲站"] * 200))
    for name, year in (("future.csv", 2062), ("past.csv", 1991)):
        row = f"{year},甲站,销售,10000,{year}-05-25 08:00:00"
        send(home, tmp_path, "weighbridge_ticket", name, "磅单号,站点,类型,净重,毛重时间", row)
    assert outcome(home)["city_t"] == (2000,)
    with warehouse.writer(home) as con:
        assert con.execute(
            "SELECT min(day_on)::VARCHAR, max(day_on)::VARCHAR FROM reference.calendar"
        ).fetchone() == (
            "2006-05-29",
            "2026-05-31",
        )
        assert [check.name for check in mart_checks() if con.execute(check.sql).fetchall()] == []


def test_one_quote_dated_decades_ahead_is_asked_about_and_ages_nothing(home: Settings, tmp_path: Path) -> None:
    header = "报价日期,市场,县区代码,产品,单位,价格类型,含税,价格"
    quotes = [f"2026-05-{1 + n % 28:02d},{n}号,411725,机制砂,元/吨,出厂,是,{95 + n % 3}" for n in range(200)]
    send(home, tmp_path, "price_quote", "q.csv", header, *quotes)
    send(home, tmp_path, "price_quote", "f.csv", header, "2062-05-01,9号,411725,机制砂,元/吨,出厂,是,95")
    outcome(home)
    with warehouse.writer(home) as con:
        assert con.execute("SELECT count(*), max(quoted_on)::VARCHAR FROM staging.price_quote").fetchone() == (
            200,
            "2026-05-28",
        )
        asked = con.execute("SELECT subject, row_count FROM meta.question WHERE kind = 'date_far_off'").fetchall()
    assert asked == [("2062-05-01", 1)]


def test_a_site_of_the_city_itself_counts_once(home: Settings, tmp_path: Path) -> None:
    send(home, tmp_path, "site_register", "r.csv", REGISTER, "市属港,,甲公司,411700,堆场,,,无")
    send(home, tmp_path, "weighbridge_ticket", "t.csv", *tickets("市属港"))
    assert outcome(home)["city_t"] == (10,)
