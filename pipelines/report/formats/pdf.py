"""The report as a PDF for paper and files: A4, contents, page numbers, tables that no page cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines import typesetting
from pipelines.report.blocks import Cell, Chart, Report, Sentence, Table
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import widths
from pipelines.report.formats.masking import masked
from pipelines.report.words import Words

NAME = "report.pdf"
TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# Widths in em of the table's type: what a page holds upright and lying, the gap of a column, the least that a column
# of words can do with, and the most that it is given.
TYPE_PT = 7.6


def files(report: Report, pictures: Pictures) -> dict[str, bytes]:
    """Return the PDF by its file name; plates in texts are masked as on the page."""
    charts = {f"{block.name}.svg": pictures.svg(block) for block in report.blocks if isinstance(block, Chart)}
    page: dict[str, Any] = _masked(_page(report, Words(report.language)))
    return {NAME: typesetting.pdf(TEMPLATE, page, charts)}


def _page(report: Report, words: Words) -> dict[str, Any]:
    head = report.headline
    return {
        "lang": report.language,
        "title": report.title,
        "week": report.week.iso_week,
        "issue": words.issue(report.issue),
        "subtitle": report.subtitle,
        "notices": _sentences(report.notices),
        "words": {
            name: words(key)
            for name, key in (
                ("contents", "section.contents"), ("headline", "section.headline"), ("changes", "section.changes"),
                ("notes", "section.notes"), ("annex", "section.queries"), ("annex_text", "word.run_query"),
                ("imprint", "section.imprint"),
            )
        },
        "tiles": [vars(tile) for tile in head.tiles],
        "lights": _table(head.lights),
        "changes": _sentences(head.changes),
        "actions": _table(head.actions) if head.actions else None,
        "sections": [
            {
                "title": section.title,
                "sentences": _sentences(section.sentences),
                "blocks": [_table(block) if isinstance(block, Table) else _chart(block) for block in section.blocks],
            }
            for section in (*report.sections, report.method)
        ],
        "notes": [
            {"text": list(note.paragraphs), "by": words("note.signed", name=note.signed_by, day=note.signed_on)}
            for note in report.notes
        ],
        "imprint": _sentences(report.imprint),
        "queries": [
            {"title": query.name, "sql": query.sql, "files": f"data/{query.name}.csv"}
            for query in report.queries.values()
        ],
    }  # fmt: skip


def _sentences(found: tuple[Sentence, ...]) -> list[dict[str, str]]:
    return [vars(sentence) for sentence in found]


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "kind": "chart",
        "title": chart.title,
        "unit": chart.unit,
        "alt": chart.alt,
        "picture": f"{chart.name}.svg",
        "is_half": chart.is_half,
    }


def _table(table: Table) -> dict[str, Any]:
    columns = [
        {
            "title": column.title,
            "unit": column.unit,
            "is_number": column.is_number,
            "em": em,
            "stays_whole": widths.stays_whole(table, place),
        }
        for place, (column, em) in enumerate(zip(table.columns, widths.columns_em(table), strict=True))
    ]
    return {
        "kind": "table",
        "title": table.title,
        "columns": columns,
        "is_wide": widths.is_wide(table),
        "size_pt": TYPE_PT * widths.shrink(table),
        "rows": [[_cell(cell) for cell in row] for row in table.rows],
        "total_rows": table.total_rows,
        "foot": table.foot,
        "empty": table.empty,
    }


def _cell(cell: Cell) -> dict[str, str]:
    kind, *rest = cell.style.split() or [""]
    return {"text": cell.text, "note": cell.note, "light": rest[-1] if kind in ("light", "tag") and rest else "",
            "style": "" if kind in ("light", "tag") else cell.style}  # fmt: skip


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value
