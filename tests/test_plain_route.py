"""The fast route of large texts recognises good rows only: it never reads one otherwise than the exact reader."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from pipelines import warehouse
from pipelines.feeds import corrections, load, parse, plain_route, plain_scan
from pipelines.settings import Settings

FEED = "weighbridge_ticket"
HEADER = "磅单号,发货单位,收货单位,车号,货名,规格,过磅类型,毛重,皮重,净重,皮重时间,毛重时间,流向,作废,备注"
ROWS = 1500
# What a cell is replaced by: (column, cell). Some are read all the same, some put aside, none may be read otherwise.
DIRT = [
    (0, "ＷＢ１２３"), (0, " WB77 "), (0, ""), (0, "单-7"), (0, "WB\x7f8"),
    (1, ""), (1, "  "), (1, "甲矿\u3000"), (1, "镕堃石料厂"), (1, "𠮷矿"), (1, "甲\x1f矿"),
    (3, "豫q 1234５"), (3, "豫·Q99887"), (3, ""), (3, "豫Q12345学"),
    (4, "机制砂（水洗）"), (4, "机\u2028制"), (4, '机"制砂'), (4, '"机制,砂"'), (4, '"机\n制"'),
    (6, "采购"), (6, "倒短"), (6, "销 售"), (6, ""), (6, "出"),
    (7, "45.6t"), (7, "45,600"), (7, "４５６００"), (7, "99"), (7, ""), (7, "abc"), (7, "1e4"), (7, "45600.4567891"),
    (7, "999999999999999999999"), (7, "-3"), (8, "0"), (8, ""), (8, "15000 kg"), (9, "1,23"), (9, ""),
    (10, ""), (10, "2026-02-30 08:00:00"), (10, "20260105080300"), (11, "2026/1/5 8:03"), (11, "2026年1月5日 8时3分"),
    (11, ""), (11, "1991-06-01 00:30:00"), (11, "2062-01-05 08:00:00"), (11, "2026-01-05 24:00:00"), (11, "44567.5"),
    (11, "2026-01-05 08:00:00+02"), (12, "上蔡县\t"), (13, "是"), (13, "作废?"), (13, "否"), (14, "\x00"),
]  # fmt: skip
LINES = ["", ",,,,,,,,,,,,,,", "合计,,,,,,,999,,999,,,,,", "合计：1500车", HEADER, "a,b,c", "," * 20, '"', "第 1 页"]


def ticket(number: int) -> list[str]:
    tare, net = 15000 + number % 700, 20000 + number % 9000
    at = f"2026-01-{number % 27 + 1:02d} {number % 24:02d}:{number % 60:02d}:{number * 7 % 60:02d}"
    return [
        f"WB{number:06d}", f"第{number % 9}号虚构矿", f"样例{number % 31}站", f"豫Q{number % 400:05d}",
        ["机制砂", "碎石", "石子"][number % 3], "中砂", "销售", str(tare + net), str(tare), str(net), at, at,
        ["上蔡县", "泌阳县"][number % 2], "", "",
    ]  # fmt: skip


def dirty_text(seed: int, share: float) -> str:
    rng = random.Random(seed)  # noqa: S311  # a test's dirt, not a secret
    lines = []
    for number in range(ROWS):
        cells = ticket(number)
        while rng.random() < share:
            column, cell = rng.choice(DIRT)
            cells[column] = cell
        lines.append(",".join(cells))
        if rng.random() < share / 4:
            lines.append(lines[rng.randrange(len(lines))])  # a copy of some row
        if rng.random() < share / 4:
            lines.append(rng.choice(LINES))
    return "\n".join([HEADER, *lines]) + "\n"


def outcome(home: Path, path: Path, source: str, *, exactly: bool) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    settings = Settings(home=home)
    parsed = parse.parse(settings, FEED, path, source, exactly=exactly)
    assert bool(parsed.plain_parquet) is not exactly
    (account,) = load.load(settings, FEED, [parsed])
    with warehouse.writer(settings) as con:
        tables = {
            "rows": con.execute(f"SELECT * FROM raw.{FEED} ORDER BY line").fetchall(),
            "rejects": con.execute("FROM meta.reject ORDER BY line").fetchall(),
            "account": con.execute("SELECT * EXCLUDE (loaded_at) FROM meta.load_account").fetchall(),
            "questions": con.execute("SELECT kind, subject, row_count FROM meta.question ORDER BY ALL").fetchall(),
            "weeks": con.execute("FROM meta.touched_week ORDER BY ALL").fetchall(),
        }
    return account, tables


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the plain route whatever the size and however much is left to the exact reader."""
    monkeypatch.setattr(plain_route, "PLAIN_BYTES", 0)
    monkeypatch.setattr(plain_scan, "MAX_ODD_SHARE", 1.0)
    monkeypatch.setattr(parse, "refuse_if_unusable", lambda *_: None)


def compare(tmp_path: Path, content: bytes, source: str, name: str = "tickets.csv") -> dict[str, Any]:
    path = tmp_path / name
    path.write_bytes(content)
    fast, fast_tables = outcome(tmp_path / "fast", path, source, exactly=False)
    exact, exact_tables = outcome(tmp_path / "exact", path, source, exactly=True)
    for table, rows in exact_tables.items():
        differing = [pair for pair in zip(fast_tables[table], rows, strict=False) if pair[0] != pair[1]]
        assert not differing, (table, differing[0])
        assert len(fast_tables[table]) == len(rows), table
    assert fast == exact
    return fast


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("encoding", "source"), [("gb18030", "weighsoft"), ("utf-8-sig", "default"), ("utf-8", "daybook_utf8")]
)
def test_every_row_ends_as_the_exact_reader_says(tmp_path: Path, seed: int, encoding: str, source: str) -> None:
    source = "default" if source == "daybook_utf8" else source
    text = dirty_text(seed, share=0.01 if seed % 2 else 0.15)
    account = compare(tmp_path, text.encode(encoding), source)
    assert account["accepted"] > ROWS / 2
    assert account["quarantined"] > 0
    assert account["duplicate"] > 0


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda text: text.replace(b"\n", b"\r\n"), "crlf.csv"),
        (lambda text: text.replace(b"\n", b"\r\n", 700).replace(b"\r\nWB00001", b"\rWB00001"), "mixed.csv"),
        (lambda text: text.rstrip(b"\n"), "no_end.csv"),
        (lambda text: "驻马店磅单导出\n\n日期：2026-01\n".encode("gb18030") + text, "titles.csv"),
        (lambda text: text.replace("甲矿".encode("gb18030"), b"\xff\xfe"), "broken.csv"),
        (lambda text: text.replace("虚构".encode("gb18030"), b"\xd0\xe9\xd0", 3), "cut.csv"),
        (gzip.compress, "packed.csv.gz"),
    ],
)
def test_line_ends_titles_and_packing_change_nothing(tmp_path: Path, change: Any, name: str) -> None:
    account = compare(tmp_path, change(dirty_text(9, share=0.05).encode("gb18030")), "weighsoft", name)
    assert account["accepted"] > ROWS / 2


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = dirty_text(5, share=0.05).replace(",", delimiter)
    compare(tmp_path, text.encode("gb18030"), "weighsoft")


CORRECTIONS = """
- id: tare-of-site-3
  where: site_name = '第3号虚构矿' AND tare_kg < 15300
  action: {set: {tare_kg: 15300, net_kg: null}}
  reason: 皮重错误
  date: 2026-01-20
  by: 数据岗
  guard: net_kg < 21000
- id: stone-is-gravel
  where: weighed_at < TIMESTAMPTZ '2026-01-09 00:00:00+08'
  action: {replace: {column: product_name, from: 石子, to: 碎石}}
  reason: 品名录错
  date: 2026-01-20
  by: 数据岗
  guard: plate IS NOT NULL
- id: trial-weighings
  where: ticket_no BETWEEN 'WB000100' AND 'WB000107' OR line = 900
  action: drop
  reason: 试称
  date: 2026-01-20
  by: 数据岗
  guard: gross_kg > 0
"""


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("share", [0.0, 0.08])
def test_corrections_mend_the_same_rows_on_both_routes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    folder = tmp_path / "corrections"
    folder.mkdir()
    (folder / f"{FEED}.yaml").write_text(CORRECTIONS, encoding="utf-8")
    monkeypatch.setattr(corrections, "FOLDER", folder)
    account = compare(tmp_path, dirty_text(11, share).encode("gb18030"), "weighsoft")
    assert account["reasons"]["known_error"] > 5
    assert "tare-of-site-3" in {question["subject"] for question in account["questions"]}
    with warehouse.writer(Settings(home=tmp_path / "fast")) as con:
        mended = dict(
            con.execute(
                f"SELECT name, count(*) FROM (SELECT unnest(correction_ids) AS name FROM raw.{FEED}) GROUP BY 1"
            ).fetchall()
        )
    assert mended.keys() == {"tare-of-site-3", "stone-is-gravel"}
    assert min(mended.values()) > 20


@pytest.mark.usefixtures("always")
def test_a_file_that_is_all_quoted_goes_to_the_exact_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_scan, "MAX_ODD_SHARE", 0.05)
    monkeypatch.setattr(plain_scan, "MIN_ODD_LINES", 100)
    lines = [",".join(f'"{cell}"' for cell in ticket(number)) for number in range(ROWS)]
    path = tmp_path / "quoted.csv"
    path.write_bytes("\n".join([HEADER, *lines]).encode("gb18030"))
    parsed = parse.parse(Settings(home=tmp_path / "home"), FEED, path, "weighsoft")
    assert (parsed.plain_parquet, parsed.good) == ("", ROWS)


def test_the_contract_of_tickets_allows_the_plain_route() -> None:
    from pipelines.contracts import contracts
    from pipelines.feeds import plain_rows

    contract = contracts()[FEED]
    supported = {name for name, profile in contract.sources.items() if plain_rows.is_supported(contract, profile)}
    assert {"default", "weighsoft", "cloud", "daybook"} <= supported
