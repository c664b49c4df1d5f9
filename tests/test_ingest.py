"""The reader and the load: bad input is named, good rows are kept, the counts add up, twice changes nothing."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipelines import warehouse
from pipelines.errors import BusyError, InputRefusedError, WrongCallError
from pipelines.feeds import ingest, parse
from pipelines.feeds.account import OUTCOMES
from pipelines.settings import Settings

FEED = "weighbridge_ticket"
HEADER = "磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间"


def ticket(number: int, **cells: str) -> str:
    row = {
        "no": str(number), "site": "甲矿", "plate": f"豫Q{number % 100000:05d}", "product": "机制砂",
        "direction": "销售",
        "gross": "45000", "tare": "15000", "net": "30000",
        "at": f"2026-05-25 {8 + number // 60 % 12:02d}:{number % 60:02d}:00", **cells,
    }  # fmt: skip
    return ",".join(row.values())


def lines(count: int = 200, **changed: str) -> list[str]:
    """A header and `count` good tickets; `changed` replaces ticket n by the text given as _n."""
    rows = [ticket(number) for number in range(count)]
    for name, text in changed.items():
        rows[int(name[1:])] = text
    return [HEADER, *rows]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def write(folder: Path, content: list[str] | bytes, name: str = "tickets.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else ("\n".join(content) + "\n").encode(encoding))
    # A file written a moment ago may still grow; this one is done.
    os.utime(path, (time.time() - 60, time.time() - 60))
    return path


def load(home: Settings, path: Path, source: str | None = None) -> dict[str, Any]:
    result = ingest.ingest(home, FEED, [path], source)
    assert not result.refused, result.refused
    account = result.files[0]
    assert account["rows"] == sum(account[outcome] for outcome in OUTCOMES)
    return account


def refusal(home: Settings, path: Path, source: str | None = None) -> str:
    result = ingest.ingest(home, FEED, [path], source)
    assert result.files == []
    assert (home.quarantine / FEED / f"{path.name}.refused.txt").read_text(encoding="utf-8").strip()
    return result.refused[0]["message"]


def query(home: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.writer(home) as con:
        return con.execute(sql).fetchall()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_read_alike(home: Settings, tmp_path: Path, encoding: str, newline: str) -> None:
    path = write(tmp_path, (newline.join(lines(50)) + newline).encode(encoding))
    assert load(home, path)["accepted"] == 50
    assert query(home, "SELECT DISTINCT site_name FROM raw.weighbridge_ticket") == [("甲矿",)]


@pytest.mark.parametrize(
    ("bad", "reason", "said"),
    [
        (ticket(7, gross="4五000"), "not_a_number", "line 9: gross_kg = '4五000' is not a number"),
        (ticket(7, at="2026-13-05 08:00:00"), "bad_time", "line 9: weighed_at = '2026-13-05 08:00:00'"),
        (ticket(7, gross="9" * 17), "not_a_number", f"line 9: gross_kg = '{'9' * 17}' is not a number"),
        (
            ticket(7, gross="-45000"),
            "out_of_range",
            "line 9: gross_kg = '-45000' is outside its range (> 0 and < 300000 kg)",
        ),
        (ticket(7, net="30021"), "arithmetic", "gross - tare differs from net by more than one division (20 kg)"),
        (ticket(7, tare="45000", net="1"), "tare_not_below_gross", "tare must be smaller than gross"),
        (ticket(7, gross="", net=""), "no_weight", "neither gross nor net is given"),
        (ticket(7, site=""), "missing_value", "line 9: site_name = empty is empty but needed; fill it in"),
        (ticket(7)[:30], "wrong_cell_count", "line 9: 7 cells where the header has 9"),
        (ticket(7) + ",x", "wrong_cell_count", "line 9: 10 cells where the header has 9"),
        (ticket(7, product='机制"砂'), "stray_quote", 'line 9: a quote (") opens a cell that never closes'),
        (ticket(7, product="机\x00砂"), "nul_byte", "line 9: the line holds NUL bytes"),
    ],
)
def test_a_bad_row_is_put_aside_with_its_line_and_reason(
    home: Settings, tmp_path: Path, bad: str, reason: str, said: str
) -> None:
    account = load(home, write(tmp_path, lines(_7=bad)))
    assert (account["accepted"], account["quarantined"], account["reasons"]) == (199, 1, {reason: 1})
    rejects = query(home, "SELECT line, reason_code, message FROM meta.reject")
    assert [row[:2] for row in rejects] == [(9, reason)]
    assert said in rejects[0][2]
    sheets = list((home.quarantine / FEED).glob("tickets-*.csv"))
    assert len(sheets) == 1
    table = sheets[0].read_text(encoding="utf-8-sig")
    assert "原因" in table
    assert "第 9 行：" in table


def test_one_division_of_difference_is_arithmetic_enough(home: Settings, tmp_path: Path) -> None:
    assert load(home, write(tmp_path, lines(_7=ticket(7, net="30020"))))["accepted"] == 200


def test_a_wrong_byte_costs_its_own_line_only(home: Settings, tmp_path: Path) -> None:
    content = ("\n".join(lines()) + "\n").encode().replace("甲矿".encode(), b"\xff\xfe\xff", 1)
    account = load(home, write(tmp_path, content), "default")
    assert (account["accepted"], account["reasons"]) == (199, {"bad_encoding": 1})


def test_two_stray_quotes_on_two_lines_cost_two_lines_and_no_more(home: Settings, tmp_path: Path) -> None:
    bad = {"_7": ticket(7, product='机制"砂'), "_8": ticket(8, product='机"制砂')}
    account = load(home, write(tmp_path, lines(**bad)))
    assert (account["rows"], account["accepted"], account["reasons"]) == (200, 198, {"stray_quote": 2})


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('"' + "砂" * 200_000 + '"', "unreadable_line"),
        ("砂" * 1_100_000, "line_too_long"),
    ],
)
def test_a_monstrous_cell_is_put_aside(home: Settings, tmp_path: Path, cell: str, reason: str) -> None:
    account = load(home, write(tmp_path, lines(_7=ticket(7, product=cell))))
    assert (account["accepted"], account["reasons"]) == (199, {reason: 1})


def test_separators_and_bad_bytes_inside_cells_do_no_harm(home: Settings, tmp_path: Path) -> None:
    content = "\n".join(lines(_7=ticket(7, product="机\x1f砂"), _9=ticket(9, product='"机制'))) + "\n"
    broken = content.encode().replace(ticket(10).encode(), ticket(10).encode().replace(b"Q", b"\xff"))
    account = load(home, write(tmp_path, broken))
    assert (account["accepted"], account["reasons"]) == (198, {"stray_quote": 1, "bad_encoding": 1})
    assert query(home, "SELECT product_name FROM raw.weighbridge_ticket WHERE line = 9") == [("机 砂",)]


def test_a_cut_utf_16_file_is_refused(home: Settings, tmp_path: Path) -> None:
    content = ("\n".join(lines()) + "\n").encode("utf-16")[:-1]
    assert "send it again" in refusal(home, write(tmp_path, content))


def test_a_sheet_with_a_cell_far_out_is_refused(home: Settings, tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(HEADER.split(","))  # type: ignore[union-attr]
    book.active["XFD1048576"] = "x"  # type: ignore[index]
    path = tmp_path / "far.xlsx"
    book.save(path)
    assert "a stray cell far out" in refusal(home, path)


def test_a_reader_that_breaks_holds_up_no_other_file(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.feeds import containers

    looking = containers.look

    def breaking(path: Path) -> Any:
        if path.stat().st_size > 10_000:
            raise RuntimeError("a fault of ours")
        return looking(path)

    monkeypatch.setattr(containers, "look", breaking)
    files = [write(tmp_path, lines(), "b.csv"), write(tmp_path, lines(20), "a.csv")]
    result = ingest.ingest(home, FEED, files)
    assert result.total("accepted") == 20
    assert [(refusal["path"], refusal["fault"]) for refusal in result.refused] == [("b.csv", "machine")]


def test_a_mistyped_year_is_put_aside_and_years_of_history_are_not(home: Settings, tmp_path: Path) -> None:
    account = load(home, write(tmp_path, lines(_7=ticket(7, at="2062-05-25 08:00:00"))))
    assert (account["accepted"], account["reasons"]) == (199, {"date_far_off": 1})
    rows = [ticket(n, at=f"{2015 + n // 20}-05-25 08:00:{n % 60:02d}") for n in range(200)]
    history = load(home, write(tmp_path, [HEADER, *rows], "history.csv"))
    assert history["accepted"] == 200


@pytest.mark.parametrize("price", ["nan", "inf", "1e300"])
def test_a_price_is_a_finite_number(home: Settings, tmp_path: Path, price: str) -> None:
    rows = [
        "报价日期,县区代码,产品,单位,价格类型,价格",
        *[f"2026-05-{1 + n % 28:02d},411725,石粉,吨,出厂,{90 + n}" for n in range(99)],
    ]
    path = write(tmp_path, [*rows, f"2026-05-28,411725,石粉,吨,出厂,{price}"])
    result = ingest.ingest(home, "price_quote", [path])
    assert result.total("quarantined") == 1


def test_quoted_newlines_are_one_row_and_counted(home: Settings, tmp_path: Path) -> None:
    bad = ticket(7, product='"机制\n砂"')
    account = load(home, write(tmp_path, lines(_7=bad)))
    assert account["accepted"] == 200
    row = query(
        home,
        "SELECT physical_lines, header_lines, blank_lines, quoted_newlines, row_count FROM meta.load_account",
    )[0]
    assert row == (202, 1, 0, 1, 200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty (0 bytes)"),
        ((HEADER + "\n").encode(), "no row below the header"),
        (
            "\n".join(["磅单号,车号", "1,豫Q1"]).encode(),
            "required column missing: site_name, weighed_at, gross_kg or net_kg",
        ),
        (("\n".join(lines(50, _1="x", _2="y", _3="z"))).encode(), "3 of 50 rows are bad (6.0%, at most 2.0%"),
    ],
)
def test_a_refused_file_changes_nothing(home: Settings, tmp_path: Path, content: bytes, said: str) -> None:
    load(home, write(tmp_path, lines(20), "good.csv"))
    before = query(home, "FROM raw.weighbridge_ticket ORDER BY line")
    assert said in refusal(home, write(tmp_path, content))
    assert query(home, "FROM raw.weighbridge_ticket ORDER BY line") == before


def test_wrong_encoding_is_named_with_what_was_tried(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, lines(), encoding="utf-16-le")  # no BOM, wrong profile
    message = refusal(home, path, "weighsoft")
    assert "gb18030" in message
    assert "Rename the column, or add its header to a source profile" in message


def test_unknown_column_is_loaded_and_asked_about_once(home: Settings, tmp_path: Path) -> None:
    rows = [f"{line},x" for line in lines(20)]
    rows[0] = HEADER + ",车队"
    account = load(home, write(tmp_path, rows))
    assert account["accepted"] == 20
    load(home, write(tmp_path, [rows[0], *[f"{ticket(n)},x" for n in range(20, 30)]], "later.csv"))
    asked = query(home, "SELECT kind, subject, owner FROM meta.question")
    assert asked == [("unknown_column", "车队", "出具磅单的站点及其称重软件服务商")]


def test_the_same_file_twice_changes_nothing(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, lines())
    first = load(home, path)
    rows = query(home, "FROM raw.weighbridge_ticket ORDER BY line")
    again = load(home, path)
    assert again["already_loaded"]
    assert not first["already_loaded"]
    assert query(home, "FROM raw.weighbridge_ticket ORDER BY line") == rows
    assert {k: again[k] for k in OUTCOMES} == {k: first[k] for k in OUTCOMES}


def test_the_same_file_under_another_source_is_said(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, lines(20), encoding="gb18030")
    load(home, path, "daybook")
    again = load(home, path, "weighsoft")
    assert (again["already_loaded"], again["source"]) == (True, "daybook")
    assert "loaded before with source daybook" in again["notes"][0]


def test_same_name_other_content_is_said_and_compared_by_key(home: Settings, tmp_path: Path) -> None:
    load(home, write(tmp_path, lines(20)))
    changed = ticket(3, gross="46000", net="31000")
    account = load(home, write(tmp_path, lines(25, _3=changed)))
    assert (account["accepted"], account["duplicate"]) == (6, 19)
    assert "with other content was loaded before" in account["notes"][0]
    assert query(home, "SELECT outcome, count(*) FROM raw.weighbridge_ticket GROUP BY 1 ORDER BY 1") == [
        ("accepted", 25),
        ("superseded", 1),
    ]
    # The account of the first file follows: one of its rows was replaced.
    assert query(home, "SELECT accepted_count, superseded_count FROM meta.load_account ORDER BY load_no") == [
        (19, 1),
        (6, 0),
    ]


def test_a_later_export_that_cancels_or_corrects_is_a_new_version(home: Settings, tmp_path: Path) -> None:
    header = HEADER + ",作废,轴数"
    first = [header, *[f"{ticket(n)},否,6" for n in range(10)]]
    load(home, write(tmp_path, first))
    second = [header, *[f"{ticket(n)},{'是' if n == 3 else '否'},{5 if n == 4 else 6}" for n in range(10)]]
    account = load(home, write(tmp_path, second, "later.csv"))
    assert (account["accepted"], account["voided"], account["duplicate"]) == (1, 1, 8)
    counts = "SELECT outcome, count(*) FROM raw.weighbridge_ticket GROUP BY 1 ORDER BY 1"
    assert query(home, counts) == [("accepted", 9), ("superseded", 2), ("voided", 1)]


def test_what_a_source_says_last_stands_also_when_it_said_so_before(home: Settings, tmp_path: Path) -> None:
    header = "站点,县区代码,主体类型,专用线状态"
    for number, state in enumerate(("运营", "无", "运营")):
        load_file = write(tmp_path, [header, f"甲园区,411725,物流园区,{state}"], f"r{number}.csv")
        result = ingest.ingest(home, "site_register", [load_file])
        if number == 2:  # the very bytes of the first file: nothing new arrives with them
            assert result.files[0]["already_loaded"]
    again = write(tmp_path, [header, "甲园区,411725,物流园区,运营", ""], "r3.csv")
    ingest.ingest(home, "site_register", [again])
    assert query(home, "SELECT siding_state FROM raw.site_register WHERE outcome = 'accepted'") == [("operating",)]


def test_the_same_ticket_through_two_profiles_counts_once(home: Settings, tmp_path: Path) -> None:
    load(home, write(tmp_path, lines(50), encoding="gb18030"))
    account = load(home, write(tmp_path, lines(51), "again.csv", encoding="gb18030"), "weighsoft")
    assert (account["accepted"], account["duplicate"]) == (1, 50)


def test_two_versions_in_one_file_the_last_line_stands(home: Settings, tmp_path: Path) -> None:
    changed = ticket(4, gross="46000", net="31000", at="2026-05-25 08:30:00")
    account = load(home, write(tmp_path, lines(20, _5=changed)))
    assert (account["accepted"], account["superseded"]) == (19, 1)
    assert [question["kind"] for question in account["questions"]] == ["key_repeated"]


def test_an_unknown_siding_state_is_unknown_and_asked_about(home: Settings, tmp_path: Path) -> None:
    rows = ["站点,县区代码,主体类型,专用线状态", "甲园区,411725,物流园区,筹建"]
    result = ingest.ingest(home, "site_register", [write(tmp_path, rows)])
    assert result.total("accepted") == 1
    assert [question["subject"] for question in result.files[0]["questions"]] == ["筹建"]
    assert query(home, "SELECT siding_state FROM raw.site_register") == [(None,)]


def test_same_number_other_plate_keeps_both_and_asks(home: Settings, tmp_path: Path) -> None:
    account = load(home, write(tmp_path, lines(20, _5=ticket(4, plate="豫A00001"))))
    assert account["accepted"] == 20
    assert [question["kind"] for question in account["questions"]] == ["number_reused"]


def test_same_number_a_day_later_is_another_ticket(home: Settings, tmp_path: Path) -> None:
    load(home, write(tmp_path, lines(20)))
    later = ticket(4, at="2026-05-26 09:00:00", gross="46000", net="31000")
    account = load(home, write(tmp_path, [HEADER, later], "later.csv"))
    assert (account["accepted"], account["superseded"]) == (1, 0)
    assert query(home, "SELECT count(*) FROM raw.weighbridge_ticket WHERE outcome = 'accepted'") == [(21,)]


def test_a_project_twice_in_one_file_is_one_row_and_a_question(home: Settings, tmp_path: Path) -> None:
    rows = ["项目代码,项目名称,备案日期", "1,甲,2024-01-01", "2,乙,2024-01-01", "1,甲二,2024-01-02"]
    result = ingest.ingest(home, "capacity_filing", [write(tmp_path, rows)])
    assert (result.total("accepted"), result.total("superseded")) == (2, 1)
    assert [question["kind"] for question in result.files[0]["questions"]] == ["key_repeated"]
    kept = query(home, "SELECT project_name FROM raw.capacity_filing WHERE outcome = 'accepted' ORDER BY 1")
    assert kept == [("乙",), ("甲二",)]


def test_numbers_that_restart_daily_do_not_meet(home: Settings, tmp_path: Path) -> None:
    day_one = write(tmp_path, lines(20), "one.csv", "gb18030")
    day_two = write(tmp_path, [HEADER, *[ticket(n, at=f"2026-05-26 07:{n:02d}:00", gross="46000", net="31000")
                                         for n in range(20)]], "two.csv", "gb18030")  # fmt: skip
    result = ingest.ingest(home, FEED, [day_one, day_two], "daybook")
    assert (result.total("accepted"), result.total("superseded")) == (40, 0)
    assert not any(file["questions"] for file in result.files)


def test_cancelled_tickets_are_voided(home: Settings, tmp_path: Path) -> None:
    rows = [HEADER + ",作废", *[f"{ticket(n)},{'是' if n == 3 else '否'}" for n in range(10)]]
    account = load(home, write(tmp_path, rows))
    assert (account["accepted"], account["voided"]) == (9, 1)


def test_a_growing_file_is_refused(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_bytes(("\n".join(lines()) + "\n").encode())
    stop = threading.Event()

    def keep_writing() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write((ticket(9999) + "\n").encode())
                time.sleep(0.01)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        message = refusal(home, path)
    finally:
        stop.set()
        writer.join()
    assert "still being written" in message
    assert not list(home.snapshots.glob(".partial*"))


def test_wrong_names_are_wrong_calls(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, lines())
    with pytest.raises(WrongCallError, match="no feed 'tickets'; feeds are capacity_filing"):
        ingest.ingest(home, "tickets", [path])
    with pytest.raises(WrongCallError, match="has no source 'acme'; it has default"):
        ingest.ingest(home, FEED, [path], "acme")


def test_two_loads_at_once_are_one_and_a_clear_refusal(home: Settings) -> None:
    with (
        warehouse.writer(home),
        pytest.raises(BusyError, match=rf"process {os.getpid()} since"),
        warehouse.writer(home, wait_s=0.1),
    ):
        pytest.fail("two writers at once")


def test_snapshots_are_the_bytes_as_they_came(home: Settings, tmp_path: Path) -> None:
    path = write(tmp_path, lines(), encoding="gb18030")
    account = load(home, path)
    kept = home.snapshots / account["sha256"][:2] / f"{account['sha256']}.csv"
    assert kept.read_bytes() == path.read_bytes()


def test_a_broken_load_leaves_nothing(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.feeds import account

    def fail(*_: object) -> None:
        raise duckdb.Error("disk full")

    monkeypatch.setattr(account, "write", fail)
    with pytest.raises(duckdb.Error, match="disk full"):
        ingest.ingest(home, FEED, [write(tmp_path, lines())])
    assert query(
        home, "SELECT (SELECT count(*) FROM raw.weighbridge_ticket), (SELECT count(*) FROM meta.reject)"
    ) == [(0, 0)]


def test_an_absurd_number_in_another_unit_is_put_aside(home: Settings, tmp_path: Path) -> None:
    header = "流水号,站点,类型,净重(吨),二次过磅时间"
    rows = [header, *[f"{n},甲,出厂,30,2026-05-25 08:{n % 60:02d}:00" for n in range(100)]]
    rows[5] = "4,甲,出厂,99999999999,2026-05-25 08:00:00"
    account = load(home, write(tmp_path, rows), "cloud")
    assert (account["accepted"], account["reasons"]) == (99, {"not_a_number": 1})


def test_pounds_and_tonnes_become_kilograms(home: Settings, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        ["流水号,站点,类型,毛重(吨),皮重(吨),净重(吨),二次过磅时间", "1,甲,出厂,45.02,15.02,30,2026-05-25 08:00:00"],
    )
    load(home, path, "cloud")
    assert [
        tuple(map(float, row)) for row in query(home, "SELECT gross_kg, tare_kg, net_kg FROM raw.weighbridge_ticket")
    ] == [(45020.0, 15020.0, 30000.0)]


MESS = st.text(alphabet='0123456789,"\n\r\t 豫Q甲砂-.;\x00', max_size=400)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mess=MESS)
def test_any_text_is_accounted_line_by_line(home: Settings, tmp_path: Path, mess: str) -> None:
    path = write(tmp_path, (HEADER + "\n" + mess).encode())
    try:
        parsed = parse.parse(home, FEED, path)
    except InputRefusedError:
        return  # too little was good: refused whole, which the tests above read in words
    counted = parsed.header_lines + parsed.blank_lines + parsed.quoted_newlines + parsed.rows
    assert counted == parsed.physical_lines


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mess=MESS, place=st.integers(0, 200))
def test_dirt_between_good_rows_costs_no_good_row(home: Settings, tmp_path: Path, mess: str, place: int) -> None:
    dirt = mess.replace("\n", " ").replace("\r", " ")  # one line of dirt
    rows = lines()
    rows.insert(place + 1, dirt)
    parsed = parse.parse(home, FEED, write(tmp_path, rows))
    assert parsed.good == 200
    assert parsed.rows + parsed.blank_lines == 201
