"""One changed rule: which file, where, and how it then reads."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from pipelines.settings import ROOT


@dataclass(frozen=True)
class Mutant:
    """A file of `sql/` with one thing changed.

    Attributes:
        rule: rule whose examples should notice.
        path: the file.
        line: line of the file the change is nearest to, from 1.
        kind: what was done: bound, must_be, comparison, dropped, default ...
        change: the change in words that stay the same while the rest of the file moves; unique in its file.
        before: the file as it is, printed like `after`.
        after: the file as the mutant reads.
    """

    rule: str
    path: Path
    line: int
    kind: str
    change: str
    before: str
    after: str

    @property
    def file(self) -> str:
        """The file below the repository."""
        return self.path.relative_to(ROOT).as_posix()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.change}"

    def diff(self) -> str:
        """The change as a unified diff with one line around it."""
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), n=1, lineterm="")
        return "\n".join(list(lines)[2:])


def numbered(found: list[Mutant]) -> list[Mutant]:
    """Tell equal changes of one file apart by a number, and leave out mutants that read alike."""
    from dataclasses import replace

    told: dict[tuple[str, Path, str, str], int] = {}
    seen: set[tuple[Path, str]] = set()
    kept = []
    for mutant in found:
        if mutant.after == mutant.before or (mutant.path, mutant.after) in seen:
            continue
        seen.add((mutant.path, mutant.after))
        key = (mutant.rule, mutant.path, mutant.kind, mutant.change)
        told[key] = told.get(key, 0) + 1
        number = f" ({told[key]})" if told[key] > 1 else ""
        kept.append(replace(mutant, change=mutant.change + number))
    return kept
