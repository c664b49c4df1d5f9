"""The form of a feed: a workbook with its headers, lists to choose from, what each column means and an example row.

Filled in, it is a file of the feed's default source and loads as it stands. Everything in it comes from the contract.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.contracts import UNITS, Column, Contract
from pipelines.errors import WrongCallError
from pipelines.feeds.ingest import neutral
from pipelines.feeds.reasons import column_label

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE_ROW, MARK_ROW, HEADER_ROW, EXAMPLE_ROW = 0, 1, 2, 3
FILLABLE_ROWS = 2000  # more is an export, and no form filled in by hand
NARROWEST, WIDEST = 10, 30
TIME_WIDTH = 18
UNIT_WORDS = {"zh": {"kg": "kg", "t": "吨"}, "en": {"kg": "kg", "t": "t"}}
FLAGS = {"zh": ("是", "否"), "en": ("yes", "no")}
NUMBER_FORMATS = {"date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm", "integer": "0"}
PATTERNS = {"date": ("%Y-%m-%d",), "time": ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")}
# Where the contract gives no example: what stands in a cell that must not be blank.
USUAL = {"plate": "豫Q00000", "date": "2026-01-05", "time": "2026-01-05 08:03", "integer": "2", "number": "100"}
WORDS = {
    "zh": {
        "title": "{name}填报表", "sheet": "填报", "help": "填写说明", "lists": "选项",
        "must": "必填", "any": "必填其一", "may": "选填", "none": "可填：{words}",
        "advice": "第 {row} 行为示例，填报前请删除；自该行起逐行填写。表头请勿改动，底色较深的列必填，不用的列留空。",
        "heads": ("列", "是否必填", "填写内容", "可选值或单位", "示例"),
        "wrong": "该值不在可选项或取值范围内，报送后该行会被退回。",
        "kinds": {"text": "文字", "plate": "车牌号", "code": "选择一项", "flag": "是或否",
                  "mass_kg": "数字", "mass_t": "数字", "number": "数字", "integer": "整数",
                  "date": "日期，如 2026-01-05", "time": "时间，如 2026-01-05 08:03"},
    },
    "en": {
        "title": "Form: {name}", "sheet": "form", "help": "how to fill in", "lists": "lists",
        "must": "required", "any": "one of these", "may": "optional", "none": "may say: {words}",
        "advice": "Row {row} is an example: delete it, and fill in from that row on. Leave the headers as they are;"
                  " dark columns are required, others may stay blank.",
        "heads": ("column", "required", "what to fill in", "words or unit", "example"),
        "wrong": "Not one of the words, or outside the range: such a row is sent back.",
        "kinds": {"text": "text", "plate": "number plate", "code": "one of the words", "flag": "yes or no",
                  "mass_kg": "number", "mass_t": "number", "number": "number", "integer": "whole number",
                  "date": "date, as 2026-01-05", "time": "time, as 2026-01-05 08:03"},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A column as the form shows it: header with unit, mark (must, any, may), words to choose from, note, example."""

    column: Column
    header: str
    mark: str
    choices: tuple[str, ...]
    note: str
    example: str


def fields(contract: Contract, language: str) -> list[Field]:
    """Return the columns of a feed's form, in the contract's order.

    Args:
        contract: contract of the feed.
        language: zh (the usual header words) or en (the columns' own names).
    """
    return [_field(contract, column, language) for column in contract.columns.values()]


def write(path: Path, contract: Contract, language: str = "zh", name: str = "") -> Path:
    """Write the form of a feed and return where it is; `name` is what the feed is called in its title.

    Raises:
        WrongCallError: the file exists, for somebody may have filled it in, or it is no .xlsx.
    """
    import xlsxwriter

    if path.suffix.lower() != ".xlsx":
        raise WrongCallError(f"{path}: a form is a workbook; give a name that ends in .xlsx")
    if path.exists():
        raise WrongCallError(f"{path} exists and may be filled in: move it away, or give another name with --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    words = WORDS[language]
    shown = fields(contract, language)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with xlsxwriter.Workbook(
            str(partial),
            {"strings_to_formulas": False, "strings_to_urls": False, "default_date_format": "yyyy-mm-dd"},
        ) as book:
            # The moment of making would differ from run to run.
            book.set_properties({"created": dt.datetime(2026, 1, 1)})  # noqa: DTZ001 - wall time, no zone is meant
            form, help_sheet, lists = (book.add_worksheet(str(words[key])) for key in ("sheet", "help", "lists"))
            styles = _styles(book)
            _write_form(form, lists, shown, words, styles, str(words["title"]).format(name=name or contract.feed))
            _write_help(help_sheet, contract, shown, words, styles)
            lists.hide()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _field(contract: Contract, column: Column, language: str) -> Field:
    words = WORDS[language]
    unit = UNIT_WORDS[language][UNITS[column.type]] if column.type in UNITS else ""
    label = column_label(contract, column.name, language)
    is_one_of = any(column.name in group for group in contract.required_any)
    mark = "must" if column.required or column.not_null else "any" if is_one_of else "may"
    choices: tuple[str, ...] = ()
    if column.codes:
        choices = tuple(said[0] if language == "zh" and said else code for code, said in column.codes.items())
    elif column.type == "flag":
        choices = FLAGS[language]
    note = column.text_zh or column.text if language == "zh" else column.text
    if column.none_words:
        note += " " + str(words["none"]).format(words="、".join(column.none_words))
    # The name of a column tells its unit in English: gross_kg.
    header = f"{label}({unit})" if unit and language == "zh" else label
    return Field(column, header, mark, choices, note, _example(column, mark, choices, language))


def _example(column: Column, mark: str, choices: tuple[str, ...], language: str) -> str:
    """Return the example's cell, in the form's own words."""
    given = column.example
    if not given and mark != "may":
        low = column.above if column.above is not None else column.at_least
        given = (
            choices[0]
            if choices
            else USUAL.get(column.type)
            or (f"{(low or 0) + 100:g}" if column.type in UNITS else "示例" if language == "zh" else "example")
        )
    if given and column.codes and given not in choices:
        given = next((code for code, said in column.codes.items() if given in said), given)
    if given and column.type == "flag" and given not in choices:
        given = choices[given in ("否", "no", "false")]
    return given


def _styles(book: Any) -> dict[str, Any]:
    cell = {"border": 1, "border_color": "#BFBFBF", "valign": "vcenter"}
    head = {**cell, "bold": True, "text_wrap": True, "align": "center"}
    text = {**cell, "num_format": "@"}
    return {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "advice": book.add_format({"font_color": "#7F7F7F"}),
        "must": book.add_format({**head, "bg_color": "#1F3864", "font_color": "#FFFFFF"}),
        "any": book.add_format({**head, "bg_color": "#2E75B6", "font_color": "#FFFFFF"}),
        "may": book.add_format({**head, "bg_color": "#DDEBF7"}),
        "mark": book.add_format({"align": "center", "font_color": "#7F7F7F", "font_size": 9}),
        "wrap": book.add_format({**cell, "valign": "top", "text_wrap": True, "num_format": "@"}),
        "example": book.add_format({**text, "italic": True, "font_color": "#7F6000", "bg_color": "#FFF2CC"}),
        # Text cells: a spreadsheet must not turn 3-1 into a date, nor 007 into 7.
        "text": book.add_format({"num_format": "@"}),
        **{kind: book.add_format({"num_format": pattern}) for kind, pattern in NUMBER_FORMATS.items()},
        **{
            f"example_{kind}": book.add_format(
                {**cell, "italic": True, "font_color": "#7F6000", "bg_color": "#FFF2CC", "num_format": pattern}
            )
            for kind, pattern in {**NUMBER_FORMATS, "general": "General"}.items()
        },
    }


def _write_form(
    sheet: Any, lists: Any, shown: list[Field], words: Mapping[str, Any], styles: Mapping[str, Any], title: str
) -> None:
    sheet.write_string(TITLE_ROW, 0, title, styles["title"])
    sheet.write_string(TITLE_ROW, 3, words["advice"].format(row=EXAMPLE_ROW + 1), styles["advice"])
    sheet.set_row(TITLE_ROW, 24)
    sheet.set_row(HEADER_ROW, 32)
    for place, field in enumerate(shown):
        kind = field.column.type
        usual = TIME_WIDTH if kind == "time" else 2 * len(field.example) if kind in ("text", "code") else NARROWEST
        width = min(max(2 * len(field.header) + 2, usual + 2, NARROWEST), WIDEST)
        own = styles.get(kind, styles["text" if kind in ("text", "plate", "code", "flag") else "integer"])
        sheet.set_column(place, place, width, own if kind not in (*UNITS, "number") else None)
        sheet.write_string(MARK_ROW, place, words[field.mark], styles["mark"])
        sheet.write_string(HEADER_ROW, place, neutral(field.header), styles[field.mark])
        sheet.write_comment(HEADER_ROW, place, field.note, {"x_scale": 2, "y_scale": 1.2})
        _write_example(sheet, place, field, styles)
        _validate(sheet, lists, place, field, words)
    sheet.freeze_panes(EXAMPLE_ROW, 0)


def _write_example(sheet: Any, place: int, field: Field, styles: Mapping[str, Any]) -> None:
    kind, text = field.column.type, field.example
    if not text:
        sheet.write_blank(EXAMPLE_ROW, place, None, styles["example"])
    elif kind in PATTERNS:
        moment = next(
            dt.datetime.strptime(text, pattern)  # noqa: DTZ007 - a workbook holds wall times
            for pattern in PATTERNS[kind]
            if len(text) == len(dt.datetime(2026, 1, 5).strftime(pattern))  # noqa: DTZ001
        )
        sheet.write_datetime(EXAMPLE_ROW, place, moment, styles[f"example_{kind}"])
    elif kind in (*UNITS, "number", "integer"):
        sheet.write_number(EXAMPLE_ROW, place, float(text), styles["example_general"])
    else:
        sheet.write_string(EXAMPLE_ROW, place, neutral(text), styles["example"])


def _validate(sheet: Any, lists: Any, place: int, field: Field, words: Mapping[str, Any]) -> None:
    """Offer the words of a column as a list, and warn of what its bounds would send back."""
    from xlsxwriter.utility import xl_col_to_name

    column = field.column
    rule: dict[str, Any] = {"error_type": "warning", "error_message": words["wrong"], "ignore_blank": True}
    if field.choices:
        for number, choice in enumerate(field.choices):
            lists.write_string(number, place, choice)
        name = xl_col_to_name(place)
        rule |= {"validate": "list", "source": f"='{words['lists']}'!${name}$1:${name}${len(field.choices)}"}
    elif column.above is not None and column.below is not None:
        is_whole = column.type == "integer"
        rule |= {
            "validate": "integer" if is_whole else "decimal",
            "criteria": "between",
            "minimum": column.above + is_whole,
            "maximum": column.below - is_whole,
        }
    elif column.above is not None or column.at_least is not None:
        rule |= {
            "validate": "decimal",
            "criteria": ">" if column.above is not None else ">=",
            "value": column.above if column.above is not None else column.at_least,
        }
    else:
        return
    sheet.data_validation(EXAMPLE_ROW, place, EXAMPLE_ROW + FILLABLE_ROWS, place, rule)


def _write_help(
    sheet: Any, contract: Contract, shown: list[Field], words: Mapping[str, Any], styles: Mapping[str, Any]
) -> None:
    for place, width in enumerate((24, 10, 60, 40, 26)):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, words["heads"][place], styles["must"])
    for row, field in enumerate(shown, start=1):
        unit = words["kinds"][field.column.type]
        allowed = " / ".join(field.choices) or unit
        cells = (field.header, words[field.mark], field.note, allowed, field.example)
        for place, cell in enumerate(cells):
            sheet.write_string(row, place, neutral(cell), styles["wrap"])
    sheet.write_string(len(shown) + 2, 0, words["advice"].format(row=EXAMPLE_ROW + 1))
    sheet.write_string(len(shown) + 3, 0, f"sandwatch ingest {contract.feed} FORM.xlsx")
    sheet.freeze_panes(1, 1)
