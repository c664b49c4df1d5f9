"""Worked examples of every rule, and properties of the one comparison."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import raw_rows
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines import models, warehouse
from pipelines.rules import judging, policy, prices

SHA = "ab" * 32
PROJECT_RULES = ("capacity_floor", "capacity_basis", "approvals_before_start", "rail_share")


def cases(rule: str) -> dict[str, Any]:
    return yaml.safe_load((policy.POLICY / rule / "cases.yaml").read_text(encoding="utf-8"))


def empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    return con


def put(con: duckdb.DuckDBPyConnection, feed: str, row: dict[str, Any], line: int) -> None:
    raw_rows.put(con, feed, [{"line": line, **row}])


def judged(con: duckdb.DuckDBPyConnection) -> None:
    models.build(con)
    judging.judge(con)


@pytest.fixture(scope="module")
def project_verdicts() -> dict[tuple[str, str], tuple[str, str | None]]:
    con = empty()
    line = 0
    for rule in PROJECT_RULES:
        spec = cases(rule)
        for case in spec["cases"]:
            line += 1
            put(con, spec["feed"], {"project_id": f"{rule}: {case['name']}", **spec["base"], **case["given"]}, line)
    judged(con)
    rows = con.execute("SELECT rule, subject_id, verdict, reason_code FROM policy.verdict").fetchall()
    return {(rule, subject): (verdict, reason) for rule, subject, verdict, reason in rows}


@pytest.mark.parametrize(
    ("rule", "case"),
    [(rule, case) for rule in PROJECT_RULES for case in cases(rule)["cases"]],
    ids=lambda value: value if isinstance(value, str) else value["name"],
)
def test_project_case(rule: str, case: dict[str, Any], project_verdicts: dict[Any, Any]) -> None:
    assert project_verdicts[rule, f"{rule}: {case['name']}"] == tuple(case["expect"])


@pytest.mark.parametrize("case", cases("rail_siding_access")["cases"], ids=lambda case: case["name"])
def test_cohort_case(case: dict[str, Any]) -> None:
    con = empty()
    for number, (kind, haul_t, siding, *listed) in enumerate(case["sites"], start=1):
        put(con, "site_register", {
            "site_name": f"站{number}", "county_code": "411725", "entity_kind": kind, "annual_haul_t": haul_t,
            "haul_year": 2025, "siding_state": siding, "key_list_source": listed[0] if listed else None,
        }, number)  # fmt: skip
    judged(con)
    for subject in ("411700", "411725"):  # all sites stand in one county: city and county agree
        row = con.execute(
            "SELECT verdict, reason_code FROM policy.verdict WHERE rule = 'rail_siding_access' AND subject_id = ?",
            [subject],
        ).fetchone()
        assert row == tuple(case["expect"])
    evidence = dict(
        con.execute(
            "SELECT name, value FROM policy.evidence WHERE rule = 'rail_siding_access' AND subject_id = '411700'"
        ).fetchall()
    )
    expected = case.get("evidence", {})
    assert {name: evidence.get(name) for name in expected} == expected


def test_the_line_of_a_cohort_stands_in_its_file() -> None:
    con = empty()
    park = {"county_code": "411725", "entity_kind": "logistics_park", "annual_haul_t": 2000000, "haul_year": 2025}
    for sha, line in (("1" * 64, 9), ("2" * 64, 3)):
        put(con, "site_register", {"site_name": f"站{line}", "snapshot_sha256": sha, **park}, line)
    judged(con)
    rows = con.execute(
        "SELECT DISTINCT snapshot_sha256, line FROM policy.rail_siding_access"
        " WHERE subject_id IN ('411700', '411725')"
    ).fetchall()
    assert rows in ([("1" * 64, 9)], [("2" * 64, 3)])


def test_county_without_members_is_out_of_scope() -> None:
    con = empty()
    put(con, "site_register", {"site_name": "站", "county_code": "411725", "entity_kind": "logistics_park",
                               "annual_haul_t": 2000000, "haul_year": 2025, "siding_state": "none"}, 1)  # fmt: skip
    judged(con)
    rows = dict(con.execute("SELECT subject_id, verdict FROM policy.verdict").fetchall())
    assert rows["411725"] == "breached"
    assert rows["411721"] == "exempt"


START = dt.datetime.fromisoformat("2026-05-25T08:00:00+08:00")


def ticket_row(ticket_no: str, plate: str, given_: dict[str, Any]) -> dict[str, Any]:
    minute, first = given_.get("minute", 0), given_.get("first_minute")
    facts = {name: value for name, value in given_.items() if name not in ("minute", "first_minute")}
    if first is not None:
        facts["first_weighed_at"] = START + dt.timedelta(minutes=first)
    return {
        "site_name": "站", "ticket_no": ticket_no, "number_period": "", "direction": "out", "plate": plate,
        "weighed_at": START + dt.timedelta(minutes=minute), **facts,
    }  # fmt: skip


def by_ticket(con: duckdb.DuckDBPyConnection, sql: str) -> dict[str, dict[str, Any]]:
    found = con.execute(sql)
    names = [column[0] for column in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    by_number = {row["ticket_no"]: row for row in rows}
    assert len(by_number) == len(rows), "a ticket stands twice"
    return by_number


@pytest.fixture(scope="module")
def overload_world() -> duckdb.DuckDBPyConnection:
    tickets, vehicles, scales, sites = [], [], [], []
    for number, case in enumerate(cases("axle_limit")["cases"]):
        plate = f"豫Q{number:05d}"
        vehicles += [{"plate": plate, **vehicle} for vehicle in case.get("vehicles", ())]
        for index, ticket in enumerate(case["tickets"]):
            # Sites of its own for each case: trucks of other cases must not stand between.
            site = {"site_name": f"{ticket.get('site_name', '站')}{number}"}
            tickets.append(ticket_row(f"{case['name']}/{index}", plate, {**ticket, **site}))
    spec = cases("scale_error")
    for number, case in enumerate(spec["cases"]):
        site = {"site_name": f"衡站{number}"}
        sites.append({**site, "county_code": "411725", "entity_kind": "quarry", **case.get("site", {})})
        scales += [
            {**site, **spec["scale"], **scale} for scale in (case.get("scale", {}), *case.get("more_scales", ()))
        ]
        tickets.append(
            ticket_row(f"scale/{case['name']}", f"豫R{number:05d}", {**site, **spec["ticket"], **case["ticket"]})
        )
    con = empty()
    rows = {"weighbridge_ticket": tickets, "vehicle": vehicles, "scale": scales, "site_register": sites}
    for feed, given_ in rows.items():
        raw_rows.put(con, feed, given_)
    judged(con)
    prices.judge(con)
    models.build(con, after_judging=True)
    return con


@pytest.fixture(scope="module")
def overload_records(overload_world: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    return by_ticket(overload_world, "SELECT * FROM mart.overload_record")


@pytest.fixture(scope="module")
def licence_excesses(overload_world: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    return by_ticket(
        overload_world,
        "SELECT ticket.ticket_no, excess.* FROM mart.licence_excess AS excess"
        " JOIN staging.weighbridge_ticket AS ticket USING (ticket_id)",
    )


@pytest.fixture(scope="module")
def overload_releases(overload_world: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Outbound weighings: number of possible limits, ticket they were re-weighed by, spell of a cloned plate."""
    return by_ticket(
        overload_world,
        "SELECT release.ticket_no, later.ticket_no AS reweighed_by, measured.limit_count, spell.*"
        " FROM mart.release AS release"
        " LEFT JOIN mart.release AS later ON release.reweighed_ticket_id = later.ticket_id"
        " LEFT JOIN policy.axle_limit AS measured ON release.ticket_id = measured.subject_id"
        " LEFT JOIN (SELECT plate, min(from_on) AS from_on, max(until_on) AS until_on, max(proved_on) AS proved_on,"
        " min(week_start) AS first_week, max(week_start) AS last_week FROM mart.cloned_plate GROUP BY plate) AS spell"
        " ON release.plate = spell.plate",
    )


@pytest.mark.parametrize("case", cases("axle_limit")["cases"], ids=lambda case: case["name"])
def test_overload_case(
    case: dict[str, Any],
    overload_records: dict[str, dict[str, Any]],
    licence_excesses: dict[str, dict[str, Any]],
    overload_releases: dict[str, dict[str, Any]],
) -> None:
    records = [overload_records.get(f"{case['name']}/{index}") for index in range(len(case["expect"]))]
    for record, expected in zip(records, case["expect"], strict=True):
        if expected is None:
            assert record is None
            continue
        assert record is not None
        verdict, limit_kg, over_kg, why = expected
        assert record["verdict"] == verdict
        assert record["limit_kg"] == limit_kg
        assert record["over_kg"] == (None if over_kg is None else Decimal(over_kg))
        assert why in (record["limit_basis"], record["reason_code"], record["missing_field"])
    if expected := dict(case.get("record", {})):
        index = expected.pop("index", next(n for n, record in enumerate(records) if record))
        assert {name: records[index][name] for name in expected} == expected
    if expected := case.get("release"):
        release = overload_releases[f"{case['name']}/0"]
        assert {name: release[name] for name in expected} == expected
    if "reweighed_by" in case:
        found = [overload_releases[f"{case['name']}/{index}"]["reweighed_by"] for index in range(len(records))]
        assert [number and int(number.rpartition("/")[2]) for number in found] == case["reweighed_by"]
    if "licence" in case:
        excess = licence_excesses.get(f"{case['name']}/0")
        expected = case["licence"]
        assert (excess and {name: excess[name] for name in expected}) == expected


@pytest.mark.parametrize("case", cases("scale_error")["cases"], ids=lambda case: case["name"])
def test_scale_case(case: dict[str, Any], overload_records: dict[str, dict[str, Any]]) -> None:
    record = overload_records[f"scale/{case['name']}"]
    assert {name: record[name] for name in case["expect"]} == case["expect"]


def test_every_rule_has_cases_for_each_end() -> None:
    for rule in PROJECT_RULES:
        verdicts = {case["expect"][0] for case in cases(rule)["cases"]}
        assert {"met", "breached", "undetermined", "not_in_force"} <= verdicts, rule


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.sampled_from(sorted(policy.OPERATORS)))
def test_the_bound_itself_is_met_by_at_least_and_at_most_only(bound: Decimal, must_be: str) -> None:
    assert policy.compare(bound, must_be, bound) is (must_be in ("at_least", "at_most"))


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_python_and_sql_compare_alike(value: int, threshold: int) -> None:
    con = duckdb.connect()
    for must_be, operator in policy.OPERATORS.items():
        row = con.execute(f"SELECT ? {operator} ?", [value, threshold]).fetchone()
        assert row == (policy.compare(value, must_be, threshold),)


def test_unknown_comparison_is_refused() -> None:
    with pytest.raises(ValueError, match="must_be is 'around'"):
        policy.compare(1, "around", 1)


def test_validity_is_open_after_the_last_day_held_valid() -> None:
    document = policy.documents()["zhb57"]
    assert not policy.is_validity_open(document, dt.date(2025, 12, 23))
    assert policy.is_validity_open(document, dt.date(2025, 12, 24))
    assert policy.is_validity_open({"checked_on": dt.date(2026, 1, 1), "valid_until": None}, dt.date(2027, 1, 2))
