"""The parts of the page about release, scale, file and versions."""

from __future__ import annotations

from pipelines.evidence.case import Case
from pipelines.evidence.kept_file import FileProof
from pipelines.evidence.parts import Part, labelled, pairs, table
from pipelines.evidence.words import Words, moment, number


def release(case: Case, words: Words) -> Part:
    """Who released what, when, on which truck, with which weights."""
    record, ticket, site = case["record"], case["ticket"] or {}, case["site"] or {}
    plate = words.given(record["plate"])
    if record["plate_doubt"]:
        plate = words("word.plate_doubt", plate=plate, doubt=words.name("doubt", record["plate_doubt"]))
    direction = words.name("direction", "out")
    if record["is_direction_assumed"]:
        direction = words("word.assumed_direction", direction=direction)
    net = ticket.get("net_t")
    found = [
        ("site", words.given(record["site_name"])),
        ("firm", words.given(record["firm_name"])),
        ("county", words.given(site.get("county_name") or record["county_code"])),
        ("uscc", words.given(site.get("uscc"))),
        ("weighed_at", str(moment(record["weighed_at"]))),
        ("ticket_no", words.given(record["ticket_no"])),
        ("plate", plate),
        ("product", words.given(record["product_name"])),
        ("gross", words.kg(record["gross_kg"])),
        ("tare", words.kg(ticket.get("tare_kg"))),
        ("net", words("word.unknown") if net is None else words("word.t", value=number(net))),
        ("first_weighed_at", words.given(moment(ticket.get("first_weighed_at")))),
        ("direction", direction),
        ("operator", words.given(ticket.get("operator"))),
        ("receiver", words.given(ticket.get("receiver"))),
        ("destination", words.given(ticket.get("destination"))),
    ]
    return pairs(words("part.release"), labelled(found, words))


def scale(case: Case, words: Words) -> Part:
    """The scale by its register, on the day of the weighing."""
    record, row = case["record"], case["scale"] or {}
    basis = words.name("error_basis", record["error_basis"])
    found = [
        ("scale_no", words.given(record["scale_no"])),
        ("scale_max", words.kg(record["scale_max_kg"])),
        ("division", words("word.division", value=words.kg(record["scale_division_kg"]), basis=basis)),
        ("certificate", words.given(row.get("certificate_no"))),
        ("verified_on", words.given(row.get("verified_on"))),
        ("valid_until", words.given(row.get("valid_until"))),
        ("review", _on_time(row.get("review_on"), record, words)),
        ("location", _on_time(row.get("location_published_on"), record, words)),
    ]
    part = pairs(words("part.scale"), labelled(found, words))
    if row:
        account = row["account"] or {}
        part["note"] = (
            words("label.register_row")
            + words("word.colon")
            + words(
                "word.register_row",
                file=words.given(account.get("file_name")),
                line=row["line"],
                sha=row["snapshot_sha256"],
            )
        )
    return part


def _on_time(day: str | None, record: Case, words: Words) -> str:
    if day is None:
        return words("review.none")
    return words("review.done" if day <= record["weighed_on"] else "review.late", day=day)


def versions(case: Case, words: Words) -> Part:
    """Every version of the ticket, of a record or of its contest now: which file brought it, what became of it."""
    rows = []
    for row in case["versions"]:
        account = row["account"] or {}
        state = words(f"word.{row['outcome']}", load_no=row["ended_load_no"])
        if row["is_this"]:
            state += words("word.this")
        file = words("word.file_line", file=words.given(account.get("file_name")), line=row["line"],
                     load_no=row["load_no"])  # fmt: skip
        rows.append([row["ticket_id"], str(moment(row["weighed_at"])), words.kg(row["gross_kg"]),
                     words.kg(row["tare_kg"]), file, state])  # fmt: skip
    head = [words("head.version"), words("label.weighed_at"), words("label.gross"), words("label.tare"),
            words("head.file_line"), words("head.state")]  # fmt: skip
    return table(words("part.versions"), head, [8, 8, 5, 5, 11, 8], rows)


def heavier(case: Case, words: Words) -> Part:
    """The heavier weighings of the visit that this release followed."""
    rows = [
        [row["ticket_id"], words.given(row["ticket_no"]), str(moment(row["weighed_at"])), words.kg(row["gross_kg"])]
        for row in case["heavier"]
    ]
    head = [words("head.version"), words("label.ticket_no"), words("label.weighed_at"), words("label.gross")]
    return table(words("part.heavier"), head, [3, 3, 4, 3], rows)


def original(case: Case, proof: FileProof, words: Words) -> list[Part]:
    """The file with its hash, and the ticket in it as it was sent."""
    record, account, ticket = case["record"], case["account"] or {}, case["ticket"] or {}
    loaded = words("word.load", load_no=account.get("load_no"), loaded_at=moment(account.get("loaded_at")))
    source = words("word.source", source=words.given(record["source"]), encoding=words.given(account.get("encoding")))
    found = [
        ("file", words.given(account.get("file_name"))),
        ("line", str(record["line"])),
        ("sha256", record["snapshot_sha256"]),
        ("load", loaded if account else words("word.unknown")),
        ("source", source),
        ("snapshot", words(f"word.{proof.state}", hash_now=proof.hash_now)),
    ]
    if ids := ticket.get("correction_ids"):
        found.append(("corrections", words("word.corrected", ids=words.listed(words.given(name) for name in ids))))
    parts = [pairs(words("part.file"), labelled(found, words), columns=1)]
    cells = [(words.given(name), words.given(value)) for name, value in proof.cells.items() if value.strip()]
    if cells:
        parts.append(pairs(words("part.cells"), cells))
    if proof.state == "whole":
        text = words("word.no_line") if proof.raw_text is None else words.given(proof.raw_text)
        parts.append({"kind": "verbatim", "title": words("part.raw"), "text": text})
    return parts
