"""How one text cell is read as a number, mass, date or time: SQL expressions, the common form first.

A canonical cell (`45600`, `2026-01-05 08:03:00`, `豫Q12345`) takes a short branch that costs next to nothing. Only
what that branch cannot read is brought to half width, searched for units and separators, and read by the grammar
below. Whatever the grammar does not know stays NULL and is put aside: nothing is repaired by guessing.
"""

from __future__ import annotations

from pipelines.contracts import KG_PER_UNIT, UNIT_WORDS, Column, Source
from pipelines.literal import quoted

FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000\u00a0\u2009\u202f’‘−"
HALF_WIDTH = "".join(chr(code) for code in range(0x21, 0x7F)) + "    ''-"
YES = ("true", "1", "是", "y", "yes", "有", "已提供")
NO = ("false", "0", "否", "n", "no", "无", "未提供")

# A separator parts groups of three, the same one throughout; 45,6 and 4,5600 could mean anything.
NUMBER = r"[+-]?(?:[1-9]\d{0,2}(?:(?:,\d{3})+|(?:'\d{3})+|(?: \d{3})+)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)"
AMBIGUOUS_NUMBER = r"^[+-]?\d[\d,'. ]*(?:[,' ]\d[\d,'. ]*|\.\d+[.,]\d*)[^\d]{0,6}$"
AMBIGUOUS_DATE = r"^(\d{1,3}[-/.年]\d{1,2}([-/.月].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d{5,7})$"

CANONICAL_TIME = "____-__-__ __:__:__"
CANONICAL_DATE = "____-__-__"
COMMON_DATE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}"
COMMON_TIME = COMMON_DATE + r" \d{1,2}:\d{1,2}(?::\d{1,2})?"
FIRST_YEAR, LAST_YEAR = 1990, 2100
# Zones without summer time since 1992: shifting by a constant costs a third of asking the calendar.
FIXED_SHIFT_US = {"Asia/Shanghai": 8 * 3_600_000_000, "UTC": 0}
HALF_DAYS = "上午|下午|[AaPp][Mm]"
# Day numbers of workbooks (days since 1899-12-30, the 1900 system) stand for 2000-01-01 to 2059-12-31 only.
FIRST_SERIAL, LAST_SERIAL = 36526, 58439
SERIAL = r"([345]\d{4}(?:\.\d+)?)"
WRITTEN_TIME = (
    rf"({HALF_DAYS})? *(\d{{1,2}})[:时時点點](\d{{1,2}})(?:[:分](\d{{1,2}})(?:\.(\d{{1,6}}))?秒?|分)? *({HALF_DAYS})?"
    r" *(Z|z|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?"
)
DATE_FIELDS = ("y1", "m1", "m2", "d1", "half1", "h1", "i1", "s1", "f", "half2", "zone")
PACKED_FIELDS = ("y2", "m3", "d2", "h2", "i2", "s2")


def _pattern(profile: Source) -> tuple[str, str]:
    """Return the one pattern of all spellings and the SQL list of its group names.

    One pattern, because each costs time when the statement is planned: that time is all a small file takes.
    """
    is_roc = profile.calendar == "roc"
    year, packed_year, era = (r"\d{2,4}", r"\d{4}|\d{3}", "(?:民[国國])?") if is_roc else (r"\d{4}", r"\d{4}", "")
    spellings = [
        SERIAL,
        rf"({year})(?:[-/.](\d{{1,2}})[-/.]|年(\d{{1,2}})月)(\d{{1,2}})(?:(?:日 *|[T ] *){WRITTEN_TIME}|日)?",
        rf"({packed_year})(\d\d)(\d\d)(?:[T ]?(\d\d):?(\d\d)(?::?(\d\d))?)?",
    ]
    names = ["serial", *DATE_FIELDS, *PACKED_FIELDS]
    if is_roc:  # 11505 and 115/5 are a month, held as its first day
        spellings.append(r"(1\d\d|\d\d)(?:(\d\d)|[-/年](\d{1,2})月?)")
        names += ["y3", "m4", "m5"]
    return f"^{era}(?:{'|'.join(spellings)})$", "[" + ", ".join(map(quoted, names)) + "]"


def half_width(cell: str) -> str:
    """Return SQL for a cell in half-width characters and plain blanks."""
    # translate() builds its table anew for each row, ten times the cost of looking whether it is needed.
    wide = f"translate({cell}, {quoted(FULL_WIDTH)}, {quoted(HALF_WIDTH)})"
    return f"trim(CASE WHEN regexp_matches({cell}, {quoted(f'[{FULL_WIDTH}]')}) THEN {wide} ELSE {cell} END)"


def plate(cell: str) -> str:
    """Return SQL for a number plate in upper case and half width, without blanks, dots and dashes."""
    bare = f"regexp_replace(upper({half_width(cell)}), '[\\s·•.\\-]', '', 'g')"
    return (
        f"CASE WHEN regexp_full_match({cell}, '\\p{{Han}}[A-Z][A-Z0-9]{{5,6}}\\p{{Han}}?') THEN {cell}"
        f" ELSE nullif({bare}, '') END"
    )


def _parts(cell: str, units: str) -> str:
    pattern = f"(?i)^({NUMBER}) *({units})$"
    return f"regexp_extract({half_width(cell)}, {quoted(pattern)}, ['number', 'unit'])"


_DIGITS = "try_cast(translate(part.number, ', ''', '') AS DECIMAL(18, 6))"


def number(cell: str) -> str:
    """Return SQL for a plain number as DECIMAL(18, 6), thousands separators allowed."""
    # At most 18 digits: a wider decimal is held in 128 bits and its cast is 180 times slower.
    grouped = f"list_transform([{_parts(cell, '')}], lambda part: {_DIGITS})[1]"
    return f"coalesce(try_cast({cell} AS DECIMAL(18, 6)), {grouped})"


def mass(cell: str, column: Column, unit: str) -> str:
    """Return SQL for a mass in the column's unit; a unit in the cell overrides `unit`."""
    base = KG_PER_UNIT["kg" if column.type == "mass_kg" else "t"]
    # The known units are few and fixed, so the factor is text of ours and never the cell's.
    factors = {name: f"{per_unit / base!r}" for name, per_unit in KG_PER_UNIT.items()}
    words = "|".join(sorted((word for words in UNIT_WORDS.values() for word in words), key=len, reverse=True))
    cases = " ".join(
        f"WHEN lower(part.unit) IN ({', '.join(map(quoted, words))}) THEN {factors[name]}"
        for name, words in UNIT_WORDS.items()
    )
    by_unit = f"{_DIGITS}::DOUBLE * CASE WHEN part.unit = '' THEN {factors[unit]} {cases} END"
    spelled = f"list_transform([{_parts(cell, f'(?:{words})?')}], lambda part: {by_unit})[1]"
    plain = f"try_cast({cell} AS DECIMAL(18, 6))"
    if KG_PER_UNIT[unit] != base:
        # Through a double: a decimal product overflows with an error on absurd cells, this one is rejected.
        return f"try_cast(coalesce({plain}::DOUBLE * {factors[unit]}, {spelled}) AS {column.sql_type})"
    return f"coalesce(try_cast({plain} AS {column.sql_type}), try_cast({spelled} AS {column.sql_type}))"


def wall(cell: str, column: Column) -> str:
    """Return SQL for the wall-clock time of a time or date cell in a common form, else NULL; `moment`, `day` go on.

    The common forms are 2026-01-05 08:03:00 and 2026/1/5 8:03, which the cast reads as they stand. Its own grammar is
    too kind: it drops an offset, and all that follows a date.
    """
    kind, canonical, common = (
        ("TIMESTAMP", CANONICAL_TIME, COMMON_TIME) if column.type == "time" else ("DATE", CANONICAL_DATE, COMMON_DATE)
    )
    return (
        f"CASE WHEN {cell} LIKE '{canonical}' OR regexp_full_match({cell}, '{common}')"
        f" THEN try_cast({cell} AS {kind}) END"
    )


def _wall_parts(cell: str, profile: Source) -> str:
    """Return SQL for a list of one struct: `at`, the wall-clock TIMESTAMP or NULL, and `zone`, its offset or ''."""
    pattern, names = _pattern(profile)
    parts = f"regexp_extract({half_width(cell)}, {quoted(pattern)}, {names})"
    is_roc = profile.calendar == "roc"
    year = "(part.y1 || part.y2" + (" || part.y3)" if is_roc else ")")
    years = f"CASE WHEN length({year}) = 4 AND {year} BETWEEN '{FIRST_YEAR}' AND '{LAST_YEAR}' THEN {year}"
    if is_roc:
        since = f"try_cast({year} AS INTEGER) + 1911"
        years += f" WHEN length({year}) < 4 AND {since} BETWEEN {FIRST_YEAR} AND {LAST_YEAR} THEN ({since})::VARCHAR"
    month = "part.m1 || part.m2 || part.m3" + (" || part.m4 || part.m5" if is_roc else "")
    day_of_month = "coalesce(nullif(part.d1 || part.d2, ''), '1')"  # without a day only months of the Republic match
    half, hour = "lower(part.half1 || part.half2)", "try_cast(part.h1 AS INTEGER)"
    hours = (
        f"CASE WHEN part.h1 || part.h2 = '' THEN '0' WHEN {half} = '' THEN part.h1 || part.h2"
        f" WHEN {hour} > 12 THEN NULL"
        f" WHEN {half} IN ('上午', 'am') THEN ({hour} % 12)::VARCHAR"
        f" WHEN {half} IN ('下午', 'pm') THEN ({hour} % 12 + 12)::VARCHAR END"
    )
    stamp = (
        f"{years} END || '-' || {month} || '-' || {day_of_month} || ' ' || {hours}"
        " || ':' || coalesce(nullif(part.i1 || part.i2, ''), '0')"
        " || ':' || coalesce(nullif(part.s1 || part.s2, ''), '0') || '.' || coalesce(nullif(part.f, ''), '0')"
    )
    at = (
        f"CASE WHEN part.serial = '' THEN try_cast({stamp} AS TIMESTAMP)"
        f" WHEN part.serial::DOUBLE BETWEEN {FIRST_SERIAL} AND {LAST_SERIAL + 1}"
        " THEN TIMESTAMP '1899-12-30' + to_seconds(round(part.serial::DOUBLE * 86400)) END"
    )
    return f"list_transform([{parts}], lambda part: {{'at': {at}, 'zone': part.zone}})"


def moment(cell: str, canonical: str, profile: Source) -> str:
    """Return SQL for a time cell as TIMESTAMPTZ.

    Args:
        cell: SQL of the text.
        canonical: SQL of its `wall`.
        profile: the source profile, which says the time zone of wall-clock times and the calendar.
    """
    zone = quoted(profile.time_zone)
    shift = FIXED_SHIFT_US.get(profile.time_zone)
    first_year = 1992 if shift is not None else FIRST_YEAR
    zoned = (
        f"make_timestamptz(epoch_us({canonical}) - {shift})"
        if shift is not None
        else f"timezone({zone}, {canonical})"
    )
    # An offset in the cell says the moment exactly; a plain cast to TIMESTAMP would drop it without a word.
    spelled = (
        f"list_transform({_wall_parts(cell, profile)}, lambda wall: CASE wall.zone WHEN ''"
        f" THEN timezone({zone}, wall.at)"
        " ELSE try_cast(wall.at::VARCHAR || regexp_replace(upper(wall.zone), 'UTC|GMT', 'Z') AS TIMESTAMPTZ) END)[1]"
    )
    return (
        f"CASE WHEN {canonical} BETWEEN TIMESTAMP '{first_year}-01-01' AND TIMESTAMP '{LAST_YEAR}-12-31 23:59:59'"
        f" THEN {zoned} WHEN {cell} IS NOT NULL THEN {spelled} END"
    )


def day(cell: str, canonical: str, profile: Source) -> str:
    """Return SQL for a date cell as DATE; a time of day behind the date is dropped. Arguments as for `moment`."""
    return (
        f"CASE WHEN {canonical} BETWEEN DATE '{FIRST_YEAR}-01-01' AND DATE '{LAST_YEAR}-12-31' THEN {canonical}"
        f" WHEN {cell} IS NOT NULL THEN {_wall_parts(cell, profile)}[1].at::DATE END"
    )


def finite(double: str) -> str:
    """Return SQL for a DOUBLE that is a number: nan and inf are words."""
    return f"CASE WHEN isfinite({double}) THEN {double} END"


def range_end(cell: str, end: int) -> str:
    """Return SQL for the text of one end (1 or 2) of a range such as 450-480, NULL where the cell is none."""
    ends = rf"^({NUMBER}) *[-~～至] *({NUMBER})$"
    return f"nullif(regexp_extract({half_width(cell)}, {quoted(ends)}, {end}), '')"


def range_middle(cell: str) -> str:
    """Return SQL for the middle of a range as DOUBLE."""
    low, high = (f"{number(range_end(cell, end))}::DOUBLE" for end in (1, 2))
    return f"({low} + {high}) / 2"


def flag(cell: str) -> str:
    """Return SQL for a yes or no in the words people use, as BOOLEAN."""
    return (
        f"CASE WHEN lower({cell}) IN ({', '.join(map(quoted, YES))}) THEN true"
        f" WHEN lower({cell}) IN ({', '.join(map(quoted, NO))}) THEN false END"
    )
