"""The pictures of a report's charts: each is drawn once and saved in the forms that formats ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.report.blocks import Chart
from pipelines.report.charts import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Pictures:
    """Charts as bytes; the same chart gives the same bytes, however many formats ask."""

    _drawn: dict[tuple[str, bool], Figure] = field(default_factory=dict)
    _saved: dict[tuple[str, bool, str], bytes] = field(default_factory=dict)

    def svg(self, chart: Chart, *, is_narrow: bool = False) -> bytes:
        """Return the chart as SVG with text as outlines, for a page or for a narrow screen."""
        return self._save(chart, "svg", is_narrow=is_narrow)

    def png(self, chart: Chart) -> bytes:
        """Return the chart as PNG, 200 dots an inch."""
        return self._save(chart, "png", is_narrow=False)

    def _save(self, chart: Chart, form: str, *, is_narrow: bool) -> bytes:
        key = (chart.name, is_narrow, form)
        if key not in self._saved:
            with style.in_style():
                if key[:2] not in self._drawn:
                    self._drawn[key[:2]] = chart.draw(is_narrow)
                save = style.svg if form == "svg" else style.png
                self._saved[key] = save(self._drawn[key[:2]])
        return self._saved[key]
