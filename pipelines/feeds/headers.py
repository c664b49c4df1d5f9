"""Which contract column each header word of a file means, and in which unit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from pipelines.contracts import UNIT_WORDS, UNITS, Contract, Source
from pipelines.errors import InputRefusedError

_WORDS = sorted(
    ((word, unit) for unit, words in UNIT_WORDS.items() for word in words), key=lambda pair: -len(pair[0])
)
UNIT_OF_WORD = dict(_WORDS)
WITH_UNIT = re.compile(rf"(.+?)[(\[{{_/:,|-]*({'|'.join(word for word, _ in _WORDS)})[)\]}}]*")

LETTERS_END = re.compile(r"[a-z]t[)\]}]*$")


class HeaderMap(dict[str, int]):
    """Position of each contract column among the headers; `units` holds the units that header words name."""

    def __init__(self, positions: Mapping[str, int] = {}, units: Mapping[str, str] = {}) -> None:
        super().__init__(positions)
        self.units = dict(units)


def clean_header(text: str) -> str:
    """Return a header word as it is compared: half width, lower case, no blanks around or inside, no quotes."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).strip("\"'").casefold()


def unit_in_header(text: str) -> tuple[str, str] | None:
    """Return the base word and the unit of a header such as 毛重(吨), 毛重/kg, 净重KG or Gross (lb), else None."""
    match = WITH_UNIT.fullmatch(clean_header(text))
    if match is None or (match[2] == "t" and LETTERS_END.search(match[0])):
        return None  # plant is not plan in tonnes
    return match[1], UNIT_OF_WORD[match[2]]


def header_map(contract: Contract, source: Source, headers: tuple[str, ...]) -> HeaderMap:
    """Return the position of each contract column found among the headers, with the units their words name.

    The profile's own words win, and a header it claims for one column is no other's. A mass column is also found
    by a known word with a unit behind it.

    Raises:
        InputRefusedError: a header names another unit than the profile. Where the profile lists that very header
            among its aliases beside a unit, someone has decided, and the profile wins.
    """
    position = {clean_header(header): index for index, header in reversed(list(enumerate(headers)))}
    with_unit: dict[str, tuple[str, str]] = {}
    for word in reversed(list(position)):
        if parsed := unit_in_header(word):
            with_unit[parsed[0]] = (word, parsed[1])
    claims = {clean_header(word): name for name, words in source.aliases.items() for word in words}
    found = HeaderMap()
    for name, column in contract.columns.items():
        own = [clean_header(word) for word in source.aliases.get(name, ())]
        general = [clean_header(word) for word in (name, *column.aliases)]
        words = [*own, *(word for word in general if claims.get(word, name) == name)]
        header = next((word for word in words if word in position), None)
        if column.type in UNITS:
            if header is None:
                header = next((with_unit[word][0] for word in words if word in with_unit), None)
            parsed = unit_in_header(header) if header else None
            is_decided = header in own and name in source.units
            if header and parsed and not is_decided:
                _refuse_other_unit(source, name, headers[position[header]], parsed[1])
                found.units[name] = parsed[1]
        if header is not None:
            found[name] = position[header]
    return found


def _refuse_other_unit(source: Source, name: str, header: str, unit: str) -> None:
    agreed = source.units.get(name, unit)
    if agreed != unit:
        raise InputRefusedError(
            f"header {header!r} says {unit}, source profile {source.name!r} says {agreed} for {name}: one of them is"
            f" wrong. If the header is right, set units: {{{name}: {unit}}} in the profile; if the cells are in"
            f" {agreed}, list the header as it stands under aliases: {name}"
        )


def missing_columns(contract: Contract, source: Source, found: Mapping[str, int]) -> list[str]:
    """Return the required columns (or groups of which one is needed) that the headers do not give."""
    given = found.keys() | source.defaults.keys()
    missing = [name for name, column in contract.columns.items() if column.required and name not in given]
    missing += [" or ".join(group) for group in contract.required_any if not given & set(group)]
    return missing
