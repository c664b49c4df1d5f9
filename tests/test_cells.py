"""What a cell may look like and what it then means; what could mean two things is put aside with its reason."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import Source, contracts
from pipelines.errors import InputRefusedError
from pipelines.feeds.cells import reject_rules, typed_select
from pipelines.feeds.headers import HeaderMap, header_map, unit_in_header
from pipelines.feeds.reasons import reject_message

TICKETS = contracts()["weighbridge_ticket"]
QUOTES = contracts()["price_quote"]
FILINGS = contracts()["capacity_filing"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
PLAIN = Source("plain")
ROC = Source("roc", calendar="roc")
GOOD = {"site_name": "甲矿", "weighed_at": "2026-01-05 08:03:00", "gross_kg": "45600"}


def typed(rows: list[dict[str, str | None]], profile: Source = PLAIN, feed: Any = TICKETS, **units: str) -> list[Any]:
    """Rows of text through the SELECT: dicts of typed values, with `reason` of a row put aside."""
    names = [name for name in feed.columns if any(name in row for row in rows)]
    found = HeaderMap({name: place for place, name in enumerate(names)}, units)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        con.execute(f"CREATE TABLE cell (line BIGINT, {', '.join(f'{name} VARCHAR' for name in names)})")
        marks = ", ".join("?" * (len(names) + 1))
        con.executemany(
            f"INSERT INTO cell VALUES ({marks})",
            [[line, *(row.get(name) for name in names)] for line, row in enumerate(rows)],
        )
        cursor = con.execute(f"FROM ({typed_select(feed, profile, found)}) ORDER BY line")
        header = [column[0] for column in cursor.description or []]
        made = [dict(zip(header, row, strict=True)) for row in cursor.fetchall()]
    rules = reject_rules(feed, profile)
    for row in made:
        row["reason"] = None if row["reject_no"] is None else rules[row["reject_no"]][0]
    return made


def ticket(**cells: str | None) -> dict[str, str | None]:
    return {**GOOD, **cells}


def one(column: str, cell: str, profile: Source = PLAIN, **units: str) -> tuple[Any, str | None]:
    row = typed([ticket(**{column: cell})], profile, **units)[0]
    return row[column], row["reason"]


@pytest.mark.parametrize(
    ("cell", "kg"),
    [
        ("45600", "45600"), ("45600.5", "45600.5"), ("４５６００", "45600"), ("４５，６００", "45600"),
        ("45,600", "45600"), ("101,000.5", "101000.5"), ("45 600", "45600"), ("45'600", "45600"),
        ("45’600", "45600"), ("45\u00a0600", "45600"), ("4.56E+04", "45600"), ("+45600", "45600"),
        ("45.6t", "45600"), ("45.6 吨", "45600"), ("４５．６Ｔ", "45600"),
        ("45600 kg", "45600"), ("45600KG", "45600"),
        ("45600公斤", "45600"), ("45600千克", "45600"), ("101,000 lb", "45812.829"), ("101000磅", "45812.829"),
        ("45.6公噸", "45600"),
    ],
)  # fmt: skip
def test_masses(cell: str, kg: str) -> None:
    assert one("gross_kg", cell) == (Decimal(kg), None)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("45,6", "ambiguous_number"), ("1,23", "ambiguous_number"), ("4,5600", "ambiguous_number"),
        ("1.234,5", "ambiguous_number"), ("1.234.567", "ambiguous_number"), ("045,600", "ambiguous_number"),
        ("45,6 吨", "ambiguous_number"), ("4 5600", "ambiguous_number"), ("45,600 300", "ambiguous_number"),
        ("45.6 ton", "not_a_number"), ("45.6 t?", "not_a_number"), ("约45600", "not_a_number"),
        ("4五000", "not_a_number"), ("nan", "not_a_number"), ("99999999999999999", "not_a_number"),
        ("-45600", "out_of_range"), ("45600 t", "out_of_range"), ("0", "out_of_range"),
    ],
)  # fmt: skip
def test_masses_that_are_put_aside(cell: str, reason: str) -> None:
    assert one("gross_kg", cell)[1] == reason


def test_the_unit_of_the_cell_then_of_the_profile_then_of_the_header() -> None:
    tonnes = Source("t", units={"gross_kg": "t"})
    assert one("gross_kg", "45.6", tonnes)[0] == 45600
    assert one("gross_kg", "45,600 kg", tonnes)[0] == 45600
    assert one("gross_kg", "45.6", gross_kg="t")[0] == 45600
    assert one("gross_kg", "45.6", tonnes, gross_kg="t")[0] == 45600
    assert one("gross_kg", "100000", Source("lb", units={"gross_kg": "lb"}))[0] == Decimal("45359.237")
    filed = typed([{"project_id": "1", "planned_haul_t": cell} for cell in ("50万吨", "500000", "500 000 000 kg")],
                  feed=FILINGS)  # fmt: skip
    assert [row["planned_haul_t"] for row in filed] == [500000] * 3


def test_an_ambiguous_cell_says_so() -> None:
    code, line = "ambiguous_number", 7
    english = reject_message(code, line, contract=TICKETS, column="gross_kg", value="45,6")
    assert english.startswith("line 7: gross_kg = '45,6' can be read as more than one number; write it with a point")
    assert "有多种读法" in reject_message(
        code, line, contract=TICKETS, column="gross_kg", value="45,6", language="zh"
    )


MOMENT = dt.datetime(2026, 1, 5, 8, 3, 5, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-01-05 08:03:05", MOMENT), ("2026-1-5 8:03:05", MOMENT), ("2026/1/5 8:03", MOMENT.replace(second=0)),
        ("2026/01/05 08:03:05", MOMENT), ("20260105080305", MOMENT), ("202601050803", MOMENT.replace(second=0)),
        ("20260105 08:03:05", MOMENT), ("2026年1月5日 8时3分5秒", MOMENT), ("2026年1月5日8时3分5秒", MOMENT),
        ("2026年1月5日 08:03", MOMENT.replace(second=0)), ("2026.1.5 8:03:05", MOMENT),
        ("2026-01-05T08:03:05", MOMENT), ("2026-01-05T00:03:05Z", MOMENT), ("2026-01-05 00:03:05.0 UTC", MOMENT),
        ("2026-01-05T08:03:05+08:00", MOMENT),
        ("2026-01-05 00:03:05+00", MOMENT), ("2026-01-05T00:03:05+0000", MOMENT),
        ("2026-01-05 05:33:05+05:30", MOMENT),
        ("2026/1/5 上午 8:03:05", MOMENT), ("2026/1/5 上午8:03:05", MOMENT), ("2026-01-05 8:03:05 AM", MOMENT),
        ("2026/1/5 下午 8:03:05", MOMENT.replace(hour=20)), ("2026/1/5 8:03:05 pm", MOMENT.replace(hour=20)),
        ("2026/1/5 12:03:05 AM", MOMENT.replace(hour=0)), ("2026/1/5 下午12:03:05", MOMENT.replace(hour=12)),
        ("２０２６－０１－０５　０８：０３：０５", MOMENT),
        ("2026-01-05 08:03:05.250", MOMENT.replace(microsecond=250_000)),
        ("46027.3354745", MOMENT), ("2026-01-05", MOMENT.replace(hour=0, minute=0, second=0)),
        ("1991-06-01 12:00:00", dt.datetime(1991, 6, 1, 12, tzinfo=SHANGHAI)),  # summer time was in force
    ],
)  # fmt: skip
def test_times(cell: str, moment: dt.datetime) -> None:
    assert one("weighed_at", cell) == (moment, None)


def test_a_day_number_of_a_workbook() -> None:
    assert one("weighed_at", "44567.3356")[0] == dt.datetime(2022, 1, 6, 8, 3, 16, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("05/01/2026 08:03", "ambiguous_date"), ("26/1/5 8:03", "ambiguous_date"), ("115/1/5", "ambiguous_date"),
        ("115年1月5日", "ambiguous_date"), ("11505", "ambiguous_date"), ("1150105", "ambiguous_date"),
        ("99999.5", "bad_time"), ("2026-13-05 08:00:00", "bad_time"), ("2026-02-30 08:00:00", "bad_time"),
        ("2026/1/5 上午 15:03", "bad_time"), ("2026/1/5 上午 8:03 PM", "bad_time"),
        ("2026-01-05 08:03:05 CST", "bad_time"), ("2026-01-05 08:03:05+99", "bad_time"), ("昨天", "bad_time"),
        ("2026-01-05 8", "bad_time"), ("1026-01-05 08:00:00", "bad_time"), ("epoch", "bad_time"),
    ],
)  # fmt: skip
def test_times_that_are_put_aside(cell: str, reason: str) -> None:
    assert one("weighed_at", cell) == (None, reason)


def test_an_offset_is_never_dropped_whatever_the_zone_of_the_profile() -> None:
    utc = Source("utc", time_zone="UTC")
    assert one("weighed_at", "2026-01-05 00:03:05", utc)[0] == MOMENT
    assert one("weighed_at", "2026-01-05T08:03:05+08:00", utc)[0] == MOMENT


@pytest.mark.parametrize(
    "cell", ["115/1/5", "115-01-05", "115年1月5日", "民國115年1月5日", "1150105", "2026/1/5", "0115/1/5"]
)
def test_years_of_the_republic_only_where_the_profile_says_so(cell: str) -> None:
    value, reason = one("weighed_at", f"{cell} 8:03:05" if "/" in cell or "-" in cell else cell, ROC)
    if cell == "0115/1/5":
        assert (value, reason) == (None, "bad_time")
    else:
        assert (value.date(), reason) == (dt.date(2026, 1, 5), None)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-01-05", "2026-01-05"), ("2026/1/5", "2026-01-05"), ("20260105", "2026-01-05"),
        ("2026年1月5日", "2026-01-05"), ("2026.01.05", "2026-01-05"), ("46027", "2026-01-05"),
        ("2026-01-05 08:03", "2026-01-05"), ("2026-01-05T00:00:00+08:00", "2026-01-05"),
        ("２０２６／１／５", "2026-01-05"),
        ("2026-01-05 早上", None), ("5/1/2026", None), ("11505", None), ("2026年5月", None),
        ("2026-01-05 25:00", None),
    ],
)  # fmt: skip
def test_dates(cell: str, day: str | None) -> None:
    row = typed([{"project_id": "1", "filed_on": cell}], feed=FILINGS)[0]
    assert row["filed_on"] == (dt.date.fromisoformat(day) if day else None)
    assert (row["reason"] in ("bad_date", "ambiguous_date")) == (day is None)


def test_months_of_the_republic() -> None:
    for cell in ("11505", "115/5", "115年5月"):
        row = typed([{"project_id": "1", "filed_on": cell}], ROC, FILINGS)[0]
        assert (row["filed_on"], row["reason"]) == (dt.date(2026, 5, 1), None)


@pytest.mark.parametrize(
    ("cell", "plate"),
    [
        ("豫Q12345", "豫Q12345"), ("豫QD12345", "豫QD12345"), ("豫Q1234挂", "豫Q1234挂"), ("豫q·12345", "豫Q12345"),
        ("豫Ｑ　１２３４５", "豫Q12345"), ("豫 Q.12-345", "豫Q12345"), ("豫Ｑ．１２３４５", "豫Q12345"),
        ("·-. ", None),
        ("无牌", "无牌"),
    ],
)  # fmt: skip
def test_plates(cell: str, plate: str | None) -> None:
    assert one("plate", cell)[0] == plate


@pytest.mark.parametrize(
    ("cell", "axles", "reason"),
    [
        ("6", 6, None),
        ("６", 6, None),
        ("6.0", 6, None),
        ("6.5", None, "not_an_integer"),
        ("1,2", None, "ambiguous_number"),
    ],
)
def test_whole_numbers(cell: str, axles: int | None, reason: str | None) -> None:
    assert one("axle_count", cell) == (axles, reason)


def test_a_price_range_is_read_only_where_the_profile_says_so() -> None:
    quote = {
        "quoted_on": "2026-05-01",
        "county_code": "桃園市",
        "product": "砂",
        "unit": "t",
        "basis": "出厂",
        "price": "450-480",
    }
    plain, ranged = (typed([quote], p, QUOTES)[0] for p in (PLAIN, Source("r", ranges=("price",))))
    assert (plain["price"], plain["reason"]) == (None, "not_a_number")
    assert [ranged[name] for name in ("price", "price_low", "price_high", "reason")] == [465, 450, 480, None]
    single = typed([{**quote, "price": "455"}], Source("r", ranges=("price",)), QUOTES)[0]
    assert [single[name] for name in ("price", "price_low", "price_high")] == [455, None, None]


FIRST, LAST = (dt.datetime.fromisoformat(day) for day in ("1990-01-02", "2100-12-30"))  # wall clocks


@given(
    moments=st.lists(st.datetimes(FIRST, LAST), min_size=1, max_size=6),
    zone=st.sampled_from(["Asia/Shanghai", "UTC", "America/Chicago"]),
    period=st.sampled_from(["year", "day"]),
)
@settings(max_examples=8, deadline=None)
def test_every_spelling_of_a_moment_means_the_same(moments: list[dt.datetime], zone: str, period: str) -> None:
    """The short branch and the grammar agree, and the number period is the local year or day."""
    profile = Source("any", time_zone=zone, number_period=period)
    for wall in moments:
        moment = wall.replace(microsecond=0)
        spellings = [f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment:%Y/%m/%d %H:%M:%S}", f"{moment:%Y%m%d%H%M%S}",
                     f"{moment:%Y年%m月%d日%H时%M分%S秒}", f"{moment:%Y-%m-%dT%H:%M:%S}"]  # fmt: skip
        rows = typed([ticket(weighed_at=text) for text in spellings], profile)
        assert len({(row["weighed_at"], row["number_period"]) for row in rows}) == 1
        local = rows[0]["weighed_at"].astimezone(SHANGHAI)
        assert rows[0]["number_period"] == f"{local:%Y-%m-%d}"[: 4 if period == "year" else 10]
        if not 0 < (local.year - 1985) < 7:  # no summer time: the shift is known
            expected = moment.replace(tzinfo=ZoneInfo(zone))
            assert (
                rows[0]["weighed_at"] == expected
                or expected.utcoffset() != (expected + dt.timedelta(hours=2)).utcoffset()
            )


CELLS = st.one_of(
    st.text("0123456789,.' tkg吨-", max_size=10), st.text("0123456789-/:年月日时分秒 TZ+上午PM", max_size=22)
)


@given(cells=st.lists(CELLS, min_size=1, max_size=60))
@settings(max_examples=15, deadline=None)
def test_no_cell_breaks_the_reader_and_what_is_not_read_is_put_aside(cells: list[str]) -> None:
    texts = [cell.strip() or None for cell in cells]  # the reader strips cells; an empty one is NULL
    rows = typed([ticket(gross_kg=text, net_kg="30000", first_weighed_at=text) for text in texts])
    for text, row in zip(texts, rows, strict=True):
        if text is not None and (row["gross_kg"] is None or row["first_weighed_at"] is None):
            assert row["reason"] is not None


def test_the_next_day_begins_at_24_hours() -> None:
    row = typed([ticket(weighed_at="2026-12-31 24:00:00")], Source("y", number_period="year"))[0]
    assert (row["weighed_at"], row["number_period"]) == (dt.datetime(2027, 1, 1, tzinfo=SHANGHAI), "2027")


TWO_PASS = Source("two", pending_until=("tare_kg", "net_kg"))


def test_a_row_that_waits_for_its_second_weighing_is_incomplete_and_not_bad() -> None:
    waiting, done, bad = typed(
        [
            ticket(tare_kg=None, net_kg=None),
            ticket(tare_kg="15600", net_kg="30000"),
            ticket(tare_kg="x", net_kg=None),
        ],
        TWO_PASS,
    )
    assert (waiting["is_incomplete"], waiting["reason"]) == (True, None)
    assert (done["is_incomplete"], done["reason"]) == (False, None)
    assert bad["reason"] == "not_a_number"
    assert not typed([ticket()])[0]["is_incomplete"]


def test_a_tare_first_profile_may_wait_for_the_gross_weight_and_its_time() -> None:
    tare_first = Source("tare", pending_until=("gross_kg", "weighed_at"))
    row = ticket(weighed_at=None, gross_kg=None, tare_kg="15600", net_kg=None)
    assert typed([row])[0]["reason"] == "missing_value"
    assert typed([row], tare_first)[0]["reason"] is None
    assert [code for code, _, _ in reject_rules(TICKETS)] == [
        code for code, _, _ in reject_rules(TICKETS, tare_first)
    ]


def test_columns_stand_where_the_load_expects_them() -> None:
    names = list(typed([ticket()])[0])
    place = names.index("number_period")
    assert names[place : place + 4] == ["number_period", "is_incomplete", "suspect_codes", "assumed_columns"]
    assert "is_incomplete" not in typed([{"project_id": "1", "filed_on": "2026-01-05"}], feed=FILINGS)[0]


def test_axles_that_do_not_sum_to_the_gross_weight_are_suspect() -> None:
    axles = {"axle_1_kg": "6600", "axle_2_kg": "19000", "axle_3_kg": "20000"}
    fine, off, unknown = typed([ticket(**axles), ticket(**{**axles, "axle_3_kg": "19000"}), ticket()])
    assert (fine["suspect_codes"], fine["axle_2_kg"]) == ([], 19000)
    assert (off["suspect_codes"], off["reason"]) == (["axle_sum"], None)
    assert unknown["suspect_codes"] == []


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("毛重(吨)", ("毛重", "t")), ("毛重（吨）", ("毛重", "t")), ("毛重/kg", ("毛重", "kg")),
        ("净重KG", ("净重", "kg")),
        ("Gross (lb)", ("gross", "lb")), ("皮重_t", ("皮重", "t")), ("毛重[公斤]", ("毛重", "kg")),
        ("毛 重 ｋｇ", ("毛重", "kg")),
        ("产能(万吨)", ("产能", "万吨")), ("毛重", None), ("备注(元)", None), ("plant", None),
        ("net (t)", ("net", "t")), ("Gross kg", ("gross", "kg")),
    ],
)  # fmt: skip
def test_units_in_headers(header: str, parsed: tuple[str, str] | None) -> None:
    assert unit_in_header(header) == parsed


def test_a_header_gives_column_and_unit() -> None:
    found = header_map(TICKETS, PLAIN, ("站点", "时间", "毛重(吨)", "皮重/kg", "净重"))
    assert (found["gross_kg"], found["tare_kg"], found["net_kg"]) == (2, 3, 4)
    assert found.units == {"gross_kg": "t", "tare_kg": "kg"}


def test_a_header_that_contradicts_the_profile_is_refused_unless_the_profile_names_that_header() -> None:
    headers = ("站点", "时间", "毛重(kg)")
    with pytest.raises(
        InputRefusedError, match=r"header '毛重\(kg\)' says kg, source profile 't' says t for gross_kg"
    ):
        header_map(TICKETS, Source("t", units={"gross_kg": "t"}), headers)
    decided = Source("t", units={"gross_kg": "t"}, aliases={"gross_kg": ("毛重(kg)",)})
    found = header_map(TICKETS, decided, headers)
    assert (found["gross_kg"], found.units) == (2, {})


def test_a_header_claimed_for_one_column_is_no_others() -> None:
    gross_first = Source("g", aliases={"weighed_at": ("一次过磅时间",)})
    found = header_map(TICKETS, gross_first, ("站点", "一次过磅时间", "二次过磅时间", "毛重"))
    assert found["weighed_at"] == 1
    assert "first_weighed_at" not in found
