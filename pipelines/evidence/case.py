"""All that the published regulator edition knows of one overload record, as plain JSON values.

The same values are frozen when a record is contested, so a page is made of nothing else (and of the kept file).
Times are texts of the local zone, masses and numbers are decimals, what is missing is None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines import contracts
from pipelines.errors import WrongCallError
from pipelines.publishing import access_log, editions
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

Case = dict[str, Any]


class Remembered(dict[str, Any]):
    """Values frozen by an earlier version of this program: what it did not know of is None."""

    def __missing__(self, key: str) -> None:
        """Return None for what was not frozen."""
        return


RECORD_ID = re.compile(r"([0-9a-f]{12})-([1-9]\d{0,17})")
TICKETS = "weighbridge_ticket"
# What the page shows of a version of the ticket.
VERSION = "ticket_id, load_no, outcome, ended_load_no, plate, weighed_at, gross_kg, tare_kg, snapshot_sha256, line"
RULES = ("axle_limit", "scale_error", "repeat_overload")


@contextmanager
def opened(
    settings: Settings, asked: str, purpose: str
) -> Iterator[tuple[duckdb.DuckDBPyConnection, int, access_log.Entry]]:
    """Yield a read-only connection to the published regulator edition, its build, and the entry of the access log.

    Raises:
        WrongCallError: nothing is published, a purpose is required, or an earlier version published the edition.
        MachineError: the access log cannot be written.
    """
    import duckdb

    path = editions.current(settings, "regulator")
    build = editions.build_of(path) or 0
    with access_log.logged(
        settings, edition="regulator", build=build, purpose=purpose, sql=asked, channel="evidence"
    ) as entry:
        try:
            with duckdb.connect(str(path), read_only=True) as con:
                con.execute(f"SET TimeZone = '{TIME_ZONE}'")
                yield con, build, entry
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise WrongCallError(
                f"{path.name} was published by an earlier version and lacks a table or column"
                f" ({str(error).partition(chr(10))[0]}): run `sandwatch run`, then ask again"
            ) from error


def parts_of(record_id: str) -> tuple[str, int]:
    """Return the beginning of the file's SHA-256 and the line that a record's id is made of.

    Raises:
        WrongCallError: it is no id of a record.
    """
    match = RECORD_ID.fullmatch(record_id)
    if match is None:
        raise WrongCallError(
            f"{record_id[:80]!r} is no record: its id is 12 hex digits of the file, a dash and the line, such as"
            ' 0123456789ab-42. `sandwatch sql "SELECT record_id, plate, site_name, weighed_at FROM'
            ' mart.overload_record"` lists them'
        )
    return match[1], int(match[2])


def read(con: duckdb.DuckDBPyConnection, build: int, record_id: str) -> Case | None:
    """Return what the edition says of a record, None where it holds no such record.

    The result: `build`, `data_through_on`; `record`, `ticket`, `account` (of its load), `site`, `vehicle` and `scale`
    (rows of the registers with the account of their file), each a row or None; lists `versions` of the ticket,
    `heavier` weighings of the visit, `documents`, `limits`, `thresholds`, `parameters`.
    """
    sha, line = parts_of(record_id)
    where = "line = ? AND starts_with(snapshot_sha256, ?)"
    record = _row(con, f"mart.overload_record AS it WHERE {where} AND record_id = ?", line, sha, record_id)
    if record is None:
        return None
    ticket = _row(con, f"staging.weighbridge_ticket AS it WHERE {where} AND ticket_id = ?", line, sha, record_id)
    fact = _row(con, f"mart.release_vehicle AS it WHERE {where} AND ticket_id = ?", line, sha, record_id)
    return {
        "build": build,
        "data_through_on": _through(con),
        "record": record,
        "ticket": ticket,
        "account": _account(con, TICKETS, record["snapshot_sha256"]),
        "site": _row(
            con,
            "(SELECT site_id, uscc, county_name, entity_kind, snapshot_sha256, line FROM staging.site) AS it"
            " WHERE site_id = ?",
            record["site_id"],
        ),
        "vehicle": _vehicle(con, fact),
        "scale": _scale(con, record),
        "versions": _versions(con, ticket, record_id),
        "heavier": _heavier(con, record),
        "documents": _rows(con, "policy.document AS it ORDER BY document_id"),
        "limits": _rows(con, "policy.axle_limit_gross_limit AS it ORDER BY ALL"),
        "thresholds": _rows(con, "policy.threshold AS it WHERE list_contains(?, rule) ORDER BY ALL", list(RULES)),
        "parameters": _rows(con, "policy.parameter AS it WHERE list_contains(?, rule) ORDER BY ALL", list(RULES)),
    }  # fmt: skip


def contested(con: duckdb.DuckDBPyConnection, build: int, record_id: str) -> Case | None:
    """Return the row of mart.contested_record with all contests of the record, None where there is none.

    Besides its columns: `frozen` as `read` gave it then, the `contests`, the ticket's `versions` as they are now, and
    `build` and `data_through_on` of this edition.
    """
    row = _row(con, "(SELECT * EXCLUDE (frozen) FROM mart.contested_record) AS it WHERE record_id = ?", record_id)
    if row is None:
        return None
    frozen = con.execute("SELECT frozen FROM mart.contested_record WHERE record_id = ?", [record_id]).fetchone()
    row["frozen"] = json.loads(frozen[0], parse_float=Decimal, object_hook=Remembered) if frozen else None
    row["contests"] = _rows(
        con,
        "(SELECT * EXCLUDE (frozen) FROM staging.record_contest) AS it WHERE record_id = ?"
        " ORDER BY contested_on, len(contest_id), contest_id",
        record_id,
    )
    frozen_case = row["frozen"] or Remembered()
    row["versions"] = _versions(con, frozen_case["ticket"], record_id)
    return {**row, "build": build, "data_through_on": _through(con)}


def why_none(con: duckdb.DuckDBPyConnection, build: int, record_id: str) -> str:
    """Return in words why there is no such record and what to do."""
    ticket = _row(con, "staging.weighbridge_ticket AS it WHERE ticket_id = ?", record_id)
    if ticket:
        return (
            f"{record_id} is a ticket in force of {ticket['site_name']} ({_minute(ticket['weighed_at'])}), but no"
            f" overload record in build {build}: it is within every possible limit, re-weighed before leaving, or no"
            f" outbound weighing. `sandwatch why {ticket['site_id']} {ticket['ticket_no']}` shows what became of it"
        )
    past = _row(con, "staging.ticket_history AS it WHERE ticket_id = ?", record_id)
    if past:
        now = [row for row in _versions(con, past, record_id) if row["outcome"] == "accepted"]
        then = f"; the version in force is {now[-1]['ticket_id']}" if now else "; no version of it is in force"
        return (
            f"{record_id} is a version of a ticket of {past['site_name']} that is no longer in force"
            f" ({past['outcome']} since load {past['ended_load_no'] or past['load_no']}){then}."
            f" `sandwatch why {past['site_id']} {past['ticket_no']}` shows all versions"
        )
    return (
        f"no record or ticket {record_id} in build {build} of the regulator edition. A file that was loaded since"
        ' shows after `sandwatch run`; `sandwatch sql "SELECT record_id, site_name, weighed_at FROM'
        " mart.overload_record WHERE plate = '...'\"` finds the id"
    )


def _through(con: duckdb.DuckDBPyConnection) -> str | None:
    row = con.execute("SELECT max(last_weighed_at)::DATE::VARCHAR FROM mart.site_week").fetchone()
    return row[0] if row else None


def _vehicle(con: duckdb.DuckDBPyConnection, fact: Case | None) -> Case | None:
    if fact is None or fact["vehicle_snapshot_sha256"] is None:
        return None
    row = _row(con, "staging.vehicle AS it WHERE snapshot_sha256 = ? AND line = ?",
               fact["vehicle_snapshot_sha256"], fact["vehicle_line"])  # fmt: skip
    return row and {**row, "account": _account(con, "vehicle", row["snapshot_sha256"])}


def _scale(con: duckdb.DuckDBPyConnection, record: Case) -> Case | None:
    """The row of the scale register that the record was held against."""
    row = _row(
        con,
        "staging.scale AS it WHERE site_id = ? AND scale_no = ? AND certificate_no IS NOT DISTINCT FROM ?"
        " AND valid_until IS NOT DISTINCT FROM ?::DATE AND coalesce(verified_on <= ?::DATE, TRUE)"
        " ORDER BY verified_on DESC NULLS LAST, snapshot_sha256, line LIMIT 1",
        record["site_id"], record["scale_no"], record["certificate_no"], record["certificate_valid_until"],
        record["weighed_on"],
    )  # fmt: skip
    return row and {**row, "account": _account(con, "scale", row["snapshot_sha256"])}


def _versions(con: duckdb.DuckDBPyConnection, ticket: Case | None, record_id: str) -> list[Case]:
    """Every version of the ticket in the order they came: same site, number, period and plate, and near in time."""
    if ticket is None or ticket["ticket_no"] is None:
        return []
    now, past = VERSION.replace("outcome, ended_load_no", "'accepted' AS outcome, NULL AS ended_load_no"), VERSION
    same = (
        "site_id = ? AND ticket_no = ? AND number_period IS NOT DISTINCT FROM ? AND plate IS NOT DISTINCT FROM ?"
        " AND abs(epoch(weighed_at) - epoch(?::TIMESTAMPTZ)) <= ?"
    )
    hours = contracts.contracts()[TICKETS].identity_hours
    given = [ticket[name] for name in ("site_id", "ticket_no", "number_period", "plate", "weighed_at")]
    found = _rows(
        con,
        f"(SELECT {now} FROM staging.weighbridge_ticket WHERE {same}"
        f" UNION ALL SELECT {past} FROM staging.ticket_history WHERE {same}) AS it ORDER BY load_no, line",
        *given, hours * 3600, *given, hours * 3600,
    )  # fmt: skip
    for row in found:
        row["account"] = _account(con, TICKETS, row["snapshot_sha256"])
        row["is_this"] = row["ticket_id"] == record_id
    return found


def _heavier(con: duckdb.DuckDBPyConnection, record: Case) -> list[Case]:
    """Weighings that were re-weighed before this release, and those before them; the oldest first."""
    return _rows(
        con,
        "(WITH RECURSIVE earlier AS ("
        " SELECT * FROM mart.release WHERE site_id = ? AND is_reweighed AND reweighed_ticket_id = ?"
        " UNION SELECT release.* FROM mart.release AS release"
        " INNER JOIN earlier ON release.reweighed_ticket_id = earlier.ticket_id"
        " AND release.site_id = earlier.site_id)"
        " SELECT ticket_id, ticket_no, weighed_at, gross_kg, tare_kg, reweighed_ticket_id FROM earlier) AS it"
        " ORDER BY weighed_at, ticket_id",
        record["site_id"], record["record_id"],
    )  # fmt: skip


def _account(con: duckdb.DuckDBPyConnection, feed: str, sha256: str) -> Case | None:
    return _row(
        con,
        "(SELECT feed, snapshot_sha256, file_name, source, encoding, load_no, loaded_at FROM meta.load_account) AS it"
        " WHERE feed = ? AND snapshot_sha256 = ? ORDER BY load_no LIMIT 1",
        feed, sha256,
    )  # fmt: skip


def _row(con: duckdb.DuckDBPyConnection, rest: str, *values: object) -> Case | None:
    rows = _rows(con, rest, *values)
    return rows[0] if rows else None


def _rows(con: duckdb.DuckDBPyConnection, rest: str, *values: object) -> list[Case]:
    """Rows of `FROM <relation> AS it ...` as JSON values."""
    found = con.execute(f"SELECT to_json(it) FROM {rest}", list(values)).fetchall()
    return [_read_json(text) for (text,) in found]


def _read_json(text: str) -> Case:
    found: Case = json.loads(text, parse_float=Decimal)
    return found


def _minute(moment: str) -> str:
    return moment[:16]
