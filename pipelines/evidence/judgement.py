"""The parts of the page about the verdict: limits, facts, error, what a road authority might set."""

from __future__ import annotations

from pipelines.evidence import documents, limits
from pipelines.evidence.case import Case
from pipelines.evidence.parts import Part, in_brackets, labelled, pairs, table
from pipelines.evidence.words import Words, number


def judged(case: Case, words: Words) -> Part:
    """The verdict with its numbers; of what is not breached only why."""
    record = case["record"]
    title = " ".join(documents.title(row) for row in documents.cited(case)[:1])
    threshold = next((row for row in case["thresholds"] if row["rule"] == "axle_limit"), None)
    source = threshold["source"] if threshold else ""
    found = [("verdict", words.name("verdict", record["verdict"])), ("gross", words.kg(record["gross_kg"]))]
    if record["verdict"] == "breached":
        found += _breached(case, words)
    else:
        found.append(("reason", why(record, words)))
        low, high = words.kg(record["limit_low_kg"]), words.kg(record["limit_high_kg"])
        found.append(("limit_range", low if low == high else f"{low} – {high}"))
    part = pairs(words("part.judged"), labelled(found, words))
    if len(part["rows"]) % 2:
        part["rows"].append(["", ""])
    stated = words("word.clause", document=title, clause=source, confidence=documents.confidence(case, words))
    part["rows"].append([words("label.clause"), stated, "wide"])
    return part


def why(record: Case, words: Words) -> str:
    """Why a record is not breached: what is missing, or what exempts it."""
    if record["verdict"] == "exempt":
        return words.name("exemption", record["exemption"])
    missing = words.name("missing", record["missing_field"])
    if record["reason_code"] == "exemption_open":
        return words.name("reason", "exemption_open") + in_brackets(
            words.name("exemption_doubt", record["exemption_doubt"]), words
        )
    if record["reason_code"] == "gross_missing":
        return words.name("reason", "gross_missing")
    return words("reason.fact_missing", missing=missing)


def _breached(case: Case, words: Words) -> list[tuple[str, str]]:
    record = case["record"]
    limit = words.kg(record["limit_kg"]) + in_brackets(words.name("basis", record["limit_basis"]), words)
    rate = words.percent(record["over_rate"])
    if record["band"]:
        rate += in_brackets(words("word.band", band=record["band"]), words)
    limitation = documents.parameter(case, "repeat_overload", "limitation_years")
    found = [
        ("limit", limit),
        ("over", words.kg(record["over_kg"])),
        ("over_rate", rate),
        ("max_error", _max_error(case, words)),
        ("beyond", words.kg(record["over_beyond_error_kg"])),
        ("reference", _reference(case, words)),
        ("lapses", words("lapses.day", day=record["lapses_on"], source=limitation["source"])),
    ]
    if flags := _flags(case, words):
        found.append(("flags", words("word.semicolon").join(flags)))
    return found


def _max_error(case: Case, words: Words) -> str:
    record = case["record"]
    factor = documents.parameter(case, "scale_error", "in_service_factor")["value"]
    return words(
        "word.max_error",
        value=words.kg(record["max_error_kg"]),
        factor=words("word.unknown") if factor is None else number(factor),
        division=words.kg(record["scale_division_kg"]),
        basis=words.name("error_basis", record["error_basis"]),
    )


def _reference(case: Case, words: Words) -> str:
    record = case["record"]
    if record["reference_kind"] is None:
        return words("word.unknown")
    step = documents.parameter(case, "axle_limit", "reference_yuan_per_step")
    return words(
        f"reference.{record['reference_kind']}",
        amount=words("word.yuan", value=number(record["reference_amount_yuan"])),
        source=step["source"],
        confidence=documents.confidence(case, words),
    )


def _flags(case: Case, words: Words) -> list[str]:
    record = case["record"]
    found: list[str] = []
    for flag, name in (("over_100t", "very_heavy_kg"), ("over_55t", "heavy_kg")):
        if record[f"is_{flag}"] and not found:
            found.append(words(f"flag.{flag}", mass=words.kg(documents.parameter(case, "axle_limit", name)["value"])))
    if record["is_within_expressway_tolerance"]:
        tolerance = documents.parameter(case, "axle_limit", "expressway_tolerance_rate")
        found.append(
            words("flag.expressway", share=words.whole_percent(tolerance["value"]), source=tolerance["source"])
        )
    return found


def facts(case: Case, words: Words) -> Part:
    """The facts of the vehicle that the limits follow from, each with where it stands."""
    record = case["record"]
    rows = []
    for name in ("axle_count", "body", "drive_axle_count"):
        value = words.name("body", record[name]) if name == "body" else words.given(record[name])
        rows.append([words(f"fact.{name}"), value, _origin(case, record[f"{name}_source"], words)])
    if record["is_single_tyre"] is None:
        rows.append([words("fact.tyres"), words("tyres.unknown"), _origin(case, None, words)])
    else:
        less = words.kg(documents.parameter(case, "axle_limit", "single_tyre_reduction_kg")["value"])
        tyres = words("tyres.single" if record["is_single_tyre"] else "tyres.dual", less=less)
        rows.append([words("fact.tyres"), tyres, _origin(case, "register", words)])
    exemption = record["exemption"]
    shown = words.name("exemption", exemption or "unknown")
    if record["exemption_doubt"]:
        shown += in_brackets(words.name("exemption_doubt", record["exemption_doubt"]), words)
    rows.append([words("fact.exemption"), shown, _origin(case, "register" if exemption else None, words)])
    return table(
        words("part.facts"), [words("head.fact"), words("head.value"), words("head.origin")], [2, 4, 7], rows
    )


def _origin(case: Case, source: str | None, words: Words) -> str:
    if source == "ticket":
        return words("word.ticket_origin", line=case["record"]["line"])
    vehicle = case["vehicle"]
    if source == "register" and vehicle:
        account = vehicle["account"] or {}
        return words("word.register_origin", file=words.given(account.get("file_name")), line=vehicle["line"],
                     valid_from=vehicle["valid_from"])  # fmt: skip
    return words("word.not_stated")


def limit_table(case: Case, words: Words) -> Part:
    """The limits by layout, and which of them the facts leave possible."""
    rows, found = [], limits.possible(case)
    marked = [place for place, row in enumerate(found) if row["is_possible"]]
    for row in found:
        first, last = row["axle_count_from"], row["axle_count_to"]
        axles = words("word.axles" if first == last else "word.axles_from", count=first)
        drive_first, drive_last = row["drive_axle_count_from"], row["drive_axle_count_to"]
        if drive_first == drive_last:
            drive = words("word.drive", count=drive_first)
        else:
            drive = words("word.any_drive") if drive_first == 1 else words("word.drive_from", count=drive_first)
        is_possible = words("word.possible" if row["is_possible"] else "word.impossible")
        rows.append([axles, words.name("body", row["body"]), drive, words.kg(row["limit_kg"]), is_possible])
    threshold = next((row for row in case["thresholds"] if row["rule"] == "axle_limit"), None)
    title = words("part.limits", source=threshold["source"] if threshold else "")
    head = [words(f"head.{name}") for name in ("axles", "body", "drive", "limit", "is_possible")]
    return table(title, head, [3, 3, 3, 3, 3], rows, marked=marked)
