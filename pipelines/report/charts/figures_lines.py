"""Lines over weeks with their names beside their ends; nothing here computes a figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pipelines.report.charts import style
from pipelines.report.charts.figures import WEEK, width_em

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABEL_ROOM = 0.155  # inches between the middles of two labels that would touch
_BESIDE = 0.24  # inches from the last week to its label


@dataclass(frozen=True)
class Line:
    """One line: its label, and by week a value, the unbroken segment it belongs to and whether it is carried.

    Attributes:
        label: text beside its end; empty for none.
        points: value, segment and whether it is carried, by week; a week that is missing is a gap.
        color: of the line and its label.
        dash: dashes of matplotlib.
        width: points.
    """

    label: str
    points: Mapping[dt.date, tuple[float, int, bool]] = field(default_factory=dict)
    color: str = style.MAIN
    dash: str | tuple[float, tuple[float, ...]] = "-"
    width: float = 1.6


def lines(
    panels: Sequence[tuple[str, Sequence[Line]]],
    weeks: Sequence[dt.date],
    unit: str,
    foot: str,
    *,
    is_narrow: bool,
    height_in: float = 2.5,
) -> Figure:
    """Lines in one or more fields above each other, all on the same weeks, each on a scale of its own.

    Args:
        panels: title of the field (may be empty) and its lines, the last one on top.
        weeks: every week of the axis.
        unit: unit of the vertical axis, printed above it.
        foot: foot line.
        is_narrow: for a narrow screen.
        height_in: inches of one field.
    """
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    labels = [line.label for _, found in panels for line in found]
    right = 0.3 + max((width_em(label) for label in labels), default=4.0) * style.BASE / 72
    height = 0.82 + height_in * len(panels)
    whole = style.canvas(width, height, foot, left=0.5, right=right, top=0.3)
    whole.axis("off")
    box = whole.get_position()
    figure = whole.figure
    step = box.height / len(panels)
    for number, (title, found) in enumerate(panels):
        gap = 0.0 if number == len(panels) - 1 else 0.4 / height
        axes = figure.add_axes((box.x0, box.y1 - step * (number + 1) + gap, box.width, step - gap))
        _field(axes, found, weeks, (width * box.width, height * (step - gap)))
        head = "  ".join(text for text in (title, unit if number == 0 else "") if text)
        axes.text(
            0, 1.0, head, transform=axes.transAxes, fontsize=style.SMALL, color=style.MUTED, ha="left", va="bottom"
        )
        _week_ticks(axes, weeks, count=4 if is_narrow else 8, is_last=number == len(panels) - 1)
    return figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def _field(axes: Axes, found: Sequence[Line], weeks: Sequence[dt.date], size_in: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    style.quiet(axes)
    values = [value for line in found for value, _, _ in line.points.values()]
    low, high = min([*values, 99.5]), max([*values, 100.5])
    room = (high - low) * 0.08
    axes.set_ylim(low - room, high + room)
    axes.set_xlim(-0.5, len(weeks) - 0.5)
    ends_at = axes.get_ylim()
    ticks = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(*ends_at)
    axes.set_yticks([tick for tick in ticks if ends_at[0] <= tick <= ends_at[1]])
    axes.grid(axis="y", color=style.PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axhline(100, color=style.RULE, linewidth=1.0, zorder=1)
    axes.tick_params(axis="y", labelsize=style.SMALL, labelcolor=style.MUTED)
    place = {week: number for number, week in enumerate(weeks)}
    ends = []
    for order, line in enumerate(found):
        days = sorted(week for week in line.points if week in place)
        if not days:
            continue
        _broken(axes, line, days, place, zorder=3 + order)
        last = days[-1]
        end = line.points[last][0]
        axes.plot(place[last], end, "o", markersize=3.2, color=line.color, zorder=10)
        if line.label:
            ends.append((end, place[last], line))
    _label_ends(axes, ends, size_in, len(weeks))


def _broken(axes: Axes, line: Line, days: Sequence[dt.date], place: Mapping[dt.date, int], *, zorder: float) -> None:
    """Draw the line: it breaks where a week is missing or a segment ends, and is thin dots where it is carried."""
    runs: list[tuple[bool, list[dt.date]]] = []
    for before, after in pairwise(days):
        (_, s0, _), (_, s1, is_carried) = line.points[before], line.points[after]
        if after - before != WEEK or s0 != s1:
            continue
        if runs and runs[-1][0] == is_carried and runs[-1][1][-1] == before:
            runs[-1][1].append(after)
        else:
            runs.append((is_carried, [before, after]))
    for is_carried, run in runs:
        axes.plot(
            [place[day] for day in run],
            [line.points[day][0] for day in run],
            color=line.color,
            linewidth=1.0 if is_carried else line.width,
            linestyle=(0, (1.0, 1.4)) if is_carried else line.dash,
            zorder=zorder,
        )
    for day in set(days).difference(*(run for _, run in runs)):  # a week alone between two gaps
        axes.plot(place[day], line.points[day][0], ".", markersize=3, color=line.color, zorder=zorder)


def _label_ends(
    axes: Axes, ends: Sequence[tuple[float, int, Line]], size_in: tuple[float, float], count: int
) -> None:
    """Write the labels beside the ends, pushed apart where they would touch; a stroke in its colour leads to each."""
    if not ends:
        return
    week = count / size_in[0]  # weeks an inch
    at_label, gap = count - 1 + _BESIDE * week, 0.03 * week
    low, high = axes.get_ylim()
    room = (high - low) * _LABEL_ROOM / size_in[1]
    ordered = sorted(ends, key=lambda end: (end[0], end[2].label))
    at = [end[0] for end in ordered]
    for number in range(1, len(at)):
        at[number] = max(at[number], at[number - 1] + room)
    over = at[-1] - (high - room / 2)
    if over > 0:
        at[-1] -= over
        for number in range(len(at) - 2, -1, -1):
            at[number] = min(at[number], at[number + 1] - room)
    for y, (end, x, line) in zip(at, ordered, strict=True):
        axes.plot([x, at_label - gap], [end, y], color=line.color, linewidth=1.0, clip_on=False, zorder=2)
        axes.text(at_label, y, line.label, fontsize=style.BASE, va="center", ha="left", clip_on=False)


def _week_ticks(axes: Axes, weeks: Sequence[dt.date], *, count: int, is_last: bool) -> None:
    """Label about `count` weeks with year and number, counted back from the last one, which is always labelled."""
    if not is_last:
        axes.set_xticks([])
        return
    every = max(1, -(-len(weeks) // count))
    places = list(range(len(weeks) - 1, -1, -every))[::-1]
    axes.set_xticks(places, [f"{weeks[place]:%G}"[2:] + f"-W{weeks[place]:%V}" for place in places])
