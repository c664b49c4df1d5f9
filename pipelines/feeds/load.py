"""From typed rows to the warehouse: one transaction, every row in exactly one outcome, twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipelines import storage, warehouse
from pipelines.contracts import Contract
from pipelines.errors import MachineError
from pipelines.feeds import account, incoming, outcomes, questions
from pipelines.feeds.parse import contract_of
from pipelines.feeds.parsed_file import ParsedFile
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

# Above this many rows the order within a load is left to the machine: sorting would cost more than it gives.
SORTED_ROWS = 1_000_000
SHIFT_US = 8 * 3_600_000_000  # Asia/Shanghai since 1992: asking the calendar for each row costs ten times as much
MONDAY_US = 3 * 86_400_000_000  # 1970-01-01 was a Thursday
WEEK_US = 7 * 86_400_000_000


class StaleLedgerError(MachineError):
    """A file was not read because the ledger knows it, but the warehouse does not: an older copy was put back."""


def load(settings: Settings, feed: str, files: Sequence[ParsedFile]) -> list[dict[str, Any]]:
    """Load parsed files in their order and return one account a file.

    Each account holds `path, sha256, already_loaded, encoding, rows`, the six outcomes, `reasons`, `questions`.
    All files of the call are loaded, or none.

    Raises:
        BusyError: another writer is at work.
        StaleLedgerError: a file was not read though this warehouse does not hold it.
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
    if any(file.is_known and file.sha256 not in known for file in files):
        raise StaleLedgerError(
            "the ledger beside the snapshots tells of loads that this warehouse does not hold; read the files again"
        )
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
    return [account.told(con, contract, file, already_loaded=fresh.get(file.sha256) is not file) for file in files]


def _load_fresh(con: duckdb.DuckDBPyConnection, contract: Contract, files: list[ParsedFile]) -> None:
    last = con.execute("SELECT coalesce(max(load_no), 0) FROM meta.load_account").fetchone()
    first_no = (last[0] if last else 0) + 1
    numbers = {file.sha256: first_no + index for index, file in enumerate(files)}
    row_count = sum(file.good for file in files)
    incoming.lay_out(con, contract, files, numbers)
    outcomes.judge(con, contract, row_count, mixes_periods=_mixes_periods(con, contract, files))
    touched = put_in(con, contract, row_count, first_no)
    account.write(con, contract, files, numbers)
    record_touched(con, contract, touched, first_no + len(files) - 1)
    _write_questions(con, contract, files, numbers)


def put_in(con: duckdb.DuckDBPyConnection, contract: Contract, row_count: int, first_no: int) -> str:
    """Write what `judged` says about relation `incoming` and the standing rows into the feed's table.

    Args:
        con: writer's connection, within the load's transaction.
        contract: contract of the feed.
        row_count: rows of `incoming`.
        first_no: the lowest load number among them.

    Returns the SELECT of the event times of all rows that this changed, for `record_touched`.
    """
    table = storage.table_of(contract)
    void = f'coalesce("{contract.void_column}", false)' if contract.void_column else "false"
    con.execute(
        f"UPDATE {table} SET outcome = 'superseded', ended_load_no = judged.ended_load_no FROM judged"
        f" WHERE {table}.load_no = judged.load_no AND {table}.line = judged.line AND judged.is_standing"
        " AND judged.outcome = 'superseded'"
    )
    is_large = row_count > SORTED_ROWS
    con.execute(f"SET preserve_insertion_order = {not is_large}")
    own = f"CASE WHEN {void} THEN 'voided' WHEN is_incomplete THEN 'pending' ELSE 'accepted' END"
    order = "" if is_large else " ORDER BY incoming.load_no, incoming.line"
    if con.execute("SELECT 1 FROM judged WHERE NOT is_standing LIMIT 1").fetchone():
        # Copies apart, since there may be millions of them: to drop one takes its place in the file only.
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT incoming.* EXCLUDE (is_incomplete),"
            f" coalesce(judged.outcome, {own}) AS outcome, judged.ended_load_no FROM incoming"
            " ANTI JOIN (SELECT load_no, line FROM judged WHERE NOT is_standing AND outcome = 'duplicate') AS copy"
            " ON incoming.load_no = copy.load_no AND incoming.line = copy.line"
            " LEFT JOIN (FROM judged WHERE NOT is_standing AND outcome <> 'duplicate') AS judged"
            f" ON incoming.load_no = judged.load_no AND incoming.line = judged.line{order}"
        )
    else:
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT * EXCLUDE (is_incomplete), {own} AS outcome FROM incoming{order}"
        )
    con.execute("SET preserve_insertion_order = true")
    if contract.period is None:
        return ""
    # Of the new loads all stored rows are new; of earlier ones those that were ended.
    return (
        f'SELECT "{contract.period}" FROM {table} WHERE load_no >= {first_no}'
        f' UNION ALL SELECT "{contract.period}" FROM {table} SEMI JOIN'
        " (FROM judged WHERE is_standing AND outcome = 'superseded') AS ended USING (load_no, line)"
    )


def record_touched(con: duckdb.DuckDBPyConnection, contract: Contract, moments: str, load_no: int) -> None:
    """Note the weeks of some changed rows, so that the next build makes those anew.

    Args:
        con: writer's connection.
        contract: contract of the feed.
        moments: SELECT of one column, the rows' event times or dates; empty for a feed without periods.
        load_no: load that changed them.
    """
    if not moments:
        return
    week = "date_trunc('week', happened_at)::DATE"
    moments = f"({moments}) AS moment(happened_at) WHERE happened_at IS NOT NULL"
    if contract.columns[contract.period or ""].type == "time":
        number = f"(epoch_us(happened_at) + {SHIFT_US} + {MONDAY_US}) // {WEEK_US}"
        moments = f"(SELECT DISTINCT {number} AS week_no FROM {moments})"
        week = "DATE '1969-12-29' + (7 * week_no)::INTEGER"
    con.execute(
        f"INSERT INTO meta.touched_week SELECT DISTINCT ?, {week}, ? FROM {moments}", [contract.feed, load_no]
    )


def _mixes_periods(con: duckdb.DuckDBPyConnection, contract: Contract, files: Sequence[ParsedFile]) -> bool:
    """Whether sources whose numbers restart after different periods feed this table."""
    if not contract.has_number_period:
        return False
    loaded = con.execute("SELECT DISTINCT source FROM meta.load_account WHERE feed = ?", [contract.feed]).fetchall()
    profiles = [contract.source(name) for name in {file.source for file in files} | {name for (name,) in loaded}]
    # A profile that is gone from the contract may have had any period.
    return len({profile.number_period if profile else None for profile in profiles}) > 1


def _write_questions(
    con: duckdb.DuckDBPyConnection, contract: Contract, files: list[ParsedFile], numbers: dict[str, int]
) -> None:
    reused = dict(con.execute(
        "SELECT load_no, count(DISTINCT key_hash) FROM judged"
        " WHERE NOT is_standing AND has_key AND outcome = 'accepted' AND key_hash IN ("
        " SELECT key_hash FROM judged WHERE outcome = 'accepted' AND has_key GROUP BY key_hash HAVING count(*) > 1"
        ") GROUP BY 1"
    ).fetchall())  # fmt: skip
    repeated = dict(con.execute(
        "SELECT load_no, count(*) FROM judged WHERE outcome = 'superseded' AND NOT is_standing AND EXISTS ("
        " FROM judged AS twin WHERE twin.key_hash = judged.key_hash AND twin.load_no = judged.load_no"
        " AND twin.line > judged.line AND twin.outcome <> 'duplicate') GROUP BY 1"
    ).fetchall())  # fmt: skip
    asked = []
    for file in files:
        load_no = numbers[file.sha256]
        if contract.has_number_period and load_no in reused:
            file.questions.append(
                {"kind": "number_reused", "subject": contract.key[-1], "row_count": reused[load_no]}
            )
        if load_no in repeated:
            subject = "+".join(contract.key)
            file.questions.append({"kind": "key_repeated", "subject": subject, "row_count": repeated[load_no]})
        asked += [
            (file.source, question["kind"], question["subject"], question["row_count"], file.sha256)
            for question in file.questions
        ]
    questions.ask(con, contract, asked)
