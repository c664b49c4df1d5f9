"""The chase list: whom to call about which missing days, as an XLSX in Chinese that an office can work through."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.alerting import freshness_message
from pipelines.alerting.sources import Source, Standing
from pipelines.feeds.ingest import neutral

if TYPE_CHECKING:
    from xlsxwriter import Workbook

TO_CALL, ALL = "催报", "全部来源"
# Header and width in characters, the columns in the order a caller reads them.
CALL_COLUMNS = (
    ("状态", 8), ("数据", 10), ("县区", 10), ("来源", 26), ("企业", 24), ("最后一天", 12), ("应报未报（天）", 14),
    ("允许（天）", 10), ("起始日", 12), ("缺哪些天", 44), ("接收滞后（天）", 14), ("联系人", 10), ("联系电话", 16),
    ("责任方", 30), ("请对方做什么", 60), ("联系结果", 24),
)  # fmt: skip
ALL_COLUMNS = (
    ("状态", 12), ("数据", 10), ("县区", 10), ("来源", 26), ("来源格式", 14), ("报送频率", 10), ("最后一天", 12),
    ("应报未报（天）", 14), ("允许（天）", 10), ("接收滞后（天）", 14), ("联系人", 10), ("联系电话", 16),
    ("归口", 24), ("责任方", 30),
)  # fmt: skip
COLOURS = {"silent": "#F8CBAD", "gap": "#FFE699", "late": "#DDEBF7", "ended": "#E7E6E6"}
NOT_FOR_OTHERS = 0o640  # names and phones of people
HEADER_ROW = 2  # two lines above it say what the list is


def write(standing: Standing, path: Path) -> Path:
    """Write the list and return its path; the file is there whole or not at all, and not for others to read.

    The first sheet has a row for each silent, incomplete or late source, the worst first; the second every source.
    Days are dates, numbers are days.
    """
    content = to_bytes(standing)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NOT_FOR_OTHERS), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return path


def to_bytes(standing: Standing) -> bytes:
    """Return the workbook."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        note = f"截至 {standing.as_of}（含当日）"
        if standing.loaded:
            note += f"；数据最近一次入库 {standing.loaded}"
        if standing.unknown_years:
            years = "、".join(map(str, standing.unknown_years))
            note += f"；{years} 年节假日安排尚未收录，工作日按周一至周五计"
        count = len(standing.chased)
        title = f"停报、缺日、迟报来源 {count} 个" if count else "没有停报、缺日或迟报的来源"
        _sheet(book, TO_CALL, title, note, CALL_COLUMNS, standing.chased, _call)
        _sheet(book, ALL, f"全部来源 {len(standing.sources)} 个", note, ALL_COLUMNS, standing.sources, _state)
    return out.getvalue()


def _sheet(
    book: Workbook,
    name: str,
    title: str,
    note: str,
    columns: Sequence[tuple[str, int]],
    found: Sequence[Source],
    row_of: Callable[[Source], list[Any]],
) -> None:
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "font_size": 14})
    header = book.add_format(
        {"bold": True, "bg_color": "#D9D9D9", "border": 1, "text_wrap": True, "valign": "vcenter"}
    )
    plain = {"text_wrap": True, "valign": "top", "border": 1}
    formats = {
        state: (
            book.add_format(plain | ({"bg_color": colour} if colour else {})),
            book.add_format(plain | {"num_format": "yyyy-mm-dd"} | ({"bg_color": colour} if colour else {})),
        )
        for state, colour in {**COLOURS, "fresh": "", "unasked": ""}.items()
    }
    sheet.write_string(0, 0, title, bold)
    sheet.write_string(1, 0, note)
    for place, (text, width) in enumerate(columns):
        sheet.write_string(HEADER_ROW, place, text, header)
        sheet.set_column(place, place, width)
    for line, source in enumerate(found, start=HEADER_ROW + 1):
        usual, day = formats[source.state]
        for place, value in enumerate(row_of(source)):
            if isinstance(value, dt.date):
                sheet.write_datetime(line, place, dt.datetime(value.year, value.month, value.day), day)  # noqa: DTZ001  # a day, no zone
            elif isinstance(value, int | float):
                sheet.write_number(line, place, value, usual)
            elif value:
                sheet.write_string(line, place, neutral(value), usual)
            else:
                sheet.write_blank(line, place, None, usual)
    sheet.freeze_panes(HEADER_ROW + 1, 0)
    sheet.autofilter(HEADER_ROW, 0, HEADER_ROW + max(len(found), 1), len(columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(HEADER_ROW)


def _call(source: Source) -> list[Any]:
    said = freshness_message.words("zh")
    never = said["never"] if source.state == "silent" else None
    return [
        said["state"][source.state], freshness_message.feed_name(source.feed, "zh"), source.place, _who(source),
        freshness_message.line(source.firm_name), source.last_on or never, source.missed_count, source.allowed_days,
        source.since_on, days_missing(source), source.lag_days, freshness_message.line(source.contact_name),
        freshness_message.line(source.contact_phone), source.who_fixes, freshness_message.ask(source, "zh"), None,
    ]  # fmt: skip


def _state(source: Source) -> list[Any]:
    said = freshness_message.words("zh")
    return [
        said["state"][source.state], freshness_message.feed_name(source.feed, "zh"), source.place, _who(source),
        source.profile, said["cadence"].get(source.cadence, source.cadence), source.last_on, source.missed_count,
        source.allowed_days, source.lag_days, freshness_message.line(source.contact_name),
        freshness_message.line(source.contact_phone), source.owner, source.who_fixes,
    ]  # fmt: skip


def _who(source: Source) -> str:
    return freshness_message.line(source.source_id) if source.is_site else freshness_message.name(source, "zh")


def days_missing(source: Source) -> str:
    """Return the missing days as ranges with how many of each are owed: 2026-11-10 至 2026-11-13（4天）."""
    said = freshness_message.words("zh")
    return "、".join(
        str(run.first_on)
        + (f"{said['to']}{run.last_on}" if run.last_on != run.first_on else "")
        + f"（{said['days'].format(count=run.day_count)}）"
        for run in source.silences
    )
