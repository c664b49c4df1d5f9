"""One line of the doctor: what was looked at, how it is, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

State = Literal["ok", "attention", "broken"]


@dataclass(frozen=True)
class Line:
    """`state` is ok, attention (works, but look at it) or broken (something cannot work); `todo` is for a person."""

    name: str
    state: State
    found: str
    todo: str = ""

    def to_json(self) -> dict[str, str]:
        """The same as plain JSON types."""
        return asdict(self)

    def text(self) -> str:
        """The same as one line for people."""
        todo = f" -> {self.todo}" if self.todo else ""
        return f"{self.state:<9} {self.name}: {self.found}{todo}"
