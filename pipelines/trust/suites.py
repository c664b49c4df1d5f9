"""From a feed's contract to a Great Expectations suite, and from its results to ours.

A suite holds what the contract lists, in GX's own names, and what follows from the contract itself: columns
that must be given, agreed code words, the lineage of every row and the columns of the table.
"""

from __future__ import annotations

import datetime as dt
import html
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import contracts, warehouse
from pipelines.contracts import Contract
from pipelines.settings import Settings
from pipelines.trust.check_result import REMEDIES, CheckResult, machine_error, requirement, verdict_message

if TYPE_CHECKING:
    import duckdb
    from great_expectations import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

LOG = logging.getLogger(__name__)
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


def validate(con: duckdb.DuckDBPyConnection, settings: Settings, run_id: int, docs_folder: Path) -> list[CheckResult]:
    """Run the suite of every feed that ever came and let GX build its Data Docs into a folder.

    GX reads the committed state of the connection. A check that breaks is a result with `is_machine_error`.
    """
    from pipelines.trust import gx_duckdb

    results: list[CheckResult] = []
    with gx_duckdb.warehouse_source(con, docs_folder) as (context, source):
        for contract in contracts.contracts().values():
            arrived = arrival(con, contract, settings.language)
            results.append(arrived)
            if arrived.is_success:
                specs = expectations_of(contract)
                results += _run_suite(context, source, contract, specs, run_id, settings.language)
        _tidy(context)
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
    """Return one result a spec, in their order (GX gives its results in an order of its own)."""
    from pipelines.trust.gx_duckdb import exception_of

    suite, broken = _suite(contract.feed, specs)
    found: dict[int, ExpectationValidationResult] = {}
    try:
        found = _measure(context, source, suite, run_id)
    except Exception as error:  # nothing GX raises here is about the data
        LOG.exception("suite %s broke", contract.feed)
        broken = {**dict.fromkeys(range(len(specs)), str(error)), **broken}
    results = []
    for order, spec in enumerate(specs):
        item = found.get(order)
        problem = broken.get(order) or (exception_of(item.exception_info) if item else "GX gave no result")
        if item is None or problem:
            name = check_name(contract, spec)
            LOG.error("check %s broke: %s %s", name, problem, _traceback_of(item))
            severity = spec["severity"] if spec.get("severity") in REMEDIES else "critical"
            table = f"raw.{contract.feed}"
            results.append(machine_error(contract.feed, table, name, spec["type"], severity, str(problem), language))
        else:
            results.append(result_of(contract, spec, bool(item.success), item.result, language))
    return results


def _traceback_of(item: ExpectationValidationResult | None) -> str:
    """Return what GX kept of an exception, readable: line ends instead of their escapes."""
    return str(item.exception_info).replace("\\n", "\n") if item else ""


def _suite(feed: str, specs: Sequence[Mapping[str, Any]]) -> tuple[ExpectationSuite, dict[int, str]]:
    """Return the suite of the specs GX takes, and why it does not take the others, by their position."""
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from pipelines.trust.gx_duckdb import TESTED_EXPECTATIONS

    suite, broken = ExpectationSuite(name=feed), {}
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
            broken[order] = repr(error)
    return suite, broken


def _measure(
    context: AbstractDataContext, source: SQLDatasource, suite: ExpectationSuite, run_id: int
) -> dict[int, ExpectationValidationResult]:
    """Run a suite on the rows in force and return what GX found, by the position of the spec."""
    from great_expectations import ValidationDefinition
    from great_expectations.core.run_identifier import RunIdentifier

    query = f"SELECT * FROM raw.{suite.name} WHERE outcome = 'accepted'"
    asset = source.add_query_asset(name=suite.name, query=query)
    definition = context.validation_definitions.add(
        ValidationDefinition(
            name=suite.name,
            data=asset.add_batch_definition_whole_table("accepted rows"),
            suite=context.suites.add(suite),
        )
    )
    outcome = definition.run(
        result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLE_COUNT},
        run_id=RunIdentifier(run_name=f"run-{run_id}", run_time=dt.datetime.now(dt.UTC)),
    )
    found = {}
    for item in outcome.results:
        if item.expectation_config and item.expectation_config.meta:
            found[item.expectation_config.meta["order"]] = item
    return found


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
            f"{table}.{column}" if column else table, what, seen, severity, contract.who_fixes, language
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
    if not _is_shown(contract, column):
        return ""
    values = [value for value in result.get("partial_unexpected_list") or () if value is not None]
    return ", ".join(repr(str(value)[:EXAMPLE_LENGTH]) for value in dict.fromkeys(values))


def _is_shown(contract: Contract, column: str | None) -> bool:
    """Tell whether values of a column may be shown: not plates, nor free text, which may name a person."""
    spec = contract.columns.get(column or "")
    return spec is not None and spec.type != "plate" and (spec.type != "text" or spec.name in contract.key)


def _tidy(context: AbstractDataContext) -> None:
    """Mend the stored results before GX draws pages from them.

    GX puts values of the data into its pages as they are, markup and plates too, and tracebacks with the paths
    of the machine.
    """
    store = context.validation_results_store
    for key in store.list_keys():
        stored: Any = store.get(key)
        contract = contracts.contracts()[stored.suite_name]
        for item in stored.results:
            is_shown = _is_shown(contract, item.expectation_config.kwargs.get("column"))
            for name, values in item.result.items():
                if "unexpected" in name and isinstance(values, list):
                    item.result[name] = [_escaped(value) for value in values] if is_shown else []
            for record in (item.exception_info, *item.exception_info.values()):
                if isinstance(record, dict) and record.get("exception_traceback"):
                    record["exception_traceback"] = "logs/checks.log"
        store.update(key, stored)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _escaped(inner) for name, inner in value.items()}
    return html.escape(value[:EXAMPLE_LENGTH]) if isinstance(value, str) else value
