"""Who is told what and when: routes, quiet hours, holds, the outbox over calls, decisions of people, and the logs."""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import price_world as world
import pytest
from test_alerts import SPIKE, Receiver, edition, known, send, texts
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.alerting import (
    alert_log,
    alert_news,
    alerts,
    channels,
    delivery_log,
    json_lines,
    route_file,
    routing,
    triage,
)
from pipelines.alerting.outbox import SPACING_MINUTES, Outbox
from pipelines.errors import MachineError, WrongCallError
from pipelines.settings import Settings
from pipelines.upkeep import machine

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = world.MONDAY + dt.timedelta(days=17)  # a Thursday, the third quote of a series


def at(clock: str, day: dt.date = DAY) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), SHANGHAI)


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The spike as it was known after so many weeks: 3 at 黄, 5 and 6 at 橙, 8 over."""
    folder = tmp_path_factory.mktemp("editions")
    return {weeks: edition(folder, known(SPIKE, weeks)) for weeks in (3, 5, 8)}


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edition(tmp_path_factory.mktemp("red"), world.series([100, 100, 131]))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try a call: those within a call are shown by the tests of the channels."""
    monkeypatch.setattr(channels, "PATIENCE", channels.Patience(tries=1))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


def routed(tmp_path: Path, text: str, **addresses: str) -> Settings:
    path = tmp_path / "routes.yaml"
    path.write_text(text, encoding="utf-8")
    given = {f"SANDWATCH_ADDRESS_{name}": (url,) for name, url in addresses.items()}
    return Settings(home=tmp_path / "home", routes=path, addresses=given)


def route(least: str = "price: 黄", **parts: str) -> str:
    more = "".join(f"    {name}: {value}\n" for name, value in parts.items())
    return f"audiences:\n  duty:\n    addresses: [SANDWATCH_ADDRESS_DUTY]\n    least: {{{least}}}\n{more}"


def titles(receiver: Receiver) -> list[str]:
    return [message["title"].split("确山县 ")[-1] for message in receiver.messages]


def waiting(home: Settings) -> list[str]:
    return [each.why for channel_id, each in Outbox(home.alerts).waiting() if channel_id != "file"]


# Refractory


@pytest.fixture(scope="module")
def opened(editions: dict[int, Path]) -> dict:
    with duckdb.connect(str(editions[3]), read_only=True) as con:
        return world.rows(con, "SELECT * FROM mart.price_alert_event")[0]


def is_news(tmp_path: Path, told: dict, event: dict) -> bool:
    """Whether a new episode is told to a channel that heard of another one."""
    with alert_log.opened(tmp_path) as log:
        log.add("file", [told], message="m")
        news = alert_news.of(log, routing.unrouted(Settings(tmp_path))[0], [told, event], event["event_on"])
    assert [row["event_id"] for row in news.wanted] + news.stale == ["later"]
    return bool(news.wanted)


@pytest.mark.parametrize(
    ("first", "second", "days", "rung", "is_told"),
    [
        ("蓝", "蓝", 180, None, False),  # HDX: an equal alert within 180 days
        ("蓝", "蓝", 181, None, True),
        ("黄", "蓝", 180, "statutory", False),  # less than what was told
        ("蓝", "黄", 180, "statutory", True),  # louder
        ("黄", "黄", 1, "statutory", True),  # a second rise is news to who must act
        ("橙", "橙", 1, None, True),
        ("黄", "黄", 180, "alps", False),  # a statistical method alone
        ("黄", "黄", 180, "ifpa", False),
        ("黄", "黄", 180, "rolling_maximum", False),
        ("黄", "黄", 180, "significance", True),
        ("黄", "黄", 181, "alps", True),
        ("蓝", "黄", 180, "alps", True),
    ],
)
def test_an_equal_alert_within_half_a_year_waits_for_the_report(tmp_path, opened, first, second, days, rung, is_told):
    told = opened | {"level": first, "event": "closed", "event_id": "earlier"}
    on = opened["event_on"] + dt.timedelta(days=days)
    place = {"event_id": "later", "episode_id": "natural_sand/411725/up/later", "event_on": on, "opened_on": on}
    week = {"week_start": on - dt.timedelta(days=on.weekday()), "iso_week": on.strftime("%G-W%V")}
    assert is_news(tmp_path, told, opened | place | week | {"level": second, "rung": rung}) is is_told
    elsewhere = opened | place | week | {"level": second, "rung": rung, "area_code": "411726"}
    assert is_news(tmp_path, told, elsewhere)


def test_an_equal_alert_is_counted_as_suppressed(tmp_path):
    home = Settings(home=tmp_path)
    path = [100, 106, 100, 100, 106]
    told = [send(home, edition(tmp_path, world.series(path[:weeks]))) for weeks in (2, 4, 5)]
    assert [(each.sent, each.suppressed) for each in told] == [(1, 0), (1, 0), (0, 1)]


# The outbox


def test_a_channel_that_was_dead_for_weeks_hears_of_the_whole_episode_once(tmp_path, receiver, editions):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    receiver.status = 400
    for weeks in (3, 5):
        assert send(home, editions[weeks]).pending == 1
    assert len(waiting(home)) == 1  # the newest state took the place of the first
    receiver.status = 200
    summary = send(home, editions[8])
    assert titles(receiver) == ["预警结束：价格已回到基准附近"]
    assert "经过：黄 2026-01-22 → 橙 2026-02-05" in receiver.messages[0]["message"]
    assert "发送渠道中断" in receiver.messages[0]["message"]
    assert (summary.sent, waiting(home), send(home, editions[8]).sent) == (2, [], 0)
    results = [line["result"] for line in delivery_log.read(home.alerts) if line["channel_id"] != "file"]
    assert results == ["not_taken", "replaced", "not_taken", "replaced", "taken"]


def test_what_waits_lies_there_as_a_person_can_read_it_and_is_private_of_secrets(tmp_path, receiver, editions):
    secret = receiver.url.replace("json://", "json://user:geheim@")
    home = Settings(home=tmp_path, notify_urls=(secret,))
    receiver.status = 400
    send(home, editions[3])
    (path,) = (home.alerts / "outbox").glob("json-*/*.json")
    raw = json.loads(path.read_text("utf-8"))
    assert raw["letter"]["message"]["title"].startswith("【价格预警】天然砂 确山县 黄级")
    assert (raw["why"], raw["tried_count"]) == ("not_taken", 1)
    everything = "".join(each.read_text("utf-8") for each in home.alerts.rglob("*.json*"))
    assert "geheim" not in everything


def test_tries_over_calls_are_spaced_and_can_be_forced(tmp_path, receiver, editions):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    receiver.status, now = 400, at("09:00")
    send(home, editions[3], now)
    for minutes in SPACING_MINUTES[1:]:
        now += dt.timedelta(minutes=minutes)
        send(home, editions[3], now)
        assert send(home, editions[3], now).waiting == 1
    tries = [line for line in delivery_log.read(home.alerts) if line["result"] == "not_taken"]
    assert len(tries) == len(SPACING_MINUTES)
    receiver.status = 200
    assert send(home, editions[3], now, is_forced=True).sent == 1
    assert [line["try_no"] for line in delivery_log.read(home.alerts)][-1] == len(SPACING_MINUTES) + 1


def test_an_episode_that_corrected_data_took_away_before_anybody_heard_is_not_told(tmp_path):
    home = Settings(home=tmp_path, notify_urls=("json://127.0.0.1:9/hook",))
    send(home, edition(tmp_path, known([100, 100, 112], 3)))
    send(home, edition(tmp_path, known([100, 100, 101], 3)))
    assert waiting(home) == []
    assert [line["result"] for line in delivery_log.read(home.alerts)][-1] == "withdrawn"


class HalfDead(Receiver):
    """Takes what it is sent, and breaks the connection before it answers."""

    def __init__(self) -> None:
        super().__init__()
        taken, handler = self.messages, self.server.RequestHandlerClass

        def post(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        handler.do_POST = post


def test_a_half_dead_channel_may_be_told_twice_and_loses_nothing(tmp_path, editions):
    half_dead = HalfDead()
    try:
        home = Settings(home=tmp_path, notify_urls=(half_dead.url,))
        assert send(home, editions[3]).pending == 1
        assert send(home, editions[3]).pending == 1
        assert {message["title"] for message in half_dead.messages} == {half_dead.messages[0]["title"]}
        assert len(half_dead.messages) >= 2
        # It may know of an alert that holds no more: that is told it too.
        corrected = edition(tmp_path, known([100, 100, 101], 3))
        send(home, corrected, at("12:00", DAY + dt.timedelta(days=12)), is_forced=True)
        assert half_dead.messages[-1]["title"].endswith("数据更正后不再成立〔数据已过期2天〕")
    finally:
        half_dead.stop()


KILLED = """
import os, sys
from pathlib import Path
from pipelines.alerting import alert_log, alerts, outbox
from pipelines.settings import Settings
home, edition, url, owner, moment = sys.argv[1:]
setattr({"log": alert_log.SentLog, "outbox": outbox.Outbox}[owner], moment, lambda *_: os._exit(9))
alerts.send(Settings(home=Path(home), notify_urls=(url,)), Path(edition))
"""


@pytest.mark.parametrize(
    ("owner", "moment", "again"),
    [("log", "write", 2), ("outbox", "remove", 1)],  # delivered and not logged; logged and still in the outbox
)
def test_killed_around_the_log_line_nothing_is_lost(tmp_path, receiver, editions, owner, moment, again):
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(editions[3]), receiver.url, owner, moment]
    assert subprocess.run(command).returncode == 9  # noqa: S603
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    assert (len(texts(home)), len(list(Outbox(home.alerts).waiting()))) == (1, 1)
    assert send(home, editions[3]).sent == again  # a message is told again only where nobody wrote down that it was
    assert (len(texts(home)), len(receiver.messages), list(Outbox(home.alerts).waiting())) == (1, 1, [])


def test_a_dead_channel_is_waited_for_once_in_a_call(tmp_path):
    home = Settings(home=tmp_path, notify_urls=("json://127.0.0.1:9/hook",))
    quotes = world.series([100, 112]) + world.series([100, 112], product_id="pebble", product_name="卵石")
    summary = send(home, edition(tmp_path, quotes))
    assert (summary.pending, summary.waiting, len(waiting(home))) == (2, 1, 2)
    assert [line["result"] for line in delivery_log.read(home.alerts)].count("not_taken") == 1


def test_a_full_disk_sends_nothing_twice_and_loses_nothing(tmp_path, receiver, editions):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        with pytest.raises(MachineError, match="no room"):
            send(home, editions[3])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert receiver.messages == []
    assert send(home, editions[3]).sent == 2
    assert len(receiver.messages) == 1


def test_alarms_of_data_and_machine_wait_too(tmp_path, receiver, editions):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    receiver.status, now = 400, at("09:00")
    for _ in range(3):
        assert alerts.machine_alarm(home, "build 失败", "原因", now=now) is False
    assert alerts.data_alarm(home, "检查未通过", "甲", now=now) is False
    assert alerts.data_alarm(home, "会恢复", "甲", now=now) is False
    alerts.data_recovered(home, "会恢复", now=now)
    receiver.status = 200
    send(home, editions[3], now + dt.timedelta(hours=2))
    found = sorted(message["title"] for message in receiver.messages if "价格" not in message["title"])
    assert found == ["【数据可信】检查未通过", "【系统故障】build 失败"]
    body = next(message["message"] for message in receiver.messages if "build" in message["title"])
    assert body.endswith("（同一告警共 3 次，首次 2026-01-22 09:00）")
    assert alerts.data_alarm(home, "检查未通过", "甲")
    assert len(receiver.messages) == 3


# The logs


def test_the_score_that_was_sent_is_kept_for_ever(tmp_path, editions):
    home = Settings(home=tmp_path)
    send(home, editions[5])
    event = world.rows(duckdb.connect(str(editions[5]), read_only=True), "SELECT * FROM mart.price_alert_event")[-1]
    (kept,) = alert_log.sent(home.alerts)
    assert {name: kept[name] for name in event} == json_lines.plain(event)
    assert (kept["value"], kept["bound"], kept["rule"], kept["quote_count"]) == (0.22, 0.2, "month_20", 1)


def test_a_log_of_an_earlier_version_is_read(tmp_path, editions):
    home = Settings(home=tmp_path)
    send(home, editions[3])
    log = home.alerts / "sent.jsonl"
    entry = json.loads(log.read_text("utf-8"))
    names = ("event_id", "episode_id", "product_id", "product_name", "area_code", "area_name", "direction", "event",
             "level", "iso_week", "opened_on")  # fmt: skip
    entry["events"] = [{name: event[name] for name in names} for event in entry["events"]]
    log.write_text(json.dumps(entry, ensure_ascii=False) + "\n", "utf-8")
    assert send(home, editions[3]).sent == 0
    assert ["橙级（升级）" in title for title in send(home, editions[5]).titles] == [True]


def test_each_try_is_logged_with_the_delay_from_quote_to_message(tmp_path, receiver, editions):
    copy = tmp_path / "regulator.duckdb"
    copy.write_bytes(editions[3].read_bytes())
    with duckdb.connect(str(copy)) as con:
        con.execute("CREATE SCHEMA meta")
        con.execute(
            "CREATE TABLE meta.load_account AS SELECT 'price_quote' AS feed, 3 AS accepted_count,"
            " DATE '2026-01-22' AS first_period_on, DATE '2026-01-22' AS last_period_on,"
            " TIMESTAMPTZ '2026-01-22 16:00:00+08' AS loaded_at"
            " UNION ALL SELECT 'price_quote', 9, DATE '2026-01-05', DATE '2026-01-15',"
            " TIMESTAMPTZ '2026-01-22 16:30:00+08'"
        )
    receiver.status = 400
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    send(home, copy, at("16:02"))
    by_file, by_hook = delivery_log.read(home.alerts)
    assert (by_file["result"], by_file["delay_s"], by_file["level"]) == ("taken", 120, "黄")
    assert by_file["event_ids"] == ["natural_sand/411725/up/2026-W04#opened:黄@2026-W04"]
    assert (by_hook["result"], by_hook["try_no"]) == ("not_taken", 1)
    assert "400" in by_hook["error"]
    assert "127.0.0.1" not in by_hook["error"]


# Routes


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "no audiences"),
        (route("price: 紫"), 4, "'紫' is not allowed; allowed: 蓝, 黄, 橙, 红, none"),
        (route("prices: 黄"), 4, "'prices' is not known here; allowed: price, data, machine"),
        (route(langage="zh"), 5, "'langage' is not known here; allowed: addresses, least, products"),
        (route(quiet="{from: 25:00}"), 5, "'25:00' is no time of day; allowed: 00:00 to 23:59"),
        (route().replace("_DUTY", "_OTHER"), 3, "SANDWATCH_ADDRESS_OTHER is not set in the environment"),
        (route().replace("SANDWATCH_ADDRESS_DUTY", "'mailto://a:geheim@b'"), 3, "not given by the name"),
        ("audiences:\n  duty: [", 2, "this is no YAML"),
    ],
)
def test_a_wrong_file_of_routes_is_refused_with_its_line(tmp_path, text, line, words):
    with pytest.raises(WrongCallError) as refused:
        routing.recipients(routed(tmp_path, text, DUTY="json://localhost"))
    assert words in str(refused.value)
    assert f"line {line}" in str(refused.value) or not line
    assert "geheim" not in str(refused.value)


def test_who_needs_no_route_is_told_though_the_file_is_wrong(tmp_path, editions):
    home = routed(tmp_path, "audiences: 1", DUTY="json://localhost")
    with pytest.raises(WrongCallError, match="line 1"):
        send(home, editions[3])
    assert len(texts(home)) == 1
    assert alerts.machine_alarm(home, "a", "b")
    assert next(machine.channels(home, send=False)).state == "broken"


def test_an_audience_hears_from_its_level_on_with_all_that_went_before_and_once_below(tmp_path, receiver):
    home = routed(tmp_path, route("price: 橙"), DUTY=receiver.url)
    path = [100, 100, 112, 122, 122, 122, 122, 122, 122, 122]
    for weeks in (3, 5, 9, 10):
        send(home, edition(tmp_path, known(path, weeks)))
    assert titles(receiver)[0] == "橙级（升级）：较四周前 +22.0%"
    assert "经过：黄 2026-01-22 → 橙 2026-02-05" in receiver.messages[0]["message"]
    assert [title.split("：")[0] for title in titles(receiver)[1:]] == ["黄级（降级）"]
    assert len(texts(home)) > len(receiver.messages)


def test_an_audience_hears_of_its_places_and_kinds_alone(tmp_path, receiver, editions):
    other = Receiver()
    text = route("price: 蓝", counties="[泌阳县]") + (
        "  desk:\n    addresses: SANDWATCH_ADDRESS_DESK\n    least: {price: 蓝, data: all, machine: none}\n"
        "    products: [天然砂]\n    counties: ['411725']\n    language: en\n"
    )
    home = routed(tmp_path, text, DUTY=receiver.url, DESK=other.url)
    send(home, editions[3])
    alerts.data_alarm(home, "检查未通过", "甲", now=at("12:00"))
    alerts.machine_alarm(home, "a", "b", now=at("12:00"))
    other.stop()
    assert receiver.messages == []
    assert [message["title"] for message in other.messages] == [
        "【价格预警】natural sand, 确山县: yellow (new), against the week before +12.0%",
        "【数据可信】检查未通过",
    ]


def test_an_address_that_several_audiences_name_is_told_once_by_the_widest(tmp_path, receiver, editions):
    text = route("price: 红") + route("price: 黄").replace("audiences:\n", "").replace("duty", "desk")
    home = routed(tmp_path, text, DUTY=receiver.url)
    send(home, editions[3])
    assert len(receiver.messages) == 1
    everybody = Settings(home.home, notify_urls=(receiver.url,), routes=home.routes, addresses=home.addresses)
    assert [each.names for each in routing.recipients(everybody)] == [[], []]


@pytest.mark.parametrize(
    ("clock", "is_quiet"), [("21:59", False), ("22:00", True), ("00:00", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_end_when_they_end(clock, is_quiet):
    audience = route_file.Audience("duty", quiet=route_file.QUIET)
    assert audience.is_quiet_at(dt.time.fromisoformat(clock)) is is_quiet


def test_at_night_a_message_waits_and_goes_out_in_the_morning(tmp_path, receiver, editions):
    home = routed(tmp_path, route(), DUTY=receiver.url)
    night = at("23:00")
    summary = send(home, editions[3], night)
    assert (summary.sent, summary.waiting, waiting(home)) == (1, 1, ["quiet"])  # the text file is there at once
    assert send(home, editions[3], night + dt.timedelta(hours=7, minutes=59)).sent == 0
    assert send(home, editions[3], night + dt.timedelta(hours=8)).sent == 1
    assert "静默时段" in receiver.messages[0]["message"]


def test_red_and_machine_alarms_if_so_set_leave_at_night(tmp_path, receiver, red):
    home = routed(
        tmp_path, route("price: 黄, machine: all, data: all", quiet="{machine: through}"), DUTY=receiver.url
    )
    send(home, red, at("23:00"))
    alerts.machine_alarm(home, "a", "b", now=at("23:00"))
    alerts.data_alarm(home, "c", "d", now=at("23:00"))
    assert [message["title"][:6] for message in receiver.messages] == ["【价格预警】", "【系统故障】"]


# Never on stale data without saying so


def test_old_data_are_said_to_be_old_first_of_all_and_nothing_is_told_twice(tmp_path, editions):
    home = Settings(home=tmp_path)
    fresh = send(Settings(home=tmp_path / "fresh"), editions[3], at("12:00", DAY + dt.timedelta(days=10)))
    late = send(home, editions[3], at("12:00", DAY + dt.timedelta(days=11)))
    assert "过期" not in fresh.titles[0]
    assert late.titles[0].endswith("〔数据已过期1天〕")
    assert texts(home)[0].split("\n")[2].startswith("注意 价格数据逾期 1 天未更新")
    assert send(home, editions[3], at("12:00", DAY + dt.timedelta(days=40))).sent == 0


def test_a_simulated_home_knows_no_clock(tmp_path, editions):
    home = Settings(home=tmp_path)
    home.simulated_mark.write_text("simulated")
    assert "过期" not in send(home, editions[3], at("12:00", DAY + dt.timedelta(days=400))).titles[0]


# Decisions of people


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose verbs are called as from a shell."""
    monkeypatch.setenv("SANDWATCH_HOME", str(tmp_path))
    monkeypatch.setenv("SANDWATCH_NOTIFY_URLS", receiver.url)
    monkeypatch.setenv("SANDWATCH_ACTOR", "张三")
    monkeypatch.delenv("SANDWATCH_ROUTES", raising=False)
    (tmp_path / "editions").mkdir()
    return Settings(home=tmp_path, notify_urls=(receiver.url,))


def published(home: Settings, path: Path) -> Path:
    pointer = home.editions / "regulator.duckdb"
    pointer.unlink(missing_ok=True)
    pointer.symlink_to(path)
    return path


def call(*words: str) -> str:
    done = CliRunner().invoke(app, ["alerts", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_who_confirmed_an_episode_stands_in_its_later_messages(home, receiver, editions):
    send(home, published(home, editions[3]))
    assert "ack by 张三: 天然砂 确山县 黄" in call("ack", "天然砂 确山", "--note", "已派人核实")
    send(home, published(home, editions[5]))
    text = receiver.messages[-1]["message"]
    assert "张三" in text
    assert "已派人核实" in text
    entry = json.loads((home.alerts / "triage.jsonl").read_text("utf-8"))
    assert (entry["action"], entry["by"], entry["episode_id"]) == ("ack", "张三", "natural_sand/411725/up/2026-W04")
    assert "ack by 张三" in call("list")
    assert "taken" in call("show", "确山县天然砂")


def test_a_false_alarm_is_heard_of_again_only_above_its_level(home, receiver, editions, tmp_path):
    send(home, published(home, editions[3]))
    call("dismiss", "确山", "--reason", "报价单位写错")
    path = [100, 100, 112, 112, 112, 112, 112, 112, 112, 125, 150]
    for weeks in (9, 10):  # lowered to no level, and up again to where it was
        assert send(home, edition(tmp_path, known(path, weeks))).sent == 0
    send(home, edition(tmp_path, known(path, 11)))
    assert [title.split("：")[0] for title in titles(receiver)] == ["黄级（新预警）", "橙级（升级）"]


def test_a_false_alarm_that_corrected_data_move_or_take_away_stays_silent(home, receiver, tmp_path):
    send(home, published(home, edition(tmp_path, known([100, 100, 100, 112], 4))))
    call("dismiss", "确山", "--reason", "报价单位写错")
    assert send(home, edition(tmp_path, known([100, 100, 112, 112], 4))).sent == 0
    assert send(home, edition(tmp_path, known([100, 100, 100, 101], 4))).sent == 0
    assert len(receiver.messages) == 1


def test_an_episode_is_found_by_few_words_and_candidates_are_listed():
    paths = {"411725": [100, 112], "411726": [100, 112], "411721": [100, 125]}
    con = world.build([row for area, path in paths.items() for row in world.series(path, area=area)])
    found = world.rows(con, "SELECT * FROM mart.price_alert WHERE area_code <> '411700'")
    assert triage.find(found, "天然砂泌阳县")["area_code"] == "411726"
    assert triage.find(found, "natural_sand/411721")["area_code"] == "411721"
    assert triage.find(found, "西平 天然砂")["area_code"] == "411721"
    with pytest.raises(WrongCallError, match=r"means 3 episodes: .*411721.*411725.*411726"):
        triage.find(found, "天然砂")
    with pytest.raises(WrongCallError, match="no price episode"):
        triage.find(found, "石灰")


def test_what_is_held_waits_and_the_next_message_says_how_long(home, receiver, editions):
    published(home, editions[3])
    call("hold", "--reason", "核对报价系统")
    now = dt.datetime.now(SHANGHAI)
    summary = alerts.send(home, editions[3], now=now)
    assert (summary.sent, summary.waiting, receiver.messages, texts(home)) == (0, 2, [], [])
    assert alerts.machine_alarm(home, "a", "b", now=now) is False
    assert "all is held until `sandwatch alerts release`" in call("list")
    call("release")
    alerts.send(home, editions[3], now=now + dt.timedelta(hours=5))
    by_kind = {message["title"][1]: message["message"] for message in receiver.messages}
    assert "暂停发送 5 小时：核对报价系统" in by_kind["价"]
    assert set(by_kind) == {"价", "系"}
    with pytest.raises(WrongCallError, match="nothing is held"):
        call("release")


def test_red_is_held_only_when_that_is_said_and_a_hold_ends_by_itself(home, red):
    now = dt.datetime.now(SHANGHAI)
    later = now + dt.timedelta(hours=30)
    call("hold", "--reason", "演练", "--even-red", "--until", f"{later:%Y-%m-%d %H:%M}")
    assert alerts.send(home, red, now=now).sent == 0
    assert alerts.send(home, red, now=later).sent == 2
    call("hold", "--reason", "演练")
    assert alerts.send(Settings(home.home / "x"), red, now=now).sent == 1
    with pytest.raises(WrongCallError, match="is over"):
        call("hold", "--reason", "演练", "--until", "2020-01-01 00:00")


def test_without_even_red_red_leaves(home, receiver, red):
    call("hold", "--reason", "演练")
    assert alerts.send(home, red, now=dt.datetime.now(SHANGHAI)).sent == 2
    assert len(receiver.messages) == 1


def test_a_test_message_is_marked_and_the_answer_is_shown(home, receiver):
    (channel,) = [each for each in routing.recipients(home) if each.channel_id != "file"]
    assert f"{channel.channel_id}: taken" in call("test", channel.channel_id)
    assert receiver.messages[0]["title"].startswith("【测试】")
    receiver.status = 400
    with pytest.raises(MachineError, match="did not take"):
        call("test", channel.channel_id)
    with pytest.raises(WrongCallError, match="there are: file, json-"):
        call("test", "nobody")


def test_two_people_decide_at_once_and_both_are_kept(tmp_path):
    moment = at("12:00")
    threads = [
        threading.Thread(
            target=triage.Triage(tmp_path).add, args=("hold", f"p{number}", moment), kwargs={"reason": "x"}
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(triage.Triage(tmp_path).entries) == 8


def test_settings_name_the_routes_and_hide_the_addresses(monkeypatch, tmp_path):
    from pipelines import settings

    monkeypatch.setenv("SANDWATCH_ROUTES", str(tmp_path / "routes.yaml"))
    monkeypatch.setenv("SANDWATCH_ADDRESS_DUTY", "json://geheim one")
    loaded = settings.load()
    assert loaded.addresses["SANDWATCH_ADDRESS_DUTY"] == ("json://geheim", "one")
    assert "geheim" not in repr(loaded)
    assert os.environ["SANDWATCH_ROUTES"] == str(loaded.routes)
    with pytest.raises(WrongCallError, match="cannot be read"):
        routing.recipients(loaded)
