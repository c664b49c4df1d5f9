"""The page's charts. Each takes trials or followed weeks and words, and draws; nothing here computes a figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.backtest import evaluating, trials
from pipelines.backtest.city import area_code
from pipelines.backtest.evaluating import WEEK
from pipelines.backtest.following import WHOLE, Followed, Key
from pipelines.backtest.intervals import Estimate
from pipelines.backtest.trials import Bench, Trial
from pipelines.backtest.words import Words
from pipelines.report.charts import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOUD = "#f7e3a1"  # the yellow of the level, pale enough to stand behind a line
MEASURED = "#8fb0cf"


def gallery(bench: Bench, words: Words) -> Figure:
    """One series of each shape: true index, measured index, weeks at 黄 or higher, first true week of each shock."""
    from matplotlib.figure import Figure

    followed = bench.followed[WHOLE]
    known = {truth.key: truth for truth in evaluating.truths(bench.city)}
    shapes = list(dict.fromkeys(bench.city.shapes))
    columns = 2
    lines = -(-len(shapes) // columns)
    figure = Figure(figsize=(style.WIDE_IN, 1.22 * lines))
    grid = figure.subplots(lines, columns, sharex=True, squeeze=False).flatten()
    figure.subplots_adjust(left=0.045, right=0.99, top=0.965, bottom=0.04, hspace=0.5, wspace=0.1)
    for axes, shape in zip(grid, shapes, strict=False):
        number = bench.city.shapes.index(shape)
        truth = known[area_code(number), "natural_sand"]
        index = bench.city.true_index[number]
        for first, last in _runs(followed.loud_weeks.get(truth.key, ())):
            begin, end = (first - truth.first_week) // WEEK, (last - truth.first_week) // WEEK
            axes.axvspan(begin - 0.5, end + 0.5, color=LOUD, linewidth=0, zorder=0)
        seen = followed.lead_weeks.get(truth.key, ())
        weeks = [(week.week_start - truth.first_week) // WEEK for week in seen]
        axes.plot(weeks, [week.price_index for week in seen], color=MEASURED, linewidth=1.8)
        axes.plot(range(len(index)), index, color=style.INK, linewidth=0.9)
        shocks = truth.shocks()
        axes.plot(shocks, [index[week] for week in shocks], "o", color=style.WARN, markersize=4, zorder=4)
        axes.set_title(words(f"shape.{shape}"), loc="left", fontsize=style.BASE, pad=2)
        axes.tick_params(labelsize=style.SMALL - 1)
        axes.set_xlim(0, len(index) - 1)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 85.0), max(high, 118.0))
        axes.set_xticks(range(0, len(index), 52), [f"W{week + 1}" for week in range(0, len(index), 52)])
    return figure


def forest(found: dict[str, Trial], words: Words) -> Figure:
    """Detection and false alarms of each rule with intervals."""
    from matplotlib.figure import Figure

    names = list(found)
    figure = Figure(figsize=(style.WIDE_IN, 0.5 + 0.3 * len(names)))
    both = figure.subplots(1, 2, sharey=True)
    figure.subplots_adjust(left=0.17, right=0.97, top=0.99, bottom=0.2, wspace=0.1)
    for axes, label, target in zip(both, ("recall", "false_rate"), (trials.RECALL, trials.FALSE_RATE), strict=True):
        style.quiet(axes, keep="bottom")
        axes.axvline(target, color=style.FAINT, linewidth=1, linestyle=(0, (4, 3)))
        for place, name in enumerate(names):
            total = found[name].total
            estimate, factor = (total.recall, 1) if label == "recall" else (total.false_rate, trials.PRODUCTS)
            if estimate.value is not None:
                _interval(
                    axes, place, estimate, factor, color=style.MAIN if name == WHOLE else style.MUTED, flat=True
                )
        axes.set_xlim(*((0, 1.02) if label == "recall" else (0, trials.FALSE_RATE * 1.1)))
        axes.set_xlabel(words(f"axis.{label}"), fontsize=style.SMALL)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="y", color=style.PALE)
        axes.set_axisbelow(True)
    both[0].set_yticks(range(len(names)), [words.rule(name) for name in names])
    both[0].xaxis.set_major_formatter(_percent())
    return figure


def sweep(noisier: Sequence[Trial], thinner: Sequence[Trial], words: Words) -> Figure:
    """Detection and false alarms by the noise of the quotes, and by the number of sellers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDE_IN, 3.6))
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    figure.subplots_adjust(left=0.075, right=0.985, top=0.975, bottom=0.125, hspace=0.16, wspace=0.07)
    sides = (
        (noisier, [100 * trial.market.quote_sd for trial in noisier], "noise"),
        (thinner, [float(trial.market.sellers[0]) for trial in thinner], "sellers"),
    )
    for column, (found, places, label) in enumerate(sides):
        for line, (name, target) in enumerate((("recall", trials.RECALL), ("false_rate", trials.FALSE_RATE))):
            axes = panels[line][column]
            style.quiet(axes, keep="left bottom")
            axes.axhline(target, color=style.FAINT, linewidth=1, linestyle=(0, (4, 3)))
            points = []
            for place, trial in zip(places, found, strict=True):
                total = trial.total
                estimate, factor = (total.recall, 1) if name == "recall" else (total.false_rate, trials.PRODUCTS)
                if estimate.value is not None:
                    color = style.MAIN if trial.is_good else style.WARN
                    _interval(axes, place, estimate, factor, color=color, flat=False)
                    points.append((place, estimate.value * factor))
            axes.plot(*zip(*points, strict=True), color=style.FAINT, linewidth=1, zorder=1)
            axes.tick_params(labelsize=style.SMALL)
            if name == "recall":
                worst = min((trial.total.recall.low or 0.0) for trial in (*noisier, *thinner))
                axes.set_ylim(min(worst - 0.01, 0.9), 1.005)
                axes.yaxis.set_major_formatter(_percent())
            else:
                axes.set_ylim(bottom=0)
                axes.set_xticks(places, [f"{place:g}" for place in places])
                axes.set_xlabel(words(f"axis.{label}"), fontsize=style.SMALL)
            if column == 0:
                axes.set_ylabel(words(f"axis.{name}"), fontsize=style.SMALL)
    return figure


def real(followed: Followed, keys: Sequence[Key]) -> Figure:
    """Index of some areas and products, broken where its chain is, over the weeks at 黄 or higher."""
    from matplotlib import dates
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDE_IN, 0.3 + 1.25 * len(keys)))
    panels = figure.subplots(len(keys), 1, sharex=True, squeeze=False).flatten()
    figure.subplots_adjust(left=0.05, right=0.99, top=1 - 0.2 / (0.3 + 1.25 * len(keys)), bottom=0.06, hspace=0.4)
    for axes, key in zip(panels, keys, strict=True):
        for first, last in _runs(followed.loud_weeks.get(key, ())):
            axes.axvspan(_day(first), _day(last + WEEK), color=LOUD, linewidth=0, zorder=0)
        parts: dict[int | None, list[Any]] = {}
        for lead in followed.lead_weeks[key]:
            parts.setdefault(lead.segment, []).append(lead)
        for part in parts.values():
            days = [_day(lead.week_start) for lead in part]
            axes.plot(days, [lead.price_index for lead in part], color=style.MAIN, linewidth=1.2)
        axes.xaxis_date()
        axes.set_title(followed.names[key], loc="left", fontsize=style.BASE, pad=2)
        axes.tick_params(labelsize=style.SMALL - 1)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 90.0), max(high, 110.0))
    panels[-1].xaxis.set_major_formatter(dates.DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]
    return figure


def _day(day: dt.date) -> float:
    """The day as matplotlib counts it."""
    return float((day - dt.date(1970, 1, 1)).days)


def _runs(weeks: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """First and last week of each unbroken run."""
    found: list[tuple[dt.date, dt.date]] = []
    for week in sorted(weeks):
        if found and week - found[-1][1] == WEEK:
            found[-1] = (found[-1][0], week)
        else:
            found.append((week, week))
    return found


def _interval(axes: Axes, place: float, estimate: Estimate, factor: float, *, color: str, flat: bool) -> None:
    value, low, high = ((part or 0.0) * factor for part in (estimate.value, estimate.low, estimate.high))
    line, point = ((low, high), (place, place)), (value, place)
    if not flat:
        line, point = (line[1], line[0]), (place, value)
    axes.plot(*line, color=color, linewidth=2.4, solid_capstyle="butt", alpha=0.45)
    axes.plot(*point, "o", color=color, markersize=5, clip_on=False, zorder=3)


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)
