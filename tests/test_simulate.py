"""The simulated city: the same bytes each time, a truth that its own files bear out, every special case there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from stdnum.cn import uscc

from pipelines import simulate
from pipelines.errors import WrongCallError
from pipelines.simulation import cases, city, filings, plan, printing, quotes, verdicts

SCALE = 0.05
ASKED = plan.load(57, SCALE, None)
ENCODINGS = {"weighsoft": "gb18030", "cloud": "utf-8-sig", "daybook": "gb18030"}
# where each export keeps: number, site, plate, gross, tare, net, time, direction, axles, body, drive axles
CELLS = {
    "weighsoft": (0, 1, 3, 7, 8, 9, 13, 6, None, None, None),
    "cloud": (0, 1, 2, 8, 9, 10, 12, 7, 3, 4, 5),
    "daybook": (0, 1, 3, 6, 7, 8, 2, 5, 9, 10, 11),
}
OFFICES = {"capacity_filing", "vehicle", "penalty_case", "waybill"}  # offices that export GB18030 with CRLF
EXEMPT_PERHAPS = {"exempt_if_train": "body", "typo_of_exempt": "plate"}
KG = {"weighsoft": 1, "cloud": 1000, "daybook": 1}
WORDS = {
    "销售": "out",
    "出厂": "out",
    "出": "out",
    "采购": "in",
    "进厂": "in",
    "进": "in",
    "内部倒运": "internal",
    "内部": "internal",
}
# 62号令 art. 3, typed once more for this test
LIMITS = {
    (2, "rigid"): [18_000],
    (3, "rigid"): [25_000],
    (3, "train"): [27_000],
    (4, "rigid"): [31_000],
    (4, "train"): [36_000],
    (5, "train"): [43_000],
    (6, "train"): [46_000, 49_000],
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> simulate.Summary:
    home = tmp_path_factory.mktemp("city")
    return simulate.write_city(home / "inbox", home / "truth", scale=SCALE)


@pytest.fixture(scope="module")
def releases(summary: simulate.Summary) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(summary.truth / "releases.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def story(summary: simulate.Summary) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((summary.truth / "truth.json").read_text(encoding="utf-8"))
    return found


def table(summary: simulate.Summary, name: str) -> list[dict[str, str]]:
    with (summary.truth / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digest(*folders: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ticket_lines(summary: simulate.Summary) -> dict[tuple[str, int], tuple[str, list[str]]]:
    """Return source and cells of each data line by (file, line), read by nothing but a split."""
    lines = {}
    for path in sorted((summary.inbox / "weighbridge_ticket").rglob("*.csv")):
        source = path.parent.name
        text = path.read_bytes().decode(ENCODINGS[source])
        assert text.endswith("\n")
        for line, row in enumerate(text.replace("\r\n", "\n").split("\n")[1:-1], start=2):
            lines[path.name, line] = (source, row.split(","))
    return lines


def test_the_same_seed_gives_the_same_bytes(summary: simulate.Summary, tmp_path: Path) -> None:
    again = simulate.write_city(tmp_path / "inbox", tmp_path / "truth", scale=SCALE)
    assert digest(again.inbox, again.truth) == digest(summary.inbox, summary.truth)
    other = simulate.write_city(tmp_path / "other", tmp_path / "other_truth", scale=SCALE, seed=58)
    tickets = "weighbridge_ticket/cloud/cloud_2026-W47.csv"
    assert digest(other.inbox)[tickets] != digest(summary.inbox)[tickets]


def test_the_truth_stands_before_any_inbox_file(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="inbox"):
        simulate.write_city(tmp_path / "inbox", tmp_path / "truth", scale=SCALE, weeks=2)
    assert (tmp_path / "truth" / "truth.json").is_file()


def test_no_part_of_a_file_is_left_behind(summary: simulate.Summary) -> None:
    found = {path for path in summary.inbox.rglob("*") if path.is_file()}
    assert found == set(summary.files)
    assert {path.parent.parent.name for path in found} == {
        "weighbridge_ticket", "capacity_filing", "price_quote", "site_register",
        "vehicle", "scale", "penalty_case", "waybill", "river_permit", "stock_report", "key_project_demand",
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"weeks": 0}, {"weeks": 27}, {"scale": 0.0}, {"scale": 21.0}, {"seed": -1}])
def test_what_cannot_be_simulated_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(WrongCallError, match=next(iter(wrong))):
        simulate.write_city(tmp_path / "inbox", tmp_path / "truth", **wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("weeks", [1, 2, 5])
def test_fewer_weeks_are_the_last_ones(weeks: int, tmp_path: Path) -> None:
    made = simulate.write_city(tmp_path / "inbox", tmp_path / "truth", scale=SCALE, weeks=weeks)
    assert made.last_week == "2026-W47"
    assert len(list((made.inbox / "weighbridge_ticket").rglob("*.csv"))) == 3 * weeks
    total = sum(int(row["data_lines"]) for row in table(made, "files") if row["feed"] == "weighbridge_ticket")
    assert total == made.tickets == len(ticket_lines(made))


def test_files_are_written_as_people_write_them(summary: simulate.Summary) -> None:
    for path in summary.files:
        content = path.read_bytes()
        source = path.parent.name
        is_office = path.suffix == ".csv" and path.parent.parent.name in OFFICES
        if source in ("weighsoft", "daybook") or is_office:
            with pytest.raises(UnicodeDecodeError):
                content.decode("utf-8")
            content.decode("gb18030")
        elif path.suffix == ".csv":
            assert content.startswith(b"\xef\xbb\xbf")
        crlf = source == "weighsoft" or is_office
        if path.suffix == ".csv":
            assert content.count(b"\r\n") == (content.count(b"\n") if crlf else 0)
        if source in printing.STYLES:
            first = content.decode(ENCODINGS[source]).splitlines()[0]
            assert first == printing.STYLES[source].header


def test_counts_add_up_on_physical_lines(summary: simulate.Summary, releases: list[dict[str, Any]]) -> None:
    found = Counter(file for file, _ in ticket_lines(summary))
    fates = Counter((row["file"], row["outcome"]) for row in releases)
    for row in table(summary, "files"):
        path = summary.inbox / row["feed"] / row["source"] / row["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        outcomes = {name: int(row[name]) for name in ("accepted", "duplicate", "superseded", "quarantined")}
        assert int(row["data_lines"]) == sum(outcomes.values()) + int(row["voided"])
        if row["feed"] == "weighbridge_ticket":
            assert int(row["data_lines"]) == found[row["file"]]
            assert outcomes == {name: fates[row["file"], name] for name in outcomes}
            assert outcomes["quarantined"] < 0.01 * int(row["data_lines"])
    assert sum(found.values()) == summary.tickets == len(releases)


def test_each_line_says_what_the_truth_says(summary: simulate.Summary, releases: list[dict[str, Any]]) -> None:
    lines = ticket_lines(summary)
    names = {row["site_name"]: {row["site_name"], *row["aliases"].split("、")} for row in table(summary, "sites")}
    for row in releases:
        source, cells = lines.pop((row["file"], row["line"]))
        assert source == row["source"]
        if row["outcome"] == "quarantined":
            continue
        number, site, plate, gross, tare, net, time, direction, *facts = CELLS[source]
        assert cells[number] == row["ticket_no"]
        assert cells[site] == row["printed_site"]
        assert cells[site] in names[row["site_name"]]
        assert cells[plate].replace("·", "").replace(" ", "").upper() == row["plate"]
        for cell, name in ((gross, "gross_kg"), (tare, "tare_kg"), (net, "net_kg")):
            assert (round(float(cells[cell]) * KG[source]) if cells[cell] else None) == row[name]
        shape = "%Y/%m/%d %H:%M" if source == "daybook" else "%Y-%m-%d %H:%M:%S"
        assert datetime.strptime(cells[time], shape) == row["weighed_at"]  # noqa: DTZ007
        assert WORDS[cells[direction]] == row["direction"]
        told = ["" if cell is None else cells[cell] for cell in facts]
        assert told[0] == str(row["axle_count"] or "")
        assert {"": "", "整车": "rigid", "汽车列车": "train"}[told[1]] == row["body"]
        assert told[2] == str(row["drive_axle_count"] or "")
    assert not lines


def possible(axles: int | None, body: str, drive: int | None) -> list[int]:
    limits = []
    for (count, kind), values in LIMITS.items():
        if axles in (None, count) and body in ("", kind):
            both = count == 6 and drive is None
            limits += values if both or len(values) == 1 else [values[0] if drive == 1 else values[1]]
    return limits


def later_in_visit(row: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the weighings after one, each within two hours of the one before it and with the same tare."""
    found, latest = [], row
    for other in sorted(rows, key=lambda other: other["weighed_at"]):
        if other["weighed_at"] <= latest["weighed_at"]:
            continue
        near = other["weighed_at"] - latest["weighed_at"] <= timedelta(minutes=120)
        if not near or other["tare_kg"] != latest["tare_kg"]:
            break
        found.append(other)
        latest = other
    return found


def test_verdicts_follow_from_the_tickets(releases: list[dict[str, Any]]) -> None:
    accepted = [row for row in releases if row["outcome"] == "accepted"]
    assert all(row["verdict"] for row in accepted)
    assert not any(row["verdict"] for row in releases if row["outcome"] != "accepted")
    loads: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in accepted:
        if row["direction"] == "out":
            loads.setdefault((row["site_name"], row["plate"]), []).append(row)
        else:
            assert row["verdict"] == "not_release"
    for rows in loads.values():
        for row in rows:
            limits = possible(row["known_axle_count"], row["known_body"], row["known_drive_axle_count"])
            if row["is_single_tyre"]:
                limits = [limit - 3_000 for limit in limits]
            gross = row["gross_kg"]
            if row["exemption"]:
                assert row["verdict"] == ("exempt" if gross > max(limits) else "met")
            elif row["case"] in EXEMPT_PERHAPS:  # over every limit, but exempt if it is a train, or that very truck
                assert (row["verdict"], row["missing_field"]) == ("undetermined", EXEMPT_PERHAPS[row["case"]])
            elif gross is None or min(limits) < gross <= max(limits):
                assert row["verdict"] == "undetermined"
                assert row["missing_field"]
            elif gross <= min(limits):
                assert row["verdict"] == "met"
            else:
                replaced = any(
                    other["gross_kg"] is not None and gross - other["gross_kg"] >= 200
                    for other in later_in_visit(row, rows)
                )
                assert row["verdict"] == ("reweighed" if replaced else "breached")
                if not replaced:
                    assert row["limit_kg"] == max(limits)
                    assert row["over_kg"] == gross - max(limits)
                    assert row["limit_basis"] == ("exact" if len(limits) == 1 else "highest_possible")


def test_duplicates_are_exact_and_corrections_are_later(
    summary: simulate.Summary, releases: list[dict[str, Any]]
) -> None:
    lines = ticket_lines(summary)
    texts: dict[tuple[str, ...], int] = Counter((source, *cells) for source, cells in lines.values())
    copies: Counter[tuple[str, ...]] = Counter()
    for row in releases:
        source, cells = lines[row["file"], row["line"]]
        if row["outcome"] == "duplicate":
            copies[source, *cells] += 1
    assert copies
    assert {text: count - 1 for text, count in texts.items() if count > 1} == dict(copies)
    pairs: dict[int, list[dict[str, Any]]] = {}
    for row in releases:
        if row["case"] in ("corrected", "over_corrected_later"):
            pairs.setdefault(row["pair_id"], []).append(row)
    assert pairs
    for rows in pairs.values():
        old, new = sorted(rows, key=lambda row: row["file"])
        assert (old["outcome"], new["outcome"]) == ("superseded", "accepted")
        same = ("source", "site_name", "ticket_no", "weighed_at", "plate", "tare_kg")
        assert [old[name] for name in same] == [new[name] for name in same]
        assert old["gross_kg"] != new["gross_kg"]
        assert old["file"] < new["file"]


def test_broken_rows_are_broken_as_said(summary: simulate.Summary, releases: list[dict[str, Any]]) -> None:
    lines = ticket_lines(summary)
    seen: Counter[str] = Counter()
    for row in releases:
        if row["outcome"] != "quarantined":
            assert not row["reason_kind"]
            continue
        source, cells = lines[row["file"], row["line"]]
        _, _, _, gross, tare, net, time, *_ = CELLS[source]
        seen[kind := row["reason_kind"]] += 1
        if kind == "truncated_row":
            assert len(cells) < len(printing.STYLES[source].header.split(","))
        elif kind == "text_in_number":
            assert cells[gross] == "待核"
        elif kind == "month_13":
            assert cells[time].replace("/", "-").split("-")[1] == "13"
        else:
            weights = [float(cells[cell]) * KG[source] for cell in (gross, tare, net)]
            off = abs(weights[0] - weights[1] - weights[2])
            assert (kind == "arithmetic") == (off > 20)
            assert (kind == "negative_weight") == (min(weights) < 0)
            assert (kind == "tare_not_below_gross") == (weights[1] >= weights[0])
    assert set(seen) == set(ASKED["files"]["broken_kinds"])


@pytest.mark.parametrize("seed", [0, 57, 4711])
def test_every_special_case_is_there(seed: int, tmp_path: Path) -> None:
    made = simulate.write_city(tmp_path / "inbox", tmp_path / "truth", scale=SCALE, seed=seed)
    story = json.loads((made.truth / "truth.json").read_text(encoding="utf-8"))
    asked = plan.load(seed, SCALE, None)
    assert set(story["cases"]) == set(filter(None, cases.case_names(asked)))
    weighings = {"reweighed_twice": 3} | {
        name: 2 for name in asked["cases"] if name.startswith(("reweighed", "decoy")) and name != "reweighed_twice"
    }
    for name, rule in asked["cases"].items():
        assert story["cases"][name] >= rule["least"] * weighings.get(name, 1), name
    assert set(story["broken"]) == set(asked["files"]["broken_kinds"])
    assert story["rail_cohort"] == {
        "area_code": "411700", "member_count": 5, "operating_count": 4, "unknown_siding_count": 0,
        "unknown_haul_count": 2, "verdict": "met", "more_needed": 0,
    }  # fmt: skip
    assert {row["kind"] for row in table(made, "outages")} == {"feed_down", "site_closed"}


def test_planted_cases_have_the_verdict_they_are_made_for(releases: list[dict[str, Any]]) -> None:
    expected = {
        ("exactly_at_limit", 1): "met",
        ("single_drive_46_to_49", 1): "breached",
        ("drive_unknown_46_to_49", 1): "undetermined",
        ("body_unknown_between", 1): "undetermined",
        ("body_unknown_over", 1): "breached",
        ("facts_unknown_over", 1): "breached",
        ("overload_axles", 1): "breached",
        ("overload_one_step", 1): "breached",
        ("overload_highest", 1): "breached",
        ("hundred_tonnes", 1): "breached",
        ("at_highest", 1): "undetermined",
        ("above_scale_max", 1): "breached",
        ("inbound_over", 1): "not_release",
        ("internal_over", 1): "not_release",
        ("gross_only", 1): "undetermined",
        ("net_only", 1): "undetermined",
        ("reweighed", 1): "reweighed",
        ("reweighed_at_120_min", 1): "reweighed",
        ("reweighed_by_200_kg", 1): "reweighed",
        ("reweighed_still_over", 1): "reweighed",
        ("reweighed_still_over", 2): "breached",
        ("reweighed_twice", 1): "reweighed",
        ("reweighed_twice", 2): "reweighed",
        ("decoy_130_min", 1): "breached",
        ("decoy_100_kg", 1): "breached",
        ("decoy_100_kg", 2): "breached",
        ("decoy_new_tare", 1): "breached",
    }
    seen = set()
    for row in releases:
        key = (row["case"], row["case_part"])
        if key in expected and row["outcome"] == "accepted":
            seen.add(key)
            assert row["verdict"] == expected[key], row
    assert seen == set(expected)
    by_place = {(row["file"], row["line"]): row for row in releases}
    for row in releases:
        if row["verdict"] == "reweighed":
            other = by_place[row["replaced_by_file"], row["replaced_by_line"]]
            assert (other["plate"], other["site_name"]) == (row["plate"], row["site_name"])
            assert other["gross_kg"] <= row["gross_kg"] - 200


def test_overload_lists_are_cut_from_the_same_truth(
    summary: simulate.Summary, releases: list[dict[str, Any]]
) -> None:
    breached = {(row["file"], str(row["line"])) for row in releases if row["verdict"] == "breached"}
    listed = table(summary, "overloads")
    assert {(row["file"], row["line"]) for row in listed} == breached
    assert all(int(row["gross_kg"]) - int(row["limit_kg"]) == int(row["over_kg"]) > 0 for row in listed)
    decoys = table(summary, "not_overloads")
    assert not {(row["file"], row["line"]) for row in decoys} & breached
    found = {row["case"] for row in decoys} | {row["outcome"] for row in decoys}
    assert {"exactly_at_limit", "reweighed", "inbound_over", "over_corrected_later", "duplicate"} <= found
    over_the_scale = [row for row in listed if row["case"] == "above_scale_max"]
    maxima = {row["site_name"]: int(row["scale_max_kg"] or 0) for row in table(summary, "sites")}
    assert over_the_scale
    assert all(int(row["gross_kg"]) > maxima[row["site_name"]] for row in over_the_scale)


def test_numbers_restart(releases: list[dict[str, Any]], story: dict[str, Any]) -> None:
    kept = [row for row in releases if row["outcome"] == "accepted"]
    daybook = [row for row in kept if row["source"] == "daybook"]
    days = {(row["site_name"], row["weighed_at"].date()) for row in daybook}
    numbers = Counter((row["site_name"], row["weighed_at"].date(), row["ticket_no"]) for row in daybook)
    assert set(numbers.values()) == {1}
    firsts = {(site, day) for site, day, number in numbers if number == "1"}
    assert len(firsts) > 0.9 * len(days)  # the first row of a day may itself be broken
    cloud = Counter(row["ticket_no"] for row in kept if row["source"] == "cloud")
    assert set(cloud.values()) == {1}
    weighsoft: dict[tuple[str, str], list[datetime]] = {}
    for row in kept:
        if row["source"] == "weighsoft":
            weighsoft.setdefault((row["site_name"], row["ticket_no"]), []).append(row["weighed_at"])
    twice = {key: times for key, times in weighsoft.items() if len(times) > 1}
    assert twice
    assert {site for site, _ in twice} == {story["number_restart"]["site_name"]}
    assert all(max(times) - min(times) > timedelta(hours=24) for times in twice.values())


def test_closed_and_silent_sites(summary: simulate.Summary, releases: list[dict[str, Any]]) -> None:
    true_kg: Counter[tuple[str, str]] = Counter()
    for row in table(summary, "dispatch_site_week"):
        true_kg[row["site_name"], row["iso_week"]] += int(row["true_net_kg"])
    for row in table(summary, "outages"):
        first, last = date.fromisoformat(row["first_on"]), date.fromisoformat(row["last_on"])
        site = row["site_name"]
        seen = [r for r in releases if r["site_name"] == site and first <= r["weighed_at"].date() <= last]
        assert not seen
        # a closed site sold nothing; a silent feed hides what was sold
        assert (true_kg[site, plan.iso_week(first)] > 0) == (row["kind"] == "feed_down")


def test_dispatch_is_the_sum_of_accepted_releases(
    summary: simulate.Summary, releases: list[dict[str, Any]], story: dict[str, Any]
) -> None:
    sums: Counter[tuple[str, str, str]] = Counter()
    county = {row["site_name"]: row["county_code"] for row in table(summary, "sites")}
    county[story["unregistered_site"]] = ""
    for row in releases:
        if row["verdict"] in ("met", "breached", "undetermined", "exempt"):
            week = plan.iso_week(row["weighed_at"].date())
            sums[county[row["site_name"]], week, row["product_id"]] += row["net_kg"] or 0
    listed = {
        (row["county_code"], row["iso_week"], row["product_id"]): int(row["released_net_kg"])
        for row in table(summary, "dispatch_county_week")
    }
    assert {key: kg for key, kg in listed.items() if kg} == {key: kg for key, kg in sums.items() if kg}
    holiday, before = (
        sum(kg for (_, found, _), kg in sums.items() if found == week) for week in ("2026-W40", "2026-W38")
    )
    assert holiday < 0.75 * before


def test_firms_are_invented_with_valid_codes(summary: simulate.Summary) -> None:
    rows = table(summary, "sites")
    marks = ASKED["names"]["marks"]
    assert len({row["uscc"] for row in rows}) == len(rows)
    names = [name for row in rows for name in (row["site_name"], *row["aliases"].split("、"))]
    assert len(set(names)) == len(names)
    assert all(uscc.is_valid(row["uscc"]) for row in rows)
    assert all(any(mark in name for mark in marks) for name in names)
    filed = list(
        csv.DictReader(
            io.StringIO((summary.inbox / "capacity_filing/default/filings.csv").read_bytes().decode("gb18030"))
        )
    )
    assert all(uscc.is_valid(row["统一社会信用代码"]) for row in filed)
    assert all(any(mark in row["企业名称"] for mark in marks) for row in filed)


def test_names_stay_unique_in_a_large_city() -> None:
    registry = city.FirmRegistry(plan.load(1, 1.0, None))
    firms = [registry.new("plant", "411725") for _ in range(400)]
    assert len({firm.name for firm in firms}) == len({firm.uscc for firm in firms}) == 400


def test_register_reads_back(summary: simulate.Summary, story: dict[str, Any]) -> None:
    path = summary.inbox / "site_register/default/site_register.xlsx"
    book = CalamineWorkbook.from_path(str(path))
    assert len(book.sheet_names) == 1
    header, *rows = book.get_sheet_by_index(0).to_python()
    assert len(header) == 18
    found = {str(row[0]): dict(zip(header, row, strict=True)) for row in rows}
    known = {row["site_name"]: row for row in table(summary, "sites")}
    assert set(known) - set(found) == {story["unregistered_site"]}
    filed = {row["project_id"] for row in table(summary, "filings")}
    assert {str(row["项目代码"]) for row in found.values()} - {""} <= filed
    members = [row for row in known.values() if row["cohort_place"] == "member"]
    assert len(members) == 5
    assert min(int(row["annual_haul_t"]) for row in members) == 1_500_000
    assert sum(found[row["site_name"]]["专用线状态"] == "运营" for row in members) == 4


def test_filing_cases_are_written_as_asked(summary: simulate.Summary) -> None:
    text = (summary.inbox / "capacity_filing/default/filings.csv").read_bytes().decode("gb18030")
    written = {row["项目代码"]: row for row in csv.DictReader(io.StringIO(text))}
    truth = table(summary, "filings")
    assert len(written) == len(truth) >= 30
    parts = ("自备矿山产能", "外购原料产能", "固废原料产能")
    sums = {row["case"]: sum(int(written[row["project_id"]][part] or 0) for part in parts) for row in truth}
    assert (sums["exactly_floor"], sums["one_tonne_under"]) == (3_000_000, 2_999_999)
    verdict = {row["case"]: row for row in truth}
    assert verdict["exactly_floor"]["capacity_floor"] == "met"
    assert verdict["one_tonne_under"]["capacity_floor"] == "breached"
    assert all({row[rule] for row in truth} >= {"met", "breached"} for rule in filings.RULES)
    words = {row["用地批复时间"] for row in written.values()}
    assert "未办理" in words


def test_prices_move_only_where_they_were_pushed() -> None:
    market = quotes.build(ASKED)
    change = market.true_price[:, :, 1:] / market.true_price[:, :, :-1] - 1
    codes = [county["code"] for county in ASKED["counties"]]
    jumps = {
        (list(ASKED["prices"]["levels"])[p], codes[c], plan.iso_week(market.mondays[week + 1]))
        for p, c, week in zip(*(abs(change) > 0.05).nonzero(), strict=True)
    }
    assert jumps == {("manufactured_sand", "411725", "2026-W44"), ("manufactured_sand", "411725", "2026-W45")}
    rows = [
        row for content in market.files.values()
        for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    ]  # fmt: skip
    assert len(rows) == sum(market.counts.values())
    assert {row["单位"] for row in rows} == {"元/吨"}
    assert {row["价格类型"] for row in rows} == {"出厂", "到工地"}
    sellers = {(row["县区代码"], row["产品"]): set() for row in rows}  # type: dict[tuple[str, str], set[str]]
    for row in rows:
        assert float(row["最低价"]) <= float(row["价格"]) <= float(row["最高价"])
        assert date.fromisoformat(row["报价日期"]).isoweekday() in (4, 5)
        if row["价格类型"] == "出厂" and row["含税"] == "是":
            sellers[row["县区代码"], row["产品"]].add(row["市场"])
    assert len(sellers) == 30
    assert all(4 <= len(names) <= 9 for names in sellers.values())


facts = st.tuples(st.integers(0, 6).filter(lambda n: n != 1), st.integers(0, 2), st.integers(0, 2)).filter(
    # a truck that can exist: two axles are rigid, five and six are trains
    lambda fact: not (fact[0] == 2 and fact[1] == 2) and not (fact[0] > 4 and fact[1] == 1)
)


@given(facts)
def test_knowing_more_never_leaves_more_limits(fact: tuple[int, int, int]) -> None:
    limits = verdicts.possible_limits(ASKED, *fact)
    assert limits
    for n in range(3):
        forgotten = [*fact]
        forgotten[n] = 0
        assert set(limits) <= set(verdicts.possible_limits(ASKED, *forgotten))


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000), st.integers(0, 10_000_000), st.booleans())
def test_waste_only_is_never_under_the_floor(own: int, purchased: int, waste: int, is_rock: bool) -> None:
    row = dict(ASKED["filings"]["start"]) | {
        "own_mine_capacity_t": own, "purchased_capacity_t": purchased, "waste_capacity_t": waste,
        "own_mine_basis": "stripped_waste_rock" if is_rock else "max_extractable",
    }  # fmt: skip
    verdict = filings.true_verdicts(ASKED, row)["capacity_floor"]
    if waste and not own and not purchased:
        assert verdict == "exempt"
    elif own + purchased + waste >= 3_000_000:
        assert verdict == "met"
    else:
        assert verdict == ("undetermined" if waste or (is_rock and not purchased) else "breached")


def test_stories_have_the_verdict_and_the_evidence_they_were_written_for(releases: list[dict[str, Any]]) -> None:
    """Every planted weighing stands in the truth once, with the verdict of its line in `overload.yaml`."""
    told = {(row["case"], row["case_part"]): row for row in releases if row["pair_id"] < 0}
    for story in ASKED["stories"]:
        for part, weighing in enumerate(story["weighings"], start=1):
            row = told.pop((story["case"], part))
            assert (row["outcome"], row["verdict"]) == ("accepted", weighing["is"])
            assert row["exemption"] == weighing.get("exemption", "")
            assert (row["true_plate"] == row["plate"]) == ("prints" not in story)
            assert row["is_plate_accusable"] == ("prints" not in story and "doubt" not in weighing)
            if "excess" in weighing:
                assert bool(row["over_licence_kg"]) == weighing["excess"]
    assert not told
    reasons = {reason for row in releases for reason in row["unusable_reasons"].split()}
    assert reasons >= {state["is"] for state in ASKED["scale"]["states"]} | {
        "within_error", "plate_doubt", "site_unregistered", "above_scale_max", "off_division",
    }  # fmt: skip
    sources = {(row["axle_count_source"], row["drive_axle_count_source"]) for row in releases}
    assert sources >= {("ticket", "ticket"), ("register", "register"), ("ticket", "register"), ("", "")}


def test_papers_carry_every_finding_and_every_bound(summary: simulate.Summary) -> None:
    forms = table(summary, "waybills")
    found = Counter(finding for row in forms for finding in row["findings"].split())
    assert set(found) == {*ASKED["waybills"]["findings"].values(), "outside_permit_hours"}
    assert {"net_at_bound", "void_unused", "replaced"} <= {row["case"] for row in forms if not row["findings"]}
    assert len(table(summary, "tickets_without_form")) == ASKED["waybills"]["errors"]["ticket_without_form"]["count"]
    assert [row["is_passed"] for row in table(summary, "river_permits")].count("True") == 1
    subjects = {row["case"]: row for row in table(summary, "penalty_subjects")}
    share = {case: int(row["case_truck_count"]) / int(row["fleet_count"]) for case, row in subjects.items()
             if row["subject_kind"] == "firm"}  # fmt: skip
    assert {case for case, value in share.items() if value > 0.1} == {
        case for case in share if subjects[case]["is_triggered"] == "True"
    }
    assert share["firm_at_tenth"] == 0.1
    assert {row["state"] for row in table(summary, "platform_firms")} == {"complete", "incomplete", "silent", "never"}
