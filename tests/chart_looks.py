"""What a reader needs of every chart: no label is cut off and none lies on another."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

from pipelines.report.blocks import Chart
from pipelines.report.charts import style


def drawn(chart: Chart, *, is_narrow: bool) -> tuple[Any, list[Any]]:
    """The figure and the boxes of its texts, in dots."""
    with warnings.catch_warnings(), style.in_style():
        warnings.simplefilter("error")
        figure = chart.draw(is_narrow)
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.text import Text

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
        return figure, [(text.get_text(), text.get_window_extent(renderer)) for text in texts]


def assert_readable(chart: Chart, *, is_narrow: bool) -> None:
    """Hold every text of the chart against its edges and against all other texts."""
    figure, boxes = drawn(chart, is_narrow=is_narrow)
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in boxes:
        assert box.x0 >= -1, (chart.name, text)
        assert box.x1 <= width + 1, (chart.name, text)
        assert box.y0 >= -1, (chart.name, text)
        assert box.y1 <= height + 1, (chart.name, text)
    for (one, a), (other, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 1 or down <= 0.3 * min(a.height, b.height), (chart.name, one, other)
