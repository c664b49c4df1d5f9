"""Trials on simulated cities: every rule on every shape, and the whole ladder on ever noisier markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.backtest import city, evaluating, following
from pipelines.backtest.city import City, Market
from pipelines.backtest.evaluating import Score
from pipelines.backtest.following import Followed
from pipelines.backtest.shocks import SHAPES

PRODUCTS = 3  # a county quotes so many products, so that a county-year is three series-years
RECALL = 0.95  # the target: detected at least ...
FALSE_RATE = 1.0  # ... at no more false episodes a county and year
NOISE = (0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.10, 0.15)
SELLERS = (1, 2, 3, 4, 6, 9, 12)


@dataclass(frozen=True)
class Trial:
    """One market and what became of its shocks by shape, under one rule."""

    market: Market
    scores: Mapping[str, Score]

    @property
    def total(self) -> Score:
        """All shapes together."""
        return evaluating.total(self.scores)

    @property
    def is_good(self) -> bool:
        """Whether the target is met."""
        recall, false = self.total.recall.value, county_rate(self.total)
        return recall is not None and recall >= RECALL and false <= FALSE_RATE


@dataclass(frozen=True)
class Bench:
    """One simulated city, what each rule said of it, and how right that was."""

    city: City
    followed: Mapping[str, Followed]
    trials: Mapping[str, Trial]


def county_rate(score: Score) -> float:
    """False episodes a county and year: of its three products together."""
    return (score.false_rate.value or 0.0) * PRODUCTS


def on_rules(series: int, seed: int, market: Market | None = None, names: Sequence[str] = ()) -> Bench:
    """Return how each rule did on the same city, each counted where it has its history.

    Args:
        series: series of each shape.
        seed: another seed is another city.
        market: how noisy it is.
        names: the rules, by default the whole ladder and each method alone.
    """
    town = city.build(dict.fromkeys(SHAPES, series), seed, market)
    rows, known = following.measured(town.quotes), list(evaluating.truths(town))
    rules = {name: rule for name, rule in following.rules().items() if name in names or not names}
    followed = {name: following.follow(rows, rule) for name, rule in rules.items()}
    trials = {
        name: Trial(town.market, evaluating.score(known, followed[name], following.since_week(rule, name)))
        for name, rule in rules.items()
    }
    return Bench(town, followed, trials)


def whole(series: int, seed: int, market: Market | None = None) -> Trial:
    """Return a trial of the whole ladder."""
    return on_rules(series, seed, market, [following.WHOLE]).trials[following.WHOLE]


def noisier(series: int, seed: int, noise: Sequence[float] = NOISE) -> list[Trial]:
    """Return trials of the whole ladder on markets whose sellers waver more and more."""
    return [whole(series, seed, Market(quote_sd=sd)) for sd in noise]


def thinner(series: int, seed: int, sellers: Sequence[int] = SELLERS) -> list[Trial]:
    """Return trials of the whole ladder on markets of few to many sellers."""
    return [whole(series, seed, Market(sellers=(count, count))) for count in sellers]
