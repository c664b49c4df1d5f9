"""What stands between a county and a shortage: days of stock, cover of key projects, substitution."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.words import Words
from pipelines.rules import levels
from pipelines.rules.levels import Clause
from pipelines.rules.policy import compare


def listing(facts: Facts) -> Query:
    """Return the cushion of the week by county, the city among them."""
    return facts.edition.week_of("supply_cushion_week")


def sentences(query: Query, words: Words) -> list[Sentence]:
    """Return the city's stock and cover, the counties that are short, and what was not reported."""
    city = next((row for row in query.rows if row["is_city"]), None)
    if city is None:
        return [Sentence(words("cushion.none"), "muted")]
    found = []
    if city["stock_days"] is None:
        found.append(Sentence(words("cushion.no_stock", why=_reason(city["stock_reason"], words)), "muted"))
    else:
        found.append(
            Sentence(
                words(
                    "cushion.stock",
                    days=words.number(city["stock_days"], 1),
                    stock=words.number(city["stock_t"]),
                    sites=city["stock_site_count"],
                    asked=city["stock_asked_count"],
                    share=words.percent(city["stock_coverage_share"], 0),
                    age=city["stock_age_days"],
                )
            )
        )
    if city["project_cover_ratio"] is None:
        found.append(Sentence(words("cushion.no_cover", why=_reason(city["cover_reason"], words)), "muted"))
    else:
        found.append(
            Sentence(
                words(
                    "cushion.cover",
                    ratio=words.number(city["project_cover_ratio"], 2),
                    demand=words.number(city["demand_4w_t"]),
                    contracted=words.number(city["contracted_4w_t"]),
                )
            )
        )
    short = [row for row in query.rows if not row["is_city"] and _is_short(row["project_cover_ratio"])]
    if short:
        names = words.listed(
            words(
                "cushion.of_place",
                place=words.place(row["county_code"], row["county_name"]),
                ratio=words.number(row["project_cover_ratio"], 2),
            )
            for row in sorted(short, key=lambda row: (row["project_cover_ratio"], row["county_code"]))
        )
        found.append(Sentence(words("cushion.short", names=names), "strong"))
    found.append(Sentence(words("supply.substitution", share=words.percent(city["manufactured_share"]))))
    return found


def table(facts: Facts, query: Query, words: Words) -> Table:
    """Return stock, cover and substitution by county; what is unknown says why."""
    rows = []
    for row in sorted(query.rows, key=lambda row: (not row["is_city"], row["county_code"])):
        rows.append(
            (
                Cell(words.place(row["county_code"], row["county_name"])),
                Cell(words.number(row["stock_t"])) if row["stock_t"] is not None else _unknown("", words),
                Cell(words.number(row["stock_days"], 1))
                if row["stock_days"] is not None
                else _unknown(row["stock_reason"], words),
                Cell(
                    words("supply.share_of", part=row["stock_site_count"] or 0, whole=row["stock_asked_count"] or 0)
                ),
                Cell(words.number(row["demand_4w_t"])) if row["demand_4w_t"] is not None else _unknown("", words),
                Cell(words.number(row["contracted_4w_t"]))
                if row["contracted_4w_t"] is not None
                else _unknown("", words),
                _cover(row["project_cover_ratio"], words)
                if row["project_cover_ratio"] is not None
                else _unknown(row["cover_reason"], words),
                Cell(words.percent(row["manufactured_share"])),
            )
        )
    heads = ("place", "stock", "stock_days", "stock_sites", "demand", "contracted", "cover", "substitution")
    units = {"stock": "t", "demand": "t", "contracted": "t", "stock_days": "days"}
    return Table(
        name="supply_cushion",
        title=words("cushion.title"),
        columns=tuple(
            Column(words(f"column.{head}"), words(f"cushion.unit_{units[head]}") if head in units else "", place > 0)
            for place, head in enumerate(heads)
        ),
        rows=tuple(rows),
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "ticket_and_register", words("cushion.note")),
        empty=words("cushion.none"),
        total_rows=1,
    )


def _cover(ratio: float, words: Words) -> Cell:
    """The cover: bold under the bound of a warning, and said to be tight under that of tightness."""
    rule = levels.load("supply_level")
    is_tight = not _is_short(ratio) and _is_under(ratio, rule.tight)
    note = words("cushion.tight") if is_tight else ""
    return Cell(words.number(ratio, 2), "strong" if _is_short(ratio) else "", note)


def _is_short(ratio: float | None) -> bool:
    return ratio is not None and _is_under(ratio, levels.load("supply_level").clauses)


def _is_under(ratio: float, clauses: Sequence[Clause]) -> bool:
    bounds = [bound for clause in clauses for bound in clause.bounds if bound.measure == "project_cover_ratio"]
    return any(compare(float(ratio), bound.must_be, bound.value) for bound in bounds)


def _unknown(reason: str | None, words: Words) -> Cell:
    return Cell(_reason(reason, words), "muted")


def _reason(reason: str | None, words: Words) -> str:
    return words.name("cushion_reason", reason or None, words("word.not_reported"))
