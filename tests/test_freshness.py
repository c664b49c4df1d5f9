"""Silent and late sources: counted by the calendar, told once, and a list to call from."""

from __future__ import annotations

import csv
import datetime as dt
import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_alerts import Receiver
from typer.testing import CliRunner

from pipelines import catalog, contracts, models, warehouse, workdays
from pipelines.alerting import chase, freshness, freshness_message, silences, sources
from pipelines.alerting.silences import Silence
from pipelines.errors import WrongCallError
from pipelines.publishing import editions
from pipelines.report.words import messages
from pipelines.settings import Settings
from pipelines.verbs import chasing


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(f"2026-{text}")


def midnight(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-{text}T00:00:00+08:00")


def running(last: str, as_of: str, cadence: str, allowed: int = 3) -> Silence | None:
    runs = [*silences.found([day(last)], day(as_of), cadence=cadence, allowed=allowed, window_on=day("01-01"))]
    assert len(runs) <= 1
    return runs[0] if runs else None


@pytest.mark.parametrize(
    ("last", "as_of", "cadence", "missed"),
    [
        ("11-18", "11-21", "daily", None),  # three days are allowed
        ("11-18", "11-22", "daily", 4),
        ("11-13", "11-18", "workday", None),  # Friday to Wednesday: a weekend and three work days
        ("11-13", "11-19", "workday", 4),
        ("02-13", "02-23", "workday", None),  # 春节 2026: 02-15 to 02-23 is free, 02-14 is a work day
        ("02-13", "02-23", "daily", 10),
        ("02-13", "02-26", "workday", 4),
        ("09-30", "10-09", "workday", None),  # 国庆: two work days, 10-08 and 10-09
    ],
)
def test_silence_counts_expected_days_only(last, as_of, cadence, missed):
    run = running(last, as_of, cadence)
    assert (run.day_count if run else None) == missed


def test_a_silence_names_its_first_and_last_expected_day():
    assert running("11-13", "11-22", "workday") == Silence(day("11-16"), day("11-20"), 5)


def test_a_source_with_a_longer_rhythm_may_be_silent_longer():
    assert silences.allowed_days("daily", "daily", 3) == 3
    assert silences.allowed_days("weekly", "daily", 3) == 9
    assert silences.allowed_days("weekly", "weekly", 10) == 10


def test_weekly_quotes_may_skip_the_holidays():
    assert running("02-12", "03-01", "weekly", 10) is None  # 17 days, 9 of them holidays
    assert running("11-05", "11-22", "weekly", 10).day_count == 17


def test_a_gap_is_told_until_it_is_too_old():
    seen = [day("11-01"), day("11-06"), day("11-07"), day("11-09")]
    [gap] = silences.found(seen, day("11-09"), cadence="daily", allowed=3, window_on=day("11-01"))
    assert gap == Silence(day("11-02"), day("11-05"), 4)
    assert not [*silences.found(seen, day("11-09"), cadence="daily", allowed=3, window_on=day("11-06"))]


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(0, 6), st.sampled_from(["daily", "workday", "weekly"]))
def test_silences_are_the_long_runs_of_missing_days(offsets, allowed, cadence):
    first = day("09-20")
    seen = {first + dt.timedelta(days=offset) for offset in offsets}
    as_of = first + dt.timedelta(days=60)
    runs = [*silences.found(seen, as_of, cadence=cadence, allowed=allowed, window_on=first)]
    # The same by plain walking: days that count, cut at days with rows.
    expected, run = [], []
    start = min(seen)
    for offset in range((as_of - start).days + 2):
        today = start + dt.timedelta(days=offset)
        if today in seen or today > as_of:
            if len(run) > allowed:
                expected.append(Silence(run[0], run[-1], len(run)))
            run = []
        elif silences.is_expected(today, cadence):
            run.append(today)
    assert runs == expected


def test_a_year_without_calendar_is_monday_to_friday_and_flagged():
    saturday = workdays.of(dt.date(2031, 1, 4))
    assert (saturday.is_workday, saturday.is_known_year) == (False, False)
    assert workdays.of(dt.date(2031, 1, 1)).is_workday  # New Year is not announced


# A small world: staging filled by hand, the marts made by their files


class World:
    """Sites and days in a warehouse, with the two marts made from them."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        warehouse.configure(self.con)
        self.loads = 0
        for feed in contracts.contracts():
            self.load(feed, "default", "01-01")

    def load(self, feed: str, source: str, on: str) -> str:
        """A file loaded on a day; returns its SHA-256."""
        self.loads += 1
        sha = f"{self.loads:064d}"
        names = [row[0] for row in self.con.execute("DESCRIBE meta.load_account").fetchall()]
        values = dict.fromkeys(names, 0) | {
            "snapshot_sha256": sha, "feed": feed, "source": source, "file_name": "x.csv", "load_no": self.loads,
            "encoding": "utf-8", "delimiter": ",", "first_period_on": None, "last_period_on": None,
            "loaded_at": dt.datetime.fromisoformat(f"2026-{on}T08:00:00+08:00"),
        }  # fmt: skip
        self.con.execute(f"INSERT INTO meta.load_account VALUES ({', '.join('?' * len(names))})", [*values.values()])
        return sha

    def insert(self, table: str, **values: object) -> None:
        names = ", ".join(values)
        self.con.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", [*values.values()])

    def site(self, name: str, *, cadence: str | None = "daily", registered: str = "01-01", **other: object) -> None:
        self.insert(
            "staging.site", site_id=name, site_name=name, county_code="411726", county_name="泌阳县",
            expected_cadence=cadence, snapshot_sha256=self.load("site_register", "default", registered), **other,
        )  # fmt: skip

    def tickets(self, site: str, first: str, last: str, *, source: str = "cloud", lag_h: int | None = None) -> None:
        """One ticket at noon of every day, received `lag_h` hours later."""
        self.con.execute(
            "INSERT INTO staging.weighbridge_ticket"
            " (site_id, source, weighed_on, week_start, weighed_at, received_at)"
            " SELECT $site, $source, day::DATE, date_trunc('week', day)::DATE, day + INTERVAL 12 HOUR,"
            " day + INTERVAL 12 HOUR + to_hours($lag_h)"
            " FROM generate_series($first, $last, INTERVAL 1 DAY) AS days (day)",
            {"site": site, "source": source, "lag_h": lag_h, "first": midnight(first), "last": midnight(last)},
        )
        self.con.execute(
            "INSERT INTO reference.calendar (day_on) SELECT weighed_on FROM staging.weighbridge_ticket"
            " EXCEPT SELECT day_on FROM reference.calendar"
        )

    def quotes(self, on: str, source: str = "default") -> None:
        monday = day(on) - dt.timedelta(days=day(on).weekday())
        self.insert("staging.price_quote", quoted_on=day(on), week_start=monday, source=source)

    def standing(self, as_of: str, home: Settings | None = None) -> sources.Standing:
        self.make()
        return sources.standing(home or Settings(home=Path("nowhere")), day(as_of), self.con)

    def make(self) -> duckdb.DuckDBPyConnection:
        for table in ("mart.source_day", "mart.source_freshness"):
            models.make(self.con, catalog.models()[table])
        return self.con

    def check(self, home: Settings, as_of: str) -> freshness.FreshnessSummary:
        return freshness.check(home, day(as_of), self.make())


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse without a row, built through."""
    path = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as con:
        warehouse.configure(con)
        warehouse.prepare(con)
        models.build(con)
    return path


@pytest.fixture
def world(empty: Path, tmp_path: Path) -> Iterator[World]:
    """All feeds came once on 01-01; no site, no ticket."""
    with duckdb.connect(shutil.copy(empty, tmp_path / "world.duckdb")) as con:
        yield World(con)


@pytest.fixture
def city(world: World) -> World:
    """Three sites that send daily until 11-10, quotes on Thursdays until 11-12, registers and filings in October."""
    found = world
    for feed, contract in contracts.contracts().items():
        if contract.cadence == "irregular":
            found.load(feed, "default", "10-01" if contract.max_age_days > 60 else "11-01")
    for name, source in (("甲采石场", "cloud"), ("乙堆场", "weighsoft"), ("丙砂厂", "daybook")):
        found.site(name, contact_name="张三", contact_phone="0396-5550123", firm_name="虚构矿业")
        found.tickets(name, "10-01", "11-10", source=source)
    for on in ("10-15", "10-22", "10-29", "11-05", "11-12"):
        found.quotes(on)
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


def chased(standing: sources.Standing) -> dict[str, tuple[str, int]]:
    return {source.key: (source.state, source.missed_count) for source in standing.chased}


def test_fresh_sources_are_not_chased(city):
    standing = city.standing("11-13")  # three days are allowed
    assert chased(standing) == {}
    assert {source.state for source in standing.sources} <= {"fresh", "unasked"}
    assert len(standing.sources) >= 6


def test_a_silent_site_is_found_with_its_contact(city):
    for name in ("甲采石场", "丙砂厂"):
        city.tickets(name, "11-11", "11-15")
    [found] = city.standing("11-15").chased
    assert (found.source_id, found.state, found.missed_count, found.allowed_days) == ("乙堆场", "silent", 5, 3)
    assert (found.since_on, found.last_on) == (day("11-11"), day("11-10"))
    assert (found.contact_name, found.contact_phone, found.place) == ("张三", "0396-5550123", "泌阳县")
    assert found.who_fixes == contracts.contracts()["weighbridge_ticket"].who_fixes


def test_a_whole_feed_that_stops_is_one_entry(city):
    [found] = city.standing("11-14").chased
    assert (found.key, found.state, found.missed_count, found.source_count) == (
        "weighbridge_ticket//",
        "silent",
        4,
        3,
    )
    assert found.since_on == day("11-11")


def test_a_vendor_whose_sites_all_stop_is_one_entry(city):
    for name in ("丁", "戊", "己"):
        city.site(name)
        city.tickets(name, "10-01", "11-08", source="plus")
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-14")
    assert chased(city.standing("11-14")) == {"weighbridge_ticket//plus": ("silent", 6)}
    city.tickets("己", "11-09", "11-14", source="plus")
    assert set(chased(city.standing("11-14"))) == {"weighbridge_ticket/丁", "weighbridge_ticket/戊"}


def test_days_that_stay_missing_after_a_return_are_a_gap(city):
    city.tickets("乙堆场", "11-16", "11-17")
    for name in ("甲采石场", "丙砂厂"):
        city.tickets(name, "11-11", "11-17")
    standing = city.standing("11-17")
    assert chased(standing) == {"weighbridge_ticket/乙堆场": ("gap", 5)}
    assert standing.chased[0].silences == (Silence(day("11-11"), day("11-15"), 5),)
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-18", "12-14")
    for on in ("11-19", "11-26", "12-03", "12-10"):
        city.quotes(on)
    for feed in ("waybill", "stock_report", "key_project_demand"):
        city.load(feed, "default", "11-20")
    assert [s.source_id for s in city.standing("12-12").chased] == ["乙堆场"]
    assert chased(city.standing("12-13")) == {}  # 28 days after its last day


@pytest.mark.parametrize("cadence", ["none", None])
def test_who_owes_nothing_is_not_chased(city, cadence):
    city.site("停产矿山", cadence=cadence)
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-14")
    standing = city.standing("11-14")
    assert standing.chased == ()
    assert [s.state for s in standing.sources if s.source_id == "停产矿山"] == ["unasked"]


def test_a_registered_site_that_never_sent_owes_from_its_registration(city):
    city.site("新砂厂", registered="11-09")
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-13")
    assert chased(city.standing("11-12")) == {}
    [found] = city.standing("11-13").chased
    assert (found.source_id, found.state, found.missed_count, found.last_on) == ("新砂厂", "silent", 4, None)


def test_a_year_of_silence_ends_the_chase(city):
    standing = city.standing("12-31")
    assert [source.source_count for source in standing.chased if source.feed == "weighbridge_ticket"] == [3]
    later = sources.standing(Settings(home=Path("nowhere")), dt.date(2027, 11, 12), city.con)
    assert {s.state for s in later.sources if s.feed == "weighbridge_ticket"} == {"ended"}
    assert [s for s in later.chased if s.feed == "weighbridge_ticket"] == []
    assert later.unknown_years == (2027,) or workdays.of(dt.date(2027, 1, 1)).is_known_year


def test_a_site_whose_tickets_arrive_days_later_is_late(city):
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-14", lag_h=2 if name != "丙砂厂" else 120)
    [found] = city.standing("11-14").chased
    assert (found.source_id, found.state, found.lag_days) == ("丙砂厂", "late", 5.0)


def test_a_weekly_site_has_a_week_more_and_a_workday_site_its_holidays(city):
    city.site("周报堆场", cadence="weekly")
    city.site("工作日砂厂", cadence="workday")
    city.tickets("周报堆场", "11-05", "11-05")
    city.tickets("工作日砂厂", "10-29", "11-06")  # a Friday
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-15")
    assert chased(city.standing("11-11")) == {}
    assert chased(city.standing("11-14")) == {"weighbridge_ticket/工作日砂厂": ("silent", 5)}
    assert chased(city.standing("11-15"))["weighbridge_ticket/周报堆场"] == ("silent", 10)


def test_quotes_have_a_week_and_three_days(city):
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "11-23")
    assert chased(city.standing("11-22")) == {}
    assert chased(city.standing("11-23")) == {"price_quote/default": ("silent", 11)}


def test_a_register_not_sent_for_a_quarter_is_to_be_confirmed(city):
    for name in ("甲采石场", "乙堆场", "丙砂厂"):
        city.tickets(name, "11-11", "12-31")
    for week in range(7):
        city.quotes(str(day("11-19") + dt.timedelta(weeks=week))[5:])
    for feed in ("waybill", "stock_report", "key_project_demand"):
        city.load(feed, "default", "12-15")
    assert chased(city.standing("12-31")) == {}
    tomorrow = dt.date(2027, 1, 2)
    found = sources.standing(Settings(home=Path("nowhere")), tomorrow, city.con).chased
    quarterly = {feed for feed, contract in contracts.contracts().items() if contract.max_age_days == 92}
    assert {source.feed for source in found} == quarterly >= {"capacity_filing", "site_register"}


def test_a_feed_that_never_came_is_one_entry(city):
    city.con.execute("DELETE FROM staging.price_quote")
    assert chased(city.standing("11-13")) == {"price_quote/": ("silent", 316 - sum(
        workdays.of(day("01-01") + dt.timedelta(days=n)).is_public_holiday for n in range(1, 317)
    ))}  # fmt: skip


# The default day


def test_the_default_day_is_the_last_one_that_is_over(city, tmp_path):
    home = Settings(home=tmp_path)
    shanghai = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
    assert sources.standing(home, None, city.make()).as_of == shanghai - dt.timedelta(days=1)
    home.simulated_mark.write_text("invented")
    assert sources.standing(home, None, city.con).as_of == day("11-12")


def test_without_an_edition_it_says_what_to_do(tmp_path):
    with pytest.raises(WrongCallError, match="run `sandwatch run`"):
        freshness.check(Settings(home=tmp_path))


# Messages


def silent_site(city: World, last: str = "11-15") -> None:
    for name in ("甲采石场", "丙砂厂"):
        city.tickets(name, "11-11", last)


def test_one_message_says_who_since_when_and_what_to_do(city, tmp_path, receiver):
    silent_site(city)
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    summary = city.check(home, "11-15")
    assert (summary.silent, summary.sent, summary.pending) == (1, 2, 0)
    [message] = receiver.messages
    assert (message["title"], message["type"]) == (
        "【数据可信】停报1个来源，最久5天：泌阳县 乙堆场", "warning",
    )  # fmt: skip
    for words in (
        "截至 2026-11-15",
        "责任方 出具磅单的站点及其称重软件服务商",
        "■ 泌阳县 乙堆场（磅单，虚构矿业）　停报 5 天，允许 3 天",
        "缺 2026-11-11 至 2026-11-15（5天）；最后一天 2026-11-10",
        "联系 张三 0396-5550123",
        "请补报缺日的数据",
        "下一步 按催报清单联系",
    ):
        assert words in message["message"], words
    [file] = home.alerts.glob("data/*.txt")
    assert message["message"] in file.read_text("utf-8")


def test_the_same_in_english(city, tmp_path, receiver):
    silent_site(city)
    city.check(Settings(home=tmp_path, notify_urls=(receiver.url,), language="en"), "11-15")
    [message] = receiver.messages
    assert message["title"] == "【数据可信】1 source (1 silent), the longest 5 days: 泌阳县 乙堆场"
    assert "missing 2026-11-11 to 2026-11-15 (5 days); last day 2026-11-10" in message["message"]
    assert "contact: 张三 0396-5550123" in message["message"]


def test_the_same_state_is_told_once_and_again_after_a_week(city, tmp_path, receiver):
    silent_site(city, "11-30")
    for on in ("11-19", "11-26"):
        city.quotes(on)
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    told = []
    for as_of in range(13, 30):
        before = len(receiver.messages)
        summary = city.check(home, f"11-{as_of}")
        assert city.check(home, f"11-{as_of}").sent == 0  # the same day again
        told += [as_of] * (len(receiver.messages) - before)
        assert summary.sent == 2 * (len(receiver.messages) - before)
    assert told == [14, 21, 28]
    assert ["仍有" in message["title"] for message in receiver.messages] == [False, True, True]
    assert "最久18天" in receiver.messages[-1]["title"]


def test_a_new_one_and_a_recovery_are_told_and_the_end_too(city, tmp_path, receiver):
    silent_site(city)
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    city.check(home, "11-15")
    city.tickets("甲采石场", "11-16", "11-20")  # 丙砂厂 stops on 11-15
    city.quotes("11-19")
    city.check(home, "11-19")
    assert "停报2个来源" in receiver.messages[-1]["title"]
    assert "泌阳县 丙砂厂（磅单，虚构矿业）　停报 4 天，允许 3 天　新" in receiver.messages[-1]["message"]
    assert "乙堆场（磅单，虚构矿业）　停报 9 天，允许 3 天　新" not in receiver.messages[-1]["message"]
    city.tickets("乙堆场", "11-11", "11-20")
    city.check(home, "11-20")
    assert "停报1个来源" in receiver.messages[-1]["title"]
    assert "已恢复 泌阳县 乙堆场" in receiver.messages[-1]["message"]
    city.tickets("丙砂厂", "11-16", "11-20")
    city.check(home, "11-20")
    assert receiver.messages[-1]["title"] == "【数据可信】停报、缺日、迟报已全部解除"
    assert (receiver.messages[-1]["type"], len(receiver.messages)) == ("info", 4)
    assert city.check(home, "11-20").sent == 0
    assert city.check(home, "11-24").silent == 1  # all of them: the feed
    assert "磅单 全部3个站点" in receiver.messages[-1]["message"]
    assert len(receiver.messages) == 5


def test_each_who_fixes_hears_of_its_own_sources(city, tmp_path, receiver):
    for name in ("甲采石场", "丙砂厂"):
        city.tickets(name, "11-11", "11-25")
    city.check(Settings(home=tmp_path, notify_urls=(receiver.url,)), "11-25")
    assert sorted("价格采集点" in message["message"] for message in receiver.messages) == [False, True]
    assert all(("乙堆场" in m["message"]) != ("价格报价" in m["message"]) for m in receiver.messages)


@pytest.mark.parametrize("how", ["refuses", "is gone"])
def test_a_dead_receiver_is_told_later(city, tmp_path, receiver, how):
    silent_site(city)
    home = Settings(home=tmp_path, notify_urls=(receiver.url if how == "refuses" else "json://127.0.0.1:9/x",))
    receiver.status = 503
    summary = city.check(home, "11-15")
    assert (summary.sent, summary.pending, len(summary.dead_channels)) == (1, 1, 1)  # the file took it
    receiver.status = 200
    again = city.check(home, "11-15")
    assert (again.sent, again.pending) == ((1, 0) if how == "refuses" else (0, 1))


def test_a_message_stays_short_and_plain_whatever_the_register_says(world, tmp_path, receiver):
    found = world
    for number in range(30):
        name = f"=第{number:02d}站\n{'长' * 200}"
        found.site(name, contact_name="李四\n【系统故障】", contact_phone="豫Q12345")
        found.tickets(name, "10-01", "11-10" if number < 29 else "11-20", source="cloud")
    found.check(Settings(home=tmp_path, notify_urls=(receiver.url,)), "11-20")
    body = next(m["message"] for m in receiver.messages if "泌阳县" in m["message"])
    assert "其余 19 个来源见催报清单" in body
    assert len(body) < 3000
    assert "豫Q12345" not in body  # never a plate
    assert "\n【系统故障】" not in body


# The chase list


def sheet_rows(path: Path, name: str) -> list[dict]:
    sheet = openpyxl.load_workbook(path)[name]
    assert sheet.freeze_panes == "A4"
    rows = [*sheet.iter_rows(min_row=3, values_only=True)]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_the_chase_list_says_whom_to_call_about_which_days(city, tmp_path):
    city.tickets("甲采石场", "11-11", "11-25")
    city.tickets("丙砂厂", "11-16", "11-25")
    path = chase.write(city.standing("11-25"), tmp_path / "new" / "chase.xlsx")
    rows = sheet_rows(path, chase.TO_CALL)
    assert [(row["来源"], row["状态"], row["应报未报（天）"], row["缺哪些天"]) for row in rows] == [
        ("乙堆场", "停报", 15, "2026-11-11 至 2026-11-25（15天）"),
        ("价格报价", "停报", 13, "2026-11-13 至 2026-11-25（13天）"),
        ("丙砂厂", "缺日", 5, "2026-11-11 至 2026-11-15（5天）"),
    ]
    assert (rows[0]["联系人"], rows[0]["联系电话"], rows[0]["县区"]) == ("张三", "0396-5550123", "泌阳县")
    assert [rows[0][name].date() for name in ("最后一天", "起始日")] == [day("11-10"), day("11-11")]
    assert "请补报缺日" in rows[0]["请对方做什么"]
    everyone = sheet_rows(path, chase.ALL)
    assert {row["来源"]: row["状态"] for row in everyone if row["数据"] == "磅单"} == {
        "甲采石场": "正常", "乙堆场": "停报", "丙砂厂": "缺日",
    }  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert [file.name for file in path.parent.iterdir()] == ["chase.xlsx"]
    sheet = openpyxl.load_workbook(path)[chase.TO_CALL]
    assert sheet["A1"].value == "停报、缺日、迟报来源 3 个"
    assert "截至 2026-11-25" in sheet["A2"].value
    assert sheet["A4"].fill.fgColor.rgb == "FFF8CBAD"
    assert sheet.column_dimensions["D"].width > 20


def test_no_cell_of_the_chase_list_is_a_formula(world, tmp_path):
    found = world
    found.site("=1+1", contact_name="@SUM(A1)", contact_phone="+86 138", firm_name="-2")
    found.tickets("=1+1", "11-01", "11-05")
    path = chase.write(found.standing("11-20"), tmp_path / "chase.xlsx")
    row = next(row for row in sheet_rows(path, chase.TO_CALL) if row["数据"] == "磅单")
    assert (row["来源"], row["联系人"], row["联系电话"], row["企业"]) == ("'=1+1", "'@SUM(A1)", "'+86 138", "'-2")
    for sheet in openpyxl.load_workbook(path):
        assert not [cell.coordinate for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]


def test_an_empty_chase_list_says_so(city, tmp_path):
    path = chase.write(city.standing("11-12"), tmp_path / "chase.xlsx")
    assert openpyxl.load_workbook(path)[chase.TO_CALL]["A1"].value == "没有停报、缺日或迟报的来源"


def test_every_word_is_there_and_is_that_of_the_report():
    states = {"fresh", "ended", "unasked", *sources.CHASED}
    zh = messages("zh")
    for language in ("zh", "en"):
        words = freshness_message.words(language)
        assert set(words["state"]) == states
        assert set(words["ask"]) >= set(sources.CHASED)
        assert set(words["cadence"]) >= set(silences.RHYTHM_DAYS)
    assert freshness_message.words("zh")["feed"] == {
        feed: word for feed, word in zh["feed"].items() if feed in freshness_message.words("zh")["feed"]
    }


# A simulated city, loaded and published, against its truth


@pytest.fixture(scope="module")
def home(small_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = Settings(home=tmp_path_factory.mktemp("city") / "home", actor="tester")
    shutil.copytree(small_city.home, found.home, symlinks=True)
    found.simulated_mark.write_text("invented")
    return found


def outages(home: Settings) -> dict[str, dict[str, str]]:
    with (home.home / "truth" / "outages.csv").open(encoding="utf-8") as file:
        return {row["kind"]: row for row in csv.DictReader(file)}


def true_silences(home: Settings, as_of: dt.date) -> dict[str, list[tuple[dt.date, dt.date]]]:
    """Runs of more than three days without a ticket that reach into the last 28, of each site, by the truth."""
    import pyarrow.parquet as pq

    lines = pq.read_table(home.home / "truth" / "releases.parquet", columns=["site_name", "weighed_at", "outcome"])
    days: dict[str, set[dt.date]] = {}
    for line in lines.to_pylist():
        if line["outcome"] == "accepted":
            days.setdefault(line["site_name"], set()).add(line["weighed_at"].date())
    found = {}
    for site, seen in days.items():
        last = None
        for offset in range((as_of - min(seen)).days + 2):
            today = min(seen) + dt.timedelta(days=offset)
            if today in seen or today > as_of:
                if last and (today - last).days > 4 and (as_of - today).days < 27:
                    run_ = (last + dt.timedelta(days=1), today - dt.timedelta(days=1))
                    found.setdefault(site, []).append(run_)
                last = today
    return found


def test_what_is_chased_is_what_is_true(home):
    standing = sources.standing(home)
    assert standing.as_of == dt.date(2026, 11, 22)
    truth = true_silences(home, standing.as_of)
    registered = {source.source_id for source in standing.sources if source.feed == "weighbridge_ticket"}
    found = {s.source_id: [(run_.first_on, run_.last_on) for run_ in s.silences] for s in standing.chased}
    assert found == {site: runs for site, runs in truth.items() if site in registered}
    for row in outages(home).values():
        first, last = dt.date.fromisoformat(row["first_on"]), dt.date.fromisoformat(row["last_on"])
        assert any(begin <= first and end >= last for begin, end in found[row["site_name"]])


def test_in_the_middle_of_an_outage_the_site_is_silent(home):
    down = outages(home)["feed_down"]
    last = dt.date.fromisoformat(down["last_on"])
    found = {s.source_id: s for s in sources.standing(home, last).chased}
    assert found[down["site_name"]].state == "silent"
    assert found[down["site_name"]].missed_count >= 4
    summary = freshness.check(home, last)
    assert (summary.silent >= 1, summary.sent) == (True, 1)
    [file] = home.alerts.glob("data/freshness-*.txt")
    assert f"{down['site_name']}（磅单" in file.read_text("utf-8")
    assert freshness.check(home, last).sent == 0


def test_the_marts_calendar_says_what_ours_says(home):
    with duckdb.connect(str(editions.current(home, "regulator")), read_only=True) as con:
        days = con.execute("SELECT day_on, is_workday, is_public_holiday, is_known_year FROM reference.calendar")
        for today, *rest in days.fetchall():
            what = workdays.of(today)
            assert rest == [what.is_workday, what.is_public_holiday, what.is_known_year]


def test_the_verb_writes_the_list(home, monkeypatch, tmp_path):
    import typer

    app = typer.Typer()
    chasing.register(app)
    monkeypatch.setenv("SANDWATCH_HOME", str(home.home))
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "list.xlsx"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["as_of"] == "2026-11-22"
    assert {row["source"] for row in told["chased"]} >= {row["site_name"] for row in outages(home).values()}
    assert len(sheet_rows(tmp_path / "list.xlsx", chase.TO_CALL)) == len(told["chased"])
    first, again = (CliRunner().invoke(app, ["--tell"]) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "1 messages sent" in first.stderr
    assert "0 messages sent, 0 pending, 1 not due" in again.stderr
    assert (home.alerts / "chase" / "chase-2026-11-22.xlsx").exists()
    assert CliRunner().invoke(app, ["--as-of", "gestern"]).exit_code == 2


def test_no_contact_reaches_the_public_edition(home):
    with duckdb.connect(str(editions.current(home, "public")), read_only=True) as con:
        names = [row[0] for row in con.execute("SELECT column_name FROM duckdb_columns()").fetchall()]
    assert not [name for name in names if name.startswith("contact")]
