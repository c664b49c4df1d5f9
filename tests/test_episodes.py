"""Life of an alert: when it opens, rises, falls and closes, worked by hand and on the real series."""

from __future__ import annotations

import price_world as world


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
    assert {row["episode_id"] for row in found} == {"natural_sand/南區/up/m3-ex_works-incl/2019-W01"}


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
