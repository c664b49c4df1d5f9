"""The rows behind the figures of a report as files beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pipelines.alerting.channels import without_plates
from pipelines.publishing.query_output import as_csv, plain
from pipelines.report.blocks import Query, Report
from pipelines.report.charts.pictures import Pictures
from pipelines.settings import TIME_ZONE

if TYPE_CHECKING:
    import pyarrow

BOM = b"\xef\xbb\xbf"
DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
# What DuckDB calls a type, and what Arrow calls it; all others become text.
PLAIN_TYPES = {
    "BOOLEAN": "bool", "TINYINT": "int8", "SMALLINT": "int16", "INTEGER": "int32", "BIGINT": "int64",
    "UTINYINT": "uint8", "USMALLINT": "uint16", "UINTEGER": "uint32", "UBIGINT": "uint64", "FLOAT": "float32",
    "DOUBLE": "float64", "DATE": "date32", "VARCHAR": "string",
}  # fmt: skip


def files(report: Report, _: Pictures) -> dict[str, bytes]:
    """Return the rows of every query as `data/<name>.csv` and `.parquet`, of every source as `sources/<name>.csv`.

    Spreadsheets read the CSV as UTF-8 and run no cell. Parquet keeps dates, exact decimals and lists. Plates in texts
    are masked as on the page.
    """
    found = {}
    for name, query in sorted(report.queries.items()):
        columns = masked(query)
        found[f"data/{name}.csv"] = to_csv(query, columns)
        found[f"data/{name}.parquet"] = to_parquet(query, columns)
    for name, query in sorted(report.sources.items()):
        found[f"sources/{name}.csv"] = to_csv(query, masked(query))
    return found


def masked(query: Query) -> list[list[Any]]:
    """Return the columns of a query, every number plate in their texts masked but in a listing made to show them."""
    if query.has_plates:
        return [[row[name] for row in query.rows] for name in query.columns]
    mask = _masking()
    return [[mask(row[name]) for row in query.rows] for name in query.columns]


def to_csv(query: Query, columns: list[list[Any]]) -> bytes:
    """Return the columns as UTF-8 CSV with the mark by which spreadsheets know it."""
    return BOM + as_csv(query.columns, list(zip(*columns, strict=True))).encode("utf-8")


def to_parquet(query: Query, columns: list[list[Any]]) -> bytes:
    """Return the columns as Parquet, typed as the edition types them; what Arrow has no type for is text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = query.types or (None,) * len(query.columns)
    arrays = [_array(values, kind) for values, kind in zip(columns, types, strict=True)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(query.columns)), out, compression="zstd")
    return out.getvalue()


def _masking() -> Callable[[Any], Any]:
    seen: dict[str, str] = {}  # names repeat from row to row

    def mask(cell: Any) -> Any:
        if isinstance(cell, str):
            if cell.isascii():  # a plate opens with its province
                return cell
            if cell not in seen:
                seen[cell] = without_plates(cell)
            return seen[cell]
        if isinstance(cell, list):
            return [mask(item) for item in cell]
        return {mask(key): mask(item) for key, item in cell.items()} if isinstance(cell, dict) else cell

    return mask


def _array(values: list[Any], kind: str | None) -> pyarrow.Array:
    import pyarrow as pa

    if kind is None:
        return _guessed(values)
    arrow = arrow_type(kind)
    return pa.array(_texts(values), pa.string()) if arrow is None else pa.array(values, arrow)


def arrow_type(kind: str) -> pyarrow.DataType | None:
    """Return the Arrow type of a DuckDB type; None for one that is written as text."""
    import pyarrow as pa

    if kind in PLAIN_TYPES:
        return pa.type_for_alias(PLAIN_TYPES[kind])
    if kind == "TIMESTAMP WITH TIME ZONE":
        return pa.timestamp("us", tz=TIME_ZONE)
    if kind == "TIMESTAMP":
        return pa.timestamp("us")
    if match := DECIMAL.fullmatch(kind):
        return pa.decimal128(int(match[1]), int(match[2]))
    if kind == "HUGEINT":  # the sum of whole numbers; 38 digits hold any that a table of tickets has
        return pa.decimal128(38, 0)
    if kind.endswith("[]"):
        inner = arrow_type(kind.removesuffix("[]"))
        return None if inner is None else pa.list_(inner)
    return None


def _guessed(values: list[Any]) -> pyarrow.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(_texts(values), pa.string())


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else plain(value) for value in values]
