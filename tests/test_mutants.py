"""The rules' examples notice a changed rule. All of it runs by `make mutants`; here is a share that costs seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipelines.rules import policy
from pipelines.settings import ROOT
from tests.mutants import campaign, examples, figures, statements
from tests.mutants.mutant import Mutant

FEW = 4  # a rule; every must_be among them


def share(found: list[Mutant]) -> list[Mutant]:
    """Every comparison flipped, and evenly drawn from the bounds moved by one and the exemptions dropped."""
    flipped = [mutant for mutant in found if mutant.kind == "must_be"]
    other = [
        mutant
        for mutant in found
        if (mutant.path.suffix == ".yaml" and mutant.kind != "must_be")
        or (mutant.kind == "dropped" and mutant.change.startswith(("without WHEN", "without '")))
    ]
    places = max(FEW - len(flipped), 3)
    return flipped + other[:: -(-len(other) // places) or 1]


def test_flipped_comparisons_moved_bounds_and_dropped_exemptions_are_noticed() -> None:
    rules = [rule for rule in campaign.rules().values() if not rule.is_open]
    outcomes: list[campaign.Outcome] = []
    examples.with_tests(
        campaign.files(rules, is_whole=True),
        lambda items: outcomes.extend(campaign.run(rules, items, share, lambda _: None)),
    )
    assert [str(mutant) for outcome in outcomes for mutant in outcome.survived] == []
    assert [str(mutant) for outcome in outcomes for mutant in outcome.noticed] == []
    assert all(outcome.killed for outcome in outcomes)


def test_every_rule_says_whose_examples_it_has_or_why_none() -> None:
    folders = {path.parent.name for path in policy.POLICY.glob("*/rule.yaml")}
    assert folders == campaign.entries().keys()
    assert all(entry.keys() & {"tests", "why"} for entry in campaign.entries().values())


def test_entries_of_equivalent_mutants_name_mutants() -> None:
    named = {rule for rule, _, _ in campaign.equivalent()}
    there = {campaign.key(mutant) for rule in named for mutant in campaign.rules()[rule].mutants()}
    assert campaign.equivalent().keys() <= there
    assert all(len(why) > 20 for why in campaign.equivalent().values())


def changes(found: list[Mutant]) -> set[tuple[str, str]]:
    return {(mutant.kind, mutant.change) for mutant in found}


def test_figures_move_by_their_own_unit() -> None:
    path = ROOT / "sql" / "policy" / "capacity_floor" / "rule.yaml"
    found = figures.mutants("capacity_floor", path)
    assert changes(found) == {
        ("must_be", "parts.filed_capacity.must_be: at_least -> more_than"),
        ("date", "parts.filed_capacity.thresholds.0.in_force_from: 2020-12-23 -> 2020-12-22"),
        ("date", "parts.filed_capacity.thresholds.0.in_force_from: 2020-12-23 -> 2020-12-24"),
        ("bound", "parts.filed_capacity.thresholds.0.value: 3000000 -> 2999999"),
        ("bound", "parts.filed_capacity.thresholds.0.value: 3000000 -> 3000001"),
    }
    assert [line for line in found[0].diff().splitlines() if line[0] in "+-"] == [
        "-    must_be: at_least        # 300万吨以上: 以上 includes the number",
        "+    must_be: more_than        # 300万吨以上: 以上 includes the number",
    ]


def test_shares_move_by_a_hundredth_and_entries_are_dropped_whole(tmp_path: Path) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(
        "rule: r\nlife: {share: {value: 0.8, source: 系统默认}}\ntables:\n  t:\n    rows:\n"
        "      - [a, 1]\n      - [b, 2]\n  # afterwards\nwho: [1]\n",
        encoding="utf-8",
    )
    found = figures.mutants("r", path)
    assert changes([mutant for mutant in found if mutant.kind == "bound"]) >= {
        ("bound", "life.share.value: 0.8 -> 0.79"),
        ("bound", "life.share.value: 0.8 -> 0.81"),
    }
    dropped = [yaml.safe_load(mutant.after) for mutant in found if mutant.kind == "dropped"]
    assert [made["tables"]["t"]["rows"] for made in dropped] == [[["b", 2]], [["a", 1]]]


def test_statements_lose_each_condition_and_branch(tmp_path: Path) -> None:
    path = tmp_path / "measure.sql"
    path.write_text(
        "/*\ndescription: d\n*/\nSELECT\n    CASE WHEN a >= 5 AND b IN ('x', 'y') THEN 'p' ELSE 'q' END AS kind,\n"
        "    coalesce(c, TRUE) AS c\nFROM t.t\nWHERE d BETWEEN 1 AND 2\n",
        encoding="utf-8",
    )
    found = statements.mutants("r", path)
    told = {mutant.change for mutant in found}
    assert told >= {
        "a >= 5 -> a > 5 [kind]",
        "without a >= 5 [kind]",
        "without b IN ('x', 'y') [kind]",
        "without 'x' in b IN ('x', 'y') [kind]",
        "without WHEN a >= 5 AND b IN ('x', 'y') THEN 'p' [kind]",
        "without ELSE 'q' [kind]",
        "5 -> 4 in a >= 5 [kind]",
        "TRUE -> FALSE in COALESCE(c, TRUE) [c]",
        "without d BETWEEN 1 AND 2",
        "d BETWEEN 1 AND 2 -> d > 1 AND d <= 2",
        "d BETWEEN 1 AND 2 -> d >= 1 AND d < 2",
    }
    assert len({mutant.after for mutant in found}) == len(found)
    assert {mutant.line for mutant in found if "COALESCE" in mutant.change} == {6}


def test_a_rule_without_a_case_at_its_bound_is_told() -> None:
    """The harness can fail: a bound no example stands at survives."""
    rule = campaign.rules()["capacity_floor"]
    mutant = next(m for m in rule.mutants() if m.change.endswith("3000000 -> 2999999"))
    told: list[str | None] = []

    def work(items: list[pytest.Item]) -> None:
        few = [item for item in items if "expansion is out of scope" in item.nodeid and "floor" in item.nodeid]
        made = campaign.examples_of(rule, few)
        told.extend([made.failure(None, ""), made.failure(mutant.path, mutant.after)])

    examples.with_tests(campaign.files([rule], is_whole=False), work)
    assert told == [None, None]
