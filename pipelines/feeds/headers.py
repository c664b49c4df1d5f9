"""Which contract column each header word of a file means."""

from __future__ import annotations

import re

from pipelines.contracts import Contract, Source


def clean_header(text: str) -> str:
    """Return a header word as aliases spell it: no blanks around or inside, half-width brackets."""
    return re.sub(r"\s+", "", text).replace("（", "(").replace("）", ")").strip('"')


def header_map(contract: Contract, source: Source, headers: tuple[str, ...]) -> dict[str, int]:
    """Return the position of each contract column found among the headers; the profile's own words win."""
    position = {clean_header(header): index for index, header in reversed(list(enumerate(headers)))}
    found: dict[str, int] = {}
    for name, column in contract.columns.items():
        for word in (*source.aliases.get(name, ()), name, *column.aliases):
            if clean_header(word) in position:
                found[name] = position[clean_header(word)]
                break
    return found


def missing_columns(contract: Contract, source: Source, found: dict[str, int]) -> list[str]:
    """Return the required columns (or groups of which one is needed) that the headers do not give."""
    given = found.keys() | source.defaults.keys()
    missing = [name for name, column in contract.columns.items() if column.required and name not in given]
    missing += [" or ".join(group) for group in contract.required_any if not given & set(group)]
    return missing
