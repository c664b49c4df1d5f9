"""A source profile drafted from a stranger's file, each guess with its reason, and a trial of what it would load."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.contracts import UNITS, Contract, Source, read_source
from pipelines.errors import InputRefusedError
from pipelines.feeds import column_guess, decode
from pipelines.feeds.cells import reject_rules, typed_select
from pipelines.feeds.column_guess import Guesses, Values
from pipelines.feeds.headers import clean_header, header_map, unit_in_header
from pipelines.feeds.profile_sample import MOST_ROWS, Sample, read_sample
from pipelines.feeds.reasons import reject_message
from pipelines.settings import TIME_ZONE

ROWS_AGREE = 0.8


@dataclass
class Trial:
    """What the draft would load of the first 5000 rows; `refused` where the file would be refused whole."""

    rows: int = 0
    good: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    first_message: str = ""
    refused: str = ""


@dataclass
class Draft:
    """A drafted profile: YAML to paste below `sources:`, what a person must answer, and the trial."""

    feed: str
    name: str
    yaml: str
    columns: dict[str, str]
    answers: list[str]
    doubts: list[str]
    trial: Trial

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def draft(contract: Contract, path: Path, name: str) -> Draft:
    """Return a draft for a file that no profile describes; nothing is loaded.

    Raises:
        InputRefusedError: the file is no table that can be read.
    """
    sample = read_sample(path)
    values = column_guess.read_values(sample, Source(name))
    guesses = column_guess.guess_columns(contract, sample, values)
    lines, answers = _lines(contract, sample, values, guesses, path)
    text = "\n".join([f"  {name}:", *(f"    {line}" for line in lines)]) + "\n"
    doubts = [*sample.doubts, *guesses.doubts]
    trial = _trial(contract, path, text, name, answers)
    columns = {guess.header: guess.column for guess in guesses.columns.values()}
    return Draft(contract.feed, name, text, columns, list(answers.values()), doubts, trial)


def _lines(
    contract: Contract, sample: Sample, values: list[Values], guesses: Guesses, path: Path
) -> tuple[list[str], dict[str, str]]:
    """Return the settings of the profile, one a line, and by column what only a person can answer."""
    lines = [f"text: {_flow(f'Drafted from {path.name}; header on line {sample.header_line}.')}"]
    if sample.encoding:
        lines.append(f"encoding: {sample.encoding}")
    if sample.delimiter not in ("", ","):
        lines.append(f"delimiter: {_flow(sample.delimiter)}")
    if contract.identity:
        period, why = _number_period(values, guesses)
        lines.append(f"number_period: {period}  # {why}")
    new = [guess for guess in guesses.columns.values() if not guess.is_known]
    if new:
        lines.append("aliases:")
        lines += [f"  {guess.column}: [{_flow(guess.header)}]  # {guess.why}" for guess in new]
    lines += _units(contract, values, guesses)
    lines += _codes(contract, values, guesses)
    used = {guess.place for guess in guesses.columns.values()}
    known = {clean_header(word) for word in contract.ignored}
    rest = [
        header
        for place, header in enumerate(sample.headers)
        if place not in used and header and clean_header(header) not in known
    ]
    if rest:
        lines.append(f"ignored: [{', '.join(map(_flow, rest))}]  # not told; is one of them needed?")
    answers: dict[str, str] = {}
    given = guesses.columns.keys()
    groups = [(column,) for column, spec in contract.columns.items() if spec.required]
    for group in (*groups, *contract.required_any):
        if not given & set(group):
            answers[group[0]] = (
                f"{' or '.join(group)}: in no column; name its header under aliases, or write"
                f" defaults: {{{group[0]}: ...}}"
            )
    lines += [f"# to answer: {answer}" for answer in answers.values()]
    return lines, answers


def _flow(text: str) -> str:
    import yaml

    flow: str = yaml.safe_dump([text], allow_unicode=True, default_flow_style=True, width=10_000)
    return flow.strip()[1:-1]


def _number_period(values: list[Values], guesses: Guesses) -> tuple[str, str]:
    """Tell by the numbers themselves what they restart with."""
    number, time = guesses.columns.get("ticket_no"), guesses.columns.get("weighed_at")
    if number is None or time is None:
        return "ever", "no column of ticket numbers" if number is None else "no time to tell by"
    site = guesses.columns.get("site_name")
    days: dict[tuple[str, str], set[float]] = defaultdict(set)
    first: dict[tuple[str, float], int] = {}
    for row, (text, moment) in enumerate(zip(values[number.place].texts, values[time.place].moments, strict=True)):
        if not text or moment is None:
            continue
        where = values[site.place].texts[row] if site else ""
        day = (moment + 8 * 3600) // 86400
        days[where, text].add(day)
        if text.isdigit():
            first[where, day] = min(first.get((where, day), int(text)), int(text))
    again = sum(len(seen) > 1 for seen in days.values())
    if again:
        return "day", f"{again} numbers of {number.header} appear on several days"
    if len(first) > 1 and all(lowest <= 3 for lowest in first.values()):
        return "day", f"{number.header} begins anew each day"
    if len(set().union(*days.values())) < 2:
        return "ever", "could not be told from one day; day or year where the numbers restart"
    return "ever", f"no number of {number.header} appears on two days; year where they restart in January"


def _units(contract: Contract, values: list[Values], guesses: Guesses) -> list[str]:
    masses = [guess for guess in guesses.columns.values() if contract.columns[guess.column].type in UNITS]
    bare = [guess for guess in masses if unit_in_header(guess.header) is None]
    judge = next((guess for guess in bare if guess.column == "gross_kg"), None)
    if judge is None:
        judge = next((guess for guess in bare if guess.column == "net_kg"), None)
    if judge is None:
        return []
    told = column_guess.guess_unit(values[judge.place])
    if told is None:
        guesses.doubts.append(f"the unit of {judge.header}; add units: {{{judge.column}: kg, t or lb}}")
        return []
    unit, why = told
    if unit == "kg":
        return []
    agreed = [guess.column for guess in bare if guess.column in ("gross_kg", "tare_kg", "net_kg", "deduction_kg")]
    return [f"units: {{{', '.join(f'{column}: {unit}' for column in agreed)}}}  # {why}"]


def _codes(contract: Contract, values: list[Values], guesses: Guesses) -> list[str]:
    """Propose a meaning for words of code columns that the contract does not know."""
    lines = []
    for guess in guesses.columns.values():
        column = contract.columns[guess.column]
        if column.type != "code":
            continue
        known = {word: code for code, words in column.codes.items() for word in (code, *words)}
        meant, open_words = {}, []
        for word in sorted(set(values[guess.place].texts) - known.keys() - {""}):
            code = next((known[part] for part in sorted(known, key=len, reverse=True) if part in word), None)
            if code:
                meant[word] = code
            else:
                open_words.append(word)
        if meant:
            pairs = ", ".join(f"{_flow(word)}: {code}" for word, code in meant.items())
            lines.append(f"values: {{{guess.column}: {{{pairs}}}}}  # by the known word inside")
        if open_words:
            guesses.doubts.append(
                f"what {', '.join(open_words[:5])} in {guess.header} means; add values: to the profile"
            )
    if len(lines) > 1:  # one key, several columns
        bodies = [line.removeprefix("values: {").split("}  #")[0] for line in lines]
        lines = [f"values: {{{', '.join(bodies)}}}  # by the known word inside"]
    return lines


def profile_of(contract: Contract, text: str, name: str) -> Source:
    """Return the profile that drafted YAML describes."""
    import yaml

    return read_source(f"draft {name}", name, yaml.safe_load(text)[name], contract.columns)


def _trial(contract: Contract, path: Path, text: str, name: str, answers: dict[str, str]) -> Trial:
    import dataclasses

    import duckdb

    profile = profile_of(contract, text, name)
    # What only a person can answer is taken as answered: the trial is about all the rest.
    profile = dataclasses.replace(profile, defaults={**profile.defaults, **dict.fromkeys(answers, "?")})
    trial = Trial()
    try:
        table = decode.read_table(path, contract, profile)
        found = header_map(contract, profile, table.headers)
        cells: list[list[str]] = []
        lines: list[int] = []
        for item in table.rows:
            if isinstance(item, decode.BadLine):
                _count(trial, item.reason_code, f"line {item.line}: {item.detail}")
                continue
            lines.append(item[0])
            cells.append([item[1][place].strip() for place in found.values()])
            if len(lines) == MOST_ROWS:
                break
    except InputRefusedError as error:
        return Trial(refused=str(error))
    rules = reject_rules(contract, profile)
    with duckdb.connect() as con:
        con.execute(f"SET TimeZone = '{TIME_ZONE}'")
        columns = [lines, *([row[place] for row in cells] for place in range(len(found)))]
        listed = ", ".join(f"nullif(unnest(?::VARCHAR[]), '') AS \"{column}\"" for column in found)
        con.execute(f"CREATE TABLE cell AS SELECT unnest(?::BIGINT[]) AS line, {listed}", columns)
        rejected = con.execute(
            f"SELECT line, reject_no FROM ({typed_select(contract, profile, found)})"
            " WHERE reject_no IS NOT NULL ORDER BY line"
        ).fetchall()
    place = {line: index for index, line in enumerate(lines)}
    for line, reject_no in rejected:
        code, column, _ = rules[reject_no]
        value = cells[place[line]][list(found).index(column)] if column in found else None
        _count(trial, code, reject_message(code, line, contract=contract, column=column, value=value or None))
    trial.good = len(lines) - len(rejected)
    trial.rows = trial.good + sum(trial.reasons.values())
    return trial


def _count(trial: Trial, code: str, message: str) -> None:
    trial.reasons[code] = trial.reasons.get(code, 0) + 1
    trial.first_message = trial.first_message or message
