"""Why a row was put aside, in words for the person who mends it (English and Chinese)."""

from __future__ import annotations

from pipelines.contracts import UNITS, Contract

# reason code: (what is wrong, what to do) in English and in Chinese
REASONS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "bad_encoding": (
        ("the line cannot be decoded", "export the file again in one encoding"),
        ("该行无法按文件编码读取", "请统一编码后重新导出"),
    ),
    "nul_byte": (
        ("the line holds NUL bytes", "the file was damaged on the way: send it again"),
        ("该行含空字节，文件已损坏", "请重新发送"),
    ),
    "wrong_cell_count": (
        ("the line has too many or too few cells", "complete the line"),
        ("该行列数与表头不符", "请补全该行"),
    ),
    "stray_quote": (
        ("a quote opens a cell that never closes", "remove the quote"),
        ("引号未闭合", "请删除多余引号"),
    ),
    "unreadable_line": (("the line cannot be split into cells", "export it again"), ("该行无法分列", "请重新导出")),
    "line_too_long": (
        ("the line is longer than any ticket", "the file was damaged: export it again"),
        ("该行过长，文件可能已损坏", "请重新导出"),
    ),
    "date_far_off": (
        ("lies more than a year away from all other rows of the file", "check the year"),
        ("与文件中其他各行相差一年以上", "请核对年份"),
    ),
    "not_a_number": (("is not a number", "enter a number without text"), ("不是数字", "请填写纯数字")),
    "not_an_integer": (("is not a whole number", "enter a whole number"), ("不是整数", "请填写整数")),
    "ambiguous_number": (
        ("can be read as more than one number", "write it with a point for decimals and no separators, as 45600.5"),
        ("有多种读法", "请写成不带分隔符、小数用点的数字，如 45600.5"),
    ),
    "ambiguous_date": (
        ("can be read as more than one date", "write it as 2026-01-05, years with four digits"),
        ("有多种读法", "请写成 2026-01-05，年份用四位数"),
    ),
    "bad_time": (
        ("is not a time that exists", "write it as 2026-01-05 08:03:00"),
        ("不是有效时间", "请按 2026-01-05 08:03:00 填写"),
    ),
    "bad_date": (
        ("is not a date that exists", "write it as 2026-01-05"),
        ("不是有效日期", "请按 2026-01-05 填写"),
    ),
    "unknown_code": (
        ("is not one of the agreed words", "use one of them"),
        ("不在约定取值内", "请按约定取值填写"),
    ),
    "missing_value": (("is empty but needed", "fill it in"), ("必填项为空", "请补填")),
    "known_error": (
        ("the row is a known error of the source, dropped by a correction", "tell the data team if it is right"),
        ("来源已知错误，已按更正规则剔除", "如该行无误，请告知数据管理人员"),
    ),
    "out_of_range": (("is outside its range", "check the weight or number"), ("超出取值范围", "请核对数值")),
}


def bounds_text(contract: Contract, column: str, language: str) -> str:
    """Return what a column is measured against: its codes, or its bounds with their unit, or an empty text."""
    spec = contract.columns[column]
    if spec.codes:
        return " (" + "; ".join("/".join((code, *words)) for code, words in spec.codes.items()) + ")"
    marks = ((">", spec.above), (">=", spec.at_least), ("<", spec.below))
    bounds = [f"{mark} {bound:g}" for mark, bound in marks if bound is not None]
    unit = f" {UNITS[spec.type]}" if spec.type in UNITS else ""
    return f" ({(' and ' if language == 'en' else '，').join(bounds)}{unit})" if bounds else ""


def column_label(contract: Contract, column: str, language: str) -> str:
    """Return a column as its reader knows it: our name in English, the usual header word in Chinese."""
    aliases = contract.columns[column].aliases
    return aliases[0] if language == "zh" and aliases else column


def wrong_and_remedy(code: str, contract: Contract | None, language: str) -> tuple[str, str]:
    """Return what is wrong with a row that was put aside for a reason, and what to do about it."""
    if code in REASONS:
        return REASONS[code][0 if language == "en" else 1]
    rule = next((rule for rule in contract.row_rules if rule.code == code), None) if contract else None
    what = (rule.text if language == "en" else rule.text_zh) if rule else code
    return what, "check the row" if language == "en" else "请核对该行"


def reject_message(
    code: str,
    line: int,
    *,
    contract: Contract | None = None,
    column: str | None = None,
    value: str | None = None,
    detail: str = "",
    language: str = "en",
) -> str:
    """Return where, what, how much, against what, and what to do, for one row put aside."""
    place = f"line {line}" if language == "en" else f"第 {line} 行"
    what, remedy = wrong_and_remedy(code, contract, language)
    if contract is None or column is None:
        return f"{place}: {detail or what}; {remedy}" if language == "en" else f"{place}：{what}；{remedy}"
    shown = "empty" if value is None and language == "en" else "空" if value is None else repr(value)
    against = bounds_text(contract, column, language) if code in ("unknown_code", "out_of_range") else ""
    label = column_label(contract, column, language)
    if language == "zh":
        return f"{place}：{label} = {shown}，{what}{against}；{remedy}"
    return f"{place}: {label} = {shown} {what}{against}; {remedy}"
