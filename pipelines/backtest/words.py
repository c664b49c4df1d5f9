"""Words of the back-test page in one language, and how its estimates are written; the texts stand in `messages/`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from pipelines.backtest.following import WHOLE
from pipelines.backtest.intervals import Estimate
from pipelines.errors import MachineError, WrongCallError
from pipelines.rules import levels

LANGUAGES = ("zh", "en")
NOTHING = "—"


@cache
def messages(language: str) -> Mapping[str, Any]:
    """Return the messages of a language: groups of keys to texts with named places.

    Raises:
        WrongCallError: there are none.
    """
    if language not in LANGUAGES:
        raise WrongCallError(f"the language is {language!r}; it takes {' or '.join(LANGUAGES)}")
    text = (Path(__file__).parent / "messages" / f"{language}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


class Words:
    """The page's words in one language."""

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
            raise MachineError(f"back-test message {key!r} ({self.language}): {error!r} is missing") from error

    def listed(self, group: str, **facts: Any) -> list[str]:
        """All messages of a group, in the order of the file."""
        return [self(f"{group}.{name}", **facts) for name in self._messages[group]]

    def rule(self, name: str) -> str:
        """The whole ladder, or a method by the name its own file gives it."""
        if name == WHOLE:
            return self("rule.whole")
        return str(levels.load("price_level").raw["rungs"][name]["text"][self.language])

    def percent(self, estimate: Estimate) -> tuple[str, str]:
        """A share in percent, and its interval."""
        return self._both(estimate, 100, 1, "%")  # 499 of 500 are not 100 %

    def times(self, estimate: Estimate, factor: float = 1) -> tuple[str, str]:
        """A rate, and its interval."""
        return self._both(estimate, factor, 2, "")

    def days(self, estimate: Estimate) -> tuple[str, str]:
        """Days, and their interval."""
        return self._both(estimate, 1, 0, "")

    def _both(self, estimate: Estimate, factor: float, digits: int, unit: str) -> tuple[str, str]:
        if estimate.value is None or estimate.low is None or estimate.high is None:
            return NOTHING, ""
        if not (isfinite(estimate.low) and isfinite(estimate.high)):  # too few cases for an interval
            return f"{_written(estimate.value * factor, digits)}{unit}", self("word.few")
        value, low, high = (_written(part * factor, digits) for part in (estimate.value, estimate.low, estimate.high))
        return f"{value}{unit}", f"{low}–{high}" if "−" not in f"{low}{high}" else self(
            "word.span", low=low, high=high
        )


def _written(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return (text[1:] if text.startswith("-") and not float(text) else text).replace("-", "−")
