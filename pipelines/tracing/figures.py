"""What a ticket in force became: release, verdict, overload record, and the figures it is part of."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.rules import policy
from pipelines.settings import Settings
from pipelines.tracing.rows import Row, listed

if TYPE_CHECKING:
    import duckdb

RULE = "axle_limit"
NONE: dict[str, Any] = {
    "staging": None,
    "release": None,
    "verdict": None,
    "record": None,
    "figures": [],
    "report": None,
}
STAGED = ("site_id", "is_registered_site", "firm_name", "county_code", "product_id", "product_name", "source_class",
          "direction", "is_direction_assumed", "week_start", "net_t", "is_above_scale_max",
          "is_off_division")  # fmt: skip


def of(con: duckdb.DuckDBPyConnection, settings: Settings, row: Row) -> dict[str, Any]:
    """Return staging, release, verdict, record, figures and report of a row of staging.weighbridge_ticket."""
    ticket_id = row["ticket_id"]
    release = _one(con, "SELECT * FROM mart.release WHERE ticket_id = ?", ticket_id)
    judged = _one(con, "SELECT * FROM policy.axle_limit WHERE subject_id = ?", ticket_id)
    record = _one(con, "SELECT * FROM mart.overload_record WHERE record_id = ?", ticket_id)
    counts = release is not None and not release["is_reweighed"]
    week = _one(con, "SELECT * FROM report.week WHERE week_start = ?", row["week_start"])
    return {
        "staging": {name: row[name] for name in STAGED},
        "release": {
            "is_release": release is not None,
            "is_reweighed": bool(release and release["is_reweighed"]),
            "reweighed_ticket_id": release["reweighed_ticket_id"] if release else None,
        },
        "verdict": _verdict(judged) if judged else None,
        "record": {
            name: record[name]
            for name in ("record_id", "limit_kg", "limit_basis", "over_kg", "over_rate", "band", "verdict",
                         "missing_field", "axle_count", "axle_count_source", "body", "body_source",
                         "drive_axle_count", "drive_axle_count_source", "is_single_tyre", "exemption",
                         "plate_doubt", "max_error_kg", "over_beyond_error_kg",
                         "is_enforcement_usable", "unusable_reasons")
        } if record else None,
        "figures": _figures(con, row, record) if counts else [],
        "report": _report(settings, week) if week else None,
    }  # fmt: skip


def _verdict(judged: Row) -> dict[str, Any]:
    rule = policy.rules()[RULE]
    names = ("verdict", "reason_code", "missing_field", "gross_kg", "limit_low_kg", "limit_high_kg", "limit_count",
             "is_layout_unlisted", "value_low", "value_high", "must_be", "threshold")  # fmt: skip
    return {"rule": RULE, "document": rule.document, "clause": rule.clause, **{name: judged[name] for name in names}}


def _figures(con: duckdb.DuckDBPyConnection, row: Row, record: Row | None) -> list[dict[str, Any]]:
    """Every figure the release is part of: table, column, key, value, and the ticket's part of it."""
    city = _one(con, "SELECT county_code FROM reference.region WHERE kind = 'city'") or {"county_code": None}
    week = {"week_start": row["week_start"]}
    site, county = {"site_id": row["site_id"]}, {"county_code": row["county_code"]}
    product = {"product_name": row["product_name"], "product_id": row["product_id"]}
    asked: list[tuple[str, str, dict[str, Any], Decimal | int | None]] = [
        ("mart.site_week", "dispatch_t", {**site, **week}, row["net_t"]),
        ("mart.county_week", "dispatch_t", {**county, **week}, row["net_t"]),
        ("mart.county_week", "dispatch_t", {**city, **week}, row["net_t"]),
        ("mart.county_product_week", "dispatch_t", {**county, **product, **week}, row["net_t"]),
        ("report.supply_week", "dispatch_t", {**county, **week}, row["net_t"]),
        ("report.supply_week", "dispatch_t", {**city, **week}, row["net_t"]),
        ("report.product_week", "dispatch_t", {**product, **week}, row["net_t"]),
    ]
    if record:
        column = f"{record['verdict']}_count"
        asked += [("report.overload_week", column, {**place, **week}, 1) for place in (county, city)]
    found = []
    for table, column, key, part in asked:
        if "county_code" in key and key["county_code"] is None and table != "mart.county_product_week":
            continue  # a site outside the register is in the city's figures only
        condition = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in key)
        figure = _one(con, f"SELECT {column} AS value FROM {table} WHERE {condition}", *key.values())
        if figure and figure["value"]:
            share = float(part / figure["value"]) if part is not None else None
            found.append(
                {"table": table, "column": column, "key": key, "value": figure["value"], "part": part, "share": share,
                 "is_city": key.get("county_code") == city["county_code"], "in_report": table.startswith("report.")}
            )  # fmt: skip
    return found


def _report(settings: Settings, week: Row) -> dict[str, Any]:
    path = settings.reports / week["iso_week"] / "report.html"
    return {
        "iso_week": week["iso_week"],
        "week_start": week["week_start"],
        "is_complete": week["is_complete"],
        "path": str(path) if path.exists() else None,
    }


def _one(con: duckdb.DuckDBPyConnection, sql: str, *values: object) -> Row | None:
    rows = listed(con, sql, *values)
    return rows[0] if rows else None
