"""Which number plates a query asks for and which its result hands out: what the access log lists.

A plate that the query takes apart (its digits alone, its letters turned round) is not found in the result; the log
holds the query whole, which shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SIGN = r"[\s·•・.\-]"
_LAST = "[挂学警港澳领使]"
# GA 36-2018: province, letter, five signs; six with a letter at either end for new energy; four and a word for
# trailers and the like.
_SIX = r"[A-HJK][A-Z0-9]\d{4}|\d{5}[A-HJK]"
_IN_TEXT = re.compile(rf"[{PROVINCES}]{_SIGN}?[A-Z]{_SIGN}*(?:[A-Z0-9]{{4}}{_LAST}|{_SIX}|[A-Z0-9]{{5}}{_LAST}?)")
_PART = re.compile(rf"[{PROVINCES}][A-Z%_*.?\[]")  # '豫Q12%', '^豫[QR]'
_WITHOUT_PROVINCE = re.compile(rf"(?=(?:.*\d){{3}})[A-Z][A-Z0-9]{{5,6}}{_LAST}?")
_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?\*/ | "(?:[^"]|"")*" | '(?P<plain>(?:[^']|'')*)'
        | \$(?P<tag>\w*)\$(?P<dollar>.*?)\$(?P=tag)\$""",
    re.DOTALL | re.VERBOSE,
)
# What stands before a text that is laid against a column of plates.
_BEFORE = re.compile(
    r"""plate\w*"?\s*\)?\s*(?:NOT\s+)?(?:=|<>|!=|[<>~@^]|I?LIKE|SIMILAR\s+TO|GLOB|IN\s*\(|BETWEEN|,|:=)[\s=(~*@]*$""",
    re.IGNORECASE,
)
_LOOKED_AT_CHARS = 200


def normal(text: str) -> str:
    """Return a plate as the feeds keep it: upper case, half width, without blanks, dots and dashes."""
    return re.sub(_SIGN, "", _plain(text))


def asked(sql: str) -> list[str]:
    """Return the plates a query names, sorted.

    A whole plate comes in its normal form; a part, or one with wildcards, as it is written.
    """
    found: set[str] = set()
    end, is_plate_list = 0, False
    for token in _TOKEN.finditer(sql):
        text = token["plain"].replace("''", "'") if token["plain"] is not None else token["dollar"]
        if text is None:
            continue
        between = sql[end : token.start()]
        if end == 0 or not re.fullmatch(r"[\s,]*", between):  # else the list goes on
            is_plate_list = bool(_BEFORE.search(sql[max(0, token.start() - _LOOKED_AT_CHARS) : token.start()]))
        end = token.end()
        bare = _plain(text)
        if whole := list(_whole(bare)):
            found.update(whole)
        elif text.strip() and (is_plate_list or _PART.search(bare) or _WITHOUT_PROVINCE.fullmatch(bare.strip())):
            found.add(text.strip())
    return sorted(found)


def read(columns: Iterable[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the plates in a result, sorted, each once, in any text, list or struct and in names of columns."""
    found: set[str] = set(in_text("\0".join(columns)))
    for row in rows:
        if text := "\0".join(_texts(row)):
            found.update(in_text(text))
    return sorted(found)


def in_text(text: str) -> list[str]:
    """Return the plates in a text in their normal form, sorted, each once."""
    return [] if text.isascii() else sorted(set(_whole(_plain(text))))


def _whole(bare: str) -> Iterator[str]:
    return (re.sub(_SIGN, "", match[0]) for match in _IN_TEXT.finditer(bare))


def _plain(text: str) -> str:
    return text.translate(_half_width()).upper()


@cache
def _half_width() -> dict[int, int]:
    from pipelines.feeds import readings  # the feeds' own table of signs; here, since it brings YAML along

    return str.maketrans(readings.FULL_WIDTH, readings.HALF_WIDTH)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts within a value that may hold a plate: one of ASCII alone has no province."""
    if isinstance(value, str):
        if not value.isascii():
            yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(key)
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
