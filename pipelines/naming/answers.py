"""Taking an answered workbook: each answer is held against what the warehouse knows, the good ones are loaded.

The workbook is kept as it came, among the snapshots; what was taken from it is a file of feed name_answer, so a
warehouse that is made anew from the snapshots holds the answers too.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
import tempfile
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import warehouse
from pipelines.errors import InputRefusedError
from pipelines.feeds import decode, headers, ingest, snapshot
from pipelines.feeds.parse import contract_of
from pipelines.feeds.questions import KEEP
from pipelines.naming.choices import FEED, Register, profile_lines
from pipelines.naming.question_book import questions, shown
from pipelines.settings import TIME_ZONE, Settings

APPLIED_KINDS = ("unknown_site", "unknown_product")  # kinds whose answer the SQL itself reads
SAVED_AT = re.compile(rb"<dcterms:modified[^>]*>([^<]+)<")
DAY = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})")
LINE_FIELDS = ("question_id", "feed", "kind", "subject", "answer", "answered_by", "answered_on", "note",
               "workbook_sha256", "workbook_line")  # fmt: skip


@dataclass
class Imported:
    """What became of an answered workbook.

    `taken` answers are new or changed, `unchanged` were known, `blank` questions stay unanswered. `refused` holds a
    message an answer that was not taken, `to_do` one an answer that takes a line in a source profile.
    """

    path: str
    sha256: str
    taken: int = 0
    unchanged: int = 0
    blank: int = 0
    refused: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return asdict(self)


def import_answers(settings: Settings, path: Path) -> Imported:
    """Take the answers of a workbook that `question_book.export` wrote and people filled in.

    A later answer to a question replaces the earlier one. Figures change with the next build.

    Raises:
        InputRefusedError: the file is no such workbook; nothing was taken.
        BusyError: another writer is at work.
    """
    contract = contract_of(FEED)
    kept = snapshot.take(settings, path)
    try:
        table = decode.read_table(kept.path, contract, contract.sources["default"])
        found = headers.header_map(contract, contract.sources["default"], table.headers)
        filled = [
            (item[0], {name: item[1][place].strip() for name, place in found.items()})
            for item in table.rows
            if not isinstance(item, decode.BadLine)
        ]
    except InputRefusedError as error:
        raise InputRefusedError(
            f"{path.name}: {error}. Send the workbook of `sandwatch names export`, filled in and saved as .xlsx"
        ) from error
    with warehouse.writer(settings) as con:
        asked = {row["question_id"]: row for row in questions(con)}
        register = Register(con)
    result = Imported(path.name, kept.sha256)
    saved_on = _saved_on(kept.path)
    lines = []
    for number, row in filled:
        if not row["answer"]:
            result.blank += 1
            continue
        question = asked.get(row["question_id"])
        answer, problem = _judge(register, question, row)
        if question is None or answer is None:
            result.refused.append(f"第 {number} 行：{problem}")
            continue
        day = _day(row.get("answered_on", ""))
        if row.get("answered_on") and day is None:
            result.refused.append(
                f"第 {number} 行：答复日期 {row['answered_on']!r} 不是日期；请按 2026-01-05 填写，或留空"
            )
            continue
        given = {
            "answer": answer,
            "answered_by": row.get("answered_by") or None,
            "note": row.get("note") or None,
        }
        if question["state"] != "open" and _is_unchanged(question, given, day):
            result.unchanged += 1
            continue
        result.taken += 1
        origin = {"workbook_sha256": kept.sha256, "workbook_line": number, "answered_on": day or saved_on}
        lines.append({**question, **given, **origin})
        if answer != KEEP and question["kind"] not in APPLIED_KINDS:
            result.to_do.append(_to_do(question, answer))
    if lines:
        _load(settings, lines, f"{Path(kept.file_name).stem}.answers.csv")
    return result


def _judge(register: Register, question: dict[str, Any] | None, row: dict[str, str]) -> tuple[str | None, str]:
    """Return what an answer means, or None and why it is not taken."""
    number, answer = row["question_id"], row["answer"]
    if question is None:
        return None, f"没有编号为 {number!r} 的问题；请勿改动编号，或重新导出后再填"
    if row["subject"] not in (question["subject"], str(shown(question["subject"])).strip()):
        return None, f"{number} 的名称应为“{question['subject'][:80]}”，表中为“{row['subject'][:80]}”；请勿改动名称"
    offered = register.choices(question["feed"], question["kind"])
    meant = offered.meant(answer.removeprefix("'"))
    if meant is None:
        return None, f"{number}“{question['subject'][:80]}”的答案“{answer[:80]}”不在选项中；{offered.remedy}"
    return meant, ""


def _is_unchanged(question: dict[str, Any], given: dict[str, Any], day: str | None) -> bool:
    same_day = day is None or question["answered_on"] is None or day == question["answered_on"].isoformat()
    return same_day and all(question[name] == value for name, value in given.items())


def _to_do(question: dict[str, Any], answer: str) -> str:
    contract = contract_of(question["feed"])
    sources = (question["source"] or "default").split(", ")
    lines = "; ".join(
        profile_lines(contract, source, question["kind"], question["subject"], answer) for source in sources
    )
    return (
        f"{question['question_id']}：答案已记录；须在来源配置中补一行才能生效（问题届时自动关闭），"
        f"此前入库的文件须重新读取：{lines}"
    )


def _day(text: str) -> str | None:
    if match := DAY.match(text):
        try:
            return dt.date(*map(int, match.groups())).isoformat()
        except ValueError:
            return None
    return None


def _saved_on(path: Path) -> str | None:
    """Return the day a workbook says it was last saved; no clock of ours goes into data."""
    try:
        with zipfile.ZipFile(path) as archive:
            match = SAVED_AT.search(archive.read("docProps/core.xml"))
        if match:
            at = dt.datetime.fromisoformat(match[1].decode("ascii"))
            at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
            return at.astimezone(ZoneInfo(TIME_ZONE)).date().isoformat()
    except (zipfile.BadZipFile, KeyError, ValueError):
        pass
    return None


def _load(settings: Settings, lines: list[dict[str, Any]], name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sandwatch-answers-") as folder:
        path = Path(folder) / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, LINE_FIELDS, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        loaded = ingest.ingest(settings, FEED, [path])
    if loaded.refused or loaded.total("quarantined"):
        raise InputRefusedError(
            f"the answers could not be loaded: {loaded.refused or loaded.files}; report this, it is a fault of ours"
        )
