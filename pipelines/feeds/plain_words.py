"""The words of a large text: each spelling decoded, cleaned and typed once, however many rows bear it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.contracts import Column, Contract, Source
from pipelines.feeds import cells
from pipelines.feeds.encodings import holds_utf8
from pipelines.feeds.layout import Layout
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

WORD_TYPES = ("text", "plate", "code", "flag")
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
UTF8 = ("utf-8", "utf-8-sig", "ascii")


def word_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns whose cells are words that repeat: all but the ticket's own number."""
    return tuple(
        name for name, column in contract.columns.items() if column.type in WORD_TYPES and name != contract.key[-1]
    )


def given_columns(contract: Contract, profile: Source, found: Mapping[str, int]) -> list[str]:
    """Return the columns that a file gives, or the profile for it: those `cut` writes."""
    return [name for name in contract.columns if name in found or name in profile.defaults]


def read_words(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    profile: Source,
    layout: Layout,
    rows: Path,
    words: Path,
) -> None:
    """Decode and type each spelling of the word columns once; write them, and table `word`.

    `word` has column_name, spelling, text, word (typed, NULL for none) and is_odd: a spelling that only the exact
    reader can tell.
    """
    words_only = word_columns(contract)
    given = [name for name in given_columns(contract, profile, layout.found) if name in words_only]
    read = f"read_parquet({quoted(str(rows))})"
    con.execute(
        "CREATE TABLE spelled AS SELECT row_number() OVER () AS number, * FROM ("
        + " UNION ALL ".join(
            f'SELECT DISTINCT {quoted(name)} AS column_name, "{name}" AS spelling FROM {read}'
            f' WHERE is_plain AND "{name}" IS NOT NULL'
            for name in given
        )
        + ")"
    )
    scratch = words.with_suffix(".spelled")
    try:
        with scratch.open("w", encoding="utf-8", newline="\n") as file:
            for number, spelling in con.execute("SELECT number, spelling FROM spelled").fetchall():
                text, is_odd = _decoded(spelling, layout.encoding)
                file.write(f"{number}\x1f{text}\x1f{is_odd}\n")
        con.execute(
            "CREATE TABLE read_spelling AS SELECT column_name, spelling, text, is_odd FROM spelled JOIN read_csv(?,"
            " columns = {number: 'BIGINT', text: 'VARCHAR', is_odd: 'BOOLEAN'}, delim = chr(31), header = false,"
            " quote = '', escape = '', auto_detect = false, new_line = '\\n', nullstr = '') USING (number)",
            [str(scratch)],
        )
    finally:
        scratch.unlink(missing_ok=True)
    parts = [
        f"SELECT DISTINCT {quoted(name)} AS column_name, {name} AS spelling, {name} AS text, {name} AS word,"
        f" false AS is_odd FROM {read} WHERE is_plain AND {name} IS NOT NULL"
        for name in ("number_period", "assumed_columns")
    ]
    parts += [_word_select(contract.columns[name], profile) for name in given]
    con.execute(f"CREATE TABLE word AS {' UNION ALL '.join(parts)}")
    con.execute(
        f"COPY (SELECT column_name, spelling, word FROM word WHERE NOT is_odd) TO {quoted(str(words))}"
        " (FORMAT parquet)"
    )


def spelling(text: str, encoding: str) -> str:
    """Return how a text stands in a file of that encoding, as `cut` reads it."""
    return text if encoding in UTF8 else text.encode(encoding).decode("latin-1")


def _decoded(spelling: str, encoding: str) -> tuple[str, bool]:
    """Return the text of some bytes, and whether only the exact reader can say what they are."""
    try:
        text = spelling if encoding in UTF8 else spelling.encode("latin-1").decode(encoding)
    except UnicodeDecodeError:
        return "", True
    if CONTROLS.search(text) or holds_utf8(text, encoding):
        return "", True
    return text.strip(), False


def _word_select(column: Column, profile: Source) -> str:
    name = f'"{column.name}"'
    text = f'SELECT *, {cells.text_cell(column, profile, {column.name: 0})} AS "{column.name}__text"'
    typed = f"SELECT *, {cells.typed_cell(column, profile, '')} AS value FROM ({text} FROM cell)"
    # A word of a code that means nothing yet is a question; any other text that cannot be typed is a bad row.
    asks = column.type == "code" and column.on_unknown == "question"
    is_unread = "false" if asks else f"{name} IS NOT NULL AND value IS NULL"
    # A blank cell takes the profile's default, and the row says so.
    is_missing = f"{name} IS NULL" if column.not_null or column.name in profile.defaults else "false"
    return (
        f"SELECT column_name, spelling, text, value::VARCHAR AS word, is_odd OR ({is_missing}) OR ({is_unread})"
        f" FROM (WITH cell AS (SELECT *, text AS {name} FROM read_spelling"
        f" WHERE column_name = {quoted(column.name)}) {typed})"
    )
