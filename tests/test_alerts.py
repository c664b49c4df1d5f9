"""Messages by moment and wording, and delivery: each once, none lost, to a real receiver."""

from __future__ import annotations

import datetime as dt
import json
import re
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import price_world as world
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.alerting import alert_log, alert_message, alerts, channels, published_prices
from pipelines.errors import WrongCallError
from pipelines.rules import levels
from pipelines.settings import Settings

DAY = dt.timedelta(days=1)
SPIKE = [100, 100, 112, 122, 122, 122, 100, 100]


class Receiver:
    """A local web server that keeps what it is sent and can be told to refuse."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


def edition(tmp_path: Path, quotes: list[dict]) -> Path:
    path = tmp_path / f"regulator-{len(list(tmp_path.glob('regulator-*.duckdb')))}.duckdb"
    world.build(quotes, path).close()
    return path


def send(home: Settings, prices, now: dt.datetime | None = None, **other) -> alerts.Summary:
    """Send at noon of the day after the newest price, whenever the test runs."""
    through = published_prices.read(prices).data_through
    day = through + DAY if through > dt.date.min else world.MONDAY
    noon = dt.datetime.combine(day, dt.time(12), ZoneInfo("Asia/Shanghai"))
    return alerts.send(home, prices, now=now or noon, **other)


def texts(home: Settings) -> list[str]:
    found = sorted(home.alerts.glob("????-W??/*.txt"))
    return [path.read_text("utf-8") for path in found]


def known(path: list[float], weeks: int, **other) -> list[dict]:
    return world.series(path[:weeks], **other)


# By moment


@pytest.mark.parametrize(
    ("weeks", "words"),
    [
        (2, None),
        (3, "【价格预警】天然砂 确山县 黄级（新预警）：较上周 +12.0%"),
        (4, "【价格预警】天然砂 确山县 黄级（新预警）：较上周 +12.0%"),  # no transition: still that of week 3
        (5, "【价格预警】天然砂 确山县 橙级（升级）：较四周前 +22.0%"),
        (8, None),  # over before anybody heard of it
    ],
)
def test_which_words_at_which_week(tmp_path, weeks, words):
    home = Settings(home=tmp_path)
    summary = send(home, edition(tmp_path, known(SPIKE, weeks)))
    assert summary.titles == ([words] if words else [])


def test_a_city_run_week_by_week_tells_each_transition_once(tmp_path):
    home = Settings(home=tmp_path)
    told = []
    for weeks in range(1, len(SPIKE) + 1):
        told += send(home, edition(tmp_path, known(SPIKE, weeks))).titles
    assert [title.split("确山县 ")[1] for title in told] == [
        "黄级（新预警）：较上周 +12.0%",
        "橙级（升级）：较四周前 +22.0%",
        "预警结束：价格已回到基准附近",
    ]


# By wording


def test_a_message_says_all_that_the_person_on_call_needs(tmp_path):
    home = Settings(home=tmp_path)
    quotes = known(SPIKE, 5) + known([100, 100, 100, 100, 100], 5, area="411721", market="乙")
    send(home, edition(tmp_path, quotes))
    text = texts(home)[0]
    for words in (
        "2026-W06（02-02 至 02-08）",
        "■ 确山县　黄 → 橙（升级）",
        "较四周前 +22.0%，界限 ≥ 20%（参照浙江2004年：一个月内涨幅超过20%（二手来源）；含界为系统默认）",
        "价格 122.00 元/吨（出厂价、含税）；基准 100.00（2026-01-15），指数比基准 +22.0%",
        "首次预警 2026-01-22，第3周；经过：黄 2026-01-22 → 橙 2026-02-05",
        "报价1条、采价点1个（样本不足：少于3个，先核实再引用）；报价截至 2026-02-05",
        "同市其他1个县区中位价 100.00，本地比中位价 +22.0%",
        "供应未知：涨幅较大，供应紧张这一条无法判断，列为关注",
        "仍在预警的地区1处：确山县（橙）",
        "依据 驻政办〔2020〕57号 六(三)",
        "市发展和改革委员会、统计局、工业和信息化局、自然资源和规划局、水利局、住房和城乡建设局等",
        "六(四)：供应紧张、价格涨幅较大的地方制定应急保供方案",
        "由谁 各县区人民政府",
        "依据文件效力待核",
        "下一步 会商研判",
        "价格数据截至 2026-02-05",
    ):
        assert words in text, words
    assert "牵头" not in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "供应数据显示 甲站：停业；乙站：停业；丙站：停业\n"),
        ("en", "supply data show: site closed: 甲站, 1,000 t; site"),
    ],
)
def test_a_message_says_what_the_supply_data_of_the_place_show(tmp_path, language, words):
    path = tmp_path / "regulator-0.duckdb"
    con = world.build(known(SPIKE, 5), path)
    con.execute(
        """CREATE OR REPLACE TABLE mart.supply_driver_week AS
        SELECT county_code, week_start, 'site_closed' AS kind, name AS subject, name AS subject_name,
            rank AS driver_rank, 1000 AS value_t, name || '：停业' AS text_zh
        FROM (VALUES ('甲站', 1), ('乙站', 2), ('丙站', 3), ('丁站', 4)) AS site (name, rank),
            (VALUES ('411725', DATE '2026-02-02'), ('411725', DATE '2025-12-29'), ('411721', DATE '2026-02-02'))
                AS place (county_code, week_start)"""
    )
    con.close()
    send(Settings(home=tmp_path, language=language), path)
    assert words in texts(Settings(home=tmp_path))[0]


def test_a_default_bound_is_called_a_default(tmp_path):
    path = [80 * 1.02**number for number in range(11)]
    home = Settings(home=tmp_path)
    send(home, edition(tmp_path, world.series(path)))
    assert "较近26周最低周 +21.9%，界限 ≥ 20%（系统默认）" in texts(home)[0]
    assert "六(四)" not in texts(home)[0]


def test_the_validity_note_hangs_on_the_date_of_the_data():
    assert alert_message.document("zhb57", dt.date(2025, 12, 23))["is_due"] is False
    assert alert_message.document("zhb57", dt.date(2025, 12, 24))["is_due"] is True


def test_the_age_of_a_late_quote_is_said(tmp_path):
    quotes = known(SPIKE, 3) + world.series([100] * 6, area="411721")
    send(Settings(home=tmp_path), edition(tmp_path, quotes))
    assert "报价截至 2026-01-22，比价格数据截至日早21天" in texts(Settings(home=tmp_path))[0]


def test_silence_is_not_called_a_fall(tmp_path):
    home = Settings(home=tmp_path)
    for weeks in (3, 9):
        send(home, edition(tmp_path, known(SPIKE, 3) + world.series([100] * weeks, area="411721")))
    assert "无法继续判断，不等于价格已回落" in texts(home)[-1]


def test_english(tmp_path):
    home = Settings(home=tmp_path, language="en")
    summary = send(home, edition(tmp_path, known(SPIKE, 5)))
    assert summary.titles == ["【价格预警】natural sand, 确山县: orange (raised), against 4 weeks before +22.0%"]
    assert "so far: yellow 2026-01-22 -> orange 2026-02-05" in texts(home)[0]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_event_has_its_words(language):
    """All transitions the shapes can give are rendered; an unknown word would stop the template."""
    shapes = {
        "411702": [100, 100] + [112] * 14,
        "411721": SPIKE,
        "411722": [100, 100, 112],
        "411725": [100, 100, 100, 112, 112, 112, 112, 112, 112],
        "411726": [100, 100, 131, 131, 131],
    }
    quotes = [row for area, path in shapes.items() for row in world.series(path, area=area, tax=None)]
    con = world.build(quotes)
    found = world.rows(con, "SELECT * FROM mart.price_alert_event")
    open_alerts = world.rows(con, "SELECT * FROM mart.price_alert")
    kinds = {(row["event"], row["close_reason"]) for row in found}
    assert {"opened", "raised", "lowered", "closed"} == {event for event, _ in kinds}
    assert {"returned", "new_level", "series_ended", "spread_ended"} <= {reason for _, reason in kinds}
    for event in found:
        title, body = alert_message.render([event], open_alerts, dt.date(2026, 5, 1), language=language)
        assert title
        assert "\n" not in title
        assert "None" not in title + body
        assert not re.search(r"\d\.\d{3,}", body), body


THREE_WAYS = ({"market": "甲"}, {"market": "乙"}, {"basis": "delivered"}, {"tax": "excl"})


def test_the_other_ways_of_quoting_are_one_line_of_evidence(tmp_path):
    quotes = [row for way in THREE_WAYS for row in world.series([100, 100, 112], **way)]
    home = Settings(home=tmp_path)
    summary = send(home, edition(tmp_path, quotes))
    assert summary.titles == ["【价格预警】天然砂 确山县 黄级（新预警）：较上周 +12.0%"]
    text = texts(home)[0]
    lines = [line for line in text.splitlines() if line.startswith("其他口径")]
    assert lines == [
        "其他口径（仅作印证） 确山县：到场价、含税（元/吨）2026-W04 较上周 +12.0%（黄，采价点1个）；"
        "出厂价、不含税（元/吨）2026-W04 较上周 +12.0%（黄，采价点1个）"
    ]
    assert text.index("其他口径") < text.index("\n波及 ")
    assert "仍在预警的地区1处：确山县（黄）" in text
    assert [line.count("确山县") for line in text.splitlines() if line.startswith("波及")] == [1]


def test_evidence_in_english(tmp_path):
    quotes = [row for way in THREE_WAYS[:3] for row in world.series([100, 100, 112], **way)]
    home = Settings(home=tmp_path, language="en")
    send(home, edition(tmp_path, quotes))
    assert (
        "\nOther quotations (evidence only), 确山县: delivered, VAT included (yuan/t), 2026-W04:"
        " against the week before +12.0% (yellow, points: 1)\n\nPlaces still under alert:"
    ) in texts(home)[0]


def test_what_the_others_met_before_the_episode_or_not_at_all_is_no_evidence(tmp_path):
    paths = ([100, 100, 100, 112], [100, 100, 100, 112], [100, 112, 112, 112], [100, 100, 100, 104])
    quotes = [row for way, path in zip(THREE_WAYS, paths, strict=True) for row in world.series(path, **way)]
    home = Settings(home=tmp_path)
    send(home, edition(tmp_path, quotes))
    assert "其他口径" not in texts(home)[0]


def test_an_episode_that_another_series_takes_up_is_told_as_one_place(tmp_path):
    home = Settings(home=tmp_path)
    quotes = [row for market in "甲乙" for row in world.series([100, 100, 125], market=market)]
    other = world.series([100, 100] + [125] * 6, basis="delivered")
    send(home, edition(tmp_path, quotes + other[:3]))
    summary = send(home, edition(tmp_path, quotes + other))
    assert summary.titles == ["【价格预警】天然砂 确山县 黄级（新预警）：较近26周最低周 +25.0%"]
    assert "结束" not in texts(home)[-1]
    assert send(home, edition(tmp_path, quotes + other)).sent == 0


# Few


def test_one_shock_over_many_places_is_one_message(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    quotes = [row for area in world.COUNTIES for row in world.series([100, 100, 112], area=area)]
    summary = send(home, edition(tmp_path, quotes))
    assert summary.sent == 2  # the file and the address
    assert summary.titles == ["【价格预警】天然砂 驻马店市 橙级（新预警）：黄级及以上的县区数 5个"]
    assert len(receiver.messages) == 1
    body = receiver.messages[0]["message"]
    assert [name for name in world.COUNTIES.values() if name not in body] == []
    assert "全市橙；仍在预警的地区5处：驿城区（黄）" in body
    assert "黄级及以上的县区数 5个，界限 ≥ 3个（系统默认）" in body
    assert len(body.splitlines()) < 50


def test_two_products_are_two_messages(tmp_path):
    quotes = world.series([100, 112]) + world.series([100, 112], product_id="pebble", product_name="卵石")
    assert len(send(Settings(home=tmp_path), edition(tmp_path, quotes)).titles) == 2


def test_an_event_of_sixty_days_is_sent_and_an_older_one_is_not(tmp_path):
    quotes = known([100, 112], 2)
    on = quotes[-1]["quoted_on"]
    for days, suppressed in ((60, 0), (61, 1)):
        other = world.quote(0, 50, area="外地", on=on + dt.timedelta(days=days))
        path = edition(tmp_path, quotes + [world.quote(number, 112) for number in range(2, 14)] + [other])
        home = Settings(home=tmp_path / str(days))
        # Only the opening is looked at: later transitions of the episode are taken out of the edition.
        import duckdb

        with duckdb.connect(str(path)) as con:
            con.execute("DELETE FROM mart.price_alert_event WHERE event <> 'opened'")
            con.execute("DELETE FROM mart.price_index_week WHERE last_quoted_on > ?", [other["quoted_on"]])
        summary = send(home, path)
        assert (summary.sent, summary.suppressed) == (1 - suppressed, suppressed), days


def test_only_the_newest_transition_of_an_episode_is_sent(tmp_path):
    home = Settings(home=tmp_path)
    summary = send(home, edition(tmp_path, known(SPIKE, 5)))
    assert summary.sent == 1
    assert "橙级（升级）" in summary.titles[0]


def test_a_first_run_on_old_data_tells_open_episodes_alone(tmp_path):
    shapes = {
        "411702": [100, 112, 100, 100, 100, 100, 100, 100],  # returned
        "411721": [100, 100, 100, 112, 112, 112, 112, 112],  # lowered to 无, still watched
        "411722": [100, 100, 112],  # series ended
        "411725": [100, 100, 100, 100, 112, 124, 124, 124],  # open: 黄, then 橙
        "411726": [100, 100, 100, 100, 100, 100, 100, 112],  # open
    }
    quotes = [row for area, path in shapes.items() for row in world.series(path, area=area)]
    home = Settings(home=tmp_path)
    path = edition(tmp_path, quotes)
    first, second = send(home, path), send(home, path)
    assert sorted(title.split()[1] for title in first.titles) == ["泌阳县", "确山县"]
    assert (first.sent, first.suppressed, second.sent) == (2, 4, 0)  # the fourth is the city, at 橙 for a while
    assert "橙级（升级）" in "".join(first.titles)


@pytest.mark.parametrize(("weeks", "words"), [(9, "降为无级别，继续观察"), (8, "预警结束")])
def test_who_heard_of_an_episode_hears_of_its_end(tmp_path, receiver, weeks, words):
    path = {8: SPIKE, 9: [100, 100, 112, 112, 112, 112, 112, 112, 112]}[weeks]
    late = Settings(home=tmp_path, notify_urls=(receiver.url,))
    send(Settings(home=tmp_path), edition(tmp_path, known(path, 3)))
    summary = send(late, edition(tmp_path, known(path, weeks)))
    # The address was added later: the end of what it never heard of is no news to it.
    assert words in summary.titles[0]
    assert (summary.sent, summary.suppressed, receiver.messages) == (1, 1, [])


# Each once, none lost


def test_a_message_arrives_and_is_sent_once(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url, receiver.url))
    path = edition(tmp_path, known(SPIKE, 3))
    first, second = send(home, path), send(home, path)
    assert (first.sent, first.pending, second.sent, second.pending) == (2, 0, 0, 0)
    assert len(receiver.messages) == 1
    assert receiver.messages[0]["title"] == "【价格预警】天然砂 确山县 黄级（新预警）：较上周 +12.0%"
    assert receiver.messages[0]["message"] in texts(home)[0]
    assert receiver.messages[0]["type"] == "warning"


@pytest.mark.parametrize("how", ["refuses", "is gone"])
def test_a_dead_receiver_loses_nothing(tmp_path, receiver, how):
    url = receiver.url
    if how == "refuses":
        receiver.status = 503
    else:
        url = "json://127.0.0.1:9/hook"
    path = edition(tmp_path, known(SPIKE, 3))
    home = Settings(home=tmp_path, notify_urls=(url,))
    summary = send(home, path)
    assert (summary.sent, summary.pending) == (1, 1)  # the file is written all the same
    assert summary.dead_channels[0].startswith("json-")
    assert "127.0.0.1" not in json.dumps(summary.to_json())
    assert (send(home, path).sent, receiver.messages) == (0, [])
    if how == "refuses":
        receiver.status = 200
        assert (send(home, path, is_forced=True).sent, len(receiver.messages)) == (1, 1)
        assert send(home, path).sent == 0


def test_a_channel_that_was_dead_hears_the_newest_state_only(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    receiver.status = 500
    send(home, edition(tmp_path, known(SPIKE, 3)))
    receiver.status = 200
    send(home, edition(tmp_path, known(SPIKE, 5)))
    assert ["橙级（升级）" in message["title"] for message in receiver.messages] == [True]
    assert "经过：黄 2026-01-22 → 橙 2026-02-05" in receiver.messages[0]["message"]


def test_an_address_nobody_understands_is_named_without_its_secret(tmp_path):
    home = Settings(home=tmp_path, notify_urls=("nosuch://user:geheim@host",))
    summary = send(home, edition(tmp_path, known(SPIKE, 3)))
    assert (summary.sent, summary.pending) == (1, 1)
    assert "geheim" not in json.dumps(summary.to_json())


def test_no_secret_is_written_to_the_log(tmp_path, receiver):
    secret = receiver.url.replace("json://", "json://user:geheim@")
    send(Settings(home=tmp_path, notify_urls=(secret,)), edition(tmp_path, known(SPIKE, 3)))
    log = (tmp_path / "alerts" / "sent.jsonl").read_text("utf-8")
    assert len(log.splitlines()) == 2
    assert "geheim" not in log


def test_a_log_line_cut_off_by_a_crash_counts_as_not_sent(tmp_path):
    home = Settings(home=tmp_path)
    path = edition(tmp_path, known(SPIKE, 3))
    send(home, path)
    log = home.alerts / "sent.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    assert send(home, path).sent == 1
    assert send(home, path).sent == 0
    assert log.read_bytes().endswith(whole[-20:])


def test_two_runs_at_once_do_not_both_send(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    path = edition(tmp_path, known(SPIKE, 3))
    runs = [threading.Thread(target=send, args=(home, path)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(receiver.messages) == 1


def test_the_log_knows_channels_apart(tmp_path):
    events = world.rows(world.build(known(SPIKE, 5)), "SELECT * FROM mart.price_alert_event ORDER BY week_start")
    with alert_log.opened(tmp_path) as log:
        log.add("a", events)
    with alert_log.opened(tmp_path) as log:
        assert [(told.event, told.level, told.place) for told in log.still_open("a")] == [
            ("raised", "橙", ("natural_sand", "411725", "up"))
        ]
        assert (log.still_open("b"), log.told("b", events[0]["episode_id"])) == ([], None)


# Late and corrected quotes

FLAT = [100, 100, 100, 100]


def resent(tmp_path: Path, before: list, after: list, language: str = "zh") -> alerts.Summary:
    """Send the one path, then the other, twice: the second time tells nothing."""
    tmp_path.mkdir(exist_ok=True)
    home = Settings(home=tmp_path, language=language)
    send(home, edition(tmp_path, world.series(before)))
    path = edition(tmp_path, world.series(after))
    summary = send(home, path)
    assert send(home, path).sent == 0
    return summary


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([100, 100, 100, 112], [100, 100, 112, 112]),  # opens a week earlier
        ([100, 100, 112, 112], [100, 100, 100, 112]),  # and a week later
        ([*FLAT, 112, 112, 122], [*FLAT, 112, 122, 122]),  # rises a week earlier
        ([*FLAT, 112, 122, 122], [*FLAT, 112, 112, 122]),
    ],
)
def test_another_week_of_the_same_level_is_not_told_again(tmp_path, before, after):
    assert resent(tmp_path, before, after).to_json() | {"suppressed": 0} == alerts.Summary().to_json()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([100, 100, 100, 112], [100, 100, 131, 131], "红级（数据更正后升级）：7天内 +31.0%"),
        ([100, 100, 131, 131, 131], [100, 100, 100, 112, 112], "黄级（数据更正后降级）：较上周 +12.0%"),
        ([*FLAT, 112, 122], [*FLAT, 112, 112], "黄级（数据更正后降级）：较上周 +12.0%"),
        ([100, 100, 100, 112, 112], [100, 112, 100, 100, 100], "数据更正后预警结束：价格已回到基准附近"),
        ([100, 100, 100, 112, 112], [100, 100, 100, 101, 101], "预警结束：数据更正后不再成立"),
    ],
)
def test_what_corrected_data_change_is_told_as_a_correction(tmp_path, before, after, words):
    summary = resent(tmp_path, before, after)
    assert summary.titles == [f"【价格预警】天然砂 确山县 {words}"]


def test_a_successor_that_is_over_closes_what_was_told(tmp_path):
    summary = resent(tmp_path, [100, 100, 100, 112, 112], [100, 100, 112, 100, 100])
    assert summary.titles == ["【价格预警】天然砂 确山县 数据更正后预警结束：价格已回到基准附近"]


def test_a_successor_is_followed_as_if_it_had_been_told(tmp_path):
    home = Settings(home=tmp_path)
    late = [100, 112, 112, 122, 122, 100, 100]
    told = send(home, edition(tmp_path, known([100, 100, 112], 3))).titles
    for weeks in range(3, len(late) + 1):
        told += send(home, edition(tmp_path, known(late, weeks))).titles
    assert [title.split("确山县 ")[1] for title in told] == [
        "黄级（新预警）：较上周 +12.0%",
        "橙级（升级）：较四周前 +22.0%",
        "预警结束：价格已回到基准附近",
    ]


def test_what_was_called_off_is_new_when_it_comes_back(tmp_path):
    resent(tmp_path, [100, 100, 112], [100, 100, 101])
    summary = send(Settings(home=tmp_path), edition(tmp_path, known([100, 100, 112], 3)))
    assert ["新预警" in title for title in summary.titles] == [True]


def test_calling_off_says_what_was_told_and_what_to_do(tmp_path):
    resent(tmp_path, [100, 100, 112], [100, 100, 101])
    text = next(text for text in texts(Settings(home=tmp_path)) if "不再成立" in text)
    for words in (
        "■ 确山县　此前告知 黄（2026-W04，首次预警 2026-01-22）",
        "请价格采集点核对",
        "价格数据截至 2026-01-22",
    ):
        assert words in text, words


def test_calling_off_in_english(tmp_path):
    summary = resent(tmp_path, [100, 100, 112], [100, 100, 101], language="en")
    assert summary.titles == ["【价格预警】natural sand, 确山县: closed, corrected data no longer support it"]
    summary = resent(tmp_path / "other", [100, 100, 100, 112], [100, 100, 131, 131], language="en")
    assert summary.titles == [
        "【价格预警】natural sand, 确山县: red (raised by corrected data), within 7 days +31.0%"
    ]


def test_an_earlier_episode_is_no_successor_of_one_that_vanished(tmp_path):
    """The first rise was over before anybody heard of it: it neither ends nor goes on with the second."""
    path = [100, 112, 100, 100, 100, 100, 112]
    assert resent(tmp_path, path, [*path[:-1], 100]).titles == [
        "【价格预警】天然砂 确山县 预警结束：数据更正后不再成立"
    ]


def test_a_channel_that_never_heard_hears_the_corrected_alert_as_new(tmp_path, receiver):
    late = Settings(home=tmp_path, notify_urls=(receiver.url,))
    send(Settings(home=tmp_path), edition(tmp_path, known([100, 100, 100, 112], 4)))
    summary = send(late, edition(tmp_path, known([100, 100, 112, 112], 4)))
    assert (summary.sent, ["新预警" in message["title"] for message in receiver.messages]) == (1, [True])


def test_a_correction_waits_for_a_dead_channel(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    send(home, edition(tmp_path, known([100, 100, 112], 3)))
    receiver.status = 503
    path = edition(tmp_path, known([100, 100, 101], 3))
    first, second = send(home, path), send(home, path)
    assert [(run.sent, run.pending) for run in (first, second)] == [(1, 1), (0, 1)]
    receiver.status = 200
    assert (send(home, path, is_forced=True).sent, "不再成立" in receiver.messages[-1]["title"]) == (1, True)


def test_an_edition_without_prices_calls_nothing_off(tmp_path):
    home = Settings(home=tmp_path)
    send(home, edition(tmp_path, known(SPIKE, 3)))
    assert send(home, edition(tmp_path, [])).sent == 0


PATHS = st.lists(st.sampled_from([100, 106, 112, 123, 131]), min_size=4, max_size=9)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(paths=st.lists(PATHS, min_size=2, max_size=3))
def test_whatever_is_corrected_the_reader_knows_the_level_in_force(paths):
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder))
        for path in paths:
            con = world.build(world.series(path))
            send(home, con)
            assert send(home, con).sent == 0
            in_force = {
                row["episode_id"]: row["level"]
                for row in world.rows(con, "SELECT * FROM mart.price_alert WHERE closed_on IS NULL AND level <> '无'")
            }
            with alert_log.opened(home.alerts) as log:
                told = {told.episode_id: told.level for told in log.still_open("file") if told.level != "无"}
            # An equal alert within half a year waits for the report where nothing is to be done yet.
            assert told == {place: level for place, level in in_force.items() if place in told or level != "蓝"}


# Names from outside


@pytest.mark.parametrize(
    "name",
    [
        "../../../../pwn",
        "5#砂",
        "/var/pwn",
        "a\nb\r\nc",
        "\"'`{{ 7 * 7 }}",
        "x\x85y\u2028z\u202e",
        "长" * 5000,
        "豫Q12345",
    ],
)
def test_names_from_outside_neither_lead_out_nor_break_a_message(tmp_path, name):
    home = Settings(home=tmp_path / "a" / "b" / "c" / "d" / "home")
    (tmp_path / "editions").mkdir()
    named = {"product_id": name, "product_name": name, "area": name, "area_name": name}
    quotes = world.series(SPIKE, **named)
    told = [send(home, edition(tmp_path / "editions", quotes[:weeks])) for weeks in (3, 3, 5, 8, 8)]
    assert [run.sent for run in told] == [1, 0, 1, 1, 0]
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path / "editions"]
    assert {path.parent.parent for path in found if path.suffix == ".txt"} == {home.alerts}
    assert len(found) == 3 + 3  # the two logs and their lock
    for path in home.alerts.glob("*/*.txt"):
        title, blank, first, *_ = path.read_text("utf-8").split("\n")
        assert (len(title) < 200, blank, len(first) < 200) == (True, "", True)
        assert title.startswith("【价格预警】")
        assert re.search("级（|预警结束", title)


def test_products_whose_names_look_alike_in_a_file_name_are_two_files(tmp_path):
    home = Settings(home=tmp_path)
    quotes = [row for name in ("5#砂", "5?砂") for row in world.series([100, 112], product_id=name)]
    assert send(home, edition(tmp_path, quotes)).sent == 2
    assert len(texts(home)) == 2


def test_nothing_published_says_what_to_do(tmp_path):
    with pytest.raises(WrongCallError, match="sandwatch run"):
        alerts.send(Settings(home=tmp_path))


def test_an_edition_without_alerts_sends_nothing(tmp_path):
    home = Settings(home=tmp_path)
    assert send(home, edition(tmp_path, [])).to_json()["sent"] == 0
    assert texts(home) == []


def test_the_default_is_the_published_regulator_edition(tmp_path):
    home = Settings(home=tmp_path)
    home.editions.mkdir()
    (home.editions / "regulator.duckdb").symlink_to(edition(tmp_path, known(SPIKE, 3)))
    assert alerts.send(home).sent == 1


# Three alarms, no plates


def test_three_alarms_never_mix(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    assert alerts.machine_alarm(home, "build 失败", "任务 build 第3次重试后停止")
    assert alerts.data_alarm(home, "weighbridge_ticket 停报", "最后一天 2026-01-01；由市交通运输局信息中心核查")
    assert [message["title"] for message in receiver.messages] == [
        "【系统故障】build 失败",
        "【数据可信】weighbridge_ticket 停报",
    ]
    assert [message["type"] for message in receiver.messages] == ["failure", "warning"]
    assert len(list((home.alerts / "machine").glob("*.txt"))) == 1
    assert len(list((home.alerts / "data").glob("*.txt"))) == 1


def test_a_machine_alarm_with_a_dead_channel_says_so_and_keeps_the_file(tmp_path):
    home = Settings(home=tmp_path, notify_urls=("json://127.0.0.1:9/hook",))
    assert alerts.machine_alarm(home, "a", "b") is False
    assert len(list((home.alerts / "machine").glob("*.txt"))) == 1


def data_files(home: Settings) -> int:
    return len(list((home.alerts / "data").glob("*.txt")))


def test_an_unchanged_failing_check_is_told_once(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    for body in ("甲", "甲", "乙", "乙", "甲"):
        assert alerts.data_alarm(home, "检查未通过", body)
    assert [message["message"] for message in receiver.messages] == ["甲", "乙", "甲"]
    assert alerts.data_alarm(home, "另一项检查未通过", "甲")
    assert len(receiver.messages) == 4


def test_a_check_that_fails_again_after_a_success_is_told_again(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    alerts.data_recovered(home, "检查未通过")  # nothing was told yet
    for _ in range(2):
        alerts.data_alarm(home, "检查未通过", "甲")
    alerts.data_recovered(home, "另一项检查未通过")
    alerts.data_alarm(home, "检查未通过", "甲")
    assert len(receiver.messages) == 1
    for _ in range(2):
        alerts.data_recovered(home, "检查未通过")
    alerts.data_alarm(home, "检查未通过", "甲")
    assert len(receiver.messages) == 2
    assert send(home, edition(tmp_path, known(SPIKE, 3))).sent == 2  # they share the log


def test_a_data_alarm_is_repeated_to_the_channel_that_missed_it(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    receiver.status = 503
    assert alerts.data_alarm(home, "检查未通过", "甲") is False
    receiver.status = 200
    assert [alerts.data_alarm(home, "检查未通过", "甲") for _ in range(2)] == [True, True]
    assert (len(receiver.messages), data_files(home)) == (1, 1)


def test_a_machine_alarm_is_sent_at_every_call(tmp_path, receiver):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    for _ in range(2):
        alerts.machine_alarm(home, "a", "b")
    assert len(receiver.messages) == 2


@pytest.mark.parametrize("plate", ["豫Q12345", "豫QD12345", "豫Q·A1234", "豫Q1234挂", "京AF0236学"])
def test_no_plate_leaves_the_house(tmp_path, receiver, plate):
    home = Settings(home=tmp_path, notify_urls=(receiver.url,))
    alerts.machine_alarm(home, f"行 {plate} 出错", f"值 {plate} 不可读")
    sent = json.dumps(receiver.messages, ensure_ascii=False) + "".join(
        path.read_text("utf-8") for path in (home.alerts / "machine").glob("*.txt")
    )
    assert plate not in sent
    assert channels.PLATE_MASK in sent


def test_levels_of_the_rule_have_an_action_in_both_languages():
    rule = levels.load("price_level")
    assert {level: set(rule.action[level]) for level in rule.levels} == {level: {"zh", "en"} for level in rule.levels}
