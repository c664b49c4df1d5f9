"""Vehicles, scales, penalty decisions, waybills and river permits: from a bureau's list to staging."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_rows import put

from pipelines import models, warehouse
from pipelines.feeds import ingest, load, parse, plain_route, plain_scan
from pipelines.settings import Settings

LAYOUTS = Path(__file__).parent / "layouts"
REGISTER = """站点,别名,县区代码,主体类型
确山一号矿,确山矿,411725,矿山
泌阳砂石场,,411726,堆场
汝河采砂点,汝河砂场,411727,堆场
"""
# feed: sample -> what its load says
SAMPLES: list[tuple[str, str, dict[str, int]]] = [
    ("vehicle", "vehicle.csv", {"rows": 7, "accepted": 7}),
    ("scale", "scale.xlsx", {"rows": 6, "accepted": 6}),
    ("penalty_case", "penalty_case.csv", {"rows": 3, "accepted": 3}),
    ("river_permit", "river_permit.xlsx", {"rows": 7, "accepted": 7}),
    ("waybill", "waybill.csv", {"rows": 10, "accepted": 10}),
    ("waybill", "waybill_later.csv", {"rows": 5, "accepted": 3, "voided": 1, "duplicate": 1}),
]

# Forms that share their number: of the first file three uses of it, of the later one what is mended of them.
REUSED = {"waybill.csv": [("number_reused", 3)], "waybill_later.csv": [("number_reused", 1)]}


def settled(path: Path, folder: Path) -> Path:
    """A copy whose time says that it no longer grows."""
    copy = folder / path.name
    shutil.copyfile(path, copy)
    os.utime(copy, (time.time() - 60, time.time() - 60))
    return copy


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[dict[str, Any]]]:
    """A home with a register and every sample loaded, and the account of each sample."""
    folder = tmp_path_factory.mktemp("new_feeds")
    home = Settings(home=folder / "home")
    register = folder / "register.csv"
    register.write_text(REGISTER, encoding="utf-8")
    accounts = []
    for feed, path in [("site_register", register), *((feed, LAYOUTS / name) for feed, name, _ in SAMPLES)]:
        target = path if path == register else settled(path, folder)
        os.utime(target, (time.time() - 60, time.time() - 60))
        result = ingest.ingest(home, feed, [target])
        assert not result.refused, result.refused
        accounts += result.files
    with warehouse.writer(home) as con:
        models.build(con)
    return home, accounts[1:]


@pytest.fixture(scope="module")
def con(sent: tuple[Settings, list[dict[str, Any]]]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The built warehouse."""
    with warehouse.writer(sent[0]) as con:
        yield con


def test_every_sample_loads_every_row_and_asks_about_nothing_but_numbers_used_twice(
    sent: tuple[Settings, list[dict[str, Any]]],
) -> None:
    for (_, name, said), account in zip(SAMPLES, sent[1], strict=True):
        assert {key: account[key] for key in said} == said, name
        assert account["quarantined"] == 0, name
        asked = [(question["kind"], question["row_count"]) for question in account["questions"]]
        assert asked == REUSED.get(name, []), name


class TestVehicle:
    def test_a_row_holds_until_the_day_before_the_next(self, con: duckdb.DuckDBPyConnection) -> None:
        spans = con.execute(
            "SELECT valid_from, valid_until FROM staging.vehicle WHERE plate = '豫QB2467' ORDER BY valid_from"
        ).fetchall()
        assert spans == [(dt.date(2023, 5, 10), dt.date(2025, 8, 31)), (dt.date(2025, 9, 1), None)]

    def test_plates_masses_and_flags_are_read(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT axle_count, body, drive_axle_count, is_single_tyre, has_air_suspension, is_gb1589_ok,"
            " is_special_vehicle, licence_gross_kg::INTEGER, licence_load_kg::INTEGER, permit_first_issued_on"
            " FROM staging.vehicle WHERE plate = '豫QD4681'"
        ).fetchall() == [(6, "train", 1, False, True, True, False, 49000, 31800, dt.date(2021, 7, 8))]
        # A blank is neither a yes nor a no.
        assert con.execute(
            "SELECT is_single_tyre, has_air_suspension, is_gb1589_ok FROM staging.vehicle WHERE plate = '豫QC3579'"
        ).fetchall() == [(True, None, None)]

    def test_what_is_odd_is_flagged(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT plate, suspect_codes FROM raw.vehicle WHERE len(suspect_codes) > 0"
        ).fetchall() == [("豫QJ9135", ["rigid_axles", "uscc_malformed"])]


class TestScale:
    def test_sites_are_found_by_any_name(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT site_id, site_name, county_code, scale_no, verified_on FROM staging.scale"
            " WHERE county_code = '411725' AND scale_no = '1' ORDER BY verified_on"
        ).fetchall() == [
            ("确山一号矿", "确山一号矿", "411725", "1", dt.date(2025, 3, 10)),
            ("确山一号矿", "确山矿", "411725", "1", dt.date(2026, 3, 8)),
        ]
        assert con.execute(
            "SELECT site_id, county_code, valid_until FROM staging.scale WHERE site_name = '无名料场'"
        ).fetchall() == [("无名料场", None, dt.date(2026, 6, 30))]

    def test_a_scale_that_was_never_verified_is_a_row_too(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute("SELECT scale_no FROM staging.scale WHERE verified_on IS NULL").fetchall() == [("东1",)]

    def test_a_number_means_the_same_on_certificate_and_ticket(self) -> None:
        told = {
            "1": "1", "01": "1", "1#": "1", "１＃": "1", "1号磅": "1", "一号磅": "1", " No.1 ": "1", "001号地磅": "1",
            "车道1": "1", "汽车衡1": "1", "10": "10", "010": "10", "A": "A", "a磅": "A", "A01": "A1",
            "东01号磅": "东1", "西磅": "西", "地磅": "地磅", "0": "0", "WB-2": "WB2", "": "", None: None,
        }  # fmt: skip
        con = duckdb.connect()
        warehouse.configure(con)
        warehouse.prepare(con)
        put(con, "scale", [{"site_name": "甲矿", "scale_no": spelling} for spelling in told])
        at = "2026-03-02 08:00:00+08"
        put(con, "weighbridge_ticket", [
            {"site_name": "甲矿", "ticket_no": str(number), "scale_no": spelling, "weighed_at": at, "gross_kg": 40000}
            for number, spelling in enumerate(told)
        ])  # fmt: skip
        models.build(con)
        lines = dict(enumerate(told, start=1))
        for table in ("scale", "weighbridge_ticket"):
            read = con.execute(f"SELECT line, scale_no FROM staging.{table}").fetchall()
            assert {lines[line]: scale_no for line, scale_no in read} == told, table
        con.close()


class TestPenaltyCase:
    def test_site_and_plate_are_resolved(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT decision_no, plate, act_on, site_id, rule FROM staging.penalty_case WHERE plate = '豫QB2467'"
        ).fetchall() == [
            ("豫驻交执罚〔2026〕第0012号", "豫QB2467", dt.date(2026, 1, 12), "确山一号矿", "违法超限运输")
        ]

    def test_its_weeks_are_those_of_the_acts(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT DISTINCT week_start FROM meta.touched_week WHERE feed = 'penalty_case' ORDER BY 1"
        ).fetchall() == [(dt.date(2026, 1, 5),), (dt.date(2026, 1, 12),), (dt.date(2026, 1, 26),)]


class TestRiverPermit:
    def test_hours_are_times_of_day(self, con: duckdb.DuckDBPyConnection) -> None:
        hours = con.execute(
            "SELECT right(permit_no, 2), strftime(DATE '2000-01-01' + hours_from, '%H:%M'), hours_until::VARCHAR"
            " FROM staging.river_permit"
        ).fetchall()
        assert {number: span for number, *span in hours} == {
            "01": ["06:00", "18:00:00"],
            "02": ["06:30", "19:00:00"],  # times of a workbook
            "03": ["20:00", "06:00:00"],  # overnight: it ends before it begins
            "04": ["00:00", "24:00:00"],
            "05": ["06:00", "18:30:00"],  # a span in one cell
            "06": ["00:00", "24:00:00"],  # midnight as a workbook keeps it
            "07": [None, None],
        }

    def test_site_and_amount(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT zone, holder_name, site_id, permitted_t::INTEGER, valid_until FROM staging.river_permit"
            " WHERE permit_no LIKE '%01'"
        ).fetchall() == [("汝河一号可采区", "汝南县汝河砂业有限公司", "汝河采砂点", 120000, dt.date(2026, 6, 30))]


class TestWaybill:
    def uses(self, con: duckdb.DuckDBPyConnection, form_no: str) -> list[tuple[Any, ...]]:
        return con.execute(
            "SELECT plate, ticket_no, strftime(issued_at, '%d %H:%M'), is_void FROM staging.waybill"
            " WHERE form_no = ? ORDER BY ALL", [form_no]
        ).fetchall()  # fmt: skip

    def test_one_form_on_two_trips_is_two_rows(self, con: duckdb.DuckDBPyConnection) -> None:
        assert self.uses(con, "NO0001") == [
            ("豫QA1358", "R001", "02 08:10", False), ("豫QA1358", "R007", "02 08:40", False)]  # fmt: skip
        # Without ticket numbers the hours between tell them apart.
        assert self.uses(con, "NO0010") == [
            ("豫QA1358", None, "02 08:00", False), ("豫QA1358", None, "02 15:00", False)]  # fmt: skip

    def test_one_number_on_two_trucks_is_two_rows_and_a_mended_time_is_none_more(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        assert self.uses(con, "NO0002") == [
            ("豫QA1358", "R002", "02 13:30", False), ("豫QB2467", "R003", "02 09:05", False)]  # fmt: skip

    def test_a_ticket_filled_in_later_replaces_the_form(self, con: duckdb.DuckDBPyConnection) -> None:
        assert self.uses(con, "NO0003") == [("豫QA1358", "R004", "02 10:00", False)]

    def test_a_cancelled_form_stays_and_says_so(self, con: duckdb.DuckDBPyConnection) -> None:
        assert self.uses(con, "NO0004") == [("豫QA1358", "R005", "02 11:00", True)]
        assert con.execute(
            "SELECT outcome, void_reason FROM raw.waybill WHERE form_no = 'NO0004' ORDER BY load_no"
        ).fetchall() == [("superseded", None), ("voided", "填写错误")]

    def test_site_county_product_and_states(self, con: duckdb.DuckDBPyConnection) -> None:
        assert con.execute(
            "SELECT kind, site_id, county_code, product_id, product_name, net_t::DOUBLE, copy_1_state, copy_2_state,"
            " copy_4_state, week_start FROM staging.waybill WHERE form_no = 'KS-000881'"
        ).fetchall() == [(
            "mine", "确山一号矿", "411725", "crushed_stone", "碎石", 32.4, "issued", None, "lost", dt.date(2026, 3, 2)
        )]  # fmt: skip

    def test_the_fast_route_reads_forms_as_the_exact_one_and_a_file_sent_again_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plain_route, "PLAIN_BYTES", 0)
        monkeypatch.setattr(plain_scan, "MAX_ODD_SHARE", 1.0)
        head, *lines = (LAYOUTS / "waybill.csv").read_text("gb18030").splitlines()[1:]
        text = "\n".join([head, *(f"{n}{line}" for n in range(30) for line in lines)]) + "\n"
        path = tmp_path / "forms.csv"
        path.write_text(text, encoding="gb18030")
        read = []
        for is_exact in (False, True):
            home = Settings(home=tmp_path / str(is_exact))
            parsed = parse.parse(home, "waybill", path, exactly=is_exact)
            assert bool(parsed.plain_parquet) is not is_exact
            load.load(home, "waybill", [parsed])
            with warehouse.writer(home) as own:
                read.append(own.execute("SELECT * FROM raw.waybill ORDER BY line").fetchall())
        assert read[0] == read[1]
        assert len(read[0]) == 300
        again = tmp_path / "again.csv"
        again.write_text(text + "\n", encoding="gb18030")
        (account,) = load.load(home, "waybill", [parse.parse(home, "waybill", again)])
        assert (account["duplicate"], account["accepted"], account["superseded"]) == (300, 0, 0)


# feed: header, a good row, then a bad cell for a column and the reason
BAD: dict[str, tuple[dict[str, str], list[tuple[dict[str, str], str]]]] = {
    "vehicle": (
        {"车牌号": "豫QA1358", "生效日期": "2025-01-01", "轴数": "4", "车型": "整车", "驱动轴数": "2",
         "总质量": "31000", "核定载质量": "15500"},
        [({"核定载质量": "31000"}, "load_not_below_gross"), ({"车型": "汽车列车", "轴数": "2"}, "train_axles"),
         ({"车型": "半挂牵引车"}, "unknown_code"), ({"驱动轴数": "5"}, "drive_axles_above_axles"),
         ({"生效日期": ""}, "missing_value"), ({"车牌号": ""}, "missing_value"), ({"轴数": "1"}, "out_of_range"),
         ({"生效日期": "01/02/2025"}, "ambiguous_date")],
    ),
    "scale": (
        {"站点": "甲矿", "磅号": "1", "最大秤量": "100000", "检定分度值": "20", "检定日期": "2025-06-01",
         "有效期至": "2026-05-31"},
        [({"有效期至": "2025-05-31"}, "valid_until_before_verified_on"), ({"检定分度值": "900", "最大秤量": "900"},
         "division_not_below_max"), ({"磅号": ""}, "missing_value"), ({"最大秤量": "0"}, "out_of_range"),
         ({"检定日期": "2025-02-30"}, "bad_date")],
    ),
    "penalty_case": (
        {"决定书文号": "第1号", "决定日期": "2026-01-12", "违法日期": "2026-01-12", "车牌号": "豫QA1358"},
        [({"决定日期": "2026-01-11"}, "decided_before_act"), ({"违法日期": ""}, "missing_value"),
         ({"决定书文号": ""}, "missing_value")],
    ),
    "river_permit": (
        {"许可证号": "HC1", "有效期起": "2026-03-01", "有效期止": "2026-03-01", "作业开始时间": "06:00",
         "作业结束时间": "24:00", "许可采量(吨)": "5000"},
        [({"有效期止": "2026-02-28"}, "valid_until_before_valid_from"), ({"作业开始时间": "白天"}, "bad_hours"),
         ({"作业结束时间": "25:00"}, "bad_hours_until"), ({"作业结束时间": "18:60"}, "bad_hours_until"),
         ({"作业开始时间": "6"}, "bad_hours"), ({"许可采量(吨)": "-1"}, "out_of_range"),
         ({"许可证号": ""}, "missing_value")],
    ),
    "waybill": (
        {"联单号": "NO1", "联单类型": "河道砂", "开具时间": "2026-03-02 08:10", "有效期至": "2026-03-02 08:10",
         "起运地": "甲矿", "毛重(吨)": "48.6", "皮重(吨)": "16.2", "净重(吨)": "32.25"},
        [({"净重(吨)": "32.2"}, "arithmetic"), ({"皮重(吨)": "48.6", "净重(吨)": ""}, "tare_not_below_gross"),
         ({"有效期至": "2026-03-02 08:09"}, "valid_until_before_issued_at"), ({"联单类型": "海砂"}, "unknown_code"),
         ({"联单号": ""}, "missing_value"), ({"开具时间": ""}, "missing_value"), ({"起运地": ""}, "missing_value")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("feed", BAD)
def test_bad_rows_are_put_aside_with_their_reason(feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "refuse_if_unusable", lambda *_: None)  # more bad rows than a file may hold
    good, cases = BAD[feed]
    path = tmp_path / "rows.csv"
    lines = [",".join(good), ",".join(good.values())]
    lines += [",".join({**good, **cells}.values()) for cells, _ in cases]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    parsed = parse.parse(Settings(home=tmp_path / "home"), feed, path)
    rejects = duckdb.sql(
        f"SELECT line, reason_code FROM read_parquet('{parsed.rejects_parquet}') ORDER BY line"
    ).fetchall()
    assert rejects == [(line, reason) for line, (_, reason) in enumerate(cases, start=3)]
