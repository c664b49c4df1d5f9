"""The verb that scores any file of prices."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.errors import WrongCallError
from pipelines.verbs.console import say

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.scoring.series_scores import Method, Periods

OUTPUT = ("date", "score", "level", "n")
MONTHS_A_YEAR = 12


class MethodName(StrEnum):
    """The methods, from the one that needs least history."""

    statutory = "statutory"
    rolling = "rolling"
    ifpa = "ifpa"
    ifpa_reference = "ifpa-reference"
    alps = "alps"


class FitName(StrEnum):
    """What a month of ALPS is fitted on."""

    to = "to"
    before = "before"
    full = "full"


def register(app: typer.Typer) -> None:
    """Add `score` to the verbs."""
    app.command("score")(score)


def score(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV of prices, one a line.")],
    method: Annotated[MethodName, typer.Option(help="Weeks: statutory, rolling. Months: ifpa, alps.")],
    date: Annotated[str, typer.Option(help="Column of dates: 2023-05-08, or 2023-05 for a method of months.")],
    price: Annotated[str, typer.Option(help="Column of prices.")],
    by: Annotated[
        list[str] | None, typer.Option(help="Column that tells series apart; give it once for each.")
    ] = None,
    fit: Annotated[FitName, typer.Option(help="alps: on the data to the month, before it, or all.")] = FitName.to,
    break_month: Annotated[
        str | None,
        typer.Option("--break", metavar="MONTH", help="alps: from 2023-05 on prices stand on a new level."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of rows instead of CSV.")] = False,
) -> None:
    """Score each price of each series of a file: rows date, keys, score, level, n (the prices the score rests on).

    A score uses only what was known by its date, unless --fit full is asked for. Several quotes of a series in a
    month (or week) count with their mean. A score or level is empty where the history does not give one.
    """
    keys = by or []
    _check_call(method, fit, break_month, [date, price, *keys])
    from pipelines.scoring import series_file, series_scores

    quotes = series_file.read(file, date=date, price=price, by=keys)
    for note in quotes.notes:
        say(f"{file.name}: {note}")
    is_monthly = method in (MethodName.alps, MethodName.ifpa, MethodName.ifpa_reference)
    periods = series_scores.by_month(quotes) if is_monthly else series_scores.by_week(quotes)
    if is_monthly and quotes.is_month.any() and not quotes.is_month.all():
        mixed = int(quotes.is_month.sum())
        say(f"{file.name}: {mixed} dates are months and {len(quotes.days) - mixed} are days: all count as months")
    if periods.merged:
        span = "month" if is_monthly else "week"
        say(f"{file.name}: {periods.merged} prices share a {span} with another of their series: its mean is scored")
    break_at = None if break_month is None else _month(break_month)
    if break_at is not None and not periods.period.min() < break_at <= periods.period.max():
        say(f"--break {break_month} is not within the months of the file: it changes nothing")
    scored = series_scores.score(periods, _method(method, fit.value, break_at))
    _print(series_scores.table(periods, scored, quotes.keys, is_monthly=is_monthly), as_json=as_json)
    _say_short(periods, is_any=bool((scored[0] == scored[0]).any()), method=method)


def _check_call(method: MethodName, fit: FitName, break_month: str | None, columns: list[str]) -> None:
    if method is not MethodName.alps and (fit is not FitName.to or break_month is not None):
        raise WrongCallError(f"--fit and --break belong to --method alps; --method {method.value} takes neither")
    keys = columns[2:]
    if taken := [key for key in keys if key in OUTPUT]:
        raise WrongCallError(f"--by {taken[0]}: the output has a column of that name; rename it in the file")
    if twice := [name for place, name in enumerate(columns) if name in columns[:place]]:
        raise WrongCallError(f"column {twice[0]!r} is named twice in the call; each option takes another column")
    if break_month is not None:
        _month(break_month)


def _month(text: str) -> int:
    """Months since 1970-01."""
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if not match:
        raise WrongCallError(f"--break {text!r} is no month; write it like 2023-05")
    return (int(match[1]) - 1970) * MONTHS_A_YEAR + int(match[2]) - 1


def _method(method: MethodName, fit: str, break_at: int | None) -> Method:
    """The method with its figures, from the price levels of sql/policy."""
    from pipelines.rules import levels
    from pipelines.scoring import series_methods

    rule = levels.load("price_level")
    figures = {name: spec["value"] for name, spec in rule.raw["score"].items()}
    if method is MethodName.statutory:
        clauses = [
            clause
            for clause in rule.clauses
            if clause.rung == "statutory" and clause.scope == "any" and not clause.reads_level
        ]
        steps = [
            series_methods.Step(clause.level, tuple((b.measure, b.must_be, b.value) for b in clause.bounds))
            for clause in clauses
        ]
        return series_methods.statutory(steps, levels.NO_LEVEL)
    if method is MethodName.rolling:
        floor = next(bound.value for bound in rule.clause("rolling_1").bounds if bound.unit == "share")
        return series_methods.rolling_maximum(figures["rolling_days"], floor, figures["median_weeks"])
    if method is MethodName.alps:
        return series_methods.alps_fit(fit, break_at, figures["alps_words"])
    return series_methods.ifpa_growth(figures["ifpa_words"], is_reference=method is MethodName.ifpa_reference)


def _print(rows: pa.Table, *, as_json: bool) -> None:
    """Write rows to stdout; text that a spreadsheet would run as a formula is neutralised in CSV."""
    import duckdb

    from pipelines.feeds.ingest import neutral
    from pipelines.literal import quoted

    if not as_json:
        import pyarrow as pa

        columns = []
        for column in rows.columns:
            if pa.types.is_dictionary(column.type):
                chunks = [
                    pa.DictionaryArray.from_arrays(
                        chunk.indices, pa.array(map(neutral, chunk.dictionary.to_pylist()))
                    )
                    for chunk in column.chunks
                ]
                column = pa.chunked_array(chunks)
            columns.append(column)
        rows = pa.table(columns, names=[neutral(name) for name in rows.column_names])
    kind = "FORMAT json, ARRAY true" if as_json else "FORMAT csv, HEADER true"
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        path = Path(folder) / "rows"
        con.register("row", rows)
        con.execute(f"COPY (FROM row) TO {quoted(str(path))} ({kind})")
        with path.open("rb") as source:
            shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _say_short(periods: Periods, *, is_any: bool, method: MethodName) -> None:
    if not is_any:
        import numpy as np

        longest = int(np.bincount(periods.series).max())
        say(f"no score: no series has the history that {method.value} needs; the longest has {longest} prices")
