"""Great Expectations on the warehouse's own DuckDB connection; released GX has no DuckDB source.

Importing this module imports GX (seconds), so it is imported inside the function that runs checks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb_engine
import great_expectations as gx
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

from pipelines import warehouse

if TYPE_CHECKING:
    import duckdb
    import sqlalchemy
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

# Each of these is run by a test on this engine. Others may crash the run (the quantile one) or fail on good
# data (those about types and regular expressions), so a contract may not name them before the test does.
TESTED_EXPECTATIONS = frozenset(
    {
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_null",
        "expect_table_columns_to_match_set",
        "expect_table_row_count_to_be_between",
    }
)


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Runs the queries of GX on one connection that stays open: a result is fetched after GX lets go of it."""

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        """Yield the one connection, opened when first asked for."""
        if self._connection is None:
            self._connection = self.engine.connect()
        yield self._connection

    def close(self) -> None:
        """Hand the connection back; left to the garbage collector it would be rolled back after its cursor died."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        super().close()


# Inside a class with a field named `type` the builtin of that name is out of reach.
EngineClass = type[SqlAlchemyExecutionEngine]


class DuckDBDatasource(SQLDatasource):
    """The warehouse as a GX source; GX finds it by its `type`."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment]  # GX's own sources narrow it the same way

    @property
    def execution_engine_type(self) -> EngineClass:
        """The engine that keeps its connection."""
        return DuckDBExecutionEngine


@contextmanager
def warehouse_source(
    con: duckdb.DuckDBPyConnection, docs_folder: Path
) -> Iterator[tuple[AbstractDataContext, SQLDatasource]]:
    """Yield a GX context that lives in memory and the source that reads the committed state of a connection.

    Data Docs go to `docs_folder` when the context builds them. GX draws no progress bar, warns of nothing and
    keeps its hands off the user's home.
    """
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        data_docs_sites={
            "local": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(docs_folder),
                },
            }
        },
    )
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # they are about other people's code
        # GX's pool closes its connection only when collected, and an open cursor keeps the warehouse file
        # locked: the cursor is ours to close.
        cursor = stack.enter_context(con.cursor())
        warehouse.configure(cursor)
        context = gx.get_context(mode="ephemeral", project_config=config)
        source = context.data_sources.add_duckdb(
            name="warehouse",
            connection_string="duckdb:///:memory:",
            kwargs={"creator": lambda: duckdb_engine.ConnectionWrapper(cursor)},
        )
        stack.callback(lambda: source.get_execution_engine().close())
        yield context, source


def exception_of(info: dict[str, Any] | None) -> str | None:
    """Return the message of the exception inside a validation result, or None where the check ran.

    GX gives either one record, or one a metric that broke.
    """
    for record in (info, *(info or {}).values()):
        if isinstance(record, dict) and record.get("raised_exception"):
            return " ".join(str(record.get("exception_message") or "exception without a message").split())
    return None
