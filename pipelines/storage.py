"""How the rows of a large feed lie on disk: repeated words as numbers of one dictionary, behind a view.

A ticket repeats its site, plate, product and receiver in every row, and storing words costs three times what
numbers cost. So `store.<feed>` holds numbers and `store.name` what they mean; `raw.<feed>` is a view that shows
the words, and is what everything but the load reads. Small feeds lie in `raw.<feed>` as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import versions
from pipelines.contracts import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

WORD_TYPES = ("text", "plate", "code")
# Nearly always empty, and a column of lists costs as much as ten of numbers: kept as one word, parted by |.
LISTS = ("suspect_codes", "assumed_columns", "correction_ids")
OUTCOME = "ENUM('accepted', 'superseded', 'voided', 'pending')"
# The same in all rows of a file: a constant, which costs nothing as a number.
OF_THE_FILE = ("feed_source", "snapshot_sha256")


def is_numbered(contract: Contract) -> bool:
    """Whether the feed is one of the large ones, whose rows lie in `store`."""
    return bool(contract.identity)


def numbered_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns that are kept as numbers: all words but numbers that hardly repeat, as the ticket's own."""
    if not is_numbered(contract):
        return ()
    words = [name for name, column in contract.columns.items() if column.type in WORD_TYPES]
    return (
        *(name for name in words if name not in (contract.key[-1], *contract.identity_if_given)),
        "number_period",
        *OF_THE_FILE,
        *LISTS,
    )


def table_of(contract: Contract) -> str:
    """Return the table that holds the rows of a feed; only the load writes it."""
    return f"store.{contract.feed}" if is_numbered(contract) else f"raw.{contract.feed}"


def stored_name(contract: Contract, column: str) -> str:
    """Return what a column of `raw.<feed>` is called where it is stored."""
    return f"{column}_no" if column in numbered_columns(contract) else column


def prepare(con: duckdb.DuckDBPyConnection, contract: Contract, columns: Mapping[str, str]) -> None:
    """Create or bring up the rows' table of a feed and, where it is numbered, the view over it.

    Args:
        con: writer's connection.
        contract: contract of the feed.
        columns: name and SQL type of each column of `raw.<feed>`.

    Raises:
        OutdatedError: an earlier version made the table and it cannot be altered.
    """
    if not is_numbered(contract):
        versions.bring_up_raw(con, f"raw.{contract.feed}", dict(columns))
        return
    con.execute("CREATE TABLE IF NOT EXISTS store.name (name_no INTEGER NOT NULL, name VARCHAR NOT NULL)")
    stored = {
        stored_name(contract, name): "INTEGER" if name in numbered_columns(contract) else sql_type
        for name, sql_type in columns.items()
    }
    stored["outcome"] = OUTCOME
    versions.bring_up_raw(con, table_of(contract), stored)
    _replace_table(con, contract)
    con.execute(f"CREATE OR REPLACE VIEW raw.{contract.feed} AS {_view_select(contract, columns)}")


def add_names(con: duckdb.DuckDBPyConnection, words_select: str) -> None:
    """Give every word of a SELECT with one column `name` a number, where it has none yet: 1, 2, 3 without gaps."""
    con.execute(
        "INSERT INTO store.name SELECT (SELECT coalesce(max(name_no), 0) FROM store.name)"
        " + row_number() OVER (ORDER BY name), name FROM ("
        f" SELECT DISTINCT name FROM ({words_select}) WHERE name IS NOT NULL"
        ") AS word ANTI JOIN store.name AS known USING (name)"
    )


def words_of(relation: str, columns: tuple[str, ...]) -> str:
    """Return the SELECT of all words that some columns of a relation hold."""
    return " UNION ALL ".join(f"SELECT DISTINCT {_word(column)} AS name FROM {relation}" for column in columns)


def _word(column: str, relation: str = "") -> str:
    name = f'{relation}"{column}"'
    return f"nullif(array_to_string({name}, '|'), '')" if column in LISTS else name


def numbered_select(contract: Contract, relation: str, columns: Mapping[str, str]) -> str:
    """Return the SELECT of a relation of raw rows in the columns of the store, words replaced by their numbers."""
    numbered = [name for name in numbered_columns(contract) if name in columns]
    shown = ", ".join(
        f'"n_{name}".name_no AS "{name}_no"' if name in numbered else f'"given"."{name}"' for name in columns
    )
    given = '"given".'
    joins = " ".join(
        f'LEFT JOIN store.name AS "n_{name}" ON {_word(name, given)} = "n_{name}".name' for name in numbered
    )
    return f'SELECT {shown} FROM {relation} AS "given" {joins}'


def _view_select(contract: Contract, columns: Mapping[str, str]) -> str:
    """The rows with their words: looked up by place in one list, so that a column nobody asks for costs nothing."""
    numbered = numbered_columns(contract)
    words = "(SELECT list(name ORDER BY name_no) FROM store.name)"
    shown = ", ".join(
        f'coalesce(string_split({words}[stored."{name}_no"], \'|\'), []) AS "{name}"'
        if name in LISTS
        else f'{words}[stored."{name}_no"] AS "{name}"'
        if name in numbered
        else 'stored.outcome::VARCHAR AS "outcome"'
        if name == "outcome"
        else f'stored."{name}"'
        for name in columns
    )
    return f"SELECT {shown} FROM {table_of(contract)} AS stored"


def _replace_table(con: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    """Make way for the view where an earlier version kept the rows as words."""
    raw = f"raw.{contract.feed}"
    found = con.execute(
        "SELECT estimated_size FROM duckdb_tables() WHERE database_name = current_database()"
        " AND schema_name = 'raw' AND table_name = ?",
        [contract.feed],
    ).fetchone()
    if found is None:
        return
    if con.execute(f"SELECT 1 FROM {raw} LIMIT 1").fetchone():
        raise versions.OutdatedError(raw, "it holds words where numbers are stored now")
    con.execute(f"DROP TABLE {raw}")


def comment_target(contract: Contract) -> str:
    """Return what the comments of `raw.<feed>` are written on: TABLE or VIEW."""
    return "VIEW" if is_numbered(contract) else "TABLE"
