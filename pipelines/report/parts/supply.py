"""Supply and demand: dispatch by county, utilisation, operating rate and supply levels."""

from __future__ import annotations

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Row, Section, Sentence, Table
from pipelines.report.charts import figures
from pipelines.report.facts import Facts
from pipelines.report.parts import supply_cushion
from pipelines.report.words import NOTHING, SIGNS, Words
from pipelines.rules import levels


def section(facts: Facts, words: Words) -> Section:
    """Return the part on supply and demand; without tickets it says so."""
    title = words("section.supply")
    if facts.city is None:
        return Section("supply", title, (Sentence(words("supply.none_reported")),))
    blocks = (
        trend_chart(facts, words),
        county_chart(facts, words),
        rates_chart(facts, words),
        county_table(facts, words),
        product_table(facts, words),
    )
    cushion = supply_cushion.listing(facts)
    said = (*sentences(facts, facts.city, words), *supply_cushion.sentences(cushion, words))
    return Section("supply", title, said, (*blocks, supply_cushion.table(facts, cushion, words)))


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


def trend_chart(facts: Facts, words: Words) -> Chart:
    """The city's dispatch by week."""
    rows = [row for row in facts.supply_history.rows if row["is_city"]]
    weeks = [week for week in facts.weeks(fact.SUPPLY_WEEKS) if week >= min(row["week_start"] for row in rows)]
    is_low = {row["week_start"]: fact.is_incomplete(row["completeness_share"]) for row in rows}
    city = facts.city or {}
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    return Chart(
        name="dispatch_trend",
        title=words("supply.trend_title"),
        unit=words("supply.trend_unit"),
        alt=words(
            "supply.trend_alt",
            weeks=len(weeks),
            dispatch=words.number(city.get("dispatch_t")),
            change=words.change(city.get("dispatch_change_share")),
        ),
        draw=lambda _: figures.trend(
            rows,
            weeks,
            words,
            foot,
            column="dispatch_t",
            is_low=is_low,
            height_in=figures.bar_height(len(facts.counties)),
        ),
        query=facts.supply_history,
        foot=foot,
        is_half=True,
    )


def county_chart(facts: Facts, words: Words) -> Chart:
    """Dispatch by county with the week before as a mark."""
    rows = _counties(facts)
    labels = [words.place(code, name) for code, name, _ in rows]
    notes = []
    for _, _, row in rows:
        if row is None:
            notes.append(words("word.not_reported"))
            continue
        incomplete = fact.is_incomplete(row["completeness_share"])
        beside = (
            words("figure.incomplete") if incomplete else words.percent(row["dispatch_change_share"], signed=True)
        )
        notes.append(f"{words.number(row['dispatch_t'])}  {beside}")
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    return Chart(
        name="dispatch_by_county",
        title=words("supply.county_title"),
        unit=words("supply.county_unit"),
        alt=words("supply.county_alt", rows=words.listed(f"{a} {b}" for a, b in zip(labels, notes, strict=True))),
        draw=lambda _: figures.by_place(
            labels,
            [None if row is None else float(row["dispatch_t"]) for _, _, row in rows],
            notes,
            [_float(row, "dispatch_week_before_t") for _, _, row in rows],
            foot,
            hollow=[row is not None and fact.is_incomplete(row["completeness_share"]) for _, _, row in rows],
        ),
        query=facts.supply,
        foot=foot,
        is_half=True,
    )


def rates_chart(facts: Facts, words: Words) -> Chart:
    """Capacity utilisation and operating rate, the city above its counties."""
    code, name = facts.city_place
    rows = [(code, name, facts.city), *_counties(facts)]
    labels = [words.place(code, name) for code, name, _ in rows]
    used = [_float(row, "utilisation_share") for _, _, row in rows]
    used_text = [
        words("word.not_reported")
        if row is None
        else words("supply.no_capacity")
        if row["utilisation_share"] is None
        else words.percent(row["utilisation_share"])
        for _, _, row in rows
    ]
    rates = [_float(row, "operating_rate_share") for _, _, row in rows]
    rate_text = [
        words("word.not_reported")
        if row is None
        else words("supply.no_active")
        if not row["active_site_count"]
        else words("supply.of_active", operating=row["operating_site_count"], active=row["active_site_count"])
        for _, _, row in rows
    ]
    foot = fact.foot(words, facts.week.ticket_through, "ticket_and_register")
    both = words.listed(f"{a} {b} / {c}" for a, b, c in zip(labels, used_text, rate_text, strict=True))
    return Chart(
        name="utilisation",
        title=words("supply.rates_title"),
        unit=words("supply.rates_unit"),
        alt=words("supply.rates_alt", rows=both),
        draw=lambda is_narrow: figures.two_rates(
            labels,
            ((words("supply.utilisation"), used, used_text), (words("supply.operating_rate"), rates, rate_text)),
            foot,
            is_narrow=is_narrow,
        ),
        query=facts.supply,
        foot=foot,
        has_narrow=True,
    )


def county_table(facts: Facts, words: Words) -> Table:
    """All measures of the week by county."""
    rows = []
    for row in sorted(facts.supply.rows, key=lambda row: (not row["is_city"], row["county_code"])):
        rows.append(
            (
                Cell(words.place(row["county_code"], row["county_name"])),
                Cell(words.number(row["dispatch_t"], 0)),
                Cell(words.percent(row["dispatch_change_share"], signed=True)),
                Cell(words.percent(row["same_site_share"])),
                Cell(words.percent(row["utilisation_share"])),
                Cell(words("supply.share_of", part=row["operating_site_count"], whole=row["active_site_count"])),
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


def product_table(facts: Facts, words: Words) -> Table:
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
    )


def _counties(facts: Facts) -> list[tuple[str, str, Row | None]]:
    by_code = {row["county_code"]: row for row in facts.supply.rows}
    return [(code, name, by_code.get(code)) for code, name in facts.counties]


def _float(row: Row | None, column: str) -> float | None:
    return None if row is None or row[column] is None else float(row[column])
