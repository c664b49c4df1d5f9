"""What the weekly report says of overloads, missing data, projects and its own method, on a city put in by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
from collections.abc import Iterator
from typing import Any

import duckdb
import openpyxl
import pytest
from raw_rows import add_account, put
from statsmodels.stats.proportion import proportion_confint

from pipelines import catalog, models, warehouse
from pipelines.report import blocks, weekly
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import data_files, masking, page, wordfile, workbook
from pipelines.report.parts import overload_leads
from pipelines.report.words import NOTHING
from pipelines.rules import judging, prices

FIRST = dt.date(2026, 4, 20)
WEEK = dt.date(2026, 4, 27)  # its Friday to Sunday are holidays (劳动节)
NAMED = "2026-W18"
COUNTY = "411725"
HOLIDAYS = {dt.date(2026, 5, 1), dt.date(2026, 5, 2), dt.date(2026, 5, 3)}
SHA = "cd" * 32


def days(first: str, last: str) -> set[dt.date]:
    start, end = dt.date.fromisoformat(f"2026-{first}"), dt.date.fromisoformat(f"2026-{last}")
    return {start + dt.timedelta(days=day) for day in range((end - start).days + 1)}


# Days without a ticket; 庚矿, 辛矿 and 壬矿 come by the profile cloud, the others by default.
MISSING: dict[str, set[dt.date]] = {
    "甲矿": set(),
    "乙矿": days("04-29", "05-03"),  # the register says that it is closed
    "丙矿": days("04-28", "04-29"),  # a waybill was issued on the first of them
    "丁矿": days("04-28", "05-03"),  # stock stays what it was
    "戊矿": days("04-28", "05-03"),  # stock falls
    "己矿": days("04-24", "04-25") | HOLIDAYS,
    "庚矿": days("04-30", "04-30"),
    "辛矿": days("04-30", "04-30"),
    "壬矿": days("04-30", "04-30") | days("04-21", "04-21"),
}
CLOUD = ("庚矿", "辛矿", "壬矿")
LOUD, ONCE = "豫Q10001", "豫Q10002"


def ticket(site: str, day: dt.date, number: int, **facts: Any) -> dict[str, Any]:
    gross = facts.get("gross_kg", 40000)
    return {
        "site_name": site, "ticket_no": str(number), "number_period": "ever", "direction": "out",
        "plate": f"豫Q{20000 + number}", "weighed_at": f"{day} 10:00:00+08", "gross_kg": gross, "tare_kg": 15000,
        "net_kg": gross - 15000, "product_name": "机制砂", "axle_count": 6, "body": "train", "drive_axle_count": 2,
        **facts,
    }  # fmt: skip


def tickets() -> Iterator[dict[str, Any]]:
    number = 0
    for site, missing in MISSING.items():
        for offset in range(14):
            day = FIRST + dt.timedelta(days=offset)
            if day in missing:
                continue
            number += 1
            facts: dict[str, Any] = {"feed_source": "cloud"} if site in CLOUD else {}
            if site == "甲矿":
                late = dt.timedelta(days=5 if offset == 7 else 0, hours=1)
                facts["received_at"] = f"{dt.datetime.combine(day, dt.time(10)) + late}+08"
            yield ticket(site, day, number, **facts)
    for offset in (0, 7, 8, 9, 10):  # five in 365 days, four of them in the week
        number += 1
        yield ticket("甲矿", FIRST + dt.timedelta(days=offset), number, plate=LOUD, gross_kg=60000)
    for offset in (7, 8):
        number += 1
        yield ticket("丙矿" if offset == 7 else "甲矿", FIRST + dt.timedelta(days=offset), number, plate=ONCE,
                     gross_kg=50000)  # fmt: skip
    number += 1  # between the limits that a plain ticket leaves open
    yield ticket("甲矿", WEEK, number, axle_count=None, body=None, drive_axle_count=None)


@pytest.fixture(scope="module")
def city() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    put(con, "site_register", [
        {"site_name": name, "county_code": COUNTY, "entity_kind": "plant", "expected_cadence": "daily",
         "closed_on": "2026-04-29" if name == "乙矿" else None, "firm_name": f"{name}公司", "contact_name": "张三",
         "contact_phone": "13800000000"} for name in MISSING])  # fmt: skip
    load_no = put(con, "weighbridge_ticket", tickets(), first_period_on=FIRST, last_period_on="2026-05-03")
    put(con, "vehicle", [
        {"plate": plate, "valid_from": "2020-01-01", "carrier_name": "样例运输", "carrier_uscc": "91411700MA00000001"}
        for plate in (LOUD, "豫Q20001")])  # fmt: skip
    put(con, "waybill", [
        {"form_no": "1", "kind": "mine", "site_name": "丙矿", "plate": "豫Q30001", "product_name": "机制砂",
         "issued_at": "2026-04-28 09:00:00+08", "number_period": "ever"}])  # fmt: skip
    put(con, "stock_report", [
        {"reported_on": day, "site": site, "product": "机制砂", "stock_t": mass}
        for site, masses in (("丁矿", (500, 500)), ("戊矿", (500, 300)))
        for day, mass in zip(("2026-04-27", "2026-05-02"), masses, strict=True)])  # fmt: skip
    base = {"project_kind": "new", "filed_on": "2024-05-06", "county_code": COUNTY, "purchased_capacity_t": 0,
            "waste_capacity_t": 0}  # fmt: skip
    put(con, "capacity_filing", [
        {**base, "project_id": "p1", "project_name": "一号", "own_mine_capacity_t": 3500000},
        {**base, "project_id": "p2", "project_name": "二号", "own_mine_capacity_t": 3000000},
        {**base, "project_id": "p3", "project_name": "三号", "own_mine_capacity_t": 2999999},
    ])  # fmt: skip
    con.executemany(
        "INSERT INTO meta.reject VALUES (?, 'weighbridge_ticket', ?, ?, ?, 'x', 'm', 'r')",
        [[SHA, 3, "bad_time", "weighed_at"], [SHA, 4, "bad_time", "weighed_at"], [SHA, 5, "wrong_cell_count", None]],
    )
    add_account(con, "weighbridge_ticket", load_no + 50, source="default", snapshot_sha256=SHA, row_count=3,
                quarantined_count=3, last_period_on="2026-05-02")  # fmt: skip
    models.build(con)
    judging.judge(con)
    prices.judge(con)
    models.build(con, after_judging=True)
    yield con
    con.close()


def rows(con: duckdb.DuckDBPyConnection, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = con.execute(sql, values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def report(city: duckdb.DuckDBPyConnection) -> blocks.Report:
    return weekly.compose(city, NAMED, "zh")


def table(report: blocks.Report, name: str) -> blocks.Table:
    found = next(block for block in report.blocks if block.name == name)
    assert isinstance(found, blocks.Table)
    return found


def cells(report: blocks.Report, name: str) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table(report, name).rows]


# --- overloads


def test_the_rate_counts_determinable_releases_and_carries_its_interval(city: duckdb.DuckDBPyConnection) -> None:
    [row] = rows(city, "SELECT * FROM report.overload_week WHERE is_city AND week_start = ?", WEEK)
    seen = sum(WEEK <= day <= WEEK + dt.timedelta(days=6) for site in MISSING for day in _sent(site))
    assert (row["breached_count"], row["undetermined_count"]) == (6, 1)
    assert row["determinable_count"] == seen + 6
    low, high = proportion_confint(6, seen + 6, alpha=0.05, method="wilson")
    assert float(row["over_rate_per_1000"]) == pytest.approx(6000 / (seen + 6), abs=1e-3)
    assert float(row["over_rate_low_per_1000"]) == pytest.approx(1000 * low, rel=1e-4)
    assert float(row["over_rate_high_per_1000"]) == pytest.approx(1000 * high, rel=1e-4)


def _sent(site: str) -> list[dt.date]:
    return [day for day in (FIRST + dt.timedelta(days=offset) for offset in range(14)) if day not in MISSING[site]]


@pytest.mark.parametrize(("breached", "determinable"), [(0, 5), (5, 5), (1, 1), (3, 1000), (0, 0)])
def test_the_interval_holds_at_the_ends(breached: int, determinable: int) -> None:
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA mart; CREATE SCHEMA reference; CREATE SCHEMA report")
        con.execute(
            "CREATE TABLE mart.overload_site_week AS SELECT 's' AS site_id, '411725' AS county_code,"
            " DATE '2026-04-27' AS week_start, ?::BIGINT AS release_count, ?::BIGINT AS determinable_count,"
            " ?::BIGINT AS breached_count, 0 AS beyond_error_count, 0 AS usable_count, 0 AS exempt_count,"
            " 0 AS undetermined_count, 0::DECIMAL(18, 3) AS over_t",
            [max(determinable, 1), determinable, breached],
        )
        con.execute("CREATE TABLE reference.region AS SELECT '411725' AS county_code, 'c' AS county_name, '' AS kind")
        [row] = rows(con, catalog.models()["report.overload_week"].sql)
    found = (row["over_rate_low_per_1000"], row["over_rate_high_per_1000"])
    if not determinable:
        assert found == (None, None)
        return
    low, high = proportion_confint(breached, determinable, alpha=0.05, method="wilson")
    assert [float(end) for end in found] == pytest.approx([1000 * low, 1000 * high], rel=1e-4, abs=1e-3)


def test_a_carrier_is_counted_by_the_releases_of_its_vehicles(city: duckdb.DuckDBPyConnection) -> None:
    [row] = rows(city, "SELECT * FROM report.overload_carrier_week WHERE week_start = ?", WEEK)
    # 豫Q20001 is the first ticket, of the week before; 豫Q10002 has no carrier in the register.
    assert (row["carrier_name"], row["release_count"], row["breached_count"], row["vehicle_count"]) == (
        "样例运输", 4, 4, 1,
    )  # fmt: skip
    assert row["over_t"] == 44


def test_a_repeat_needs_more_releases_in_a_year_than_the_rule_says(city: duckdb.DuckDBPyConnection) -> None:
    assert overload_leads.repeat_rule() == {"most": 3, "days": 365, "cases": 3}
    found = rows(city, "SELECT * FROM report.overload_repeat_week ORDER BY week_start")
    assert [(row["week_start"], row["lead_no"], row["week_count"], row["year_lead_count"]) for row in found] == [
        (WEEK, 1, 4, 5)
    ]
    assert not {"plate", "ticket_id"} & found[0].keys()
    plates = rows(city, "SELECT DISTINCT plate, lead_no FROM report.overload_annex_week")
    assert plates == [{"plate": LOUD, "lead_no": 1}]


def test_tables_of_leads_say_bound_n_and_what_is_unknown(report: blocks.Report) -> None:
    [carrier] = cells(report, "overload_carriers")
    assert carrier[0] == "样例运输"
    assert "另有 2 辆次查不到承运单位" in table(report, "overload_carriers").foot
    city_row = cells(report, "overload_counties")[0]
    assert city_row[0] == "驻马店市"
    assert "–" in city_row[2]
    section = next(section for section in report.sections if section.name == "overload")
    assert section.blocks[-1].name == "overload_annex"
    told = " ".join(sentence.text for sentence in section.sentences)
    assert "95% 区间" in told
    assert "365 天内超限放行超过 3 次的车辆 1 辆" in told


# --- plates stand in the annex and nowhere else


@pytest.fixture(scope="module")
def tables_only(report: blocks.Report) -> blocks.Report:
    """The report without its charts, which take long to draw and hold no texts of their own."""
    sections = tuple(
        dataclasses.replace(
            section, blocks=tuple(block for block in section.blocks if isinstance(block, blocks.Table))
        )
        for section in report.sections
    )
    return dataclasses.replace(report, sections=sections)


def test_plates_stand_in_the_annex_only(tables_only: blocks.Report) -> None:
    html = page.files(tables_only, Pictures())[page.NAME].decode("utf-8")
    assert html.count(LOUD) == 4  # its four releases of the week
    assert ONCE not in html
    assert blocks.SHOWN not in html
    files = data_files.files(tables_only, Pictures())
    bearing = {name for name, content in files.items() if name.endswith(".csv") and LOUD.encode() in content}
    assert bearing == {"data/overload_annex.csv"}
    assert "plate" not in files["sources/overload_tickets.csv"].decode("utf-8-sig").splitlines()[0]
    book = openpyxl.load_workbook(io.BytesIO(workbook.files(tables_only, Pictures())["report.xlsx"]))
    bearing_sheets = [
        sheet.title
        for sheet in book
        if any(LOUD in str(cell) for line in sheet.iter_rows(values_only=True) for cell in line if cell)
    ]
    assert len(bearing_sheets) == 1
    assert "附表" in bearing_sheets[0]
    [document] = wordfile.files(tables_only, Pictures()).values()
    import docx

    shown = [
        cell.text for part in docx.Document(io.BytesIO(document)).tables for line in part.rows for cell in line.cells
    ]
    assert sum(LOUD in text for text in shown) == 4
    assert not any(blocks.SHOWN in text for text in shown)


def test_a_plate_is_masked_but_where_it_is_marked() -> None:
    assert masking.masked(f"{LOUD} 堆场") == "（车牌略） 堆场"
    assert masking.masked(blocks.shown_plate(LOUD)) == LOUD
    assert LOUD not in blocks.shown_plate(LOUD)


def test_the_tickets_behind_the_figures_are_listed_without_plates(report: blocks.Report) -> None:
    query = report.sources["overload_tickets"]
    assert {"ticket_id", "site_id", "weighed_at", "gross_kg", "limit_kg", "axle_count", "snapshot_sha256",
            "line"} <= set(query.columns)  # fmt: skip
    assert not {"plate", "carrier_name", "driver_name", "contact_phone"} & set(query.columns)
    assert sorted(row["verdict"] for row in query.rows) == ["breached"] * 6 + ["undetermined"]


# --- missing data


def test_every_gap_has_a_label_and_the_sign_it_rests_on(city: duckdb.DuckDBPyConnection) -> None:
    found = rows(city, "SELECT * FROM report.feed_gap_week WHERE week_start = ? ORDER BY site_id, since_on", WEEK)
    told = {
        (row["site_id"], str(row["since_on"])[5:]): (row["kind"], row["sign"], row["is_running"], row["day_count"])
        for row in found
    }
    assert told == {
        ("丁矿", "04-28"): ("no_trade", "stock_still", True, 6),
        ("丙矿", "04-28"): ("feed_down", "waybill", False, 2),
        ("乙矿", "04-29"): ("site_closed", "register", True, 5),
        ("壬矿", "04-30"): ("feed_down", "profile_silent", False, 1),
        ("己矿", "05-01"): ("no_trade", "holiday", True, 3),
        ("庚矿", "04-30"): ("feed_down", "profile_silent", False, 1),
        ("戊矿", "04-28"): ("feed_down", "stock_fell", True, 6),
        ("辛矿", "04-30"): ("feed_down", "profile_silent", False, 1),
    }
    before = rows(city, "SELECT site_id, kind, sign FROM report.feed_gap_week WHERE week_start = ?", FIRST)
    assert before == [
        {"site_id": "壬矿", "kind": "unknown", "sign": None}, {"site_id": "己矿", "kind": "unknown", "sign": None},
    ]  # fmt: skip


def test_due_days_are_seen_or_missing_with_a_label(city: duckdb.DuckDBPyConnection) -> None:
    found = rows(city, "SELECT * FROM report.feed_county_week ORDER BY week_start, is_city")
    for row in found:
        missing = row["feed_down_day_count"] + row["no_trade_day_count"] + row["unknown_day_count"]
        assert row["due_day_count"] == row["seen_day_count"] + missing
    last = found[-1]
    assert (last["is_city"], last["due_site_count"], last["seen_site_count"], last["closed_day_count"]) == (
        True, 9, 9, 5,
    )  # fmt: skip
    assert (last["timed_day_count"], last["late_day_count"]) == (7, 1)
    assert found[0]["late_day_count"] == 0


def test_whom_to_call_names_what_is_missing_since_when_and_the_bureau(report: blocks.Report) -> None:
    lines = {row[0]: row for row in cells(report, "chase")}
    assert "乙矿" not in lines  # closed by the register
    assert "己矿" not in lines  # holidays
    assert lines["戊矿"][1:4] == ["磅单 6 天", "2026-04-28 起，仍缺", "查上传链路，补传缺报日磅单"]
    assert lines["丁矿"][3].startswith("确认是否停止销售")
    assert lines["价格报价"][1] == "未报送或超期"
    assert all(row[4] and row[5] for row in lines.values())
    told = json.dumps(
        [[cell.text, cell.note] for row in table(report, "chase").rows for cell in row], ensure_ascii=False
    )
    assert "13800000000" not in told
    assert "张三" not in told


def test_quarantine_says_how_many_why_and_what_to_do(report: blocks.Report, city: duckdb.DuckDBPyConnection) -> None:
    lines = cells(report, "quarantine")
    assert lines[0][1:5] == ["不是有效时间", "毛重时间", "2", "2"]
    assert lines[0][5] == "请按 2026-01-05 08:03:00 填写"
    assert lines[1][1:4] == ["该行列数与表头不符", NOTHING, "1"]
    before = rows(city, "SELECT * FROM report.feed_reject_week WHERE week_start = ?", FIRST)
    assert before == []


def test_corrections_count_in_the_week_they_come() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA staging; CREATE SCHEMA meta")
        con.execute(
            "CREATE TABLE staging.ticket_history AS FROM (VALUES"
            " ('default', 'superseded', 'a', DATE '2026-04-20', 10.0, 1, 2),"
            " ('default', 'superseded', 'b', DATE '2026-04-26', 5.5, 1, 2),"
            " ('default', 'voided', 'a', DATE '2026-04-27', 1.0, 2, NULL),"
            " ('default', 'voided', 'a', DATE '2026-04-27', 1.0, 3, NULL)"
            ") AS t (source, outcome, site_id, weighed_on, net_t, load_no, ended_load_no)"
        )
        con.execute(
            "CREATE TABLE meta.load_account AS FROM (VALUES (1, 'weighbridge_ticket', DATE '2026-04-26'),"
            " (2, 'weighbridge_ticket', DATE '2026-05-03'), (3, 'weighbridge_ticket', NULL),"
            " (2, 'price_quote', DATE '2026-01-01')) AS t (load_no, feed, last_period_on)"
        )
        found = rows(con, catalog.models()["report.feed_correction_week"].sql)
    told = [
        (row["week_start"], row["kind"], row["ticket_count"], row["site_count"], row["before_t"]) for row in found
    ]
    assert told == [(WEEK, "superseded", 2, 2, 15.5), (WEEK, "voided", 1, 1, 1)]
    assert (found[0]["first_weighed_on"], found[0]["last_weighed_on"]) == (FIRST, dt.date(2026, 4, 26))


# --- projects, method and the first screen


def test_headroom_is_exact_on_both_sides_of_the_threshold(
    city: duckdb.DuckDBPyConnection, report: blocks.Report
) -> None:
    [row] = rows(city, "SELECT * FROM report.project_headroom WHERE rule = 'capacity_floor'")
    assert (row["met_count"], row["exact_count"], row["breached_count"]) == (2, 1, 1)
    assert (row["least_headroom"], row["met_headroom"], row["lacking"]) == (0, 500000, 1)
    shown = {line[2]: line[5:] for line in cells(report, "project_headroom") if line[1] == "新建项目备案产能下限"}
    assert shown == {
        "三号": ["−1 吨/年", "−0.00003%"], "二号": ["0 吨/年", "0.0%"], "一号": ["+500,000 吨/年", "+16.7%"],
    }  # fmt: skip


def test_every_tile_says_its_n_or_bound_and_the_age_of_its_data(report: blocks.Report) -> None:
    shown = {tile.label: tile for tile in report.headline.tiles}
    assert len(shown) == len(report.headline.tiles)
    for tile in report.headline.tiles:
        assert "截至 2" in tile.note or tile.style == "none", tile
    overload = next(tile for tile in report.headline.tiles if "超限" in tile.label)
    assert "95% 区间" in overload.note
    assert "n=" in overload.note


def test_every_action_names_a_bureau_and_its_basis(report: blocks.Report) -> None:
    assert report.headline.actions is not None
    assert report.headline.actions.rows
    for row in report.headline.actions.rows:
        assert row[1].note, row
        assert row[3].text, row
        assert row[4].text, row


def test_definitions_have_four_parts_in_both_languages(
    city: duckdb.DuckDBPyConnection, report: blocks.Report
) -> None:
    other = weekly.compose(city, NAMED, "en")
    for one in (report, other):
        for line in cells(one, "measures"):
            assert len(line) == 4
            assert all(line)
    assert len(cells(report, "measures")) == len(cells(other, "measures"))
    documents = cells(report, "documents")
    assert documents[0][4] == "P 已读原文"
    assert documents[0][5] == "依据文件效力待核"
    assert not any("None" in text for line in documents for text in line)


def test_what_changed_says_who_fell_silent_and_whether_the_rate_differs(report: blocks.Report) -> None:
    told = " ".join(sentence.text for sentence in report.headline.changes)
    assert "新出现缺报站点 2 个：丁矿、戊矿" in told
    assert "区间重叠" in told


def test_tiles_say_what_was_not_reported(report: blocks.Report) -> None:
    price = report.headline.tiles[0]
    assert (price.value, price.style) == ("未报送", "none")
