"""Laying what the rules measured against the thresholds in force: policy.verdict and policy.evidence."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from pipelines import catalog
from pipelines.building import state, tables
from pipelines.catalog import Model
from pipelines.rules import policy
from pipelines.warehouse import comment

if TYPE_CHECKING:
    import duckdb

MEASURED = (
    "subject_id",
    "subject_name",
    "county_code",
    "part",
    "judged_on",
    "value_low",
    "value_high",
    "base",
    "exempt_reason",
    "undetermined_reason",
    "breached_reason",
    "doubt_reason",
)
ORIGIN = ("snapshot_sha256", "line")


def write_law(con: duckdb.DuckDBPyConnection) -> None:
    """Write what the rule files state as tables: policy.threshold, policy.parameter, policy.document, rule tables."""
    with tables.transaction(con):
        _write_law(con)


def _write_law(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE policy.threshold (rule VARCHAR, part VARCHAR, must_be VARCHAR, value DECIMAL(18, 3),"
        " unit VARCHAR, in_force_from DATE, in_force_until DATE, source VARCHAR)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE policy.parameter (rule VARCHAR, name VARCHAR, value DECIMAL(18, 3), unit VARCHAR,"
        " source VARCHAR)"
    )
    con.execute(
        "CREATE OR REPLACE TABLE policy.document (document_id VARCHAR, title VARCHAR, number VARCHAR, issued_on DATE,"
        " in_force_from DATE, valid_until DATE, checked_on DATE, confidence VARCHAR)"
    )
    for document_id, document in policy.documents().items():
        con.execute("INSERT INTO policy.document VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [document_id, *document.values()])
    for rule in policy.rules().values():
        for part, spec in rule.parts.items():
            dated = sorted(spec["thresholds"], key=lambda entry: entry["in_force_from"] or dt.date.min)
            for entry, later in zip(dated, [*dated[1:], None], strict=True):
                until = later["in_force_from"] - dt.timedelta(days=1) if later else None
                con.execute(
                    "INSERT INTO policy.threshold VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [rule.name, part, spec["must_be"], entry["value"], spec["unit"], entry["in_force_from"], until,
                     entry["source"]],
                )  # fmt: skip
    for table, (title, table_spec) in policy.own_tables().items():
        columns = ", ".join(f"{column} {sql_type}" for column, sql_type in table_spec["columns"].items())
        con.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        marks = ", ".join("?" for _ in table_spec["columns"])
        con.executemany(f"INSERT INTO {table} VALUES ({marks})", table_spec["rows"])
        comment(con, table, f"{title}: {table_spec['short_name']}", table_spec["text"])
    for rule_name, name, parameter in policy.parameters():
        con.execute(
            "INSERT INTO policy.parameter VALUES (?, ?, ?, ?, ?)",
            [rule_name, name, parameter["value"], parameter["unit"], parameter["source"]],
        )
    for name, condition in policy.level_conditions():
        con.execute(
            "INSERT INTO policy.threshold VALUES (?, ?, ?, ?, ?, NULL, NULL, ?)",
            [name, *(condition[key] for key in ("measure", "must_be", "value", "unit", "source"))],
        )
    for table in policy.LAW_TABLES:
        _comment(con, table)


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = yaml.safe_load((policy.POLICY / "tables.yaml").read_text(encoding="utf-8"))
    return tables


def _comment(con: duckdb.DuckDBPyConnection, table: str) -> None:
    spec = _tables()[table.split(".")[1]]
    comment(con, table, spec["description"], spec["columns"])


def judge(con: duckdb.DuckDBPyConnection) -> None:
    """Judge every rule and write policy.<rule>, policy.verdict and policy.evidence.

    Verdicts are met, breached, exempt, undetermined and not_in_force; all but the first two carry a reason code.
    A rule whose measure names `period` is judged anew only for the weeks that changed, or wholly where its file, a
    threshold or a table of the rules did.

    Raises:
        MachineError: a measure does not run.
    """
    number = state.begin(con, "judge")
    for rule in policy.rules().values():
        tables.refresh(con, judged(rule), number)
    subjects = [rule for rule in policy.rules().values() if rule.subject_kind != "release"]
    with tables.transaction(con):
        for name, select in (("verdict", verdict_select), ("evidence", evidence_select)):
            con.execute(f"CREATE OR REPLACE TABLE policy.{name} AS {' UNION ALL '.join(map(select, subjects))}")
            _comment(con, f"policy.{name}")


def judged(rule: policy.Rule) -> Model:
    """Return the table of a judged rule: what was measured, with threshold, verdict and reason beside it."""
    measure = catalog.judged()[f"policy.{rule.name}"]
    return replace(
        measure,
        sql=judged_select(rule),
        columns={**measure.columns, **_tables()["judged"]["columns"]},
        reads=measure.reads | {"policy.threshold"},
    )


def judged_select(rule: policy.Rule) -> str:
    """Return the SELECT that lays a rule's measures against the threshold in force; the one comparison in SQL.

    The measure is an interval [value_low, value_high] over `base` (both exact decimals), so a share is compared as
    value >= threshold * base without division.
    """
    bounds = " ".join(
        f"WHEN threshold.must_be = '{must_be}' THEN CASE"
        f" WHEN value_low {operator} bound AND value_high {operator} bound THEN 'met'"
        f" WHEN NOT value_low {operator} bound AND NOT value_high {operator} bound THEN 'breached' ELSE 'between' END"
        for must_be, operator in policy.OPERATORS.items()
    )
    return f"""
        WITH measure AS ({rule.measure.sql}
        ),
        bounded AS (
            SELECT measure.*, threshold.must_be, threshold.value AS threshold, threshold.unit AS threshold_unit,
                threshold.rule IS NOT NULL AS is_in_force,
                (threshold.value * measure.base::DECIMAL(18, 3))::DECIMAL(36, 6) AS bound
            FROM measure LEFT JOIN policy.threshold AS threshold
                ON threshold.rule = '{rule.name}' AND threshold.part = measure.part
                AND (threshold.in_force_from IS NULL OR measure.judged_on >= threshold.in_force_from)
                AND (threshold.in_force_until IS NULL OR measure.judged_on <= threshold.in_force_until)
        ),
        compared AS (
            SELECT bounded.*, CASE {bounds.replace("threshold.must_be", "must_be")} END AS comparison FROM bounded
        ),
        judged AS (
            SELECT *, CASE
                WHEN judged_on IS NULL THEN ['undetermined', 'date_missing']
                WHEN NOT is_in_force THEN ['not_in_force', 'before_in_force']
                WHEN exempt_reason IS NOT NULL THEN ['exempt', exempt_reason]
                WHEN undetermined_reason IS NOT NULL THEN ['undetermined', undetermined_reason]
                WHEN breached_reason IS NOT NULL THEN ['breached', breached_reason]
                WHEN comparison = 'met' THEN ['met', NULL]
                WHEN comparison = 'breached' AND doubt_reason IS NULL THEN ['breached', NULL]
                WHEN comparison = 'breached' THEN ['undetermined', doubt_reason]
                WHEN comparison = 'between' THEN ['undetermined', 'facts_leave_it_open']
                ELSE ['undetermined', 'not_measured']
            END AS outcome
            FROM compared
        )
        SELECT * EXCLUDE (is_in_force, bound, comparison, outcome), outcome[1] AS verdict, outcome[2] AS reason_code
        FROM judged
    """


def verdict_select(rule: policy.Rule) -> str:
    """Return the SELECT of one verdict a subject: as bad as its worst part, on that part's figures."""
    worst_first = "list_position(['not_in_force', 'breached', 'undetermined', 'met', 'exempt'], verdict)"
    return f"""
        SELECT '{rule.name}' AS rule, '{rule.kind}' AS kind, '{rule.subject_kind}' AS subject_kind, subject_id,
            subject_name, county_code, judged_on, part, value_low::DECIMAL(18, 3) AS value,
            value_high::DECIMAL(18, 3) AS value_high, base::DECIMAL(18, 3) AS base, threshold, threshold_unit,
            must_be, verdict, reason_code, '{rule.document}' AS document, '{rule.clause}' AS clause,
            snapshot_sha256, line
        FROM policy.{rule.name}
        QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY {worst_first}, part) = 1
    """


def evidence_select(rule: policy.Rule) -> str:
    """Return the SELECT of all that a rule measured beside its value, as name and value."""
    extra = [name for name in rule.measure.columns if name not in (*MEASURED, *ORIGIN)]
    names = ["value_low", "value_high", "base", "threshold", "verdict", "reason_code", *extra]
    pairs = ", ".join(f"{{'name': '{name}', 'value': {name}::VARCHAR}}" for name in names)
    return f"""
        SELECT rule, subject_id, part, pair.name AS name, pair.value AS value FROM (
            SELECT '{rule.name}' AS rule, subject_id, part, unnest([{pairs}]) AS pair FROM policy.{rule.name}
        ) WHERE pair.value IS NOT NULL
    """
