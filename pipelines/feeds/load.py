"""From typed rows to the warehouse: one transaction, every row in exactly one outcome, twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines import warehouse
from pipelines.contracts import Contract
from pipelines.feeds.parse import ParsedFile, contract_of
from pipelines.literal import quoted
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

OUTCOMES = ("accepted", "duplicate", "superseded", "voided", "pending", "quarantined")


def load(settings: Settings, feed: str, files: Sequence[ParsedFile]) -> list[dict[str, Any]]:
    """Load parsed files in their order and return one account a file.

    Each account holds `path, sha256, already_loaded, encoding, rows`, the six outcomes, `reasons`, `questions`.
    All files of the call are loaded, or none.

    Raises:
        BusyError: another writer is at work.
    """
    contract = contract_of(feed)
    with warehouse.writer(settings) as con:
        return load_into(con, contract, files)


def load_into(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile]
) -> list[dict[str, Any]]:
    """Load parsed files on an open writer connection; see `load`."""
    known = {
        sha
        for (sha,) in con.execute(
            "SELECT snapshot_sha256 FROM meta.load_account WHERE feed = ?", [contract.feed]
        ).fetchall()
    }
    fresh: dict[str, ParsedFile] = {}
    for file in files:
        if file.sha256 not in known:
            fresh.setdefault(file.sha256, file)
    if fresh:
        con.begin()
        try:
            _load_fresh(con, contract, list(fresh.values()))
            con.commit()
        except BaseException:
            con.rollback()
            raise
    return [_account(con, contract, file, already_loaded=fresh.get(file.sha256) is not file) for file in files]


def _load_fresh(con: duckdb.DuckDBPyConnection, contract: Contract, files: list[ParsedFile]) -> None:
    raw = f"raw.{contract.feed}"
    last = con.execute("SELECT coalesce(max(load_no), 0) FROM meta.load_account").fetchone()
    first_no = (last[0] if last else 0) + 1
    numbers = {file.sha256: first_no + index for index, file in enumerate(files)}
    paths = "[" + ", ".join(quoted(file.good_parquet) for file in files) + "]"
    cases = " ".join(f"WHEN {quoted(sha)} THEN {number}" for sha, number in numbers.items())
    con.execute(
        "CREATE OR REPLACE TEMP TABLE incoming AS SELECT *,"
        f" CASE snapshot_sha256 {cases} END::INTEGER AS load_no"
        f" FROM read_parquet({paths}, union_by_name = true)"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {_outcome_select(contract)}")
    con.execute(
        f"UPDATE {raw} SET outcome = 'superseded', ended_load_no = judged.ended_load_no FROM judged"
        f" WHERE {raw}.rowid = judged.raw_row AND judged.outcome = 'superseded'"
    )
    con.execute(
        f"INSERT INTO {raw} BY NAME SELECT incoming.*, judged.outcome, judged.ended_load_no FROM incoming"
        " JOIN judged USING (load_no, line) WHERE judged.raw_row IS NULL AND judged.outcome <> 'duplicate'"
        " ORDER BY incoming.load_no, incoming.line"
    )
    _write_accounts(con, contract, files, numbers)
    _write_questions(con, contract, files)


def _outcome_select(contract: Contract) -> str:
    """Return the SELECT that gives every incoming row its outcome.

    A ticket, quote, filing or site is the rows of one key; for tickets of one plate too, and within
    `identity_hours` of each other. Its rows are versions in the order they came, file by file and line by line:
    one that equals the version before it is a duplicate, else it replaces it. So the last version stands, also
    where it says again what an earlier one said. A ticket that another source profile keyed by another number
    period is the same one if plate, time and weights are equal. Without a whole key a row can only be a duplicate.
    """
    raw = f"raw.{contract.feed}"
    own = [f'"{name}"' for name in contract.columns]
    key = [f'"{name}"' for name in contract.key]
    period = "number_period" if contract.has_number_period else "''"
    same = [f'"{name}"' for name in contract.same] or own
    across = [f'"{name}"' for name in contract.same_across_periods] or same
    identity = [f'"{name}"' for name in contract.identity]
    # A ticket without a number has no key; a quote or filing always has one.
    has_key = f'"{contract.key[-1]}" IS NOT NULL' if contract.has_number_period else "true"
    time = f'"{contract.period}"' if contract.period and identity else "NULL::TIMESTAMPTZ"
    void = f'coalesce("{contract.void_column}", false)' if contract.void_column else "false"
    # 64-bit hashes: among ten million rows the chance of one false meeting is about one in a million.
    facts = (
        f"{has_key} AS has_key, hash({', '.join(key)}) AS name_hash, hash({', '.join([*key, period])}) AS key_hash,"
        f" {period} AS period, hash({', '.join(same)}) AS same_hash, hash({', '.join(own)}) AS own_hash,"
        f" hash({', '.join(across)}) AS across_hash,"
        f" hash({', '.join(identity) or 'NULL'}) AS identity_hash, {time} AS happened_at, {void} AS is_void"
    )
    return f"""
        WITH incoming_row AS (SELECT load_no, line, NULL::BIGINT AS raw_row, {facts} FROM incoming),
        raw_row AS (SELECT 0 AS load_no, line, rowid AS raw_row, {facts} FROM {raw} WHERE outcome <> 'superseded'),
        pool AS (
            SELECT * FROM incoming_row
            UNION ALL
            SELECT * FROM raw_row WHERE name_hash IN (SELECT name_hash FROM incoming_row)
        ),
        gap AS (
            SELECT *,
                coalesce(
                    happened_at - lag(happened_at) OVER thing > INTERVAL '{contract.identity_hours} hours', false
                )::INTEGER AS cut
            FROM pool WINDOW thing AS (PARTITION BY key_hash, identity_hash ORDER BY happened_at, load_no, line)
        ),
        clustered AS (
            SELECT *, sum(cut) OVER (
                PARTITION BY key_hash, identity_hash ORDER BY happened_at, load_no, line ROWS UNBOUNDED PRECEDING
            ) AS cluster_no FROM gap
        ),
        copied AS (
            SELECT *,
                raw_row IS NULL AND CASE
                    WHEN NOT has_key THEN row_number() OVER (PARTITION BY own_hash ORDER BY load_no, line) > 1
                    ELSE coalesce(lag(same_hash) OVER version = same_hash, false)
                        OR first_value(period) OVER name <> period
                END AS is_copy
            FROM clustered
            WINDOW version AS (PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line),
                name AS (PARTITION BY name_hash, across_hash ORDER BY load_no, line)
        ),
        newest AS (
            SELECT *, (load_no, line) < max((load_no, line)) OVER (
                PARTITION BY key_hash, identity_hash, cluster_no
            ) AS has_newer,
            lead(load_no) OVER (
                PARTITION BY key_hash, identity_hash, cluster_no ORDER BY load_no, line
            ) AS next_load_no FROM copied WHERE NOT is_copy
        )
        SELECT load_no, line, raw_row, key_hash, has_key,
            CASE
                WHEN has_key AND has_newer THEN 'superseded'
                WHEN is_void THEN 'voided'
                ELSE 'accepted'
            END AS outcome,
            CASE WHEN has_key THEN next_load_no END AS ended_load_no
        FROM newest
        UNION ALL
        SELECT load_no, line, raw_row, key_hash, has_key, 'duplicate', NULL FROM copied WHERE is_copy
    """


def _write_accounts(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: list[ParsedFile], numbers: dict[str, int]
) -> None:
    period = contract.period or "NULL"
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
        if file.rejects:
            con.executemany(
                "INSERT INTO meta.reject VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    [file.sha256, contract.feed, *(reject[name] for name in (
                        "line", "reason_code", "column_name", "value", "message", "raw_text"))]
                    for reject in file.rejects
                ],
            )  # fmt: skip
    # A row that a later file replaced changes the account of the file it came with: count both anew.
    con.execute(
        f"""
        UPDATE meta.load_account AS account SET
            accepted_count = counted.accepted, superseded_count = counted.superseded,
            voided_count = counted.voided, pending_count = counted.pending,
            first_period_on = counted.first_on, last_period_on = counted.last_on
        FROM (
            SELECT snapshot_sha256,
                count(*) FILTER (outcome = 'accepted') AS accepted,
                count(*) FILTER (outcome = 'superseded') AS superseded,
                count(*) FILTER (outcome = 'voided') AS voided,
                count(*) FILTER (outcome = 'pending') AS pending,
                min({period}) FILTER (outcome = 'accepted')::DATE AS first_on,
                max({period}) FILTER (outcome = 'accepted')::DATE AS last_on
            FROM raw.{contract.feed} GROUP BY snapshot_sha256
        ) AS counted
        WHERE account.feed = ? AND account.snapshot_sha256 = counted.snapshot_sha256
        """,
        [contract.feed],
    )


def _write_questions(con: duckdb.DuckDBPyConnection, contract: Contract, files: list[ParsedFile]) -> None:
    asked = [
        (file.source, question["kind"], question["subject"], question["row_count"], file.sha256)
        for file in files
        for question in file.questions
    ]
    if contract.has_number_period:
        by_number = {row[0]: row for row in con.execute(
            "SELECT incoming.snapshot_sha256, any_value(feed_source), count(DISTINCT key_hash) FROM judged"
            " JOIN incoming USING (load_no, line) WHERE judged.has_key AND judged.outcome = 'accepted'"
            " AND key_hash IN ("
            "   SELECT key_hash FROM judged WHERE outcome = 'accepted' AND has_key"
            "   GROUP BY key_hash HAVING count(*) > 1"
            " ) GROUP BY 1"
        ).fetchall()}  # fmt: skip
        for file in files:
            if row := by_number.get(file.sha256):
                file.questions.append({"kind": "number_reused", "subject": "ticket_no", "row_count": row[2]})
                asked.append((file.source, "number_reused", "ticket_no", row[2], file.sha256))
    repeated = con.execute(
        "SELECT snapshot_sha256, count(*) FROM judged JOIN incoming USING (load_no, line)"
        " WHERE judged.outcome = 'superseded' AND judged.raw_row IS NULL AND EXISTS ("
        "   FROM judged AS twin WHERE twin.key_hash = judged.key_hash AND twin.load_no = judged.load_no"
        "   AND twin.line > judged.line AND twin.outcome <> 'duplicate'"
        " ) GROUP BY 1"
    ).fetchall()
    counts = dict(repeated)
    for file in files:
        if file.sha256 in counts:
            subject = "+".join(contract.key)
            question = {"kind": "key_repeated", "subject": subject, "row_count": counts[file.sha256]}
            file.questions.append(question)
            asked.append((file.source, *question.values(), file.sha256))
    for source, kind, subject, row_count, sha256 in asked:
        name = [contract.feed, source, kind, subject]
        con.execute(
            "UPDATE meta.question SET row_count = row_count + ?"
            " WHERE feed = ? AND source = ? AND kind = ? AND subject = ?",
            [row_count or 0, *name],
        )
        con.execute(
            "INSERT INTO meta.question SELECT ?, ?, ?, ?, ?, ?, ?, now() WHERE NOT EXISTS ("
            " FROM meta.question WHERE feed = ? AND source = ? AND kind = ? AND subject = ?)",
            [*name, contract.who_fixes, row_count, sha256, *name],
        )


def _account(
    con: duckdb.DuckDBPyConnection, contract: Contract, file: ParsedFile, *, already_loaded: bool
) -> dict[str, Any]:
    counts = ", ".join(f"{outcome}_count" for outcome in OUTCOMES)
    row = con.execute(
        f"SELECT source, row_count, {counts} FROM meta.load_account WHERE snapshot_sha256 = ? AND feed = ?",
        [file.sha256, contract.feed],
    ).fetchone()
    loaded_as, rows, *outcomes = row if row else (file.source, *(0,) * 7)
    twins = con.execute(
        "SELECT count(*) FROM meta.load_account WHERE feed = ? AND file_name = ? AND snapshot_sha256 <> ?",
        [contract.feed, file.path, file.sha256],
    ).fetchone()
    notes = []
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
        "encoding": file.encoding,
        "rows": rows,
        **dict(zip(OUTCOMES, outcomes, strict=True)),
        "reasons": file.reasons,
        "questions": file.questions,
        "notes": notes,
    }
