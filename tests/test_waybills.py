"""Forms beside tickets and permits: worked examples on both sides of every bound, and what holds for any forms."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
import raw_rows
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipelines import catalog, models, run, warehouse
from pipelines.building import calendar
from pipelines.feeds import questions
from pipelines.rules import judging, policy

BASE = dt.datetime.fromisoformat("2026-03-02T00:00:00+08:00")
SHA = "cd" * 32
OWN = ("mart.waybill_finding", "mart.waybill_check_week", "mart.river_permit_state")
Found = dict[str, list[str]]


def cases(rule: str) -> list[dict[str, Any]]:
    return yaml.safe_load((policy.POLICY / rule / "cases.yaml").read_text(encoding="utf-8"))["cases"]


USUAL = yaml.safe_load((policy.POLICY / "waybill" / "cases.yaml").read_text(encoding="utf-8"))["usual"]
CASES = [*cases("waybill"), *cases("river_permit")]


def empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    judging.write_law(con)
    return con


def needed(*wanted: str) -> list[catalog.Model]:
    """The tables that some marts rest on, in order."""
    known, names, todo = catalog.models(), set(), list(wanted)
    while todo:
        name = todo.pop()
        if name in known and name not in names:
            names.add(name)
            todo += known[name].reads
            todo += [model.name for model in known.values() if model.spans in known[name].reads]
    return [model for model in known.values() if model.name in names]


def build(con: duckdb.DuckDBPyConnection, *wanted: str) -> None:
    con.execute("CREATE TABLE IF NOT EXISTS reference.calendar (day_on DATE, is_workday BOOLEAN,"
                " is_public_holiday BOOLEAN, holiday_name VARCHAR, is_known_year BOOLEAN)")  # fmt: skip
    for model in needed(*wanted or OWN):
        models.make(con, model)
        if model.spans == calendar.CALENDAR:
            calendar.write_calendar(con, 1)


def moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    day, clock = text.split()
    hour, minute = clock.split(":")
    return BASE + dt.timedelta(days=int(day), hours=int(hour), minutes=int(minute))


class Sheet:
    """Rows of some sites in the making; `label_of` says which case and which of its rows an id is."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.label_of: dict[str, tuple[str, str]] = {}

    def add(self, feed: str, case: str, label: str, row: dict[str, Any]) -> None:
        line = len(self.label_of) + 1
        self.label_of[f"{SHA[:12]}-{line}"] = (case, label)
        self.rows[feed].append({"line": line, "snapshot_sha256": SHA, **row})

    def site(self, case: str, cadence: str = "daily") -> None:
        self.add("site_register", case, case, {"site_name": case, "firm_name": f"{case}公司", "county_code": "411725",
                                               "entity_kind": "yard", "expected_cadence": cadence})  # fmt: skip

    def ticket(self, case: str, given_: dict[str, Any]) -> None:
        row = {**USUAL["ticket"], **given_}
        net = row["net_kg"]
        self.add("weighbridge_ticket", case, row.get("label", row["number"]), {
            "site_name": case, "ticket_no": row["number"], "number_period": "2026", "weighed_at": moment(row["at"]),
            "first_weighed_at": moment(row.get("first_at")), "plate": row["plate"], "product_name": row["product"],
            "direction": row.get("direction", "out"), "net_kg": net, "tare_kg": None if net is None else 15000,
            "gross_kg": None if net is None else net + 15000})  # fmt: skip

    def form(self, case: str, given_: dict[str, Any]) -> None:
        row = {**USUAL["form"], **given_}
        self.add("waybill", case, row.get("label", row["number"]), {
            "form_no": f"{case}/{row['number']}", "kind": row["kind"], "permit_no": f"{case}/{row['permit']}",
            "zone": row["zone"], "plate": row["plate"], "net_kg": row["net_kg"], "ticket_no": row["ticket"],
            "issued_at": moment(row["at"]), "valid_until": moment(row["until"]), "site_name": case,
            "product_name": row["product"], "copy_4_state": row["copy_4"], "is_void": row.get("is_void", False),
            "parent_form_no": f"{case}/{row['parent']}" if "parent" in row else None,
            "outcome": "voided" if row.get("is_void") else "accepted"})  # fmt: skip

    def permit(self, case: str, given_: dict[str, Any]) -> None:
        row = {**USUAL["permit"], **given_}
        self.add("river_permit", case, row["number"], {
            "permit_no": f"{case}/{row['number']}", "zone": row["zone"],
            "site_name": case if row.get("site") else None,
            "valid_from": (BASE + dt.timedelta(days=row["from"])).date(),
            "valid_until": (BASE + dt.timedelta(days=row["until"])).date(),
            "hours_from": row["hours"][0], "hours_until": row["hours"][1],
            "permitted_t": row["permitted_t"]})  # fmt: skip

    def case(self, name: str, case: dict[str, Any]) -> None:
        self.site(name)
        for day in range(5) if case.get("anchor", True) else ():
            self.ticket(name, {"number": f"A{day}", "plate": "豫QZ9998", "at": f"{day} 12:00"})
            self.form(name, {"number": f"A{day}", "ticket": f"A{day}", "plate": "豫QZ9998", "kind": "mine",
                             "at": f"{day} 12:02", "until": f"{day} 22:00"})  # fmt: skip
        for kind in ("ticket", "form", "permit"):
            for row in case.get(f"{kind}s", [{}] if kind == "permit" else []):
                getattr(self, kind)(name, row)

    def put(self, con: duckdb.DuckDBPyConnection) -> None:
        for feed, rows in self.rows.items():
            raw_rows.put(con, feed, rows)


def found(con: duckdb.DuckDBPyConnection, sheet: Sheet) -> dict[str, Found]:
    """The findings by case and by form or ticket."""
    listed: dict[str, Found] = defaultdict(lambda: defaultdict(list))
    rows = con.execute("SELECT subject_id, finding FROM mart.waybill_finding ORDER BY ALL").fetchall()
    for subject, finding in rows:
        case, label = sheet.label_of[subject]
        listed[case][label].append(finding)
    return {case: dict(labels) for case, labels in listed.items()}


@pytest.fixture(scope="module")
def judged() -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, Found]]]:
    con, sheet = empty(), Sheet()
    for number, case in enumerate(CASES):
        sheet.case(f"站{number}", case)
    sheet.put(con)
    build(con)
    yield con, found(con, sheet)
    con.close()


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number]["name"])
def test_case(number: int, judged: tuple[duckdb.DuckDBPyConnection, dict[str, Found]]) -> None:
    con, findings = judged
    case, name = CASES[number], f"站{number}"
    assert findings.get(name, {}) == case["expect"]
    if "undetermined" in case:
        rows = con.execute(
            "SELECT finding, undetermined_count FROM mart.waybill_check_week WHERE site_id = ?"
            " AND undetermined_count > 0",
            [name],
        ).fetchall()
        assert dict(rows) == case["undetermined"]
    if "state" in case:
        state, sold_t, day = case["state"]
        row = con.execute(
            "SELECT state, sold_t, first_crossed_on FROM mart.river_permit_state WHERE permit_no = ?"
            " ORDER BY valid_from",
            [f"{name}/P"],
        ).fetchone()
        assert row == (state, Decimal(sold_t), (BASE + dt.timedelta(days=day)).date() if day else None)


def test_every_finding_of_the_rule_has_a_case_and_a_clause(
    judged: tuple[duckdb.DuckDBPyConnection, dict[str, Found]],
) -> None:
    con, _ = judged
    known = {name for (name,) in con.execute("SELECT finding FROM policy.waybill_finding").fetchall()}
    assert {finding for case in CASES for each in case["expect"].values() for finding in each} == known
    bare = con.execute("SELECT DISTINCT finding FROM mart.waybill_finding WHERE clause IS NULL").fetchall()
    assert bare == []


def test_each_lead_carries_its_evidence(judged: tuple[duckdb.DuckDBPyConnection, dict[str, Found]]) -> None:
    con, _ = judged
    lacking = con.execute(
        "SELECT finding FROM mart.waybill_finding WHERE county_code IS NULL OR week_start IS NULL"
        " OR (subject_kind = 'form' AND (line IS NULL OR snapshot_sha256 IS NULL OR form_no IS NULL))"
        " OR (subject_kind = 'ticket' AND (ticket_line IS NULL OR ticket_snapshot_sha256 IS NULL))"
        " OR (ticket_id IS NOT NULL AND ticket_line IS NULL)"
    ).fetchall()
    assert lacking == []
    row = con.execute(
        "SELECT stated, against, value, bound, unit, ticket_plate, clause FROM mart.waybill_finding"
        " WHERE finding = 'net_differs' ORDER BY value LIMIT 1"
    ).fetchone()
    assert row == ("5.201 t", "5.000 t", Decimal("0.201"), Decimal("0.2"), "t", "豫QA0001", "五(一)")
    over = con.execute(
        "SELECT value, bound, unit, clause FROM mart.waybill_finding WHERE finding = 'over_permitted' ORDER BY value"
    ).fetchall()
    assert (Decimal(90), Decimal("89.999"), "t", "三(一)") in over


def test_the_bound_is_a_week_at_most() -> None:
    """Forms are laid beside the tickets of the week before and after; what is further apart is not looked at."""
    figures = {name: figure["value"] for rule, name, figure in policy.parameters() if rule == "waybill"}
    assert figures["near_hours"] <= figures["match_hours"] <= 7 * 24


PLATES = ["豫QA0001", "豫QA0002", None]
FORM = st.fixed_dictionaries(
    {
        "number": st.sampled_from(["F1", "F2", "F3"]),
        "ticket": st.sampled_from(["T1", "T2", "T9", None]),
        "plate": st.sampled_from(PLATES),
        "net_kg": st.sampled_from([30000, 31000, None]),
        "at": st.sampled_from(["1 10:02", "1 21:00", "2 10:02", "9 10:02"]),
        "until": st.sampled_from(["9 22:00", None]),
        "is_void": st.booleans(),
        "zone": st.sampled_from(["甲采区", "乙采区", None]),
    }
)


def only(forms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two rows of one use of a form would be one after a load."""
    seen = {(form["number"], form["plate"], form["ticket"], form["at"]): form for form in forms}
    return [{**form, "label": f"form {number}"} for number, form in enumerate(seen.values())]


FORMS = st.lists(FORM, min_size=1, max_size=7).map(only)
SITES = 5  # looked at in one build: sites and their forms know nothing of each other


def random_findings(variants: dict[str, list[dict[str, Any]]], *, right: str = "") -> dict[str, Found]:
    """The findings of sites with such forms; those whose name begins with `right` have a right trip beside them."""
    sheet = Sheet()
    for name, forms in variants.items():
        sheet.case(name, {"tickets": [{}, {"number": "T2", "plate": "豫QA0002", "at": "2 10:00"}], "forms": forms,
                          "permits": [{"permitted_t": 61}]})  # fmt: skip
        if right and name.startswith(right):
            sheet.ticket(name, {"number": "R1", "plate": "豫QA0005", "at": "2 14:00"})
            sheet.form(name, {"number": "R1", "ticket": "R1", "plate": "豫QA0005", "at": "2 14:02",
                              "until": "2 22:00", "kind": "mine"})  # fmt: skip
    con = empty()
    sheet.put(con)
    build(con, "mart.waybill_finding")
    findings = found(con, sheet)
    con.close()
    return findings


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.lists(FORMS, min_size=SITES, max_size=SITES), st.randoms(use_true_random=False))
def test_forms_may_come_in_any_order_and_a_right_trip_accuses_nobody(
    sites: list[list[dict[str, Any]]], chance: random.Random
) -> None:
    asked = {}
    for number, forms in enumerate(sites):
        asked |= {f"given {number}": forms, f"other order {number}": chance.sample(forms, len(forms)),
                  f"right {number}": forms}  # fmt: skip
    findings = random_findings(asked, right="right")
    for number, forms in enumerate(sites):
        first = findings.get(f"given {number}", {})
        assert findings.get(f"other order {number}", {}) == first, forms
        assert findings.get(f"right {number}", {}) == first, forms


@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.lists(FORMS, min_size=SITES, max_size=SITES))
def test_a_fact_that_is_blank_accuses_nobody_of_it(sites: list[list[dict[str, Any]]]) -> None:
    own = {"plate": "plate_differs", "net_kg": "net_differs", "zone": "outside_zone", "until": "expired"}
    asked = {
        f"{fact} {number}": [{**form, fact: None} for form in forms]
        for fact in own
        for number, forms in enumerate(sites)
    }
    for name, labels in random_findings(asked).items():
        fact = name.split()[0]
        assert own[fact] not in {each for label in labels.values() for each in label}, asked[name]


def test_weeks_made_anew_are_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets and forms that come late change the weeks around them, to what a whole build makes of them."""
    only_ours = {model.name: model for model in needed(*OWN)}
    monkeypatch.setattr(catalog, "models", lambda: only_ours)
    monkeypatch.setattr(questions, "refresh", lambda _: None)
    con, sheet, late = empty(), Sheet(), Sheet()
    for number, case in enumerate(CASES):
        sheet.case(f"站{number}", case)
    late.label_of = sheet.label_of
    for feed, rows in sheet.rows.items():
        dated = {"waybill": "issued_at", "weighbridge_ticket": "weighed_at"}.get(feed)
        moved = [row for row in rows if dated and row[dated] >= BASE + dt.timedelta(days=2)]
        late.rows[feed] = moved
        sheet.rows[feed] = [row for row in rows if row not in moved]
    sheet.put(con)
    models.build(con)
    for feed in ("weighbridge_ticket", "waybill"):
        raw_rows.put(con, feed, late.rows[feed])
        load = con.execute("SELECT max(load_no) FROM meta.load_account").fetchone()
        assert load
        dated = {"waybill": "issued_at", "weighbridge_ticket": "weighed_at"}[feed]
        con.execute(
            "INSERT INTO meta.touched_week BY NAME SELECT DISTINCT ? AS feed, ? AS load_no,"
            f" date_trunc('week', {dated})::DATE AS week_start FROM raw.{feed} WHERE load_no = ?",
            [feed, load[0], load[0]],
        )
    made = models.build(con)
    assert {"mart.waybill_trip", "mart.waybill_finding"} <= set(made)
    names = [model.name for model in needed(*OWN) if model.name.startswith("mart.")]
    kept = {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in names}
    changed = {
        table
        for (table,) in con.execute(
            "SELECT table_name FROM meta.built_table JOIN (SELECT max(step_no) AS step_no FROM meta.step) ON"
            " whole_no = step_no WHERE table_name LIKE 'mart.waybill%'"
        ).fetchall()
    }
    assert changed == set()  # none was made whole for those that read it
    models.build(con, whole=True)
    for name in names:
        assert con.execute(f"FROM {name} ORDER BY ALL").fetchall() == kept[name], name


def test_plates_of_forms_are_in_the_regulator_edition_only() -> None:
    shown = {name for name, model in catalog.models().items() if name.split(".")[0] in run.PUBLIC_SCHEMAS}
    own = {"mart.waybill_trip", "mart.waybill_finding", "mart.waybill_history_finding", "mart.platform_connection"}
    assert all(name.split(".")[0] in run.REGULATOR_SCHEMAS for name in own)
    todo, read = list(shown), set()
    while todo:
        name = todo.pop()
        read.add(name)
        model = catalog.models().get(name)
        todo += [each for each in (model.reads if model else ()) if each not in read]
    assert read & own == set()
