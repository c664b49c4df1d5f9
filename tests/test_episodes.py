"""Life of an alert: when it opens, rises, falls and closes, worked by hand and on the real series."""

from __future__ import annotations

import price_world as world
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_taiwan_south_sand_lives_as_it_is_told():
    con = world.taiwan()
    found = world.rows(
        con,
        """
        SELECT event_on::VARCHAR AS event_on, event, level, from_level, rule, round(value, 4) AS value, close_reason
        FROM mart.price_alert_event
        WHERE area_code = '南區' AND product_id = 'natural_sand' AND event_on >= '2018-06-01'
        ORDER BY event_on
        """,
    )
    told = [tuple(row.values()) for row in found]
    assert told == [
        ("2019-01-04", "opened", "黄", "无", "week_10", 0.1455, None),
        ("2019-01-18", "raised", "橙", "黄", "month_20", 0.3273, None),
        ("2019-02-08", "lowered", "黄", "橙", "month_15", 0.1587, None),
        ("2019-03-08", "lowered", "无", "黄", "low26_20", 0.1091, None),
        ("2019-04-19", "closed", "无", "无", "low26_20", 0.0182, "returned"),
    ]
    alert = world.rows(
        con, "SELECT * FROM mart.price_alert WHERE area_code = '南區' AND product_id = 'natural_sand' AND unit = 'm3'"
    )[-1]
    assert (alert["opened_level"], alert["max_level"], alert["base_price_yuan"]) == ("黄", "橙", 550)
    assert (str(alert["base_on"]), str(alert["closed_on"]), alert["weeks_running"]) == (
        "2018-12-25",
        "2019-04-19",
        16,
    )


def test_taiwan_february_is_open_and_never_red():
    found = world.rows(
        world.taiwan(),
        """
        SELECT DISTINCT level, episode_id FROM mart.price_level_week
        WHERE area_code = '南區' AND product_id = 'natural_sand'
        AND last_quoted_on BETWEEN '2019-02-01' AND '2019-02-28'
        """,
    )
    assert {row["level"] for row in found} == {"橙", "黄"}
    assert {row["episode_id"] for row in found} == {"natural_sand/南區/up/2019-W01"}


def test_what_was_known_then_tells_the_same():
    early = world.rows(world.taiwan("2019-01-20"), "SELECT * FROM mart.price_alert_event ORDER BY event_id")
    later = world.rows(
        world.taiwan(), "SELECT * FROM mart.price_alert_event WHERE event_on <= '2019-01-20' ORDER BY event_id"
    )
    assert early == later
    assert len(early) > 5


def test_a_step_opens_falls_silent_and_becomes_a_new_level():
    con = world.build(world.series([100, 100] + [112] * 14))
    assert world.events(con) == [
        ("opened", 2, "黄", None),
        ("lowered", 4, "无", None),
        ("closed", 14, "无", "new_level"),
    ]
    alert = world.rows(con, "SELECT * FROM mart.price_alert")[0]
    assert (alert["rise_over_base_share"], alert["weeks_running"]) == (0.12, 13)


def test_a_plateau_still_above_its_low_is_told_once():
    # 25 % above the lowest of 26 weeks the clause goes on holding after the new level: that is no new alert.
    con = world.build(world.series([100] * 3 + [125] * 30))
    assert [event[0] for event in world.events(con)].count("opened") == 1
    assert world.events(con)[-1] == ("closed", 15, "无", "new_level")


def test_a_second_rise_from_the_new_level_is_a_new_episode():
    con = world.build(world.series([100] * 3 + [125] * 15 + [138] * 3))
    opened = [event for event in world.events(con) if event[0] == "opened"]
    assert [event[1] for event in opened] == [3, 18]
    assert [row["base_price_yuan"] for row in world.rows(con, "SELECT * FROM mart.price_alert")] == [100, 125]


def test_a_spike_that_goes_back_closes_as_returned():
    con = world.build(world.series([100, 100, 112, 104, 104, 104]))
    assert world.events(con) == [("opened", 2, "黄", None), ("closed", 4, "无", "returned")]


def test_just_outside_the_band_does_not_return():
    assert [event[0] for event in world.events(world.build(world.series([100, 100, 112, 105.1, 105.1, 105.1])))] == [
        "opened",
        "lowered",
    ]
    assert world.events(world.build(world.series([100, 100, 112, 105, 105])))[-1] == ("closed", 4, "无", "returned")


def test_one_week_back_is_not_enough():
    con = world.build(world.series([100, 100, 112, 100, 112, 112]))
    assert [event[0] for event in world.events(con)] == ["opened"]


def test_a_price_below_its_base_has_returned_too():
    con = world.build(world.series([100, 100, 112, 90, 90]))
    assert world.events(con)[-1] == ("closed", 4, "无", "returned")


def test_a_level_is_left_only_two_weeks_below_four_fifths_of_its_bound():
    # Four-week change 21 % (橙), then 16 % (exactly four fifths of 20 %: holds), then 15.9 % twice: left.
    base = [100, 100, 100, 100]
    path = [*base, 121, 116, 115.9, 115.9]
    assert world.events(world.build(world.series(path)))[1:] == [("lowered", 7, "黄", None)]
    assert world.events(world.build(world.series([*path[:6], 115.9, 116]))) == [("opened", 4, "橙", None)]


def test_a_creeping_rise_stays_open_while_its_clause_speaks():
    path = [80 * 1.01**number for number in range(40)]
    con = world.build(world.series(path))
    found = world.events(con)
    assert [event[0] for event in found] == ["opened"]
    assert found[0][2] == "黄"
    assert world.rows(con, "SELECT rule FROM mart.price_alert")[0]["rule"] == "low26_20"


def test_a_new_clause_or_week_never_opens_a_second_episode():
    con = world.build(world.series([100, 106, 113, 120, 128, 137, 147]))
    assert [event[0] for event in world.events(con)].count("opened") == 1
    assert len(world.rows(con, "SELECT * FROM mart.price_alert")) == 1


def test_a_carried_week_decides_nothing():
    quoted = world.build(world.series([100, 100, 112, 100, 100]))
    assert world.events(quoted)[-1] == ("closed", 4, "无", "returned")
    # The same without quotes in the last week: one week back near the base is all that is known.
    carried = world.build(world.series([100, 100, 112, 100]) + world.series([50] * 5, area="411721"))
    assert [event[0] for event in world.events(carried)] == ["opened"]


def test_silence_beyond_the_carry_ends_the_episode_and_says_so():
    con = world.build(world.series([100, 100, 112]) + world.series([50] * 9, area="411721"))
    assert world.events(con) == [("opened", 2, "黄", None), ("closed", 7, "无", "series_ended")]
    event = world.rows(con, "SELECT * FROM mart.price_alert_event WHERE event = 'closed'")[0]
    assert (event["event_on"], event["last_quoted_on"]) == (world.week(7), world.week(2).replace(day=22))


def test_quotes_that_match_nothing_end_the_episode_too():
    con = world.build(world.series([100, 100, 112, None, None, None, None, None, None, 140, 141]))
    assert world.events(con) == [("opened", 2, "黄", None), ("closed", 7, "无", "series_ended")]


def counties(count: int) -> list[dict]:
    rows = []
    for number, area in enumerate(world.COUNTIES):
        rows += world.series([100, 100, 112 if number < count else 100, 112 if number < count else 100], area=area)
    return rows


def test_three_counties_at_yellow_are_a_city_alert_at_orange():
    con = world.build(counties(3))
    found = world.rows(con, "SELECT * FROM mart.price_alert_event WHERE area_code = '411700'")
    assert [(row["event"], row["level"], row["rule"], row["value"], row["county_count"]) for row in found] == [
        ("opened", "橙", "counties_3", 3, 3)
    ]
    assert (found[0]["area_name"], found[0]["base_price_yuan"], found[0]["price_index"]) == ("驻马店市", None, None)


def test_two_counties_are_none():
    assert world.rows(world.build(counties(2)), "SELECT * FROM mart.price_alert WHERE area_code = '411700'") == []


def test_areas_outside_the_region_table_do_not_count_for_the_city():
    rows = counties(2) + world.series([100, 100, 120, 120], area="外地")
    assert world.rows(world.build(rows), "SELECT * FROM mart.price_alert WHERE area_code = '411700'") == []


def test_the_city_alert_ends_with_its_counties():
    rows = []
    for area in list(world.COUNTIES)[:3]:
        rows += world.series([100, 100, 112, 100, 100, 100, 100], area=area)
    con = world.build(rows)
    assert world.events(con, "411700") == [("opened", 2, "橙", None), ("closed", 5, "无", "spread_ended")]


def test_a_city_with_quotes_of_its_own_has_one_episode():
    rows = counties(3) + world.series([100, 100, 111, 111], area="411700")
    con = world.build(rows)
    found = world.rows(con, "SELECT * FROM mart.price_alert WHERE area_code = '411700'")
    assert [(row["level"], row["base_price_yuan"], row["rules_met"]) for row in found] == [("橙", 100, "counties_3")]
    event = world.rows(con, "SELECT * FROM mart.price_alert_event WHERE area_code = '411700'")[0]
    assert event["rules_met"] == "week_5,week_10,counties_3"


def test_judging_again_writes_the_same():
    con = world.build(counties(3))
    before = {name: world.rows(con, f"SELECT * FROM mart.{name}") for name in ("price_alert", "price_alert_event")}
    world.judge(con)
    assert before == {name: world.rows(con, f"SELECT * FROM mart.{name}") for name in before}


def test_row_order_of_the_quotes_does_not_matter():
    rows = counties(3)
    ordered = world.rows(world.build(rows), "SELECT * FROM mart.price_alert_event")
    assert world.rows(world.build(rows[::-1]), "SELECT * FROM mart.price_alert_event") == ordered


# The lead series

DELIVERED = {"basis": "delivered"}
UNTAXED = {"tax": "excl"}
PLAIN = ("t", "ex_works", "incl")
TO_SITE = ("t", "delivered", "incl")
FLAT = [100] * 6


def alert_rows(con, area: str = "411725"):
    return world.rows(con, "SELECT * FROM mart.price_alert WHERE area_code = ? ORDER BY opened_on", area)


def test_one_rise_quoted_in_three_ways_is_one_episode():
    path = [100, 100, 112, 112]
    con = world.build(
        world.sellers(4, path) + world.sellers(1, path, **DELIVERED) + world.sellers(1, path, **UNTAXED)
    )
    found = alert_rows(con)
    assert [row["episode_id"] for row in found] == ["natural_sand/411725/up/2026-W04"]
    assert [(row["unit"], row["basis"], row["tax"], row["is_low_sample"]) for row in found] == [(*PLAIN, False)]
    others = world.rows(con, "SELECT * FROM mart.price_level_week WHERE NOT is_lead ORDER BY week_start")
    assert [(row["rule_level"], row["rule"]) for row in others[4:]] == [("黄", "week_10")] * 2 + [("无", None)] * 2
    assert {(row["level"], row["price_level"], row["episode_id"]) for row in others} == {("无", "无", None)}


def test_the_noise_of_one_seller_opens_nothing_beside_four():
    con = world.build(world.sellers(4, FLAT) + world.sellers(1, [100, 118, 95, 130, 90, 140], **DELIVERED))
    assert world.events(con) == []
    found = world.rows(con, "SELECT DISTINCT rule_level FROM mart.price_level_week WHERE basis = 'delivered'")
    assert {"黄", "红"} <= {row["rule_level"] for row in found}
    assert set(world.leads(con)) == {PLAIN}


def test_a_low_sample_series_leads_where_there_is_no_other():
    found = alert_rows(world.build(world.sellers(1, [100, 112], **DELIVERED)))
    assert [(row["basis"], row["level"], row["is_low_sample"]) for row in found] == [("delivered", "黄", True)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"unit": "t", "basis": "delivered", "tax": "excl"}, {"unit": "m3"}),
        ({"basis": "ex_works", "tax": "excl"}, {"basis": "delivered", "tax": "incl"}),
        ({"tax": "incl"}, {"tax": "excl"}),
        ({"tax": "excl"}, {"tax": None}),
        ({"tax": None}, {"tax": "partly"}),
        ({"basis": "at_port"}, {"basis": "by_rail"}),
    ],
)
def test_equal_series_lead_in_a_fixed_order(first, second):
    quotes = world.sellers(2, FLAT, **first) + world.sellers(2, FLAT, **second)
    told = [world.leads(world.build(rows)) for rows in (quotes, quotes[::-1])]
    assert told[0] == told[1]
    assert set(told[0]) == {tuple((dict(zip(("unit", "basis", "tax"), PLAIN, strict=True)) | first).values())}


def test_the_lead_passes_on_with_a_quarter_more_points_and_not_before():
    plain = world.sellers(4, [100] * 30)
    four = world.leads(world.build(plain + world.sellers(4, [None] * 10 + [100] * 20, **DELIVERED)))
    assert set(four) == {PLAIN}
    five = world.leads(world.build(plain + world.sellers(5, [None] * 10 + [100] * 20, **DELIVERED)))
    # After 13 weeks side by side the points are 65 to 52, exactly a quarter more.
    assert five == [PLAIN] * 22 + [TO_SITE] * 8


def test_a_gap_here_and_there_does_not_move_the_lead():
    gaps = [None if number % 3 == 1 else 100 for number in range(30)]
    con = world.build(world.sellers(2, [100] * 30, **DELIVERED)[1:] + world.sellers(2, [100, *gaps[1:]]))
    found = world.leads(con)
    changes = [number for number in range(1, len(found)) if found[number] != found[number - 1]]
    assert len(changes) <= 1


def test_an_open_episode_keeps_its_lead_until_it_closes():
    path = [100, 100, 112, 112, 112, 112, 112, 112, 100, 100, 100, 100]
    many = world.sellers(9, [None, None, None, *FLAT, *[100] * 3], **DELIVERED)
    con = world.build(world.sellers(2, path) + many)
    assert world.events(con) == [
        ("opened", 2, "黄", None),
        ("lowered", 4, "无", None),
        ("closed", 9, "无", "returned"),
    ]
    assert world.leads(con) == [PLAIN] * 10 + [TO_SITE] * 2
    # Without the episode the better sampled series leads in its second week (18 points to 10).
    calm = world.leads(world.build(world.sellers(2, [100] * 12) + many))
    assert calm == [PLAIN] * 4 + [TO_SITE] * 8


def test_what_a_new_lead_met_long_ago_is_no_news():
    risen = [100, 100, 112] + [124] * 17
    quotes = world.sellers(2, [100] * 20) + world.sellers(1, risen[:6], **DELIVERED)
    more = [
        world.quote(number, 124, market=f"市场{seller}", **DELIVERED)
        for number in range(6, 20)
        for seller in range(6)
    ]
    con = world.build(quotes + more)
    assert world.leads(con)[-1] == TO_SITE
    assert world.rows(con, "SELECT rules_met FROM mart.price_level_week WHERE basis = 'delivered'")[-1] == {
        "rules_met": "low26_20"
    }
    assert world.events(con) == []


def test_a_rise_while_the_lead_was_silent_is_news_with_the_base_before_it():
    quotes = world.sellers(6, FLAT) + world.sellers(1, [*FLAT, 100, 125, 125, 125, 125, 125, 125], **DELIVERED)
    con = world.build(quotes)
    # Carried for four weeks, the lead still leads and decides nothing; then the other one speaks.
    assert world.leads(con) == [PLAIN] * 10 + [TO_SITE] * 3
    assert world.events(con)[0][:3] == ("opened", 10, "橙")
    found = alert_rows(con)[0]
    assert (found["base_price_yuan"], found["base_on"], found["is_low_sample"]) == (
        100,
        world.quote(6, 1)["quoted_on"],
        True,
    )
    assert [event[3] for event in world.events(con)].count("returned") == 0


def test_an_episode_ends_with_its_series_and_another_one_takes_up_the_watch():
    quotes = world.sellers(4, [100, 100, 112]) + world.sellers(1, [100, 100] + [112, 125] + [125] * 6, **DELIVERED)
    con = world.build(quotes)
    assert world.events(con)[:3] == [
        ("opened", 2, "黄", None),
        ("closed", 7, "无", "series_ended"),
        ("opened", 7, "黄", None),
    ]
    first, second = alert_rows(con)
    assert ((first["basis"], second["basis"]), second["base_price_yuan"]) == (("ex_works", "delivered"), 100)


@pytest.mark.parametrize(
    ("lead", "other", "base"),
    [
        (FLAT, [80, *[100] * 6, *[125] * 7], 100),  # a clause that held before the silence: no news, no base
        ([*[100] * 5, 112], [90, *[100] * 6, 104, 109, 114, 119, 119], 104),  # a rise that was over long before
    ],
)
def test_the_base_is_the_one_of_the_rise_that_was_not_told(lead, other, base):
    con = world.build(world.sellers(6, lead) + world.sellers(1, other, **DELIVERED))
    found = alert_rows(con)[-1]
    assert (found["basis"], found["opened_week"], found["base_price_yuan"]) == ("delivered", "2026-W12", base)


def test_nothing_is_measured_from_one_series_to_another():
    con = world.build(world.sellers(4, [100] * 5) + world.sellers(4, [None] * 5 + [150] * 12, **DELIVERED))
    assert world.leads(con)[-1] == TO_SITE
    assert world.events(con) == []


def test_counties_count_for_the_city_by_their_leads_whatever_those_are():
    rows = []
    kinds = [{}, DELIVERED, UNTAXED, {}, {}]
    for number, (area, kind) in enumerate(zip(world.COUNTIES, kinds, strict=True)):
        rows += world.sellers(3, [100, 100, 112, 112] if number < 3 else [100] * 4, area, **kind)
        noise = UNTAXED if kind == DELIVERED else DELIVERED
        rows += world.sellers(1, [100, 100, 100, 140], area, **noise)
    con = world.build(rows)
    found = alert_rows(con, "411700")
    assert [(row["episode_id"], row["level"], row["county_count"]) for row in found] == [
        ("natural_sand/411700/up/2026-W04", "橙", 3)
    ]
    assert (found[0]["basis"], found[0]["tax"], found[0]["collection_point_count"]) == ("ex_works", "incl", 9)


def test_noise_of_other_series_is_no_city_alert():
    rows = []
    for area in world.COUNTIES:
        rows += world.sellers(3, [100] * 4, area) + world.sellers(1, [100, 100, 120, 120], area, **DELIVERED)
    assert world.rows(world.build(rows), "SELECT * FROM mart.price_alert") == []


@pytest.mark.parametrize(("kind", "lead"), [(DELIVERED, TO_SITE), ({}, PLAIN)])
def test_city_quotes_that_stop_leave_the_counties_to_speak(kind, lead):
    rows = []
    for area in list(world.COUNTIES)[:3]:
        rows += world.sellers(3, [100, 100] + [125] * 12, area)
    con = world.build(rows + world.series([100, 100, 125], area="411700", **kind))
    assert world.events(con, "411700") == [
        ("opened", 2, "橙", None),
        ("closed", 7, "无", "series_ended"),
        ("opened", 7, "橙", None),
    ]
    found = alert_rows(con, "411700")
    assert [(row["basis"], row["base_price_yuan"], row["county_count"]) for row in found] == [
        (lead[1], 100, 3),
        ("ex_works", None, 3),
    ]
    assert world.leads(con, "411700") == [lead] * 7 + [PLAIN] * 7


WAYS = ({}, DELIVERED, UNTAXED)
WORLD = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(1, 4),
        st.lists(st.one_of(st.none(), st.sampled_from([100.0, 104.0, 112.0, 125.0])), min_size=12, max_size=16),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(given_ways=WORLD)
def test_many_ways_one_voice_and_no_hindsight(given_ways):
    """One lead a week, one open episode at most, and what was known at a week is told the same later."""
    rows = []
    for number, (way, count, path) in enumerate(given_ways):
        for seller in range(count):
            rows += world.series(path, market=f"{number}-{seller}", **WAYS[way])
    rows += world.series([50] * 16, area="411721")
    con = world.build(rows)
    assert {
        row["leads"]
        for row in world.rows(
            con,
            "SELECT count(*) FILTER (is_lead) AS leads FROM mart.price_level_week"
            " GROUP BY area_code, product_id, week_start",
        )
    } == {1}
    told = world.rows(
        con, "SELECT * FROM mart.price_alert_event WHERE area_code = '411725' ORDER BY week_start, event_id"
    )
    opened = 0
    for event in sorted(told, key=lambda row: (row["week_start"], row["event"] != "closed")):
        opened += {"opened": 1, "closed": -1}.get(event["event"], 0)
        assert opened in (0, 1)
    assert len({event["event_id"] for event in told}) == len(told)
    for known in (5, 9):
        early = world.build([row for row in rows if row["week_start"] <= world.week(known)])
        for table in ("price_alert_event", "price_level_week"):
            assert world.rows(early, f"SELECT * FROM mart.{table} ORDER BY ALL") == [
                row
                for row in world.rows(con, f"SELECT * FROM mart.{table} ORDER BY ALL")
                if row["week_start"] <= world.week(known)
            ]
