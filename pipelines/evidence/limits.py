"""Which limits of the table the known facts of a vehicle leave possible, each with its layout."""

from __future__ import annotations

from typing import Any

from pipelines.evidence.case import Case


def possible(case: Case) -> list[dict[str, Any]]:
    """Return the layouts of the limit table with `limit_kg` and whether the facts leave them possible.

    Single tyres lower every limit. Facts that fit no layout leave all of them. Where what is found is not what the
    record was judged by (its lowest and highest limit), nothing is returned: the page then names those two alone.
    """
    record = case["record"]
    figures = {row["name"]: row["value"] for row in case["parameters"] if row["rule"] == "axle_limit"}
    less = int(figures.get("single_tyre_reduction_kg", 0)) if record["is_single_tyre"] else 0
    rows = [
        {**row, "limit_kg": row["limit_kg"] - less, "is_possible": _fits(record, row)}
        for row in sorted(case["limits"], key=lambda row: (row["axle_count_from"], row["body"], row["limit_kg"]))
    ]
    if not any(row["is_possible"] for row in rows):
        rows = [{**row, "is_possible": True} for row in rows]
    left = [row["limit_kg"] for row in rows if row["is_possible"]]
    if not left or (min(left), max(left)) != (record["limit_low_kg"], record["limit_high_kg"]):
        return []
    return rows


def _fits(record: Case, row: Case) -> bool:
    axles, drive = record["axle_count"], record["drive_axle_count"]
    return (
        (axles is None or row["axle_count_from"] <= axles <= row["axle_count_to"])
        and record["body"] in (None, row["body"])
        and (drive is None or row["drive_axle_count_from"] <= drive <= row["drive_axle_count_to"])
    )
