"""From text cells to typed rows: one generic reader for all feeds, driven by the contract.

Parsing takes no lock and touches no warehouse; it writes the typed rows as Parquet, so files can be parsed
side by side and a load is a short transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines import contracts
from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import decode, headers, snapshot
from pipelines.feeds.cells import far_off_update, reject_rules, typed_select
from pipelines.feeds.reasons import reject_message
from pipelines.literal import quoted
from pipelines.settings import TIME_ZONE, Settings

CELL_BREAK = "\x1f"
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
CONTROLS_BUT_BREAK = re.compile(r"[\x00-\x1e\x7f\x85\u2028\u2029]")
MAX_LINE_CHARS = 1_000_000


@dataclass
class ParsedFile:
    """A parsed file: where its typed rows lie, its counts, and what is asked about it.

    `rows` = `good` + `quarantined`; reasons count the quarantined rows by reason code.
    """

    feed: str
    source: str
    path: str
    sha256: str
    encoding: str
    delimiter: str
    good_parquet: str
    physical_lines: int
    header_lines: int
    title_lines: int
    total_lines: int
    blank_lines: int
    quoted_newlines: int
    rows: int
    good: int
    quarantined: int
    reasons: dict[str, int] = field(default_factory=dict)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON types, to travel between tasks."""
        return asdict(self)


def parse(settings: Settings, feed: str, path: Path, source: str | None = None) -> ParsedFile:
    """Snapshot a file and type its rows.

    Raises:
        WrongCallError: the feed or source does not exist.
        InputRefusedError: the file is refused whole: empty, growing, a required column missing, no readable row,
            or more bad rows than the contract allows. Nothing was loaded.
    """
    contract = contract_of(feed)
    profile = contract.source(source or "default")
    if profile is None:
        raise WrongCallError(
            f"feed {feed} has no source {source!r}; it has {', '.join(contract.sources)}."
            f" Add one in expectations/raw/{feed}.yaml"
        )
    try:
        kept = snapshot.take(settings, path)
        table = decode.read_table(kept.path, contract, profile)
        parsed = _type_rows(settings, contract, profile, table, kept)
    except InputRefusedError as error:
        raise InputRefusedError(f"{feed}/{path.name}: {error}") from error
    return parsed


def contract_of(feed: str) -> Contract:
    """Return the contract of a feed.

    Raises:
        WrongCallError: there is no such feed.
    """
    known = contracts.contracts()
    if feed not in known:
        raise WrongCallError(f"no feed {feed!r}; feeds are {', '.join(known)}")
    return known[feed]


def _type_rows(
    settings: Settings, contract: Contract, profile: Source, table: decode.Table, kept: snapshot.Snapshot
) -> ParsedFile:
    import duckdb

    folder = settings.parsed / contract.feed
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{kept.sha256[:16]}-{profile.name}"
    text_path, good_path = folder / f".{stem}.text", folder / f"{stem}.parquet"
    found = headers.header_map(contract, profile, table.headers)
    bad = _write_text(text_path, table, list(found.values()))
    try:
        with duckdb.connect() as con:
            con.execute(f"SET TimeZone = '{TIME_ZONE}'")
            con.execute(
                "CREATE TABLE cell AS SELECT * FROM read_csv(?, columns = ?, delim = ?, header = false,"
                " quote = '', escape = '', auto_detect = false, new_line = '\\n', nullstr = '',"
                " max_line_size = 10000000)",
                [str(text_path), {"line": "BIGINT", **dict.fromkeys(found, "VARCHAR")}, CELL_BREAK],
            )
            con.execute(f"CREATE TABLE typed AS {typed_select(contract, profile, found)}")
            if contract.period and contract.cadence != "irregular":
                con.execute(far_off_update(contract))
            partial = good_path.with_suffix(".partial")
            con.execute(
                "COPY (SELECT * EXCLUDE (reject_no), ? AS feed_source, ? AS snapshot_sha256 FROM typed"
                f" WHERE reject_no IS NULL ORDER BY line) TO {quoted(str(partial))} (FORMAT parquet)",
                [profile.name, kept.sha256],
            )
            partial.replace(good_path)
            rejects = [*bad, *_typed_rejects(con, contract, found)]
            row = con.execute("SELECT count(*), count(*) FILTER (reject_no IS NULL) FROM typed").fetchone()
            questions = _questions(con, contract, profile, table.headers, found)
    finally:
        text_path.unlink(missing_ok=True)
    typed_count, good_count = row or (0, 0)
    reasons: dict[str, int] = {}
    for reject in rejects:
        reasons[reject["reason_code"]] = reasons.get(reject["reason_code"], 0) + 1
    parsed = ParsedFile(
        feed=contract.feed,
        source=profile.name,
        path=kept.file_name,
        sha256=kept.sha256,
        encoding=table.encoding,
        delimiter=table.delimiter,
        good_parquet=str(good_path),
        physical_lines=table.physical_lines,
        header_lines=table.header_lines,
        title_lines=table.title_lines,
        total_lines=table.total_lines,
        blank_lines=table.blank_lines,
        quoted_newlines=table.quoted_newlines,
        rows=typed_count + len(bad),
        good=good_count,
        quarantined=len(rejects),
        reasons=reasons,
        rejects=sorted(rejects, key=lambda reject: int(reject["line"])),
        questions=questions,
    )
    _refuse_if_unusable(contract, profile, parsed)
    return parsed


def _write_text(text_path: Path, table: decode.Table, positions: list[int]) -> list[dict[str, Any]]:
    bad: list[dict[str, Any]] = []
    with text_path.open("w", encoding="utf-8", newline="\n") as file:
        for item in table.rows:
            if isinstance(item, decode.BadLine):
                bad.append(_bad_row(item.line, item.reason_code, item.detail, item.raw_text))
                continue
            number, cells = item
            kept = CELL_BREAK.join([cells[position].strip() for position in positions])
            if kept.count(CELL_BREAK) != len(positions) - 1 or CONTROLS_BUT_BREAK.search(kept):
                # Controls inside a cell (line ends of quoted cells, our own separator) become blanks.
                kept = CELL_BREAK.join([CONTROLS.sub(" ", cells[position]).strip() for position in positions])
            if len(kept) > MAX_LINE_CHARS:
                bad.append(_bad_row(number, "line_too_long", "", kept))
                continue
            file.write(f"{number}{CELL_BREAK}{kept}\n")
    return bad


def _bad_row(line: int, reason_code: str, detail: str, raw_text: str) -> dict[str, Any]:
    return {
        "line": line,
        "reason_code": reason_code,
        "column_name": None,
        "value": None,
        "message": reject_message(reason_code, line, detail=detail),
        "raw_text": raw_text[:2000],
    }


def _refuse_if_unusable(contract: Contract, profile: Source, parsed: ParsedFile) -> None:
    if parsed.rows == 0:
        raise InputRefusedError("no row below the header; export the file again and send it once more")
    allowed = contract.max_reject_share if profile.max_reject_share is None else profile.max_reject_share
    share = parsed.quarantined / parsed.rows
    if parsed.good and share <= allowed:
        return
    first = parsed.rejects[0]
    raise InputRefusedError(
        f"{parsed.quarantined} of {parsed.rows} rows are bad ({share:.1%}, at most {allowed:.1%} are quarantined"
        f" singly); nothing was loaded. Reasons: {parsed.reasons}. First: {first['message']}."
        f" Mend the rows and send the file again, or correct the source profile {profile.name!r}"
    )


def _typed_rejects(con: Any, contract: Contract, found: dict[str, int]) -> Iterable[dict[str, Any]]:
    rules = reject_rules(contract)
    names = list(found)
    shown = ", ".join(f'cell."{name}"' for name in names)
    cursor = con.execute(
        f"SELECT typed.reject_no, typed.line, {shown} FROM typed JOIN cell USING (line)"
        " WHERE typed.reject_no IS NOT NULL ORDER BY typed.line"
    )
    for reject_no, line, *cells in cursor.fetchall():
        code, column, _ = rules[reject_no]
        value = dict(zip(names, cells, strict=True)).get(column)
        yield {
            "line": line,
            "reason_code": code,
            "column_name": column,
            "value": value,
            "message": reject_message(code, line, contract=contract, column=column, value=value),
            "raw_text": json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False)[:2000],
        }


def _questions(
    con: Any, contract: Contract, profile: Source, header_words: tuple[str, ...], found: dict[str, int]
) -> list[dict[str, Any]]:
    used = set(found.values())
    ignored = {headers.clean_header(word) for word in (*contract.ignored, *profile.ignored)}
    asked: list[dict[str, Any]] = [
        {"kind": "unknown_column", "subject": header, "row_count": None}
        for index, header in enumerate(header_words)
        if index not in used
        and header.strip()
        and headers.clean_header(header) not in ignored
        and not _is_alias_already_used(contract, profile, header, found)
    ]
    for column in contract.columns.values():
        if column.type == "code" and column.on_unknown == "question" and column.name in found:
            rows = con.execute(
                f'SELECT cell."{column.name}", count(*) FROM typed JOIN cell USING (line)'
                f' WHERE typed.reject_no IS NULL AND typed."{column.name}" IS NULL'
                f' AND cell."{column.name}" IS NOT NULL GROUP BY 1 ORDER BY 1'
            ).fetchall()
            asked += [{"kind": f"unknown_{column.name}", "subject": word, "row_count": count} for word, count in rows]
    return asked


def _is_alias_already_used(contract: Contract, profile: Source, header: str, found: dict[str, int]) -> bool:
    """A second header for a column that another header already gave (磅单号 beside 流水号) is no riddle."""
    word = headers.clean_header(header)
    return any(
        word in map(headers.clean_header, (name, *column.aliases, *profile.aliases.get(name, ())))
        for name, column in contract.columns.items()
        if name in found
    )
