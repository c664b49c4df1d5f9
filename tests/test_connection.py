"""Which source sites are connected to the platform, complete, silent: worked examples, and one meaning of silence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import raw_rows
import yaml
from test_waybills import build, empty

from pipelines import contracts
from pipelines.alerting import sources
from pipelines.rules import policy
from pipelines.settings import Settings

FIRST = dt.date(2026, 5, 11)
LAST = 34
CASES = yaml.safe_load((policy.POLICY / "platform_connection" / "cases.yaml").read_text(encoding="utf-8"))["cases"]
COUNTIES = ("411725", "411726")


def day(number: int | None) -> dt.date | None:
    return None if number is None else FIRST + dt.timedelta(days=number)


def site(name: str, county: str, cadence: str | None, firm: str | None = None) -> dict[str, Any]:
    return {"site_name": name, "firm_name": firm or f"{name}公司", "county_code": county, "entity_kind": "quarry",
            "expected_cadence": cadence}  # fmt: skip


def ticket(name: str, number: int) -> dict[str, Any]:
    return {"site_name": name, "ticket_no": f"{number}", "number_period": "2026", "plate": "豫QA0001",
            "weighed_at": f"{day(number)} 10:00:00+08", "direction": "out", "net_kg": 30000}  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    con = empty()
    register = [site("照常站", "411725", "daily")]
    tickets = [ticket("照常站", number) for number in range(LAST + 1)]
    for number, case in enumerate(CASES):
        name = f"站{number}"
        register.append(site(name, COUNTIES[number % 2], case["cadence"]))
        tickets += [ticket(name, each) for first, last in case["sent"] for each in range(first, last + 1)]
    raw_rows.put(con, "site_register", register)
    raw_rows.put(con, "weighbridge_ticket", tickets)
    build(con, "mart.platform_connection_county")
    yield con
    con.close()


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number]["name"])
def test_case(number: int, con: duckdb.DuckDBPyConnection) -> None:
    row = con.execute(
        "SELECT state, seen_day_count, expected_day_count, missed_day_count, silent_since_on, is_connected,"
        " is_silent, completeness_share, last_on FROM mart.platform_connection WHERE site_id = ?",
        [f"站{number}"],
    ).fetchone()
    expected = CASES[number]["expect"]
    if expected is None:
        assert row is None
        return
    *wanted, since = expected
    assert row is not None
    assert row[:5] == (*wanted, day(since))
    sent = CASES[number]["sent"]
    assert row[5:7] == (bool(sent), (wanted[0] == "silent") if sent else None)
    assert (row[7] is None) is (wanted[2] == 0)
    assert row[8] == (day(sent[-1][1]) if sent else None)


def test_silence_is_what_the_chase_list_calls_so(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    standing = sources.standing(Settings(home=tmp_path), day(LAST), con)
    chased = {each.source_id: each for each in standing.sources if each.feed == "weighbridge_ticket"}
    rows = con.execute(
        "SELECT site_id, is_silent, silent_since_on, missed_day_count, allowed_day_count"
        " FROM mart.platform_connection WHERE is_connected"
    ).fetchall()
    assert {row[1] for row in rows} == {True, False}
    for site_id, is_silent, since, missed, allowed in rows:
        source = chased[site_id]
        assert source.allowed_days == allowed
        assert (source.state == "silent") is is_silent, site_id
        if is_silent:
            assert (source.silences[-1].first_on, source.silences[-1].day_count) == (since, missed), site_id


def test_what_the_contract_allows_is_read_from_it(con: duckdb.DuckDBPyConnection) -> None:
    known = con.execute(
        "SELECT max_age_days, cadence FROM reference.feed WHERE feed = 'weighbridge_ticket'"
    ).fetchone()
    contract = contracts.contracts()["weighbridge_ticket"]
    assert known == (contract.max_age_days, contract.cadence)


def test_counties_count_only_who_is_asked(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        "SELECT county_code, registered_site_count, unasked_site_count, unknown_cadence_count, asked_site_count,"
        " connected_site_count, never_site_count, complete_site_count, incomplete_site_count, silent_site_count,"
        " undetermined_site_count, connected_share, complete_share, silent_share, asked_firm_count"
        " FROM mart.platform_connection_county ORDER BY county_code"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    assert len(found) == 11  # a county without a site has its row, and shares of nothing are unknown
    assert found["411721"] == (*[0] * 10, None, None, None, 0)
    states = {code: [case["expect"][0] for case in CASES[place::2] if case["expect"]]
              for place, code in enumerate(COUNTIES)}  # fmt: skip
    states["411725"].append("complete")
    states["411700"] = [*states["411725"], *states["411726"]]
    for code, listed in states.items():
        asked = len(listed)
        counts = [listed.count(state) for state in ("never", "complete", "incomplete", "silent", "undetermined")]
        assert found[code][3:10] == (asked, asked - counts[0], *counts), code
        shares = (asked - counts[0], asked), (counts[1], asked - counts[4]), (counts[3], asked)
        for share, (part, whole) in zip(found[code][10:13], shares, strict=True):
            assert share == pytest.approx(Decimal(part) / Decimal(whole), abs=Decimal("0.000001"))
        assert found[code][13] == asked
    assert found["411700"][:3] == (len(CASES) + 1, 2, 1)


def test_a_firm_is_connected_when_all_its_sites_are() -> None:
    con = empty()
    raw_rows.put(con, "site_register", [
        site("甲一", "411725", "daily", "甲公司"), site("甲二", "411725", "daily", "甲公司"),
        site("甲三", "411725", "none", "甲公司"), site("乙一", "411725", "daily", "乙公司"),
        site("乙二", "411725", "none", "乙公司")])  # fmt: skip
    raw_rows.put(
        con, "weighbridge_ticket", [ticket(name, number) for name in ("甲一", "乙一") for number in range(7)]
    )
    build(con, "mart.platform_connection_county")
    row = con.execute(
        "SELECT asked_firm_count, connected_firm_count, complete_firm_count, connected_site_count, asked_site_count"
        " FROM mart.platform_connection_county WHERE county_code = '411725'"
    ).fetchone()
    assert row == (2, 1, 1, 2, 3)  # one week of data so far, and that is there


def test_without_a_ticket_nobody_is_silent() -> None:
    con = empty()
    raw_rows.put(con, "site_register", [site("甲", "411725", "daily")])
    build(con, "mart.platform_connection_county")
    rows = con.execute("SELECT state, is_silent, is_complete FROM mart.platform_connection").fetchall()
    assert rows == [("never", None, None)]
