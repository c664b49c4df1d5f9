"""What a person reads and sees: words by moment, one seller, old data, which method spoke; HTML and chart."""

from __future__ import annotations

import html
import json
import re
import struct
from html.parser import HTMLParser
from typing import Any

import price_world as world
import pytest

from pipelines.alerting import alert_chart, alert_facts, alert_message, channels
from pipelines.alerting.alert_facts import Context

ENOUGH = 60  # signs of a title that a phone shows


class Told:
    """A world of quotes, what was told of it in a week, and how it would be told with more known."""

    def __init__(self, quotes: list[dict[str, Any]]) -> None:
        self.con = world.build(quotes)
        self.events = world.rows(self.con, "SELECT * FROM mart.price_alert_event ORDER BY week_start, event_id")
        self.alerts = world.rows(self.con, "SELECT * FROM mart.price_alert")
        columns = ", ".join(alert_chart.COLUMNS)
        self.weeks = world.rows(self.con, f"SELECT {columns} FROM mart.price_level_week")

    def at(self, week: int) -> list[dict[str, Any]]:
        return [event for event in self.events if event["week_start"] == world.week(week)]

    def say(self, week: int | None = None, **other: Any) -> tuple[str, str]:
        events = self.events[-1:] if week is None else self.at(week)
        through = max(event["last_quoted_on"] for event in events)
        return alert_message.render(events, self.alerts, through, **other)


def rising(count: int, path: list[float], **other: Any) -> list[dict[str, Any]]:
    """Sellers whose quotes lie a little apart, each at its own steady distance."""
    return [
        row
        for number in range(count)
        for row in world.series([price * (1 + 0.004 * number) for price in path], market=f"市场{number}", **other)
    ]


STEP = [100, 100, 100, 100, 112, 112, 122, 131, 100, 100]


@pytest.fixture(scope="module")
def step() -> Told:
    return Told(rising(5, STEP) + rising(3, [100] * 10, area="411721"))


@pytest.fixture(scope="module")
def one_seller() -> Told:
    return Told(rising(4, [100] * 6) + world.series([100, 100, 100, 100, 100, 190], market="某市场"))


@pytest.fixture(scope="module")
def slow() -> Told:
    """2.5 % a week: never 10 % in a week or 15 % in four, and plain where five sellers move alike."""
    return Told(rising(5, [100] * 6 + [100 * 1.025**number for number in range(1, 6)]))


# By moment


@pytest.mark.parametrize(
    ("week", "title", "first_lines"),
    [
        (
            4,
            "天然砂 确山县 黄级（新预警）：较上周 +12.0%",
            (
                "天然砂，2026-W06（02-02 至 02-08）：确山县现价 112.89 元/吨，预警前 100.80",
                "下一步 核实报价（采价点、规格、含税口径），了解涨价原因，留意邻县。",
                "可信度 采价点5个，去掉涨幅最大的一个后仍为 +12.0%",
            ),
        ),
        (6, "天然砂 确山县 橙级（升级）：较四周前 +22.0%", ("", "下一步 会商研判", "可信度 采价点5个")),
        (9, "天然砂 确山县 预警结束：价格已回到基准附近", ("", "下一步 不需处置，留意周报。")),
    ],
)
def test_title_and_first_lines_tell_a_person_on_call_enough(step, week, title, first_lines):
    said, body = step.say(week)
    assert said == title
    assert len(channels.without_plates("【价格预警】" + said)) <= ENOUGH
    for line, words in zip(body.split("\n"), first_lines, strict=False):
        assert line.startswith(words)


@pytest.mark.parametrize(
    ("week", "title"),
    [
        (4, "natural sand, 确山县: yellow (new), against the week before +12.0%"),
        (6, "natural sand, 确山县: orange (raised), against 4 weeks before +22.0%"),
        (9, "natural sand, 确山县: closed, price is back near its base"),
    ],
)
def test_the_same_moments_in_english(step, week, title):
    said, body = step.say(week, language="en")
    assert said == title
    assert body.split("\n")[1].startswith("Next: ")
    assert "None" not in body


def test_a_rise_that_hangs_on_one_seller_says_so_first(one_seller):
    title, body = one_seller.say()
    assert title == "天然砂 确山县 黄级（新预警）：较上周 +13.7%"
    third = "可信度 涨幅主要来自一个采价点：去掉涨幅最大的采价点后为 +0.0%，达不到界限，先核实该点"
    assert body.split("\n")[2] == third
    assert "  去掉涨幅最大的采价点后为 +0.0%，达不到界限：这次上涨主要靠一个采价点" in body
    _, english = one_seller.say(language="en")
    assert english.split("\n")[2].startswith("How sure: one collection point makes the rise: +0.0% without")


@pytest.mark.parametrize(("without", "hangs"), [(0.22, False), (0.12, True)])
def test_a_dear_and_tight_rise_is_held_against_the_bound_that_is_shown(step, without, hangs):
    """Its own first bound is a level: 0.22 is under rank 3, which says nothing."""
    [orange] = [event for event in step.events if event["level"] == "橙" and event["event"] == "raised"]
    red = orange | {
        "rule": "dear_and_tight", "level": "红", "supply_state": "供应紧张", "without_one_share": without,
    }  # fmt: skip
    assert red["bound"] == 0.2
    _, body = alert_message.render([red], [], red["last_quoted_on"])
    assert ("达不到界限" in body) is hangs


def test_the_method_that_spoke_and_why_is_said(slow):
    [opened] = [event for event in slow.events if event["event"] == "opened"]
    assert (opened["rung"], opened["level"]) == ("significance", "黄")
    title, body = alert_message.render([opened], slow.alerts, opened["last_quoted_on"])
    assert re.fullmatch(r"天然砂 确山县 黄级（新预警）：较四周前 \+1\d\.\d%（显著上涨）", title)
    assert "方法 显著上涨；可用的最高方法 显著上涨，需5周，历史" in body
    assert "滚动最高 需53周，现有" in body
    title, body = alert_message.render([opened], slow.alerts, opened["last_quoted_on"], language="en")
    assert re.search(r"yellow \(new\), against 4 weeks before \+1\d\.\d% \(significance\)$", title)
    assert "+8.2%（显著" in alert_message.render([opened | {"month_share": 0.082}], [], opened["last_quoted_on"])[0]
    assert "method: significance; best one available: significance, needs 5 weeks" in body


@pytest.mark.parametrize(
    ("clause", "unit", "value", "bound", "words"),
    [
        ("alps_alert", "score", 1.374, 1.0, "ALPS 价格异常指标（且高于13周中位数5%以上） 1.37，界限 ≥ 1（"),
        ("ifpa_high", "score", 1.0, 1.0, "IFPA 价格异常指标（且高于13周中位数5%以上） 1.00，界限 ≥ 1（"),
        ("rolling_2", "step", 2.0, 2.0, "  达到近1096天最高（且高于13周中位数5%以上）（参照HDX"),
    ],
)
def test_scores_and_highest_prices_have_words_of_their_own(slow, clause, unit, value, bound, words):
    event = slow.events[0] | {
        "rule": clause, "value_unit": unit, "value": value, "bound": bound, "rung": None, "is_system_default": False,
    }  # fmt: skip
    title, body = alert_message.render([event], slow.alerts, event["last_quoted_on"])
    assert words in body
    assert len(title) <= ENOUGH
    assert "+100" not in title + body
    alert_message.render([event], slow.alerts, event["last_quoted_on"], language="en")


def test_rows_from_before_the_ladder_are_told_all_the_same(step):
    new = ("rung", "best_rung", "rung_reason", "without_one_share")
    event = {name: value for name, value in step.at(4)[0].items() if name not in new}
    _, body = alert_message.render([event], step.alerts, event["last_quoted_on"])
    assert "方法 分级比例\n" in body
    assert "去掉涨幅最大" not in body


# What else is known


def test_old_data_are_the_first_thing_said(step):
    title, body = step.say(4, context=Context(stale_days=9))
    assert title.endswith("〔数据已过期9天〕")
    assert len(title) <= ENOUGH
    assert body.startswith("注意 价格数据逾期 9 天未更新，以下为截至 2026-02-05 的判断")
    title, body = step.say(4, context=Context(stale_days=9), language="en")
    assert title.endswith("[data 9 days overdue]")
    assert body.startswith("Caution: price data are 9 days overdue")


def test_what_people_said_why_it_is_late_and_what_supply_shows(step):
    event = step.at(4)[0]
    rows = [
        {
            "county_code": "411725", "week_start": event["week_start"], "driver_rank": rank, "text_zh": f"第{rank}",
            "kind": "site_closed", "subject": "s", "subject_name": None, "value_t": 1200.0,
        }
        for rank in (4, 3, 2, 1)
    ]  # fmt: skip
    old = [rows[0] | {"week_start": world.week(1), "text_zh": "旧"}, rows[0] | {"county_code": "411721"}]
    context = Context(
        held_since="2026-02-05 22:10",
        held_reason="静默时段",
        triage={event["episode_id"]: [{"verb": "ack", "actor": "王工", "at": "2026-02-06 08:00", "text": "a\nb"}]},
        drivers=alert_facts.drivers([*old, *rows], [event], "zh"),
        report="https://intranet/w6",
    )
    _, body = step.say(4, context=context)
    for words in (
        "本消息于 2026-02-05 22:10 生成，因静默时段延后发出",
        "  已确认 2026-02-06 08:00 王工：a b\n",
        "  供应数据显示 第1；第2；第3\n",
        "周报 https://intranet/w6\n",
    ):
        assert words in body
    assert "周报 reports/2026-W06/report.html（该周周报，周一生成）" in step.say(4)[1]
    assert alert_facts.drivers(rows, [event], "en")["411725"][0] == "site closed: s, 1,200 t"


@pytest.mark.parametrize("name", ["natural_sand", "5#砂' OR '1'='1", "长" * 50])
def test_the_query_gives_the_row_and_the_facts_are_those_of_the_message(name):
    told = Told(rising(3, [100, 100, 112], product_id=name, product_name=name))
    [event] = told.events
    facts = alert_message.facts([event], told.alerts, event["last_quoted_on"], message_id="m1")
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert [row["event_id"] for row in world.rows(told.con, facts["query"])] == [event["event_id"]]
    [told_event] = facts["events"]
    assert {name: told_event[name] for name in ("event", "level", "value", "bound", "rule", "rung")} == {
        "event": "opened", "level": "黄", "value": 0.12, "bound": 0.1, "rule": "week_10", "rung": "statutory",
    }  # fmt: skip
    assert (facts["level"], facts["iso_week"], facts["data_through"]) == ("黄", "2026-W04", "2026-01-22")
    assert [place["area_name"] for place in facts["places"]] == ["确山县"]


# HTML


class Page(HTMLParser):
    """The words of a page, and all that its tags load or do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.links, self.tags = "", [], set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "background", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_has_every_word_of_the_text_and_loads_nothing(step, language):
    from apprise.conversion import html_to_text

    title, body = step.say(6, language=language)
    page = alert_message.render_html(title, body, level="橙", image="chart.png", alt="图", language=language)
    found = Page(page)
    assert found.links == ["cid:chart.png"]
    assert "url(" not in page
    beside = html_to_text(page)  # what e-mail shows to those who see no HTML
    for line in filter(None, [title, *body.split("\n")]):
        assert line.strip() in found.words
        assert " ".join(line.split()) in " ".join(beside.split())
    assert 'src="cid' not in alert_message.render_html(title, body)


def test_hostile_names_stay_words():
    name = "<img src=x onerror=alert(1)>{{ 7*7 }}&amp;"
    told = Told(rising(2, [100, 100, 112], product_name=name, area="外", area_name="<script>a</script>"))
    title, body = told.say()
    page = alert_message.render_html(title, body, level="黄", image="c", alt=alert_chart.alt(told.events[0]))
    found = Page(page)
    assert found.tags <= {"html", "head", "meta", "body", "div", "h1", "h2", "p", "img"}
    assert found.links == ["cid:c"]
    assert html.escape(name[:39]) in page
    assert "49" not in title
    assert alert_chart.png(told.events[0] | {"product_name": "$x^{$ 砂"}, told.weeks)


# Chart


def test_the_chart_is_a_picture_of_the_weeks_that_were_known(step):
    event = step.at(4)[0]
    png = alert_chart.png(event, step.weeks)
    assert png is not None
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (750, 500)
    assert png == alert_chart.png(event, list(reversed(step.weeks)))
    known = [row for row in step.weeks if row["week_start"] <= event["week_start"]]
    assert png == alert_chart.png(event, known)
    assert png != alert_chart.png(step.at(6)[0], step.weeks)
    assert png != alert_chart.png(event, step.weeks, "en")
    assert [row["week_start"] for row in alert_chart.of(event, step.weeks)] == [world.week(n) for n in range(5)]
    assert alert_chart.png(event, known[:1]) is None


def test_every_transition_can_be_drawn_also_of_a_city_that_only_counts():
    quotes = [row for area in world.COUNTIES for row in world.series([100, 100, 112, 112], area=area)]
    told = Told(quotes + world.series([100, None, 118, 118], area="411721", basis="delivered"))
    city = [event for event in told.events if event["county_count"] is not None]
    assert city[0]["price_index"] is None
    assert all(alert_chart.png(event, told.weeks) for event in told.events)


def test_the_font_has_every_sign_of_the_chart(step, recwarn):
    for language in ("zh", "en"):
        alert_chart.png(step.at(6)[0], step.weeks, language)
    assert [str(found.message) for found in recwarn if "Glyph" in str(found.message)] == []
