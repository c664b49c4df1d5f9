"""Dispatch beside what is missing and beside the year before, and where it went: worked examples and sums."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, edition, facts
from pipelines.report.facts import Facts
from pipelines.report.parts import supply_flow, supply_outlook
from pipelines.report.words import Words
from pipelines.settings import ROOT, Settings

MONDAY = dt.date(2026, 11, 16)


def table_of(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> None:
    sql = (ROOT / "sql" / schema / f"{name}.sql").read_text(encoding="utf-8")
    con.execute(f"CREATE OR REPLACE TABLE {schema}.{name} AS {sql}")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    made = duckdb.connect()
    for schema in ("mart", "staging", "reference", "report", "policy"):
        made.execute(f"CREATE SCHEMA {schema}")
    made.execute(
        """
        CREATE TABLE reference.region AS SELECT * FROM (VALUES ('411700', '驻马店市', 'city'),
            ('411725', '确山县', 'county'), ('411728', '遂平县', 'county')) AS t (county_code, county_name, kind);
        CREATE TABLE reference.lunar_new_year AS SELECT * FROM read_csv('sql/reference/lunar_new_year.csv');
        CREATE TABLE mart.site_day (site_id VARCHAR, county_code VARCHAR, day_on DATE, week_start DATE,
            is_expected BOOLEAN, ticket_count BIGINT, dispatch_t DECIMAL(18, 3));
        CREATE TABLE staging.ticket_day AS SELECT DATE '2026-11-22' AS weighed_on;
        CREATE TABLE mart.price_index_week (week_start DATE);
        CREATE TABLE policy.threshold AS SELECT 'supply_level' AS rule, 'completeness_share' AS part, 0.8 AS value;
        CREATE TABLE mart.county_week (county_code VARCHAR, county_name VARCHAR, week_start DATE,
            dispatch_t DECIMAL(18, 3), completeness_share DECIMAL(7, 6));
        """.replace("sql/reference", str(ROOT / "sql" / "reference"))
    )
    yield made
    made.close()


def past(con: duckdb.DuckDBPyConnection, site: str, county: str, day: dt.date, tonnes: list[float]) -> None:
    """Tonnes of the same weekday, the newest a week before `day`."""
    for back, value in enumerate(tonnes, 1):
        on = day - dt.timedelta(weeks=back)
        start = on - dt.timedelta(days=on.weekday())
        con.execute("INSERT INTO mart.site_day VALUES (?, ?, ?, ?, TRUE, 1, ?)", [site, county, on, start, value])


def gone(con: duckdb.DuckDBPyConnection, site: str, county: str, day: dt.date, *, is_expected: bool = True) -> None:
    con.execute("INSERT INTO mart.site_day VALUES (?, ?, ?, ?, ?, 0, 0)", [site, county, day, MONDAY, is_expected])


def estimates(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int, float, float, float]]:
    con.execute(
        "INSERT INTO mart.county_week VALUES ('411700', '驻马店市', ?, 1500, 0.9),"
        " ('411725', '确山县', ?, 1000, 0.9), ('411728', '遂平县', ?, 500, 1)",
        [MONDAY] * 3,
    )
    table_of(con, "report", "supply_estimate_week")
    found = con.execute(
        "SELECT county_code, missing_day_count, filled_day_count, estimate_t::DOUBLE, low_t::DOUBLE, high_t::DOUBLE"
        " FROM report.supply_estimate_week"
    ).fetchall()
    return {row[0]: row[1:] for row in found}


def test_a_missing_day_is_filled_by_the_median_of_its_weekday(con: duckdb.DuckDBPyConnection) -> None:
    tuesday = MONDAY + dt.timedelta(days=1)
    past(con, "a", "411725", tuesday, [10, 20, 30, 40, 50, 60, 70, 80, 9000])  # the ninth is too long ago
    past(con, "a", "411725", MONDAY, [5000])  # another weekday
    gone(con, "a", "411725", tuesday)
    gone(con, "a", "411725", tuesday + dt.timedelta(days=1), is_expected=False)
    found = estimates(con)
    missing, filled, estimate, low, high = found["411725"]
    assert (missing, filled, estimate) == (1, 1, 1045.0)
    assert 1010 <= low <= 1020  # a tenth of 8 even past days lies in the first one
    assert 1070 <= high <= 1080
    assert found["411728"] == (0, 0, 500.0, 500.0, 500.0)
    assert found["411700"] == (1, 1, 1545.0, low + 500, high + 500)


def test_many_missing_days_have_a_narrower_interval_than_the_sum_of_theirs(con: duckdb.DuckDBPyConnection) -> None:
    for number in range(7):
        day = MONDAY + dt.timedelta(days=number)
        past(con, "a", "411725", day, [10, 20, 30, 40, 50, 60, 70, 80])
        gone(con, "a", "411725", day)
    first = estimates(con)
    _, filled, estimate, low, high = first["411725"]
    assert (filled, estimate) == (7, 1000 + 7 * 45)
    # Mean 45 and sd 22.9 a day: seven independent days have sd 60.6, and 80 % within 1.28 of them.
    assert low == pytest.approx(1315 - 1.28 * 60.6, abs=12)
    assert high == pytest.approx(1315 + 1.28 * 60.6, abs=12)
    con.execute("DELETE FROM mart.county_week")
    assert estimates(con) == first  # the draws are seeded


def test_a_missing_day_without_a_past_is_counted_and_not_filled(con: duckdb.DuckDBPyConnection) -> None:
    gone(con, "a", "411725", MONDAY)
    gone(con, "a", "411725", MONDAY + dt.timedelta(days=1))
    past(con, "a", "411725", MONDAY, [70])
    gone(con, "b", "411728", MONDAY)
    found = estimates(con)
    assert found["411725"] == (2, 1, 1070.0, 1070.0, 1070.0)
    assert found["411728"] == (1, 0, 500.0, 500.0, 500.0)


@pytest.mark.parametrize(
    ("week", "calendar", "lunar", "count"),
    [
        ("2026-11-16", "2025-W47", "2025-W49", -11),
        ("2026-12-28", None, "2026-W03", -5),  # week 53 has no week of its number a year before
        ("2027-01-04", "2026-W01", "2026-W04", -4),
        ("2027-02-01", "2026-W05", "2026-W08", 0),  # new year on 6 February, a year before on 17 February
        ("2026-02-16", "2025-W08", "2025-W05", 0),
        ("2027-02-15", "2026-W07", "2026-W10", 2),
    ],
)
def test_the_week_a_year_before_by_the_calendar_and_by_the_moon(
    con: duckdb.DuckDBPyConnection, week: str, calendar: str | None, lunar: str, count: int
) -> None:
    con.execute("INSERT INTO mart.price_index_week VALUES (?)", [week])
    table_of(con, "mart", "year_week")
    found = con.execute(
        "SELECT calendar_iso_week, lunar_iso_week, new_year_week_count FROM mart.year_week"
    ).fetchall()
    assert found == [(calendar, lunar, count)]


def test_only_complete_weeks_are_compared_with_the_year_before(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO mart.county_week VALUES"
        " ('411700', '驻马店市', '2026-11-16', 1100, 0.9), ('411700', '驻马店市', '2025-11-17', 1000, 0.8),"
        " ('411700', '驻马店市', '2025-12-01', 2000, 0.79), ('411725', '确山县', '2026-11-16', 100, 0.9)"
    )
    table_of(con, "mart", "year_week")
    table_of(con, "report", "supply_year_week")
    city, county = con.execute(
        "SELECT calendar_dispatch_t::INTEGER, calendar_share::DOUBLE, lunar_dispatch_t::INTEGER, lunar_share"
        " FROM report.supply_year_week WHERE week_start = '2026-11-16' ORDER BY county_code"
    ).fetchall()
    assert city == (1000, 0.1, 2000, None)
    assert county == (None, None, None, None)


@pytest.fixture(scope="module")
def known(demo_city: Settings) -> Iterator[Facts]:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as opened:
        yield facts.read(edition.Edition(opened, edition.week_of(opened, "2026-W47")), is_simulated=True)


def test_flows_and_estimates_add_up_to_the_dispatch(known: Facts) -> None:
    con = known.edition.con
    (differing,) = con.execute(
        """
        WITH flow AS (SELECT week_start, origin_code, sum(flow_t) AS t FROM report.flow_week GROUP BY ALL),
        city AS (SELECT week_start, sum(t) AS t FROM flow GROUP BY ALL)
        SELECT count(*) FROM mart.county_week AS week
        LEFT JOIN flow ON week.week_start = flow.week_start AND week.county_code = flow.origin_code
        LEFT JOIN city ON week.week_start = city.week_start
        WHERE coalesce(CASE WHEN week.county_code = '411700' THEN city.t ELSE flow.t END, 0) <> week.dispatch_t
        """
    ).fetchone() or (None,)
    assert differing == 0
    wrong = con.execute(
        "SELECT count(*) FROM report.supply_estimate_week AS e"
        " JOIN report.supply_week AS w USING (week_start, county_code)"
        " WHERE e.weighed_t <> w.dispatch_t OR e.low_t > e.high_t OR e.filled_day_count > e.missing_day_count"
        " OR (e.week_start < DATE '2026-11-16' AND e.missing_day_count <> w.expected_day_count - w.seen_day_count)"
    ).fetchall()
    assert wrong == [(0,)]
    tickets = next(q for q in supply_sources(known) if q.name == "supply_tickets")
    assert sum(row["net_t"] for row in tickets.rows if not row["is_reweighed"]) == (known.city or {})["dispatch_t"]
    assert "plate" not in tickets.columns


def supply_sources(known: Facts) -> list[blocks.Query]:
    from pipelines.report.parts import supply

    return [query for block in supply.section(known, Words("zh")).blocks for query in block.sources]


FLOWS = [
    ("411725", "411725", 600.0), ("411725", "411728", 300.0), ("411725", "outside", 80.0),
    ("411725", "unstated", 20.0), ("411728", "411725", 50.0), ("411728", "411728", 150.0), ("411700", "411728", 7.0),
]  # fmt: skip


@pytest.fixture
def flows(known: Facts) -> blocks.Query:
    names = dict(known.counties)
    return dataclasses.replace(
        supply_flow.listing(known),
        rows=tuple(
            {"week_start": MONDAY, "origin_code": a, "origin_name": names.get(a, "驻马店市"), "destination_code": b,
             "destination_name": names.get(b), "release_count": 1, "flow_t": t}
            for a, b, t in FLOWS
        ),
    )  # fmt: skip


def test_what_is_seen_of_consumption_is_dispatch_less_sent_away_plus_received(
    known: Facts, flows: blocks.Query
) -> None:
    table = supply_flow.table(known, flows, Words("zh"), ())
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert shown["驻马店市"] == ["1,207", "1,107", "80", "20", "—", "1,107"]
    assert shown["确山县"] == ["1,000", "600", "380", "20", "50", "650"]
    assert shown["遂平县"] == ["200", "150", "50", "0", "307", "457"]
    said = " ".join(sentence.text for sentence in supply_flow.sentences(flows, Words("zh")))
    assert "发往市内 1,107 吨，市外 80 吨（6.6%），去向未注明 20 吨（1.7%）" in said
    assert "县区间流向最大：确山县→遂平县 300 吨、遂平县→确山县 50 吨" in said
    assert "市外到货：未报送" in said
    assert "许可储量未报送" in said
    assert "确山县→确山县 600 吨" in supply_flow.chart(known, flows, Words("zh"), ()).alt


def test_week_53_and_a_missing_year_are_said(known: Facts) -> None:
    outlook = supply_outlook.Outlook(known)
    year = {"is_city": True, "county_code": "411700", "calendar_iso_week": None, "calendar_share": None,
            "calendar_dispatch_t": None, "lunar_iso_week": "2026-W02", "lunar_share": -0.1,
            "lunar_dispatch_t": 1000}  # fmt: skip
    outlook.__dict__["years"] = dataclasses.replace(outlook.years, rows=(year,))
    said = [sentence.text for sentence in supply_outlook.sentences(outlook, Words("zh"))]
    assert "第 53 周无公历同期周。" in said
    assert "发运同比：农历对齐春节对 2026-W02 −10.0%（1,000 吨）。" in said
    city = supply_outlook.table(known, outlook, Words("zh"), ()).rows[0]
    assert [cell.text for cell in city[5:]] == ["无同期", "−10.0%"]
