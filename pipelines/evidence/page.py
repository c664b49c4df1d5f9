"""The evidence page as data: title, what is said in a sentence, and its parts in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.evidence import documents, judgement, sections, unproved
from pipelines.evidence.case import Case
from pipelines.evidence.kept_file import FileProof
from pipelines.evidence.parts import Part, pairs, table
from pipelines.evidence.words import Words, moment, number

ISSUER = "sandwatch"
TEMPLATE = Path(__file__).with_name("page.typ")
# Columns of a record that hold codes, and the group of words that says them.
WORDED = {
    "verdict": "verdict", "body": "body", "missing_field": "missing", "plate_doubt": "doubt",
    "exemption": "exemption", "exemption_doubt": "exemption_doubt", "limit_basis": "basis",
    "error_basis": "error_basis", "reason_code": "reason_short", "reference_kind": "reference_kind",
}  # fmt: skip


def page(
    case: Case,
    proof: FileProof,
    words: Words,
    *,
    contest: Case | None = None,
    now: Case | None = None,
    purpose: str = "",
) -> dict[str, Any]:
    """Return the page of a record as plain data for `page.typ`.

    Args:
        case: the record as of the edition, or as it was frozen when it was contested.
        proof: what the kept file shows.
        words: the page's language.
        contest: the record's row of mart.contested_record, where somebody contested it.
        now: of a contested record, what the edition says today; None where it is gone.
        purpose: why the asker reads this, shown on the page.
    """
    record, edition = case["record"], contest or case
    verdict = record["verdict"]
    build = words("word.build", build=edition["build"], through=edition["data_through_on"] or words("word.unknown"))
    subtitle = words("word.subtitle", record=record["record_id"], build=build)
    kind = _kind(case, contest, now)
    lead = _lead(case, words)
    if contest and kind != verdict:
        lead = words(f"lead.{kind}", ruled_on=contest["ruled_on"]) + lead
    return {
        "lang": words.language,
        "tone": kind,
        "title": words(f"title.{kind}"),
        "author": ISSUER,
        "issuer": words("word.issuer"),
        "subtitle": subtitle + (words("word.purpose", purpose=words.given(purpose)) if purpose else ""),
        "foot": words("word.foot", record=record["record_id"], build=build),
        "lead": lead,
        "parts": _parts(case, proof, words, contest, now),
    }


def _kind(case: Case, contest: Case | None, now: Case | None) -> str:
    """The record's verdict; of a contested one that it was withdrawn, or that it is no longer what was frozen."""
    if contest and contest["is_withdrawn"]:
        return "withdrawn"
    if contest and (now is None or now["record"]["verdict"] != case["record"]["verdict"]):
        return "outdated"
    return str(case["record"]["verdict"])


def _lead(case: Case, words: Words) -> str:
    record = case["record"]
    facts = {"site": words.given(record["site_name"]), "weighed_at": moment(record["weighed_at"])}
    if record["verdict"] != "breached":
        return words(f"lead.{record['verdict']}", **facts, why=judgement.why(record, words))
    is_lower = record["limit_basis"] != "stated"
    return words(
        "lead.breached",
        **facts,
        gross=words.kg(record["gross_kg"]),
        limit=words.kg(record["limit_kg"]),
        over=words.kg(record["over_kg"]),
        lower=words("lead.lower") if is_lower else "",
        beyond=words.kg(record["over_beyond_error_kg"]),
    )


def _parts(case: Case, proof: FileProof, words: Words, contest: Case | None, now: Case | None) -> list[Part]:
    parts = []
    if contest:
        parts += _contest(case, contest, now, words)
    not_proved = unproved.statements(case, proof, contest, words)
    parts += [
        {"kind": "list", "title": words("part.unproved"), "items": not_proved, "box": "alarm"},
        sections.release(case, words),
        judgement.judged(case, words),
        judgement.facts(case, words),
    ]
    limit_table = judgement.limit_table(case, words)
    parts += [limit_table] if limit_table["rows"] else []
    parts += [sections.scale(case, words), _usable(case, contest, words), *sections.original(case, proof, words)]
    for part in (sections.versions(contest or case, words), sections.heavier(case, words)):
        parts += [part] if part["rows"] else []
    return [*parts, _documents(case, words)]


def _usable(case: Case, contest: Case | None, words: Words) -> Part:
    record = case["record"]
    if record["verdict"] != "breached":
        return _list(words, [words("usable.not_applicable")])
    if contest and contest["is_withdrawn"]:
        return _list(words, [words("usable.withdrawn")])
    held = []
    if contest and contest["is_open"]:
        held.append(words("usable.contested"))
    if contest and contest["state_now"] != "same":
        held.append(words("usable.not_as_frozen"))
    if record["is_enforcement_usable"]:
        return _list(words, held or [words("usable.usable")])
    ticket, scale = case["ticket"] or {}, case["scale"] or {}
    facts = {
        "doubt": words.name("doubt", record["plate_doubt"]),
        "gross": words.kg(record["gross_kg"]),
        "scale_max": words.kg(record["scale_max_kg"]),
        "division": words.kg(record["scale_division_kg"]),
        "axle_sum": words.kg(ticket.get("axle_sum_kg")),
        "scale_no": words.given(record["scale_no"]),
        "certificate": words.given(record["certificate_no"] or scale.get("certificate_no")),
        "valid_until": words.given(record["certificate_valid_until"]),
        "weighed_on": record["weighed_on"],
        "over": words.kg(record["over_kg"]),
        "max_error": words.kg(record["max_error_kg"]),
    }
    reasons = [words(f"unusable.{code}", **facts) for code in record["unusable_reasons"] or ()]
    return _list(words, [words("usable.unusable"), *held, *reasons])


def _list(words: Words, items: list[str]) -> Part:
    return {"kind": "list", "title": words("part.usable"), "items": items}


def _contest(case: Case, contest: Case, now: Case | None, words: Words) -> list[Part]:
    """Who contests the record and why, what became of it, and what the record says now that it did not say then."""
    rows = []
    for row in contest["contests"]:
        said = {
            "contested_by": words.given(row["contested_by"]),
            "contested_on": row["contested_on"],
            "contest_reason": words.given(row["reason"]),
            "document_no": words.given(row["document_no"]),
            "ruling": words(f"ruling.{row['ruling']}", day=row["ruled_on"]),
        }
        rows += [(words(f"label.{name}"), value) for name, value in said.items()]
    through = case["data_through_on"] or words("word.unknown")
    rows.append((words("label.frozen"), words("word.frozen", build=case["build"], through=through)))
    gone = words.name("gone", contest["gone_reason"]) if contest["gone_reason"] else ""
    rows.append((words("label.state_now"), words(f"state_now.{contest['state_now']}", why=gone)))
    parts = [{**pairs(words("part.contest"), rows, columns=1), "box": "alarm"}]
    if now and contest["changed_columns"]:
        then = case["record"]
        changed = [
            [
                words.name("column", name),
                _value(name, then.get(name), words),
                _value(name, now["record"].get(name), words),
            ]
            for name in contest["changed_columns"]
        ]
        head = [words("head.column"), words("head.then"), words("head.now")]
        parts.append(table(words("part.changed"), head, [3, 5, 5], changed))
    return parts


def _value(name: str, value: Any, words: Words) -> str:
    """A value of a record's column in the page's words."""
    if value is None:
        return words("word.unknown")
    if isinstance(value, list):
        return words.listed(words.name("unusable_short", item) for item in value) or words("word.none")
    if isinstance(value, bool):
        return words.yes_no(value)
    if name.endswith("_kg"):
        return words.kg(value)
    if name.endswith("_rate"):
        return words.percent(value)
    if name.endswith("_yuan"):
        return words("word.yuan", value=number(value))
    group = "source_kind" if name.endswith("_source") else WORDED.get(name)
    return words.name(group, value) if group else words.given(moment(str(value)))


def _documents(case: Case, words: Words) -> Part:
    rows = [
        [documents.title(row), words.name("confidence", row["confidence"]),
         documents.validity(row, case["data_through_on"], words)]
        for row in documents.cited(case)
    ]  # fmt: skip
    head = [words(f"head.{name}") for name in ("document", "confidence", "validity")]
    return table(words("part.documents"), head, [6, 4, 5], rows)
