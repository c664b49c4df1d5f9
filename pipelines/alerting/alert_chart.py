"""The chart of a price message: one series over 53 weeks, with base, bound and the levels that were in force.

Small, for a phone; drawn with the packaged font, so that it looks the same on every machine, and as the same bytes
again from the same rows. It shows nothing later than the week of its message.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pipelines.alerting import alert_facts
from pipelines.rules.lead_series import kind_of
from pipelines.rules.levels import NO_LEVEL, WEEK, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEEKS = 53
COLUMNS = (
    "area_code", "product_id", "unit", "basis", "tax", "week_start", "segment", "price_yuan", "price_index",
    "is_imputed", "is_lead", "level",
)  # fmt: skip
_INK, _MUTED, _LINE, _RULE = "#1d2733", "#5f6b78", "#2b5c8a", "#b4501e"
_FILL = {"蓝": "#c9dcf0", "黄": "#fbedb4", "橙": "#f4c9a3", "红": "#dda0a6"}  # pale: the line stands on it
_WIDTH_IN, _HEIGHT_IN, _DPI, _SIZE = 3.75, 2.5, 200, 8.5
_ROOM = {"zh": 0.70, "en": 0.65}  # share of the width that names right of the lines leave
_LEAST = 2  # points that make a line
_HALF = 3.5  # days from a week's mark to the edge of its band
_NAMED_FROM = 3  # weeks between the first and the last one of a band that has room for a name
_WORDS = {
    "zh": {
        "index": "{product}　{area}　价格指数（基准=100）", "price": "{product}　{area}　价格（{unit}）",
        "base": "基准", "bound": "界限", "opened": "预警", "t": "元/吨", "m3": "元/立方米",
        "levels": {"蓝": "蓝", "黄": "黄", "橙": "橙", "红": "红"},
    },
    "en": {
        "index": "{product}, {area}: price index (base 100)", "price": "{product}, {area}: price, {unit}",
        "base": "base", "bound": "bound", "opened": "alert", "t": "yuan/t", "m3": "yuan/m3",
        "levels": {"蓝": "blue", "黄": "yellow", "橙": "orange", "红": "red"},
    },
}  # fmt: skip


def of(event: Row, weeks: Sequence[Row]) -> list[Row]:
    """Return the rows of the transition's series that its chart shows, by week.

    Args:
        event: a row of mart.price_alert_event.
        weeks: rows of mart.price_level_week with `COLUMNS`.
    """
    first = event["week_start"] - WEEK * (WEEKS - 1)
    place = (event["area_code"], event["product_id"], kind_of(event))
    found = (row for row in weeks if (row["area_code"], row["product_id"], kind_of(row)) == place)
    shown = (row for row in found if first <= row["week_start"] <= event["week_start"])
    return sorted(shown, key=lambda row: row["week_start"])


def alt(event: Row, language: str = "zh") -> str:
    """Return what the chart shows, for those who do not see it."""
    event = alert_facts.plain(event)
    if language == "zh":
        return f"{event['product_name']} {event['area_name']} 近{WEEKS}周价格走势"
    return f"{event['product_id'].replace('_', ' ')}, {event['area_name']}: prices of {WEEKS} weeks"


def png(event: Row, weeks: Sequence[Row], language: str = "zh") -> bytes | None:
    """Return the chart as PNG of 750 x 500 pixels; None where there are too few weeks to draw a line.

    Args:
        event: a row of mart.price_alert_event.
        weeks: rows of mart.price_level_week with `COLUMNS`, of this series and of any others.
        language: zh or en.
    """
    event = alert_facts.plain(event) | {"product_id": event["product_id"]}
    rows = of(event, weeks)
    is_index = event["price_index"] is not None and bool(event["base_index"])
    column, scale = ("price_index", 100 / event["base_index"]) if is_index else ("price_yuan", 1.0)
    points = [(row["week_start"], row[column] * scale, row) for row in rows if row[column] is not None]
    if len(points) < _LEAST:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.family": _font_name(), "font.size": _SIZE, "text.color": _INK})
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), dpi=_DPI)
        axes = figure.add_axes((0.115, 0.115, _ROOM[language], 0.745))
        _draw(axes, event, points, is_index=is_index, language=language)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _draw(
    axes: Axes, event: Row, points: Sequence[tuple[dt.date, float, Row]], *, is_index: bool, language: str
) -> None:
    words: dict[str, Any] = _WORDS[language]
    values = [value for _, value, _ in points]
    base = 100.0 if is_index else event["base_price_yuan"]
    bound = _bound(event, values[-1])
    shown = [*values, *(line for line in (base, bound) if line is not None)]
    room = (max(shown) - min(shown)) or max(shown) * 0.1
    axes.set_ylim(min(shown) - room * 0.12, max(shown) + room * 0.16)
    first, last = min(points[0][0], event["week_start"] - WEEK * 12), event["week_start"]
    axes.set_xlim(_day(first) - _HALF, _day(last) + _HALF)
    _bands(axes, points, words["levels"])
    _lines(axes, points)
    end = points[-1]
    axes.plot([_day(end[0])], [end[1]], "o", color=_LINE, markersize=4, zorder=4)
    now = words["levels"].get(event["level"], "")
    labels = [(end[1], f"{end[1]:,.1f} {now}".strip(), _INK)]
    for line, name, style, colour in ((base, "base", (0, (4, 2)), _MUTED), (bound, "bound", (0, (1, 1)), _RULE)):
        if line is not None:
            start = _day(first) - _HALF if name == "base" else _day(last - WEEK * 4)
            axes.plot([start, _day(last) + _HALF], [line, line], color=colour, linewidth=1, linestyle=style, zorder=2)
            labels.append((line, f"{words[name]} {line:,.1f}".removesuffix(".0"), colour))
    _beside(axes, labels)
    opened = event["opened_on"] - dt.timedelta(days=event["opened_on"].weekday())
    if first <= opened <= last:
        axes.axvline(_day(opened), color=_RULE, linewidth=0.8, zorder=2)
        side, shift = ("left", 1) if opened <= first + (last - first) / 2 else ("right", -1)
        axes.annotate(
            f"{words['opened']} {event['opened_on']:%m-%d}", (_day(opened), 1), (3 * shift, -3), ha=side, va="top",
            xycoords=("data", "axes fraction"), textcoords="offset points", color=_RULE, fontsize=_SIZE - 0.5,
        )  # fmt: skip
    product = event["product_name"] if language == "zh" else event["product_id"].replace("_", " ")
    title = words["index" if is_index else "price"]
    said = title.format(product=product[:12], area=event["area_name"][:12], unit=words[event["unit"]])
    axes.figure.text(0.02, 0.975, said, va="top", fontsize=_SIZE + 0.5, parse_math=False)
    _frame(axes, first, last)


def _bound(event: Row, now: float) -> float | None:
    """Where the value stands that just meets the clause this week; None where the clause is not about a change."""
    if event["value"] is None or event["value_unit"] != "share" or event.get("rung") not in (None, "statutory"):
        return None
    if event["event"] == "closed" or event["value"] <= -1:
        return None
    return float(now / (1 + event["value"]) * (1 + event["bound"]))


def _bands(axes: Axes, points: Sequence[tuple[dt.date, float, Row]], names: dict[str, str]) -> None:
    """Weeks with a level in force stand on its colour, with its name where that has room."""
    runs: list[tuple[str, dt.date, dt.date]] = []
    for week, _, row in points:
        level = row["level"] if row["is_lead"] else NO_LEVEL
        if runs and runs[-1][0] == level and week - runs[-1][2] <= WEEK:
            runs[-1] = (level, runs[-1][1], week)
        else:
            runs.append((level, week, week))
    for level, first, last in runs:
        if level not in _FILL:
            continue
        start, end = _day(first) - _HALF, _day(last) + _HALF
        axes.axvspan(start, end, color=_FILL[level], linewidth=0, zorder=0)
        if last - first >= WEEK * _NAMED_FROM:
            axes.annotate(
                names[level], ((start + end) / 2, 0), (0, 2), xycoords=("data", "axes fraction"), ha="center",
                textcoords="offset points", fontsize=_SIZE - 1, color=_MUTED,
            )  # fmt: skip


def _lines(axes: Axes, points: Sequence[tuple[dt.date, float, Row]]) -> None:
    """A line that breaks where weeks are missing or the chain begins anew; carried weeks are hollow."""
    runs: list[list[tuple[dt.date, float, Row]]] = []
    for point in points:
        last = runs[-1][-1] if runs else None
        if last and point[0] - last[0] == WEEK and point[2]["segment"] == last[2]["segment"]:
            runs[-1].append(point)
        else:
            runs.append([point])
    for run in runs:
        mark = "." if len(run) == 1 else ""
        axes.plot(
            [_day(week) for week, _, _ in run], [value for _, value, _ in run], mark + "-", color=_LINE, zorder=3
        )
    carried = [(week, value) for week, value, row in points if row["is_imputed"]]
    axes.plot(
        [_day(week) for week, _ in carried], [value for _, value in carried], "o", markersize=3,
        markerfacecolor="#ffffff", markeredgecolor=_LINE, markeredgewidth=0.8, linestyle="none", zorder=4,
    )  # fmt: skip


def _beside(axes: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Names of the lines right of the axes, moved apart where they would cover each other."""
    low, high = axes.get_ylim()
    step = (high - low) * 0.085
    at = float("-inf")
    for value, text, colour in sorted(labels, key=lambda label: label[0]):
        at = max(value, at + step)
        axes.annotate(
            text, (1, at), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            color=colour, fontsize=_SIZE - 0.5, annotation_clip=False,
        )  # fmt: skip


def _frame(axes: Axes, first: dt.date, last: dt.date) -> None:
    from matplotlib.ticker import MaxNLocator

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d9dee4")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.tick_params(length=0, labelsize=_SIZE - 0.5, colors=_MUTED)
    axes.grid(axis="y", color="#e3e8ed", linewidth=0.6, zorder=1)
    axes.set_axisbelow(True)
    span = last - first
    ticks = [first + span * share for share in (0, 1 / 3, 2 / 3, 1)]
    axes.set_xticks(
        [_day(tick) for tick in ticks], [f"{tick:%Y-%m-%d}" if tick == first else f"{tick:%m-%d}" for tick in ticks]
    )
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")


def _day(day: dt.date) -> int:
    return day.toordinal()


@cache
def _font_name() -> str:
    """Register the packaged font: a chart never depends on what the machine has installed."""
    import pylopdf_fonts_zh_cn
    from matplotlib import font_manager

    path = str(pylopdf_fonts_zh_cn.sans_path())
    font_manager.fontManager.addfont(path)
    return str(font_manager.FontProperties(fname=path).get_name())
