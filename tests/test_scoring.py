"""Scores: the printed vectors, the one-by-one fit of statsmodels, what never changes one, and `sandwatch score`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from pipelines.__main__ import app
from pipelines.errors import InputRefusedError, WrongCallError
from pipelines.scoring import alps, changes, ifpa, rolling, words

MONTHS = np.arange(120)
VECTOR = np.round(
    80
    + 0.2 * MONTHS
    + 6 * np.sin(2 * np.pi * (MONTHS % 12) / 12)
    + 0.3 * (MONTHS % 7)
    + (MONTHS >= 114) * (8 + 1.5 * (MONTHS - 114)),
    2,
)
# month, price, ALPS full, to, before, IFPA reference, IFPA: methods.md 1.3
PRINTED = """
2023-05 107.6 -0.9215 -1.4163 -1.6269 -0.856692 -0.853594
2023-06 105.9 -0.8368 -1.0378 -1.1855 -0.839782 -0.836405
2023-07 111.4 2.1490 7.4098 12.5298 5.892752 5.863819
2023-08 110.4 2.8622 6.7841 10.4372 7.703202 7.670300
2023-09 110.2 3.4907 6.2287 8.9769 8.506083 8.467974
2023-10 111.4 4.2039 5.8946 8.2110 9.596629 9.538073
2023-11 114.2 4.8325 5.5401 7.4788 9.859090 9.795489
2023-12 116.3 4.6996 4.6996 5.9901 8.267608 8.208741
"""
ROWS = [line.split() for line in PRINTED.split("\n") if line]
FIGURES = {"window_days": (366, 1096), "floor_share": 0.05, "median_columns": 13}
STEPS = {"stress": 0.25, "alert": 1.0, "crisis": 2.0}


def gappy(seed: int, series: int = 4, months: int = 75, level: float = 100.0, noise: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    month = np.arange(months)
    prices = level + 0.3 * month + 4 * np.sin(month / 2) + rng.normal(0, noise, (series, months))
    prices[rng.random(prices.shape) < 0.1] = np.nan
    return prices


def one_by_one(prices: np.ndarray, first_month: int, fit: str, break_at: int | None) -> np.ndarray:
    """Each month by a fit of its own, with statsmodels."""
    from statsmodels.api import OLS

    month = np.arange(len(prices))
    columns = [month.astype(float)] + [(month + first_month - 1) % 12 == place for place in range(12)]
    if break_at is not None:
        columns.append(month >= break_at)
    design = np.stack(columns, axis=1).astype(float)
    found = np.full(len(prices), np.nan)
    is_there = ~np.isnan(prices)
    for at in month[is_there]:
        used = is_there & {"to": month <= at, "before": month < at, "full": month >= 0}[fit]
        if used.sum() < 36:
            continue
        row, others = design[at], design[used & (month != at)]
        if np.linalg.matrix_rank(np.vstack([others, row])) > np.linalg.matrix_rank(others):
            continue  # its own dummy fits it, whatever it is
        is_seen = design[used].any(axis=0)
        model = OLS(prices[used], design[used][:, is_seen]).fit()
        found[at] = (prices[at] - model.predict(row[None, is_seen])[0]) / model.resid.std(ddof=1)
    return found


@pytest.mark.parametrize(("fit", "column"), [("full", 2), ("to", 3), ("before", 4)])
def test_alps_gives_the_printed_digits(fit: alps.Fit, column: int) -> None:
    found = alps.scores(VECTOR[None], first_month=1, fit=fit)[0, -8:]
    assert [f"{score:.4f}" for score in found] == [row[column] for row in ROWS]


def test_trend_and_deviation_have_the_printed_digits() -> None:
    slope, deviation = alps.trend(VECTOR[None], first_month=1)
    assert (f"{slope[0]:.10f}", f"{deviation[0]:.10f}") == ("0.2273484848", "2.4817581991")


@pytest.mark.parametrize(("is_reference", "column"), [(True, 5), (False, 6)])
def test_ifpa_gives_the_printed_digits(is_reference: bool, column: int) -> None:
    found = ifpa.scores(VECTOR[None], reference=is_reference)[0, -8:]
    assert [f"{score:.6f}" for score in found] == [row[column] for row in ROWS]


def test_ifpa_weighs_the_years_that_have_a_growth() -> None:
    """By hand, with gaps: 1, 2, 3 ... for the years that have one; the reference also counts years without."""
    prices = gappy(6, series=1, months=108)[0]
    at, span = next(at for at in range(84, 108) if np.isfinite(prices[[at, at - 3, at - 12]]).all()), (3, 12)
    prices[at % 12 + 36] = np.nan
    for is_reference in (False, True):
        wanted = 0.0
        for months, share in zip(span, (0.4, 0.6), strict=True):
            own = [year for year in range(at % 12, at, 12) if not np.isnan(prices[year])]
            rates = [(prices[year] / prices[year - months]) ** (1 / months) - 1 for year in own if year >= months]
            known = np.array([rate for rate in rates if not np.isnan(rate)])
            weight = np.arange(1, len(known) + 1)
            mean = (weight * known).sum() / weight.sum()
            years = len(own) if is_reference else len(known)
            spread = np.sqrt((weight * (known - mean) ** 2).sum() / ((years - 1) / years * weight.sum()))
            wanted += share * ((prices[at] / prices[at - months]) ** (1 / months) - 1 - mean) / spread
        assert ifpa.scores(prices[None], reference=is_reference)[0, at] == pytest.approx(wanted, rel=1e-9)


def test_the_vector_itself_is_the_printed_one() -> None:
    assert [str(price) for price in VECTOR[-8:]] == [row[1] for row in ROWS]


@pytest.mark.parametrize("fit", ["to", "before", "full"])
@pytest.mark.parametrize("break_at", [None, 40])
def test_alps_equals_statsmodels_fitted_one_by_one(fit: alps.Fit, break_at: int | None) -> None:
    prices = gappy(1, series=2)
    prices[:, 40:] += 9
    prices[0, 2:48:12] = np.nan  # one calendar month starts late: its first price says nothing
    prices[0, 50] = 140
    found = alps.scores(prices, first_month=8, fit=fit, break_at=break_at)
    wanted = np.stack([one_by_one(series, 8, fit, break_at) for series in prices])
    assert np.isfinite(wanted).sum() > 40
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_tiny_noise_on_large_prices_equals_the_exact_fit() -> None:
    """A rest of a hundred-millionth of the price, against a fit in fractions: nothing is lost by subtraction."""
    prices = gappy(2, series=1, months=48, level=1e4, noise=1e-4)[0]
    found = alps.scores(prices[None], first_month=1)[0]
    month = [int(at) for at in np.flatnonzero(~np.isnan(prices))]
    exact = {at: Fraction(float(prices[at])) for at in month}
    groups = [[at for at in month if at % 12 == place] for place in range(12)]
    away = {
        at: (at - Fraction(sum(group), len(group)), exact[at] - sum(exact[other] for other in group) / len(group))
        for group in groups
        for at in group
    }
    slope = sum(x * y for x, y in away.values()) / sum(x * x for x, _ in away.values())
    rests = {at: y - slope * x for at, (x, y) in away.items()}
    last = month[-1]
    deviation = float(sum(rest**2 for rest in rests.values()) / (len(rests) - 1)) ** 0.5
    assert found[last] == pytest.approx(float(rests[last]) / deviation, rel=1e-7)


def test_a_step_at_the_break_takes_the_crisis_away() -> None:
    prices = gappy(3, series=1, noise=0.5)
    prices[:, 60:] += 30
    at = 64
    prices[0, 58:66] = np.where(np.isnan(prices[0, 58:66]), 130.0, prices[0, 58:66])
    plain = alps.scores(prices, first_month=1)[0, at]
    assert plain > 2 > abs(alps.scores(prices, first_month=1, break_at=60)[0, at])
    assert np.isnan(alps.scores(prices, first_month=1, break_at=60)[0, 60])  # the step fits its first price exactly


def test_thirty_six_prices_are_needed() -> None:
    prices = VECTOR[None, :50].copy()
    prices[0, 7] = np.nan
    known = {fit: np.flatnonzero(np.isfinite(alps.scores(prices, first_month=1, fit=fit)))[0]
             for fit in ("to", "before")}  # fmt: skip
    assert known == {"to": 36, "before": 37}
    assert np.isnan(alps.scores(prices[:, :36], first_month=1, fit="full")).all()
    # In the fourth year there are two earlier years whose growth over a year is known.
    assert np.flatnonzero(np.isfinite(ifpa.scores(VECTOR[None])))[0] == 36


@pytest.mark.parametrize("fit", ["to", "before", "full"])
@pytest.mark.parametrize("price", [0.1, 1e4 / 3])
@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_a_series_without_rests_never_alerts(fit: alps.Fit, price: float, slope: float) -> None:
    prices = (price + slope * MONTHS + np.tile([0, 1 / 3, 0.7] * 4, 10) * slope)[None]
    found = alps.scores(prices, first_month=1, fit=fit)
    assert not np.any(np.abs(found) > 0)
    assert np.isfinite(found[0, 60:]).all()
    assert not np.any(ifpa.scores(np.exp(prices * 0 + 0.01 * slope * MONTHS)) > 0)


def test_a_jump_out_of_a_flat_series_is_no_infinity() -> None:
    prices = np.full((1, 60), 88.8)
    prices[0, 50:] = 99.9
    assert np.isfinite(alps.scores(prices, first_month=1)[0, 36:]).all()
    assert alps.scores(prices, first_month=1)[0, 50] > 2
    assert np.isnan(alps.scores(prices, first_month=1, fit="before")[0, 50])
    assert np.isnan(ifpa.scores(prices)[0, 50])


def test_no_number_is_no_price() -> None:
    prices = gappy(4)
    with_infinity = np.where(np.isnan(prices), np.inf, prices)
    np.testing.assert_array_equal(
        alps.scores(with_infinity, first_month=1), alps.scores(prices, first_month=1)
    )  # fmt: skip
    np.testing.assert_array_equal(ifpa.scores(with_infinity), ifpa.scores(prices))


Scorer = Callable[[np.ndarray], np.ndarray]
WEEK_DAYS = np.arange(75) * 7
VINTAGE_SAFE: dict[str, Scorer] = {
    "alps to": lambda prices: alps.scores(prices, first_month=5),
    "alps before": lambda prices: alps.scores(prices, first_month=5, fit="before", break_at=45),
    "ifpa": ifpa.scores,
    "ifpa reference": lambda prices: ifpa.scores(prices, reference=True),
    "rolling": lambda prices: rolling.levels(WEEK_DAYS[: prices.shape[1]], prices, **FIGURES),
    "fall": lambda prices: rolling.levels(WEEK_DAYS[: prices.shape[1]], prices, **FIGURES, is_fall=True),
    "week": lambda prices: changes.measures(prices)["low_26w_share"],
}


@pytest.mark.parametrize("name", VINTAGE_SAFE)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 75), factor=st.floats(1e-3, 1e3))
def test_no_score_hangs_on_the_unit_or_on_later_values(name: str, seed: int, cut: int, factor: float) -> None:
    prices, scores = gappy(seed), VINTAGE_SAFE[name]
    whole = scores(prices)
    np.testing.assert_allclose(scores(prices * factor), whole, rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(scores(prices[:, :cut]), whole[:, :cut])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), at=st.integers(0, 74))
def test_a_running_month_is_scored_as_if_it_were_the_last(seed: int, at: int) -> None:
    complete = gappy(seed)
    running = complete[:, :, None] * np.array([0.97, 1.0, 1.1])
    running[:, :, 1] = gappy(seed + 1)  # it may have a value where the complete month has none, and the other way
    cut = complete[:, : at + 1].copy()
    by_alps = alps.scores_running(complete, running, first_month=3, break_at=30)
    by_ifpa = ifpa.scores_running(complete, running)
    for place in range(3):
        cut[:, at] = running[:, at, place]
        plain = alps.scores(cut, first_month=3, break_at=30)[:, at]
        np.testing.assert_allclose(by_alps[:, at, place], plain, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(by_ifpa[:, at, place], ifpa.scores(cut)[:, at])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), is_fall=st.booleans())
def test_rolling_levels_are_those_of_each_window_by_itself(seed: int, is_fall: bool) -> None:
    rng = np.random.default_rng(seed)
    days = np.cumsum(rng.integers(1, 20, 60))
    values = np.exp(rng.normal(0, 0.05, (2, 60)).cumsum(axis=1))
    values[rng.random(values.shape) < 0.2] = np.nan
    windows, sign = (60, 200), -1 if is_fall else 1
    found = rolling.levels(days, values, window_days=windows, floor_share=0.03, median_columns=7, is_fall=is_fall)
    for series, row in zip(values, found, strict=True):
        start = days[np.flatnonzero(~np.isnan(series))[0]]
        for at, value in enumerate(series):
            reach = days[at] - start + 7
            if np.isnan(value) or reach < windows[0]:
                assert np.isnan(row[at])
                continue
            share = sign * (value / np.nanmedian(series[max(at - 6, 0) : at + 1]) - 1)
            highest = [
                reach >= window
                and sign * value >= np.nanmax(sign * series[: at + 1][days[: at + 1] > days[at] - window])
                for window in windows
            ]
            assert row[at] == (0 if share < 0.03 else 2 if all(highest) else int(highest[0]))


def test_a_rolling_maximum_needs_its_whole_window() -> None:
    """53 weeks for the year; a three-year maximum only where three years lie behind it."""
    values = 100 * 1.02 ** np.arange(160)
    found = rolling.levels(np.datetime64("2020-01-06") + 7 * np.arange(160), values, **FIGURES)
    assert np.flatnonzero(found == 1)[[0, -1]].tolist() == [52, 155]
    assert np.isnan(found[:52]).all()
    assert (found[156:] == 2).all()
    assert rolling.steps(np.arange(160) * 7, values, (366, 1096))[[0, 51, 52, 156]].tolist() == [0, 0, 1, 2]


def test_a_flat_series_is_at_its_maximum_and_no_news() -> None:
    assert set(rolling.levels(np.arange(60) * 7, np.full(60, 80.0), **FIGURES)[52:]) == {0.0}


def test_words_include_their_bound() -> None:
    scores = np.array([-3, 0.2499, 0.25, 1 - 1e-12, 1.9999, 2, np.nan])
    assert words.steps(scores, STEPS).tolist() == ["normal", "normal", "stress", "alert", "alert", "crisis", ""]
    falls = words.steps(-scores, {"high": 1.0, "moderate": 0.5}, mirrored={"low": 1.0, "moderate_low": 0.5})
    assert falls.tolist() == ["high", "normal", "normal", "low", "low", "low", ""]


def test_changes_stand_on_prices_carried_four_weeks_at_most() -> None:
    prices = np.full((1, 60), np.nan)
    prices[0, [0, 5, 6, 52, 58]] = [100, 110, 121, 150, 100]
    found = {name: share[0] for name, share in changes.measures(prices).items()}
    assert found["week_share"][[5, 6, 52]].tolist()[:2] == [0.1, 0.1]
    assert found["seven_day_share"][6] == 0.1
    assert np.isnan(found["seven_day_share"][5])
    assert np.isnan(found["week_share"][52])
    assert found["year_share"][52] == 0.5
    assert np.isnan(found["low_26w_share"][52])
    assert found["low_26w_share"][58] == 0
    assert found["low_26w_share"][6] == 0.21


# --- the verb


def score(path: Path, *options: str, method: str = "alps", date: str = "date", price: str = "price") -> Result:
    call = ["score", str(path), "--method", method, "--date", date, "--price", price, *options]
    return CliRunner().invoke(app, call, catch_exceptions=True)


def rows_of(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.exception
    return list(csv.DictReader(io.StringIO(result.stdout)))


def write(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def months(start: int = 2014) -> list[str]:
    return [f"{start + at // 12}-{at % 12 + 1:02d}" for at in MONTHS]


@pytest.fixture(scope="module")
def vector_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two markets: one the vector, quoted twice in a month, the other flat, with quotes around its name."""
    lines = ["date,market,price,note", ""]
    for month, price in zip(months(), VECTOR, strict=True):
        lines += [f"{month}-04,=east,{price - 1:.2f},", f"{month}-25,=east,{price + 1:.2f},", f"{month}-10,west,80,"]
    return write(tmp_path_factory.mktemp("score") / "prices.csv", lines)


@pytest.mark.parametrize(
    ("method", "options", "column"),
    [
        ("alps", (), 3),
        ("alps", ("--fit", "before"), 4),
        ("alps", ("--fit", "full"), 2),
        ("ifpa-reference", (), 5),
        ("ifpa", (), 6),
    ],
)
def test_a_file_gives_the_printed_digits(
    vector_file: Path, method: str, options: tuple[str, ...], column: int
) -> None:
    result = score(vector_file, "--by", "market", *options, method=method)
    rows = rows_of(result)
    assert list(rows[0]) == ["date", "market", "score", "level", "n"]
    east = [row for row in rows if row["market"] == "'=east"][-8:]
    digits = len(ROWS[0][column].partition(".")[2])
    assert [(row["date"], f"{float(row['score']):.{digits}f}") for row in east] == [
        (row[0], row[column]) for row in ROWS
    ]
    assert east[2]["level"] == ("high" if "ifpa" in method else "crisis")
    assert east[-1]["n"] == ("119" if "before" in options else "120")
    assert {row["level"] for row in rows if row["market"] == "west"} <= {"", "normal"}
    assert "240 prices share a month with another of their series: its mean is scored" in result.stderr


def test_json_holds_the_same_rows(vector_file: Path) -> None:
    result = score(vector_file, "--by", "market", "--json")
    rows = json.loads(result.stdout)
    assert rows[119]["market"] == "=east"
    assert (rows[119]["date"], rows[119]["level"], rows[119]["n"]) == ("2023-12", "crisis", 120)
    assert rows[119]["score"] == pytest.approx(4.6996, abs=5e-5)
    assert (rows[0]["score"], rows[0]["level"]) == (None, None)


def test_a_break_is_named_by_its_month(tmp_path: Path) -> None:
    prices = 100 + np.random.default_rng(5).normal(0, 1, 120) + 40 * (MONTHS >= 60)
    path = write(tmp_path / "p.csv", ["date,price", *(f"{m},{p:.3f}" for m, p in zip(months(), prices, strict=True))])
    wanted = alps.scores(np.round(prices, 3)[None], first_month=1, break_at=60)[0, 70]
    assert float(rows_of(score(path, "--break", "2019-01"))[70]["score"]) == pytest.approx(wanted, abs=1e-9)
    assert rows_of(score(path))[63]["level"] == "crisis"
    assert "2031-01 is not within the months" in score(path, "--break", "2031-01").stderr


def test_the_published_prices_of_zhangzhou_by_the_percentages(tmp_path: Path) -> None:
    """+9.96 % in a month leaves the one-off rule silent by 0.04 points; 26 weeks give 黄, with the year 橙."""
    lines = ["date,price", "2016-06-13,80.00", "2017-01-16,100.63", "2017-05-15,111.63", "2017-06-12,122.75"]
    with_year = rows_of(score(write(tmp_path / "a.csv", lines), method="statutory"))
    without = rows_of(score(write(tmp_path / "b.csv", [lines[0], *lines[2:]]), method="statutory"))
    assert [(row["date"], row["level"]) for row in with_year][-1] == ("2017-06-12", "橙")
    assert with_year[-1]["score"] == "0.534375"
    assert (without[-1]["level"], round(float(without[-1]["score"]), 4), without[-1]["n"]) == ("黄", 0.2198, "3")
    assert (with_year[0]["level"], with_year[0]["score"]) == ("", "")


def test_weeks_by_the_rolling_maximum(tmp_path: Path) -> None:
    start = np.datetime64("2021-01-07")
    values = np.r_[np.full(60, 100.0), 110, 111, 100, np.full(20, 100.0), 80]
    lines = ["date;price", *(f"{start + 7 * at};{value}" for at, value in enumerate(values))]
    rows = rows_of(score(write(tmp_path / "p.csv", lines), method="rolling"))
    assert [rows[at]["level"] for at in (51, 52, 60, 61, 62, 83)] == [
        "",
        "normal",
        "high_1",
        "high_1",
        "normal",
        "low_1",
    ]
    assert (rows[60]["date"], rows[60]["score"], rows[60]["n"]) == ("2022-03-03", "0.1", "61")


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    lines = ["价格表,,", "", "日期,地区,价格", "2023年1月,东,80", "2023/2/28,东,81", "2023-03,东,", "2023-04,东,八十"]
    lines += [
        "112年5月,东,83",
        "05/06/2023,东,84",
        "2023-07,东",
        "",
        "2023-08,东,-5",
        "2023-13,东,86",
        "202309,东,1e2",
    ]
    result = score(write(tmp_path / "p.csv", lines, "gb18030"), "--by", "地区", date="日期", price="价格")
    assert [(row["date"], row["地区"], row["n"]) for row in rows_of(result)] == [
        ("2023-01", "东", "1"), ("2023-02", "东", "2"), ("2023-09", "东", "3"),
    ]  # fmt: skip
    told = result.stderr
    assert "1 line left out that have not the 3 cells of the header (the first: line 10, '2023-07,东')" in told
    assert "1 line left out that have no price (the first: line 6)" in told
    assert "1 line left out that have a price that is no number (the first: line 7, '八十')" in told
    assert "1 line left out that have a price that is not above 0 (the first: line 12, '-5')" in told
    assert "3 lines left out that have a date that cannot be read" in told
    assert "(the first: line 8, '112年5月')" in told
    assert "民国" in told
    assert "2 dates are months and 1 are days" in told
    assert "no score: no series has the history that alps needs; the longest has 3 prices" in told


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030", "big5"])
def test_quoted_files_of_any_encoding_give_the_same_rows(tmp_path: Path, encoding: str) -> None:
    lines = [
        '"日期","市場, 名","價格"',
        '2023-01-05,"甲 ""一""市",80',
        '2023-01-12,"甲 ""一""市","1,080.5"',
        '2023-01-19,"甲,80',
    ]
    result = score(write(tmp_path / "p.csv", lines, encoding), "--by", "市場, 名", method="statutory",
                   date="日期", price="價格")  # fmt: skip
    assert [(row["市場, 名"], row["level"]) for row in rows_of(result)] == [('甲 "一"市', ""), ('甲 "一"市', "红")]
    assert "(the first: line 4, '2023-01-19,\"甲,80')" in result.stderr


@pytest.mark.parametrize(
    ("lines", "options", "error", "message"),
    [
        (["day,price", "2023-01,1"], (), WrongCallError, r"p\.csv has no column 'date'; its header.*\[day, price\]"),
        (["date,price,price", "2023-01,1,2"], (), InputRefusedError, r"line 1: 2 columns are called 'price'"),
        (["date,price", "x,1", "y,2"], (), InputRefusedError, r"no line has a date and a price\. 2 li.*line 2, 'x'"),
        (["date,price"], (), InputRefusedError, "there is no line below the header"),
        ([""], (), InputRefusedError, r"p\.csv is empty"),
        (["date,price", "2023-01,1"], ("--break", "2023"), WrongCallError, "--break '2023' is no month"),
        (["date,price", "2023-01,1"], ("--by", "price"), WrongCallError, "'price' is named twice"),
        (["date,price,n", "2023-01,1,2"], ("--by", "n"), WrongCallError, "the output has a column of that name"),
        (["date,price", "2023-01,1"], ("--method", "ifpa", "--fit", "full"), WrongCallError, "to --method alps"),
        (["date,price", "2023-01,1", "2023-02-03,1"], ("--method", "rolling"), InputRefusedError, "1 of 2 dates"),
        (["date,price", "2023-01,1\0"], (), InputRefusedError, "1 NUL character"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_carried_out_says_why(
    tmp_path: Path, lines: list[str], options: tuple[str, ...], error: type[Exception], message: str
) -> None:
    result = score(write(tmp_path / "p.csv", lines), *options)
    assert result.stdout == ""
    assert isinstance(result.exception, error)
    with pytest.raises(error, match=message):
        raise result.exception


def test_a_column_called_date_comes_out_beside_the_date(tmp_path: Path) -> None:
    """Only what the output names itself is refused as a key; other columns of the file stay out of the way."""
    path = write(tmp_path / "p.csv", ["month,price,score,a", "2023-01,1,x,@b"])
    assert rows_of(score(path, "--by", "a", date="month")) == [
        {"date": "2023-01", "a": "'@b", "score": "", "level": "", "n": "1"}
    ]
