"""Each vendor layout loads end to end under its source profile: the account adds up and the values are right."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipelines import contracts, warehouse
from pipelines.errors import MachineError, WrongCallError
from pipelines.feeds import ingest, parse, parsed_file, profile_draft
from pipelines.settings import Settings
from pipelines.verbs import profiling

LAYOUTS = Path(__file__).parent / "layouts"
TICKETS = "weighbridge_ticket"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One home for all layouts, as a city has: they must not get in each other's way."""
    return Settings(home=tmp_path_factory.mktemp("city"))


def settled(path: Path, folder: Path) -> Path:
    """A copy whose time says that it no longer grows."""
    copy = folder / path.name
    shutil.copyfile(path, copy)
    os.utime(copy, (time.time() - 60, time.time() - 60))
    return copy


def at(*clock: int, day: int = 5) -> dt.datetime:
    return dt.datetime(2026, 1, day, *clock, tzinfo=SHANGHAI)


# profile: (feed, rows, outcome -> count, line -> what some of its columns must hold)
LOADED: dict[str, tuple[str, str, int, dict[str, int], dict[int, dict[str, Any]]]] = {
    "weighsoft": ("weighsoft.csv", TICKETS, 4, {"accepted": 4}, {
        2: {"ticket_no": "000101", "plate": "豫QD1028", "site_name": "示例一号矿", "gross_kg": 48620, "net_kg": 33380,
            "weighed_at": at(8, 3, 16), "first_weighed_at": at(7, 41, 2), "number_period": "2026",
            "direction": "out"},
        3: {"plate": "豫QD2031", "gross_kg": 47980, "net_kg": 33100},
        4: {"plate": "豫QD3317", "gross_kg": 45600, "direction": "in", "weighed_at": at(8, 20)},
        5: {"gross_kg": 31240, "tare_kg": 14980, "weighed_at": at(8, 31, 5), "direction": "internal"},
    }),
    "cloud": ("cloud.csv", TICKETS, 3, {"accepted": 3}, {
        2: {"gross_kg": 48620, "tare_kg": 15240, "axle_count": 6, "body": "train", "number_period": ""},
        3: {"weighed_at": at(8, 11, 40), "first_weighed_at": at(7, 50, 21), "received_at": at(8, 12)},
    }),
    "daybook": ("daybook.csv", TICKETS, 3, {"accepted": 3}, {
        2: {"weighed_at": at(8, 3), "number_period": "2026-01-05", "gross_kg": 45600},
        3: {"weighed_at": at(9, 15), "net_kg": 30000},
        4: {"ticket_no": "1", "number_period": "2026-01-06"},
    }),
    "axle_station": ("axle_station.csv", TICKETS, 3, {"accepted": 3}, {
        2: {"site_name": "示例治超站", "scale_no": "2", "axle_count": 6, "gross_kg": 47990, "axle_1_kg": 6120,
            "axle_6_kg": 7980, "axle_7_kg": None, "ticket_no": None, "suspect_codes": []},
        4: {"gross_kg": 24030, "axle_3_kg": 9000, "suspect_codes": ["axle_sum"]},
    }),
    "enforcement_list": ("enforcement_list.xlsx", TICKETS, 3, {"accepted": 3}, {
        3: {"ticket_no": "E20260001", "weighed_at": at(8, 3, 16), "gross_kg": 60200, "axle_count": 6},
        4: {"weighed_at": at(8, 11, 40), "gross_kg": 48900},
        5: {"weighed_at": at(12), "gross_kg": 17980},
    }),
    "two_pass": ("two_pass.csv", TICKETS, 3, {"accepted": 1, "pending": 2}, {
        2: {"is_incomplete": False, "weighed_at": at(8, 3, 16), "site_name": "示例四号加工厂", "direction": "in"},
        3: {"is_incomplete": True, "gross_kg": 46200, "tare_kg": None, "number_period": "2026-01-05"},
    }),
    "net_only": ("net_only.csv", TICKETS, 3, {"accepted": 3}, {
        2: {"net_kg": 33380, "gross_kg": None, "weighed_at": at(8, 3, 16), "direction": "out"},
        3: {"net_kg": 33100}, 4: {"net_kg": 17620},
    }),
    "pounds": ("pounds.csv", TICKETS, 2, {"accepted": 2}, {
        2: {"gross_kg": Decimal("45812.829"), "plate": "DEMO101", "weighed_at": at(8, 3, 16),
            "receiver": "Demo Concrete"},
        3: {"gross_kg": 45600, "weighed_at": at(13, 15)},
    }),
    "taiwan_pcc_month": ("taiwan_pcc_month.csv", "price_quote", 3, {"accepted": 3}, {
        2: {"county_code": "桃園市", "price": 465, "price_low": 450, "price_high": 480, "unit": "t",
            "quoted_on": dt.date(2026, 5, 1), "product": "天然砂", "basis": "ex_works"},
        4: {"quoted_on": dt.date(2026, 5, 1), "price": 405},
    }),
}  # fmt: skip


def typed_rows(parsed: parsed_file.ParsedFile) -> dict[int, dict[str, Any]]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Asia/Shanghai'")
        cursor = con.execute("FROM read_parquet(?)", [parsed.good_parquet])
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {row["line"]: row for row in rows}


@pytest.mark.parametrize("profile", LOADED)
def test_a_layout_is_typed_as_its_profile_says(home: Settings, tmp_path: Path, profile: str) -> None:
    name, feed, count, _, expected = LOADED[profile]
    parsed = parse.parse(home, feed, settled(LAYOUTS / name, tmp_path), profile)
    assert (parsed.rows, parsed.good, parsed.reasons, parsed.questions) == (count, count, {}, [])
    rows = typed_rows(parsed)
    for line, values in expected.items():
        assert {column: rows[line][column] for column in values} == values


@pytest.mark.parametrize("profile", LOADED)
def test_a_layout_loads_and_every_row_is_accounted_for(city: Settings, tmp_path: Path, profile: str) -> None:
    name, feed, count, outcomes, _ = LOADED[profile]
    result = ingest.ingest(city, feed, [settled(LAYOUTS / name, tmp_path)], profile)
    assert not result.refused, result.refused
    counts = result.to_json()
    assert counts["rows"] == count
    assert {outcome: counts[outcome] for outcome in outcomes} == outcomes
    assert sum(outcomes.values()) == count


def test_a_second_weighing_completes_the_first(home: Settings, tmp_path: Path) -> None:
    for name in ("two_pass.csv", "two_pass_later.csv"):
        result = ingest.ingest(home, TICKETS, [settled(LAYOUTS / name, tmp_path)], "two_pass")
        assert not result.refused, result.refused
    counts = result.to_json()
    assert (counts["accepted"], counts["duplicate"], counts["pending"]) == (1, 2, 0)
    with warehouse.writer(home) as con:
        rows = con.execute(
            "SELECT ticket_no, outcome, net_kg FROM raw.weighbridge_ticket WHERE outcome IN ('accepted', 'pending')"
            " ORDER BY ticket_no"
        ).fetchall()
    assert rows == [("0001", "accepted", 30000), ("0002", "accepted", 30000), ("0003", "pending", None)]


def test_every_profile_with_a_layout_of_its_own_has_a_sample() -> None:
    public = {"default", "austin_loads", "wim_axles", "taiwan_pcc"}  # data of others, read where it lies
    named = {name for contract in contracts.contracts().values() for name in contract.sources} - public
    assert named <= LOADED.keys()


def test_an_area_polluted_with_prices_is_put_aside_and_not_guessed(home: Settings, tmp_path: Path) -> None:
    rows = (LAYOUTS / "taiwan_pcc_month.csv").read_text(encoding="big5").splitlines()
    rows += ["台中市 430-480 370-420 ,430-480,370-420,元/公噸,11505"]
    path = tmp_path / "month.csv"
    path.write_text("\n".join(rows) + "\n", encoding="big5")
    os.utime(path, (time.time() - 60, time.time() - 60))
    refused = ingest.ingest(home, "price_quote", [path], "taiwan_pcc_month").refused
    assert "'area_with_figures': 1" in refused[0]["message"]
    assert "county_code = '台中市 430-480 370-420'" in refused[0]["message"]


OFFICIAL = Path(__file__).parents[2] / "shared" / "data" / "price" / "taiwan_2026-07_big5.csv"


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official file is not on this machine")
def test_the_official_file_whose_areas_hold_prices_is_refused_with_the_reason(home: Settings, tmp_path: Path) -> None:
    refused = ingest.ingest(home, "price_quote", [settled(OFFICIAL, tmp_path)], "taiwan_pcc_month").refused
    assert "'area_with_figures': 7" in refused[0]["message"]


def contract_with(tmp_path: Path, feed: str, **profile: Any) -> contracts.Contract:
    text = (contracts.ROOT / "expectations" / "raw" / f"{feed}.yaml").read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    raw["sources"] = {"mine": profile}
    path = tmp_path / f"{feed}.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return contracts.read_contract(path)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (
            {"aliases": {"gros_kg": ["毛重"]}},
            r"source mine: aliases names column \['gros_kg'\]; columns are ticket_no",
        ),
        ({"units": {"gross": "t"}}, "units names column"),
        ({"units": {"plate": "t"}}, r"units names column 'plate', which is no mass \(plate\)"),
        ({"units": {"gross_kg": "ton"}}, "unit 'ton' of gross_kg is unknown; units are kg, t, lb"),
        ({"pending_until": ["tare"]}, "pending_until names column"),
        ({"defaults": {"kind": "x"}}, "defaults names column"),
        ({"values": {"kind": {"a": "b"}}}, "values names column"),
        (
            {"ranges": ["gross_kg"]},
            "ranges needs gross_kg to be a number with columns gross_kg_low and gross_kg_high",
        ),
        ({"number_period": "month"}, "number_period is 'month'; it may be ever, year, day"),
        ({"calendar": "minguo"}, "calendar is 'minguo'; it may be gregorian, roc"),
        ({"time_zone": "Asia/Zhumadian"}, "Asia/Zhumadian"),
        ({"encoding": "gb2313"}, "gb2313"),
        ({"unit": {"gross_kg": "t"}}, "unknown setting"),
    ],
)
def test_a_profile_that_names_what_does_not_exist_is_refused(
    tmp_path: Path, profile: dict[str, Any], said: str
) -> None:
    with pytest.raises(MachineError, match=said):
        contract_with(tmp_path, TICKETS, **profile)


# What a person must add to the draft, and the values some row must then hold.
STRANGERS: dict[str, tuple[dict[str, str], int, dict[str, Any]]] = {
    "strange_pipe.csv": ({}, 24, {
        "ticket_no": "1", "plate": "豫QB2201", "site_name": "示例六号矿山", "weighed_at": at(8, 7),
        "direction": "out",
        "number_period": "2026-01-05", "gross_kg": 44760, "tare_kg": 14820, "net_kg": 29940, "product_name": "碎石",
    }),
    "strange_sheet.xlsx": ({"site_name": "示例七号加工厂"}, 20, {
        "ticket_no": "SY260105000", "plate": "豫QD3100", "site_name": "示例七号加工厂", "weighed_at": at(8),
        "first_weighed_at": at(7, 35), "product_name": "机制砂",
    }),
    "strange_tab.csv": ({}, 16, {
        "ticket_no": "881200", "plate": "豫QE4000", "site_name": "Example Works", "weighed_at": at(8),
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_a_draft_pasted_as_it_is_loads_every_row_of_an_unseen_layout(
    home: Settings, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand, count, first = STRANGERS[name]
    path = settled(LAYOUTS / name, tmp_path)
    made = profile_draft.draft(contracts.contracts()[TICKETS], path, "stranger")
    assert made.yaml.count("\n") <= 20
    assert (made.trial.rows, made.trial.good, made.trial.refused) == (count, count, "")
    assert [answer.split(":")[0] for answer in made.answers] == list(by_hand)

    text = (contracts.ROOT / "expectations" / "raw" / f"{TICKETS}.yaml").read_text(encoding="utf-8")
    pasted = text.replace("\nsources:\n", f"\nsources:\n{made.yaml}", 1)
    if by_hand:
        pasted = pasted.replace("  stranger:\n", f"  stranger:\n    defaults: {json.dumps(by_hand)}\n", 1)
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / f"{TICKETS}.yaml").write_text(pasted, encoding="utf-8")
    mended = contracts.contracts(folder)
    monkeypatch.setattr(contracts, "contracts", lambda: mended)

    parsed = parse.parse(home, TICKETS, path, "stranger")
    assert (parsed.rows, parsed.good, parsed.questions) == (count, count, [])
    row = min(typed_rows(parsed).items())[1]
    assert {column: row[column] for column in first} == first
    assert row["gross_kg"] - row["tare_kg"] == row["net_kg"] > 25000


def test_a_draft_that_could_not_tell_says_so(tmp_path: Path) -> None:
    lines = ["甲,乙,丙", *[f"{n},x{n % 3},2026-01-{n:02d} 08:00" for n in range(1, 20)]]
    path = tmp_path / "riddle.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = profile_draft.draft(contracts.contracts()[TICKETS], path, "riddle")
    assert "three masses with gross - tare = net were not found" in made.doubts
    assert [answer.split(":")[0] for answer in made.answers] == ["site_name", "gross_kg or net_kg"]
    assert "# to answer: site_name" in made.yaml


def test_a_draft_says_what_it_would_put_aside(tmp_path: Path) -> None:
    rows = (LAYOUTS / "daybook.csv").read_text(encoding="gb18030").splitlines()
    rows += [rows[1].replace("45600", '"45,6"')]
    path = tmp_path / "book.csv"
    path.write_text("\n".join(rows) + "\n", encoding="gb18030")
    made = profile_draft.draft(contracts.contracts()[TICKETS], path, "book")
    assert made.trial.reasons == {"ambiguous_number": 1}
    assert "line 5: gross_kg = '45,6' can be read as more than one number" in made.trial.first_message


def test_quotes_and_filings_are_drafted_too(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    rows = [f"2026-05-{n:02d};驿城区;机制砂;元/吨;出厂价;{80 + n}" for n in range(1, 15)]
    path.write_text(
        "\n".join(["采集日期;所在县区;产品名称;计价单位;价格口径;价格(元)", *rows]) + "\n", encoding="utf-8"
    )
    made = profile_draft.draft(contracts.contracts()["price_quote"], path, "collected")
    assert made.trial.good == 14
    assert made.columns["采集日期"] == "quoted_on"
    assert made.columns["价格(元)"] == "price"
    profile = profile_draft.profile_of(contracts.contracts()["price_quote"], made.yaml, "collected")
    assert profile.delimiter == ";"


def test_the_verb_prints_yaml_or_one_object() -> None:
    app = typer.Typer()
    profiling.register(app)
    app.command("other")(lambda: None)
    call = [TICKETS, str(LAYOUTS / "strange_pipe.csv"), "--name", "pipe"]
    printed = CliRunner().invoke(app, ["profile", *call])
    assert printed.exit_code == 0, printed.output
    assert yaml.safe_load(printed.stdout)["pipe"]["number_period"] == "day"
    assert "trial of the first 24 rows: 24 good" in printed.stderr
    as_json = json.loads(CliRunner().invoke(app, ["profile", *call, "--json"]).stdout)
    assert as_json["trial"]["good"] == 24
    taken = CliRunner().invoke(app, ["profile", *call[:2], "--name", "cloud"])
    assert isinstance(taken.exception, WrongCallError)
