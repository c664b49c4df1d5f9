"""The rows of parsed files as one relation in the columns of the store, whichever route read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from pipelines import storage, warehouse
from pipelines.contracts import Contract
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.feeds.plain_words import word_columns
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

OF_THE_ROUTE = ("number_period", "assumed_columns")  # written by the plain route beside the contract's columns
MADE_BY_LOAD = ("outcome", "ended_load_no")


def lay_out(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile], numbers: Mapping[str, int]
) -> None:
    """Create view `incoming`: the good rows of the files with load_no and is_incomplete; new words get their numbers.

    View `incoming_key` has the same rows with the columns that make a key only: of a large file the other words
    need not be looked up to see which rows share one.

    Args:
        con: writer's connection, within the load's transaction.
        contract: contract of the feed.
        files: parsed files, in the order they are loaded.
        numbers: load number of each file by its SHA-256.
    """
    parts, keys = [], []
    exact = [file for file in files if file.good_parquet]
    if exact:
        parts.append(_exact_rows(con, contract, exact, numbers))
        keys.append(f"SELECT {_key_columns(contract)} FROM ({parts[0]})")
    plain = [file for file in files if file.plain_parquet]
    if plain:
        _number_words(con, contract, plain, numbers)
        wanted = {*contract.key, "number_period", contract.void_column}
        for file in plain:
            there = {
                row[0] for row in con.execute(f"DESCRIBE FROM read_parquet({quoted(file.plain_parquet)})").fetchall()
            }
            parts.append(_plain_rows(contract, file, numbers[file.sha256], there))
            narrow = _plain_rows(contract, file, numbers[file.sha256], there, wanted)
            keys.append(f"SELECT {_key_columns(contract)} FROM ({narrow})")
    con.execute(f"CREATE OR REPLACE TEMP VIEW incoming AS {' UNION ALL BY NAME '.join(parts)}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW incoming_key AS {' UNION ALL BY NAME '.join(keys)}")


def _key_columns(contract: Contract) -> str:
    names = [*contract.key, *(["number_period"] if contract.has_number_period else [])]
    listed = [f'"{storage.stored_name(contract, name)}"' for name in names]
    if contract.void_column:
        listed.append(f'"{contract.void_column}"')
    return ", ".join([*listed, "load_no", "line", "is_incomplete"])


def _exact_rows(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile], numbers: Mapping[str, int]
) -> str:
    paths = "[" + ", ".join(quoted(file.good_parquet) for file in files) + "]"
    read = f"read_parquet({paths}, union_by_name = true)"
    cases = " ".join(f"WHEN {quoted(file.sha256)} THEN {numbers[file.sha256]}" for file in files)
    there = {row[0] for row in con.execute(f"DESCRIBE FROM {read}").fetchall()}
    columns = {
        name: sql_type if name in there else f"NULL::{sql_type}"
        for name, (sql_type, _) in warehouse.raw_columns(contract).items()
        if name not in (*MADE_BY_LOAD, "load_no")
    }
    given = ", ".join(f'"{name}"' if name in there else f'{text} AS "{name}"' for name, text in columns.items())
    waiting = "is_incomplete" if "is_incomplete" in there else "false AS is_incomplete"
    rows = f"(SELECT {given}, {waiting}, CASE snapshot_sha256 {cases} END::INTEGER AS load_no FROM {read})"
    if not storage.is_numbered(contract):
        return f"SELECT * FROM {rows}"
    storage.add_names(con, storage.words_of(rows, storage.numbered_columns(contract)))
    return storage.numbered_select(contract, rows, dict.fromkeys((*columns, "is_incomplete", "load_no"), ""))


def _number_words(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile], numbers: Mapping[str, int]
) -> None:
    """Write table `plain_word`: what each spelling of a file's word columns means, and its number."""
    numbered = storage.numbered_columns(contract)
    told = " UNION ALL ".join(
        f"SELECT {numbers[file.sha256]} AS load_no, column_name, spelling, word"
        f" FROM read_parquet({quoted(file.plain_words)})"
        for file in files
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE plain_word AS SELECT *, NULL::INTEGER AS name_no FROM ({told})")
    con.execute("SET VARIABLE numbered = " + "[" + ", ".join(map(quoted, numbered)) + "]")
    told = "SELECT word AS name FROM plain_word WHERE list_contains(getvariable('numbered'), column_name)"
    files_own = ", ".join(f"({quoted(word)})" for file in files for word in (file.source, file.sha256))
    storage.add_names(con, f"{told} UNION ALL FROM (VALUES {files_own}) AS own(name)")
    con.execute(
        "UPDATE plain_word SET name_no = known.name_no FROM store.name AS known WHERE plain_word.word = known.name"
    )


def _plain_rows(
    contract: Contract,
    file: ParsedFile,
    load_no: int,
    there: Collection[str],
    wanted: Collection[str | None] | None = None,
) -> str:
    words = word_columns(contract)
    numbered = storage.numbered_columns(contract)
    shown = []
    joins = []
    for name, (sql_type, _) in warehouse.raw_columns(contract).items():
        stored = storage.stored_name(contract, name)
        if wanted is not None and name != "line" and name not in wanted:
            continue
        if name in contract.columns and name not in there:
            shown.append(f'NULL::{"INTEGER" if name in numbered else sql_type} AS "{stored}"')
            continue
        if name in words or name in OF_THE_ROUTE:
            held = "name_no" if name in numbered else f"word::{sql_type}"
            shown.append(f'"w_{name}".{held} AS "{stored}"')
            joins.append(
                f'LEFT JOIN plain_word AS "w_{name}" ON "w_{name}".load_no = {load_no}'
                f' AND "w_{name}".column_name = {quoted(name)} AND rows."{name}" = "w_{name}".spelling'
            )
        elif name in contract.columns or name == "line":
            shown.append(f'rows."{name}"')
        elif name in storage.OF_THE_FILE:
            word = file.source if name == "feed_source" else file.sha256
            shown.append(f'(SELECT name_no FROM store.name WHERE name = {quoted(word)}) AS "{stored}"')
        elif name in storage.LISTS:
            shown.append(f'NULL::INTEGER AS "{stored}"')
    odd = f"ANTI JOIN read_parquet({quoted(file.plain_odd)}) AS odd ON rows.line = odd.line" if file.plain_odd else ""
    return (
        f"SELECT {', '.join(shown)}, rows.is_incomplete, {load_no} AS load_no FROM ("
        f"SELECT *, file_row_number + {file.plain_first_line} AS line"
        f" FROM read_parquet({quoted(file.plain_parquet)}, file_row_number = true) WHERE is_plain) AS rows {odd} "
        + " ".join(joins)
    )
