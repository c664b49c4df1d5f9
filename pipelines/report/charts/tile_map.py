"""A schematic map: a tile a county, roughly where it lies, with its light and figures. It shows no borders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.report.charts import style
from pipelines.report.charts.figures import width_em
from pipelines.report.words import Words
from pipelines.rules.levels import NO_LEVEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Tile:
    """What stands on a county's tile.

    Attributes:
        level: warning level; None where nothing could be judged.
        figure: the figure people look for; empty where nothing was reported.
        change: line under it, a change or a reason.
        is_sure: False hatches the tile: few quotes, or a carried or incomplete figure.
    """

    level: str | None
    figure: str = ""
    change: str = ""
    is_sure: bool = True


Panel = tuple[str, Mapping[str, Tile]]
_GAP = 0.06
_KEY_IN = 0.22


def maps(
    panels: Sequence[Panel],
    layout: Mapping[str, tuple[int, int]],
    names: Mapping[str, str],
    words: Words,
    foot: str,
    *,
    is_narrow: bool,
    across: int = 3,
) -> Figure:
    """Maps side by side, with one key of the levels below them.

    Args:
        panels: title of each map and its tiles by county; a county without a tile was not reported.
        layout: column and row of each county from 1, west to east and north to south.
        names: names of the counties.
        words: the language.
        foot: foot line.
        is_narrow: for a narrow screen: one map a row.
        across: maps in a row of a page.
    """
    width = style.NARROW_IN if is_narrow else style.WIDE_IN
    across = 1 if is_narrow else min(across, len(panels))
    down = -(-len(panels) // across)
    columns = max((column for column, _ in layout.values()), default=1)
    rows = max((row for _, row in layout.values()), default=1)
    size = min((width - 0.2) / across / (columns + 0.35), 1.15)
    tall = 0.30 + rows * size * 0.78
    key_rows = 2 if is_narrow else 1
    high = 0.36 + key_rows * _KEY_IN + down * tall
    whole = style.canvas(width, high, foot, left=0.1, right=0.1, top=0.06)
    whole.axis("off")
    box, figure = whole.get_position(), whole.figure
    for number, (title, tiles) in enumerate(panels):
        row, column = divmod(number, across)
        axes = figure.add_axes(
            (
                box.x0 + column * box.width / across,
                1 - (0.06 + (row + 1) * tall) / high,
                columns * size / width,
                tall / high,
            )
        )
        axes.axis("off")
        axes.set_xlim(0, columns)
        axes.set_ylim(rows, -0.30 / (size * 0.78))
        axes.text(_GAP / 2, -0.12, title, fontsize=style.BASE, color=style.INK, va="bottom", ha="left")
        for code, (at_column, at_row) in layout.items():
            tile = tiles.get(code, Tile(None, "", words("tile_map.not_reported")))
            _tile(axes, at_column - 1, at_row - 1, names.get(code, code), tile, size, words)
    _key(figure, width, key_rows, words)
    return figure  # type: ignore[return-value]  # a Figure: we made it, no SubFigure


def _tile(axes: Axes, x: float, y: float, name: str, tile: Tile, size: float, words: Words) -> None:
    from matplotlib.patches import Rectangle

    is_reported = bool(tile.figure)
    fill, ink = style.LEVELS[tile.level or NO_LEVEL]
    has_light = is_reported and tile.level not in (None, NO_LEVEL)
    hatch = "" if is_reported and tile.is_sure else "////"
    axes.add_patch(
        Rectangle(
            (x + _GAP / 2, y + _GAP / 2),
            1 - _GAP,
            1 - _GAP,
            facecolor=fill if has_light else "#ffffff",
            edgecolor=style.RULE,
            hatch=hatch,
            linewidth=0.8,
        )
    )
    ink = ink if has_light else style.INK
    small = style.SMALL - (0.0 if size > 0.7 else 1.0)
    rim = [] if has_light or not hatch else style.halo()
    left = x + _GAP / 2 + 0.06
    axes.text(left, y + 0.2, name, fontsize=small, color=ink, va="center", ha="left", path_effects=rim)
    if has_light:
        right = x + 1 - _GAP / 2 - 0.06
        letter = words.name("level_letter", tile.level)
        axes.text(right, y + 0.2, letter, fontsize=small, color=ink, va="center", ha="right")
    axes.text(left, y + 0.52, tile.figure, fontsize=style.BASE + 0.5, color=ink, va="center", path_effects=rim)
    quiet = ink if has_light else style.MUTED
    axes.text(left, y + 0.8, tile.change, fontsize=small, color=quiet, va="center", path_effects=rim)


def _key(figure: Any, width: float, rows: int, words: Words) -> None:
    """Name the lights by their letters, and the hatch; in two rows where one is too narrow."""
    from matplotlib.patches import Rectangle

    axes = figure.add_axes((0.0, 0.3 / figure.get_figheight(), 1.0, rows * _KEY_IN / figure.get_figheight()))
    axes.axis("off")
    axes.set_xlim(0, width)
    axes.set_ylim(rows, 0)
    found = [
        (style.LEVELS[level], "", words.name("level_letter", level) if level != NO_LEVEL else "", words.level(level))
        for level in style.LEVELS
    ]
    x, row = 0.12, 0.5
    for (fill, ink), hatch, letter, name in (*found, (style.LEVELS[NO_LEVEL], "////", "", words("tile_map.unsure"))):
        if hatch and rows > 1:
            x, row = 0.12, row + 1
        axes.add_patch(
            Rectangle((x, row - 0.32), 0.2, 0.64, facecolor=fill, edgecolor=style.RULE, hatch=hatch, linewidth=0.8)
        )
        axes.text(x + 0.1, row, letter, fontsize=style.SMALL - 1, color=ink, va="center", ha="center")
        if name != letter:
            axes.text(x + 0.26, row, name, fontsize=style.SMALL, color=style.MUTED, va="center", ha="left")
        x += 0.3 if name == letter else 0.42 + width_em(name) * style.SMALL / 72
