"""Making a table anew: the whole of it, or only some weeks, from the same file as it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipelines import catalog, contracts, warehouse
from pipelines.building import changes, state, weeks
from pipelines.building.calendar import CALENDAR, DAY
from pipelines.building.weeks import Weeks
from pipelines.errors import MachineError

if TYPE_CHECKING:
    import duckdb

_SLICE = "slice"


def refresh(con: duckdb.DuckDBPyConnection, model: catalog.Model, number: int) -> bool:
    """Bring a table up to what its inputs say now; return whether anything had to be made.

    Only the weeks that changed inputs touch are made where the header names `period` and `lookback`; a changed
    file, or an input that changed as a whole, makes the whole table.

    Raises:
        MachineError: the file does not run, or returns other columns than its header describes.
    """
    made_of = state.fingerprint(model.sql, repr(model.columns))
    wanted = changes.to_build(con, model, model.reads, made_of)
    known = state.built(con, model.name)
    is_same_file = known is not None and known.fingerprint == made_of and changes.is_there(con, model.name)
    by_week = (
        changes.weeks_of(con, model, wanted) if model.compare and is_same_file and wanted != weeks.NONE else None
    )

    def really(touched: Weeks) -> Weeks:
        """Return the weeks that came out otherwise, where the table is compared."""
        if by_week is None:
            return touched
        return changes.differing(by_week, changes.weeks_of(con, model, wanted))

    if wanted is not None:
        if wanted:
            make_weeks(con, model, wanted, lambda: state.write(con, model.name, really(wanted), number, made_of))
        return bool(wanted)
    # A small table that says the same as before touches nothing that reads it.
    is_dimension = model.period is None and is_same_file
    before = changes.content_of(con, model.name) if is_dimension else None
    with transaction(con):
        make(con, model)
        is_same = before is not None and changes.content_of(con, model.name) == before
        state.write(con, model.name, weeks.NONE if is_same else really(None), number, made_of)
    return True


def make(con: duckdb.DuckDBPyConnection, model: catalog.Model) -> None:
    """Build one whole table and write its comments.

    Raises:
        MachineError: the file does not run, or returns other columns than its header describes.
    """
    import duckdb

    try:
        # Newlines before and after: the file may end with a comment.
        con.execute(f"CREATE OR REPLACE TABLE {model.name} AS (\n{model.sql}\n)")
    except duckdb.Error as error:
        raise _broken(model, error) from error
    made = [row[0] for row in con.execute(f"DESCRIBE {model.name}").fetchall()]
    if made != list(model.columns):
        missing, extra = set(model.columns) - set(made), set(made) - set(model.columns)
        raise MachineError(
            f"{model.where} returns other columns than its header describes:"
            f" not returned {sorted(missing)}, not described {sorted(extra)}, or another order"
        )
    warehouse.comment(con, model.name, model.description, model.columns)


def make_weeks(
    con: duckdb.DuckDBPyConnection,
    model: catalog.Model,
    wanted: frozenset[dt.date],
    and_write: Callable[[], None],
) -> None:
    """Make some weeks of a table anew, in one transaction with what `and_write` writes.

    The file runs as it stands, in a database of views that bear its inputs' names and hold only the weeks it can
    look at: the planner does not push a week through windows and self joins, the narrow inputs do not need it to.

    Raises:
        MachineError: the file does not run.
    """
    import duckdb

    home = _one(con, "SELECT current_database()")
    ahead, back = model.lookahead, int(model.lookback)
    seen = weeks.around(wanted, back, ahead)
    con.execute(f"ATTACH ':memory:' AS {_SLICE}")
    try:
        for table in sorted(model.reads):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {_SLICE}.{table.partition('.')[0]}")
            period = period_of(table)
            there = f'"{home}".{table}'
            rows = weeks.rows_of(there, period, seen) if period else f"SELECT * FROM {there}"
            con.execute(f"CREATE VIEW {_SLICE}.{table} AS {rows}")
        target = f'"{home}".{model.name}'
        # Inputs as narrow as the output need no second look, and keep the order the file asks for.
        kept = "" if seen == wanted else f" WHERE {' OR '.join(weeks.conditions(str(model.period), wanted))}"
        rows = f"(\n{model.sql}\n)" if not kept else f"SELECT * FROM (\n{model.sql}\n){kept}"
        with transaction(con):
            con.execute(f"USE {_SLICE}")
            try:
                for condition in weeks.conditions(str(model.period), wanted):
                    con.execute(f"DELETE FROM {target} WHERE {condition}")
                con.execute(f"INSERT INTO {target} BY NAME {rows}")
            except duckdb.Error as error:
                raise _broken(model, error) from error
            finally:
                con.execute(f'USE "{home}"')
            and_write()
    finally:
        con.execute(f"DETACH {_SLICE}")


def period_of(table: str) -> str | None:
    """Return the column that tells the week of a table's rows, None where it is not told by week."""
    if table == CALENDAR:
        return DAY
    schema, _, name = table.partition(".")
    if schema == "raw":
        contract = contracts.contracts().get(name)
        return contract.period if contract else None
    for models in (catalog.models(), catalog.judged()):
        if model := models.get(table):
            return model.period
    return None


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done inside at once, or nothing of it; one commit also costs one write to the disk."""
    con.begin()
    try:
        yield
    except BaseException:
        con.rollback()
        raise
    con.commit()


def _broken(model: catalog.Model, error: Exception) -> MachineError:
    return MachineError(f"{model.where} does not run: {error}")


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    row = con.execute(sql).fetchone()
    return str(row[0]) if row else ""
