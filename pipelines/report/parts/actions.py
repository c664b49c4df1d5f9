"""What needs action and which bureaus act: wording and bureaus come from the rules and contracts, never from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines import contracts
from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Row, Table
from pipelines.report.facts import Facts
from pipelines.report.parts import cohort, health, prices_words, verdict_words
from pipelines.report.words import Words
from pipelines.rules import levels, policy

PRICE_FROM = "黄"  # the lowest level whose action is more than to watch
PLAN_FROM = "橙"  # from here on the emergency-plan clause speaks too
MOST = 4


def table(facts: Facts, words: Words) -> Table:
    """Return what needs action, most pressing first: prices, supply, projects, cohort, overloads, feeds."""
    rows = (
        *_prices(facts, words),
        *_supply(facts, words),
        *_projects(facts, words, is_law=True),
        *_cohort(facts, words),
        *_projects(facts, words, is_law=False),
        *_overloads(facts, words),
        *_feeds(facts, words),
    )
    keys = ("kind", "matter", "object", "advice", "who")
    return Table(
        name="actions",
        title=words("action.title"),
        columns=tuple(Column(words(f"column.{key}")) for key in keys),
        rows=rows,
        query=facts.episodes,
        also=(facts.supply, facts.verdicts, facts.cohort, facts.overload, facts.overload_sites, facts.feeds),
        foot=words("action.note"),
        empty=words("action.none"),
    )


def _line(kind: Cell, matter: str, names: str, advice: str, who: str, basis: str) -> tuple[Cell, ...]:
    return (kind, Cell(matter, "strong", basis), Cell(names), Cell(advice), Cell(who))


def _prices(facts: Facts, words: Words) -> Iterable[tuple[Cell, ...]]:
    rule = levels.load("price_level")
    running = [
        row
        for row in facts.episodes.rows
        if row["event"] != "closed" and fact.rank(row["level"]) >= fact.rank(PRICE_FROM)
    ]
    groups: dict[tuple[int, str], list[Row]] = {}
    for row in prices_words.ordered(running):
        groups.setdefault((-fact.rank(row["level"]), row["product_id"]), []).append(row)
    for _, rows in sorted(groups.items()):
        level = rows[0]["level"]
        is_plan = fact.rank(level) >= fact.rank(PLAN_FROM)
        clauses = rule.raw["clauses"] if is_plan else rule.raw["clauses"][:1]
        kinds: dict[str, list[str]] = {}
        for row in rows:
            kinds.setdefault(words.place(row["area_code"], row["area_name"]), []).append(words.kind(row))
        names = words.listed(
            (words("action.place_kinds", place=place, kinds=words.listed(found)) for place, found in kinds.items()),
            most=MOST,
        )
        yield _line(
            Cell(words.level(level), f"light {fact.level_style(level)}"),
            words("action.price", product=words.product(rows[0]["product_id"], rows[0]["product_name"])),
            names,
            rule.action[level][words.language],
            words("action.clause_break").join(_clause_who(clause, words) for clause in clauses),
            words.listed(verdict_words.clause(rule.document, clause["clause"], words) for clause in clauses),
        )


def _clause_who(clause: Any, words: Words) -> str:
    return words.listed(clause["who"]) + (words("word.and_others") if clause["is_open_list"] else "")


def _supply(facts: Facts, words: Words) -> Iterable[tuple[Cell, ...]]:
    rule = levels.load("supply_level")
    hit = [row for row in facts.supply.rows if not row["is_city"] and fact.rank(row["level"]) > 0]
    units = {row["rule"]: rule.clause(row["rule"]).bounds[0].unit for row in hit}
    groups = sorted({(-fact.rank(row["level"]), units[row["rule"]], row["level"]) for row in hit})
    clause = rule.raw["clauses"][0]
    for _, unit, level in groups:
        names = words.listed(
            words.place(row["county_code"], row["county_name"])
            for row in hit
            if (row["level"], units[row["rule"]]) == (level, unit)
        )
        yield _line(
            Cell(words.level(level), f"light {fact.level_style(level)}"),
            words("action.supply"),
            names,
            words(f"action.supply_advice_{unit}"),
            _clause_who(clause, words),
            verdict_words.clause(rule.document, clause["clause"], words),
        )


def _projects(facts: Facts, words: Words, *, is_law: bool) -> Iterable[tuple[Cell, ...]]:
    found = [row for row in facts.verdicts.rows if row["outcome"] == "breached" and (row["kind"] == "law") == is_law]
    for name in sorted({row["rule"] for row in found}):
        rule = policy.rules()[name]
        rows = [row for row in found if row["rule"] == name]
        names = words.listed((str(row["subject_name"] or row["subject_id"]) for row in rows), most=MOST)
        yield _line(
            Cell(words("outcome.unmet_management"), "tag breached-management")
            if not is_law
            else Cell(words("outcome.breached"), "tag breached"),
            words("action.rule", rule=rule.title[words.language], count=len(rows)),
            names,
            rule.action[words.language],
            words.listed(rule.who),
            words(
                "action.law_basis" if is_law else "action.management_basis",
                clause=verdict_words.clause(rule.document, rule.clause, words),
            ),
        )


def _cohort(facts: Facts, words: Words) -> Iterable[tuple[Cell, ...]]:
    rule = policy.rules()[cohort.RULE]
    short = [row for row in facts.cohort.rows if row["verdict"] == "breached"]
    if short:
        names = words.listed(
            words(
                "action.cohort_place",
                place=words.place(row["place_code"], row["place_name"]),
                more=row["more_needed"],
                names=cohort.with_siding_words(row["other_members"], words),
            )
            for row in sorted(short, key=lambda row: (not row["is_city"], row["place_code"]))
        )
        yield _line(
            Cell(words("outcome.breached"), "tag breached"),
            rule.title[words.language],
            names,
            rule.action[words.language],
            words.listed(rule.who),
            verdict_words.clause(rule.document, rule.clause, words),
        )


def _overloads(facts: Facts, words: Words) -> Iterable[tuple[Cell, ...]]:
    city = facts.city_overload
    if city and city["breached_count"]:
        rule = policy.rules()["axle_limit"]
        sites = sorted(
            facts.overload_sites.rows, key=lambda row: (-row["breached_count"], -row["over_t"], row["site_id"])
        )
        names = words.listed(
            (words("action.site", site=row["site_name"], count=row["breached_count"]) for row in sites), most=MOST
        )
        yield _line(
            Cell(words("action.lead"), "tag lead"),
            words("action.overload", count=words.number(city["breached_count"])),
            names,
            rule.action[words.language],
            words.listed(rule.who),
            verdict_words.clause(rule.document, rule.clause, words),
        )


def _feeds(facts: Facts, words: Words) -> Iterable[tuple[Cell, ...]]:
    for feed, source, contract in health.silent(facts):
        name = words.name("feed", feed) + (f"/{source}" if source else "")
        yield _line(
            Cell(words("action.data"), "tag data"),
            words("action.silent"),
            name,
            words("action.silent_advice"),
            words("action.owner_and", owner=contract.owner, who_fixes=contract.who_fixes),
            words("action.contract"),
        )
    low = health.incomplete_counties(facts)
    if low:
        names = words.listed(
            f"{words.place(row['county_code'], row['county_name'])} {words.whole_percent(row['completeness_share'])}"
            for row in low
        )
        yield _line(
            Cell(words("action.data"), "tag data"),
            words("action.incomplete"),
            names,
            words("action.incomplete_advice"),
            _who_acts_on_tickets(words),
            words("action.contract"),
        )


def _who_acts_on_tickets(words: Words) -> str:
    contract = contracts.contracts()["weighbridge_ticket"]
    return words("action.owner_and", owner=contract.owner, who_fixes=contract.who_fixes)
