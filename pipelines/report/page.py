"""The report as one HTML page that loads nothing from outside, with the data of its figures as CSV beside it."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.alerting.channels import without_plates
from pipelines.publishing.query_output import as_csv
from pipelines.report import style
from pipelines.report.blocks import Chart, Query, Report
from pipelines.report.words import Words

if TYPE_CHECKING:
    import jinja2

NAME = "report.html"


def files(report: Report) -> dict[str, bytes]:
    """Return the page by its file name."""
    with style.in_style():
        pictures = {block.name: _pictures(block) for block in report.blocks if isinstance(block, Chart)}
    html = _template().render(
        report=report,
        words=Words(report.language),
        pictures=pictures,
        css=(_folder() / "report.css").read_text(encoding="utf-8"),
    )
    # No part puts a plate on the page; a site or question that bears one in its name must not either.
    return {NAME: without_plates(html).encode("utf-8")}


def data_files(report: Report) -> dict[str, bytes]:
    """Return the rows of every query as `data/<name>.csv`; spreadsheets read them as UTF-8 and run no cell.

    Plates in texts are masked as on the page.
    """
    found: dict[str, Query] = {}
    for block in report.blocks:
        for query in block.queries:
            found[query.name] = query
    return {
        f"data/{name}.csv": b"\xef\xbb\xbf" + as_csv(query.columns, _masked(query)).encode("utf-8")
        for name, query in sorted(found.items())
    }


def _masked(query: Query) -> list[list[Any]]:
    return [[_mask(cell) for cell in row] for row in query.cells()]


def _mask(cell: Any) -> Any:
    if isinstance(cell, str):
        return without_plates(cell)
    return [_mask(item) for item in cell] if isinstance(cell, list) else cell


def _pictures(chart: Chart) -> dict[str, str]:
    """The chart as data addresses, for a page and (where it has one) for a narrow screen."""
    pictures = {"wide": _address(chart, is_narrow=False)}
    if chart.has_narrow:
        pictures["narrow"] = _address(chart, is_narrow=True)
    return pictures


def _address(chart: Chart, *, is_narrow: bool) -> str:
    # As an image, not inline: identifiers inside one picture cannot meet those of another.
    return "data:image/svg+xml;base64," + base64.b64encode(style.svg(chart.draw(is_narrow))).decode("ascii")


def _folder() -> Path:
    return Path(__file__).parent / "templates"


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
