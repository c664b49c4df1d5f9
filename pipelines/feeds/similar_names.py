"""Which known names an unknown one may mean: spelling alone, so a person decides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

MOST = 3
LEAST_SCORE = 50.0  # below half of the letters alike, a suggestion misleads more than it helps
PART_WEIGHT = 0.9  # a name inside a longer one (确山矿 in 确山矿业) is a little less than the name itself
LEAST_PART = 3  # a letter or two are part of too many names
MOST_NAMES = 2000  # a feed that invents a name a ticket must not stop the build


def most_alike(name: str, known: Mapping[str, str]) -> dict[str, float]:
    """Return the known things whose names are most like a name, and their score, the likest first.

    Args:
        name: the unknown name.
        known: each name in use, and the name of what it means, which is what is offered.

    The score is 1 for names that differ only in width, case, blanks and brackets. Nothing alike: an empty dict.
    """
    from rapidfuzz import fuzz, process

    wanted = _letters(name)
    if not wanted:
        return {}
    choices = {alias: _letters(alias) for alias in known}
    best: dict[str, float] = {}
    for scorer, weight in ((fuzz.ratio, 1.0), (fuzz.partial_ratio, PART_WEIGHT)):
        cutoff = LEAST_SCORE / weight
        for letters, score, alias in process.extract(
            wanted, choices, scorer=scorer, limit=4 * MOST, score_cutoff=cutoff
        ):
            if weight < 1 and min(len(letters), len(wanted)) < LEAST_PART:
                continue
            meant = known[alias]
            best[meant] = max(best.get(meant, 0), weight * score)
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:MOST]
    return {meant: round(score / 100, 2) for meant, score in ranked}


@lru_cache(maxsize=100_000)
def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name)).lower()
