"""Forms of sand haulage by the million beside their tickets, with known findings: how long their marts take.

As many forms as tickets, in 25 weeks, at 40 sites, 3,000 trucks; of each thousand a few are wrong in one way each.
"""

from __future__ import annotations

import time
from typing import Any

import duckdb

from pipelines import catalog, models, warehouse
from pipelines.building import calendar
from pipelines.rules import judging

THREADS = 2
WEEKS, SITES, PLATES, START = 25, 40, 3000, "2026-01-05"
MARTS = ("waybill_replacement", "waybill_trip", "river_permit_day", "river_permit_state", "waybill_history_finding",
         "waybill_finding", "waybill_check_week")  # fmt: skip
# What is wrong with form i, by i modulo 1,000; `crossed` are the forms of a permit after it is sold out.
WRONG = {1: "plate_differs", 2: "net_differs", 3: "expired", 4: "outside_zone", 5: "outside_permit_dates",
         6: "duplicate_number", 7: "form_without_ticket", 8: "ticket_without_form", 9: "void_form_used",
         10: "receiver_copy_missing"}  # fmt: skip


def measure(rows: int) -> dict[str, Any]:
    """Build the marts of forms over so many tickets and as many forms; return the seconds and the findings.

    Raises:
        SystemExit: the findings are not those that were planted.
    """
    with duckdb.connect() as con:
        warehouse.configure(con)
        con.execute(f"SET threads = {THREADS}")
        warehouse.prepare(con)
        judging.write_law(con)
        _stage(con, rows)
        begin = time.perf_counter()
        seconds = {}
        for name in MARTS:
            started = time.perf_counter()
            models.make(con, catalog.models()[f"mart.{name}"])
            seconds[name] = round(time.perf_counter() - started, 3)
        total = time.perf_counter() - begin
        found = dict(con.execute("SELECT finding, count(*) FROM mart.waybill_finding GROUP BY ALL").fetchall())
        made = con.execute("SELECT count(*), count(ticket_id) FROM mart.waybill_trip").fetchone()
        planted = dict(con.execute("SELECT finding, count(*) FROM planted GROUP BY ALL").fetchall())
    if found != planted:
        raise SystemExit(f"the findings are {found}; planted are {planted}")
    return {"seconds": total, "parts": seconds, "findings": found, "forms": made[0] if made else 0}


def _stage(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Write tickets and forms as staging would, and what is wrong with them."""
    moments = WEEKS * 7 * 43200  # each day from six to six
    con.execute(
        f"""
        CREATE TABLE load AS SELECT i, (i % 1000)::INTEGER AS lot, (hash(i) >> 1)::BIGINT % 20000 + 15000 AS net_kg,
            '站' || (i % {SITES}) AS site_id, lpad((i // {SITES} + 1)::VARCHAR, 9, '0') AS ticket_no,
            -- A truck goes once in {PLATES} loads.
            '豫Q' || chr((65 + i % {PLATES} % 20)::INTEGER) || lpad((i % {PLATES})::VARCHAR, 4, '0') AS plate,
            (TIMESTAMP '{START} 06:00:00' + to_days((i * {moments} // {rows} // 43200)::INTEGER)
                + to_seconds((i * {moments} // {rows} % 43200)::BIGINT)) AT TIME ZONE 'Asia/Shanghai' AS weighed_at,
            i % {SITES} < 10 AS is_river
        FROM range({rows}) AS t (i)
        """
    )
    con.execute(
        "CREATE TABLE planted AS SELECT CASE lot"
        + "".join(f" WHEN {lot} THEN '{finding}'" for lot, finding in WRONG.items())
        + f" END AS finding FROM load QUALIFY lot BETWEEN 1 AND 10 AND (lot NOT IN (4, 5) OR is_river)"
        f" AND (lot <> 6 OR i // 1000 % 2 = 1 OR i + 1000 < {rows})"
        # Copies are missed ten days after, and only where the site's forms reach so far.
        " AND (lot <> 7 OR weighed_at + INTERVAL 5 HOUR < max(weighed_at) OVER (PARTITION BY site_id))"
        f" AND (lot <> 10 OR weighed_at::DATE < DATE '{START}' + {WEEKS * 7 - 11})"
    )
    con.execute(
        "CREATE TABLE staging.weighbridge_ticket AS SELECT 't-' || i AS ticket_id, site_id, site_id AS site_name,"
        " '411725' AS county_code, ticket_no, '2026' AS number_period, weighed_at, weighed_at::DATE AS weighed_on,"
        " date_trunc('week', weighed_at)::DATE AS week_start, NULL::TIMESTAMPTZ AS first_weighed_at, plate,"
        " 'natural_sand' AS product_id, 'natural' AS source_class, 'out' AS direction,"
        " 15000::DECIMAL(14, 3) AS tare_kg, (net_kg / 1000)::DECIMAL(14, 3) AS net_t,"
        " 'ab' AS snapshot_sha256, i AS line FROM load WHERE lot <> 7"
    )
    con.execute(
        "CREATE TABLE mart.release AS SELECT *, FALSE AS is_reweighed, NULL::VARCHAR AS reweighed_ticket_id"
        " FROM staging.weighbridge_ticket"
    )
    con.execute(
        "CREATE TABLE staging.ticket_day AS SELECT site_id, weighed_on, week_start, count(*) AS ticket_count,"
        " max(weighed_at) AS last_weighed_at FROM staging.weighbridge_ticket GROUP BY ALL"
    )
    con.execute(
        f"CREATE TABLE staging.site AS SELECT '站' || i AS site_id, 'daily' AS expected_cadence,"
        f" '411725' AS county_code FROM range({SITES}) AS t (i)"
    )
    con.execute(
        f"CREATE TABLE staging.river_permit AS SELECT 'P' || i AS permit_no, '采区' || i AS zone, '' AS holder_name,"
        f" NULL::VARCHAR AS site_id, DATE '{START}' AS valid_from, DATE '{START}' + 400 AS valid_until,"
        " TIME '05:00:00' AS hours_from, TIME '19:00:00' AS hours_until, 99999999::DECIMAL(18, 3) AS permitted_t,"
        f" 'ab' AS snapshot_sha256, i AS line FROM range({SITES}) AS t (i)"
        f" UNION ALL SELECT 'Z', '采区0', '', NULL, DATE '{START}' - 90, DATE '{START}' - 1, TIME '05:00:00',"
        " TIME '19:00:00', 99999999, 'ab', 99"
    )
    con.execute(
        "CREATE TABLE staging.waybill AS SELECT 'w-' || i AS waybill_id,"
        # The forms of a pair of trucks at one site bear one number.
        " 'HN' || lpad((CASE WHEN lot = 6 AND i // 1000 % 2 = 1 THEN i - 1000 ELSE i END)::VARCHAR, 10, '0')"
        " AS form_no,"
        " CASE WHEN is_river THEN 'river' ELSE 'mine' END AS kind,"
        f" CASE WHEN lot = 5 THEN 'Z' ELSE 'P' || (i % {SITES}) END AS permit_no,"
        f" CASE WHEN lot = 4 THEN '采区x' WHEN lot = 5 THEN '采区0' ELSE '采区' || (i % {SITES}) END AS zone,"
        " 'natural_sand' AS product_id, CASE WHEN lot = 1 THEN '豫QZ0000' ELSE plate END AS plate,"
        " ((net_kg + CASE WHEN lot = 2 THEN 2000 ELSE 100 END) / 1000)::DECIMAL(14, 3) AS net_t, ticket_no,"
        " weighed_at - INTERVAL 2 MINUTE AS issued_at, issued_at::DATE AS issued_on,"
        " date_trunc('week', issued_at)::DATE AS week_start,"
        " weighed_at + CASE WHEN lot = 3 THEN INTERVAL '-1' MINUTE ELSE INTERVAL 5 HOUR END AS valid_until, site_id,"
        " site_id AS site_name, '411725' AS county_code, NULL::VARCHAR AS copy_1_state,"
        " NULL::VARCHAR AS copy_2_state, NULL::VARCHAR AS copy_3_state,"
        " CASE WHEN lot = 10 THEN 'issued' ELSE 'returned' END AS copy_4_state,"
        " NULL::VARCHAR AS copy_5_state, lot = 9 AS is_void, NULL::VARCHAR AS parent_form_no,"
        " 'cd' AS snapshot_sha256, i AS line FROM load WHERE lot <> 8"
    )
    calendar.write_calendar(con, 1)
