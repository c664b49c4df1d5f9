"""The charts of a report as pictures that a letter or a slide can take."""

from __future__ import annotations

from pipelines.report.blocks import Chart, Report
from pipelines.report.charts.pictures import Pictures


def files(report: Report, pictures: Pictures) -> dict[str, bytes]:
    """Return each chart as `charts/<name>.png`, 200 dots an inch."""
    return {f"charts/{block.name}.png": pictures.png(block) for block in report.blocks if isinstance(block, Chart)}
