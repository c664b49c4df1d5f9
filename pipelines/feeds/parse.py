"""From a file to typed rows: one generic reader for all feeds, driven by the contract.

Parsing takes no lock and touches no warehouse; it writes the typed rows as Parquet, so files can be parsed
side by side and a load is a short transaction.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import contracts, durable
from pipelines.contracts import Contract, Source
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.feeds import cells, containers, headers, layout, plain_route, snapshot, text_rows
from pipelines.feeds.corrections import DROPPED
from pipelines.feeds.headers import HeaderMap
from pipelines.feeds.parsed_file import ParsedFile, write_rejects
from pipelines.feeds.table import Table
from pipelines.feeds.typed_rows import TypedRows, sorted_counts
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

    from pipelines.feeds.plain_route import PlainFile
    from pipelines.feeds.snapshot import Snapshot


def parse(
    settings: Settings,
    feed: str,
    path: Path,
    source: str | None = None,
    *,
    is_check: bool = False,
    exactly: bool = False,
    known: Collection[str] = (),
) -> ParsedFile:
    """Snapshot a file and type its rows.

    Args:
        settings: where snapshots and typed rows go.
        feed: feed of the file.
        path: the file.
        source: source profile; default `default`.
        is_check: also take a file with too many bad rows, or none.
        exactly: read a large file line by line too.
        known: SHA-256 of files that were loaded before; such a file is hashed to its last byte and not read again.

    Raises:
        WrongCallError: the feed or source does not exist.
        InputRefusedError: the file is refused whole: empty, growing, a required column missing, no readable row,
            or more bad rows than the contract allows. Nothing was loaded.
    """
    contract = contract_of(feed)
    profile = source_of(contract, source)
    try:
        kept = snapshot.take(settings, path)
        if kept.sha256 in known:
            return _known_file(contract, profile, kept)
        parsed = _parse_kept(settings, contract, profile, kept, exactly=exactly or is_check)
        if not is_check:
            refuse_if_unusable(contract, profile, parsed)
    except InputRefusedError as error:
        raise InputRefusedError(f"{feed}/{path.name}: {error}") from error
    except Exception as error:
        if trouble := durable.disk_trouble(error, settings.parsed):
            raise trouble from error  # the machine's fault: the file is not to be set aside for it
        raise
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


def source_of(contract: Contract, source: str | None) -> Source:
    """Return a source profile of a feed; `default` where none is named.

    Raises:
        WrongCallError: there is no such profile.
    """
    profile = contract.source(source or "default")
    if profile is None:
        raise WrongCallError(
            f"feed {contract.feed} has no source {source!r}; it has {', '.join(contract.sources)}."
            f" Add one in expectations/raw/{contract.feed}.yaml"
        )
    return profile


def _known_file(contract: Contract, profile: Source, kept: Snapshot) -> ParsedFile:
    return ParsedFile(
        feed=contract.feed, source=profile.name, path=kept.file_name, sha256=kept.sha256, encoding="", delimiter="",
        good_parquet="", physical_lines=0, header_lines=0, title_lines=0, total_lines=0, blank_lines=0,
        quoted_newlines=0, rows=0, good=0, quarantined=0, is_known=True,
    )  # fmt: skip


def _parse_kept(
    settings: Settings, contract: Contract, profile: Source, kept: Snapshot, *, exactly: bool
) -> ParsedFile:
    import duckdb

    folder = settings.parsed / contract.feed
    folder.mkdir(parents=True, exist_ok=True)
    # A process of its own name: another may read the same file at this moment.
    stem = folder / f"{kept.sha256[:16]}-{profile.name}-{os.getpid()}"
    content = containers.look(kept.path)
    if content.kind != "text":
        from pipelines.feeds import workbook

        with duckdb.connect() as con:
            table = workbook.read_workbook(content, contract, profile)
            typed = _typing(con, contract, profile, headers.header_map(contract, profile, table.headers), kept, stem)
            typed.add(table)
            return _finish(contract, profile, kept, typed, table, stem, None)
    laid_out = layout.detect_text(content, contract, profile)
    if not exactly and plain_route.fits(content, laid_out, contract, profile):
        with duckdb.connect() as con:
            typed = _typing(con, contract, profile, laid_out.found, kept, stem)
            found = plain_route.read(con, content, laid_out, typed, stem)
            if found is not None:
                return _finish(contract, profile, kept, typed, found[1], stem, found[0])
    with duckdb.connect() as con:
        table = text_rows.read_text(content, laid_out, contract)
        typed = _typing(con, contract, profile, laid_out.found, kept, stem)
        typed.add(table)
        return _finish(contract, profile, kept, typed, table, stem, None)


def _typing(
    con: duckdb.DuckDBPyConnection, contract: Contract, profile: Source, found: HeaderMap, kept: Snapshot, stem: Path
) -> TypedRows:
    con.execute(f"SET TimeZone = '{TIME_ZONE}'")
    con.execute("SET enable_progress_bar = false")
    return TypedRows(con, contract, profile, found, kept.sha256, stem.with_suffix(".text"))


def _finish(
    contract: Contract,
    profile: Source,
    kept: Snapshot,
    typed: TypedRows,
    table: Table,
    stem: Path,
    plain: PlainFile | None,
) -> ParsedFile:
    if contract.period and contract.cadence != "irregular":
        typed.con.execute(cells.far_off_update(contract, "day" if plain else None))
    good_path, rejects_path = stem.with_suffix(".parquet"), stem.with_suffix(".rejects")
    typed.write(good_path)
    rejects = typed.rejects()
    write_rejects(rejects_path, rejects)
    typed_count, good_count = typed.counts()
    plain_good = plain.good if plain else 0
    asked = _unknown_columns(contract, profile, table.headers, typed.found)
    codes = typed.unknown_codes()
    for word, count in (plain.unknown_codes if plain else {}).items():
        codes[word] = codes.get(word, 0) + count
    asked += [
        {"kind": f"unknown_{name}", "subject": word, "row_count": count}
        for (name, word), count in sorted(codes.items())
    ]
    asked += [fix.question for fix in typed.applied if fix.question]
    return ParsedFile(
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
        rows=typed_count + len(typed.bad) + plain_good,
        good=good_count + plain_good,
        quarantined=len(rejects),
        reasons=sorted_counts(rejects),
        rejects_parquet=str(rejects_path) if rejects else "",
        first_reject=rejects[0]["message"] if rejects else "",
        questions=asked,
        notes=list(table.notes),
        plain_parquet=str(plain.rows) if plain else "",
        plain_words=str(plain.words) if plain else "",
        plain_odd=str(plain.odd) if plain else "",
        plain_first_line=plain.first_line if plain else 0,
    )


def allowed_share(contract: Contract, profile: Source) -> float:
    """Return the share of bad rows up to which they are put aside singly; beyond it a file is refused whole."""
    return contract.max_reject_share if profile.max_reject_share is None else profile.max_reject_share


def refuse_if_unusable(contract: Contract, profile: Source, parsed: ParsedFile) -> None:
    """Refuse a file whole that has no row, or more bad ones than the contract allows.

    Raises:
        InputRefusedError: how many are bad, against how many are allowed, and the first of them.
    """
    if parsed.rows == 0:
        raise InputRefusedError("no row below the header; export the file again and send it once more")
    allowed = allowed_share(contract, profile)
    dropped = parsed.reasons.get(DROPPED, 0)  # somebody decided on these: they are no surprise
    share = (parsed.quarantined - dropped) / parsed.rows
    if parsed.good and share <= allowed:
        return
    raise InputRefusedError(
        f"{parsed.quarantined} of {parsed.rows} rows are bad ({share:.1%}, at most {allowed:.1%} are quarantined"
        f" singly); nothing was loaded. Reasons: {parsed.reasons}. First: {parsed.first_reject}."
        f" See every bad cell with `sandwatch ingest {contract.feed} FILE --source {profile.name} --check`, mend the"
        f" rows and send the file again, or correct the source profile {profile.name!r}"
    )


def _unknown_columns(
    contract: Contract, profile: Source, header_words: tuple[str, ...], found: HeaderMap
) -> list[dict[str, Any]]:
    used = set(found.values())
    ignored = {headers.clean_header(word) for word in (*contract.ignored, *profile.ignored)}
    return [
        {"kind": "unknown_column", "subject": header, "row_count": None}
        for index, header in enumerate(header_words)
        if index not in used
        and header.strip()
        and headers.clean_header(header) not in ignored
        and not _is_alias_already_used(contract, profile, header, found)
    ]


def _is_alias_already_used(contract: Contract, profile: Source, header: str, found: HeaderMap) -> bool:
    """A second header for a column that another header already gave (磅单号 beside 流水号) is no riddle."""
    word = headers.clean_header(header)
    return any(
        word in map(headers.clean_header, (name, *column.aliases, *profile.aliases.get(name, ())))
        for name, column in contract.columns.items()
        if name in found
    )
