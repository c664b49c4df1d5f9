"""The workbook of open questions: one row a question, to be answered in a spreadsheet and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import warehouse
from pipelines.errors import WrongCallError
from pipelines.feeds.ingest import neutral
from pipelines.feeds.parse import contract_of
from pipelines.feeds.questions import BUILD_KINDS
from pipelines.naming import wording
from pipelines.naming.choices import Choices, Register, keep_words
from pipelines.settings import Settings

if TYPE_CHECKING:
    import duckdb

SHEET, HELP_SHEET, LIST_SHEET = "问题", "说明", "选项"
# header, width; the last two are the codes the reader goes by, and are hidden
COLUMNS = (
    ("编号", 12), ("状态", 9), ("问题", 42), ("名称", 26), ("相近名称", 26), ("答案", 24), ("答复人", 12),
    ("答复日期", 12), ("备注", 26), ("数据", 12), ("来源", 14), ("行数", 10), ("首见文件", 26),
    ("feed", 4), ("kind", 4),
)  # fmt: skip
FIRST_ANSWER_COLUMN, LAST_ANSWER_COLUMN, HIDDEN_COLUMNS = 5, 8, 2
ANSWER_FIELDS = ("answer", "answered_by", "answered_on", "note")
MOST_ROWS = 50_000  # more is a feed gone wrong, and no spreadsheet to answer by hand
CELL_CHARS = 2_000


@dataclass(frozen=True)
class Exported:
    """A written workbook: where it is, how many questions are open in it, how many answered, how many left out."""

    path: Path
    open_count: int
    answered_count: int
    left_out_count: int


def export(settings: Settings, path: Path | None = None, feed_name: Callable[[str], str] = str) -> Exported:
    """Write the open questions, and those answered before, as a workbook with drop-down lists.

    Args:
        settings: whose warehouse is asked.
        path: where to write; by default the next free `names/questions-<n>.xlsx` under the home folder.
        feed_name: gives the word for a feed in the column 数据.

    Raises:
        WrongCallError: the file exists (it may hold answers), or it is no .xlsx.
        BusyError: another writer is at work.
    """
    target = path or _free_name(settings.home / "names")
    if target.suffix.lower() != ".xlsx":
        raise WrongCallError(f"{target}: the questions are written as a workbook; give a name that ends in .xlsx")
    if target.exists():
        raise WrongCallError(f"{target} exists and may hold answers: import it or move it away, or give another name")
    with warehouse.writer(settings) as con:
        rows = questions(con)
        register = Register(con)
    shown = rows[:MOST_ROWS]
    choices = {(row["feed"], row["kind"]): register.choices(row["feed"], row["kind"]) for row in shown}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        _write(partial, shown, choices, feed_name)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    open_count = sum(row["state"] != "settled" for row in shown)
    return Exported(target, open_count, len(shown) - open_count, len(rows) - len(shown))


def questions(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return every question, one row an id: open ones first (most rows first), then those an answer closed.

    Rows: `question_id, feed, source, kind, subject, row_count, similar_names, file_name, state, answer, answered_by,
    answered_on, note`; `state` is open, waiting (answered, but it has no effect yet) or settled.
    """
    rows: dict[str, dict[str, Any]] = {}
    files = dict(con.execute("SELECT feed || snapshot_sha256, file_name FROM meta.load_account").fetchall())
    for question in _rows(con, "FROM meta.question ORDER BY first_seen_at, source"):
        row = rows.setdefault(
            question["question_id"],
            {**dict.fromkeys(ANSWER_FIELDS), **question, "row_count": 0, "source": "", "state": "open"},
        )
        row["row_count"] += question["row_count"] or 0
        row["source"] = ", ".join(filter(None, (row["source"], question["source"])))
        row.setdefault("file_name", files.get(question["feed"] + question["snapshot_sha256"]))
    settled = dict.fromkeys(("source", "row_count", "similar_names", "file_name"))
    for answer in _rows(con, "FROM raw.name_answer WHERE outcome = 'accepted'"):
        number = answer["question_id"]
        row = rows.setdefault(number, {**settled, **answer, "state": "settled"})
        row.update({name: answer[name] for name in ANSWER_FIELDS})
        if row["state"] == "open":
            row["state"] = "waiting"
    states = list(wording.STATES)
    kinds = {kind: place for place, kind in enumerate(BUILD_KINDS)}
    return sorted(
        rows.values(),
        key=lambda row: (
            states.index(row["state"]), kinds.get(row["kind"], len(kinds)), row["kind"], row["feed"],
            -(row["row_count"] or 0), row["subject"],
        ),
    )  # fmt: skip


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def shown(cell: Any) -> Any:
    """Return a cell as the workbook shows it: no formula, no longer than a person reads."""
    return neutral(cell[:CELL_CHARS]) if isinstance(cell, str) else cell


def _free_name(folder: Path) -> Path:
    number = 1
    while (path := folder / f"questions-{number}.xlsx").exists():
        number += 1
    return path


def _write(
    path: Path,
    rows: list[dict[str, Any]],
    choices: dict[tuple[str, str], Choices],
    feed_name: Callable[[str], str],
) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    plain = book.add_format({"text_wrap": True, "valign": "top", "border": 1, "border_color": "#D0D0D0"})
    # Text cells: a spreadsheet must not turn a name such as 3-1 that is typed here into a date.
    fill = {"text_wrap": True, "valign": "top", "border": 1, "border_color": "#BF9000", "num_format": "@"}
    fillable = book.add_format({**fill, "bg_color": "#FFF2CC"})
    day = book.add_format({**fill, "bg_color": "#FFF2CC", "num_format": "yyyy-mm-dd"})
    header = book.add_format({"bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "valign": "vcenter",
                              "border": 1, "text_wrap": True})  # fmt: skip
    sheet, help_sheet, list_sheet = (book.add_worksheet(name) for name in (SHEET, HELP_SHEET, LIST_SHEET))
    for column, (title, width) in enumerate(COLUMNS):
        is_hidden = column >= len(COLUMNS) - HIDDEN_COLUMNS
        sheet.set_column(column, column, width, None, {"hidden": True} if is_hidden else {})
        sheet.write_string(0, column, title, header)
    for number, row in enumerate(rows, start=1):
        offered = choices[row["feed"], row["kind"]]
        for column, cell in enumerate(_cells(row, offered, feed_name)):
            is_answer = FIRST_ANSWER_COLUMN <= column <= LAST_ANSWER_COLUMN
            style = day if COLUMNS[column][0] == "答复日期" else fillable if is_answer else plain
            if cell is None:
                sheet.write_blank(number, column, None, style)
            else:
                sheet.write(number, column, shown(cell), style)
    sheet.freeze_panes(1, 4)
    sheet.autofilter(0, 0, max(len(rows), 1), len(COLUMNS) - 1)
    sheet.set_row(0, 24)
    _validate(sheet, list_sheet, rows, choices)
    help_sheet.set_column(0, 0, 110, book.add_format({"text_wrap": True, "valign": "top"}))
    for number, line in enumerate(wording.HELP):
        help_sheet.write_string(number, 0, line.format(**keep_words()))
    list_sheet.hide()
    book.close()


def _cells(row: dict[str, Any], offered: Choices, feed_name: Callable[[str], str]) -> list[Any]:
    similar = "\n".join(f"{name}（{score:.0%}）" for name, score in (row["similar_names"] or {}).items())
    return [
        row["question_id"],
        wording.STATES[row["state"]],
        wording.asked(contract_of(row["feed"]), row["kind"], row["subject"]),
        row["subject"],
        similar or None,
        offered.word(row["answer"]),
        row["answered_by"],
        row["answered_on"],
        row["note"],
        feed_name(row["feed"]),
        row["source"],
        row["row_count"] or None,
        row["file_name"],
        row["feed"],
        row["kind"],
    ]


def _validate(
    sheet: Any, list_sheet: Any, rows: list[dict[str, Any]], choices: dict[tuple[str, str], Choices]
) -> None:
    """Give each run of questions of one kind its drop-down list, which stands in a column of the hidden sheet."""
    import itertools

    from xlsxwriter.utility import xl_col_to_name

    for place, (key, offered) in enumerate(choices.items()):
        for number, choice in enumerate(offered.offered):
            list_sheet.write_string(number, place, shown(choice))
        name = xl_col_to_name(place)
        rule = {
            "validate": "list",
            "source": f"={LIST_SHEET}!${name}$1:${name}${len(offered.offered)}",
            "error_title": "答案不在选项中",
            "error_message": offered.remedy[:255],
            "error_type": "warning",
        }
        first = 1
        for kind, run in itertools.groupby(rows, key=lambda row: (row["feed"], row["kind"])):
            count = len(list(run))
            if kind == key:
                sheet.data_validation(first, FIRST_ANSWER_COLUMN, first + count - 1, FIRST_ANSWER_COLUMN, rule)
            first += count
