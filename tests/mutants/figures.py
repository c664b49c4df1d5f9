"""Changed figures: every number, date, comparison and level of a `rule.yaml`, and every entry of its lists."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.mutants.mutant import Mutant, numbered

NEIGHBOUR = {"at_least": "more_than", "more_than": "at_least", "at_most": "less_than", "less_than": "at_most"}
# What a rule says to people, and where its figures come from: no case can notice it.
WORDS = {"title", "text", "action", "who", "source", "document", "clause", "clauses", "columns", "unit", "asks"}
LABELS = {"is_system_default", "is_open_list"}
LISTS = {"rows", "conditions", "any_of", "bounds"}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
HUNDREDTH = Decimal("0.01")


def mutants(rule: str, path: Path) -> list[Mutant]:
    """Return the mutants of a rule file, in the order of the file.

    Numbers move by one unit of their own precision (at most a hundredth where they have decimals), dates by a day,
    each must_be to its neighbour, each level to the next; flags are turned round, entries of lists dropped.
    """
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text)
    steps = [step["level"] for step in yaml.safe_load(text).get("levels", [])]
    found = []
    for start, end, new, kind, change in _edits(text, root, steps, ()):
        line = text.count("\n", 0, start) + 1
        yaml.load(text[:start] + new + text[end:], Loader=LOADER)  # noqa: S506 - a safe loader; a mutant is YAML still
        found.append(Mutant(rule, path, line, kind, change, text, text[:start] + new + text[end:]))
    return numbered(found)


Edit = tuple[int, int, str, str, str]


def _edits(text: str, node: yaml.Node, steps: list[str], at: tuple[str, ...]) -> Iterator[Edit]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value not in WORDS | LABELS:
                yield from _edits(text, value, steps, (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        if at[-1] in LISTS:
            yield from _dropped(text, node, at)
        for number, item in enumerate(node.value):
            yield from _edits(text, item, steps, (*at, _name(item, number)))
    else:
        for new, kind in _others(node, steps, at):
            yield node.start_mark.index, node.end_mark.index, new, kind, f"{'.'.join(at)}: {node.value} -> {new}"


def _name(item: yaml.Node, number: int) -> str:
    """What an entry is called: by its rule, level, measure or reason, a row by its cells, else by its place."""
    if isinstance(item, yaml.MappingNode):
        values = {key.value: value.value for key, value in item.value if isinstance(value, yaml.ScalarNode)}
        return next((values[key] for key in ("rule", "level", "reason", "measure") if key in values), str(number))
    if isinstance(item, yaml.SequenceNode):
        return f"[{', '.join(str(cell.value) for cell in item.value)}]"
    return str(number)


def _others(node: yaml.ScalarNode, steps: list[str], at: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    value = yaml.safe_load(node.value) if node.style is None else node.value
    if at[-1] == "must_be":
        yield NEIGHBOUR[node.value], "must_be"
    elif isinstance(value, bool):
        yield str(not value).lower(), "flag"
    elif isinstance(value, int | float):
        given = Decimal(node.value.replace("_", ""))
        exponent: Any = given.as_tuple().exponent
        unit = min(Decimal(1).scaleb(exponent), HUNDREDTH) if exponent < 0 else Decimal(1)
        yield from ((str(given + step), "bound") for step in (-unit, unit))
    elif isinstance(value, dt.date):
        yield from ((str(value + dt.timedelta(days=step)), "date") for step in (-1, 1))
    elif node.value in steps and at[-1] in ("value", "county_count_level"):
        place = steps.index(node.value)
        yield from ((step, "level") for step in (steps[place - 1 : place] + steps[place + 1 : place + 2]))
    elif at[-1] == "scope":
        yield "any", "scope"


def _dropped(text: str, node: yaml.SequenceNode, at: tuple[str, ...]) -> Iterator[Edit]:
    items = node.value
    for number, item in enumerate(items):
        change = f"{'.'.join(at)}: without {_name(item, number)}"
        if len(items) == 1:
            if at[-1] != "bounds":  # a clause without bounds is no clause: dropping the clause is another mutant
                start = item.start_mark.index if node.flow_style else text.rindex("-", 0, item.start_mark.index)
                end = item.end_mark.index if node.flow_style else _after(text, item)
                yield start, end, "" if node.flow_style else "[]\n", "dropped", change
        elif not node.flow_style:
            yield _line_of(text, item.start_mark.index), _after(text, item), "", "dropped", change
        elif number + 1 < len(items):
            yield item.start_mark.index, items[number + 1].start_mark.index, "", "dropped", change
        else:
            yield items[number - 1].end_mark.index, item.end_mark.index, "", "dropped", change


def _line_of(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _after(text: str, item: yaml.Node) -> int:
    """Where the line after an entry begins; the entry may end there already, before the next one's indentation."""
    end = item.end_mark.index
    start = _line_of(text, end)
    return start if not text[start:end].strip() else (text.find("\n", end) + 1 or len(text))
