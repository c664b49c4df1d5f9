"""From a feed's contract to a Great Expectations suite, and from its results to ours.

A suite holds what the contract lists, in GX's own names, and what follows from the contract itself: columns
that must be given, agreed code words, the lineage of every row and the columns of the table.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import catalog, warehouse
from pipelines.catalog import Contract
from pipelines.check_result import CheckResult, machine_error, requirement, verdict_message
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

EXAMPLE_COUNT = 3
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
    files = row[0] if row else 0
    if language == "en":
        what, seen = "has arrived", f"{files} files loaded" if files else "never sent, no file was ever loaded"
    else:
        what, seen = "报送情况", f"已装载 {files} 个文件" if files else "未报送，从未装载过任何文件"
    table = f"raw.{contract.feed}"
    return CheckResult(
        feed=contract.feed,
        table_name=table,
        column_name=None,
        check_name=f"{contract.feed}.arrived",
        expectation="feed_arrived",
        severity="warning",
        is_success=files > 0,
        observed_value=str(files),
        message=verdict_message(table, what, seen, None if files else "warning", contract.who_fixes, language),
    )


def validate(
    con: duckdb.DuckDBPyConnection, settings: Settings, run_id: int, docs_folder: Path
) -> list[CheckResult]:
    """Run the suite of every feed that ever came and let GX build its Data Docs into a folder.

    GX reads the committed state of the connection. A check that breaks is a result with `is_machine_error`.
    """
    from pipelines import gx_duckdb

    results: list[CheckResult] = []
    with gx_duckdb.warehouse_source(con, docs_folder, settings.logs / "checks.log") as (context, source):
        for contract in catalog.contracts().values():
            arrived = arrival(con, contract, settings.language)
            results.append(arrived)
            if arrived.is_success:
                specs = expectations_of(contract)
                results += _run_suite(context, source, contract, specs, run_id, settings.language)
        context.build_data_docs()
    return results


def _run_suite(
    context: AbstractDataContext,
    source: SQLDatasource,
    contract: Contract,
    specs: Sequence[Mapping[str, Any]],
    run_id: int,
    language: str,
) -> list[CheckResult]:
    """Return one result a spec, in their order."""
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from pipelines.gx_duckdb import TESTED_EXPECTATIONS, exception_of

    broken: dict[int, str] = {}
    suite = gx.ExpectationSuite(name=contract.feed)
    for order, spec in enumerate(specs):
        if spec["type"] not in TESTED_EXPECTATIONS:
            broken[order] = f"{spec['type']} is not among the expectations tested on DuckDB"
            continue
        try:
            suite.add_expectation_configuration(
                ExpectationConfiguration(
                    type=spec["type"],
                    kwargs=dict(spec["kwargs"]),
                    severity=spec["severity"],
                    meta={"order": order},
                )
            )
        except Exception as error:  # whatever GX raises on a setting it does not like is our mistake
            broken[order] = str(error)
    found: dict[int, Any] = {}
    try:
        asset = source.add_query_asset(
            name=contract.feed, query=f"SELECT * FROM raw.{contract.feed} WHERE outcome = 'accepted'"
        )
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=contract.feed,
                data=asset.add_batch_definition_whole_table("accepted rows"),
                suite=context.suites.add(suite),
            )
        )
        outcome = definition.run(
            result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLE_COUNT},
            run_id=RunIdentifier(run_name=f"run {run_id}", run_time=dt.datetime.now(dt.UTC)),
        )
        found = {(item.expectation_config.meta or {})["order"]: item for item in outcome.results}
    except Exception as error:  # nothing GX raises here is about the data
        broken |= {order: str(error) for order in range(len(specs)) if order not in broken}
    results = []
    for order, spec in enumerate(specs):
        item = found.get(order)
        error = broken.get(order) or (exception_of(item.exception_info) if item else "GX gave no result")
        if error:
            results.append(
                machine_error(
                    contract.feed,
                    f"raw.{contract.feed}",
                    check_name(contract, spec),
                    spec["type"],
                    str(spec.get("severity", "critical")),
                    error,
                    language,
                )
            )
        else:
            results.append(result_of(contract, spec, bool(item.success), item.result, language))
    return results


def check_name(contract: Contract, spec: Mapping[str, Any]) -> str:
    """Return the short name of an expectation, like `weighbridge_ticket.direction.be_in_set`."""
    words = str(spec["type"])
    for start in ("expect_column_values_to_", "expect_column_", "expect_table_"):
        words = words.removeprefix(start)
    return ".".join(filter(None, (contract.feed, spec["kwargs"].get("column"), words)))


def result_of(
    contract: Contract, spec: Mapping[str, Any], is_success: bool, result: Mapping[str, Any], language: str
) -> CheckResult:
    """Return our result of what GX measured."""
    table, column = f"raw.{contract.feed}", spec["kwargs"].get("column")
    unexpected: int | None = None
    if "element_count" in result:
        rows, unexpected = result["element_count"], result["unexpected_count"] or 0
        share = f"{unexpected / rows if rows else 0:.3%}"
        if language == "en":
            seen = f"{unexpected} of {rows} rows do not ({share})"
        else:
            seen = f"{rows} 行中 {unexpected} 行不符（{share}）"
        if examples := _examples(contract, column, result):
            seen += f", e.g. {examples}" if language == "en" else f"，如 {examples}"
    else:
        # For a set of columns GX names the ones too many and too few; that says more than the whole list.
        seen = str((result.get("details") or {}).get("mismatched") or result.get("observed_value"))
        if is_success and spec["type"] == "expect_table_columns_to_match_set":
            seen = f"{len(result.get('observed_value', ()))} columns" if language == "en" else "列一致"
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
            f"{table}.{column}" if column else table, what, seen, severity, contract.who_fixes, language
        ),
    )


def _examples(contract: Contract, column: str | None, result: Mapping[str, Any]) -> str:
    """Return a few values that failed; none of plates and free text, which may name a person."""
    spec = contract.columns.get(column or "")
    if spec is None or spec.type == "plate" or (spec.type == "text" and spec.name not in contract.key):
        return ""
    values = [value for value in result.get("partial_unexpected_list") or () if value is not None]
    return ", ".join(repr(str(value)[:EXAMPLE_LENGTH]) for value in dict.fromkeys(values))
