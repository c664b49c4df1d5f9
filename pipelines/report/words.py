"""Words and number formats of the report in one language; a missing figure has a word too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import MachineError
from pipelines.report.blocks import Issue

NOTHING = "—"
SIGNS = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<"}


@cache
def messages(language: str) -> Mapping[str, Any]:
    """Return the messages of a language: groups of keys to texts with named places, from all its files.

    Raises:
        MachineError: two files say the same key.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((Path(__file__).parent / "messages" / language).glob("*.yaml")):
        for group, texts in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            known = found.setdefault(group, {})
            if twice := known.keys() & texts.keys():
                raise MachineError(f"{path}: {group}: {', '.join(sorted(map(str, twice)))} stand in another file too")
            known.update(texts)
    return found


class Words:
    """The report's words in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._messages = messages(language)

    def __call__(self, key: str, **facts: Any) -> str:
        """The message `group.key` with its places filled.

        Raises:
            MachineError: there is no such message, or a fact for it is missing.
        """
        group, _, name = key.partition(".")
        try:
            return str(self._messages[group][name]).format(**facts)
        except (KeyError, IndexError) as error:
            raise MachineError(f"report message {key!r} ({self.language}): {error!r} is missing") from error

    def name(self, group: str, code: Any, default: str | None = None) -> str:
        """The word for a code, or the code itself (or `default`) where there is none."""
        if code is None:
            return default if default is not None else self("word.unknown")
        return str(self._messages[group].get(str(code), default if default is not None else code))

    def place(self, code: str | None, given: str | None) -> str:
        """A county, the city, or the given name of an area outside the region table."""
        return self.name("place", code, given or self("word.unregistered_place"))

    def product(self, code: str | None, given: str | None) -> str:
        """A product."""
        return self.name("product", code, given or self("word.unknown"))

    def kind(self, row: Mapping[str, Any]) -> str:
        """What a price is compared as: basis and tax, and the unit where it is not the tonne."""
        parts = [self.name("basis", row["basis"]), self.name("tax", row["tax"], self("word.tax_unstated"))]
        if row["unit"] != "t":
            parts.append(self.name("unit", row["unit"]))
        return "·".join(parts)

    def number(self, value: Any, digits: int = 0) -> str:
        """A number with separators; a dash where it is missing."""
        return NOTHING if value is None else f"{_tidy(value, digits):,.{digits}f}"

    def percent(self, share: Any, digits: int = 1, *, signed: bool = False) -> str:
        """A share in percent; a change carries its sign."""
        if share is None:
            return NOTHING
        text = f"{_tidy(Decimal(str(share)) * 100, digits):{'+' if signed else ''}.{digits}f}%"
        return text.replace("-", "−")

    def whole_percent(self, share: Any, sign: str = "%") -> str:
        """A share in whole percent, rounded down: 100 is said of nothing less."""
        return NOTHING if share is None else f"{int(Decimal(str(share)) * 100)}{sign}"

    def change(self, share: Any) -> str:
        """A change on an earlier week in words: up or down by how much."""
        if share is None:
            return self("word.not_comparable")
        size = self.percent(abs(share))
        if size == self.percent(0):
            return self("word.level_with")
        return self("word.up_by" if share > 0 else "word.down_by", size=size)

    def day(self, day: dt.date | None) -> str:
        """A date, or that there is none."""
        return day.isoformat() if day else self("word.not_reported")

    def level(self, level: str | None) -> str:
        """A warning level."""
        return self("word.not_judged") if level is None else self.name("level", level)

    def issue(self, issue: Issue) -> str:
        """For whom and which issue it is, and who let it out."""
        edition, stage = self(f"issue.{issue.edition}"), self(f"issue.{issue.stage}")
        key = "issue.numbered" if issue.number else "issue.unnumbered"
        text = self(key, edition=edition, stage=stage, number=issue.number)
        return self("issue.approved", issue=text, name=issue.approved_by) if issue.approved_by else text

    def listed(self, items: Iterable[str], most: int = 0) -> str:
        """Items as a list in words; with `most`, the rest is counted."""
        found = list(items)
        shown = found[:most] if most else found
        text = self("word.comma").join(shown)
        left = len(found) - len(shown)
        return text + (self("word.and_more", count=left) if left else "")


def _tidy(value: Any, digits: int) -> Decimal:
    """Round half away from zero, and never show a minus zero."""
    from decimal import ROUND_HALF_UP

    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return rounded if rounded else abs(rounded)
