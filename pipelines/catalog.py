"""What the SQL files say about tables: their headers, and the order of their FROM clauses.

Nothing here knows a table by name: a table exists because `sql/<schema>/<table>.sql` exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import MachineError
from pipelines.settings import ROOT

# The same safe loader in C, where there is one: a hundred headers are read at every start.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Model:
    """One SQL file: the table it makes, what its header says, and the tables it reads.

    A row of week w depends on its inputs in the weeks from w - `lookback` to w + `lookahead`; `unbounded` is all.
    `spans` names a table that code derives from this one before anything reads it. Of a table with `compare` only
    the weeks whose rows came out otherwise count as changed: its inputs change often and it seldom does.
    """

    name: str
    path: Path
    sql: str
    description: str
    grain: str
    columns: dict[str, str]
    reads: frozenset[str]
    period: str | None = None
    lookback: int | str = 0
    lookahead: int = 0
    spans: str | None = None
    compare: bool = False

    @property
    def where(self) -> str:
        """The file, for messages."""
        if self.path.is_relative_to(ROOT):
            return str(self.path.relative_to(ROOT))
        return f"sql/{self.name.replace('.', '/')}.sql"


def header_of(sql: str, where: str) -> dict[str, Any]:
    """Return the YAML header of a SQL file, the comment it opens with.

    Raises:
        MachineError: there is no header, or it is not YAML.
    """
    if not sql.startswith("/*") or "*/" not in sql:
        raise MachineError(f"{where}: a SQL file opens with /* a YAML header */")
    try:
        header = yaml.load(sql[2 : sql.index("*/")], Loader=LOADER)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise MachineError(f"{where}: the header is not YAML: {error}") from error
    if not isinstance(header, dict):
        raise MachineError(f"{where}: the header is not a mapping")
    return header


def tables_read(sql: str) -> frozenset[str]:
    """Return the qualified tables that a SELECT reads, without its own CTEs."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(sql, dialect="duckdb")
    return frozenset(f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db)


def read_model(path: Path, schema: str) -> Model:
    """Return the table that a SQL file makes; its name is schema and file name."""
    sql = path.read_text(encoding="utf-8").strip().rstrip(";")
    where = f"{schema}/{path.name}"
    header = header_of(sql, where)
    missing = [key for key in ("description", "grain", "columns") if not header.get(key)]
    if missing:
        raise MachineError(f"{where}: the header lacks {missing}")
    period = header.get("period")
    return Model(
        name=f"{schema}.{path.stem}",
        path=path,
        sql=sql,
        description=" ".join(str(header["description"]).split()),
        grain=str(header["grain"]),
        columns={name: " ".join(str(text).split()) for name, text in header["columns"].items()},
        reads=tables_read(sql),
        period=None if period in (None, "none") else str(period),
        lookback=header.get("lookback", 0),
        lookahead=header.get("lookahead", 0),
        spans=header.get("spans"),
        compare=bool(header.get("compare", False)),
    )


@dataclass(frozen=True)
class Reference:
    """A small table that is kept as CSV in `sql/reference`, described by the YAML file beside it."""

    name: str
    path: Path
    description: str
    types: Mapping[str, str]
    columns: dict[str, str]


@cache
def references(folder: Path = ROOT / "sql" / "reference") -> dict[str, Reference]:
    """Return every reference table."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        header = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
        columns = header["columns"]
        found[path.stem] = Reference(
            name=path.stem,
            path=path,
            description=header["description"],
            types={name: spec["type"] for name, spec in columns.items()},
            columns={name: spec["text"] for name, spec in columns.items()},
        )
    return found


@cache
def meta_tables(folder: Path = ROOT / "sql" / "meta") -> dict[str, Model]:
    """Return the fixed tables of schema meta; their files create them if they are missing."""
    return {path.stem: read_model(path, "meta") for path in sorted(folder.glob("*.sql"))}


@cache
def models(folder: Path = ROOT / "sql") -> dict[str, Model]:
    """Return every table that a SQL file makes, sorted so that each comes after the tables it reads.

    Raises:
        MachineError: two files make one table, or tables read each other in a circle.
    """
    found = [
        read_model(path, schema)
        for schema in ("staging", "mart", "report", "public")
        for path in sorted((folder / schema).glob("*.sql"))
    ]
    return {model.name: model for model in in_order(found)}


@cache
def judged(folder: Path = ROOT / "sql" / "policy") -> dict[str, Model]:
    """Return what each rule measures, by the table that judging makes of it (`policy.<rule>`)."""
    found = {f"policy.{path.parent.name}": path for path in sorted(folder.glob("*/measure.sql"))}
    return {name: replace(read_model(path, f"policy/{path.parent.name}"), name=name) for name, path in found.items()}


def in_order(found: list[Model]) -> list[Model]:
    """Sort models by their FROM clauses; names break ties, so the order is always the same."""
    from graphlib import CycleError, TopologicalSorter

    by_name = {model.name: model for model in found}
    spans = {model.spans: model.name for model in found if model.spans}
    graph = {
        name: sorted({spans.get(table, table) for table in model.reads} & by_name.keys())
        for name, model in sorted(by_name.items())
    }
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise MachineError(f"tables read each other in a circle: {' -> '.join(error.args[1])}") from error
