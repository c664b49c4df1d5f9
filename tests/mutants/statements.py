"""Changed statements: every comparison, branch, condition, default and number of a SQL file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import sqlglot
from sqlglot import exp

from tests.mutants.mutant import Mutant, numbered

# What stands in for what; the ends of a BETWEEN and the rest are below.
COMPARISON: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.LT: exp.LTE,
    exp.LTE: exp.LT,
    exp.GT: exp.GTE,
    exp.GTE: exp.GT,
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.NullSafeEQ: exp.NullSafeNEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
}
SWAPPED: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.Add: exp.Sub,
    exp.Sub: exp.Add,
    exp.Min: exp.Max,
    exp.Max: exp.Min,
    exp.ArgMin: exp.ArgMax,
    exp.ArgMax: exp.ArgMin,
    exp.Greatest: exp.Least,
    exp.Least: exp.Greatest,
}
Edit = Callable[[exp.Expression], object]
Change = tuple[str, str, Edit]


def mutants(rule: str, path: Path) -> list[Mutant]:
    """Return the mutants of a SQL file, in the order of its lines; a file that only creates a table has none.

    Comparisons turn to their neighbour, ends of a BETWEEN are left out, branches, conditions and listed values
    dropped, defaults flipped, numbers moved by one, sums and extremes turned round.
    """
    header, body = _parts(path)
    tree = sqlglot.parse_one(body.strip().rstrip(";"), dialect="duckdb")
    if isinstance(tree, exp.Create):
        return []
    offset = header.count("\n") + body[: len(body) - len(body.lstrip())].count("\n")
    before = _printed(header, tree)
    found = []
    for number, node in enumerate(tree.walk()):
        for kind, words, edit in _changes(node):
            copy = tree.copy()
            edit(next(item for place, item in enumerate(copy.walk()) if place == number))
            found.append(
                Mutant(rule, path, _line(node) + offset, kind, words + _around(node), before, _printed(header, copy))
            )
    return numbered(sorted(found, key=lambda mutant: mutant.line))


def printed(path: Path) -> str:
    """Return a SQL file as its mutants are printed, with nothing changed."""
    header, body = _parts(path)
    return _printed(header, sqlglot.parse_one(body.strip().rstrip(";"), dialect="duckdb"))


def _parts(path: Path) -> tuple[str, str]:
    text = path.read_text(encoding="utf-8")
    end = text.index("*/") + 2
    return text[:end], text[end:]


def _printed(header: str, tree: exp.Expression) -> str:
    return f"{header}\n{tree.sql(dialect='duckdb', pretty=True)}\n"


def _sql(node: exp.Expression | None) -> str:
    text = " ".join(node.sql(dialect="duckdb", comments=False).split()) if node else "nothing"
    return text if len(text) <= 160 else f"{text[:100]} ... {text[-55:]}"


def _around(node: exp.Expression) -> str:
    """Where it stands: the CTE and the output column, as far as there are such."""
    named = (node.find_ancestor(exp.CTE), node.find_ancestor(exp.Alias))
    names = [item.alias for item in named if item]
    return f" [{'.'.join(names)}]" if names else ""


def _line(node: exp.Expression) -> int:
    """Line of the first name in or around a node, from 1 below the header."""
    item: exp.Expression | None = node
    while item is not None:
        if lines := [line for part in item.walk() if (line := part.meta.get("line"))]:
            return int(min(lines))
        item = item.parent
    return 1


def _is_lookup(node: exp.Expression) -> bool:
    """Whether a node only finds one of the stated figures: `max(value) FILTER (...)` over one row, `rule = '...'`."""
    if isinstance(node, exp.Min | exp.Max):
        return isinstance(node.parent, exp.Filter) and _sql(node.this) == "value"
    return isinstance(node, exp.EQ) and node.this.name == "rule" and isinstance(node.expression, exp.Literal)


def _changes(node: exp.Expression) -> Iterator[Change]:
    for table, kind in ((COMPARISON, "comparison"), (SWAPPED, "operator")):
        if (other := table.get(type(node))) and not (kind == "operator" and _is_lookup(node)):
            new = other(**node.copy().args)
            yield kind, f"{_sql(node)} -> {_sql(new)}", _to(new)
    if _is_lookup(node):
        return
    if isinstance(node.parent, exp.And | exp.Or) and type(node) is not type(node.parent):
        yield "dropped", f"without {_sql(node)}", _to_sibling
    elif isinstance(node.parent, exp.Where | exp.Having | exp.Qualify) and not isinstance(node, exp.And):
        yield "dropped", f"without {_sql(node)}", _to(exp.true())
    if isinstance(node, exp.Not | exp.Is | exp.Between | exp.Join | exp.In):
        yield from _conditions(node)
    elif isinstance(node, exp.If | exp.Case):
        yield from _branches(node)
    elif isinstance(node, exp.Boolean | exp.Coalesce | exp.Literal):
        yield from _values(node)


def _to(new: exp.Expression) -> Edit:
    return lambda node: node.replace(new.copy())


def _to_sibling(node: exp.Expression) -> None:
    both = node.parent
    assert isinstance(both, exp.And | exp.Or)
    both.replace(both.right if both.left is node else both.left)


def _conditions(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node, exp.Not):
        yield "comparison", f"{_sql(node)} -> {_sql(node.this)}", _to(node.this)
    elif isinstance(node, exp.Is) and not isinstance(node.parent, exp.Not):
        new = exp.Not(this=node.copy())
        yield "comparison", f"{_sql(node)} -> {_sql(new)}", _to(new)
    elif isinstance(node, exp.Between):
        for low, high in ((exp.GT, exp.LTE), (exp.GTE, exp.LT)):
            ends = exp.And(
                this=low(this=node.this.copy(), expression=node.args["low"].copy()),
                expression=high(this=node.this.copy(), expression=node.args["high"].copy()),
            )
            yield "comparison", f"{_sql(node)} -> {_sql(ends)}", _to(exp.Paren(this=ends))
    elif isinstance(node, exp.Join) and node.side == "LEFT":
        yield "join", f"{_sql(node)} as an inner join", lambda it: it.set("side", None)
    elif isinstance(node, exp.In) and len(node.expressions) > 1:
        for place, item in enumerate(node.expressions):
            rest = node.copy()
            rest.set("expressions", [kept for number, kept in enumerate(rest.expressions) if number != place])
            yield "dropped", f"without {_sql(item)} in {_sql(node)}", _to(rest)


def _branches(node: exp.Expression) -> Iterator[Change]:
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        yield "dropped", f"without WHEN {_sql(node.this)} THEN {_sql(node.args['true'])}", _without_branch
    elif isinstance(node, exp.Case) and node.args.get("default"):
        yield "dropped", f"without ELSE {_sql(node.args['default'])}", lambda it: it.set("default", None)


def _without_branch(node: exp.Expression) -> None:
    case = node.parent
    assert isinstance(case, exp.Case)
    if len(case.args["ifs"]) > 1:
        case.set("ifs", [item for item in case.args["ifs"] if item is not node])
    else:
        # A bare NULL would have another type than the branch.
        case.args["ifs"][0].set("this", exp.false())


def _values(node: exp.Expression) -> Iterator[Change]:
    inside = f" in {_sql(node.parent)}"
    if isinstance(node, exp.Boolean):
        new = exp.false() if node.this else exp.true()
        yield "default", f"{_sql(node)} -> {_sql(new)}{inside}", _to(new)
    elif isinstance(node, exp.Coalesce) and not isinstance(node.expressions[-1], exp.Boolean):
        yield "default", f"{_sql(node)} -> {_sql(node.this)}", _to(node.this)
    elif isinstance(node, exp.Literal) and not node.is_string and not _is_form(node):
        for step in (-1, 1):
            number = float(node.this) + step
            new = exp.Literal.number(int(number) if number.is_integer() else number)
            yield "bound", f"{_sql(node)} -> {_sql(new)}{inside}", _to(new)


def _is_form(node: exp.Expression) -> bool:
    """Whether a number only gives a form: digits of a type or of rounding, a column that is 1 for every row."""
    parent = node.parent
    if isinstance(parent, exp.Round):
        return node is not parent.this
    return isinstance(parent, exp.DataTypeParam | exp.Alias) or node.find_ancestor(exp.DataType) is not None
