"""Building the tables of `sql/`: each file as it stands, in the order of the FROM clauses, as far as needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines import catalog
from pipelines.building import calendar, changes, state, tables
from pipelines.feeds import questions
from pipelines.rules import judging, policy

if TYPE_CHECKING:
    import duckdb

make = tables.make


def build(con: duckdb.DuckDBPyConnection, *, after_judging: bool = False, whole: bool = False) -> list[str]:
    """Build the tables that can be built before the rules are judged, or those that need the verdicts.

    Of a table whose header names `period` and `lookback` only the weeks are built that a load, the calendar or
    another table touched; a changed file, dimension or threshold builds it whole. Incremental equals whole.

    Args:
        con: the writer's connection.
        after_judging: build what reads verdicts, instead of all else.
        whole: forget what was built before and build every table whole, those that are judged included.

    Returns the names of the tables that were built, in their order.

    Raises:
        MachineError: a file does not run, or returns other columns than its header describes.
    """
    step = "judge" if after_judging else "build"
    if whole and not after_judging:
        state.forget(con)
    number = state.begin(con, step)
    models = catalog.models()
    if not after_judging:
        judging.write_law(con)
        changes.observe_feeds(con, number)
        changes.observe_content(con, _given(models), number)
    late = needing_verdicts(models)
    built = []
    for model in models.values():
        if (model.name in late) != after_judging:
            continue
        if tables.refresh(con, model, number):
            built.append(model.name)
        if model.spans == calendar.CALENDAR:
            calendar.write_calendar(con, number)
    if not after_judging:
        questions.refresh(con)
    state.finish(con, step, number)
    return built


def _given(models: dict[str, catalog.Model]) -> list[str]:
    """Return the small tables that no model makes: reference tables and what the rules state."""
    read = set().union(*(model.reads for model in models.values())) | set(law_tables())
    return sorted(
        name for name in read if name in law_tables() or (name.startswith("reference.") and name != calendar.CALENDAR)
    )


def law_tables() -> frozenset[str]:
    """Return the tables that state what the rules say: thresholds, parameters, documents, a rule's own tables."""
    return frozenset(policy.LAW_TABLES) | policy.own_tables().keys()


def needing_verdicts(models: dict[str, catalog.Model]) -> set[str]:
    """Return the tables that read, at any remove, what judging writes."""
    law = law_tables()
    given = {"raw", "meta", "reference"}
    late: set[str] = set()
    for model in models.values():  # in order, so what it reads was looked at before
        for table in model.reads:
            is_early = table in law or table.split(".")[0] in given or (table in models and table not in late)
            if not is_early:
                late.add(model.name)
    return late
