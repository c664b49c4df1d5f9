"""The ladder of methods: which rung speaks from when, why, and on what it looks."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import price_world as world
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.rules import levels, prices, rungs
from pipelines.scoring import alps, ifpa

MONDAY = dt.date(2020, 1, 6)


def rule():
    """The rule as it is now: `make mutants` changes it between tests."""
    return levels.load("price_level")


def rows(path, **other):
    """Measured weeks of one series that is quoted each week, from its index alone."""
    found = []
    for number, index in enumerate(path):
        monday = MONDAY + dt.timedelta(weeks=number)
        before = path[number - 1] if number else None
        month = path[number - 4] if number > 3 else None
        found.append(
            {
                "area_code": "411725", "area_name": "确山县", "is_city_area": True, "product_id": "natural_sand",
                "product_name": "天然砂", "unit": "t", "basis": "ex_works", "tax": "incl", "segment": 1,
                "week_start": monday, "iso_week": monday.strftime("%G-W%V"),
                "last_quoted_on": monday + dt.timedelta(days=3), "price_yuan": index, "price_index": index,
                "quote_count": 4, "collection_point_count": 4, "is_imputed": False,
                "week_share": before and round(index / before - 1, 9), "seven_day_share": None,
                "month_share": month and round(index / month - 1, 9), "year_share": None,
                "low_26w_share": round(index / min(path[max(0, number - 25) : number + 1]) - 1, 9),
                "history_week_count": number + 1, "matched_4w_count": 4 if month else 0,
                "month_se_share": 0.006 if month else None, "week_without_one_share": None,
                "month_without_one_share": month and round(index / month - 1, 9),
            } | other
        )  # fmt: skip
    return found


def wave(weeks, rise=0.0, at=None):
    """A price with a season and a trend; from week `at` on it stands so much higher."""
    season = [100 + 0.05 * week + 4 * math.sin(2 * math.pi * week / 52.18) for week in range(weeks)]
    return [price * (1 + rise) if at is not None and week >= at else price for week, price in enumerate(season)]


def test_a_rung_speaks_from_the_week_its_history_is_there():
    found = rungs.add(rows(wave(170)), rule())
    first: dict[str, int] = {}
    for number, row in enumerate(found):
        first.setdefault(row["best_rung"], number)
    # 53 weeks; 36 calendar months from 2020-01 on are there in the first week whose Thursday is in 2022-12.
    assert first == {"statutory": 0, "significance": 4, "rolling_maximum": 52, "alps": 151}
    assert found[151]["week_start"] == dt.date(2022, 11, 28)


def test_the_reason_says_what_there_is_and_what_the_next_rung_lacks():
    found = rungs.add(rows(wave(60)), rule())
    assert found[9]["rung_reason"] == "significance: 10 of 5 weeks; rolling_maximum needs 53 weeks, 10 seen"
    assert found[59]["rung_reason"] == "rolling_maximum: 60 of 53 weeks; ifpa needs 36 months, 14 seen"


def test_only_the_best_rung_of_those_that_look_at_history_is_heard():
    found = rungs.add(rows(wave(170, 0.2, at=160)), rule())
    assert found[100]["rolling_level"] is not None
    assert found[100]["alps_score"] is found[100]["ifpa_score"] is None
    assert found[160]["rolling_level"] is None
    assert found[160]["alps_score"] > 2
    assert found[160]["ifpa_score"] > 1


def test_scores_are_those_of_the_months_before_and_the_weeks_so_far():
    path = wave(170, 0.1, at=150)
    found = rungs.add(rows(path), rule())
    months: dict[tuple[int, int], list[float]] = {}
    for number, price in enumerate(path[:162]):
        thursday = MONDAY + dt.timedelta(weeks=number, days=3)
        months.setdefault((thursday.year, thursday.month), []).append(price)
    series = np.array([[sum(weeks) / len(weeks) for weeks in months.values()]])
    assert len(months[2023, 2]) == 2  # a month in progress
    assert found[161]["alps_score"] == pytest.approx(alps.scores(series, first_month=1)[0, -1], abs=1e-6)
    assert found[161]["ifpa_score"] == pytest.approx(ifpa.scores(series)[0, -1], abs=1e-6)


def test_highest_of_a_year_and_of_three():
    flat = [100.0] * 60
    found = rungs.add(rows([*flat[:-1], 106.0]), rule())
    assert [found[-1][name] for name in ("rolling_level", "median_13w_share")] == [1, 0.06]
    dear_then = rungs.add(rows([120.0, *([100.0] * 158), 119.0]), rule())
    assert dear_then[-1]["best_rung"] == "alps"  # three years of weeks are 36 months: IFPA and ALPS speak instead
    old = rungs.add(rows([120.0, *([100.0] * 51), 119.0]), rule())
    assert old[-1]["rolling_level"] == 0
    beyond = rungs.add(rows([120.0, *([100.0] * 53), 119.0]), rule())
    assert beyond[-1]["rolling_level"] == 1


def test_the_interval_is_two_errors_wide_on_each_side():
    row = rungs.add(rows([100, 100, 100, 100, 109.0]), rule())[-1]
    assert row["month_low_share"] == pytest.approx(0.09 - 1.96 * 0.006)
    assert row["month_high_share"] == pytest.approx(0.09 + 1.96 * 0.006)


def test_statistics_alone_never_give_more_than_yellow():
    clauses = [clause for clause in rule().clauses if clause.rung != "statutory"]
    assert {clause.rung for clause in clauses} == set(rule().raw["rungs"]) - {"statutory"}
    assert max(clause.rank for clause in clauses) == rule().rank("黄")


def test_the_rung_that_speaks_stands_with_the_level_and_the_event():
    told = prices.price_story(rows([100, 100, 100, 100, 100, 104, 109]), [], {}, rule())
    event = told.events[-1]
    assert (event["event"], event["level"], event["rule"], event["rung"]) == (
        "opened",
        "黄",
        "month_10_sure",
        "significance",
    )
    assert event["without_one_share"] == pytest.approx(0.09)
    assert (told.weeks[-1]["rung"], told.alerts[-1]["rung"]) == ("significance", "significance")


def test_a_fall_is_judged_by_the_same_bounds_and_opens_nothing():
    told = prices.price_story(rows([100, 100, 100, 100, 100, 89.9]), [], {}, rule())
    assert told.events == []
    last = told.weeks[-1]
    assert (last["fall_level"], last["fall_rule"], last["level"]) == ("黄", "week_10", "无")
    assert {row["fall_level"] for row in told.weeks[:-1]} == {"无"}
    yearly = rungs.add(rows([*wave(169), 60.0]), rule())[-1]
    assert yearly["alps_score"] < -2
    assert rungs.fall(yearly, rule())["fall_level"] == "橙"  # 40 % within four weeks


@settings(max_examples=4, deadline=None)
@given(st.integers(150, 168), st.floats(0.5, 2), st.floats(0.01, 50))
def test_a_later_week_changes_no_score_and_a_scale_neither(known_then, last, scale):
    path = wave(168)
    whole = rungs.add(rows([*path, path[-1] * last]), rule())[:known_then]
    then = rungs.add(rows(path[:known_then]), rule())
    scaled = rungs.add(rows([price * scale for price in path[:known_then]]), rule())
    assert then == whole
    for name in ("rolling_level", "best_rung", "rung_reason"):
        assert [row[name] for row in then] == [row[name] for row in scaled]
    for name in ("alps_score", "ifpa_score", "median_13w_share"):
        pairs = zip((row[name] for row in then), (row[name] for row in scaled), strict=True)
        assert all(a == b or a == pytest.approx(b, abs=2e-6) for a, b in pairs)


def test_a_flat_series_of_four_years_never_alerts():
    told = prices.price_story(rows([100.0] * 210), [], {}, rule())
    assert {row["level"] for row in told.weeks} == {"无"}
    assert {row["fall_level"] for row in told.weeks} == {"无"}


def test_a_gap_starts_the_history_again():
    path = rows(wave(70))
    for number, row in enumerate(path):
        row["segment"], row["history_week_count"] = (1, number + 1) if number < 60 else (2, number - 59)
    assert [rungs.add(path, rule())[number]["best_rung"] for number in (59, 60)] == ["rolling_maximum", "statutory"]


def test_the_tables_hold_the_rung_and_its_reason():
    con = world.build(
        [row for market in "甲乙丙丁" for row in world.series([100, 100, 100, 100, 100, 108, 116], market=market)]
    )
    row = world.rows(con, "SELECT * FROM mart.price_alert WHERE area_code = '411725'")[0]
    assert row["rung_reason"].startswith("significance: 7 of 5 weeks")
