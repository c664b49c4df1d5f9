"""Price warnings on simulated price cities: the target, and what noise breaks it. Part of `make truth`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipelines.backtest import trials
from pipelines.backtest.city import Market
from pipelines.backtest.evaluating import Score
from pipelines.backtest.intervals import Estimate
from pipelines.backtest.trials import Trial

SERIES = 20  # of each shape, four years each
SWEEP_SERIES = 5


def report(say: Callable[[str], None], *, seed: int, series: int = SERIES, sweep: int = SWEEP_SERIES) -> int:
    """Print the target's figures and what breaks it; return 1 where the target is missed at the base market."""
    base = trials.on_rules(series, seed, names=["whole", "statutory"]).trials
    lasting = trials.whole(series, seed, Market(common_memory=1.0))
    market = base["whole"].market
    say(
        f"price cities, seed {seed}: {series} series of each shape, 4 years; sellers' noise sd {market.quote_sd:.1%},"
        f" common shock sd {market.common_sd:.1%}, {market.sellers[0]} to {market.sellers[1]} quotes a series"
    )
    say(_head("shape"))
    for kind, score in base["whole"].scores.items():
        say(_line(kind, score))
    say(_line("all shapes", base["whole"].total))
    say(_line("all, percentages alone", base["statutory"].total))
    say(_line("all, common shocks that stay", lasting.total))
    say("what breaks it, whole ladder, all shapes:")
    for trial in trials.noisier(sweep, seed):
        say(_line(f"noise sd {trial.market.quote_sd:.1%}", trial.total) + _verdict(trial))
    for trial in trials.thinner(sweep, seed):
        say(_line(f"{trial.market.sellers[0]} sellers", trial.total) + _verdict(trial))
    is_good = base["whole"].is_good and lasting.is_good
    asked = f"{trials.RECALL:.0%} detected at {trials.FALSE_RATE:g} false episode a county-year"
    say(f"price target {'met' if is_good else 'MISSED'}: {asked} (a county quotes {trials.PRODUCTS} products)")
    return int(not is_good)


def _head(what: str) -> str:
    return f"{what:30}{'shocks':>7}  {'detected':24}{'lead':>5}{'黄+':>6}{'false':>6}  false a county-year"


def _line(what: str, score: Score) -> str:
    false = _times(score.false_rate, trials.PRODUCTS)
    lead = "-" if score.lead.value is None else f"{score.lead.value:.0f} d"
    return (
        f"{what:30}{score.shocks:7}  {_shown(score.recall, '.1%'):24}{lead:>5}{score.episodes:6}{score.false:6}"
        f"  {_shown(false, '.2f')}"
    )


def _verdict(trial: Trial) -> str:
    reasons = []
    if (trial.total.recall.value or 0) < trials.RECALL:
        reasons.append("too few detected")
    if trials.county_rate(trial.total) > trials.FALSE_RATE:
        reasons.append("too many false")
    return f"  <- {' and '.join(reasons)}" if reasons else ""


def _times(estimate: Estimate, factor: float) -> Estimate:
    values: Iterable[float | None] = (estimate.value, estimate.low, estimate.high)
    return Estimate(*(None if value is None else value * factor for value in values), estimate.count)


def _shown(estimate: Estimate, form: str) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"
