"""The catalogue as tables of the editions: written before publishing, read back for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.building import tables
from pipelines.cataloguing.datasets import Dataset, Field, read, said
from pipelines.errors import WrongCallError
from pipelines.publishing import editions
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

DATASETS, FIELDS = "meta.data_catalogue", "meta.data_catalogue_field"


def write(con: duckdb.DuckDBPyConnection) -> None:
    """Bring meta.data_catalogue and meta.data_catalogue_field up to what contracts, headers and tables say now."""
    datasets = read(con)
    rows = [_row(dataset) for dataset in datasets]
    fields = [
        [dataset.name, number, *_field_row(field)]
        for dataset in datasets
        for number, field in enumerate(dataset.fields, start=1)
    ]
    with tables.transaction(con):
        for table, values in ((DATASETS, rows), (FIELDS, fields)):
            if [list(row) for row in con.execute(f"FROM {table}").fetchall()] == values:
                continue
            con.execute(f"DELETE FROM {table}")
            con.execute(
                f"INSERT INTO {table} SELECT unnest(row) FROM (SELECT unnest(?::{_shape(con, table)}[]) AS row)",
                [values_of(con, table, values)],
            )


def published(settings: Settings) -> list[Dataset]:
    """Return the catalogue of the regulator edition; it holds no plate, so this look is not logged.

    Raises:
        WrongCallError: nothing is published, or by a version without a catalogue.
    """
    import duckdb

    path = editions.current(settings, "regulator")
    with duckdb.connect(str(path), read_only=True) as con:
        try:
            fields: dict[str, list[Field]] = {}
            for dataset, _, *values in con.execute(f"FROM {FIELDS} ORDER BY dataset, field_no").fetchall():
                fields.setdefault(dataset, []).append(Field(*values))
            rows = con.execute(f"FROM {DATASETS}").fetchall()
        except duckdb.CatalogException:
            rows = []
    if not rows:
        raise WrongCallError(f"{path.name} holds no data catalogue: run `sandwatch publish`, which writes it")
    return [_dataset(row, fields) for row in rows]


def values_of(con: duckdb.DuckDBPyConnection, table: str, rows: list[list[Any]]) -> list[dict[str, Any]]:
    """Return rows as one bound value: inserting them one by one costs a second."""
    names = [name for name, *_ in con.execute(f"DESCRIBE {table}").fetchall()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _shape(con: duckdb.DuckDBPyConnection, table: str) -> str:
    columns = con.execute(f"DESCRIBE {table}").fetchall()
    return "STRUCT(" + ", ".join(f'"{name}" {kind}' for name, kind, *_ in columns) + ")"


def _row(dataset: Dataset) -> list[Any]:
    others = [kind for kind in said()["personal"] if kind != "plate"]
    return [
        dataset.name, dataset.layer, dataset.title, dataset.description, dataset.owner, dataset.sharing,
        dataset.openness, dataset.cycle, dataset.grain, list(dataset.feeds), list(dataset.editions),
        dataset.columns("plate"), dataset.columns(*others), len(dataset.fields),
    ]  # fmt: skip


def _field_row(field: Field) -> list[Any]:
    return [field.name, field.title, field.type, field.unit, field.meaning, field.personal]


def _dataset(row: tuple[Any, ...], fields: dict[str, list[Field]]) -> Dataset:
    name, _, title, description, owner, sharing, openness, cycle, grain, feeds, editions_of, *_ = row
    return Dataset(
        name, title, description, owner, sharing, openness, cycle, grain, tuple(feeds), tuple(editions_of),
        tuple(fields.get(name, ())),
    )  # fmt: skip
