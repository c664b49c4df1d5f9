"""The reader on rubbish: whatever bytes come, a refusal in words or an account that adds up to the last line."""

from __future__ import annotations

import gzip
import io
import random
import re
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import simulate
from pipelines.errors import InputRefusedError
from pipelines.feeds import parse, parsed_file, plain_route
from pipelines.settings import Settings

from . import city

ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "big5", "latin-1")
COUNTED = (
    "encoding", "delimiter", "physical_lines", "header_lines", "title_lines", "total_lines", "blank_lines",
    "quoted_newlines", "rows", "good", "quarantined", "reasons",
)  # fmt: skip
INSERTED = (
    b'"', b'"', b'""', b"'", b"\x00", b"\x00" * 50, b"\r", b"\n", b"\r\n", b"\n\n\n", b",", b"," * 60, b"\t", b";",
    b"|", b"\xff", b"\x81", b"\xe7", b"\xe7\xa0", b"\x1f", b"\x1a", b"\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf",
    b"\xff\xfe", b'","', b'"\n"', b"=1+1", b"\x1b[0m", "合计,,,,,,,,\n".encode(), "𠮷".encode("gb18030"),
    b"9" * 400, b"1e999", b"nan", b"-", b"A" * 5000,
)  # fmt: skip
# A mutated file is at most this large: the campaign is about shapes, not about size.
MOST_ROWS = 150


@dataclass(frozen=True)
class Sample:
    """A sound file to start from."""

    feed: str
    source: str
    suffix: str
    content: bytes


@dataclass
class Report:
    """What a campaign did: files by outcome, and what went wrong with the file that shows it."""

    seed: int
    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0


def campaign(
    folder: Path, *, files: int, seed: int, both_routes_every: int = 1, say: Callable[[str], None] = print
) -> Report:
    """Parse `files` mutated files; what breaks the reader is kept in `folder`/failed, made as small as can be."""
    began = time.monotonic()
    report = Report(seed)
    settings = Settings(home=folder / "home", actor="faults")
    samples = _samples(folder / "sound")
    kinds: set[str] = set()
    for number in range(files):
        # Each file has a chance of its own: number and seed alone bring it back.
        chance = random.Random(f"{seed}/{number}")  # noqa: S311
        sample = chance.choice(samples)
        content = sample.content
        for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
            content = chance.choice(MUTATIONS)(content, chance)
        outcome, trouble = judge(settings, sample, content, both_routes=number % both_routes_every == 0)
        report.files += 1
        report.outcomes[outcome] += 1
        if trouble:
            kind = re.split(r"[:\d\n]", trouble)[0]
            note = ""
            if kind not in kinds:  # the first of its kind is made small and kept
                kinds.add(kind)
                small = shrink(settings, sample, content, kind)
                name = f"{sample.feed}.{sample.source}.{seed}-{number}{sample.suffix}"
                (folder / "failed").mkdir(parents=True, exist_ok=True)
                (folder / "failed" / name).write_bytes(small)
                note = f" (kept as {folder / 'failed' / name}, {len(small)} bytes)"
            report.failures.append(f"file {number}: {sample.feed}/{sample.source}: {trouble[:300]}{note}")
        if number % 1000 == 999:
            say(f"{number + 1} of {files}: {dict(report.outcomes)}, {len(report.failures)} failures")
    report.seconds = time.monotonic() - began
    return report


def judge(settings: Settings, sample: Sample, content: bytes, *, both_routes: bool = True) -> tuple[str, str]:
    """Return how the reader took a file, and what is wrong with that; nothing is wrong with a refusal in words.

    With `both_routes` text is read by the fast one of large files too, and both must say the same.
    """
    path = settings.home / f"mutated{sample.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    city.settle(path)
    outcome, trouble, account = _read(settings, sample, path, exactly=True)
    if both_routes and not trouble and sample.suffix != ".xlsx":
        large = plain_route.PLAIN_BYTES
        plain_route.PLAIN_BYTES = 1
        try:
            fast, trouble, other = _read(settings, sample, path, exactly=False)
        finally:
            plain_route.PLAIN_BYTES = large
        is_fast = other.pop("is_fast", False)
        account.pop("is_fast", None)
        if not trouble and (fast, other) != (outcome, account):
            trouble = f"the two routes differ: exactly {outcome} {account}, fast {fast} {other}"
        outcome += " by both routes" if is_fast else ""
    return outcome, trouble


def _read(settings: Settings, sample: Sample, path: Path, *, exactly: bool) -> tuple[str, str, dict[str, Any]]:
    """Return outcome, what is wrong, and the account of one reading."""
    content = path.read_bytes() if sample.suffix in (".csv", ".txt") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = parse.parse(settings, sample.feed, path, sample.source, exactly=exactly)
            account = {name: value for name, value in vars(parsed).items() if name in COUNTED}
            return "read", adds_up(parsed, content), account | {"is_fast": bool(parsed.plain_parquet)}
    except InputRefusedError as error:
        return "refused", "" if str(error).strip() else "a refusal without a word", {}
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a reader written in Rust panics outside Exception
        return "crashed", f"{type(error).__name__}: {error}", {}
    finally:
        for kept in [*settings.snapshots.rglob("*"), *settings.parsed.rglob("*")]:
            if kept.is_file():
                kept.unlink()


def adds_up(parsed: parsed_file.ParsedFile, content: bytes | None) -> str:
    """Return what does not add up in a parsed file, nothing where all does."""
    told = (
        parsed.header_lines + parsed.title_lines + parsed.total_lines + parsed.blank_lines
        + parsed.quoted_newlines + parsed.rows
    )  # fmt: skip
    if told != parsed.physical_lines:
        return f"the account does not add up: {parsed.physical_lines} lines, {told} told of"
    if parsed.rows != parsed.good + parsed.quarantined:
        return f"the account does not add up: {parsed.rows} rows, {parsed.good} good, {parsed.quarantined} put aside"
    told_of = Counter(reject["reason_code"] for reject in parsed_file.read_rejects(parsed))
    if parsed.quarantined != told_of.total() or told_of != Counter(parsed.reasons):
        return f"the account does not add up: {parsed.quarantined} put aside, {told_of}, reasons {parsed.reasons}"
    if min(parsed.rows, parsed.good, parsed.blank_lines, parsed.quoted_newlines, parsed.total_lines) < 0:
        return f"the account does not add up: a count is below nothing: {parsed}"
    if content is not None and content[:2] not in (b"PK", b"\x1f\x8b", b"\xd0\xcf"):
        counted = lines_of(content, parsed.encoding)
        if counted is not None and counted != parsed.physical_lines:
            return f"lines were lost: {counted} in the file, {parsed.physical_lines} in the account"
    return ""


def lines_of(content: bytes, encoding: str) -> int | None:
    """Count the lines of a text with other means than the reader's; None where Python has no such encoding."""
    try:
        text = content.decode(encoding, errors="replace")
    except LookupError:
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    return text.count("\n") + (not text.endswith("\n") and text != "")


def shrink(settings: Settings, sample: Sample, content: bytes, kind: str, *, seconds: float = 20) -> bytes:
    """Return a smaller file that is wrong in the same way."""
    deadline = time.monotonic() + seconds
    size = max(1, len(content) // 2)
    while size and time.monotonic() < deadline:
        start = 0
        while start < len(content) and time.monotonic() < deadline:
            shorter = content[:start] + content[start + size :]
            if shorter and judge(settings, sample, shorter)[1].startswith(kind):
                content = shorter
            else:
                start += size
        size //= 2
    return content


def _samples(folder: Path) -> list[Sample]:
    """Sound files of every feed and source of a city, cut to a few rows, and text files packed and re-encoded."""
    written = simulate.write_city(folder / "inbox", folder / "truth", scale=0.05, weeks=1)
    samples, taken = [], Counter[tuple[str, str]]()
    for path in written.files:
        feed, source = path.relative_to(written.inbox).parts[:2]
        taken[feed, source] += 1
        if taken[feed, source] > 2:
            continue
        content = path.read_bytes()
        if path.suffix == ".csv":
            content = b"".join(content.splitlines(keepends=True)[: 1 + MOST_ROWS])
        samples.append(Sample(feed, source, path.suffix, content))
    rows = "\n".join(
        f"{number},甲矿,豫Q{number:05d},机制砂,销售,45000,15000,30000,"
        f"2026-05-25 {8 + number // 60:02d}:{number % 60:02d}:00"
        for number in range(120)
    )
    text = f"磅单号,站点,车号,货名,类型,毛重,皮重,净重,毛重时间\n{rows}\n"
    for encoding in ("utf-8-sig", "gb18030", "utf-16", "big5"):
        content = text.encode(encoding, errors="replace")
        samples.append(Sample("weighbridge_ticket", "default", ".csv", content))
    samples.append(Sample("weighbridge_ticket", "default", ".txt", text.replace(",", "\t").encode("gb18030")))
    samples.append(Sample("weighbridge_ticket", "default", ".gz", gzip.compress(text.encode(), mtime=0)))
    samples.append(Sample("weighbridge_ticket", "default", ".zip", _zip({"tickets.csv": text.encode()})))
    samples.append(Sample("weighbridge_ticket", "default", ".xlsx", _workbook(text)))
    return samples


def _zip(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _workbook(text: str) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in text.splitlines():
        sheet.append(line.split(","))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _span(content: bytes, chance: random.Random, most: int = 200) -> tuple[int, int]:
    start = chance.randrange(max(1, len(content)))
    return start, min(len(content), start + chance.randint(1, most))


def flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 3, 20))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut_end(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(max(1, len(content))) or 1]


def cut_start(content: bytes, chance: random.Random) -> bytes:
    return content[chance.randrange(max(1, len(content))) :] or b"\n"


def cut_out(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:] or b" "


def repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance, 2000)
    return content[:end] + content[start:end] * chance.choice((1, 1, 2, 10)) + content[end:]


def put_in(content: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(content) + 1)
    what = chance.choice(INSERTED)
    return content[:start] + what + content[start:]


def swap_delimiter(content: bytes, chance: random.Random) -> bytes:
    old, new = chance.sample((b",", b"\t", b";", b"|"), 2)
    return content.replace(old, new, chance.choice((-1, 3)))


def quote_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    number = chance.randrange(len(lines))
    lines[number] = chance.choice((
        b'"' + lines[number] + b'"', lines[number].replace(b",", b'","'), b'"' + lines[number],
        lines[number] + b'"', lines[number].replace(b",", b'",', 1),
    ))  # fmt: skip
    return b"\n".join(lines)


def recode(content: bytes, chance: random.Random) -> bytes:
    old, new = chance.choice(ENCODINGS), chance.choice(ENCODINGS)
    return content.decode(old, errors="replace").encode(new, errors="replace") or b"?"


def line_ends(content: bytes, chance: random.Random) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\r", b"\n\n")))


def huge_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    number = chance.randrange(len(lines))
    lines[number] += chance.choice((b"x", b",", b'"', b" ", b"\xd6\xd0")) * chance.choice((10_000, 300_000))
    return b"\n".join(lines)


def shuffle_lines(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    start = chance.randrange(len(lines))
    part = lines[start : start + 10]
    chance.shuffle(part)
    return b"\n".join(lines[:start] + part + lines[start + 10 :]) or b"\n"


def another_kind(content: bytes, chance: random.Random) -> bytes:
    """Content that its name does not tell: a workbook called CSV, text in an archive, one archive in another."""
    return chance.choice((
        gzip.compress(content, mtime=0), _zip({"a.csv": content}), _zip({"a.csv": content, "b.csv": content}),
        _zip({}), _zip({"../a.csv": content}), gzip.compress(gzip.compress(content, mtime=0), mtime=0),
        b"PK\x03\x04" + content, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + content, b"\x1f\x8b\x08" + content,
        gzip.compress(content, mtime=0)[:-9],
    ))  # fmt: skip


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip, flip, cut_end, cut_start, cut_out, repeat, put_in, put_in, put_in, swap_delimiter, quote_lines, recode,
    line_ends, huge_line, shuffle_lines, another_kind,
)  # fmt: skip
