"""Runs the suites with Great Expectations: counts first, examples only where a row did not meet an expectation."""

from __future__ import annotations

import copy
import datetime as dt
import html
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pipelines import contracts
from pipelines.contracts import Contract
from pipelines.settings import Settings
from pipelines.trust.check_result import REMEDIES, CheckResult, machine_error
from pipelines.trust.scope import Scope
from pipelines.trust.suites import EXAMPLE_LENGTH, arrival, check_name, expectations_of, is_shown, result_of

if TYPE_CHECKING:
    import duckdb
    from great_expectations import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

# What GX found, by the position of the expectation in `expectations_of`.
Found: TypeAlias = "dict[int, ExpectationValidationResult]"

LOG = logging.getLogger(__name__)
EXAMPLE_COUNT = 3


def validate(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    run_id: int,
    docs_folder: Path,
    scopes: Mapping[str, Scope],
) -> list[CheckResult]:
    """Run the suite of every feed that ever came on the rows in its scope; GX builds its Data Docs into a folder.

    GX reads the committed state of the connection. A check that breaks is a result with `is_machine_error`.
    """
    from pipelines.trust import gx_duckdb

    results: list[CheckResult] = []
    looked: dict[str, Found] = {}
    with gx_duckdb.warehouse_source(con, docs_folder) as (context, source):
        for contract in contracts.contracts().values():
            arrived = arrival(con, contract, settings.language)
            if arrived.is_success or contract.is_owed:
                results.append(arrived)
            if not arrived.is_success:
                continue
            scope, specs = scopes[contract.feed], expectations_of(contract)
            counted = {} if scope.is_whole else _counted(con, contract, specs)
            suite, broken = _suite(contract.feed, specs, left_out=counted.keys())
            found: Found = {}
            try:
                found, looked[contract.feed] = _measure(context, source, suite, run_id, scope)
            except Exception as error:  # nothing GX raises here is about the data
                LOG.exception("suite %s broke", contract.feed)
                broken = {**dict.fromkeys(range(len(specs)), str(error)), **broken}
            results += _results(contract, specs, found, counted, broken, scope, settings.language)
        _tidy(context, looked)
        context.build_data_docs()
    return results


def _results(
    contract: Contract,
    specs: Sequence[Mapping[str, Any]],
    found: Found,
    counted: Mapping[int, tuple[bool, dict[str, Any]]],
    broken: Mapping[int, str],
    scope: Scope,
    language: str,
) -> list[CheckResult]:
    """Return one result a spec, in their order (GX gives its results in an order of its own)."""
    from pipelines.trust.gx_duckdb import exception_of

    results = []
    for order, spec in enumerate(specs):
        item = found.get(order)
        if order in counted:
            is_success, result = counted[order]
            results.append(result_of(contract, spec, is_success, result, language))
            continue
        problem = broken.get(order) or (exception_of(item.exception_info) if item else "GX gave no result")
        if item is None or problem:
            name = check_name(contract, spec)
            LOG.error("check %s broke: %s %s", name, problem, _traceback_of(item))
            severity = spec["severity"] if spec.get("severity") in REMEDIES else "critical"
            table = f"raw.{contract.feed}"
            results.append(machine_error(contract.feed, table, name, spec["type"], severity, str(problem), language))
        else:
            results.append(result_of(contract, spec, bool(item.success), item.result, language, scope))
    return results


def _counted(
    con: duckdb.DuckDBPyConnection, contract: Contract, specs: Sequence[Mapping[str, Any]]
) -> dict[int, tuple[bool, dict[str, Any]]]:
    """Return success and result of the expectations that count the table's rows, which a batch cannot answer."""
    row = con.execute(f"SELECT count(*) FROM raw.{contract.feed} WHERE outcome = 'accepted'").fetchone()
    rows = int(row[0]) if row else 0
    return {
        order: (
            spec["kwargs"].get("min_value", 0) <= rows <= spec["kwargs"].get("max_value", rows),
            {"observed_value": rows},
        )
        for order, spec in enumerate(specs)
        if spec["type"] == "expect_table_row_count_to_be_between"
    }


def _traceback_of(item: ExpectationValidationResult | None) -> str:
    """Return what GX kept of an exception, readable: line ends instead of their escapes."""
    return str(item.exception_info).replace("\\n", "\n") if item else ""


def _suite(
    feed: str, specs: Sequence[Mapping[str, Any]], left_out: Collection[int]
) -> tuple[ExpectationSuite, dict[int, str]]:
    """Return the suite of the specs GX takes, and why it does not take the others, by their position."""
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    from pipelines.trust.gx_duckdb import TESTED_EXPECTATIONS

    suite, broken = ExpectationSuite(name=feed), {}
    for order, spec in enumerate(specs):
        if order in left_out:
            continue
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
    context: AbstractDataContext, source: SQLDatasource, suite: ExpectationSuite, run_id: int, scope: Scope
) -> tuple[Found, Found]:
    """Run a suite on the rows in scope; return what GX found and its closer look, by the position of the spec.

    The first look counts and fetches no row. Only where a row did not meet an expectation is there a second one,
    for examples.
    """
    from great_expectations import ExpectationSuite, ValidationDefinition
    from great_expectations.core.run_identifier import RunIdentifier

    asset = source.add_query_asset(name=suite.name, query=f"SELECT * FROM raw.{suite.name} WHERE {scope.condition}")
    rows = asset.add_batch_definition_whole_table("accepted rows")
    definition = context.validation_definitions.add(
        ValidationDefinition(name=suite.name, data=rows, suite=context.suites.add(suite))
    )
    outcome = definition.run(
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        run_id=RunIdentifier(run_name=f"run-{run_id}", run_time=dt.datetime.now(dt.UTC)),
    )
    found = _by_position(outcome.results)
    odd = {order for order, item in found.items() if item.result.get("unexpected_count")}
    if not odd:
        return found, {}
    closer = ExpectationSuite(
        name=f"{suite.name}, examples",
        expectations=[copy.copy(one) for one in suite.expectations if (one.meta or {}).get("order") in odd],
    )
    looked = _by_position(
        rows.get_batch()
        .validate(closer, result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLE_COUNT})
        .results
    )
    return {**found, **looked}, looked


def _by_position(items: Iterable[ExpectationValidationResult]) -> Found:
    return {
        item.expectation_config.meta["order"]: item
        for item in items
        if item.expectation_config and item.expectation_config.meta
    }


def _tidy(context: AbstractDataContext, looked: Mapping[str, Found]) -> None:
    """Mend the stored results before GX draws pages from them: with the examples of the closer look.

    GX puts values of the data into its pages as they are, markup and plates too, and tracebacks with the paths
    of the machine.
    """
    store = context.validation_results_store
    for key in store.list_keys():
        stored: Any = store.get(key)
        contract = contracts.contracts()[stored.suite_name]
        for item in stored.results:
            closer = looked.get(stored.suite_name, {}).get(item.expectation_config.meta["order"])
            if closer:
                item.result = closer.result
            shown = is_shown(contract, item.expectation_config.kwargs.get("column"))
            for name, values in item.result.items():
                if "unexpected" in name and isinstance(values, list):
                    item.result[name] = [_escaped(value) for value in values] if shown else []
            for record in (item.exception_info, *item.exception_info.values()):
                if isinstance(record, dict) and record.get("exception_traceback"):
                    record["exception_traceback"] = "logs/checks.log"
        store.update(key, stored)


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _escaped(inner) for name, inner in value.items()}
    return html.escape(value[:EXAMPLE_LENGTH]) if isinstance(value, str) else value
