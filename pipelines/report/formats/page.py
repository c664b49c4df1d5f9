"""The report as one HTML page that loads nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.report.blocks import Chart, Report
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats.masking import masked
from pipelines.report.words import Words

if TYPE_CHECKING:
    import jinja2

NAME = "report.html"


def files(report: Report, pictures: Pictures) -> dict[str, bytes]:
    """Return the page by its file name."""
    addresses = {block.name: _addresses(block, pictures) for block in report.blocks if isinstance(block, Chart)}
    script = (_folder() / "report.js").read_text(encoding="utf-8")
    html = _template().render(
        report=report,
        words=Words(report.language),
        pictures=addresses,
        css=(_folder() / "report.css").read_text(encoding="utf-8"),
        script=script,
        # The page runs this script and no other, whatever a name or a note holds.
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
    )
    # No part puts a plate on the page; a site or question that bears one in its name must not either.
    return {NAME: masked(html).encode("utf-8")}


def _addresses(chart: Chart, pictures: Pictures) -> dict[str, str]:
    """The chart as data addresses, for a page and (where it has one) for a narrow screen."""
    found = {"wide": _address(pictures.svg(chart))}
    if chart.has_narrow:
        found["narrow"] = _address(pictures.svg(chart, is_narrow=True))
    return found


def _address(svg: bytes) -> str:
    # As an image, not inline: identifiers inside one picture cannot meet those of another.
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


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
