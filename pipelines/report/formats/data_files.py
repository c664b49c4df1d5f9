"""The rows behind the figures of a report as files beside it."""

from __future__ import annotations

from typing import Any

from pipelines.alerting.channels import without_plates
from pipelines.publishing.query_output import as_csv
from pipelines.report.blocks import Query, Report
from pipelines.report.charts.pictures import Pictures


def files(report: Report, _: Pictures) -> dict[str, bytes]:
    """Return the rows of every query as `data/<name>.csv`; spreadsheets read them as UTF-8 and run no cell.

    Plates in texts are masked as on the page.
    """
    return {
        f"data/{name}.csv": b"\xef\xbb\xbf" + as_csv(query.columns, _masked(query)).encode("utf-8")
        for name, query in sorted(report.queries.items())
    }


def _masked(query: Query) -> list[list[Any]]:
    return [[_mask(cell) for cell in row] for row in query.cells()]


def _mask(cell: Any) -> Any:
    if isinstance(cell, str):
        return without_plates(cell)
    return [_mask(item) for item in cell] if isinstance(cell, list) else cell
