"""Every chart of the weekly report, in both editions and languages, as wide and as narrow as it is shown."""

from __future__ import annotations

import chart_looks
import duckdb
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, edition, weekly
from pipelines.report.issuing import made_from
from pipelines.settings import Settings

WEEK = "2026-W47"


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("is_public", [False, True])
def test_no_label_is_cut_or_lies_on_another(demo_city: Settings, language: str, is_public: bool) -> None:
    with (
        duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con,
        duckdb.connect(str(editions.current(demo_city, "public")), read_only=True) as public,
    ):
        if is_public:
            found = edition.week_of(con, WEEK)
            report = weekly.compose_public(public, found, made_from.read(con, found), language)
        else:
            report = weekly.compose(con, WEEK, language)
    charts = [block for block in report.blocks if isinstance(block, blocks.Chart)]
    assert len(charts) >= (2 if is_public else 12)
    for chart in charts:
        for is_narrow in {False, chart.has_narrow}:
            chart_looks.assert_readable(chart, is_narrow=is_narrow)
