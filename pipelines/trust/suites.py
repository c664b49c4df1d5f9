"""From a feed's contract to a Great Expectations suite, and from its results to ours.

A suite holds what the contract lists, in GX's own names, and what follows from the contract itself: columns
that must be given, agreed code words, the lineage of every row and the columns of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines import warehouse
from pipelines.contracts import Contract
from pipelines.trust.check_result import CheckResult, requirement, verdict_message
from pipelines.trust.scope import Scope

if TYPE_CHECKING:
    import duckdb

EXAMPLE_LENGTH = 40
LINEAGE = ("snapshot_sha256", "line")


def expectations_of(contract: Contract) -> list[dict[str, Any]]:
    """Return a feed's expectations as `type, kwargs, severity`: those listed, then those that follow."""
    listed = [dict(spec) for spec in contract.expectations]
    given = [column.name for column in contract.columns.values() if column.not_null]
    follow: list[tuple[str, dict[str, Any]]] = [
        ("expect_table_columns_to_match_set", {"column_set": list(warehouse.raw_columns(contract))}),
        *(("expect_column_values_to_not_be_null", {"column": name}) for name in (*given, *LINEAGE)),
        *(
            ("expect_column_values_to_be_in_set", {"column": column.name, "value_set": list(column.codes)})
            for column in contract.columns.values()
            if column.codes
        ),
    ]
    known = {(spec["type"], spec["kwargs"].get("column")) for spec in listed}
    return listed + [
        {"type": name, "kwargs": kwargs, "severity": "critical"}
        for name, kwargs in follow
        if (name, kwargs.get("column")) not in known
    ]


def arrival(con: duckdb.DuckDBPyConnection, contract: Contract, language: str) -> CheckResult:
    """Return whether any file of a feed was ever loaded; one that never came is a warning, not a fault."""
    row = con.execute("SELECT count(*) FROM meta.load_account WHERE feed = ?", [contract.feed]).fetchone()
    files, table = row[0] if row else 0, f"raw.{contract.feed}"
    if language == "en":
        message = f"{table}: {files} files were loaded"
        if not files:
            message = (
                f"{table}: never sent, no file was ever loaded; what rests on this feed stays undetermined."
                f" {contract.who_fixes} puts its file into inbox/{contract.feed}/"
            )
    else:
        message = f"{table}：已装载 {files} 个文件"
        if not files:
            message = (
                f"{table}：未报送，从未装载过任何文件，依赖该数据的结论均为无法判定；"
                f"请{contract.who_fixes}将文件放入 inbox/{contract.feed}/"
            )
    return CheckResult(
        feed=contract.feed,
        table_name=table,
        column_name=None,
        check_name=f"{contract.feed}.arrived",
        expectation="feed_arrived",
        severity="warning",
        is_success=files > 0,
        observed_value=str(files),
        message=message,
    )


def check_name(contract: Contract, spec: Mapping[str, Any]) -> str:
    """Return the short name of an expectation, like `weighbridge_ticket.direction.be_in_set`."""
    words = str(spec["type"])
    for start in ("expect_column_values_to_", "expect_column_", "expect_table_"):
        words = words.removeprefix(start)
    return ".".join(filter(None, (contract.feed, spec["kwargs"].get("column"), words)))


def result_of(
    contract: Contract,
    spec: Mapping[str, Any],
    is_success: bool,
    result: Mapping[str, Any],
    language: str,
    scope: Scope | None = None,
) -> CheckResult:
    """Return our result of what GX measured; the message says which loads were looked at, where not all rows were."""
    table, column = f"raw.{contract.feed}", spec["kwargs"].get("column")
    unexpected: int | None = None
    if "element_count" in result:
        unexpected = int(result["unexpected_count"] or 0)
        seen = _rows_seen(int(result["element_count"]), unexpected, language)
        if examples := _examples(contract, column, result):
            seen += f", e.g. {examples}" if language == "en" else f"，如 {examples}"
    elif spec["type"] == "expect_table_columns_to_match_set":
        # The columns too many and too few say more than the whole list.
        wrong = (result.get("details") or {}).get("mismatched") or {}
        seen = ", ".join(f"{kind} {'/'.join(names)}" for kind, names in wrong.items())
        width = len(result.get("observed_value") or ())
        seen = seen or (f"{width} columns" if language == "en" else f"{width} 列")
    else:
        seen = str(result.get("observed_value"))
    what = requirement(spec["type"], spec["kwargs"], language)
    severity = None if is_success else spec["severity"]
    return CheckResult(
        feed=contract.feed,
        table_name=table,
        column_name=column,
        check_name=check_name(contract, spec),
        expectation=spec["type"],
        severity=spec["severity"],
        is_success=is_success,
        observed_value=seen,
        unexpected_count=unexpected,
        message=verdict_message(
            (f"{table}.{column}" if column else table) + (scope.words(language) if scope else ""),
            what,
            seen,
            severity,
            contract.who_fixes,
            language,
        ),
    )


def _rows_seen(rows: int, unexpected: int, language: str) -> str:
    if not unexpected:
        return f"all {rows} rows do" if language == "en" else f"{rows} 行全部符合"
    share = f"{unexpected / rows:.3%}"
    if language == "en":
        return f"{unexpected} of {rows} rows do not ({share})"
    return f"{rows} 行中 {unexpected} 行不符（{share}）"


def _examples(contract: Contract, column: str | None, result: Mapping[str, Any]) -> str:
    """Return a few values that failed, or none where values are not shown."""
    if not is_shown(contract, column):
        return ""
    values = [value for value in result.get("partial_unexpected_list") or () if value is not None]
    return ", ".join(repr(str(value)[:EXAMPLE_LENGTH]) for value in dict.fromkeys(values))


def is_shown(contract: Contract, column: str | None) -> bool:
    """Tell whether values of a column may be shown: not plates, nor free text, which may name a person."""
    spec = contract.columns.get(column or "")
    return spec is not None and spec.type != "plate" and (spec.type != "text" or spec.name in contract.key)
