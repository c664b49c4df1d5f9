"""Which mutants a rule has, which of them its examples notice, and which nobody could notice."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.rules import policy
from pipelines.settings import ROOT
from tests.mutants import figures, statements
from tests.mutants.mutant import Mutant

if TYPE_CHECKING:
    import pytest

    from tests.mutants.examples import Examples, Worlds

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Rule:
    """Whose examples a rule has: see rules.yaml. `is_open`: survivors are known and wait for cases."""

    name: str
    tests: tuple[str, ...]
    more: tuple[str, ...] = ()
    sql: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    is_open: bool = False

    def mutants(self) -> list[Mutant]:
        """Every mutant of the rule's figures and statements."""
        folder = policy.POLICY / self.name
        paths = [*folder.glob("measure.sql"), *sorted(folder.glob("table/*.sql"))]
        paths += [ROOT / "sql" / file for file in self.sql]
        found = figures.mutants(self.name, folder / "rule.yaml")
        return found + [mutant for path in paths for mutant in statements.mutants(self.name, path)]


@dataclass
class Outcome:
    """What became of a rule's mutants; `survived` are those that no example noticed and no entry explains."""

    rule: str
    killed: int = 0
    survived: list[Mutant] = field(default_factory=list)
    equivalent: list[Mutant] = field(default_factory=list)
    noticed: list[Mutant] = field(default_factory=list)
    seconds: float = 0

    @property
    def mutants(self) -> int:
        """All that were run."""
        return self.killed + len(self.survived) + len(self.equivalent)


@cache
def entries() -> dict[str, dict[str, Any]]:
    """Return what rules.yaml says of each rule; one without examples says why."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    return found


def rules() -> dict[str, Rule]:
    """Return the rules that have examples, by name."""
    return {
        name: Rule(name, **{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for name, entry in entries().items()
        if "tests" in entry
    }


@cache
def equivalent() -> dict[tuple[str, str, str], str]:
    """Return why a mutant changes nothing that anybody could see, by rule, file below sql/ and change."""
    entries = yaml.safe_load((FOLDER / "equivalent.yaml").read_text(encoding="utf-8"))
    return {(entry["rule"], entry["file"], change): entry["why"] for entry in entries for change in entry["changes"]}


def key(mutant: Mutant) -> tuple[str, str, str]:
    """What an entry of equivalent.yaml calls a mutant."""
    return mutant.rule, mutant.file.removeprefix("sql/"), mutant.change


def files(wanted: Iterable[Rule], *, is_whole: bool) -> list[str]:
    """The test modules that the rules' examples lie in."""
    prefixes = [test for rule in wanted for test in (*rule.tests, *(rule.more if is_whole else ()))]
    return sorted({test.partition("::")[0] for test in prefixes})


def chosen(found: list[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """All mutants, or as many drawn by a seed, in their order."""
    if sample is None or sample >= len(found):
        return found
    drawn = set(random.Random(seed).sample(range(len(found)), sample))  # noqa: S311 - not for secrets
    return [mutant for number, mutant in enumerate(found) if number in drawn]


def run(
    wanted: Sequence[Rule],
    items: Sequence[pytest.Item],
    choose: Callable[[list[Mutant]], list[Mutant]],
    say: Callable[[str], None],
    *,
    is_whole: bool = True,
) -> list[Outcome]:
    """Run the mutants of some rules against their examples.

    Args:
        wanted: the rules.
        items: the tests of `files(wanted)`, collected.
        choose: which of a rule's mutants to run.
        say: told each survivor and each rule that is done.
        is_whole: let the rules' `more` tests speak too.

    Raises:
        AssertionError: the examples fail before anything was changed.
    """
    outcomes = []
    for group in _alike(wanted):
        worlds = _worlds(group, items)
        for rule in group:
            started = time.monotonic()
            outcome = Outcome(rule.name)
            readers = _readers(rule, items, worlds, is_whole=is_whole)
            for mutant in choose(rule.mutants()):
                is_noticed = any(reader().failure(mutant.path, mutant.after) for reader in readers)
                _note(outcome, mutant, is_noticed, say)
            outcome.seconds = time.monotonic() - started
            outcomes.append(outcome)
    return outcomes


def examples_of(rule: Rule, items: Sequence[pytest.Item]) -> Examples:
    """Return some examples of a rule, ready to be run on any change of it."""
    from tests.mutants.examples import Examples

    return Examples(items, _filled(items, [rule]))


def _readers(
    rule: Rule, items: Sequence[pytest.Item], worlds: Worlds, *, is_whole: bool
) -> list[Callable[[], Examples]]:
    """A rule's examples, and its `more` tests, which are made ready only where a mutant gets as far."""
    from tests.mutants.examples import Examples

    first = Examples(_selected(rule.tests, items), worlds)
    more = cache(lambda: examples_of(rule, _selected(rule.more, items)))
    return [lambda: first, *([more] if is_whole and rule.more else [])]


def _note(outcome: Outcome, mutant: Mutant, is_noticed: bool, say: Callable[[str], None]) -> None:
    if key(mutant) in equivalent():
        outcome.equivalent.append(mutant)
        if is_noticed:
            outcome.noticed.append(mutant)
    elif is_noticed:
        outcome.killed += 1
    else:
        outcome.survived.append(mutant)
        say(f"survived: {mutant}\n{mutant.diff()}\n")


def _selected(tests: Iterable[str], items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The items whose ids begin as told, in that order."""
    found = [item for test in tests for item in items if item.nodeid.startswith(test)]
    missing = [test for test in tests if not any(item.nodeid.startswith(test) for item in items)]
    if missing:
        raise AssertionError(f"tests/mutants/rules.yaml names tests that are not there: {missing}")
    return list(dict.fromkeys(found))


def _alike(wanted: Sequence[Rule]) -> list[list[Rule]]:
    """Rules whose examples are cases of the same tests: they share their databases."""
    groups: dict[tuple[str, ...], list[Rule]] = {}
    for rule in wanted:
        groups.setdefault(tuple(test.partition("[")[0] for test in rule.tests), []).append(rule)
    return list(groups.values())


def _worlds(group: Sequence[Rule], items: Sequence[pytest.Item]) -> Worlds:
    """The databases of all examples of a group, test by test, as each of its rules will ask for them."""
    heads = dict.fromkeys(test.partition("[")[0] for rule in group for test in rule.tests)
    tests = [test for head in heads for rule in group for test in rule.tests if test.partition("[")[0] == head]
    return _filled(_selected(tests, items), group)


def _filled(items: Sequence[pytest.Item], group: Sequence[Rule]) -> Worlds:
    from tests.mutants.examples import Worlds
    from tests.mutants.remaking import Chain

    return Worlds(items, Chain([rule.name for rule in group], [table for rule in group for table in rule.tables]))


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as lines of text, the sums last."""
    heads = ("rule", "mutants", "killed", "survived", "equivalent", "seconds")
    lines = [(o.rule, o.mutants, o.killed, len(o.survived), len(o.equivalent), round(o.seconds)) for o in outcomes]
    sums: Counter[int] = Counter()
    for line in lines:
        sums.update({place: int(value) for place, value in enumerate(line[1:], start=1)})
    shown = [heads, *lines, ("all", *(sums[place] for place in range(1, len(heads))))]
    return "\n".join(f"{line[0]:24}" + "".join(f"{value:>12}" for value in line[1:]) for line in shown)
