"""Charts with many small fields: price index by county and product, completeness, verdicts by rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipelines.report.blocks import Row
from pipelines.report.charts import style
from pipelines.report.charts.figures import WEEK, width_em
from pipelines.report.words import Words
from pipelines.rules.levels import NO_LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Key = tuple[str, str]


def price_index(
    series: Mapping[Key, Sequence[Row]],
    areas: Sequence[tuple[str, str]],
    products: Sequence[tuple[str, str]],
    weeks: Sequence[dt.date],
    words: Words,
    foot: str,
    *,
    is_narrow: bool,
) -> Figure:
    """Index lines, a row a county and a column a product, all on one scale, with the last value beside each line.

    Args:
        series: rows of each (area_code, product_id) in order of time.
        areas: codes and names, top to bottom.
        products: ids and names, left to right.
        weeks: first and last week of the axis.
        words: the language.
        foot: foot line.
        is_narrow: for a narrow screen.
    """
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    height = 0.98 + 0.42 * len(areas)
    left = 0.14 + max(width_em(name) for _, name in areas) * style.BASE / 72
    axes = style.canvas(width, height, foot, left=left, top=0.34, right=0.05)
    axes.axis("off")
    shown = [row["price_index"] for rows in series.values() for row in rows if row["price_index"] is not None]
    low, high = float(min([*shown, 99.0])), float(max([*shown, 101.0]))
    span = max((weeks[1] - weeks[0]) // WEEK, 1)
    field = 1.0  # a column is one wide: the line takes `line`, its label the rest
    pill = max(width_em(words.level(level)) for level in style.LEVELS)
    line = (0.48 if is_narrow else 0.6) - 0.028 * (pill - 1)

    def x_of(column: int, week: dt.date) -> float:
        return column * field + line * ((week - weeks[0]) // WEEK) / span

    def y_of(row: int, index: float) -> float:
        return row + 0.86 - 0.72 * (index - low) / (high - low)

    for column, (product_id, product) in enumerate(products):
        axes.text(column * field, -0.12, product, fontsize=style.SMALL + 0.5, color=style.INK, va="bottom")
        for row, (area_code, _) in enumerate(areas):
            ends = [x_of(column, weeks[0]), x_of(column, weeks[1])]
            axes.plot(ends, [y_of(row, 100)] * 2, color=style.RULE, linewidth=0.8, zorder=1)
            points = series.get((area_code, product_id), ())
            if not points:
                axes.text(
                    ends[0],
                    row + 0.5,
                    words("word.not_reported"),
                    fontsize=style.SMALL,
                    color=style.MUTED,
                    va="center",
                )
                continue
            _line(axes, [(x_of(column, p["week_start"]), y_of(row, p["price_index"]), p) for p in points])
            last = points[-1]
            at = x_of(column, last["week_start"]), y_of(row, last["price_index"])
            fill, _text = style.LEVELS[last["level"]]
            has_level = last["level"] != NO_LEVEL
            axes.plot(*at, "o", markersize=3.2, color=fill if has_level else style.INK, zorder=4)
            label = words.number(last["price_index"], 1)
            if last["week_start"] < weeks[1]:
                label += f" ({last['iso_week']})" if "iso_week" in last else f" (W{last['week_start']:%V})"
            beside = ends[1] + 0.02
            axes.text(beside, row + 0.5, label, fontsize=style.BASE, va="center", color=style.INK)
            if not is_narrow:
                change = words.percent(last["month_share"], signed=True)
                axes.text(beside + 0.13, row + 0.5, change, fontsize=style.SMALL, va="center", color=style.MUTED)
            if has_level:
                _pill(axes, beside + (0.31 if is_narrow else 0.285), row + 0.5, last["level"], words)
    for row, (_, name) in enumerate(areas):
        axes.text(-0.02, row + 0.5, name, ha="right", va="center", fontsize=style.BASE)
        axes.plot([0, len(products) * field - 0.02], [row + 1] * 2, color=style.PALE, linewidth=0.8, zorder=0)
    for column in range(len(products)):
        for week, side in ((weeks[0], "left"), (weeks[1], "right")):
            below = 0.42 if is_narrow and side == "right" else 0.1  # side by side they would touch
            axes.text(
                x_of(column, week),
                len(areas) + below,
                f"{week:%y}-W{week:%V}",
                ha=side,
                va="top",
                fontsize=style.SMALL - 0.5,
                color=style.MUTED,
            )
    axes.set_xlim(0, len(products) * field)
    axes.set_ylim(len(areas) + 0.02, 0)
    return axes.figure  # type: ignore[return-value]  # never a sub-figure


def _line(axes: Axes, points: Sequence[tuple[float, float, Row]]) -> None:
    """A line that breaks where weeks are missing or the chain starts anew; carried points dashed, alerts thick."""
    runs: list[tuple[str, bool, list[tuple[float, float]]]] = []
    for (x0, y0, before), (x1, y1, after) in pairwise(points):
        if after["week_start"] - before["week_start"] != WEEK or after["segment"] != before["segment"]:
            continue
        look = (after["level"], bool(after["is_imputed"]))
        if runs and runs[-1][:2] == look and runs[-1][2][-1] == (x0, y0):
            runs[-1][2].append((x1, y1))
        else:
            runs.append((*look, [(x0, y0), (x1, y1)]))
    for level, is_carried, places in runs:
        on = level != NO_LEVEL
        xs, ys = [x for x, _ in places], [y for _, y in places]
        if on:  # a dark rim: a yellow line alone is hard to see on white
            axes.plot(xs, ys, color=style.INK, linewidth=3.6, zorder=3, solid_capstyle="round")
        axes.plot(
            xs,
            ys,
            color=style.LEVELS[level][0] if on else style.MAIN,
            linewidth=2.4 if on else 1.1,
            zorder=3,
            linestyle=(0, (1.5, 1.2)) if is_carried else "-",
            solid_capstyle="round",
        )


def _pill(axes: Axes, x: float, y: float, level: str, words: Words) -> None:
    fill, text = style.LEVELS[level]
    box = {"boxstyle": "round,pad=0.25", "facecolor": fill, "edgecolor": "none"}
    axes.text(x, y, words.level(level), fontsize=style.SMALL, color=text, va="center", bbox=box)


def completeness(
    shares: Mapping[tuple[str, dt.date], float | None],
    places: Sequence[tuple[str, str]],
    weeks: Sequence[dt.date],
    least: float,
    words: Words,
    foot: str,
    *,
    is_narrow: bool,
) -> Figure:
    """A field a place and week with the share of site-days seen; boxed below `least`, crossed without data.

    Args:
        shares: completeness by place code and week.
        places: codes and names, top to bottom.
        weeks: weeks, left to right.
        least: share under which no comparison is made.
        words: the language.
        foot: foot line.
        is_narrow: for a narrow screen, which shows fewer weeks.
    """
    from matplotlib.patches import Rectangle

    shown = list(weeks)[-7:] if is_narrow else list(weeks)
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    left = 0.14 + max(width_em(name) for _, name in places) * style.BASE / 72
    axes = style.canvas(width, 0.68 + 0.235 * len(places), foot, left=left)
    style.quiet(axes)
    for row, (code, _) in enumerate(places):
        for column, week in enumerate(shown):
            share = shares.get((code, week))
            corner = (column - 0.47, row - 0.44)
            if share is None:
                axes.add_patch(Rectangle(corner, 0.94, 0.88, facecolor="#ffffff", edgecolor=style.RULE, hatch="xxx"))
                continue
            dark = share >= 0.97
            fill = "#2b5c8a" if dark else "#9db7d0" if share >= least else "#fbe6d4"
            edge = style.WARN if share < least else "none"
            axes.add_patch(Rectangle(corner, 0.94, 0.88, facecolor=fill, edgecolor=edge, linewidth=1.4))
            axes.text(
                column,
                row,
                words.whole_percent(share, sign=""),
                ha="center",
                va="center",
                fontsize=style.SMALL,
                color="#ffffff" if dark else style.INK,
            )
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xticks(range(len(shown)), [f"W{week.isocalendar().week:02d}" for week in shown])
    axes.set_yticks(range(len(places)), [name for _, name in places])
    return axes.figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def verdicts(
    rows: Sequence[tuple[str, Mapping[str, int]]],
    outcomes: Sequence[tuple[str, str]],
    foot: str,
    *,
    is_narrow: bool,
) -> Figure:
    """A bar a rule, cut by outcome with the number in each part.

    Args:
        rows: title of the rule and projects by outcome.
        outcomes: codes and names, left to right; a part without projects is left out.
        foot: foot line.
        is_narrow: for a narrow screen: the title then stands above its bar.
    """
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    step = 0.62 if is_narrow else 0.4
    left = 0.1 if is_narrow else 0.14 + max((width_em(title) for title, _ in rows), default=6.0) * style.BASE / 72
    key_in = sum(width_em(name) + 3.4 for _, name in outcomes) * style.SMALL / 72
    legend_rows = 2 if is_narrow or key_in > width - left else 1
    height = 0.5 + 0.26 * legend_rows + step * len(rows) + 0.12
    axes = style.canvas(width, height, foot, left=left, top=0.1 + 0.26 * legend_rows)
    style.quiet(axes)
    most = max((sum(counts.values()) for _, counts in rows), default=1) or 1
    thick = 0.42 if is_narrow else 0.62
    for place, (title, counts) in enumerate(rows):
        begin = 0
        middle = place + (0.18 if is_narrow else 0.0)
        for outcome, _ in outcomes:
            count = counts.get(outcome, 0)
            if not count:
                continue
            fill, text, hatch = style.OUTCOMES[outcome]
            edge = style.HATCH_INK if hatch == "////" else "#c3cbd3" if hatch else "#ffffff"
            axes.barh(middle, count, left=begin, height=thick, color=fill, hatch=hatch, edgecolor=edge, linewidth=0.8)
            axes.text(
                begin + count / 2,
                middle,
                str(count),
                ha="center",
                va="center",
                color=text,
                fontsize=style.SMALL + 0.5,
            )
            begin += count
        if is_narrow:
            axes.text(0, place - 0.2, title, fontsize=style.BASE, va="center")
    _outcome_key(axes, outcomes, columns=6 // legend_rows)
    axes.set_xlim(0, most * 1.01)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([] if is_narrow else range(len(rows)), [] if is_narrow else [title for title, _ in rows])
    return axes.figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def _outcome_key(axes: Axes, outcomes: Sequence[tuple[str, str]], *, columns: int) -> None:
    from matplotlib.patches import Patch

    patches = []
    for outcome, name in outcomes:
        fill, _, hatch = style.OUTCOMES[outcome]
        edge = style.HATCH_INK if hatch else "#c3cbd3"
        patches.append(Patch(facecolor=fill, hatch=hatch, edgecolor=edge, label=name))
    axes.legend(
        handles=patches,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        frameon=False,
        fontsize=style.SMALL,
        handlelength=1.2,
        handleheight=0.9,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
