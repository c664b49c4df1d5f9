"""What a report was made from: version of the code, rules in force, and the files whose rows touch its week."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pipelines.report.blocks import Sentence, Week
from pipelines.report.words import Words
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

# What the rows of the report's weeks came from; a file without dates (a register) counts for every week.
_INPUTS = """SELECT feed, source, file_name, snapshot_sha256, load_no, first_period_on, last_period_on, row_count,
accepted_count, superseded_count, voided_count, quarantined_count FROM meta.load_account
WHERE first_period_on IS NULL OR first_period_on <= ? ORDER BY load_no"""


@dataclass(frozen=True)
class MadeFrom:
    """Version of the code, SHA-256 of the rules, and the loads up to the week's end, by number."""

    code_version: str
    rules_sha256: str
    loads: tuple[dict[str, Any], ...]

    @property
    def inputs_sha256(self) -> str:
        """One SHA-256 over all input files, in the order they were loaded."""
        return hashlib.sha256("\n".join(load["snapshot_sha256"] for load in self.loads).encode()).hexdigest()

    def to_json(self, *, is_public: bool = False) -> dict[str, Any]:
        """What the manifest keeps; days as text. For the public no files: their names may name firms."""
        loads = [
            {name: str(value) if name.endswith("_on") and value else value for name, value in load.items()}
            for load in self.loads
        ]
        versions = {
            "code_version": self.code_version, "rules_sha256": self.rules_sha256, "inputs_sha256": self.inputs_sha256
        }  # fmt: skip
        return versions if is_public else {**versions, "inputs": loads}

    def sentences(self, words: Words, *, is_public: bool = False) -> tuple[Sentence, ...]:
        """Return it as the imprint of a report."""
        inputs = "imprint.inputs_public" if is_public else "imprint.inputs"
        return (
            Sentence(words("imprint.code", version=self.code_version)),
            Sentence(words("imprint.rules", sha256=self.rules_sha256)),
            Sentence(words(inputs, count=len(self.loads), sha256=self.inputs_sha256)),
        )


def read(con: duckdb.DuckDBPyConnection, week: Week) -> MadeFrom:
    """Return what the report of a week is made from, as the regulator edition of the connection says."""
    rows = con.execute(_INPUTS, [week.end])
    names = [column[0] for column in rows.description or []]
    loads = tuple(dict(zip(names, row, strict=True)) for row in rows.fetchall())
    return MadeFrom(code_version(), rules_sha256(), loads)


def code_version() -> str:
    """Return the version of sandwatch that is installed."""
    try:
        return version("sandwatch")
    except PackageNotFoundError:  # run from a folder
        return "0"


@cache
def rules_sha256() -> str:
    """Return one SHA-256 over all files of sql/policy: other thresholds, another digest."""
    digest = hashlib.sha256()
    folder = ROOT / "sql" / "policy"
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
