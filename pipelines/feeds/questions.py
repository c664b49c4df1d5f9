"""Questions about what nobody knows yet: each asked once, with an owner, closed by a table, a profile or an answer.

Loading asks what a file alone can tell (`ask`), building what needs the register (`refresh`). The rows a question is
about stay in and are judged in all that does not need the answer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines import contracts
from pipelines.contracts import Contract
from pipelines.errors import InputRefusedError
from pipelines.feeds import corrections, headers
from pipelines.feeds.reasons import column_label
from pipelines.feeds.similar_names import MOST_NAMES, most_alike

if TYPE_CHECKING:
    import duckdb

# Asked by the build, from staging.unknown_name; it closes them as soon as a table knows the name.
BUILD_KINDS = ("unknown_site", "unknown_product", "unknown_county", "date_far_off")
# About certain rows: an answer settles the rows known so far, and new ones raise it again.
EVENT_KINDS = ("number_reused", "key_repeated", corrections.OBSOLETE)
KEEP = "keep"  # the answer that says: known, leave it as it is
LONGEST_SUBJECT = 200
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
ID = "'Q' || left(sha256(concat_ws(chr(31), feed, kind, subject)), 9)"
SIMILAR = "MAP(VARCHAR, DOUBLE)"


def question_id(feed: str, kind: str, subject: str) -> str:
    """Return the number of a question: always the same for a feed, a kind and a subject."""
    return "Q" + hashlib.sha256("\x1f".join((feed, kind, subject)).encode()).hexdigest()[:9]


def ask(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    asked: Sequence[tuple[str, str, str, int | None, str]],
) -> None:
    """Write what loading asks: `(source, kind, subject, row_count, snapshot_sha256)` each, of files in the account.

    A question that stands counts on; one that was answered with "leave it" is not asked again.
    """
    kept = {number for (number,) in con.execute(
        "SELECT question_id FROM raw.name_answer WHERE outcome = 'accepted' AND answer = ?", [KEEP]
    ).fetchall()}  # fmt: skip
    for source, kind, text, row_count, sha256 in asked:
        subject = CONTROLS.sub(" ", text).strip()[:LONGEST_SUBJECT]
        number = question_id(contract.feed, kind, subject)
        if number in kept and kind not in EVENT_KINDS:
            continue
        found = con.execute(
            "UPDATE meta.question SET row_count = row_count + ? WHERE question_id = ? AND source = ?",
            [row_count or 0, number, source],
        ).fetchone()
        if found and found[0]:
            continue
        con.execute(
            "INSERT INTO meta.question BY NAME SELECT ? AS question_id, ? AS feed, ? AS source, ? AS kind,"
            f" ? AS subject, ? AS owner, ? AS row_count, ?::{SIMILAR} AS similar_names, ? AS snapshot_sha256,"
            " now() AS first_seen_at",
            [number, contract.feed, source, kind, subject, owner_of(contract, kind),
             row_count, similar_words(contract, kind, subject), sha256],
        )  # fmt: skip
    _date_by_loads(con)


def owner_of(contract: Contract, kind: str) -> str:
    """Return who can answer: whoever fixes the feed, and about a correction of ours whoever owns the feed."""
    return contract.owner if kind == corrections.OBSOLETE else contract.who_fixes


def similar_words(contract: Contract, kind: str, subject: str) -> dict[str, float]:
    """Return the contract's words most like an unknown column or code word; see `most_alike`."""
    if kind == "unknown_column":
        known = {
            word: column_label(contract, name, "zh")
            for name, column in contract.columns.items()
            for word in (name, *column.aliases)
        }
        return most_alike(subject, known)
    if column := code_column(contract, kind):
        codes = contract.columns[column].codes
        return most_alike(
            subject, {w: (words or (code,))[0] for code, words in codes.items() for w in (code, *words)}
        )
    return {}


def code_column(contract: Contract, kind: str) -> str | None:
    """Return the column whose code word a kind of question is about, or None."""
    column = contract.columns.get(kind.removeprefix("unknown_"))
    return column.name if column and column.codes and kind.startswith("unknown_") else None


def refresh(con: duckdb.DuckDBPyConnection) -> None:
    """Ask about names nobody knows, once each, and close what a table, a profile or an answer settles by now.

    Needs staging. Similar names are offered anew, since the register may have grown.
    """
    same = "asked.feed = name.feed AND asked.kind = name.kind AND asked.subject = name.subject"
    con.execute(
        "DELETE FROM meta.question AS asked WHERE list_contains(?, asked.kind)"
        f" AND NOT EXISTS (FROM staging.unknown_name AS name WHERE {same})",
        [list(BUILD_KINDS)],
    )
    con.execute(
        "UPDATE meta.question AS asked SET row_count = name.row_count, source = name.source"
        f" FROM staging.unknown_name AS name WHERE {same}"
    )
    for feed, contract in contracts.contracts().items():
        con.execute(
            f"INSERT INTO meta.question BY NAME SELECT {ID} AS question_id, feed, source, kind, subject,"
            " ? AS owner, row_count, snapshot_sha256, now() AS first_seen_at FROM staging.unknown_name AS name"
            f" WHERE feed = ? AND NOT EXISTS (FROM meta.question AS asked WHERE {same}) ORDER BY ALL",
            [contract.who_fixes, feed],
        )
    _date_by_loads(con)
    _close_answered(con)
    _close_known(con)
    corrections.close_questions(con)
    _offer_similar(con)


def _date_by_loads(con: duckdb.DuckDBPyConnection) -> None:
    """Date each question by the load that raised it, so that a warehouse made anew asks since the same moment."""
    con.execute(
        "UPDATE meta.question AS asked SET first_seen_at = account.loaded_at FROM meta.load_account AS account"
        " WHERE asked.feed = account.feed AND asked.snapshot_sha256 = account.snapshot_sha256"
        " AND asked.first_seen_at <> account.loaded_at"
    )


def _close_answered(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "DELETE FROM meta.question AS asked WHERE EXISTS ("
        "  FROM raw.name_answer AS answer LEFT JOIN meta.load_account AS seen"
        "  ON seen.feed = answer.feed"
        "  WHERE answer.question_id = asked.question_id AND answer.outcome = 'accepted' AND answer.answer = ?"
        "  AND (NOT list_contains(?, asked.kind)"
        "    OR (seen.snapshot_sha256 = asked.snapshot_sha256 AND seen.load_no < answer.load_no)))",
        [KEEP, list(EVENT_KINDS)],
    )


def _close_known(con: duckdb.DuckDBPyConnection) -> None:
    """Close questions about columns and code words that the contract or the source profile names by now."""
    known = contracts.contracts()
    rows = con.execute(
        "SELECT question_id, feed, source, kind, subject FROM meta.question WHERE NOT list_contains(?, kind)",
        [[*BUILD_KINDS, *EVENT_KINDS]],
    ).fetchall()
    settled = [
        [number, source]
        for number, feed, source, kind, subject in rows
        if feed in known and is_named(known[feed], source, kind, subject)
    ]
    if settled:
        con.executemany("DELETE FROM meta.question WHERE question_id = ? AND source = ?", settled)


def is_named(contract: Contract, source: str, kind: str, subject: str) -> bool:
    """Return whether the contract, with a source profile, knows a header or code word."""
    profile = contract.source(source)
    if profile is None:
        return False
    if kind == "unknown_column":
        ignored = {headers.clean_header(word) for word in (*contract.ignored, *profile.ignored)}
        try:
            return headers.clean_header(subject) in ignored or bool(headers.header_map(contract, profile, (subject,)))
        except InputRefusedError:  # known, in a unit the profile does not agree with
            return False
    column = code_column(contract, kind)
    if column is None:
        return False
    meant = profile.values.get(column, {}).get(subject, subject)
    return any(meant in (code, *words) for code, words in contract.columns[column].codes.items())


def _offer_similar(con: duckdb.DuckDBPyConnection) -> None:
    kinds = {
        "unknown_site": "SELECT alias, site_id FROM staging.site_alias",
        "unknown_product": "SELECT alias.alias, product.product_name FROM staging.product_alias AS alias"
        " INNER JOIN reference.product AS product ON alias.product_id = product.product_id",
    }
    for kind, names in kinds.items():
        asked = con.execute(
            "SELECT question_id, subject, similar_names FROM meta.question WHERE kind = ?"
            f" ORDER BY row_count DESC, subject LIMIT {MOST_NAMES}",
            [kind],
        ).fetchall()
        known: dict[str, str] = dict(con.execute(f"{names} ORDER BY ALL").fetchall()) if asked else {}
        changed = [
            [found, number]
            for number, subject, before in asked
            if (found := most_alike(subject, known)) != before
        ]  # fmt: skip
        if changed:
            con.executemany(f"UPDATE meta.question SET similar_names = ?::{SIMILAR} WHERE question_id = ?", changed)
