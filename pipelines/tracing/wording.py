"""The walk of a ticket in words, Chinese or English; the texts stand in `messages/`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines import contracts
from pipelines.feeds.corrections import DROPPED
from pipelines.feeds.reasons import column_label, reject_message
from pipelines.rules import policy

if TYPE_CHECKING:
    import jinja2

FEED = "weighbridge_ticket"
MESSAGES = Path(__file__).parent / "messages"


def render(trace: Mapping[str, Any], language: str) -> str:
    """Return the words for a walk of `walk.trace`; language is zh or en."""
    aside = [{**row, "message": _why_aside(row, language)} for row in trace["put_aside"]]
    facts = {**trace, "put_aside": aside, "words": _words(language), "document": _document}
    return _template(language).render(facts).strip() + "\n"


def _why_aside(row: Mapping[str, Any], language: str) -> str:
    """The reason in the reader's language; in English as the load wrote it."""
    if language == "en":
        return str(row["message"])
    text = reject_message(
        row["reason_code"],
        row["line"],
        contract=contracts.contracts()[FEED] if row["column_name"] else None,
        column=row["column_name"],
        value=row["value"],
        language=language,
    )
    return f"{text}（更正 {row['value']}）" if row["reason_code"] == DROPPED else text


@cache
def _words(language: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((MESSAGES / "why.yaml").read_text(encoding="utf-8"))[language]
    contract = contracts.contracts()[FEED]
    columns = {name: column_label(contract, name, language) for name in contract.columns}
    suspects = {rule.code: rule.text_zh if language == "zh" else rule.text for rule in contract.row_rules}
    codes = {
        name: {code: words[0] if words and language == "zh" else code for code, words in column.codes.items()}
        for name, column in contract.columns.items()
    }
    return {**found, "column": {**columns, **found["column"]}, "suspect": suspects, "code": codes}


def _document(name: str) -> str:
    found = policy.documents().get(name)
    return str(found.get("number") or found.get("title") or name) if isinstance(found, Mapping) else name


def _shown(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)


def _share(value: float | None) -> str:
    return "—" if value is None else f"{value * 100:.3g}%"


@cache
def _template(language: str) -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(MESSAGES),
        autoescape=jinja2.select_autoescape(("html",)),  # these are text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=_shown, share=_share, word=lambda code, words: words.get(code, code))
    return environment.get_template(f"why.{language}.txt.j2")
