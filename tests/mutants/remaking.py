"""Making only the tables that a rule's examples look at, and of those only what a mutant touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import catalog, models
from pipelines.building import calendar, tables
from pipelines.rules import judging, policy

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

SELECTS = {"policy.verdict": judging.verdict_select, "policy.evidence": judging.evidence_select}


class Chain:
    """The tables between the law and the feeds on one side and the examples of some rules on the other."""

    def __init__(self, rules: list[str], looked_at: list[str]) -> None:
        self.law = models.law_tables()
        known = policy.rules()
        self.subjects = [rule for rule in rules if rule in known and known[rule].subject_kind != "release"]
        self.reads = {name: set(model.reads) for name, model in catalog.models().items()}
        self.reads |= {name: set(model.reads) | {"policy.threshold"} for name, model in catalog.judged().items()}
        self.reads |= {name: {f"policy.{rule}" for rule in self.subjects} for name in SELECTS}
        for model in catalog.models().values():
            if model.spans:
                self.reads[model.spans] = {model.name}
        own = [f"policy.{rule}" for rule in rules if rule in known]
        self.needed = self._below({*own, *looked_at, *(SELECTS if self.subjects else ())})

    def _below(self, wanted: set[str]) -> set[str]:
        """Tables that some tables rest on, at any remove, themselves included."""
        found, open_ = set(), list(wanted)
        while open_:
            name = open_.pop()
            if name not in found:
                found.add(name)
                open_ += self.reads.get(name, ())
        return found

    def touched(self, path: Path) -> set[str]:
        """Tables to make anew where a file reads otherwise."""
        if path.suffix == ".yaml":
            changed = set(self.law)
        else:
            found = {**catalog.models(), **catalog.judged()}
            changed = {name for name, model in found.items() if model.path == path}
        while more := {name for name in self.needed - changed if self.reads.get(name, set()) & changed}:
            changed |= more
        return changed & (self.needed | self.law)

    def build(self, con: duckdb.DuckDBPyConnection, wanted: set[str], *, after_judging: bool) -> None:
        """Make the wanted tables that a build makes, before or after judging."""
        if not after_judging:
            self.write_law(con, wanted)
        late = models.needing_verdicts(catalog.models())
        for name, model in catalog.models().items():
            if name in wanted and (name in late) == after_judging:
                tables.make(con, model)
                if model.spans in wanted:
                    calendar.write_calendar(con, 0)

    def write_law(self, con: duckdb.DuckDBPyConnection, wanted: set[str]) -> None:
        """Write what the rules state, where any of it is wanted; without a transaction of its own."""
        if wanted & self.law:
            judging._write_law(con)

    def judge(self, con: duckdb.DuckDBPyConnection, wanted: set[str]) -> None:
        """Make the wanted tables that judging makes."""
        for rule in policy.rules().values():
            if f"policy.{rule.name}" in wanted:
                tables.make(con, judging.judged(rule))
        subjects = [policy.rules()[name] for name in self.subjects]
        for name in SELECTS.keys() & wanted:
            con.execute(f"CREATE OR REPLACE TABLE {name} AS {' UNION ALL '.join(map(SELECTS[name], subjects))}")
