"""A matrix of shades: a row from, a column to, the figure in each field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.report.charts import style
from pipelines.report.charts.figures import width_em
from pipelines.report.words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

_DARK = 0.55  # share of the largest figure from which white letters are read better than dark ones


def matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    figures: Sequence[Sequence[float]],
    words: Words,
    foot: str,
    *,
    is_narrow: bool,
) -> Figure:
    """Fields shaded by their figure; an empty field is white and says nothing.

    Args:
        rows: names of the rows, top to bottom.
        columns: names of the columns, left to right.
        figures: a list a row, a figure a column, none below 0.
        words: the language.
        foot: foot line.
        is_narrow: for a narrow screen: whole figures, names of columns upright.
    """
    size = style.SMALL - (0.5 if is_narrow else 0)
    left = 0.12 + max(width_em(name) for name in rows) * size / 72
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    cell_in = (width - left - 0.05) / len(columns)
    is_upright = is_narrow or max(width_em(name) for name in columns) * size / 72 > cell_in - 0.04
    top = 0.1 + (max(width_em(name) for name in columns) if is_upright else 1.4) * size / 72
    axes = style.canvas(width, top + 0.27 * len(rows) + 0.3, foot, left=left, top=top, right=0.05)
    axes.axis("off")
    largest = max((figure for row in figures for figure in row), default=0) or 1
    for down, (name, row) in enumerate(zip(rows, figures, strict=True)):
        axes.text(-0.08, down + 0.5, name, ha="right", va="center", fontsize=size)
        for across, figure in enumerate(row):
            share = figure / largest
            axes.add_patch(_field(across, down, share))
            if figure > 0:
                axes.text(
                    across + 0.5,
                    down + 0.5,
                    words.number(figure, 0 if is_narrow else 1),
                    ha="center",
                    va="center",
                    fontsize=size - 0.5,
                    color="#ffffff" if share >= _DARK else style.INK,
                )
    for across, name in enumerate(columns):
        axes.text(
            across + 0.5,
            -0.12,
            name,
            ha="center",
            va="bottom",
            fontsize=size,
            rotation=90 if is_upright else 0,
        )
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    return axes.figure  # type: ignore[return-value]  # never a sub-figure


def _field(across: int, down: int, share: float) -> Rectangle:
    from matplotlib.patches import Rectangle as Patch

    ink = [int(style.MAIN[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    shade = [1 - share * (1 - part) for part in ink]
    return Patch((across, down), 1, 1, facecolor=shade, edgecolor=style.RULE, linewidth=0.5)
