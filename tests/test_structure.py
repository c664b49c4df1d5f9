"""The tree keeps its laws: lineage, headers that match, one home for policy numbers, drawers that are not empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from pipelines import catalog, contracts, models, warehouse
from pipelines.rules import judging, policy, prices
from pipelines.run import PUBLIC_SCHEMAS, REGULATOR_SCHEMAS
from pipelines.settings import ROOT

LAW = models.law_tables()
# Which schemas a table of a schema may read. Law tables (figures only) may be read by all of them.
READS = {
    "staging": {"raw", "reference", "staging"},
    "mart": {"staging", "reference", "mart", "meta", "policy"},
    "report": {"staging", "reference", "mart", "meta", "policy", "report"},
    "public": {"mart", "reference", "public"},
}
MODELS = list(catalog.models().values())
MEASURES = sorted(policy.POLICY.glob("*/measure.sql"))
OWN_FILES = [
    path
    for folder, pattern in (("pipelines", "*.py"), ("dags", "*.py"), ("sql", "*.sql"), ("tests", "*.py"))
    for path in sorted((ROOT / folder).rglob(pattern))
]


@pytest.fixture(scope="module")
def built() -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse without a single row, built through: every SQL file runs and returns what its header says."""
    con = duckdb.connect()
    warehouse.configure(con)
    warehouse.prepare(con)
    models.build(con)
    judging.judge(con)
    prices.judge(con)
    models.build(con, after_judging=True)
    yield con
    con.close()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_tables_read_downwards_only(model: catalog.Model) -> None:
    schema = model.name.split(".")[0]
    for table in model.reads - LAW:
        assert table.split(".")[0] in READS[schema], f"{model.name} reads {table}"


def test_only_marts_of_releases_read_a_verdict() -> None:
    """A mart may show the verdict of a release; all other verdicts are shown by report."""
    readers = {
        model.name
        for model in MODELS
        if model.name.startswith("mart.") and {t for t in model.reads if t.startswith("policy.")} - LAW
    }
    assert readers == {"mart.overload_record", "mart.overload_site_week"}


@pytest.mark.parametrize("path", MEASURES, ids=lambda path: path.parent.name)
def test_measures_read_staging_and_marts(path: Path) -> None:
    reads = catalog.tables_read(path.read_text(encoding="utf-8")) - LAW
    assert {table.split(".")[0] for table in reads} <= {"staging", "mart", "reference"}


def test_every_table_and_column_is_described(built: duckdb.DuckDBPyConnection) -> None:
    schemas = ["raw", *REGULATOR_SCHEMAS, *PUBLIC_SCHEMAS]
    bare = built.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE comment IS NULL"
        " AND list_contains(?, schema_name)"
        " UNION ALL SELECT schema_name || '.' || table_name || '.' || column_name FROM duckdb_columns()"
        " WHERE comment IS NULL AND list_contains(?, schema_name)",
        [schemas, schemas],
    ).fetchall()
    assert bare == []


def test_no_column_bears_a_reserved_word(built: duckdb.DuckDBPyConnection) -> None:
    rows = built.execute(
        "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal AND lower(column_name) IN"
        " (SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved')"
    ).fetchall()
    assert rows == []


def test_masses_past_raw_are_tonnes_but_for_scale_readings() -> None:
    """Scales read and the law limits kilograms; every other mass past raw is in tonnes."""
    readings = {"gross_kg", "tare_kg", "limit_kg", "over_kg", "limit_low_kg", "limit_high_kg", "scale_max_kg",
                "scale_division_kg", "max_error_kg", "over_beyond_error_kg", "axle_sum_kg", "licence_gross_kg",
                "licence_load_kg", "over_licence_kg", "net_kg"}  # fmt: skip
    found = {name for model in MODELS for name in model.columns if name.endswith("_kg")}
    # A contest freezes what the record said, under the same names.
    assert {name.removeprefix("frozen_") for name in found} <= readings


def test_policy_numbers_have_one_home() -> None:
    """Figures that can only be policy (four digits and more) stand nowhere but in sql/policy.

    The simulation holds an independent copy on purpose; worked examples and tests state what they expect.
    """
    numbers = set()
    for path in policy.POLICY.glob("*/rule.yaml"):
        numbers |= {int(text) for text in re.findall(r"(?<![\d.])(\d{4,8})(?![\d.\-])", path.read_text("utf-8"))}
    numbers -= {2004, 2014, 2016, 2018, 2019, 2020, 2021, 2022, 50500}  # years and the number of a standard
    numbers -= {1000, 2000, 3000, 10_000, 100_000}  # too round: kilograms of a tonne, limits of output
    assert {3_000_000, 1_500_000, 18_000, 49_000} <= numbers
    for path in OWN_FILES:
        parts = path.relative_to(ROOT).parts
        if parts[0] == "tests" or "simulation" in parts or parts[:2] == ("sql", "policy"):
            continue
        text = path.read_text(encoding="utf-8").replace("_", "")
        for number in numbers:
            assert not re.search(rf"(?<![\d.]){number}(?![\d.])", text), f"{path}: {number}"


def test_shares_of_policy_stand_in_no_sql_past_policy() -> None:
    for model in MODELS:
        body = model.sql[model.sql.index("*/") :]
        assert not re.search(r"(?<![\d.])0\.(05|1|10|15|2|20|3|30|4|40|7|70|8|80|85)(?!\d)", body), model.name


@pytest.mark.parametrize("feed", sorted(contracts.contracts()))
def test_every_feed_has_its_drawers(feed: str) -> None:
    contract = contracts.contracts()[feed]
    drawers = {
        "staging SQL": any(f"raw.{feed}" in model.reads for model in MODELS if model.name.startswith("staging.")),
        "sample from the simulation": not contract.is_owed
        or any(feed in path.read_text(encoding="utf-8") for path in (ROOT / "pipelines").glob("simulat*/**/*.py"))
        or feed in (ROOT / "pipelines" / "simulate.py").read_text(encoding="utf-8"),
        "expectations": bool(contract.expectations),
        "a default source": "default" in contract.sources,
        "an owner and who fixes": bool(contract.owner and contract.who_fixes),
    }
    assert [name for name, is_there in drawers.items() if not is_there] == []


def test_every_rule_has_its_drawers() -> None:
    for folder in sorted(path.parent for path in policy.POLICY.glob("*/rule.yaml")):
        raw = yaml.safe_load((folder / "rule.yaml").read_text(encoding="utf-8"))
        assert raw["title"]["zh"], folder.name
        assert raw["title"]["en"], folder.name
        if "parts" in raw or "levels" in raw:
            assert (folder / "measure.sql").exists(), folder.name
            assert (folder / "cases.yaml").exists(), folder.name


def test_documents_of_the_rules_are_registered() -> None:
    known = policy.documents()
    for path in policy.POLICY.glob("*/rule.yaml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["document"] in known, path.parent.name


def test_modules_stay_short() -> None:
    for path in OWN_FILES:
        if path.suffix == ".py" and "tests" not in path.parts:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path


def test_the_simulation_reads_no_sql_and_no_rules() -> None:
    for path in [ROOT / "pipelines" / "simulate.py", *(ROOT / "pipelines" / "simulation").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"sql/|\"sql\"|rule\.yaml|duckdb", text), path


def test_a_circle_of_tables_is_refused() -> None:
    def model(name: str, reads: str) -> catalog.Model:
        return catalog.Model(name, ROOT, "", "", "", {}, frozenset({reads}))

    with pytest.raises(catalog.MachineError, match=r"in a circle: mart\.a -> mart\.b -> mart\.a|mart\.b -> mart\.a"):
        catalog.in_order([model("mart.a", "mart.b"), model("mart.b", "mart.a")])


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text("/*\ndescription: d\ngrain: g\ncolumns:\n  a: text\n*/\nSELECT 1 AS b\n", encoding="utf-8")
    con = duckdb.connect()
    con.execute("CREATE SCHEMA mart")
    with pytest.raises(catalog.MachineError, match=r"not returned \['a'\], not described \['b'\]"):
        models.make(con, catalog.read_model(path, "mart"))


def test_an_unknown_setting_in_a_contract_is_refused(tmp_path: Path) -> None:
    source = (ROOT / "expectations" / "raw" / "price_quote.yaml").read_text(encoding="utf-8")
    path = tmp_path / "price_quote.yaml"
    path.write_text(source.replace("max_age_days: 10", "max_age_day: 10"), encoding="utf-8")
    with pytest.raises(catalog.MachineError, match=r"unknown setting \['max_age_day'\]"):
        contracts.read_contract(path)
