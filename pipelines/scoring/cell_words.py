"""How a single cell of a price file is read: dates by day or month, and prices as people write them."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

NO_DATE = -(1 << 62)
EPOCH = dt.date(1970, 1, 1)
FIRST_YEAR, LAST_YEAR = 1900, 2199

_SEPARATED = re.compile(r"(\d{4})[-/.年](\d{1,2})(?:月|(?:[-/.月](\d{1,2})日?))?(?:[T ]+\d{1,2}:\d{2}.*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})?")
_REPUBLIC = re.compile(
    r"(?:民国|民國)?(\d{2,3})[-/.年](\d{1,2})(?:月|[-/.月]\d{1,2}日?)?|(?:民国|民國).*|1\d{2}(?:\d{2}){1,2}"
)
_DAY_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")


def read_date(text: str) -> tuple[int, bool, str]:
    """Return a date as days since 1970, whether it is a month (then of its first day), and a hint where it is none.

    Read are 2023-05-08, 2023/5/8, 2023.5.8, 20230508, 2023年5月8日, a time of day behind them, and the same without
    the day. NO_DATE where none of them fits; day and month are never guessed apart.
    """
    cell = unicodedata.normalize("NFKC", text).strip()
    match = _SEPARATED.fullmatch(cell) or _COMPACT.fullmatch(cell)
    if match:
        year, month, day = (int(part) if part else 0 for part in match.groups())
        try:
            if FIRST_YEAR <= year <= LAST_YEAR:
                return (dt.date(year, month, day or 1) - EPOCH).days, not day, ""
        except ValueError:
            pass
    if _DAY_FIRST.fullmatch(cell):
        return NO_DATE, False, "day and month cannot be told apart: write 2023-05-08"
    if _REPUBLIC.fullmatch(cell):
        return NO_DATE, False, "years of 民国 and of the common era do not mix: add 1911 to the former"
    return NO_DATE, False, ""


def read_price(text: str) -> float:
    """Return a price, also in full-width digits or with separators between thousands; NaN where it is none."""
    cell = unicodedata.normalize("NFKC", text).strip()
    if _THOUSANDS.fullmatch(cell):
        cell = cell.replace(",", "")
    return float(cell) if _NUMBER.fullmatch(cell) else float("nan")
