"""Index, price levels and supply levels: worked by hand, on the real series, and by their properties."""

from __future__ import annotations

import datetime as dt
import math
from math import sqrt
from statistics import stdev
from typing import Any

import price_world as world
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import catalog
from pipelines.errors import MachineError
from pipelines.rules import levels, prices
from pipelines.rules.supply import supply_weeks
from pipelines.settings import ROOT

INDEX = "SELECT * FROM mart.price_index_week ORDER BY area_code, product_id, unit, basis, tax, week_start"
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATH = st.lists(st.floats(min_value=40, max_value=200), min_size=3, max_size=14)


def cases(rule: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "sql" / "policy" / rule / "cases.yaml").read_text("utf-8"))
    return found


# Index


def test_index_is_the_chained_geometric_mean_of_matched_relatives():
    con = world.build(
        world.series([100, 110, 121], market="甲") + world.series([80, 80, 100], market="乙"),
    )
    found = world.rows(con, INDEX)
    step = sqrt(1.1 * 1.0)
    assert found[0]["price_index"] == 100
    assert found[1]["price_index"] == pytest.approx(100 * step, abs=1e-6)
    assert found[2]["price_index"] == pytest.approx(100 * step * sqrt(1.1 * 1.25), abs=1e-6)
    assert found[0]["price_yuan"] == pytest.approx(sqrt(100 * 80), abs=1e-4)
    assert [row["matched_quote_count"] for row in found] == [0, 2, 2]
    assert {row["base_week"] for row in found} == {"2026-W02"}


def test_the_error_of_a_month_is_how_far_its_lines_lie_apart():
    paths = ([100, 100, 100, 100, 110, 110], [200, 200, 200, 200, 216, 220], [50, 50, 50, 50, 56, 55])
    con = world.build(
        [row for number, path in enumerate(paths) for row in world.series(path, market=f"市场{number}")]
    )
    found = world.rows(con, "SELECT * FROM mart.price_index_week ORDER BY week_start")
    logs = [math.log(1.10), math.log(1.08), math.log(1.12)]
    fourth, fifth = found[4], found[5]
    assert (fourth["matched_4w_count"], found[3]["matched_4w_count"], found[3]["change_4w_se_share"]) == (3, 0, None)
    assert fourth["change_4w_se_share"] == pytest.approx(stdev(logs) / sqrt(3), abs=1e-9)
    # The week after has no spread at all: its error is that of both weeks together.
    assert fifth["change_4w_se_share"] == pytest.approx(stdev(logs) / sqrt(2) / sqrt(3), abs=1e-9)
    assert fourth["change_4w_without_one_share"] == pytest.approx(math.exp((logs[0] + logs[1]) / 2) - 1, abs=1e-9)
    assert fourth["change_1w_without_one_share"] == fourth["change_4w_without_one_share"]
    assert [row["history_week_count"] for row in found] == [1, 2, 3, 4, 5, 6]


def test_one_line_has_no_error_and_nothing_without_itself():
    found = world.rows(world.build(world.series([100, 100, 100, 100, 130])), "SELECT * FROM mart.price_index_week")
    assert {(row["change_4w_se_share"], row["change_4w_without_one_share"]) for row in found} == {(None, None)}


def test_a_dear_newcomer_moves_the_price_level_but_not_the_index():
    con = world.build(world.series([100, 100, 100], market="甲") + world.series([None, 300, 300], market="乙"))
    found = world.rows(con, INDEX)
    assert [row["price_index"] for row in found] == [100, 100, 100]
    assert found[1]["price_yuan"] == pytest.approx(sqrt(100 * 300), abs=1e-4)
    assert [row["collection_point_count"] for row in found] == [1, 2, 2]


def test_the_last_quote_of_the_week_counts():
    tuesday = world.week(0) + dt.timedelta(days=1)
    con = world.build([world.quote(0, 100), world.quote(0, 90, on=tuesday), world.quote(1, 110)])
    found = world.rows(con, INDEX)
    assert found[0]["price_yuan"] == 100
    assert found[0]["quote_count"] == 1
    assert found[1]["change_1w_share"] == pytest.approx(0.1)


def test_four_missing_weeks_are_carried_and_flagged():
    con = world.build(world.series([100, None, None, None, None, 110]))
    found = world.rows(con, INDEX)
    assert [row["is_imputed"] for row in found] == [False, True, True, True, True, False]
    assert {row["segment"] for row in found} == {1}
    assert found[4]["last_quoted_on"] == dt.date(2026, 1, 8)
    assert found[5]["price_index"] == pytest.approx(110)


def test_five_missing_weeks_start_a_new_segment_without_a_change_across():
    con = world.build(world.series([100, None, None, None, None, None, 150, 165]))
    found = world.rows(con, INDEX)
    assert [row["segment"] for row in found] == [1, 1, 1, 1, 1, 2, 2]
    first = found[5]
    assert (first["price_index"], first["change_1w_share"], first["change_4w_share"]) == (100, None, None)
    assert first["base_week"] == "2026-W08"
    assert first["rise_from_26w_low_share"] == 0
    assert found[6]["change_1w_share"] == pytest.approx(0.1)


def test_no_point_is_carried_past_the_newest_week_of_the_data():
    con = world.build(world.series([100, None, None], area="411721") + world.series([90, 91, 92]))
    found = [row for row in world.rows(con, INDEX) if row["area_code"] == "411721"]
    assert [row["week_start"] for row in found] == [world.week(0), world.week(1), world.week(2)]


@pytest.mark.parametrize("change", [{"unit": "m3"}, {"basis": "delivered"}, {"tax": "excl"}])
def test_unlike_prices_are_different_series(change):
    con = world.build([world.quote(0, 100), world.quote(1, 150, **change)])
    found = world.rows(con, INDEX)
    fresh = [row for row in found if all(row[name] == value for name, value in change.items())]
    assert [row["change_1w_share"] for row in fresh] == [None]
    assert world.events(con) == []


def test_another_publisher_breaks_the_chain():
    con = world.build([world.quote(0, 100), world.quote(1, 150, quote_source="另一来源")])
    assert [row["segment"] for row in world.rows(con, INDEX)] == [1, 1]  # the old line is carried, so it still links
    assert [row["price_index"] for row in world.rows(con, INDEX)] == [100, 100]
    con = world.build(
        world.series([100]) + [world.quote(number, 150, quote_source="另一来源") for number in range(5, 8)]
    )
    found = world.rows(con, INDEX)
    assert [(row["segment"], row["price_index"]) for row in found][-3:] == [(2, 100), (2, 100), (2, 100)]
    assert world.events(con) == []


def test_unknown_tax_is_a_kind_of_its_own():
    con = world.build(world.series([100, 112], tax=None) + world.series([100, 100]))
    found = [row for row in world.rows(con, INDEX) if row["tax"] is None]
    assert [row["price_index"] for row in found] == [100, pytest.approx(112)]
    assert world.rows(con, "SELECT * FROM mart.price_alert") == []  # the one that says its tax leads
    con = world.build(world.series([100, 112], tax=None))
    assert world.rows(con, "SELECT tax, level FROM mart.price_alert") == [{"tax": None, "level": "黄"}]


def test_every_column_is_described_in_order():
    con = world.build(world.series([100, 101]))
    files = [
        ("mart.price_index_week", ROOT / "sql" / "mart" / "price_index_week.sql"),
        *((name, model.path) for name, model in prices.tables().items()),
    ]
    for name, path in files:
        header = catalog.header_of(path.read_text("utf-8"), path.name)
        assert list(header["columns"]) == [row["column_name"] for row in world.rows(con, f"DESCRIBE {name}")]
    for rule in ("price_level", "supply_level"):
        text = (ROOT / "sql" / "policy" / rule / "measure.sql").read_text("utf-8")
        described = world.rows(con, f"DESCRIBE {text[text.index('*/') + 2 :]}")
        assert list(catalog.header_of(text, rule)["columns"]) == [row["column_name"] for row in described]


def test_judged_tables_carry_a_comment_on_every_column():
    con = world.build(world.series([100, 120]))
    for name in prices.tables():
        table = name.removeprefix("mart.")
        found = world.rows(
            con, "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND comment IS NULL", table
        )
        assert found == []
        assert world.rows(con, "SELECT comment FROM duckdb_tables() WHERE table_name = ?", table)[0]["comment"]


# Levels


@pytest.mark.parametrize("case", cases("price_level")["cases"], ids=lambda case: case["name"])
def test_price_case(case):
    ladder = levels.Ladder(levels.load("price_level"), is_city=case.get("is_city", False))
    _, met = ladder.climb(case["given"])
    assert (ladder.rule.level(ladder.rank()), [clause.rule for clause in met]) == (case["level"], case["rules_met"])


def test_every_clause_and_level_has_a_case():
    rule = levels.load("price_level")
    told = cases("price_level")["cases"]
    assert {clause.rule for clause in rule.clauses} <= {name for case in told for name in case["rules_met"]}
    assert {*rule.levels, "无"} == {case["level"] for case in told}
    supply = levels.load("supply_level")
    told = cases("supply_level")["cases"]
    assert {clause.rule for clause in supply.clauses} == {case["rule"] for case in told if "rule" in case}
    assert {reason for reason, _ in supply.conditions} < {case.get("reason") for case in told}


def test_zhangzhou_figures_come_from_the_published_prices():
    assert round(122.75 / 111.63 - 1, 4) == 0.0996
    assert round(122.75 / 100.63 - 1, 4) == 0.2198
    assert round(122.75 / 80.00 - 1, 4) == 0.5344


def test_every_figure_says_where_it_comes_from():
    for name in ("price_level", "supply_level"):
        rule = levels.load(name)
        for clause in (*rule.clauses, *rule.tight):
            for bound in clause.bounds:
                assert bound.source
                assert bound.is_system_default == (bound.source == "系统默认"), clause.rule


def test_the_lead_series_is_chosen_by_figures_that_say_whose_they_are():
    life = levels.load("price_level").raw["life"]
    for name in ("lead_weeks", "lead_takeover_share"):
        assert (life[name]["source"], life[name]["is_system_default"]) == ("系统默认", True)


def test_a_broken_rule_file_is_named(tmp_path):
    (tmp_path / "price_level").mkdir()
    (tmp_path / "price_level" / "rule.yaml").write_text("rule: price_level\nlevels: [{any_of: []}]\n")
    with pytest.raises(MachineError, match=r"price_level/rule\.yaml"):
        levels.load("price_level", tmp_path)


@pytest.mark.parametrize(("price", "level"), [(105, "蓝"), (104.99, "无"), (110, "黄"), (109.99, "蓝"), (130, "红")])
def test_bounds_are_included_after_the_logarithms(price, level):
    con = world.build(world.series([100, price]) + world.series([300, 3 * price], area="411721"))
    found = world.rows(
        con, "SELECT level FROM mart.price_level_week WHERE week_start = ? AND segment = 1", world.week(1)
    )
    assert [row["level"] for row in found] == [level, level]


def test_thirty_percent_over_a_missed_week_is_not_within_seven_days():
    con = world.build(world.series([100, 100, None, 131]))
    found = world.rows(con, "SELECT * FROM mart.price_alert")
    assert (found[0]["level"], found[0]["rules_met"]) == ("黄", "week_5,week_10,low26_20")


def test_few_points_are_flagged_and_not_silenced():
    con = world.build(world.series([100, 112]))
    assert [row["is_low_sample"] for row in world.rows(con, "SELECT * FROM mart.price_alert")] == [True]
    three = [row for market in "甲乙丙" for row in world.series([100, 112], market=market)]
    assert [row["is_low_sample"] for row in world.rows(world.build(three), "SELECT * FROM mart.price_alert")] == [
        False
    ]


def test_falls_are_noted_and_open_nothing():
    con = world.build(world.series([100, 60, 60]))
    found = world.rows(con, "SELECT is_fall_noted FROM mart.price_level_week WHERE segment = 1 ORDER BY week_start")
    assert [row["is_fall_noted"] for row in found] == [False, True, False]
    assert world.events(con) == []


def test_neighbours_are_the_other_counties_of_the_same_week():
    con = world.build(
        world.series([100, 120]) + world.series([100, 100], area="411721") + world.series([90, 92], area="411722")
    )
    found = world.rows(con, "SELECT * FROM mart.price_alert WHERE area_code = '411725'")[0]
    assert (found["neighbour_count"], found["neighbour_price_yuan"], found["neighbour_spread_share"]) == (2, 96, 0.25)


# Supply


@pytest.mark.parametrize("case", cases("supply_level")["cases"], ids=lambda case: case["name"])
def test_supply_case(case):
    usual = cases("supply_level")["usual"]
    measured = [
        {"county_code": "411725", "week_start": world.week(number), **usual, **given}
        for number, given in enumerate(case["weeks"])
    ]
    last = supply_weeks(measured, levels.load("supply_level"))[-1]
    assert (last["level"], last["rule"], last["reason"], last["supply_state"]) == (
        case["level"],
        case.get("rule"),
        case.get("reason"),
        case["state"],
    )
    for name in ("stock_reason", "cover_reason"):
        if name in case:
            assert last[name] == case[name]


def site_week(
    site: str,
    number: int,
    dispatch: float,
    seen: int = 7,
    county: str = "411725",
    holiday: bool = False,
    days: int = 7,
):
    """A week of a site; the calendar, and so what is expected, ends after `days` of it."""
    last = f"{world.week(number) + dt.timedelta(days=days - 1)} 23:30:00+08" if seen else None
    return (site, county, world.week(number), dispatch, days, seen, seen / days, holiday, last)


def supply(weeks):
    con = world.empty()
    con.executemany("INSERT INTO mart.site_week VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", weeks)
    world.judge(con)
    return world.rows(
        con, "SELECT * FROM mart.supply_level_week WHERE county_code <> '411700' ORDER BY county_code, week_start"
    )


def test_supply_is_same_site_dispatch_over_its_median():
    weeks = [site_week(site, number, 1000) for site in "ABC" for number in range(9)]
    weeks += [site_week(site, 9, 840) for site in "ABC"]
    found = supply(weeks)
    assert [row["level"] for row in found] == [None] * 4 + ["无"] * 5 + ["蓝"]
    assert {row["reason"] for row in found[:4]} == {"history_short"}
    assert (found[9]["same_site_share"], found[9]["value"], found[9]["bound"]) == (0.84, 0.84, 0.85)
    assert {(row["supply_state"], row["is_tight"]) for row in found} == {("供应未知", None)}


def test_a_new_or_silent_site_does_not_move_the_ratio():
    weeks = [site_week(site, number, 1000) for site in "ABCDE" for number in range(9)]
    weeks += [site_week(site, 9, 1000) for site in "ABCD"]  # E is silent: 80 % of the site-days are seen
    weeks += [site_week("E", 9, 0, seen=0), site_week("NEW", 9, 5000)]
    last = supply(weeks)[-1]
    assert (last["same_site_share"], last["same_site_count"], last["level"]) == (1.0, 4, "无")
    assert last["completeness_share"] == pytest.approx(35 / 42)


def test_holiday_weeks_are_not_judged_and_stay_out_of_the_median():
    weeks = [site_week("A", number, 1000) for number in range(4)]
    weeks += [site_week("A", number, 100, holiday=True) for number in range(4, 8)]
    weeks += [site_week("A", 8, 1000)]
    found = supply(weeks)
    assert [row["reason"] for row in found[4:8]] == ["holiday_week"] * 4
    assert (found[8]["base_week_count"], found[8]["same_site_share"], found[8]["level"]) == (4, 1.0, "无")


@pytest.mark.parametrize(
    ("days", "level", "reason"), [(3, None, "week_running"), (6, None, "week_running"), (7, "蓝", None)]
)
def test_a_week_is_judged_when_its_sunday_was_weighed(days, level, reason):
    weeks = [site_week(site, number, 1000) for site in "ABC" for number in range(9)]
    weeks += [site_week(site, 9, 400, seen=days, days=days) for site in "ABC"]
    found = supply(weeks)
    assert (found[-1]["level"], found[-1]["reason"]) == (level, reason)
    assert [row["missing_day_count"] for row in found] == [0] * 9 + [7 - days]
    assert found[-2]["level"] == "无"


def test_a_silent_county_is_not_taken_for_a_running_week():
    """The end of the data is that of all sites: a county that stopped on Wednesday has a whole, incomplete week."""
    weeks = [site_week("A", number, 1000) for number in range(9)] + [site_week("B", 9, 1000, county="411721")]
    weeks += [(*site_week("A", 9, 400, seen=3)[:-1], f"{world.week(9) + dt.timedelta(days=2)} 10:00:00+08")]
    last = next(row for row in supply(weeks) if row["county_code"] == "411725" and row["week_start"] == world.week(9))
    assert (last["level"], last["reason"], last["missing_day_count"]) == (None, "completeness_low", 0)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_unknown(value):
    rule = levels.load("price_level")
    given = dict.fromkeys(("week_share", "seven_day_share", "month_share", "year_share", "low_26w_share"), value)
    assert levels.Ladder(rule).climb(given) == ([], [])
    assert {bound.is_met(given) for clause in rule.clauses for bound in clause.bounds} == {None}
    usual = {**cases("supply_level")["usual"], "county_code": "411725", "week_start": world.week(0)}
    rated = supply_weeks([usual | {"same_site_share": value, "stock_days": value}], levels.load("supply_level"))
    assert (rated[0]["level"], rated[0]["reason"], rated[0]["is_tight"]) == (None, "measure_missing", None)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_price_that_is_no_number_opens_and_moves_nothing(value):
    con = world.build(world.series([100, 100, value, 100, 100, 112]) + world.series([100] * 6, area="411721"))
    for table in ("price_level_week", "price_alert", "price_alert_event"):
        numbers = [
            cell
            for row in world.rows(con, f"SELECT * FROM mart.{table}")
            for cell in row.values()
            if isinstance(cell, float)
        ]
        assert all(math.isfinite(cell) for cell in numbers), table
    assert {event for event in world.events(con) if event[1] < 5} == set()  # the rise of week 5 is a real one


def test_texts_from_outside_are_kept_as_they_came():
    name = "5#'砂\"; DROP TABLE mart.price_alert; --\n" + "长" * 5000
    con = world.build(world.series([100, 112], area=name, product_id=name, product_name=name))
    for table in ("price_alert", "price_alert_event"):
        found = world.rows(con, f"SELECT * FROM mart.{table}")
        assert [(row["product_id"], row["product_name"], row["area_name"]) for row in found] == [(name, name, name)]


def story(levels_given, tight_from: int | None = None, **columns):
    """Judge a series with a supply that turns tight in a week, as later feeds will tell it."""
    con = world.build(world.series(levels_given))
    measured = prices.measures(con, "price_level")
    usual = cases("supply_level")["usual"] | columns
    given = [
        {"county_code": "411725", "week_start": world.week(number), **usual}
        | ({"stock_days": 5.0} if tight_from is not None and number >= tight_from else {})
        for number in range(len(levels_given))
    ]
    rated = supply_weeks(given, levels.load("supply_level"))
    return prices.price_story(measured, rated, {"411700": "驻马店市"}, levels.load("price_level"))


def test_dear_and_tight_is_one_red_event_that_shows_the_price():
    told = story([100, 100, 108, 116, 122, 122], tight_from=5)
    last = told.events[-1]
    assert (last["event"], last["level"], last["rule"]) == ("raised", "红", "dear_and_tight")
    assert (last["value"], last["bound"]) == (pytest.approx(0.22), 0.20)
    assert last["supply_state"] == "供应紧张"
    week = next(row for row in told.weeks if row["week_start"] == world.week(5) and row["area_code"] == "411725")
    assert (week["level"], week["price_level"]) == ("红", "橙")


def test_unknown_supply_is_never_tight():
    told = story([100, 100, 108, 116, 122, 122])
    assert {event["level"] for event in told.events} == {"蓝", "橙"}
    assert {event["supply_state"] for event in told.events} == {"供应未知"}


def test_tight_and_cheap_is_no_price_alert():
    assert story([100, 100, 100, 101, 101, 101], tight_from=2).events == []


# The real series


def test_taiwan_units_are_never_chained():
    con = world.taiwan()
    found = world.rows(con, "SELECT DISTINCT area_code, unit, basis, tax FROM mart.price_index_week")
    assert {row["unit"] for row in found} == {"m3", "t"}
    across = world.rows(
        con,
        "SELECT * FROM mart.price_index_week WHERE unit = 't' AND week_start < '2020-05-25' AND change_1w_share <> 0",
    )
    assert across == []
    firsts = world.rows(
        con,
        "SELECT unit, min(week_start) AS first_week, max(week_start) AS last_week FROM mart.price_index_week"
        " WHERE NOT is_imputed GROUP BY unit ORDER BY unit",
    )
    assert firsts[0]["last_week"] < firsts[1]["first_week"]


def test_taiwan_counties_stay_at_yellow_or_below():
    con = world.taiwan()
    found = world.rows(con, "SELECT DISTINCT level FROM mart.price_level_week WHERE unit = 't'")
    assert {row["level"] for row in found} <= {"无", "蓝", "黄"}
    assert world.rows(con, "SELECT count(*) AS n FROM mart.price_level_week WHERE unit = 't'")[0]["n"] > 500


# Properties


def told_levels(con):
    return world.rows(
        con, "SELECT week_start, level, rule_level, rule FROM mart.price_level_week ORDER BY area_code, week_start"
    )


@FEW
@given(path=PATH, scale=st.sampled_from([0.01, 0.3, 7.0, 1000.0]))
def test_scaling_all_prices_changes_no_level(path, scale):
    assert told_levels(world.build(world.series(path))) == told_levels(
        world.build(world.series([price * scale for price in path]))
    )


@FEW
@given(path=PATH)
def test_a_later_week_changes_no_earlier_level(path):
    whole = told_levels(world.build(world.series(path)))
    for known in (len(path) // 2, len(path) - 1):
        part = told_levels(world.build(world.series(path[:known])))
        assert part == [row for row in whole if row["week_start"] <= world.week(known - 1)]


@FEW
@given(price=st.floats(min_value=1, max_value=1000), missing=st.sets(st.integers(1, 59), max_size=40))
def test_a_flat_series_never_alerts(price, missing):
    con = world.build(world.series([None if number in missing else price for number in range(60)]))
    assert world.rows(con, "SELECT * FROM mart.price_alert") == []


def test_nothing_quoted_gives_empty_tables():
    con = world.build([])
    assert world.rows(con, "SELECT count(*) AS n FROM mart.price_alert") == [{"n": 0}]
