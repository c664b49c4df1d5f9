"""What one check found, and the sentence that tells it to the person who acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Expectation type: what is asked, in English and in Chinese.
REQUIREMENTS = {
    "expect_column_value_lengths_to_be_between": (
        "is {min_value} to {max_value} characters long",
        "长度应为 {min_value} 至 {max_value} 个字符",
    ),
    "expect_column_value_lengths_to_equal": ("is {value} characters long", "长度应为 {value} 个字符"),
    "expect_column_values_to_be_between": (
        "lies between {min_value} and {max_value}",
        "应在 {min_value} 至 {max_value} 之间",
    ),
    "expect_column_values_to_be_in_set": ("is one of {value_set}", "应为 {value_set} 之一"),
    "expect_column_values_to_be_unique": ("occurs once", "不得重复"),
    "expect_column_values_to_not_be_null": ("is given", "不得为空"),
    "expect_table_columns_to_match_set": ("has the columns of its contract", "列应与数据约定一致"),
    "expect_table_row_count_to_be_between": (
        "has {min_value} to {max_value} rows in force",
        "有效行数应为 {min_value} 至 {max_value}",
    ),
}
NO_BOUND = ("any number of", "不限")
REMEDIES = {
    "critical": (
        "nothing is published until this is mended: {who} checks the rows and sends them again; if the file is"
        " right, our reader is wrong",
        "修复前暂停发布：请{who}核对后重新报送；如文件无误，则为读取程序有误",
    ),
    "warning": ("published all the same; {who} checks the rows", "不影响发布，请{who}核对"),
    "info": ("for information of {who}", "供{who}参考"),
}


@dataclass(frozen=True)
class CheckResult:
    """One row of `meta.check_result`, without the run."""

    feed: str
    table_name: str
    column_name: str | None
    check_name: str
    expectation: str
    severity: str
    is_success: bool
    message: str
    is_machine_error: bool = False
    observed_value: str | None = None
    unexpected_count: int | None = None


def requirement(expectation: str, kwargs: Mapping[str, Any], language: str) -> str:
    """Return what an expectation asks for, with its numbers and the share of rows that must meet it."""
    index = 0 if language == "en" else 1
    words = {"min_value": NO_BOUND[index], "max_value": NO_BOUND[index], **kwargs}
    if "value_set" in words:
        words["value_set"] = ("/" if language == "en" else "、").join(map(str, words["value_set"]))
    text = REQUIREMENTS[expectation][index].format_map(words)
    mostly = kwargs.get("mostly")
    if mostly is None:
        return text
    return text + (f" in at least {mostly:.1%} of the rows" if language == "en" else f"（至少 {mostly:.1%} 的行）")


def verdict_message(where: str, what: str, seen: str, severity: str | None, who: str, language: str) -> str:
    """Return one sentence: where, what is asked, what was seen and, where a severity is given, what to do."""
    sentence = f"{where} {what}: {seen}" if language == "en" else f"{where} {what}：{seen}"
    if severity is None:
        return sentence
    remedy = REMEDIES[severity][0 if language == "en" else 1].format(who=who)
    return f"{sentence}; {remedy}" if language == "en" else f"{sentence}；{remedy}"


def machine_message(check: str, error: str, language: str) -> str:
    """Return the sentence for a check that broke; it says nothing about the data."""
    error = " ".join(error.split())[:500]
    if language == "en":
        return (
            f"check {check} broke ({error}); this says nothing about the data. An engineer mends the check"
            " (logs/checks.log), then runs `sandwatch check` again"
        )
    return (
        f"检查 {check} 本身出错（{error}），与数据是否可信无关；请工程人员修复该检查（见 logs/checks.log）"
        "后重新运行 sandwatch check"
    )


def machine_error(
    feed: str, table: str, check: str, expectation: str, severity: str, error: str, language: str
) -> CheckResult:
    """Return the result of a check that broke."""
    return CheckResult(
        feed=feed,
        table_name=table,
        column_name=None,
        check_name=check,
        expectation=expectation,
        severity=severity,
        is_success=False,
        is_machine_error=True,
        message=machine_message(check, error, language),
    )
