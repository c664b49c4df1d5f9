"""The public tables withhold small cells, and nothing they show gives one back by subtraction."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from pipelines import catalog, models, warehouse
from pipelines.publishing import editions
from pipelines.rules import judging
from pipelines.settings import Settings

CITY = "411700"
MONDAY = dt.date(2026, 3, 2)
LEAST, MOST = 3, Decimal("0.8")  # stated here again on purpose: what the public was promised
ALONE = ["411702", "411721", "411722", "411723"]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in memory with mart.site_week and mart.release ready to be filled by hand."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    models.build(con)
    yield con
    con.close()


Sites = Iterable[tuple[str | None, str | None, int]]  # county, firm, tonnes a week


def publish(con: duckdb.DuckDBPyConnection, sites: Sites, weeks: int = 1) -> None:
    """Build the county marts and their public tables on sites by hand; without a firm a site is unregistered."""
    for number, (county, firm, tonnes) in enumerate(sites):
        for week in range(weeks):
            start = MONDAY + dt.timedelta(weeks=week)
            row = {
                "site_id": f"站{number}", "firm_name": firm, "is_registered_site": firm is not None,
                "county_code": county, "week_start": start, "iso_week": f"{start + dt.timedelta(days=3):%G-W%V}",
                "ticket_count": 7, "release_count": 7, "dispatch_t": tonnes, "expected_day_count": 7,
                "seen_day_count": 7, "completeness_share": 1, "is_holiday_week": False,
                "last_weighed_at": f"{start + dt.timedelta(days=6)} 12:00:00+08",
            }  # fmt: skip
            names = ", ".join(row)
            con.execute(f"INSERT INTO mart.site_week ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    for name in ("mart.county_week", "public.county_week"):
        models.make(con, catalog.models()[name])


def withheld(con: duckdb.DuckDBPyConnection) -> set[str]:
    return {
        code for (code,) in con.execute("SELECT county_code FROM public.county_week WHERE is_withheld").fetchall()
    }


def broken_residuals(con: duckdb.DuckDBPyConnection, public: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """City minus the shown counties, week by week, where too few firms stand behind what is left.

    `con` holds mart.site_week. Sites whose firm is unknown may all be of one, so they count as one.
    """
    shown: dict[dt.date, set[str]] = defaultdict(set)
    for code, week in public.execute(
        "SELECT county_code, week_start FROM public.county_week WHERE dispatch_t IS NOT NULL"
    ).fetchall():
        shown[week].add(code)
    counties = {
        code for (code,) in con.execute("SELECT county_code FROM reference.region WHERE kind <> 'city'").fetchall()
    }
    left: dict[dt.date, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    hidden: dict[dt.date, set[str]] = defaultdict(set)
    for county, firm, week, tonnes in con.execute(
        "SELECT county_code, coalesce(firm_name, ''), week_start, dispatch_t FROM mart.site_week"
    ).fetchall():
        if CITY in shown[week] and county not in shown[week]:
            hidden[week] |= {county} & counties
            if tonnes:
                left[week][firm] += tonnes
    return [
        (week, dict(firms))
        for week in sorted(hidden.keys() | left.keys())
        for firms in [left[week]]
        if shown[week] != {CITY}  # the city alone is a figure like any other
        if (hidden[week] or firms)
        and (len(firms) < LEAST or max(firms.values()) > MOST * sum(firms.values()))
    ]  # fmt: skip


def four(county: str, tonnes: int) -> list[tuple[str, str, int]]:
    return [(county, f"{county}公司{number}", tonnes) for number in range(4)]


def test_the_only_withheld_county_takes_the_smallest_other_with_it(con: duckdb.DuckDBPyConnection) -> None:
    sites = [("411727", "汝南公司", 500), *four("411725", 100), *four("411726", 900), *four("411702", 500)]
    publish(con, sites)
    assert withheld(con) == {"411727", "411725"}
    assert broken_residuals(con, con) == []
    assert con.execute("SELECT dispatch_t FROM public.county_week WHERE county_code = ?", [CITY]).fetchone() == (
        6500,
    )


def test_as_many_counties_go_as_the_remainder_needs(con: duckdb.DuckDBPyConnection) -> None:
    """4,000 t of one firm beside 4 x 100 t is above 80 %; 4 x 900 t more is below it."""
    sites = [("411727", "汝南公司", 4000), *four("411725", 100), *four("411726", 900), *four("411702", 990)]
    publish(con, sites)
    assert withheld(con) == {"411727", "411725", "411726"}
    assert broken_residuals(con, con) == []


def test_a_site_outside_the_register_is_no_remainder_of_its_own(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, [(None, None, 50), (None, None, 60), (None, None, 70), *four("411725", 100), *four("411726", 900)])
    assert withheld(con) == {"411725"}
    assert broken_residuals(con, con) == []


def test_nothing_more_is_withheld_than_must_be(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, [*four("411725", 100), *four("411726", 900)])
    assert withheld(con) == set()
    alone = [(county, f"{county}公司", 100) for county in ALONE]
    con.execute("DELETE FROM mart.site_week")
    publish(con, [*alone, *four("411729", 100)])
    assert withheld(con) == set(ALONE)  # four firms of even size hide each other


def test_the_city_alone_is_judged_as_a_figure(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, [(None, None, 50), (None, None, 60), (None, None, 70)])
    assert withheld(con) == set()
    con.execute("DELETE FROM mart.site_week")
    publish(con, [(county, f"{county}公司", 100) for county in ALONE])
    assert withheld(con) == set(ALONE)
    con.execute("DELETE FROM mart.site_week")
    publish(con, [("411725", "公司", 100)])
    assert withheld(con) == {"411725", CITY}


def test_the_city_goes_where_the_counties_cannot_hide_one(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, [("411727", "汝南公司", 5000), *four("411725", 500)])
    assert withheld(con) == {"411727", CITY}
    assert broken_residuals(con, con) == []


def test_a_change_gives_back_no_week_that_is_withheld(con: duckdb.DuckDBPyConnection) -> None:
    """Dispatch by 1 + change is the dispatch of the week before."""
    publish(con, [*four("411725", 100), *four("411726", 900), *four("411702", 800)], weeks=2)
    con.execute("UPDATE mart.site_week SET firm_name = 'x' WHERE county_code = '411725' AND week_start = ?", [MONDAY])
    publish(con, [])
    query = (
        "SELECT week_start, is_withheld, dispatch_change_share FROM public.county_week WHERE county_code = ?"
        " ORDER BY week_start"
    )
    second = MONDAY + dt.timedelta(weeks=1)
    assert con.execute(query, ["411725"]).fetchall() == [(MONDAY, True, None), (second, False, None)]
    assert con.execute(query, ["411726"]).fetchall() == [(MONDAY, False, None), (second, False, 0)]


def test_counts_of_releases_follow_the_county_and_have_no_total(con: duckdb.DuckDBPyConnection) -> None:
    publish(con, [("411727", "汝南公司", 500), *four("411725", 100), *four("411726", 900), (CITY, "市公司", 10)])
    con.execute("CREATE SCHEMA IF NOT EXISTS policy")
    judging.judge(con)
    for table in ("mart.overload_record", "mart.overload_site_week"):
        models.make(con, catalog.models()[table])
    con.execute(
        "INSERT INTO mart.overload_site_week BY NAME SELECT site_id, county_code, week_start, 7 AS release_count,"
        " 6 AS determinable_count, 1 AS breached_count, 1 AS undetermined_count, 166 AS over_rate_per_1000,"
        " 0.1 AS undetermined_share, 2 AS over_t FROM mart.site_week"
    )
    models.make(con, catalog.models()["public.overload_county_week"])
    rows = con.execute(
        "SELECT county_code, determinable_count, over_rate_per_1000 IS NULL FROM public.overload_county_week"
        " ORDER BY county_code"
    ).fetchall()
    assert rows == [("411725", None, True), ("411726", 24, False), ("411727", None, True)]


def test_no_remainder_of_the_simulated_city_speaks_of_few_firms(demo_city: Settings) -> None:
    with (
        duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as regulator,
        duckdb.connect(str(editions.current(demo_city, "public")), read_only=True) as public,
    ):
        assert broken_residuals(regulator, public) == []
        counts = public.execute(
            "SELECT count(*) FILTER (county_code = '411700' AND NOT is_withheld),"
            " count(*) FILTER (county_code <> '411700' AND is_withheld), count(DISTINCT week_start)"
            " FROM public.county_week"
        ).fetchone()
        small = regulator.execute(
            "SELECT count(*) FROM mart.county_week WHERE county_code <> '411700'"
            " AND (firm_count < 3 OR largest_firm_share IS NULL OR largest_firm_share > 0.8)"
        ).fetchone()
    assert counts is not None
    assert small is not None
    city_weeks, county_withheld, weeks = counts
    assert city_weeks == weeks  # the total is worth more than a small county
    assert small[0] <= county_withheld <= small[0] + 2 * weeks
