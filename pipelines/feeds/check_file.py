"""A file held against its contract without loading it, for the sender: what it would become, and what to mend."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import check_book, decode, headers
from pipelines.feeds.parse import allowed_share, contract_of, parse, refuse_if_unusable
from pipelines.feeds.parsed_file import ParsedFile, read_rejects
from pipelines.feeds.questions import code_column, similar_words
from pipelines.feeds.reasons import column_label, reject_message
from pipelines.literal import quoted
from pipelines.settings import Settings

MOST_SUSPECTS = 100_000


@dataclass(frozen=True)
class CheckedFile:
    """What a file would become; `out` is the workbook that goes back to the sender.

    `rows` = `good` + `quarantined`. A refused file would change nothing, and `message` says why (Chinese; English
    where our reader could make nothing of it). `questions` hold `kind, subject, row_count, similar`.
    """

    feed: str
    source: str
    path: str
    out: Path
    is_refused: bool
    message: str = ""
    encoding: str = ""
    delimiter: str = ""
    rows: int = 0
    good: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return {**dataclasses.asdict(self), "out": str(self.out)}


def check(
    settings: Settings, feed: str, path: Path, source: str | None = None, out: Path | None = None
) -> CheckedFile:
    """Read a file as a load would and write the sender's own table as a workbook, bad cells coloured, reasons beside.

    Nothing is loaded or kept but that workbook, by default `quarantine/<feed>/<name>.check.xlsx`.

    Raises:
        WrongCallError: the feed or source does not exist, or `out` is the file itself.
        InputRefusedError: there is no such file, or it still grows.
    """
    contract = contract_of(feed)
    profile = contract.source(source or "default")
    if profile is None:
        raise WrongCallError(f"feed {feed} has no source {source!r}; it has {', '.join(contract.sources)}")
    if not path.is_file():
        raise InputRefusedError(f"{path}: no such file; check the name")
    target = out or settings.quarantine / feed / f"{path.name}.check.xlsx"
    if target.resolve() == path.resolve() or target.suffix.lower() != ".xlsx":
        raise WrongCallError(f"{target}: the answer is a workbook of its own; give another name that ends in .xlsx")
    with tempfile.TemporaryDirectory(prefix="sandwatch-check-") as folder:
        # A home of its own: the snapshot and the typed rows go with it.
        scratch = dataclasses.replace(settings, home=Path(folder))
        try:
            parsed = parse(scratch, feed, path, profile.name, is_check=True)
        except InputRefusedError as error:
            found = _refused_whole(contract, profile, path, str(error), target)
        else:
            found = _examined(contract, profile, path, parsed, target)
        checked, sheet = found
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        try:
            check_book.write(partial, contract, checked, sheet)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return checked


def _rejects_of(parsed: ParsedFile) -> list[dict[str, Any]]:
    """Return the rows put aside, as `line, reason_code, column_name, value`; only here is known where they lie."""
    return list(read_rejects(parsed))


def _suspects_of(parsed: ParsedFile, contract: Contract) -> dict[int, list[check_book.Flaw]]:
    """Return what row rules say of rows that are accepted all the same."""
    import duckdb

    rules = {rule.code: rule for rule in contract.row_rules}
    if not any(rule.level == "suspect" for rule in rules.values()):
        return {}
    with duckdb.connect() as con:
        rows = con.execute(
            f"SELECT line, suspect_codes FROM read_parquet({quoted(parsed.good_parquet)})"
            f" WHERE len(suspect_codes) > 0 LIMIT {MOST_SUSPECTS}"
        ).fetchall()
    return {
        line: [
            check_book.Flaw(rules[code].column, f"{rules[code].text_zh}；该行照收，请核对", is_bad=False)
            for code in codes
        ]
        for line, codes in rows
    }


def _examined(
    contract: Contract, profile: Source, path: Path, parsed: ParsedFile, out: Path
) -> tuple[CheckedFile, check_book.Sheet]:
    message = ""
    try:
        refuse_if_unusable(contract, profile, parsed)
    except InputRefusedError:
        allowed = allowed_share(contract, profile)
        share = parsed.quarantined / parsed.rows if parsed.rows else 0
        message = (
            f"{parsed.rows} 行中有 {parsed.quarantined} 行有误（{share:.1%}，最多允许 {allowed:.1%}），整份不能入库；"
            "请改正标红的单元格后重新报送"
            if parsed.rows
            else "表头以下没有数据行；请重新导出后报送"
        )
    table = decode.read_table(path, contract, profile)
    found = headers.header_map(contract, profile, table.headers)
    asked = [
        {**question, "similar": similar_words(contract, question["kind"], question["subject"])}
        for question in parsed.questions
    ]
    flaws = _suspects_of(parsed, contract)
    for reject in _rejects_of(parsed):
        flaws[reject["line"]] = [_flaw(contract, table, found, reject)]
    checked = CheckedFile(
        feed=contract.feed,
        source=profile.name,
        path=path.name,
        out=out,
        is_refused=bool(message),
        message=message,
        encoding=parsed.encoding,
        delimiter=parsed.delimiter,
        rows=parsed.rows,
        good=parsed.good,
        quarantined=parsed.quarantined,
        reasons=parsed.reasons,
        questions=asked,
    )
    words = {
        (column, question["subject"])
        for question in asked
        if (column := code_column(contract, question["kind"])) is not None
    }
    sheet = check_book.Sheet(
        headers=table.headers,
        rows=_rows(table),
        found=dict(found),
        flaws=flaws,
        unknown_headers=frozenset(item["subject"] for item in asked if item["kind"] == "unknown_column"),
        unknown_words=frozenset(words),
        is_bad_only=parsed.rows > check_book.MOST_ROWS,
    )
    return checked, sheet


def _flaw(contract: Contract, table: decode.Table, found: dict[str, int], reject: dict[str, Any]) -> check_book.Flaw:
    """Return a reason in the sender's own header words; the line stands beside it and is left out."""
    column = reject["column_name"]
    text = reject_message(
        reject["reason_code"],
        reject["line"],
        contract=contract if column else None,
        column=column,
        value=reject["value"],
        language="zh",
    ).partition("：")[2]
    if column in found:
        label = column_label(contract, column, "zh")
        text = f"{table.headers[found[column]]}{text[len(label) :]}" if text.startswith(label) else text
    return check_book.Flaw(column, text, is_bad=True, code=reject["reason_code"])


def _rows(table: decode.Table) -> Iterator[tuple[int, list[str]]]:
    """Yield every line below the header as cells; one that cannot be split rightly is cut at its delimiters."""
    for item in table.rows:
        if isinstance(item, decode.BadLine):
            yield item.line, item.raw_text.split(table.delimiter) if table.delimiter else [item.raw_text]
        else:
            yield item


def _refused_whole(
    contract: Contract, profile: Source, path: Path, message: str, out: Path
) -> tuple[CheckedFile, check_book.Sheet]:
    """Return what can be shown of a file that the reader refused: its header and rows, and which columns lack."""
    table = _read_relaxed(contract, profile, path)
    missing: list[tuple[str, str]] = []
    found: dict[str, int] = {}
    if table:
        found = headers.header_map(contract, profile, table.headers)
        for group in headers.missing_columns(contract, profile, found):
            names = group.split(" or ")
            words = "；或 ".join(_header_words(contract, profile, name) for name in names)
            missing.append((" 或 ".join(column_label(contract, name, "zh") for name in names), words))
        if missing:
            lacking = "、".join(name for name, _ in missing)
            message = f"缺少必填列：{lacking}，整份不能入库；请补上该列，或把表头改成约定的写法后重新报送"
    checked = CheckedFile(
        contract.feed,
        profile.name,
        path.name,
        out,
        is_refused=True,
        message=message,
        encoding=table.encoding if table else "",
        delimiter=table.delimiter if table else "",
    )
    sheet = check_book.Sheet(
        headers=table.headers if table else (),
        rows=itertools.islice(_rows(table), check_book.MOST_ROWS) if table else iter(()),
        found=found,
        missing=tuple(missing),
        unknown_headers=frozenset(
            word for place, word in enumerate(table.headers) if place not in found.values()
        ) if table else frozenset(),
    )  # fmt: skip
    return checked, sheet


def _header_words(contract: Contract, profile: Source, column: str) -> str:
    words = dict.fromkeys((*profile.aliases.get(column, ()), *contract.columns[column].aliases, column))
    return "、".join(words)


def _read_relaxed(contract: Contract, profile: Source, path: Path) -> decode.Table | None:
    """Read a table that lacks required columns: as few of them as possible are given up, so the header is found."""
    needs = [(name,) for name, column in contract.columns.items() if column.required] + list(contract.required_any)
    given_up = [pair for count in (1, 2) for pair in itertools.combinations(needs, count)]
    for dropped in [*given_up, tuple(needs)]:
        names = {name for group in dropped for name in group}
        relaxed = dataclasses.replace(
            contract,
            columns={
                name: dataclasses.replace(column, required=False) if name in names else column
                for name, column in contract.columns.items()
            },
            required_any=tuple(group for group in contract.required_any if group not in dropped),
        )
        try:
            return decode.read_table(path, relaxed, profile)
        except InputRefusedError:
            continue
    return None
