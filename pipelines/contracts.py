"""What is agreed about each feed: columns, units, header words, row rules, source profiles, expectations.

A feed exists because `expectations/raw/<feed>.yaml` exists; nothing here knows one by name.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from pipelines.errors import MachineError
from pipelines.settings import ROOT

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times faster, where there is one

T = TypeVar("T")

SQL_TYPES = {
    "text": "VARCHAR",
    "plate": "VARCHAR",
    "code": "VARCHAR",
    "mass_kg": "DECIMAL(14, 3)",
    "mass_t": "DECIMAL(18, 3)",
    "number": "DOUBLE",
    "integer": "INTEGER",
    "date": "DATE",
    "time": "TIMESTAMPTZ",
    "flag": "BOOLEAN",
}
UNITS = {"mass_kg": "kg", "mass_t": "t"}
KG_PER_UNIT = {"kg": 1.0, "t": 1000.0, "lb": 0.45359237, "万吨": 10_000_000.0}
# How cells and header words spell a unit. A bare "ton" is not here: it may be short, long or metric.
UNIT_WORDS = {
    "kg": ("kg", "kgs", "公斤", "千克"),
    "t": ("t", "吨", "噸", "公吨", "公噸", "tonne", "tonnes"),
    "lb": ("lb", "lbs", "磅", "pound", "pounds"),
    "万吨": ("万吨", "萬噸"),
}
NUMBER_PERIODS = ("ever", "year", "day")
CALENDARS = ("gregorian", "roc")
# The workbook that goes back to a sender (`ingest --check`): its sheets, and what stands before the sender's columns.
# A mended one may be sent in as it is, whatever the feed.
CHECK_SHEETS = ("核对结果", "原表")
CHECK_COLUMNS = ("原行号", "问题及处理办法")


@dataclass(frozen=True)
class Column:
    """One column of a feed: its type and unit, what it means, its header words and its own bounds.

    `hints` are parts of header words; they never load a file, they only help to draft a source profile. `text_zh`
    says `text` to the people who fill in a form, `example` shows them a cell.
    """

    name: str
    type: str
    text: str
    text_zh: str = ""
    example: str = ""
    aliases: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    required: bool = False
    not_null: bool = False
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_unknown: str = "reject"
    none_words: tuple[str, ...] = ()
    above: float | None = None
    at_least: float | None = None
    below: float | None = None

    @property
    def sql_type(self) -> str:
        """DuckDB type the column is stored with."""
        return SQL_TYPES[self.type]

    @property
    def comment(self) -> str:
        """Meaning with the unit, for the table's column comment."""
        unit = UNITS.get(self.type)
        return self.text if not unit or f" {unit}" in self.text else f"{self.text.rstrip('.')}, {unit}."


@dataclass(frozen=True)
class RowRule:
    """A rule over one row; `reject` quarantines the row, `suspect` only flags it."""

    code: str
    level: str
    fails_when: str
    column: str
    text: str
    text_zh: str


@dataclass(frozen=True)
class Source:
    """A named layout of a feed: how one vendor writes the same facts.

    `sheets` names the sheets of a workbook that are read (default: every one that has the columns). A row that
    lacks a column of `pending_until` waits for a later export that completes it (two-pass weighing). Years of the
    Republic (`115/1/5`, `11505`) are read only under `calendar: roc`. Columns of `ranges` may hold `450-480`: the
    value is the middle, the ends go to `<column>_low` and `<column>_high`.
    """

    name: str
    text: str = ""
    encoding: str | None = None
    delimiter: str | None = None
    sheets: tuple[str, ...] = ()
    pending_until: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    calendar: str = "gregorian"
    time_zone: str = "Asia/Shanghai"
    number_period: str = "ever"
    max_reject_share: float | None = None


@dataclass(frozen=True)
class Contract:
    """All that is agreed about a feed; the one home of its columns, row rules and header words.

    Rows of one key that differ in `identity` are things of their own, and so are those that differ in
    `identity_if_given` where both say something there: a blank that is filled in later is still the same thing.
    """

    feed: str
    text: str
    owner: str
    who_fixes: str
    cadence: str
    max_age_days: int
    grain: str
    key: tuple[str, ...]
    max_reject_share: float
    columns: Mapping[str, Column]
    sources: Mapping[str, Source]
    period: str | None = None
    identity: tuple[str, ...] = ()
    identity_if_given: tuple[str, ...] = ()
    identity_hours: int = 24
    same: tuple[str, ...] = ()
    same_across_periods: tuple[str, ...] = ()
    void_column: str | None = None
    required_any: tuple[tuple[str, ...], ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    ignored: tuple[str, ...] = ()
    expectations: tuple[Mapping[str, Any], ...] = ()

    @property
    def has_number_period(self) -> bool:
        """Whether ticket numbers of this feed may restart, so that the key needs the period."""
        return bool(self.identity)

    @property
    def is_owed(self) -> bool:
        """Whether somebody is to send this feed; answers to questions come when somebody answers."""
        return self.cadence != "on_demand"

    def source(self, name: str) -> Source | None:
        """The profile of that name, or None."""
        return self.sources.get(name)


def _strict(cls: type[T], where: str, values: Mapping[str, Any]) -> T:
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]  # cls is one of our dataclasses
    unknown = sorted(set(values) - known)
    if unknown:
        raise MachineError(f"{where}: unknown setting {unknown}; known are {sorted(known)}")
    try:
        return cls(**values)
    except TypeError as error:
        raise MachineError(f"{where}: {error}") from error


def _freeze(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    return value


def _check_source(where: str, source: Source, columns: Mapping[str, Column]) -> None:
    """Refuse a profile that names a column, unit, period, calendar, zone or encoding that does not exist."""
    named = {
        setting: sorted(set(getattr(source, setting)) - columns.keys())
        for setting in ("aliases", "units", "values", "defaults", "pending_until", "ranges")
    }
    for setting, unknown in named.items():
        if unknown:
            raise MachineError(f"{where}: {setting} names column {unknown}; columns are {', '.join(columns)}")
    for name, unit in source.units.items():
        if columns[name].type not in UNITS:
            raise MachineError(f"{where}: units names column {name!r}, which is no mass ({columns[name].type})")
        if unit not in KG_PER_UNIT:
            raise MachineError(f"{where}: unit {unit!r} of {name} is unknown; units are {', '.join(KG_PER_UNIT)}")
    for name in source.ranges:
        lacking = [end for end in (f"{name}_low", f"{name}_high") if end not in columns]
        if columns[name].type != "number" or lacking:
            raise MachineError(f"{where}: ranges needs {name} to be a number with columns {name}_low and {name}_high")
    for setting, choices in (("number_period", NUMBER_PERIODS), ("calendar", CALENDARS)):
        if getattr(source, setting) not in choices:
            raise MachineError(f"{where}: {setting} is {getattr(source, setting)!r}; it may be {', '.join(choices)}")
    try:
        ZoneInfo(source.time_zone)
        codecs.lookup(source.encoding or "utf-8")
    except (ZoneInfoNotFoundError, ValueError, LookupError) as error:
        raise MachineError(f"{where}: {error}") from error


def read_source(where: str, name: str, spec: Mapping[str, Any], columns: Mapping[str, Column]) -> Source:
    """Return the source profile that plain YAML values describe.

    Raises:
        MachineError: a setting is unknown, or it names a column, unit, period, calendar, zone or encoding that does
            not exist.
    """
    source = _strict(
        Source,
        where,
        {
            **{key: _freeze(value) for key, value in spec.items() if key != "aliases"},
            "aliases": {key: tuple(map(str, words)) for key, words in spec.get("aliases", {}).items()},
            "name": name,
        },
    )
    _check_source(where, source, columns)
    return source


def read_contract(path: Path) -> Contract:
    """Return the contract in a YAML file.

    Raises:
        MachineError: a setting is unknown, a type does not exist, or a rule or source profile names a column or unit
            that does not exist.
    """
    where = path.name
    raw: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader
    # YAML reads a bare `none` as text but `on`/`yes` as booleans: code words must stay text.
    columns = {
        name: _strict(
            Column,
            f"{where} column {name}",
            {
                **{key: _freeze(value) for key, value in spec.items() if key != "codes"},
                "name": name,
                "example": str(spec.get("example", "")),
                "codes": {str(code): tuple(map(str, words)) for code, words in spec.get("codes", {}).items()},
            },
        )
        for name, spec in raw.pop("columns").items()
    }
    for column in columns.values():
        if column.type not in SQL_TYPES:
            raise MachineError(
                f"{where}: column {column.name} has type {column.type!r}; types are {sorted(SQL_TYPES)}"
            )
    rules = tuple(_strict(RowRule, f"{where} row rule", rule) for rule in raw.pop("row_rules", []))
    for rule in rules:
        if rule.column not in columns:
            raise MachineError(f"{where}: row rule {rule.code} names column {rule.column!r}, which does not exist")
    sources = {
        name: read_source(f"{where} source {name}", name, spec or {}, columns)
        for name, spec in raw.pop("sources").items()
    }
    return _strict(
        Contract,
        where,
        {
            **{key: _freeze(value) for key, value in raw.items()},
            "ignored": (*CHECK_COLUMNS, *_freeze(raw.get("ignored", []))),
            "columns": columns,
            "row_rules": rules,
            "sources": sources,
        },
    )


@cache
def contracts(folder: Path = ROOT / "expectations" / "raw") -> dict[str, Contract]:
    """Return every feed's contract, by feed name in alphabetical order."""
    found = {path.stem: read_contract(path) for path in sorted(folder.glob("*.yaml"))}
    for name, contract in found.items():
        if contract.feed != name:
            raise MachineError(f"{name}.yaml describes feed {contract.feed!r}; file and feed must bear one name")
    return found
