"""Measures of real quotes: those of the published edition, or of one file read through its source profile."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import models, warehouse
from pipelines.backtest import following
from pipelines.errors import InputRefusedError
from pipelines.feeds import ingest
from pipelines.publishing import editions
from pipelines.rules.levels import Row
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

FEED = "price_quote"


@dataclass(frozen=True)
class Quotes:
    """Measured weeks, where they are from (a file's name), and the areas whose levels are those of others."""

    rows: list[Row]
    name: str
    cities: frozenset[str]


def published(current: Settings) -> Quotes:
    """Return the weeks of the published regulator edition.

    Raises:
        WrongCallError: nothing is published yet.
    """
    import duckdb

    path = editions.current(current, "regulator")
    with duckdb.connect(str(path), read_only=True) as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        return Quotes(following.measures(con), path.name, _cities(con))


def of_file(path: Path, source: str) -> Quotes:
    """Return the weeks of a price file, loaded into a warehouse that is thrown away.

    Raises:
        WrongCallError: there is no such source profile.
        InputRefusedError: the file was refused; the message says why.
    """
    with tempfile.TemporaryDirectory(prefix="sandwatch-backtest-") as folder:
        home = Settings(home=Path(folder))
        result = ingest.ingest(home, FEED, [path], source)
        if result.refused:
            raise InputRefusedError(f"{path.name}: {result.refused[0]['message']}")
        with warehouse.writer(home) as con:
            models.build(con)
            return Quotes(following.measures(con), path.name, _cities(con))


def _cities(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    columns = [column[0] for column in con.execute("FROM reference.region").description or []]
    regions = [dict(zip(columns, row, strict=True)) for row in con.fetchall()]
    return frozenset(region["county_code"] for region in regions if region["kind"] == "city")
