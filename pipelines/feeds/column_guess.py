"""Which column of a contract a stranger's column is: told by its words, by its values, and by how columns add up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from statistics import fmean, median

from pipelines.contracts import Column, Contract, Source
from pipelines.feeds import readings
from pipelines.feeds.headers import clean_header, header_map, unit_in_header
from pipelines.feeds.profile_sample import Sample

LEAST_SCORE = 62.0  # letters alike, of 100; a header word of two characters that shares one with an alias has 50
PART_WEIGHT = 0.85  # a known word inside a longer one
HINT_SCORE = 70.0  # one of the contract's hints inside the header word
LEAST_SHARE = 0.8  # of the filled cells that must read as the column's type
SUM_SHARE = 0.9  # of the rows in which gross - tare = net
NUMBERED = re.compile(r"[A-Za-z0-9-]*\d")
PLATE = re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{5,6}[挂学警]?")


@dataclass
class Guess:
    """A header taken for a column: `why` is for the comment, `is_known` where the contract knows the word itself."""

    column: str
    place: int
    header: str
    why: str
    is_known: bool = False


@dataclass
class Values:
    """A stranger's column as the reader would read it: numbers and moments by row, None where it would not."""

    filled: int
    numbers: list[float | None]
    moments: list[float | None]
    plates: int
    texts: list[str]

    def share(self, kind: str) -> float:
        """Share of the filled cells that read as a type of the contract, 0 to 1."""
        if not self.filled:
            return 0.0
        if kind in ("mass_kg", "mass_t", "number", "integer"):
            return sum(value is not None for value in self.numbers) / self.filled
        if kind in ("time", "date"):
            return sum(value is not None for value in self.moments) / self.filled
        return self.plates / self.filled if kind == "plate" else 1.0


@dataclass
class Guesses:
    """What was told: a guess a column, the unit a mass column is in where it is not the usual, and the doubts."""

    columns: dict[str, Guess] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def read_values(sample: Sample, profile: Source) -> list[Values]:
    """Return each column of a sample as numbers, moments and plates, read by the very grammar of the load."""
    import duckdb

    # A number with a unit in its cell counts in kg, a plain one as it stands.
    any_mass = Column("mass", "mass_kg", "")
    shape = (
        f"SELECT {readings.mass('cell', any_mass, 'kg')}::DOUBLE,"
        f" epoch({readings.moment('cell', 'NULL::TIMESTAMP', profile)}), {readings.plate('cell')} FROM texts"
    )
    made = []
    with duckdb.connect() as con:
        for place in range(len(sample.headers)):
            texts = sample.column(place)
            rows = con.execute(
                f"WITH texts AS (SELECT nullif(unnest(?::VARCHAR[]), '') AS cell) {shape}", [texts]
            ).fetchall()
            numbers, moments, plates = (list(column) for column in zip(*rows, strict=True))
            made.append(
                Values(
                    filled=sum(map(bool, texts)),
                    numbers=numbers,
                    moments=moments,
                    plates=sum(bool(plate and PLATE.fullmatch(plate)) for plate in plates),
                    texts=texts,
                )
            )
    return made


def guess_columns(contract: Contract, sample: Sample, values: list[Values]) -> Guesses:
    """Return which header means which column, surest first: known words, sums and plates, likeness of words."""
    guesses = Guesses()
    headers = tuple(sample.headers)
    for name, place in header_map(contract, Source("default"), headers).items():
        kind = contract.columns[name].type
        if values[place].filled and values[place].share(kind) < LEAST_SHARE and kind not in ("code", "flag", "text"):
            guesses.doubts.append(f"{headers[place]} is a known word for {name}, but its cells are no {kind}")
        guesses.columns[name] = Guess(name, place, headers[place], "known word", is_known=True)
    alike = _by_words(contract, headers)
    if {"gross_kg", "tare_kg", "net_kg"} <= contract.columns.keys():
        _guess_masses(guesses, headers, values, alike)
    if "plate" in contract.columns:
        _guess_by_share(
            guesses, "plate", headers, {place: value.share("plate") for place, value in enumerate(values)}
        )
    for column in contract.columns.values():
        if column.codes:
            shares = {place: _code_share(column, value) for place, value in enumerate(values)}
            _guess_by_share(guesses, column.name, headers, shares)
    if contract.identity:  # of several times the words tell little: 进厂时间 and 出厂时间 are both like 时间
        _guess_times(guesses, contract, headers, values)
    _guess_by_words(guesses, contract, headers, values, alike)
    _guess_times(guesses, contract, headers, values)
    if contract.identity:
        _guess_number(guesses, contract, headers, values)
    return guesses


def _free(guesses: Guesses, values: list[Values]) -> list[int]:
    taken = {guess.place for guess in guesses.columns.values()}
    return [place for place in range(len(values)) if place not in taken and values[place].filled]


def _guess_by_share(guesses: Guesses, name: str, headers: tuple[str, ...], shares: Mapping[int, float]) -> None:
    taken = {guess.place for guess in guesses.columns.values()}
    place = max((place for place in shares if place not in taken), key=lambda place: shares[place], default=None)
    if name in guesses.columns or place is None or shares[place] < LEAST_SHARE:
        return
    what = "plates" if name == "plate" else f"words of {name}"
    guesses.columns[name] = Guess(name, place, headers[place], f"{shares[place]:.0%} of its cells are {what}")


def _code_share(column: Column, values: Values) -> float:
    """Share of the filled cells that hold a known word of a code column; a word of one letter must be all of it."""
    words = {word for code, words in column.codes.items() for word in (code, *words)}
    longer = [word for word in words if len(word) > 1 and not word.isascii()]
    texts = [text for text in values.texts if text]
    return sum(text in words or any(word in text for word in longer) for text in texts) / len(texts) if texts else 0.0


def _by_words(contract: Contract, headers: tuple[str, ...]) -> dict[tuple[str, int], tuple[float, str]]:
    """Return likeness 0 to 100 and what it rests on, for every pair of column and header."""
    from rapidfuzz import fuzz

    alike: dict[tuple[str, int], tuple[float, str]] = {}
    for place, header in enumerate(headers):
        parsed = unit_in_header(header)
        word = re.sub(r"\(.*?\)", "", parsed[0] if parsed else clean_header(header))
        for name, column in contract.columns.items():
            for alias in (*column.aliases, name):
                known = clean_header(alias)
                whole = fuzz.ratio(word, known)
                part = PART_WEIGHT * fuzz.partial_ratio(word, known) if min(len(word), len(known)) > 1 else 0.0
                if (score := max(whole, part)) > alike.get((name, place), (0.0, ""))[0]:
                    alike[name, place] = (score, f"word like {alias} ({score:.0f} of 100)")
            hint = next((text for text in column.hints if clean_header(text) in word), None)
            if hint and alike.get((name, place), (0.0, ""))[0] < HINT_SCORE:
                alike[name, place] = (HINT_SCORE, f"its word holds {hint}")
    return alike


def _guess_by_words(
    guesses: Guesses,
    contract: Contract,
    headers: tuple[str, ...],
    values: list[Values],
    alike: Mapping[tuple[str, int], tuple[float, str]],
) -> None:
    ignored = {clean_header(word) for word in contract.ignored}
    taken = {guess.place for guess in guesses.columns.values()}
    for (name, place), (score, why) in sorted(alike.items(), key=lambda item: -item[1][0]):
        kind = contract.columns[name].type
        fits = values[place].filled > 0 and values[place].share(kind) >= LEAST_SHARE
        free = name not in guesses.columns and place not in taken and clean_header(headers[place]) not in ignored
        if score < LEAST_SCORE or not fits or not free:
            continue
        guesses.columns[name] = Guess(name, place, headers[place], why)
        taken.add(place)


def _guess_masses(
    guesses: Guesses,
    headers: tuple[str, ...],
    values: list[Values],
    alike: Mapping[tuple[str, int], tuple[float, str]],
) -> None:
    """Find the three masses by gross - tare = net; the words, then the lighter mass, tell tare from net."""
    names = ("gross_kg", "tare_kg", "net_kg")
    numeric = [place for place in range(len(headers)) if values[place].share("number") >= 0.5]
    best: tuple[tuple[float, ...], tuple[int, int, int], float] | None = None
    for places in permutations(numeric, 3):
        known = [guesses.columns.get(name) for name in names]
        if any(guess and guess.place != place for guess, place in zip(known, places, strict=True)):
            continue
        masses = [values[place].numbers for place in places]
        # An axle station has thirty columns of figures: most triples are out after a few rows.
        if _sum_share(*(mass[:20] for mass in masses)) < SUM_SHARE:
            continue
        share = _sum_share(*masses)
        if share < SUM_SHARE:
            continue
        scores = [alike.get((name, place), (0.0, ""))[0] for name, place in zip(names, places, strict=True)]
        words = sum(score for score in scores if score >= LEAST_SCORE)
        # Loaded trucks carry more than they weigh. Without a deduction 实重 equals 净重: the first of them counts.
        rank = (words, -_middle(values[places[1]]), float(-places[2]))
        if best is None or rank > best[0]:
            best = (rank, places, share)
    if best is None:
        if "gross_kg" not in guesses.columns:
            guesses.doubts.append("three masses with gross - tare = net were not found")
        return
    _, places, share = best
    if not best[0][0]:
        tare, net = (headers[place] for place in places[1:])
        guesses.doubts.append(f"which of {tare} and {net} is tare and which net: the lighter is taken as tare")
    for name, place in zip(names, places, strict=True):
        if name not in guesses.columns:
            why = f"gross - tare = net in {share:.0%} of the rows"
            guesses.columns[name] = Guess(name, place, headers[place], why)


def _sum_share(gross: list[float | None], tare: list[float | None], net: list[float | None]) -> float:
    whole = [row for row in zip(gross, tare, net, strict=True) if None not in row]
    fits = [g for g, t, n in whole if g and t and n and 0 < t < g and abs(g - t - n) <= 0.001 * g]
    return len(fits) / len(whole) if len(whole) >= 3 else 0.0


def _middle(values: Values) -> float:
    numbers = [value for value in values.numbers if value]
    return median(numbers) if numbers else 0.0


def guess_unit(values: Values) -> tuple[str, str] | None:
    """Return the unit a truck's gross mass is in and why, or None where the figures do not tell."""
    middle = _middle(values)
    if 1_500 <= middle <= 60_000:
        return "kg", f"half of the gross masses are above {middle:g}"
    if 1.5 <= middle <= 100:
        return "t", f"half of the gross masses are above {middle:g}"
    return None


def _guess_times(guesses: Guesses, contract: Contract, headers: tuple[str, ...], values: list[Values]) -> None:
    """Take the latest of the times for the period column, and an earlier one for the first weighing."""
    name = contract.period
    if name is None or name in guesses.columns:
        return
    free = [place for place in _free(guesses, values) if values[place].share("time") >= LEAST_SHARE]
    free = [place for place in free if values[place].share("number") < LEAST_SHARE]
    if not free:
        return
    mean = {place: fmean(value for value in values[place].moments if value is not None) for place in free}
    latest = max(free, key=lambda place: (mean[place], -place))
    guesses.columns[name] = Guess(name, latest, headers[latest], "its cells are times")
    rest = sorted((place for place in free if place != latest), key=lambda place: mean[place])
    if not rest:
        return
    if "first_weighed_at" in contract.columns and "first_weighed_at" not in guesses.columns:
        first = rest[0]
        guesses.columns["first_weighed_at"] = Guess("first_weighed_at", first, headers[first], "an earlier time")
    others = ", ".join(headers[place] for place in rest)
    guesses.doubts.append(f"which time counts for {name}: {headers[latest]} is the latest; there are also {others}")


def _guess_number(guesses: Guesses, contract: Contract, headers: tuple[str, ...], values: list[Values]) -> None:
    """Take for the ticket number the first column of figures that no two rows of one day share."""
    name, time = contract.key[-1], guesses.columns.get(contract.period or "")
    if name in guesses.columns or time is None:
        return
    days = [moment and (moment + 8 * 3600) // 86400 for moment in values[time.place].moments]
    for place in _free(guesses, values):
        texts = values[place].texts
        seen = {(text, day) for text, day in zip(texts, days, strict=True) if text}
        if len(seen) == values[place].filled >= LEAST_SHARE * len(texts) and all(
            map(NUMBERED.fullmatch, filter(None, texts))
        ):
            guesses.columns[name] = Guess(name, place, headers[place], "no two rows of a day share one")
            return
