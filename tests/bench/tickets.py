"""Weighbridge tickets by the million, as the `weighsoft` desktop software exports them, with their true outcomes.

13 columns, about 157 bytes a line in GB18030; 61 sites, 6,000 plates, 8 products, 300 receivers; numbers restart
every year. Ticket i is the same in every file, whatever its size: a longer history begins with the shorter one.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

SITES, PLATES, RECEIVERS = 61, 6000, 300
START = datetime(2021, 11, 1)  # noqa: DTZ001  # local wall time, a Monday
HEADER = "磅单号,发货单位,收货单位,车号,货名,过磅类型,毛重,皮重,净重,毛重磅号,皮重时间,毛重时间,流向"
STEMS = ["青禾", "临川", "白鹭", "长亭", "石桥", "南岗", "老君", "沙河", "云台", "汝水", "金顶", "板桥"]
ENDS = ["号采石场", "号砂石厂", "号料场"]
NARROW, WIDE = "0123456789ABCDEFGHQ", "０１２３４５６７８９ＡＢＣＤＥＦＧＨＱ"
OUTCOMES = ("accepted", "duplicate", "superseded", "quarantined")
# Parts of 100,000 tickets. Broken bytes and stray quotes are few, as in real exports.
DIRT = {
    "out_of_range": (100, "quarantined"),
    "bad_time": (100, "quarantined"),
    "missing_value": (100, "quarantined"),
    "arithmetic": (100, "quarantined"),
    "wrong_cell_count": (80, "quarantined"),
    "bad_encoding": (10, "quarantined"),
    "stray_quote": (2, "quarantined"),
    "full_width_plate": (200, "accepted"),
    "no_plate": (50, "accepted"),
    "thousands_separator": (30, "accepted"),
    "repeated": (200, "duplicate"),
    "corrected": (20, "superseded"),
}
# A character that no ticket holds marks where the converter puts a byte that is none.
BROKEN_MARK, BROKEN_BYTE = "\ue000", b"\xff"
CONVERT_CHARS = 1 << 22


@dataclass(frozen=True)
class Series:
    """How a run scales: tickets of the whole history, of a week, and of the chunks they are made in."""

    rows: int
    rows_a_week: int
    chunk: int

    @classmethod
    def of(cls, rows: int) -> Series:
        """Return the series whose whole history has `rows` tickets in 250 weeks."""
        return cls(rows, rows // 250, rows // 20)


@dataclass(frozen=True)
class Made:
    """A file of tickets: its data rows and how many of them end in which outcome."""

    path: Path
    rows: int
    outcomes: dict[str, int]

    @property
    def bytes_a_row(self) -> float:
        """Mean length of a line."""
        return self.path.stat().st_size / self.rows


@dataclass(frozen=True)
class _Piece:
    """One chunk, written: its file, size and outcomes."""

    path: Path
    size: int
    outcomes: dict[str, int]


def make(
    folder: Path, series: Series, first: int, last: int, *, kind: str = "clean", encoding: str = "gb18030"
) -> Made:
    """Write the tickets `first` to `last` (out) into a cached file and return it.

    Args:
        folder: where files are kept between runs.
        series: the scale of the run.
        first: number of the first ticket.
        last: number after the last one; whole chunks, where they are more than one.
        kind: clean; dirty (about 1 % of the lines, CRLF, see DIRT); or resent (the columns in another order and one
            in a thousand with other weights, so that nearly all rows are known and every byte is new).
        encoding: gb18030, or utf-8 for the baseline.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{series.rows}-{first}-{last}.{encoding}.csv"
    note = path.with_suffix(".json")
    if not note.exists():
        longer = folder / f"{kind}-{series.rows}-{first}-{series.rows}.{encoding}.json"
        if longer.exists():
            _cut(longer, path, (last - first) // series.chunk)
        else:
            _write(path, series, first, last, kind, encoding)
    pieces = json.loads(note.read_text(encoding="utf-8"))
    outcomes = {name: sum(outcomes[name] for _, outcomes in pieces) for name in OUTCOMES}
    return Made(path, sum(outcomes.values()), outcomes)


def _write(path: Path, series: Series, first: int, last: int, kind: str, encoding: str) -> None:
    newline = "\r\n" if kind == "dirty" else "\n"
    header = (",".join(_order(kind, HEADER.split(","))) + newline).encode(encoding)
    partial, noted = path.with_suffix(".partial"), []
    jobs = [
        (path.with_suffix(f".{begin}.chunk"), series, begin, min(begin + series.chunk, last), kind, encoding)
        for begin in range(first, last, series.chunk)
    ]
    # New processes, not forks: the parent may hold threads of DuckDB.
    with (
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
        partial.open("wb") as target,
    ):
        target.write(header)
        end = len(header)
        for piece in pool.map(_write_chunk, jobs):
            with piece.path.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 22)
            piece.path.unlink()
            end += piece.size
            noted.append([end, piece.outcomes])
    partial.replace(path)
    path.with_suffix(".json").write_text(json.dumps(noted), encoding="utf-8")


def _cut(note: Path, path: Path, chunks: int) -> None:
    """Write the first chunks of a longer file as a file of their own."""
    noted = json.loads(note.read_text(encoding="utf-8"))[:chunks]
    left = noted[-1][0]
    partial = path.with_suffix(".partial")
    with note.with_suffix(".csv").open("rb") as source, partial.open("wb") as target:
        while left:
            piece = source.read(min(left, 1 << 22))
            target.write(piece)
            left -= len(piece)
    partial.replace(path)
    path.with_suffix(".json").write_text(json.dumps(noted), encoding="utf-8")


def _converted(piece: str, encoding: str) -> bytes:
    return BROKEN_BYTE.join(part.encode(encoding) for part in piece.split(BROKEN_MARK))


def _order(kind: str, columns: list[str]) -> list[str]:
    return [*columns[7:], *columns[:7]] if kind == "resent" else columns


def _write_chunk(job: tuple[Path, Series, int, int, str, str]) -> _Piece:
    """Write one chunk in its encoding."""
    path, series, first, last, kind, encoding = job
    names = _order(kind, [f"c{number}" for number in range(13)])
    line = " || ',' || ".join(names)
    if kind == "dirty":
        # Eight cells are a line that was cut.
        cut = " || ',' || ".join(names[:8])
        line = f"CASE WHEN dirt = 'wrong_cell_count' THEN {cut} ELSE {line} END || chr(13)"
    text = path.with_suffix(".text")
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        con.execute(f"CREATE TEMP TABLE ticket AS {_tickets(series, first, last, kind)}")
        con.execute(
            f"COPY (SELECT {line} FROM ticket ORDER BY place) TO '{text}'"
            " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')"
        )
        counts = dict(con.execute("SELECT outcome, count(*) FROM ticket GROUP BY ALL").fetchall())
    with text.open(encoding="utf-8", newline="") as source, path.open("wb") as target:
        while piece := source.read(CONVERT_CHARS):
            target.write(_converted(piece, encoding))
        size = target.tell()
    text.unlink()
    return _Piece(path, size, {name: counts.get(name, 0) for name in OUTCOMES})


def _tickets(series: Series, first: int, last: int, kind: str) -> str:
    """Return the SELECT of one chunk: cells c0 to c12, dirt, outcome and place."""
    bounds, below = [], 0
    for name, (parts, _) in DIRT.items():
        bounds.append(f"WHEN lot < {below + parts} THEN '{name}'")
        below += parts
    dirt = f"CASE {' '.join(bounds)} END" if kind == "dirty" else "NULL::VARCHAR"
    other = "CASE WHEN hash(i, 'resent') % 1000 = 0 THEN 20 ELSE 0 END" if kind == "resent" else "0"
    fates = " ".join(f"WHEN '{name}' THEN '{fate}'" for name, (_, fate) in DIRT.items() if fate == "quarantined")
    # Seen beside the first file: a re-sent row is a copy, or the version that now stands.
    fate = f"CASE WHEN {other} = 0 THEN 'duplicate' ELSE 'accepted' END" if kind == "resent" else "'accepted'"
    seconds = 7 * 86400
    # A block of 61 tickets is one a site, so a site's number is its block, counted from the year's first.
    return f"""
        WITH number AS (
            SELECT i,
                (TIMESTAMP '{START}' + to_days((i * 7 // {series.rows_a_week})::INTEGER)
                    + to_seconds(21600 + (i * {seconds} // {series.rows_a_week}) % 86400 * 14 // 24)) AS moment,
                (hash(i, 57) >> 1)::BIGINT AS h1, (hash(i, 58) >> 1)::BIGINT AS h2,
                (hash(i, 59) % 100000)::INTEGER AS lot
            FROM range({first}, {last}) AS t (i)
        ),
        weighing AS (
            SELECT *,
                ((i % {SITES}) * 37 + i // {SITES} * 11) % {SITES} AS site_no,
                i // {SITES} - greatest(0, date_diff('day', TIMESTAMP '{START}', date_trunc('year', moment)))
                    * {series.rows_a_week} // 7 // {SITES} + 1 AS ticket_no,
                h1 % {PLATES} AS plate_no,
                12000 + ((hash(h1 % {PLATES}) % 250) * 20)::INTEGER AS tare,
                14000 + (h2 % 1000) * 18 // 20 * 20 + CASE WHEN h2 // 1000 % 25 = 0 THEN 24000 ELSE 0 END + {other}
                    AS net,
                {dirt} AS dirt
            FROM number
        ),
        cell AS (
            SELECT i, dirt, lot,
                lpad(ticket_no::VARCHAR, 6, '0') AS c0,
                CASE WHEN dirt = 'missing_value' THEN '' ELSE
                    {STEMS}[1 + site_no % {len(STEMS)}] || '建材演示' || (100 + site_no)
                    || {ENDS}[1 + site_no % {len(ENDS)}] END AS c1,
                '示例' || ['建设','路桥','商砼','水利','市政'][1 + h2 % 5] || '（驻马店）'
                    || (1000 + h1 // {PLATES} % {RECEIVERS})
                    || ['工程有限公司', '混凝土公司', '项目经理部'][1 + h1 // {PLATES} % {RECEIVERS} % 3] AS c2,
                CASE WHEN dirt = 'no_plate' THEN '' WHEN dirt = 'full_width_plate'
                    THEN translate(plate, '{NARROW}', '{WIDE}') ELSE plate END AS c3,
                ['机制砂','碎石','石粉','天然砂','卵石','混合砂','块石','河砂'][1 + h2 // 7 % 8]
                    || CASE WHEN dirt = 'stray_quote' THEN '"' ELSE '' END AS c4,
                '销售' || CASE WHEN dirt = 'bad_encoding' THEN '{BROKEN_MARK}' ELSE '' END AS c5,
                CASE WHEN dirt = 'out_of_range' THEN '-' || (tare + net) WHEN dirt = 'thousands_separator'
                    THEN '"' || format('{{:,}}', tare + net) || '"' ELSE (tare + net)::VARCHAR END AS c6,
                tare::VARCHAR AS c7,
                (net + CASE WHEN dirt = 'arithmetic' THEN 1000 ELSE 0 END)::VARCHAR AS c8,
                (1 + h1 % 2) || '号地磅' AS c9,
                strftime(moment - to_seconds((1200 + h1 % 1800)::BIGINT), '%Y-%m-%d %H:%M:%S') AS c10,
                CASE WHEN dirt = 'bad_time' THEN strftime(moment, '%Y-13-%d %H:%M:%S')
                    ELSE strftime(moment, '%Y-%m-%d %H:%M:%S') END AS c11,
                ['驿城区','西平县','上蔡县','平舆县','正阳县','确山县','泌阳县','汝南县','遂平县','新蔡县']
                    [1 + h2 // 61 % 10] AS c12
            FROM (SELECT *, '豫Q' || ['A','B','C','D','E','F','G','H'][1 + plate_no % 8]
                || lpad((plate_no * 1613 % 10000)::VARCHAR, 4, '0') AS plate FROM weighing)
        )
        SELECT *, CASE dirt {fates} WHEN 'corrected' THEN 'superseded' ELSE {fate} END AS outcome, i * 2 AS place
        FROM cell
        UNION ALL BY NAME
        -- Copies and corrections come some hundred lines below, as where a terminal sends a day twice.
        SELECT * REPLACE (
                CASE WHEN dirt = 'corrected' THEN (c6::INTEGER + 200)::VARCHAR ELSE c6 END AS c6,
                CASE WHEN dirt = 'corrected' THEN (c8::INTEGER + 200)::VARCHAR ELSE c8 END AS c8
            ),
            CASE dirt WHEN 'corrected' THEN 'accepted' ELSE 'duplicate' END AS outcome, i * 2 + 1001 AS place
        FROM cell WHERE dirt IN ('repeated', 'corrected')
    """


def write_register(path: Path) -> Path:
    """Write the register of the 61 sites; its names are those of the tickets."""
    counties = [411702, *range(411721, 411730)]
    lines = ["站点,企业名称,县区代码,主体类型,专用线状态,衡器最大称量,分度值"]
    for number in range(SITES):
        site = f"{STEMS[number % len(STEMS)]}建材演示{100 + number}{ENDS[number % len(ENDS)]}"
        lines.append(f"{site},演示{number}建材有限公司,{counties[number % 10]},矿山,无,100000,20")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
