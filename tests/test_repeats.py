"""Repeated overloading: established cases and leads apart, each bound by its worked example."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pytest
import raw_rows
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines import catalog, models, warehouse
from pipelines.building import calendar
from pipelines.publishing import regulator_macros
from pipelines.rules import judging, policy

RULE = policy.POLICY / "repeat_overload"
CASES = yaml.safe_load((RULE / "cases.yaml").read_text(encoding="utf-8"))
MACROS = {"vehicle": "repeat", "driver": "repeat_driver", "firm": "repeat_firm", "lapse": "lapsing", "site": "site"}
SUBJECT = {"vehicle": "plate", "driver": "driver_permit_no", "firm": "carrier_uscc", "decision": "plate",
           "lapse": "plate", "site": "site_id"}  # fmt: skip
DECIDED_AFTER = dt.timedelta(days=9)


def rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = con.execute(sql, list(values))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def subject(kind: str, number: int) -> str:
    """The plate, permit or code of an example."""
    return {
        "vehicle": f"豫Q{10000 + number}", "driver": f"D{number:04d}", "firm": f"91411700MA{number:08d}",
        "decision": f"豫S{10000 + number}", "lapse": f"豫T{10000 + number}", "site": f"站{number}",
    }[kind]  # fmt: skip


class World:
    """Raw rows of all examples together; each has numbers and names of its own."""

    def __init__(self) -> None:
        self.vehicles: list[dict[str, Any]] = []
        self.decisions: list[dict[str, Any]] = []
        self.tickets: list[dict[str, Any]] = []
        for number, case in enumerate(CASES["vehicle"]):
            self.vehicle(case, subject("vehicle", number))
        for number, case in enumerate(CASES["driver"]):
            for act in case["acts"]:
                self.decide(act, driver_permit_no=subject("driver", number), permit=case["permit"])
        for number, case in enumerate(CASES["firm"]):
            self.firm(case, subject("firm", number), f"豫R{number:02d}")
        for number, case in enumerate(CASES["decision"]):
            self.decision(case, subject("decision", number), f"豫S{20000 + number}")
        for number, case in enumerate(CASES["lapse"]):
            self.release(subject("lapse", number), case["weighed_on"])
            for act in case.get("acts", ()):
                self.decide(act, plate=subject("lapse", number))
        for number, case in enumerate(CASES["site"]):
            self.release(f"豫U{10000 + number}", case["weighed_on"], case["gross_kg"], subject("site", number))

    def register(self, plate: str, **facts: Any) -> None:
        self.vehicles.append({"plate": plate, "valid_from": "2020-01-01", **facts})

    def decide(self, act: Any, permit: Any = None, **facts: Any) -> None:
        said = dict(act) if isinstance(act, dict) else {"act_on": act}
        if first := said.pop("permit", permit):
            facts["driver_permit_first_issued_on"] = first
        self.decisions.append({
            "decision_no": f"豫驻交罚〔2026〕{1000 + len(self.decisions)}号", "rule": "违法超限运输",
            "decided_on": said["act_on"] + DECIDED_AFTER, **facts, **said,
        })  # fmt: skip

    def vehicle(self, case: dict[str, Any], plate: str) -> None:
        if case["permit"] != "none":
            self.register(plate, permit_no=f"P{plate[2:]}", permit_first_issued_on=case["permit"])
        for act in case.get("acts", ()):
            self.decide(act, plate=plate)
        for day in case.get("leads", ()):
            self.release(plate, day)

    def release(self, plate: str, day: dt.date, gross_kg: int = 120_000, site: str = "站") -> None:
        self.tickets.append({
            "site_name": site, "ticket_no": str(len(self.tickets)), "number_period": "", "direction": "out",
            "plate": plate, "weighed_at": f"{day} 08:00:00+08", "gross_kg": gross_kg,
        })  # fmt: skip

    def decision(self, case: dict[str, Any], plate: str, second_plate: str) -> None:
        for row in case.get("register", ()):
            self.register(plate, **row)
        for row in case.get("second_register", ()):
            self.register(second_plate, **row)
        for act in case["rows"]:
            self.decide(act, plate=plate)
            if "second_register" in case:
                self.decide(act, plate=second_plate)

    def firm(self, case: dict[str, Any], code: str, stem: str) -> None:
        other = f"{code[:-3]}999"
        joined = [f"{stem}9{n:02d}" for n in range(case.get("joined", 0))]
        plates = [f"{stem}{n:03d}" for n in range(max(case["fleet"], case["cases"]))]
        for number, plate in enumerate(plates[: case["fleet"]]):
            self.register(plate, carrier_uscc=code, carrier_name="运输公司")
            if number < case.get("left", 0):
                self.register(plate, carrier_uscc=other, valid_from="2026-06-01")
        for plate in joined:
            self.register(plate, carrier_uscc=other)
            self.register(plate, carrier_uscc=code, valid_from="2026-06-01")
        named = case.get("is_carrier_named", True)
        for plate in [*plates[: case["cases"]], *joined]:
            for _ in range(case.get("times", 1)):
                act = case.get("act_on", dt.date(2026, 3, 1))
                self.decide(act, plate=plate, carrier_uscc=(other if plate in joined else code) if named else None)


def built(needed: set[str]) -> duckdb.DuckDBPyConnection:
    """A warehouse in memory with the macros, in which only what they read will be made."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    world = World()
    for feed, given_rows in (("vehicle", world.vehicles), ("penalty_case", world.decisions),
                             ("weighbridge_ticket", world.tickets)):  # fmt: skip
        raw_rows.put(con, feed, given_rows)
    make(con, needed)
    return con


def make(con: duckdb.DuckDBPyConnection, needed: set[str]) -> None:
    judging.write_law(con)
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {calendar.CALENDAR} (day_on DATE, is_workday BOOLEAN, is_public_holiday BOOLEAN,"
        " holiday_name VARCHAR, is_known_year BOOLEAN)"
    )
    found, wanted = catalog.models(), set(needed)
    everything = [*found.values(), catalog.judged()["policy.axle_limit"]]
    spanning = {model.name for model in found.values() if model.spans == calendar.CALENDAR}
    wanted |= spanning
    while more := {table for model in everything if model.name in wanted for table in model.reads} - wanted:
        wanted |= more
    late = models.needing_verdicts(found)
    for is_late in (False, True):
        for model in found.values():
            if model.name in wanted and (model.name in late) == is_late:
                models.make(con, model)
                if model.name in spanning:
                    calendar.write_calendar(con, 1)
        if not is_late:
            models.make(con, judging.judged(policy.rules()["axle_limit"]))
    regulator_macros.create(con)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    reads = {macro.name: macro.reads for macro in regulator_macros.read()}
    return built(set().union(*(reads[f"overload.{name}"] for name in MACROS.values())))


@pytest.fixture(scope="module")
def answers(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {}
    for kind, macro in MACROS.items():
        for as_of in {str(case.get("as_of", CASES["as_of"])) for case in CASES[kind]}:
            for row in rows(con, f"FROM overload.{macro}(as_of := '{as_of}')"):
                assert found.setdefault((kind, as_of, row[SUBJECT[kind]]), row) is row, "a subject comes twice"
    for row in rows(con, "FROM mart.established_case WHERE plate LIKE '豫S%'"):
        key = ("decision", str(CASES["as_of"]), row["plate"])
        assert found.setdefault(key, row) is row, "a decision comes twice"
    return found


@pytest.mark.parametrize(
    ("kind", "number"),
    [(kind, number) for kind in SUBJECT for number in range(len(CASES[kind]))],
    ids=[case["name"] for kind in SUBJECT for case in CASES[kind]],
)
def test_worked_example(kind: str, number: int, answers: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    case = CASES[kind][number]
    row = answers.get((kind, str(case.get("as_of", CASES["as_of"])), subject(kind, number)))
    if case["expect"] is None:
        assert row is None
    else:
        assert row is not None
        assert {name: row[name] for name in case["expect"]} == case["expect"]


def test_only_established_cases_say_triggered(answers: dict[Any, dict[str, Any]]) -> None:
    for row in (row for row in answers.values() if "trigger_state" in row):
        assert (row["trigger_word"] == "触发") == (row["trigger_state"] == "triggered")
        assert "线索" not in str(row["trigger_word"])
        if row.get("case_count") == 0:
            assert row["trigger_state"] == "not"


def test_every_figure_has_a_source_and_says_how_sure_it_is() -> None:
    figures = yaml.safe_load((RULE / "rule.yaml").read_text(encoding="utf-8"))["parameters"]
    for name, figure in figures.items():
        assert figure["unit"], name
        assert figure["confidence"] in ("P", "S", "M", "*"), name
        assert ("系统默认" in figure["source"]) == (figure["confidence"] == "*"), name
        assert ("未核实" in figure["source"]) == (figure["confidence"] == "M"), name


def years_of(first: dt.date, as_of: dt.date) -> tuple[dt.date, dt.date]:
    """The permit's year that holds a day, counted on the calendar, another way than the SQL does."""

    def anniversary(year: int) -> dt.date:
        try:
            return first.replace(year=year)
        except ValueError:
            return dt.date(year, 2, 28)

    begin = max(day for year in range(first.year, as_of.year + 1) if (day := anniversary(year)) <= as_of)
    return begin, anniversary(begin.year + 1)


@given(data=st.data())
def test_no_permits_year_holds_more_than_the_rolling_year(
    data: st.DataObject, con: duckdb.DuckDBPyConnection
) -> None:
    """So `not` is sure where the permit's date is missing, and the window is no longer than it must be."""
    as_of = data.draw(st.dates(dt.date(2023, 1, 1), dt.date(2033, 1, 1)))
    first = data.draw(st.dates(dt.date(2016, 1, 1), as_of))
    begin, end = years_of(first, as_of)
    row = con.execute("SELECT (? + 1 - to_years(1))::DATE", [as_of]).fetchone()
    assert row is not None
    assert begin <= as_of < end
    assert row[0] <= begin
    assert years_of(row[0], as_of)[0] == row[0]


def test_the_permits_year_is_that_of_the_calendar(con: duckdb.DuckDBPyConnection) -> None:
    """The macro itself, on permits of every kind of day and days of four years."""
    firsts = [
        dt.date(2019, 3, 1),
        dt.date(2020, 2, 28),
        dt.date(2020, 2, 29),
        dt.date(2020, 12, 31),
        dt.date(2021, 1, 1),
    ]
    con.execute("BEGIN")
    try:
        for number, first in enumerate(firsts):
            plate = f"豫Q7{number:04d}"
            con.execute(
                "INSERT INTO staging.vehicle BY NAME SELECT ? AS plate, DATE '2019-01-01' AS valid_from,"
                " ?::DATE AS permit_first_issued_on", [plate, first],
            )  # fmt: skip
            con.execute(
                "INSERT INTO mart.established_case BY NAME SELECT ? || day AS case_no, ? AS decision_no,"
                " day::DATE AS decided_on, day::DATE AS act_on, ? AS plate, TRUE AS is_over_limit"
                " FROM generate_series(DATE '2022-01-01', DATE '2025-03-05', INTERVAL 1 DAY) AS span(day)",
                [plate, plate, plate],
            )
        for as_of in (dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1), dt.date(2025, 2, 27),
                      dt.date(2025, 2, 28), dt.date(2025, 3, 1), dt.date(2024, 12, 31)):  # fmt: skip
            found = {row["plate"]: row for row in rows(con, f"FROM overload.repeat('{as_of}')")}
            for number, first in enumerate(firsts):
                begin, end = years_of(first, as_of)
                row = found[f"豫Q7{number:04d}"]
                assert (row["year_from_on"], row["year_until_on"]) == (begin, end - dt.timedelta(days=1))
    finally:
        con.execute("ROLLBACK")
