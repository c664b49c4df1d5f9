"""Every dataset with its fields, as contracts, SQL headers and `sql/catalogue.yaml` describe it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines import catalog, contracts
from pipelines.publishing import regulator_macros
from pipelines.rules import policy
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import duckdb

SHARING = ("无条件共享", "有条件共享", "不予共享")
OPENNESS = ("开放", "不开放")
# Fastest first: a table is as fresh as the fastest of its feeds.
CYCLES = ("daily", "weekly", "irregular", "on_demand", "on_change", "each_run", "each_read")
# By the end of a column's name; the longest that fits speaks.
UNITS = {
    "_kg": "kg", "_t": "t", "_kt": "千吨", "_km": "km", "_m": "m", "_share": "0..1", "_rate": "0..1",
    "_per_1000": "每千", "_yuan": "元",
    "_yuan_per_t": "元/t", "_price_per_unit": "元/单位", "_ms": "ms", "_s": "s", "_ns": "ns",
    "_days": "d", "_hours": "h", "_minutes": "min", "_months": "月", "_years": "年",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One column: `title` is Chinese where there is one, `personal` the kind of personal data it holds."""

    name: str
    title: str | None
    type: str | None
    unit: str | None
    meaning: str
    personal: str | None


@dataclass(frozen=True)
class Dataset:
    """One table, feed or question with all the catalogue says of it."""

    name: str
    title: str | None
    description: str
    owner: str
    sharing: str
    openness: str
    cycle: str
    grain: str
    feeds: tuple[str, ...]
    editions: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def layer(self) -> str:
        """Schema of the dataset."""
        return self.name.partition(".")[0]

    def columns(self, *kinds: str) -> list[str]:
        """Return the columns that hold these kinds of personal data."""
        return [field.name for field in self.fields if field.personal in kinds]


@cache
def said(path: Path = ROOT / "sql" / "catalogue.yaml") -> Mapping[str, Any]:
    """Return what `sql/catalogue.yaml` says."""
    found: Mapping[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=catalog.LOADER)  # noqa: S506 - safe
    return found


def read(con: duckdb.DuckDBPyConnection) -> list[Dataset]:
    """Return the datasets of a warehouse in the order of their layers, with the types its tables have.

    Questions and the access log are no tables there: the types of a question's columns are those of the tables it
    reads, where one has a column of that name.
    """
    comments: dict[str, str] = dict(
        con.execute(
            "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables()"
            " WHERE NOT temporary AND database_name = current_database()"
            " UNION ALL SELECT schema_name || '.' || view_name, comment FROM duckdb_views()"
            " WHERE NOT internal AND database_name = current_database()"
        ).fetchall()
    )
    columns: dict[str, list[tuple[str, str, str]]] = {}
    for table, *column in con.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type, coalesce(comment, '')"
        " FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()"
        " ORDER BY 1, column_index"
    ).fetchall():
        columns.setdefault(table, []).append((column[0], column[1], column[2]))
    reads = _reads()
    found = [
        _dataset(name, comments[name] or "", columns.get(name, []), reads)
        for name in comments
        if name.partition(".")[0] in said()["layers"] and name not in said()["own"]
    ]
    found += _questions(columns, reads)
    found += [
        _dataset(model.name, model.description, [(name, "", text) for name, text in model.columns.items()], reads)
        for model in _access_tables()
    ]
    order = list(said()["layers"])
    return sorted(found, key=lambda dataset: (order.index(dataset.layer), dataset.name))


def problems(datasets: Iterable[Dataset]) -> list[str]:
    """Return what the catalogue lacks or may not say, a line each; empty where it is whole."""
    found = []
    for dataset in datasets:
        for what, value in (
            ("title", dataset.title), ("description", dataset.description), ("owner", dataset.owner),
            ("grain", dataset.grain), ("fields", dataset.fields),
        ):  # fmt: skip
            if not value:
                found.append(f"{dataset.name} lacks {what}")
        for what, value, known in (
            ("sharing", dataset.sharing, SHARING), ("openness", dataset.openness, OPENNESS),
            ("cycle", dataset.cycle, CYCLES),
        ):  # fmt: skip
            if value not in known:
                found.append(f"{dataset.name}: {what} is {value!r}; it takes {', '.join(known)}")
        found += [f"{dataset.name}.{field.name} lacks its meaning" for field in dataset.fields if not field.meaning]
        personal = [field.name for field in dataset.fields if field.personal]
        is_free = dataset.sharing == SHARING[0] or dataset.openness == OPENNESS[0] or "public" in dataset.editions
        if personal and is_free:
            found.append(
                f"{dataset.name} holds personal data in {', '.join(personal)}: it cannot be {SHARING[0]}, open, or in"
                " the public edition"
            )
    return found


def _dataset(
    name: str, description: str, columns: list[tuple[str, str, str]], reads: Mapping[str, frozenset[str]]
) -> Dataset:
    layer = said()["layers"][name.partition(".")[0]]
    own = said()["datasets"].get(name, {})
    feeds = sorted(_feeds(name, reads, set()))
    direct = [read.removeprefix("raw.") for read in reads.get(name, ()) if read.startswith("raw.")]
    owners = {contracts.contracts()[feed].owner for feed in direct or feeds}
    by_feed = next(iter(owners)) if len(owners) == 1 else said()["layers"]["mart"]["owner"]
    return Dataset(
        name=name,
        title=own.get("title") or _rule_title(name),
        description=description,
        owner=own.get("owner") or (by_feed if layer["owner"] == "of_feed" else layer["owner"]),
        sharing=own.get("sharing") or layer["sharing"],
        openness=own.get("openness") or layer["openness"],
        cycle=own.get("cycle") or _cycle(name, feeds),
        grain=own.get("grain") or _grain(name),
        feeds=tuple(feeds),
        editions=tuple(own.get("editions", layer["editions"])),
        fields=tuple(Field(column, _title(column), kind or None, _unit(column, kind), text, _personal(name, column))
                     for column, kind, text in columns),
    )  # fmt: skip


def _questions(
    columns: Mapping[str, list[tuple[str, str, str]]], reads: Mapping[str, frozenset[str]]
) -> Iterator[Dataset]:
    for macro in regulator_macros.read():
        types: dict[str, str] = {}
        for table in sorted(_tables(macro.name, reads, set())):
            for column, kind, _ in columns.get(table, ()):
                types.setdefault(column, kind)
        texts = macro.columns or {"value": macro.description}
        yield _dataset(macro.name, macro.description, [(n, types.get(n, ""), t) for n, t in texts.items()], reads)


def _access_tables() -> list[catalog.Model]:
    return [catalog.read_model(path, "access") for path in sorted((ROOT / "sql" / "access").glob("*.sql"))]


@cache
def _reads() -> dict[str, frozenset[str]]:
    """Return what each table and question reads."""
    judged = catalog.judged()
    reads = {model.name: model.reads for model in catalog.models().values()}
    reads |= {model.name: model.reads for model in judged.values()}
    reads |= {macro.name: macro.reads for macro in regulator_macros.read()}
    for path in policy.POLICY.glob("*/table/*.sql"):  # written by judging what the rule measures
        reads[f"mart.{path.stem}"] = frozenset({f"policy.{path.parents[1].name}"})
    for name in ("policy.verdict", "policy.evidence"):
        reads[name] = frozenset(judged) & {f"policy.{rule}" for rule in policy.rules()}
    return reads


def _tables(name: str, reads: Mapping[str, frozenset[str]], seen: set[str]) -> set[str]:
    """Return the tables a question reads, other questions looked through."""
    if name in seen:
        return set()
    seen.add(name)
    return set().union(*({read} | (_tables(read, reads, seen) if read.startswith("overload.") else set())
                         for read in reads.get(name, ())))  # fmt: skip


def _feeds(name: str, reads: Mapping[str, frozenset[str]], seen: set[str]) -> set[str]:
    """Return the feeds a table is made of, at any remove."""
    schema, _, table = name.partition(".")
    if schema == "raw":
        return {table}
    if name in seen:
        return set()
    seen.add(name)
    return set().union(*(_feeds(read, reads, seen) for read in reads.get(name, ())))


def _cycle(name: str, feeds: list[str]) -> str:
    cadences = {contracts.contracts()[feed].cadence for feed in feeds}
    if not cadences:
        return "on_change" if name.startswith(("policy.", "reference.", "overload.")) else "each_run"
    return min(cadences, key=lambda cadence: CYCLES.index(cadence) if cadence in CYCLES else len(CYCLES))


@cache
def _grains() -> dict[str, str]:
    models = [*catalog.models().values(), *catalog.judged().values(), *catalog.meta_tables().values()]
    models += [catalog.read_model(path, "mart") for path in sorted(policy.POLICY.glob("*/table/*.sql"))]
    models += _access_tables()
    grains = {model.name: model.grain for model in models}
    return grains | {f"raw.{feed}": contract.grain for feed, contract in contracts.contracts().items()}


def _grain(name: str) -> str:
    if name.startswith("overload."):
        return "随查询"
    if name in _grains():
        return _grains()[name]
    return "规则文件中每项一行" if name.startswith("policy.") else ""


@cache
def _rule_titles() -> dict[str, str]:
    return {
        path.parent.name: str(yaml.load(path.read_text(encoding="utf-8"), Loader=catalog.LOADER)["title"]["zh"])  # noqa: S506
        for path in sorted(policy.POLICY.glob("*/rule.yaml"))
    }


def _rule_title(name: str) -> str | None:
    """Return the title of a rule's table: its own measure, or one that its file states."""
    schema, _, table = name.partition(".")
    rules = [
        rule for rule in _rule_titles() if schema == "policy" and (table == rule or table.startswith(f"{rule}_"))
    ]
    if not rules:
        return None
    rule = max(rules, key=len)
    return _rule_titles()[rule] + ("（测量）" if table == rule else f"（{table.removeprefix(f'{rule}_')}）")


@cache
def _header_words() -> dict[str, str]:
    """Return the Chinese header word of each column that a contract names: its first alias in Chinese."""
    words: dict[str, str] = {}
    for contract in contracts.contracts().values():
        for column in contract.columns.values():
            chinese = next((alias for alias in column.aliases if re.search(r"[\u4e00-\u9fff]", alias)), None)
            if chinese:
                words.setdefault(column.name, chinese)
    return words


def _title(column: str) -> str | None:
    return said()["terms"].get(column) or _header_words().get(column)


def _unit(column: str, kind: str) -> str | None:
    if kind.startswith(("VARCHAR", "DATE", "TIME", "BOOLEAN")):
        return None
    ends = [end for end in UNITS if column.endswith(end)]
    return UNITS[max(ends, key=len)] if ends else None


def _personal(table: str, column: str) -> str | None:
    for kind, spec in said()["personal"].items():
        if any(re.fullmatch(name, column) for name in spec["names"]) or column in spec.get("within", {}).get(
            table, ()
        ):
            return str(kind)
    return None
