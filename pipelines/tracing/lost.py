"""Numbers that lead to no ticket: rows that were put aside, and what the asker may have meant."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pipelines.feeds.similar_names import most_alike
from pipelines.tracing.file_lines import plain
from pipelines.tracing.rows import Row, listed

if TYPE_CHECKING:
    import duckdb

FEED = "weighbridge_ticket"
MOST = 5


def put_aside(
    con: duckdb.DuckDBPyConnection, names: set[str], ticket_no: str, accounts: dict[str, Row]
) -> list[dict[str, Any]]:
    """Return the rejected rows that bear a number and, where they can be read that far, a site's name.

    Args:
        con: regulator edition.
        names: all names of the site.
        ticket_no: number on the ticket.
        accounts: account of each file by its SHA-256.
    """
    rows = listed(
        con, "SELECT * FROM meta.reject WHERE feed = ? AND contains(raw_text, ?) ORDER BY ALL", FEED, ticket_no
    )
    found = []
    for row in rows:
        account = accounts.get(row["snapshot_sha256"])
        if account and _bears(row["raw_text"], names, ticket_no):
            found.append(
                {
                    "name": account["file_name"],
                    "sha256": row["snapshot_sha256"],
                    "line": row["line"],
                    "load_no": account["load_no"],
                    "loaded_at": account["loaded_at"],
                    "reason_code": row["reason_code"],
                    "column_name": row["column_name"],
                    "value": row["value"],
                    "message": row["message"],
                    "raw_text": row["raw_text"],
                }
            )
    return found


def _bears(raw_text: str, names: set[str], ticket_no: str) -> bool:
    try:
        cells = json.loads(raw_text)
    except ValueError:
        cells = None
    if isinstance(cells, dict):
        site = plain(str(cells.get("site_name") or ""))
        return plain(str(cells.get("ticket_no") or "")) == ticket_no and (not site or site in names)
    # A line that could not be split, or a text that was cut: the number must stand alone, the site somewhere.
    stands_alone = re.search(rf"(?<![0-9A-Za-z]){re.escape(ticket_no)}(?![0-9A-Za-z])", raw_text)
    return bool(stands_alone) and any(name in raw_text for name in names)


def similar(
    con: duckdb.DuckDBPyConnection, site: str, names: set[str], ticket_no: str, aliases: set[str]
) -> dict[str, Any]:
    """Return what is like a number or site that nobody knows.

    `is_site_known`, `sites` and `numbers` most like it (numbers of the site), and `elsewhere`: tickets of that very
    number at other sites.
    """
    seen = {
        row["site_name"] for row in listed(con, "SELECT DISTINCT site_name FROM staging.weighbridge_ticket")
    } | aliases
    is_known = bool(names & seen)
    numbers = listed(
        con,
        "SELECT DISTINCT ticket_no FROM staging.weighbridge_ticket WHERE list_contains(?, site_name)"
        " AND ticket_no IS NOT NULL",
        sorted(names),
    )
    elsewhere = listed(
        con,
        "SELECT site_id, weighed_on, plate FROM staging.weighbridge_ticket WHERE ticket_no = ?"
        f" ORDER BY weighed_on DESC, site_id LIMIT {MOST}",
        ticket_no,
    )
    return {
        "is_site_known": is_known,
        "sites": [] if is_known else list(most_alike(site, {name: name for name in seen})),
        "numbers": list(most_alike(ticket_no, {row["ticket_no"]: row["ticket_no"] for row in numbers})),
        "elsewhere": elsewhere,
    }
