"""Words for scores: which step of a method a score stands on, by bounds that the caller gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.scoring.alps import Array

Words = NDArray[np.str_]

UNKNOWN = ""
NORMAL = "normal"
_DIGITS = 9  # a score at the bound is at the bound, whatever its binary digits say


def steps(scores: Array, bounds: Mapping[str, float], *, mirrored: Mapping[str, float] | None = None) -> Words:
    """Return the word of each score: that of the highest bound it reaches, `normal` below all, empty where unknown.

    Args:
        scores: any shape, NaN where unknown.
        bounds: the least score of each word; a score at a bound has reached it.
        mirrored: words for falls with the same bounds below 0; without it falls are normal.
    """
    rounded = np.round(scores, _DIGITS)
    listed = [*bounds, *(mirrored or {}), NORMAL]
    found: Words = np.full(scores.shape, NORMAL, dtype=f"<U{max(map(len, listed))}")
    for word, bound in sorted(bounds.items(), key=lambda item: item[1]):
        found[rounded >= bound] = word
    for word, bound in sorted((mirrored or {}).items(), key=lambda item: item[1]):
        found[rounded <= -bound] = word
    found[np.isnan(scores)] = UNKNOWN
    return found
