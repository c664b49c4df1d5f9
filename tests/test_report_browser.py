"""The page of the weekly report in a real browser: nothing from outside, sortable, no sideways scroll, accessible."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.publishing import editions
from pipelines.report import blocks, weekly
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import page as page_format
from pipelines.report.words import Words
from pipelines.settings import Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")


@pytest.fixture(scope="module")
def report(demo_city: Settings) -> blocks.Report:
    with duckdb.connect(str(editions.current(demo_city, "regulator")), read_only=True) as con:
        return weekly.compose(con, "2026-W47", "zh", is_simulated=True)


@pytest.fixture(scope="module")
def seen(
    report: blocks.Report, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The page as opened from a folder, with what the console said and what was asked for."""
    from playwright.sync_api import sync_playwright

    path: Path = tmp_path_factory.mktemp("page") / page_format.NAME
    path.write_bytes(page_format.files(report, Pictures())[page_format.NAME])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        said: list[str] = []
        asked: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        yield tab, said, asked
        browser.close()


@pytest.fixture
def tab(seen: tuple[Any, list[str], list[str]]) -> Any:
    seen[0].reload()
    return seen[0]


def column(tab: Any, table: str, place: int) -> list[str]:
    """Texts of a column without the small print, the totals left out."""
    found: list[str] = tab.eval_on_selector_all(
        f"table.{table} tbody tr:not(.total)",
        "(rows, place) => rows.map((row) => { const cell = row.cells[place].cloneNode(true);"
        " cell.querySelectorAll('small').forEach((one) => one.remove()); return cell.textContent.trim(); })",
        place,
    )
    return found


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "").replace("−", "-").rstrip("%")) for text in texts if re.search(r"\d", text)]


def test_nothing_is_said_on_the_console_and_nothing_comes_from_outside(
    seen: tuple[Any, list[str], list[str]],
) -> None:
    tab, said, asked = seen
    tab.reload()
    assert said == []
    assert all(url.startswith(("file:///", "data:")) for url in asked)
    assert len({url for url in asked if url.startswith("file:")}) == 1


def test_a_click_or_a_key_sorts_a_table_and_the_total_stays_on_top(tab: Any, report: blocks.Report) -> None:
    table = next(block for block in report.blocks if block.name == "supply_by_county")
    assert isinstance(table, blocks.Table)
    first = tab.text_content("table.supply_by_county tbody tr.total th")
    head = tab.locator("table.supply_by_county thead th").nth(1)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    masses = numbers(column(tab, "supply_by_county", 1))
    assert len(masses) == len(table.rows) - 1
    assert masses == sorted(masses, reverse=True)
    head.locator("button").focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert numbers(column(tab, "supply_by_county", 1)) == sorted(masses)
    assert tab.text_content("table.supply_by_county tbody tr:first-child th") == first
    change = tab.locator("table.supply_by_county thead th").nth(2)
    change.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    changes = column(tab, "supply_by_county", 2)
    known = numbers(changes)
    assert known == sorted(known, reverse=True)
    assert all(not re.search(r"\d", text) for text in changes[len(known) :])  # what is missing comes last


def test_levels_sort_by_their_weight(tab: Any) -> None:
    heads = tab.locator("table.supply_by_county thead th")
    place = [heads.nth(number).text_content().strip() for number in range(heads.count())].index(
        Words("zh")("column.supply_level")
    )
    heads.nth(place).locator("button").click()
    heads.nth(place).locator("button").click()
    order = ["无", "蓝", "黄", "橙", "红"]
    found = [order.index(text) for text in column(tab, "supply_by_county", place) if text in order]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(tab: Any, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    inner, wide = tab.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollWidth]")
    assert wide <= inner
    tab.set_viewport_size({"width": 1280, "height": 900})


def test_every_picture_has_a_text_and_is_there(tab: Any) -> None:
    pictures = tab.eval_on_selector_all("img", "(found) => found.map((one) => [one.alt, one.naturalWidth])")
    assert len(pictures) >= 5
    assert all(len(alt) > 20 and width > 100 for alt, width in pictures)


def test_a_keyboard_reaches_the_report_past_the_head(tab: Any) -> None:
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(tab: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab.set_viewport_size({"width": width, "height": 900})
    found = Axe().run(tab).response["violations"]
    tab.set_viewport_size({"width": 1280, "height": 900})
    serious = [
        (one["id"], one["nodes"][0]["html"][:120]) for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
