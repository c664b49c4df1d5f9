"""What each rung of the ladder of methods says of every series and week: the measures that its clauses compare.

A rung speaks once its series has the history it needs; which one did and why is kept with the week. All of it sees
nothing of later weeks: a running month counts with the mean of its weeks so far. The methods themselves are in
`pipelines/scoring`, their figures in `sql/policy/price_level/rule.yaml`, the public words in docs/price_index.md.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.rules.levels import NO_LEVEL, LevelRule, Row, known
from pipelines.rules.policy import compare

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

LADDER = ("alps", "ifpa", "rolling_maximum")  # the best first; the first two need the same history and speak together
MEASURES = (
    "month_low_share",
    "month_high_share",
    "month_high_without_one_share",
    "median_13w_share",
    "rolling_level",
    "ifpa_score",
    "alps_score",
    "history_month_count",
    "best_rung",
    "rung_reason",
)
_SERIES = ("area_code", "product_id", "unit", "basis", "tax", "segment")
_TURNED = (
    "week_share",
    "seven_day_share",
    "month_share",
    "year_share",
    "month_low_share",
    "month_high_share",
    "median_13w_share",
    "ifpa_score",
    "alps_score",
)
_THURSDAY = dt.timedelta(days=3)  # a week belongs to the month of its Thursday, as ISO years are counted


def add(rows: Iterable[Row], rule: LevelRule) -> list[Row]:
    """Return the rows with what the rungs say of them, in the same order.

    Args:
        rows: weeks of `sql/policy/price_level/measure.sql`, each once; price_index may be None.
        rule: the price levels, whose `rungs` and `score` say what a rung needs and its figures.
    """
    found = [{**row, **dict.fromkeys(MEASURES)} for row in rows]
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in found:
        if row["price_index"] is not None:
            groups[tuple(row[name] for name in _SERIES)].append(row)
    series = [sorted(group, key=lambda row: row["week_start"]) for group in groups.values()]
    for group in series:
        _add_weekly(group, rule)
    _add_monthly(series, rule)
    for row in found:
        row["best_rung"], row["rung_reason"] = best(row, rule)
        _keep_best(row)
    return found


def best(row: Row, rule: LevelRule) -> tuple[str, str]:
    """Return the highest rung whose history is there, and why: what it needs and has, what the next ones lack."""
    above = None
    for rung in (*LADDER, "significance", "statutory"):
        needs = rule.raw["rungs"][rung]["needs"]
        seen = known(row.get(needs["measure"])) or 0
        if compare(seen, "at_least", needs["value"]) or rung == "statutory":
            reason = f"{rung}: {seen} of {needs['value']} {needs['unit']}s"
            return rung, f"{reason}; {above}" if above else reason
        above = f"{rung} needs {needs['value']} {needs['unit']}s, {seen} seen"
    raise AssertionError  # the last rung always answers


def _keep_best(row: Row) -> None:
    """Of the rungs that look at history only the best one is heard."""
    if row["best_rung"] in ("alps", "ifpa"):
        row["rolling_level"] = row["fall_rolling_level"] = None
    else:
        row["ifpa_score"] = row["alps_score"] = None
        if row["best_rung"] != "rolling_maximum":
            row["rolling_level"] = row["fall_rolling_level"] = None


def fall(row: Row, rule: LevelRule) -> Row:
    """Return fall_rule and fall_level: the highest clause that a rise as large as the week's fall would meet."""
    turned = {} if row["is_imputed"] else _mirrored(row)
    met = [clause for clause in rule.clauses if turned and clause.is_met(turned)]
    clause = max(met, key=lambda clause: clause.rank, default=None)
    return {"fall_rule": clause and clause.rule, "fall_level": clause.level if clause else NO_LEVEL}


def _mirrored(row: Row) -> Row:
    """The measures as they would read if the fall were a rise; what has no mirror image is unknown."""
    turned = {name: None if (value := known(row.get(name))) is None else -value for name in _TURNED}
    low, high = turned.pop("month_low_share"), turned.pop("month_high_share")
    return turned | {
        "month_low_share": high,
        "month_high_share": low,
        "month_without_one_share": high,
        "matched_4w_count": row.get("matched_4w_count"),
        "rolling_level": row.get("fall_rolling_level"),
    }


def _add_weekly(weeks: Sequence[Row], rule: LevelRule) -> None:
    import numpy as np

    from pipelines.scoring import rolling

    figures = rule.raw["score"]
    index = np.array([row["price_index"] for row in weeks], dtype=float)
    days = np.array([row["week_start"] for row in weeks], dtype="datetime64[D]")
    median = rolling.median(index, int(figures["median_weeks"]["value"]))
    spans = figures["rolling_days"]["value"]
    up, down = rolling.steps(days, index, spans), rolling.steps(days, -index, spans)
    z = figures["interval_z"]["value"]
    for row, middle, rise, fall in zip(weeks, median, up, down, strict=True):
        row["median_13w_share"] = round(row["price_index"] / float(middle) - 1, 9)
        row["rolling_level"], row["fall_rolling_level"] = int(rise), int(fall)
        change, error = known(row.get("month_share")), known(row.get("month_se_share"))
        if change is not None and error is not None:
            row["month_low_share"] = round(change - z * error, 9)
            row["month_high_share"] = round(change + z * error, 9)
            row["month_high_without_one_share"] = row.get("month_without_one_share")


def _add_monthly(series: Sequence[Sequence[Row]], rule: LevelRule) -> None:
    """IFPA and ALPS of each week: months before as they ended, the running one as the mean of its weeks so far."""
    least = rule.raw["rungs"]["alps"]["needs"]["value"]
    long: list[Sequence[Row]] = []
    for weeks in series:
        months = {_month(row) for row in weeks}
        first = min(months)
        for row in weeks:
            row["history_month_count"] = _month(row) - first + 1
        if len(months) >= least:
            long.append(weeks)
    if not long:
        return
    import numpy as np

    from pipelines.scoring import alps, ifpa

    first, last = min(_month(weeks[0]) for weeks in long), max(_month(weeks[-1]) for weeks in long)
    running = np.full((len(long), last - first + 1, 6), np.nan)
    places: list[tuple[Row, int, int, int]] = []
    for number, weeks in enumerate(long):
        seen: dict[int, list[float]] = defaultdict(list)
        for row in weeks:
            month = _month(row)
            seen[month].append(row["price_index"])
            place = len(seen[month]) - 1
            running[number, month - first, place] = sum(seen[month]) / len(seen[month])
            places.append((row, number, month - first, place))
    counts = (~np.isnan(running)).sum(axis=2)
    complete = np.take_along_axis(running, np.maximum(counts - 1, 0)[..., None], axis=2)[..., 0]
    by_alps = alps.scores_running(complete, running, first_month=first % 12 + 1)
    by_ifpa = ifpa.scores_running(complete, running)
    for row, number, month, place in places:
        row["alps_score"] = _score(by_alps[number, month, place])
        row["ifpa_score"] = _score(by_ifpa[number, month, place])


def _score(value: Any) -> float | None:
    number = known(float(value))
    return None if number is None else round(number, 6)


def _month(row: Row) -> int:
    """Months since the year 0."""
    day = row["week_start"] + _THURSDAY
    return int(day.year * 12 + day.month - 1)
