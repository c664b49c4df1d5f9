"""House style of the charts: font, colours that hold in grey and for colour-blind readers, the same bytes again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1d2733"
MUTED = "#5f6b78"
FAINT = "#9aa5b1"
RULE = "#d9dee4"
PALE = "#eef1f4"
MAIN = "#2b5c8a"  # the figure itself
BEFORE = "#1d2733"  # the mark of what it is compared with
WARN = "#b4501e"
# Level, from the lowest: fill and text. They differ in lightness too, and a word stands in each.
LEVELS = {
    "无": ("#ffffff", "#5f6b78"),
    "蓝": ("#2f6fb7", "#ffffff"),
    "黄": ("#f3cf4a", "#1d2733"),
    "橙": ("#d9691c", "#ffffff"),
    "红": ("#8f1320", "#ffffff"),
}
# Outcome of a rule: fill, text, hatch.
OUTCOMES = {
    "breached": ("#b4501e", "#ffffff", ""),
    "undetermined": ("#f0d9a8", "#1d2733", "////"),
    "met": ("#2b5c8a", "#ffffff", ""),
    "exempted": ("#b9c7d6", "#1d2733", ""),
    "not_applicable": ("#e3e8ed", "#1d2733", ""),
    "not_in_force": ("#ffffff", "#5f6b78", "...."),
}
HATCH_INK = "#c9b37f"
# Lines of one chart: colours apart in lightness, so that they stay apart in grey and for the colour-blind; the dashes
# carry on where there are more lines than colours.
LINES = ("#2b5c8a", "#d9691c", "#7db5a2", "#7a1f4d")
DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = ("-", (0, (4, 1.6)), (0, (1.2, 1.2)))
WIDE_IN, HALF_IN, NARROW_IN = 9.6, 4.7, 4.3
SMALL, BASE = 8.0, 9.0


@cache
def _font_name() -> str:
    """Register the packaged font: a chart never depends on what the machine has installed."""
    import pylopdf_fonts_zh_cn
    from matplotlib import font_manager

    path = str(pylopdf_fonts_zh_cn.sans_path())
    font_manager.fontManager.addfont(path)
    return str(font_manager.FontProperties(fname=path).get_name())


def _settings() -> dict[str, Any]:
    return {
        "font.family": _font_name(),
        "font.size": BASE,
        "text.color": INK,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": RULE,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "xtick.color": MUTED,
        "ytick.color": INK,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": BASE,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "path",  # outlines: the reader needs no font
        "svg.hashsalt": "sandwatch",
        "path.simplify": False,
    }


@contextmanager
def in_style() -> Iterator[None]:
    """Draw and save in the house style, whatever the caller's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _settings().items():
            mpl.rcParams[name] = value  # type: ignore[index]  # the stubs list the names one by one
        yield


def canvas(width: float, height: float, foot: str, *, left: float, right: float = 0.15, top: float = 0.12) -> Axes:
    """Return axes on a fresh figure with room for the foot line (data-through date and source).

    Args:
        width: inches.
        height: inches.
        foot: text of the foot line.
        left: inches left of the axes, for their labels.
        right: inches right of the axes.
        top: inches above the axes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    bottom = 0.52
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    figure.text(0.06 / width, 0.06 / height, foot, fontsize=SMALL - 0.5, color=MUTED, va="bottom")
    return axes


def halo() -> list[Any]:
    """Return a white rim for a text that may stand on a bar or line."""
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=2.5, foreground="#ffffff")]


def quiet(axes: Axes, *, keep: str = "") -> None:
    """Take away the frame but for the named sides."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep.split())


def svg(figure: Figure) -> bytes:
    """Return the figure as SVG with text as outlines; the same figure gives the same bytes."""
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def png(figure: Figure, dpi: int = 200) -> bytes:
    """Return the figure as PNG without a clock or a version in it."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()
