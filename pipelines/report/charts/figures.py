"""The report's charts. Each takes rows of a query and words, and draws; nothing here computes a figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipelines.report.blocks import Row
from pipelines.report.charts import style
from pipelines.report.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEEK = dt.timedelta(weeks=1)


def trend(
    rows: Sequence[Row],
    weeks: Sequence[dt.date],
    words: Words,
    foot: str,
    *,
    column: str,
    is_low: dict[dt.date, bool],
    spans: Mapping[dt.date, tuple[float, float, float]] = MappingProxyType({}),
    digits: int = 0,
    height_in: float = 2.35,
) -> Figure:
    """Weekly columns of one figure; a week without data stays empty, an incomplete one is hatched.

    Args:
        rows: one row a week, with week_start, is_holiday_week and `column`.
        weeks: every week of the axis, also those without a row.
        words: the language.
        foot: foot line.
        column: figure that is drawn.
        is_low: weeks whose feed is incomplete.
        spans: estimate with the ends of its interval, of weeks in which something is missing.
        digits: decimals of the labels.
        height_in: height of the figure in inches.
    """
    axes = style.canvas(style.HALF_IN, height_in, foot, left=0.12, top=0.12)
    style.quiet(axes, keep="bottom")
    axes.set_yticks([])
    values = {row["week_start"]: float(row[column]) for row in rows if row[column] is not None}
    top = max([*values.values(), *(high for _, _, high in spans.values())], default=0) or 1
    for place, week in enumerate(weeks):
        value, is_last = values.get(week), week == weeks[-1]
        if value is None:
            axes.text(place, top * 0.02, "×", ha="center", va="bottom", color=style.FAINT, fontsize=style.SMALL)
            continue
        color = style.MAIN if is_last else "#a9bdd0"
        hollow = is_low.get(week, False)
        axes.bar(
            place,
            value,
            width=0.78,
            color="#ffffff" if hollow else color,
            edgecolor=color,
            hatch="////" if hollow else None,
            linewidth=0.8,
        )
        if week in spans:
            middle, low, high = spans[week]
            axes.plot([place, place], [low, high], color=style.INK, linewidth=1.0, solid_capstyle="butt", zorder=4)
            axes.plot(place, middle, "o", color=style.INK, markersize=2.2, zorder=4)
    known = [place for place, week in enumerate(weeks) if week in values]
    if known:
        highest = max(known, key=lambda place: values[weeks[place]])
        for place in [known[-1]] + [highest] * (known[-1] - highest > 3):
            color = style.INK if place == known[-1] else style.MUTED
            text = words.number(values[weeks[place]], digits)
            beside = weeks[max(place - 4, 0) : place + 1]  # what the words lie over
            tops = [
                *(values.get(week, 0.0) for week in beside),
                *(spans[week][2] for week in beside if week in spans),
            ]
            side = "right" if place >= len(weeks) - 2 else "left" if place < 2 else "center"
            at = place + 0.4 if side == "right" else place - 0.4 if side == "left" else place
            axes.text(
                at,
                max(tops) + top * 0.03,
                text,
                ha=side,
                color=color,
                fontsize=style.SMALL + 0.5,
                path_effects=style.halo(),
            )
    for row in rows:
        if row.get("is_holiday_week") and row["week_start"] in values:
            place = (row["week_start"] - weeks[0]) // WEEK
            on_dark = row["week_start"] == weeks[-1] and not is_low.get(row["week_start"], False)
            axes.text(
                place,
                top * 0.02,
                words("figure.holiday"),
                ha="center",
                va="bottom",
                fontsize=6.5,
                color="#ffffff" if on_dark else style.INK,
            )
    axes.set_xlim(-0.6, len(weeks) - 0.4)
    axes.set_ylim(0, top * 1.12)
    week_ticks(axes, weeks, every=5 if len(weeks) > 14 else 3)
    return axes.figure  # type: ignore[return-value]  # never a sub-figure


def by_place(
    labels: Sequence[str],
    values: Sequence[float | None],
    notes: Sequence[str],
    before: Sequence[float | None],
    foot: str,
    *,
    hollow: Sequence[bool] = (),
    height_in: float = 0.0,
) -> Figure:
    """Horizontal bars in the given order; a short upright mark is what the value is compared with.

    Args:
        labels: names of the bars.
        values: their lengths; None leaves the bar out, the note says why.
        notes: text beside each bar.
        before: compared values, None for no mark.
        foot: foot line.
        hollow: bars on incomplete data.
        height_in: height of the figure in inches, by default by the number of bars.
    """
    height = height_in or bar_height(len(labels))
    widest = max((width_em(label) for label in labels), default=4.0)
    axes = style.canvas(style.HALF_IN, height, foot, left=0.14 + widest * style.BASE / 72)
    style.quiet(axes, keep="left")
    top = max([value for value in (*values, *before) if value] or [1.0])
    ends: list[float] = []
    for place, value in enumerate(values):
        if value is not None:
            is_hollow = bool(hollow) and hollow[place]
            axes.barh(
                place,
                value,
                height=0.62,
                color="#ffffff" if is_hollow else style.MAIN,
                edgecolor=style.MAIN,
                hatch="////" if is_hollow else None,
                linewidth=0.8,
            )
        mark = before[place]
        if mark is not None:
            axes.plot([mark, mark], [place - 0.4, place + 0.4], color=style.BEFORE, linewidth=1.6, zorder=3)
        end = max(value or 0.0, mark or 0.0)
        ends.append(end)
        axes.text(end + top * 0.02, place, notes[place], va="center", fontsize=style.SMALL + 0.3)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xticks([])
    wide_in = style.HALF_IN - 0.14 - 0.15 - widest * style.BASE / 72
    axes.set_xlim(
        0, max([top * 1.05, *(_room(end, note, top, wide_in) for end, note in zip(ends, notes, strict=True))])
    )
    return axes.figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def _room(end: float, note: str, top: float, wide_in: float) -> float:
    """The end of an axis of so many inches on which the note beside a bar still fits."""
    note_in = (width_em(note) + 0.6) * (style.SMALL + 0.3) / 72
    return (end + top * 0.02) * wide_in / max(wide_in - note_in, 0.3)


def bar_height(count: int) -> float:
    """Height in inches of a figure with so many bars."""
    return 0.7 + 0.225 * max(count, 2)


def two_rates(
    labels: Sequence[str],
    sides: Sequence[tuple[str, Sequence[float | None], Sequence[str]]],
    foot: str,
    *,
    is_narrow: bool,
) -> Figure:
    """Two rates of the same places side by side, each on its own axis from 0 to 100 % (or more where it is more).

    Args:
        labels: places, top to bottom.
        sides: title, shares and texts of each of the two.
        foot: foot line.
        is_narrow: for a narrow screen.
    """
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    height = 1.0 + 0.235 * len(labels)
    left = 0.14 + max((width_em(label) for label in labels), default=4.0) * style.BASE / 72
    whole = style.canvas(width, height, foot, left=left, top=0.34)
    whole.axis("off")
    figure = whole.figure
    box = whole.get_position()
    for number, (title, shares, texts) in enumerate(sides):
        gap = 0.03
        half = (box.width - gap) / 2
        axes = figure.add_axes((box.x0 + number * (half + gap), box.y0, half, box.height))
        style.quiet(axes, keep="left")
        end = max(1.0, *(share or 0.0 for share in shares))
        for place, share in enumerate(shares):
            axes.barh(place, end if share is None else 1.0, height=0.6, color=style.PALE, zorder=1)
            if share is not None:
                axes.barh(place, share, height=0.6, color=style.MAIN if number == 0 else "#7d9bb8", zorder=2)
            axes.text(end * 1.03, place, texts[place], va="center", fontsize=style.SMALL)
        axes.axvline(1.0, color=style.FAINT, linewidth=0.8, zorder=3)
        axes.set_title(title, loc="left", fontsize=style.SMALL + 0.5, color=style.MUTED, pad=5)
        axes.set_xticks([0, 0.5, 1.0], ["0", "50%", "100%"])
        axes.set_xlim(0, end * (1.75 if is_narrow else 1.32))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_yticks(range(len(labels)), labels if number == 0 else [""] * len(labels))
    return figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def week_ticks(axes: Axes, weeks: Sequence[dt.date], *, every: int) -> None:
    """Label weeks by their number, counted back from the last one, which is always labelled."""
    places = list(range(len(weeks) - 1, -1, -every))[::-1]
    axes.set_xticks(places, [f"W{weeks[place].isocalendar().week:02d}" for place in places])


def width_em(text: str) -> float:
    """Width of a text in em, near enough: a Chinese character is one, a Latin one about a half."""
    return sum(1.0 if ord(character) > 0x2E7F else 0.55 for character in text)
