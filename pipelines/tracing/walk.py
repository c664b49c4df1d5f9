"""One ticket walked from the line of a file to the figures of the report, on the published regulator edition.

The edition is what the figures people read were made of, it needs no lock, and each look into it is logged. Only the
lines themselves are read from the snapshots. A file loaded since the last publishing shows after the next one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipelines import contracts
from pipelines.feeds import corrections
from pipelines.publishing import access_log, editions, plates
from pipelines.settings import TIME_ZONE, Settings
from pipelines.tracing import figures, file_lines, lost
from pipelines.tracing.file_lines import KeptFile, plain
from pipelines.tracing.rows import Row, listed

if TYPE_CHECKING:
    import duckdb

FEED = "weighbridge_ticket"
VALUES = ("ticket_no", "number_period", "site_name", "plate", "weighed_at", "first_weighed_at", "received_at",
          "product_name", "direction", "gross_kg", "tare_kg", "net_t", "axle_count", "body",
          "drive_axle_count")  # fmt: skip


def trace(settings: Settings, site: str, ticket_no: str, day: dt.date | None = None) -> dict[str, Any]:
    """Return all that is known of a ticket: plain types, ready for JSON.

    `tickets` holds one entry a ticket of that number (numbers restart, plates differ): its `versions` by load with
    file, line, raw text, typed values and what replaced what; `copies` in other lines; `staging`, `release`,
    `verdict`, `record`, and `figures` it counts in with its share. `put_aside` are rejected rows that bear the
    number; `similar` names and numbers where nothing was found.

    Args:
        settings: where edition and snapshots lie.
        site: site as the register or the ticket names it.
        ticket_no: number on the ticket.
        day: local date of the weighing, where the number is used more than once.

    Raises:
        WrongCallError: nothing is published yet.
        MachineError: the access log cannot be written.
    """
    import duckdb

    path = editions.current(settings, "regulator")
    asked = f"why {site} {ticket_no}" + (f" --day {day}" if day else "")
    build = editions.build_of(path)
    with access_log.logged(
        settings, edition="regulator", build=build, purpose="why", sql=asked, channel="why"
    ) as entry:
        with duckdb.connect(str(path), read_only=True) as con:
            con.execute(f"SET TimeZone = '{TIME_ZONE}'")
            found = _trace(con, settings, plain(site), plain(ticket_no), day)
        entry.found(row_count=len(found["tickets"]), plates_read=plates.read((), [(found,)]))
    newest = max((file["loaded_at"] for file in found.pop("accounts")), default=None)
    return {"site": site, "ticket_no": ticket_no, "day": day, "edition": path.name, "loaded_until": newest, **found}


def _trace(
    con: duckdb.DuckDBPyConnection, settings: Settings, site: str, ticket_no: str, day: dt.date | None
) -> dict[str, Any]:
    aliases = listed(con, "SELECT alias, site_id FROM staging.site_alias")
    meant = {row["site_id"] for row in aliases if row["alias"] == site} | {site}
    names = {row["alias"] for row in aliases if row["site_id"] in meant} | meant
    accounts = listed(con, "SELECT * FROM meta.load_account WHERE feed = ? ORDER BY load_no", FEED)
    by_load = {row["load_no"]: row for row in accounts}
    rows = []
    for table in ("staging.weighbridge_ticket", "staging.ticket_history"):
        rows += listed(
            con,
            f"SELECT * FROM {table} WHERE ticket_no = ?"
            " AND (list_contains(?, site_id) OR list_contains(?, site_name))"
            " AND coalesce(weighed_on = ?, true)",
            ticket_no, sorted(meant), sorted(names), day,
        )  # fmt: skip
    groups = _tickets(rows)
    by_file = {row["snapshot_sha256"]: row for row in accounts}
    put_aside = lost.put_aside(con, names, ticket_no, by_file)
    for row in put_aside:
        file = _kept(by_file[row["sha256"]])
        if path := file.path(settings):  # the line itself, where the reject holds its cells only
            row["raw_text"] = file_lines.text_at(path, file.encoding, {row["line"]}).get(row["line"], row["raw_text"])
    tickets = [_ticket(con, settings, group, by_load) for group in groups]
    taken = {(row["snapshot_sha256"], row["line"]) for row in rows}
    taken |= {(row["sha256"], row["line"]) for row in put_aside}
    numbers = {row["ticket_no"] for row in rows}
    if numbers:
        _add_copies(settings, tickets, accounts, names, numbers, taken)
    similar = {} if tickets or put_aside else lost.similar(con, site, names, ticket_no, {r["alias"] for r in aliases})
    return {"tickets": tickets, "put_aside": put_aside, "similar": similar, "accounts": accounts}


def _tickets(rows: list[Row]) -> list[list[Row]]:
    """Split the rows of a number into tickets: one number period and plate, and not further apart than identity."""
    gap = dt.timedelta(hours=contracts.contracts()[FEED].identity_hours)
    groups: list[list[Row]] = []
    for row in sorted(
        rows, key=lambda r: (r["site_id"], r["number_period"] or "", r["plate"] or "", r["weighed_at"])
    ):
        last = groups[-1][-1] if groups else None
        is_same = last and all(last[name] == row[name] for name in ("site_id", "number_period", "plate"))
        if last and is_same and row["weighed_at"] - last["weighed_at"] <= gap:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [sorted(group, key=lambda row: (row["load_no"], row["line"])) for group in groups]


def _ticket(
    con: duckdb.DuckDBPyConnection, settings: Settings, group: list[Row], by_load: dict[int, Row]
) -> dict[str, Any]:
    in_force = next((row for row in group if "outcome" not in row), None)
    versions = [_version(settings, row, group, by_load) for row in group]
    newest = in_force or group[-1]
    return {
        "site_id": newest["site_id"],
        "plate": newest["plate"],
        "weighed_at": newest["weighed_at"],
        "is_in_force": in_force is not None,
        "versions": versions,
        "copies": [],
        **(figures.of(con, settings, in_force) if in_force else figures.NONE),
    }


def _version(settings: Settings, row: Row, group: list[Row], by_load: dict[int, Row]) -> dict[str, Any]:
    account = by_load[row["load_no"]]
    contract = contracts.contracts()[FEED]
    profile = contract.sources.get(account["source"])
    file = _kept(account)
    path = file.path(settings)
    line = raw_text = None
    if path and profile:
        line = next((found for found in file_lines.rows(path, contract, profile) if found.line == row["line"]), None)
        raw_text = file_lines.text_at(path, file.encoding, {row["line"]}).get(row["line"])
    ended = row.get("ended_load_no")
    known = {correction.id: correction for correction in corrections.for_feed(FEED)}
    later = [other for other in group if (other["load_no"], other["line"]) > (row["load_no"], row["line"])]
    return {
        "ticket_id": row["ticket_id"],
        "outcome": row.get("outcome", "accepted"),
        "load_no": row["load_no"],
        "loaded_at": account["loaded_at"],
        "ended_load_no": ended,
        "ended_at": by_load[ended]["loaded_at"] if ended in by_load else None,
        "replaced_by": later[0]["ticket_id"] if later and ended is not None else None,
        "file": {
            "name": file.file_name,
            "sha256": file.sha256,
            "line": row["line"],
            "is_kept": path is not None,
            "source": account["source"],
            "source_text": profile.text if profile else "",
            "encoding": file.encoding,
            "raw_text": raw_text,
            "cells": line.cells if line else {},
        },
        "values": {name: row[name] for name in VALUES if row.get(name) not in (None, "")},
        "corrections": [
            {"id": name, "reason": known[name].reason if name in known else None}
            for name in row.get("correction_ids") or []
        ],
        "suspect_codes": row["suspect_codes"] or [],
        "assumed_columns": list(line.assumed) if line else [],
    }


def _kept(account: Row) -> KeptFile:
    return KeptFile(
        account["load_no"], account["snapshot_sha256"], account["file_name"], account["source"], account["encoding"]
    )


def _add_copies(
    settings: Settings,
    tickets: list[dict[str, Any]],
    accounts: Iterable[Row],
    names: set[str],
    numbers: set[str],
    taken: set[tuple[str, int]],
) -> None:
    """Find the lines that said the same once more: they are counted by the account of their file and not stored."""
    contract = contracts.contracts()[FEED]
    for account in accounts:
        file, profile = _kept(account), contract.sources.get(account["source"])
        path = file.path(settings) if account["duplicate_count"] else None
        if not path or not profile or not any(file_lines.may_hold(path, file.encoding, word) for word in numbers):
            continue
        wanted = {plain(number) for number in numbers}
        lines = [
            line
            for line in file_lines.rows(path, contract, profile)
            if line.ticket_no in wanted and line.site_name in names and (file.sha256, line.line) not in taken
        ]
        texts = file_lines.text_at(path, file.encoding, {line.line for line in lines})
        for line in lines:
            same_plate = [ticket for ticket in tickets if (ticket["plate"] or "") == line.plate]
            for ticket in (same_plate or tickets)[:1]:
                ticket["copies"].append(
                    {
                        "name": file.file_name,
                        "sha256": file.sha256,
                        "line": line.line,
                        "load_no": file.load_no,
                        "loaded_at": account["loaded_at"],
                        "raw_text": texts.get(line.line),
                        "cells": line.cells,
                    }
                )
