"""Supply and demand: dispatch by county, utilisation, operating rate and supply levels."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Column, Query, Row, Section, Sentence, Table
from pipelines.report.facts import Facts
from pipelines.report.parts import supply_charts, supply_cushion, supply_flow, supply_outlook
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import levels


def section(facts: Facts, words: Words) -> Section:
    """Return the part on supply and demand; without tickets it says so."""
    title = words("section.supply")
    if facts.city is None:
        return Section("supply", title, (Sentence(words("supply.none_reported")),))
    outlook, flow, cushion = supply_outlook.Outlook(facts), supply_flow.listing(facts), supply_cushion.listing(facts)
    sources = (tickets(facts),)
    blocks = (
        supply_charts.trend_chart(facts, outlook, words),
        supply_charts.county_chart(facts, words),
        supply_charts.rates_chart(facts, words),
        county_table(facts, words, sources),
        supply_outlook.table(facts, outlook, words, sources),
        product_table(facts, words, sources),
        supply_cushion.table(facts, cushion, words),
        supply_flow.chart(facts, flow, words, sources),
        supply_flow.table(facts, flow, words, sources),
    )
    said = (
        *sentences(facts, facts.city, words),
        *supply_outlook.sentences(outlook, words),
        *supply_cushion.sentences(cushion, words),
        *supply_flow.sentences(flow, words),
    )
    return Section("supply", title, said, blocks)


def tickets(facts: Facts) -> Query:
    """The week's releases, without plates: what the tonnes rest on."""
    return facts.edition.query(
        "supply_tickets",
        "SELECT ticket_id, ticket_no, site_id, county_code, weighed_at, product_id, net_t, destination_county_code,"
        f" is_reweighed, snapshot_sha256, line FROM mart.release WHERE week_start = DATE '{facts.week.start}'"
        " ORDER BY ALL",
    )


def dispatch_sentence(city: Row, words: Words) -> str:
    """The city's dispatch with its change and completeness."""
    return words(
        "supply.city",
        dispatch=words.number(city["dispatch_t"]),
        change=words.change(city["dispatch_change_share"]),
        completeness=words("supply.seen", share=words.percent(city["completeness_share"]))
        if city["expected_day_count"]
        else words("tile.no_register"),
    )


def sentences(facts: Facts, city: Row, words: Words) -> list[Sentence]:
    """What was dispatched, who moved most, how far capacity was used, and which measures nobody reported."""
    found = [Sentence(dispatch_sentence(city, words))]
    counties = [row for row in facts.supply.rows if not row["is_city"]]
    moved = sorted(
        (row for row in counties if row["dispatch_change_share"] is not None),
        key=lambda row: (-abs(row["dispatch_change_share"]), row["county_code"]),
    )
    if moved:
        names = words.listed(
            words(
                "supply.mover",
                place=words.place(row["county_code"], row["county_name"]),
                change=words.percent(row["dispatch_change_share"], signed=True),
            )
            for row in moved[:3]
        )
        found.append(Sentence(words("supply.movers", names=names)))
    not_compared = [row for row in counties if row["dispatch_change_share"] is None]
    if not_compared:
        names = words.listed(words.place(row["county_code"], row["county_name"]) for row in not_compared)
        found.append(Sentence(words("supply.not_compared", names=names), "muted"))
    found.append(
        Sentence(
            words(
                "supply.use",
                utilisation=words.percent(city["utilisation_share"]),
                operating=city["operating_site_count"],
                active=city["active_site_count"],
                rate=words.percent(city["operating_rate_share"]),
            )
        )
    )
    if facts.week.is_holiday:
        found.append(Sentence(words("supply.holiday"), "muted"))
    return found


def county_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """All measures of the week by county."""
    rows = []
    for row in sorted(facts.supply.rows, key=lambda row: (not row["is_city"], row["county_code"])):
        is_low = fact.is_incomplete(row["completeness_share"])
        rows.append(
            (
                Cell(words.place(row["county_code"], row["county_name"])),
                Cell(words.number(row["dispatch_t"], 0)),
                Cell(words.percent(row["dispatch_change_share"], signed=True)),
                # What a dark feed leaves of a median says nothing of the sites; the others are of what was weighed.
                Cell(NOTHING if is_low else words.percent(row["same_site_share"]), "muted" if is_low else ""),
                Cell(words.percent(row["utilisation_share"]), "muted" if is_low else ""),
                Cell(
                    words("supply.share_of", part=row["operating_site_count"], whole=row["active_site_count"]),
                    "muted" if is_low else "",
                ),
                Cell(
                    words("supply.share_of", part=row["seen_day_count"], whole=row["expected_day_count"]),
                    note=words.whole_percent(row["completeness_share"]),
                ),
                *_level_cells(row, words),
            )
        )
    keys = (
        "place",
        "dispatch",
        "week_share",
        "same_site",
        "utilisation",
        "operating",
        "seen_days",
        "supply_level",
        "why",
    )
    return Table(
        name="supply_by_county",
        title=words("supply.table_title"),
        columns=tuple(
            Column(words(f"column.{key}"), words("unit_short.t") if key == "dispatch" else "", 0 < place < 7)
            for place, key in enumerate(keys)
        ),
        rows=tuple(rows),
        query=facts.supply,
        foot=fact.foot(words, facts.week.ticket_through, "ticket_and_register", words("supply.table_note")),
        total_rows=1,
        sources=sources,
    )


def level_reason(row: Row, words: Words) -> str:
    """Why a county or the city has its supply level, or none."""
    if row["level"] is None:
        return words.name("no_supply_level", row["reason"], words("word.not_judged"))
    if row["rule"] is None:
        return ""
    unit = levels.load("supply_level").clause(row["rule"]).bounds[0].unit
    if unit != "share":
        value, bound = (words.number(row[name], 1) for name in ("value", "bound"))
        return words(f"supply.reason_{unit}", value=value, sign=SIGNS[row["must_be"]], bound=bound)
    return words(
        "supply.reason",
        value=words.percent(row["value"]) if row["value"] is not None else NOTHING,
        sign=SIGNS[row["must_be"]],
        bound=words.percent(row["bound"], 0),
    )


def _level_cells(row: Row, words: Words) -> list[Cell]:
    if row["level"] is None:
        return [Cell(words("word.not_judged"), "light level-none"), Cell(level_reason(row, words), "muted")]
    state = words.name("supply_state", row["supply_state"], "")
    why = level_reason(row, words)
    return [
        Cell(words.level(row["level"]), f"light {fact.level_style(row['level'])}"),
        Cell(words("supply.why", why=why, state=state) if why else state, "muted"),
    ]


def product_table(facts: Facts, words: Words, sources: tuple[Query, ...]) -> Table:
    """The city's dispatch by product."""
    rows = tuple(
        (
            Cell(words.product(row["product_id"], row["product_name"])),
            Cell(words.name("source_class", row["source_class"])),
            Cell(words.number(row["dispatch_t"])),
            Cell(words.percent(row["dispatch_share"])),
            Cell(words.percent(row["dispatch_change_share"], signed=True)),
            Cell(words.number(row["release_count"])),
        )
        for row in sorted(facts.products.rows, key=lambda row: (-row["dispatch_t"], str(row["product_name"])))
    )
    keys = ("product", "source_class", "dispatch", "share", "week_share", "releases")
    return Table(
        name="dispatch_by_product",
        title=words("supply.product_title"),
        columns=tuple(
            Column(words(f"column.{key}"), words("unit_short.t") if key == "dispatch" else "", place > 1)
            for place, key in enumerate(keys)
        ),
        rows=rows,
        query=facts.products,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket"),
        sources=sources,
    )
