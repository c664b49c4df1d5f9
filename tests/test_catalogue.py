"""The data catalogue is whole and true: nothing undescribed, no plate unmarked, no plate shared freely."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from raw_rows import put

from pipelines import contracts, models, warehouse
from pipelines.building import state
from pipelines.cataloguing import datasets, tables, writing
from pipelines.cataloguing.datasets import Dataset
from pipelines.errors import WrongCallError
from pipelines.publishing import editions, plates
from pipelines.rules import judging, prices
from pipelines.run import PUBLIC_SCHEMAS, REGULATOR_SCHEMAS
from pipelines.settings import Settings

PLATE, OTHER_PLATE = "豫Q12345", "豫Q54321"
AT = dt.datetime(2026, 11, 17, 8, tzinfo=dt.timezone(dt.timedelta(hours=8)))


@pytest.fixture(scope="module")
def built() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse built through on a few rows that bear a plate, with the catalogue written."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    ticket = {
        "site_name": "甲矿",
        "plate": PLATE,
        "direction": "out",
        "tare_kg": 15000,
        "axle_count": 6,
        "body": "train",
    }
    put(con, "weighbridge_ticket", [
        ticket | {"ticket_no": str(n), "weighed_at": AT + dt.timedelta(days=n), "gross_kg": 60000 - 20000 * n,
                  "net_kg": 45000 - 20000 * n, "number_period": "ever", "operator": "王"}
        for n in range(2)
    ])  # fmt: skip
    put(con, "vehicle", [{"plate": PLATE, "valid_from": AT.date(), "axle_count": 6, "body": "train"}])
    put(con, "waybill", [{"form_no": "F1", "kind": "mine", "plate": OTHER_PLATE, "site_name": "甲矿", "issued_at": AT,
                          "ticket_no": "0", "net_kg": 45000}])  # fmt: skip
    put(con, "penalty_case", [{"decision_no": "D1", "decided_on": AT.date(), "act_on": AT.date(), "plate": PLATE}])
    models.build(con)
    judging.judge(con)
    prices.judge(con)
    models.build(con, after_judging=True)
    tables.write(con)
    yield con
    con.close()


@pytest.fixture(scope="module")
def found(built: duckdb.DuckDBPyConnection) -> dict[str, Dataset]:
    return {dataset.name: dataset for dataset in datasets.read(built)}


# --- nothing is left out


def test_no_dataset_lacks_anything(found: dict[str, Dataset]) -> None:
    assert datasets.problems(found.values()) == [], "sql/catalogue.yaml, the contract or the header lacks this"


def test_every_published_table_is_in_it(built: duckdb.DuckDBPyConnection, found: dict[str, Dataset]) -> None:
    there = {
        name
        for (name,) in built.execute(
            "SELECT DISTINCT schema_name || '.' || table_name FROM duckdb_columns()"
            " WHERE NOT internal AND database_name = current_database() AND schema_name <> 'store'"
        ).fetchall()
    }
    wanted = there - state.OWN_TABLES
    assert {name for name in found if name.partition(".")[0] not in ("overload", "access")} == wanted
    assert set(datasets.said()["own"]) == state.OWN_TABLES
    named = datasets.said()["datasets"].keys()
    # The titles of parts that are not here yet, or not any more.
    assert {name for name in named if name.startswith(("raw.", "reference.", "public.", "meta."))} <= found.keys()


def test_the_editions_are_those_that_are_published(found: dict[str, Dataset]) -> None:
    for dataset in found.values():
        if dataset.layer in REGULATOR_SCHEMAS:
            assert dataset.editions == ("regulator",)
        assert ("public" in dataset.editions) == (dataset.layer in PUBLIC_SCHEMAS)


def test_feeds_and_owners_come_from_the_contracts(found: dict[str, Dataset]) -> None:
    for feed, contract in contracts.contracts().items():
        dataset = found[f"raw.{feed}"]
        assert (dataset.owner, dataset.cycle, dataset.feeds) == (contract.owner, contract.cadence, (feed,))
        assert {field.name for field in dataset.fields} >= contract.columns.keys()
    assert "weighbridge_ticket" in found["mart.overload_record"].feeds
    assert found["mart.price_alert"].feeds == found["mart.price_index_week"].feeds
    assert found["public.county_week"].cycle == "daily"
    truck = {field.name: field for field in found["overload.truck"].fields}
    assert (truck["plate"].personal, truck["plate"].type) == ("plate", "VARCHAR")


# --- personal data


def test_every_column_that_holds_a_plate_is_marked(
    built: duckdb.DuckDBPyConnection, found: dict[str, Dataset]
) -> None:
    """By what the columns hold, not by what they are called."""
    unmarked, marked = [], set()
    for dataset in found.values():
        if dataset.layer in ("overload", "access"):
            continue
        for field in dataset.fields:
            if not re.search("VARCHAR|STRUCT|JSON|MAP", field.type or "") or dataset.name.startswith("meta.data_cat"):
                continue
            values = built.execute(f'SELECT DISTINCT "{field.name}"::VARCHAR FROM {dataset.name}').fetchall()
            if plates.read((), values):
                marked.add(dataset.name)
                if field.personal != "plate":
                    unmarked.append(f"{dataset.name}.{field.name}")
    assert unmarked == []
    assert {"raw.weighbridge_ticket", "mart.overload_record", "staging.vehicle", "mart.waybill_finding"} <= marked


def test_columns_of_a_plate_type_are_marked(found: dict[str, Dataset]) -> None:
    for feed, contract in contracts.contracts().items():
        typed = {column.name for column in contract.columns.values() if column.type == "plate"}
        assert typed <= set(found[f"raw.{feed}"].columns("plate"))


def test_known_personal_columns_have_their_kind(found: dict[str, Dataset]) -> None:
    kinds = {(dataset.name, field.name): field.personal for dataset in found.values() for field in dataset.fields}
    assert kinds["raw.weighbridge_ticket", "operator"] == "operator"
    assert kinds["raw.penalty_case", "driver_permit_no"] == "driver"
    assert kinds["staging.site", "contact_phone"] == "phone"
    assert kinds["staging.site", "contact_name"] == "contact"
    assert kinds["access.query", "person"] == "contact"
    assert kinds["mart.release", "gross_kg"] is None


@pytest.mark.parametrize(
    "freed", [{"sharing": "无条件共享"}, {"openness": "开放"}, {"editions": ("regulator", "public")}]
)
def test_a_dataset_with_plates_can_never_be_free(found: dict[str, Dataset], freed: dict[str, str]) -> None:
    for name in ("raw.weighbridge_ticket", "mart.overload_record", "overload.truck", "meta.reject"):
        told = datasets.problems([replace(found[name], **freed)])
        assert any("holds personal data in" in one for one in told), name


def test_what_is_lacking_is_named(found: dict[str, Dataset]) -> None:
    dataset = found["mart.site_week"]
    bare = replace(dataset, title=None, owner="", sharing="公开", cycle="hourly",
                   fields=(replace(dataset.fields[0], meaning=""),))  # fmt: skip
    told = datasets.problems([bare])
    assert len(told) == 5
    for word in ("lacks title", "lacks owner", "sharing is '公开'", "cycle is 'hourly'", "lacks its meaning"):
        assert any(word in one for one in told)


# --- tables, workbook, page


def test_it_is_published_and_read_back(
    built: duckdb.DuckDBPyConnection, found: dict[str, Dataset], tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(WrongCallError, match="no regulator edition is published"):
        tables.published(settings)
    names = {"regulator": [tables.DATASETS, tables.FIELDS], "public": ["public.county_week"]}
    editions.publish(built, settings, names)
    assert tables.published(settings) == list(found.values())
    editions.publish(built, settings, {**names, "regulator": ["public.county_week"]})
    with pytest.raises(WrongCallError, match="holds no data catalogue"):
        tables.published(settings)
    settings.editions.chmod(0o755)


def test_writing_it_again_changes_nothing(built: duckdb.DuckDBPyConnection) -> None:
    def content() -> list[object]:
        return [built.execute(f"FROM {name}").fetchall() for name in (tables.DATASETS, tables.FIELDS)]

    before = content()
    tables.write(built)
    assert content() == before
    built.execute(f"UPDATE {tables.DATASETS} SET owner = 'x'")
    tables.write(built)
    assert content() == before


@pytest.mark.parametrize("language", ["zh", "en"])
def test_workbook_and_page_hold_all_and_run_nothing(found: dict[str, Dataset], tmp_path: Path, language: str) -> None:
    import openpyxl

    release = found["mart.release"]
    bad = replace(
        release, title='=HYPERLINK("x")', description="<script>alert(1)</script>",
        fields=(replace(release.fields[0], meaning="@SUM(1)", title="+1"),),
    )  # fmt: skip
    shown = [bad if dataset is release else dataset for dataset in found.values()]
    book, page = writing.write(shown, tmp_path / "out", language, "regulator-1.duckdb", is_simulated=True)
    html = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|<script|src=", html)
    assert "&lt;script&gt;alert(1)" in html
    for dataset in found.values():
        assert f'id="{dataset.name}"' in html
    assert ("模拟数据" if language == "zh" else "Simulated") in html
    first, second = openpyxl.load_workbook(book).worksheets
    assert (first.max_row, second.max_row) == (
        len(shown) + 1, sum(len(dataset.fields) for dataset in shown) + 1,
    )  # fmt: skip
    cells = [cell for sheet in (first, second) for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert [cell.value for cell in cells if isinstance(cell.value, str) and cell.value[0] in "=+@-\t"] == []
    assert "'@SUM(1)" in {cell.value for cell in cells}


def test_both_languages_have_the_same_words(found: dict[str, Dataset], tmp_path: Path) -> None:
    zh, en = (writing._words(language) for language in writing.LANGUAGES)
    assert zh.keys() == en.keys()
    assert {field.personal for dataset in found.values() for field in dataset.fields} - {None} <= zh.keys()
    with pytest.raises(WrongCallError, match="takes zh or en"):
        writing.write(found.values(), tmp_path, "fr", "x", is_simulated=False)
