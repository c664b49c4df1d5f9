"""Plates stand in the overload annex of the bureau's report and nowhere else in any of its formats."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import duckdb
import pytest
from report_files import text_of

from pipelines import run
from pipelines.publishing import editions
from pipelines.report import weekly
from pipelines.report.formats.masking import masked
from pipelines.settings import Settings

WEEK = "2026-W47"
ANNEX = "overload_annex"
PHONE = re.compile(r"(?<![\d.])1[3-9]\d{9}(?!\d)")


@pytest.fixture(scope="module")
def city(demo_city: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = Settings(home=tmp_path_factory.mktemp("privacy") / "home", actor="tester")
    shutil.copytree(demo_city.home, home.home, symlinks=True, ignore=shutil.ignore_patterns("reports"))
    run.report(home, WEEK)
    return home


@pytest.fixture(scope="module")
def plates(city: Settings) -> re.Pattern[str]:
    """Every plate of the city, as the files gave it and as it was written alike."""
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con:
        found = con.execute("SELECT plate FROM staging.weighbridge_ticket UNION SELECT plate FROM staging.vehicle")
        known = {str(row[0]) for row in found.fetchall() if row[0]}
    for table in (city.home / "truth").rglob("*.parquet"):
        columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{table}')").fetchall()]
        for column in {"plate", "vehicle_plate"} & set(columns):
            listed = duckdb.sql(f"SELECT DISTINCT {column} FROM read_parquet('{table}')").fetchall()
            known |= {str(row[0]) for row in listed if row[0]}
    assert len(known) > 100
    return re.compile("|".join(re.escape(plate) for plate in sorted(known, key=len, reverse=True)))


def without_pictures(text: str) -> str:
    return re.sub(r"base64,[A-Za-z0-9+/=]+|[0-9a-f]{64}", "", text)


def test_plates_stand_in_the_annex_alone_and_phones_and_drivers_nowhere(
    city: Settings, plates: re.Pattern[str]
) -> None:
    with duckdb.connect(str(editions.current(city, "regulator")), read_only=True) as con:
        report = weekly.compose(con, WEEK, "zh")
        found = con.execute(
            "SELECT contact_phone FROM staging.site UNION SELECT contact_name FROM staging.site"
            " UNION SELECT operator FROM staging.weighbridge_ticket"
        ).fetchall()
    people = {str(row[0]) for row in found if row[0] and len(str(row[0])) > 2}
    annex = next(block for block in report.blocks if block.name == ANNEX)
    shown = Counter(plates.findall(masked(" ".join(cell.text for row in annex.rows for cell in row))))  # type: ignore[union-attr]  # a table
    assert shown  # the demo has heavy vehicles
    folder = city.reports / WEEK
    files = [path for path in folder.rglob("*") if path.is_file() and "public" not in path.relative_to(folder).parts]
    assert {path.suffix for path in files} >= {".html", ".pdf", ".docx", ".xlsx", ".csv", ".parquet", ".json", ".png"}
    listed = {path.name for path in files if path.parent == folder and path.suffix in (".html", ".pdf", ".docx")}
    assert listed == {"report.html", "report.pdf", "report.docx"}
    for path in files:
        text = without_pictures(text_of(path))
        seen = Counter(plates.findall(re.sub(r"\s", "", text) if path.suffix == ".pdf" else text))
        if path.stem == ANNEX or path.name == "report.xlsx":
            assert set(seen) >= set(shown), path
        else:
            assert seen == (shown if path.name in listed else Counter()), path
        assert (phone := PHONE.search(text)) is None, (path.name, phone)
        assert not [name for name in people if name in text], path.name


def test_the_workbook_has_plates_on_the_sheet_of_the_annex_alone(city: Settings, plates: re.Pattern[str]) -> None:
    import openpyxl

    book = openpyxl.load_workbook(city.reports / WEEK / "report.xlsx", read_only=True)
    with_plates = {
        sheet.title
        for sheet in book
        if plates.search(" ".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell))
    }
    assert len(with_plates) == 1, with_plates
    assert "附表" in next(iter(with_plates)) or "车" in next(iter(with_plates))
