"""Thresholds and verdicts: the comparison is written here once.

A rule is a folder in `sql/policy`: `rule.yaml` holds the dated thresholds with their source, `measure.sql`
measures and never judges, `cases.yaml` holds worked examples. Rules with `parts` are judged by `rules.judging`, the
price and supply levels (`levels`) by `rules.levels`, with the same comparison.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.errors import MachineError
from pipelines.settings import ROOT

if TYPE_CHECKING:
    from pipelines.catalog import Model

POLICY = ROOT / "sql" / "policy"
OPERATORS = {"at_least": ">=", "more_than": ">", "at_most": "<=", "less_than": "<"}
LAW_TABLES = ("policy.threshold", "policy.parameter", "policy.document")


def compare(value: Any, must_be: str, threshold: Any) -> bool | None:
    """Whether a value meets a threshold; None where the value is unknown.

    Args:
        value: what was measured.
        must_be: at_least, more_than, at_most or less_than.
        threshold: the bound, in the unit of the value.
    """
    if value is None or threshold is None:
        return None
    if must_be == "at_least":
        return bool(value >= threshold)
    if must_be == "more_than":
        return bool(value > threshold)
    if must_be == "at_most":
        return bool(value <= threshold)
    if must_be == "less_than":
        return bool(value < threshold)
    raise ValueError(f"must_be is {must_be!r}; it takes {', '.join(OPERATORS)}")


@dataclass(frozen=True)
class Rule:
    """A rule as its folder states it; `parts` maps a part to its must_be, unit and dated thresholds."""

    name: str
    folder: Path
    kind: str
    title: Mapping[str, str]
    document: str
    clause: str
    subject_kind: str
    parts: Mapping[str, Mapping[str, Any]]
    who: tuple[str, ...]
    action: Mapping[str, str]

    @property
    def measure(self) -> Model:
        """The SQL that measures, with its header."""
        from pipelines.catalog import read_model

        return read_model(self.folder / "measure.sql", f"policy/{self.name}")


@cache
def rules(folder: Path = POLICY) -> dict[str, Rule]:
    """Return the rules that are judged by parts, by name.

    Raises:
        MachineError: a folder and its rule bear different names, or a part has an unknown must_be.
    """
    found = {}
    for path in sorted(folder.glob("*/rule.yaml")):
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        if raw["rule"] != path.parent.name:
            raise MachineError(f"{path}: rule {raw['rule']!r} lies in folder {path.parent.name!r}")
        if "parts" not in raw:
            continue
        for part, spec in raw["parts"].items():
            if spec["must_be"] not in OPERATORS:
                raise MachineError(f"{path}: part {part} must be {spec['must_be']!r}; known are {list(OPERATORS)}")
        found[raw["rule"]] = Rule(
            name=raw["rule"],
            folder=path.parent,
            kind=raw["kind"],
            title=raw["title"],
            document=raw["document"],
            clause=raw["clause"],
            subject_kind=raw["subject_kind"],
            parts=raw["parts"],
            who=tuple(raw["who"]),
            action=raw["action"],
        )
    return found


def parameters(folder: Path = POLICY) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (rule, name, figure) of all other figures that rules state."""
    return [
        (raw["rule"], name, spec) for raw in _rule_files(folder) for name, spec in raw.get("parameters", {}).items()
    ]


def own_tables(folder: Path = POLICY) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the tables that rules state beside their figures, judged or not: title of the rule and what is stated.

    A table is named `policy.<rule>_<table>`; it states columns with their types, their `text`, and rows.
    """
    return {
        f"policy.{raw['rule']}_{name}": (raw["title"]["en"], {"short_name": name, **spec})
        for raw in _rule_files(folder)
        for name, spec in raw.get("tables", {}).items()
    }


@cache
def _rule_files(folder: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/rule.yaml"))]


def level_conditions(folder: Path = POLICY) -> list[tuple[str, dict[str, Any]]]:
    """Return (rule, condition) of what a week must satisfy before a level rule judges it."""
    return [(raw["rule"], condition) for raw in _rule_files(folder) for condition in raw.get("conditions", [])]


def documents(folder: Path = POLICY) -> dict[str, dict[str, Any]]:
    """Return the register of documents by id."""
    raw: dict[str, dict[str, Any]] = yaml.safe_load((folder / "documents.yaml").read_text(encoding="utf-8"))[
        "documents"
    ]
    return raw


def is_validity_open(document: Mapping[str, Any], on: dt.date, folder: Path = POLICY) -> bool:
    """Whether pages of that day must say 依据文件效力待核: the document's validity has run out unchecked."""
    raw = yaml.safe_load((folder / "documents.yaml").read_text(encoding="utf-8"))
    checked, until = document["checked_on"], document["valid_until"]
    if checked and on > checked + dt.timedelta(days=raw["recheck_after_days"]):
        return True
    return bool(until and on > until)
