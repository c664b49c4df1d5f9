"""Back-test: simulated price cities, what counts as detected and false, intervals, hindsight, and the page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import price_world as world
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

from pipelines.backtest import city, evaluating, following, hindsight, intervals, page, shocks, trials, words
from pipelines.backtest.evaluating import Truth
from pipelines.backtest.following import WHOLE, Episode, Followed, LeadWeek
from pipelines.backtest.page import Real, Simulated
from pipelines.errors import WrongCallError
from pipelines.rules import levels

SEED = 57
MONDAY = city.FIRST_WEEK
KEY = ("S0000", "natural_sand")
QUIET = city.Market(quote_sd=0.0, common_sd=0.0, missing_share=0.0, turnover_share=0.0)


@pytest.fixture(scope="module")
def bench() -> trials.Bench:
    return trials.on_rules(2, SEED)


# The target


def test_the_ladder_detects_shocks_without_crying_wolf(bench: trials.Bench) -> None:
    trial = bench.trials[WHOLE]
    assert trial.total.shocks > 40
    assert trial.is_good
    assert trial.total.stood == 0  # no detection is owed to a 黄 that always stands


def test_percentages_alone_detect_less(bench: trials.Bench) -> None:
    alone, whole = bench.trials["statutory"].total, bench.trials[WHOLE].total
    assert alone.detected < whole.detected
    assert alone.recall.value < trials.RECALL


def test_noise_that_drowns_the_market_misses_the_target() -> None:
    assert not trials.whole(1, SEED, city.Market(quote_sd=0.25)).is_good


def test_methods_alone_are_the_methods_of_the_rule_file(bench: trials.Bench) -> None:
    rule = levels.load("price_level")
    assert list(bench.trials) == [WHOLE, *rule.raw["rungs"]]
    parts = [clause.rule for one in list(following.rules().values())[1:] for clause in one.clauses]
    assert sorted(parts) == sorted(clause.rule for clause in rule.clauses)


def test_a_method_counts_only_where_it_has_its_history(bench: trials.Bench) -> None:
    years = {name: trial.total.years for name, trial in bench.trials.items()}
    assert years[WHOLE] == 20 * city.YEARS
    assert years["rolling_maximum"] == 20 * (city.YEARS - 1)
    assert years["alps"] < 20 * 1.1
    assert bench.trials["rolling_maximum"].total.shocks < bench.trials[WHOLE].total.shocks


# Simulated cities


def test_the_same_seed_is_the_same_city() -> None:
    one, same, other = (city.build({"step": 1}, seed, weeks=60) for seed in (1, 1, 2))
    assert one.quotes.equals(same.quotes)
    assert not one.quotes.equals(other.quotes)


def test_without_noise_the_measured_index_is_the_true_one() -> None:
    """All of the path from quotes to index is the real one; quotes are rounded to half a yuan."""
    town = city.build({"ramp": 1}, 3, QUIET, weeks=60)
    rows = following.measured(town.quotes)
    assert len(rows) == 60
    assert [row["price_index"] for row in rows] == pytest.approx(town.true_index[0], rel=0.01)
    assert town.true_index[0].max() > 105


def test_quotes_are_those_of_as_many_sellers_as_asked() -> None:
    town = city.build({"flat": 8}, 3, city.Market(missing_share=0.0), weeks=6)
    sellers = town.quotes.to_pandas().groupby(["area_code", "week_start"]).market.nunique()
    assert set(sellers) <= set(range(4, 10))
    assert sellers.nunique() > 2


def test_one_seller_who_jumps_does_not_move_the_true_index() -> None:
    town = city.build({"single_seller": 2}, 3, QUIET)
    assert (town.true_index == 100).all()
    found = (
        town.quotes.to_pandas()
        .groupby(["area_code", "market"])
        .price_yuan.agg(lambda price: price.max() / price.min())
    )
    assert (found > 1.15).groupby(level=0).sum().to_list() == [1, 1]


@pytest.mark.parametrize("shape", sorted(set(shocks.SHAPES) - {"flat", "single_seller"}))
def test_shapes_rise_and_none_but_creeping_is_too_slow_for_a_shock(shape: str) -> None:
    town = city.build({shape: 6}, 3, QUIET)
    count = sum(len(truth.shocks()) for truth in evaluating.truths(town))
    assert (count == 0) == (shape == "creeping")
    assert np.ptp(town.true_index) > 4


def test_a_province_rises_in_the_same_week_and_a_spike_is_gone_in_a_month() -> None:
    rng = np.random.default_rng(1)
    province = shocks.province(rng, 3, 52).true
    assert (np.argmax(province > 0, axis=1) == np.argmax(province > 0, axis=1)[0]).all()
    spike = shocks.spike(rng, 3, 52).true
    assert ((spike > 0).sum(axis=1) <= 3).all()
    assert (spike.max(axis=1) > 0).all()


# What counts


def told(loud: list[int], reached: list[int]) -> Followed:
    weeks = frozenset(MONDAY + dt.timedelta(weeks=week) for week in loud)
    episodes = tuple(
        Episode(KEY, "甲", MONDAY + dt.timedelta(weeks=week), "黄", 100.0, "", None, None) for week in reached
    )
    return Followed({KEY: weeks}, episodes, {}, {})


def score(path: list[float], loud: list[int], reached: list[int] | None = None, since: int = 0) -> evaluating.Score:
    index = np.array([path])
    rises = evaluating._rise(index, 4, np.nan)[0], evaluating._rise(index, 13, None)[0]
    truth = Truth(KEY, "step", MONDAY, *rises)
    return evaluating.score([truth], told(loud, loud[:1] if reached is None else reached), since)["step"]


STEP = [100.0] * 20 + [110.0] * 20


@pytest.mark.parametrize(
    ("loud", "lead"),
    [([20], [0]), ([21], [7]), ([18, 19], [-14]), ([22], None), ([15], None), ([16], [-28])],
)
def test_a_shock_is_detected_from_four_weeks_before_to_seven_days_after(
    loud: list[int], lead: list[int] | None
) -> None:
    found = score(STEP, loud)
    assert found.shocks == 1
    assert (found.detected, found.lead_days) == ((1, lead) if lead else (0, []))


def test_a_level_that_stood_before_counts_and_is_told_apart() -> None:
    found = score(STEP, list(range(10, 30)))
    assert (found.detected, found.stood, found.lead_days) == (1, 1, [])


def test_a_rise_just_under_ten_percent_is_no_shock() -> None:
    assert score([100.0] * 20 + [109.99] * 20, []).shocks == 0


@pytest.mark.parametrize(
    ("path", "false"), [(STEP, 0), ([100.0] * 20 + [104.9] * 20, 1), ([100.0] * 20 + [105.0] * 20, 0)]
)
def test_an_episode_is_false_where_neither_rise_is_five_percent(path: list[float], false: int) -> None:
    assert score(path, [20]).false == false
    assert score(path, [32]).false == false  # the 13-week rise is still there
    assert score(path, [34]).false == 1


def test_weeks_before_the_history_count_for_nothing() -> None:
    found = score(STEP, [20], since=21)
    assert (found.shocks, found.episodes, found.years) == (0, 0, 19 / 52)


# Intervals


@pytest.mark.parametrize(("hits", "count"), [(0, 5), (5, 5), (19, 20), (500, 1000)])
def test_shares_have_the_interval_of_wilson(hits: int, count: int) -> None:
    found = intervals.share(hits, count)
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, count, method="wilson"), abs=1e-9)


@pytest.mark.parametrize("events", [0, 1, 7, 200])
def test_rates_have_the_exact_interval_of_poisson(events: int) -> None:
    found = intervals.rate(events, 4)
    low = scipy.stats.chi2.ppf(0.025, 2 * events) / 8 if events else 0
    assert (found.low, found.high) == pytest.approx((low, scipy.stats.chi2.ppf(0.975, 2 * events + 2) / 8), rel=1e-6)


@pytest.mark.parametrize("count", [5, 6, 30, 101])
def test_medians_have_the_interval_of_order_statistics(count: int) -> None:
    found = intervals.middle([float(value) for value in range(1, count + 1)])
    rank = int(scipy.stats.binom.ppf(0.025, count, 0.5))
    assert found.value == (count + 1) / 2
    assert found.low == (rank if rank else -np.inf)


def test_nothing_counted_has_no_estimate() -> None:
    assert intervals.share(0, 0).value is None
    assert intervals.middle([]).value is None


# Hindsight


def lead_weeks(path: list[float]) -> tuple[LeadWeek, ...]:
    return tuple(LeadWeek(MONDAY + dt.timedelta(weeks=at), 1, index, True) for at, index in enumerate(path))


def hindsight_of(path: list[float], loud: list[int]) -> hindsight.Tally:
    base = told(loud, loud[:1])
    return hindsight.tally(Followed(base.loud_weeks, base.episodes, {KEY: lead_weeks(path)}, {KEY: "甲"}))


def test_hindsight_tells_rises_that_lasted_from_those_that_passed() -> None:
    lasting = hindsight_of(STEP, [20])
    assert (lasting.lasted, lasting.passed, lasting.rises, lasting.heard) == (1, 0, 1, 1)
    passing = hindsight_of([100.0] * 20 + [120.0] * 2 + [100.0] * 20, [20])
    assert (passing.lasted, passing.passed, passing.rises) == (0, 1, 0)
    young = hindsight_of([100.0] * 20 + [120.0] * 5, [20])
    assert (young.unsaid, young.rises) == (1, 0)


def test_hindsight_does_not_look_across_a_break() -> None:
    weeks = [
        *lead_weeks([100.0] * 20),
        *(LeadWeek(week.week_start, 2, 120.0, True) for week in lead_weeks([1.0] * 40)[20:]),
    ]
    assert hindsight.lasting_rises(weeks) == []


# The page


@pytest.fixture(scope="module")
def south() -> dict[str, Followed]:
    rows = following.measures(world.taiwan())
    return {name: following.follow(rows, following.rules()[name]) for name in (WHOLE, "statutory")}


def test_the_episode_of_2019_is_told_on_the_real_series(south: dict[str, Followed]) -> None:
    found = [one for one in south[WHOLE].episodes if one.key == ("南區", "natural_sand")]
    assert [one.history for one in found] == ["黄 2019-01-04 → 橙 2019-01-18 → 黄 2019-02-08 → 无 2019-03-08"]
    assert found[0].closed_on == dt.date(2019, 4, 19)
    assert {one.max_level for one in south[WHOLE].episodes if one.reached >= dt.date(2020, 5, 1)} <= {"黄"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_figures_seed_and_limits_and_loads_nothing(
    bench: trials.Bench, south: dict[str, Followed], language: str
) -> None:
    one = trials.Trial(bench.city.market, bench.trials[WHOLE].scores)
    simulated = Simulated(bench, 2, [one], [one])
    real = [Real("", True, {}), Real("taiwan.csv", False, south)]
    html = page.render(simulated, real, language, is_simulated_home=True)
    recall = bench.trials[WHOLE].total.recall
    said: dict[str, list[Any]] = {
        "zh": [
            "目标达到",
            "整套方法（实际使用）",
            "局限",
            "种子 57",
            "还没有发布过数据",
            "模拟数据",
            "黄 2019-01-04 → 橙 2019-01-18",
        ],
        "en": ["Target met", "whole ladder (in use)", "Limit", "Seed 57", "Nothing is published", "simulated data"],
    }
    for text in (*said[language], f"{100 * recall.value:.0f}%", "taiwan.csv"):
        assert text in html
    assert "http:" not in html.replace("http://www.w3.org", "")
    assert "https:" not in html
    assert html.count("data:image/svg+xml") == 4


def test_another_language_is_refused() -> None:
    with pytest.raises(WrongCallError, match="zh or en"):
        words.Words("fr")
