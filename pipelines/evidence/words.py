"""Words of the evidence page in one language, and how values are written; the texts stand in `messages/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import MachineError

# Signs that are not seen or that turn the order of what stands beside them: shown by their number instead.
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


@cache
def messages(language: str) -> Mapping[str, Any]:
    """Return the messages of a language: groups of keys to texts with named places."""
    path = Path(__file__).parent / "messages" / f"{language}.yaml"
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


class Words:
    """The page's words in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._messages = messages(language)

    def __call__(self, key: str, **facts: Any) -> str:
        """The message `group.key` with its places filled; facts go in as they are and are read no further.

        Raises:
            MachineError: there is no such message, or a fact for it is missing.
        """
        group, _, name = key.partition(".")
        try:
            return str(self._messages[group][name]).format(**facts)
        except (KeyError, IndexError) as error:
            raise MachineError(f"evidence message {key!r} ({self.language}): {error!r} is missing") from error

    def name(self, group: str, code: Any) -> str:
        """The word for a code, the code itself where there is none, or that it is not known."""
        if code is None:
            return self("word.unknown")
        return str(self._messages[group].get(str(code), code))

    def given(self, value: Any) -> str:
        """A text as it came, with signs that cannot be seen made visible, or that there is none."""
        return self("word.unknown") if value in (None, "") else shown(str(value))

    def kg(self, value: Any) -> str:
        """A mass in kilograms."""
        return self("word.unknown") if value is None else self("word.kg", value=number(value))

    def percent(self, share: Any) -> str:
        """A share in percent, one digit, cut and not rounded: a rate is not made larger than it is."""
        if share is None:
            return self("word.unknown")
        return self("word.share", value=f"{int(Decimal(str(share)) * 10 * 100) / 10:.1f}")

    def whole_percent(self, share: Any) -> str:
        """A share that a rule states, in percent with no more digits than it has."""
        value = None if share is None else number(Decimal(str(share)) * 100)
        return self("word.unknown") if value is None else self("word.share", value=value)

    def listed(self, items: Iterable[str]) -> str:
        """Items as a list in words."""
        return self("word.comma").join(items)

    def yes_no(self, value: Any) -> str:
        """Yes, no, or not known."""
        return self("word.unknown") if value is None else self("word.yes_word" if value else "word.no_word")


def number(value: Any) -> str:
    """Return a number with separators and no zeros behind the point."""
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(text: str | None) -> str | None:
    """Return a local time without its zone, which is the same everywhere on the page."""
    return None if text is None else re.sub(r"(\.\d+)?\+08(:00)?$", "", text)


def shown(text: str) -> str:
    """Return a text whose every sign is seen: control and direction signs by their number, line ends as blanks."""
    return UNSEEN.sub(lambda sign: f"‹U+{ord(sign[0]):04X}›", re.sub(r"[\t\n]", " ", text))
