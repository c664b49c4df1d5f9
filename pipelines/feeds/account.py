"""The account of every loaded file: what became of each row, and what was put aside, in sums that must add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines import storage
from pipelines.contracts import Contract
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.literal import quoted

if TYPE_CHECKING:
    import duckdb

OUTCOMES = ("accepted", "duplicate", "superseded", "voided", "pending", "quarantined")


def write(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile], numbers: Mapping[str, int]
) -> None:
    """Write the accounts of files that were just loaded, their rows put aside, and count what earlier ones lost."""
    for file in files:
        con.execute(
            "INSERT INTO meta.load_account BY NAME SELECT ? AS snapshot_sha256, ? AS feed, ? AS source,"
            " ? AS file_name, ? AS load_no, ? AS encoding, ? AS delimiter, ? AS physical_lines,"
            " ? AS header_lines, ? AS title_lines, ? AS total_lines, ? AS blank_lines, ? AS quoted_newlines,"
            " ? AS row_count, 0 AS accepted_count,"
            " (SELECT count(*) FROM judged WHERE load_no = ? AND outcome = 'duplicate') AS duplicate_count,"
            " 0 AS superseded_count, 0 AS voided_count, 0 AS pending_count, ? AS quarantined_count,"
            " now() AS loaded_at",
            [file.sha256, contract.feed, file.source, file.path, numbers[file.sha256], file.encoding,
             file.delimiter, file.physical_lines, file.header_lines, file.title_lines, file.total_lines,
             file.blank_lines, file.quoted_newlines, file.rows,
             numbers[file.sha256], file.quarantined],
        )  # fmt: skip
    write_rejects(con, contract, files)
    recount(con, contract, "SELECT load_no FROM judged WHERE is_standing", min(numbers.values()))


def write_rejects(con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile]) -> None:
    """Write the rows of parsed files that were put aside to meta.reject."""
    for file in files:
        if file.rejects_parquet:
            con.execute(
                "INSERT INTO meta.reject BY NAME SELECT ? AS snapshot_sha256, ? AS feed, *"
                f" FROM read_parquet({quoted(file.rejects_parquet)}) ORDER BY line",
                [file.sha256, contract.feed],
            )


def recount(con: duckdb.DuckDBPyConnection, contract: Contract, load_nos: str, from_no: int) -> None:
    """Count the stored rows of some loads by outcome anew: a later file that replaces a row changes an account.

    Args:
        con: writer's connection.
        contract: contract of the feed.
        load_nos: SELECT of load numbers.
        from_no: all loads from this number on are counted too.
    """
    table = storage.table_of(contract)
    period = f'"{contract.period}"' if contract.period else "NULL::DATE"
    counts = ", ".join(
        f"count(*) FILTER (outcome = '{outcome}') AS {outcome}"
        for outcome in ("accepted", "superseded", "voided", "pending")
    )
    con.execute(
        f"""
        UPDATE meta.load_account AS account SET
            accepted_count = counted.accepted, superseded_count = counted.superseded,
            voided_count = counted.voided, pending_count = counted.pending,
            first_period_on = counted.first_at::DATE, last_period_on = counted.last_at::DATE
        FROM (
            SELECT load_no, {counts}, min({period}) FILTER (outcome = 'accepted') AS first_at,
                max({period}) FILTER (outcome = 'accepted') AS last_at
            FROM {table} WHERE load_no >= {from_no} OR load_no IN ({load_nos}) GROUP BY load_no
        ) AS counted
        WHERE account.load_no = counted.load_no
        """
    )


def told(
    con: duckdb.DuckDBPyConnection, contract: Contract, file: ParsedFile, *, already_loaded: bool
) -> dict[str, Any]:
    """Return the account of one file as `ingest --json` shows it, see `load.load`."""
    counts = ", ".join(f"{outcome}_count" for outcome in OUTCOMES)
    row = con.execute(
        f"SELECT source, encoding, row_count, {counts} FROM meta.load_account WHERE snapshot_sha256 = ? AND feed = ?",
        [file.sha256, contract.feed],
    ).fetchone()
    loaded_as, encoding, rows, *counted = row if row else (file.source, file.encoding, *(0,) * 7)
    twins = con.execute(
        "SELECT count(*) FROM meta.load_account WHERE feed = ? AND file_name = ? AND snapshot_sha256 <> ?",
        [contract.feed, file.path, file.sha256],
    ).fetchone()
    reasons = file.reasons
    if file.is_known:
        reasons = dict(con.execute(
            "SELECT reason_code, count(*) FROM meta.reject WHERE snapshot_sha256 = ? AND feed = ?"
            " GROUP BY 1 ORDER BY 1",
            [file.sha256, contract.feed],
        ).fetchall())  # fmt: skip
    notes = list(file.notes)
    if already_loaded and loaded_as == file.source:
        notes.append("this very file was loaded before; nothing changed")
    if loaded_as != file.source:
        notes.append(
            f"this very file was loaded before with source {loaded_as}; it was not read again as {file.source}"
        )
    if twins and twins[0] and not already_loaded:
        notes.append(
            f"a file named {file.path} with other content was loaded before; both snapshots are kept and rows are"
            " compared by key: equal ones are duplicates, changed ones replace the earlier"
        )
    return {
        "path": file.path,
        "sha256": file.sha256,
        "already_loaded": already_loaded,
        "source": loaded_as,
        "encoding": encoding,
        "rows": rows,
        **dict(zip(OUTCOMES, counted, strict=True)),
        "reasons": reasons,
        "questions": file.questions,
        "notes": notes,
    }
