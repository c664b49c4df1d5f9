"""What a record does not prove: statements chosen by its facts, the same for every reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipelines.evidence.case import Case
from pipelines.evidence.documents import cited, is_open
from pipelines.evidence.kept_file import FileProof
from pipelines.evidence.words import Words


def statements(case: Case, proof: FileProof, contest: Case | None, words: Words) -> list[str]:
    """Return what is not proved, in words, the gravest first."""
    return [words(f"unproved.{key}", **facts) for key, facts in _chosen(case, proof, contest, words)]


def _chosen(case: Case, proof: FileProof, contest: Case | None, words: Words) -> Iterator[tuple[str, dict[str, Any]]]:
    record = case["record"]
    if record["verdict"] == "undetermined":
        yield "over_at_all", {"missing": words.name("missing", record["missing_field"])}
    if record["verdict"] == "exempt":
        yield "over_exempt", {}
    if contest and contest["is_open"]:
        yield "contested", {}
    yield "road", {}
    yield from _who(record, words)
    if record["verdict"] == "breached":
        if record["limit_basis"] == "highest_possible":
            yield "limit_range", {"limit": words.kg(record["limit_kg"])}
        if record["limit_basis"] == "unlisted_layout":
            yield "limit_unlisted", {"limit": words.kg(record["limit_kg"])}
    sources = {record[f"{name}_source"] for name in ("axle_count", "body", "drive_axle_count")}
    if "ticket" in sources:
        yield "facts_ticket", {}
    if "register" in sources:
        yield "facts_register", {}
    if case["vehicle"] is None and record["verdict"] != "exempt":
        yield "no_register", {}
    yield from _scale(case, words)
    if record["is_direction_assumed"]:
        yield "direction", {}
    if (case["ticket"] or {}).get("correction_ids"):
        yield "corrected", {}
    if proof.state != "whole":
        yield f"snapshot_{proof.state}", {}
    if any(is_open(document, case["data_through_on"]) for document in cited(case)):
        yield "validity", {}


def _who(record: Case, words: Words) -> Iterator[tuple[str, dict[str, Any]]]:
    if record["carrier_name"]:
        yield "carrier", {"carrier": words.given(record["carrier_name"])}
    else:
        yield "people", {}
    if record["plate"] is None:
        yield "plate_missing", {}
    elif record["plate_doubt"]:
        yield "plate_doubt", {"doubt": words.name("doubt", record["plate_doubt"])}
    else:
        yield "plate_entered", {}
    if not record["is_registered_site"]:
        yield "site", {}
    elif not record["firm_name"]:
        yield "firm", {}


def _scale(case: Case, words: Words) -> Iterator[tuple[str, dict[str, Any]]]:
    record, scale = case["record"], case["scale"]
    until = scale["valid_until"] if scale else None
    if scale is None or until is None or not scale["certificate_no"]:
        yield "scale_uncertified", {}
    elif until < record["weighed_on"]:
        yield "scale_expired", {"valid_until": until}
    else:
        yield "scale_error", {"max_error": words.kg(record["max_error_kg"])}
    if record["is_above_scale_max"]:
        yield "scale_max", {"scale_max": words.kg(record["scale_max_kg"])}
    codes = record["unusable_reasons"] or ()
    for code in ("off_division", "axle_sum", "within_error"):
        if code in codes:
            yield code, {}
