"""Where the sand goes: the matrix of counties, and what is seen of each county's consumption."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pipelines.report import facts as fact
from pipelines.report.blocks import Cell, Chart, Column, Query, Sentence, Table
from pipelines.report.charts import heat
from pipelines.report.facts import Facts
from pipelines.report.words import NOTHING, Words

OUTSIDE, UNSTATED = "outside", "unstated"

Flows = Mapping[tuple[str, str], float]


def listing(facts: Facts) -> Query:
    """Return the week's tonnes by origin and destination."""
    return facts.edition.week_of("flow_week")


def _flows(query: Query) -> dict[tuple[str, str], float]:
    return {(row["origin_code"], row["destination_code"]): float(row["flow_t"]) for row in query.rows}


def sentences(query: Query, words: Words) -> list[Sentence]:
    """How much went where, which flow between counties is largest, and what nobody reports."""
    flows = _flows(query)
    total = sum(flows.values())
    found = []
    if total:
        to: dict[str, float] = defaultdict(float)
        for (_, destination), flow in flows.items():
            to[destination] += flow
        found.append(
            Sentence(
                words(
                    "flow.city",
                    inside=words.number(total - to[OUTSIDE] - to[UNSTATED]),
                    outside=words.number(to[OUTSIDE]),
                    outside_share=words.percent(to[OUTSIDE] / total),
                    unstated=words.number(to[UNSTATED]),
                    unstated_share=words.percent(to[UNSTATED] / total),
                )
            )
        )
        across = [
            row for row in query.rows if row["destination_name"] and row["origin_code"] != row["destination_code"]
        ]
        largest = sorted(across, key=lambda row: (-row["flow_t"], row["origin_code"], row["destination_code"]))[:3]
        if largest:
            names = words.listed(
                words(
                    "flow.of",
                    origin=words.place(row["origin_code"], row["origin_name"]),
                    destination=words.place(row["destination_code"], row["destination_name"]),
                    flow=words.number(row["flow_t"]),
                )
                for row in largest
            )
            found.append(Sentence(words("flow.largest", names=names)))
    return [*found, Sentence(words("flow.receipts"), "muted"), Sentence(words("flow.runway"), "muted")]


def chart(facts: Facts, query: Query, words: Words, sources: tuple[Query, ...]) -> Chart:
    """The matrix: a row an origin, a column a destination, tonnes as shade and figure."""
    flows = _flows(query)
    counties = [(code, words.place(code, name)) for code, name in facts.counties]
    city = facts.city_place
    origins = counties + ([(city[0], words("flow.unplaced"))] if any(code == city[0] for code, _ in flows) else [])
    ends = [*counties, (OUTSIDE, words("flow.outside")), (UNSTATED, words("flow.unstated"))]
    foot = fact.foot(words, facts.week.ticket_through, "weighbridge_ticket")
    largest = words.listed(
        words(
            "flow.of",
            origin=dict(origins).get(origin, origin),
            destination=dict(ends).get(destination, destination),
            flow=words.number(flow),
        )
        for (origin, destination), flow in sorted(flows.items(), key=lambda item: (-item[1], item[0]))[:5]
    )
    return Chart(
        name="flow_matrix",
        title=words("flow.title"),
        unit=words("flow.unit"),
        alt=words("flow.alt", rows=largest or words("word.none")),
        draw=lambda is_narrow: heat.matrix(
            [name for _, name in origins],
            [name for _, name in ends],
            [[flows.get((origin, end), 0.0) / 1000 for end, _ in ends] for origin, _ in origins],
            words,
            foot,
            is_narrow=is_narrow,
        ),
        query=query,
        foot=foot,
        has_narrow=True,
        sources=sources,
    )


def table(facts: Facts, query: Query, words: Words, sources: tuple[Query, ...]) -> Table:
    """What each county kept, sent and received of our own sites' sand: what is seen of its consumption."""
    flows = _flows(query)
    codes = [code for code, _ in facts.counties]
    places = [facts.city_place, *facts.counties]
    rows = []
    for code, name in places:
        is_city = (code, name) == facts.city_place
        area = set(codes) if is_city else {code}
        from_area = {pair: flow for pair, flow in flows.items() if is_city or pair[0] in area}
        sent = sum(from_area.values())
        kept = sum(flow for (_, end), flow in from_area.items() if end in area)
        unstated = sum(flow for (_, end), flow in from_area.items() if end == UNSTATED)
        seen = sum(flow for (_, end), flow in flows.items() if end in area)
        cells = (sent, kept, sent - kept - unstated, unstated)
        rows.append(
            (
                Cell(words.place(code, name)),
                *(Cell(words.number(tonnes)) for tonnes in cells),
                Cell(NOTHING, "muted") if is_city else Cell(words.number(seen - kept)),
                Cell(words.number(seen), "strong"),
            )
        )
    heads = ("sent", "kept", "sent_away", "unstated", "received", "consumption")
    return Table(
        name="consumption",
        title=words("flow.table_title"),
        columns=(
            Column(words("column.place")),
            *(Column(words(f"column.{head}"), words("unit_short.t"), True) for head in heads),
        ),
        rows=tuple(rows) if query.rows else (),
        query=query,
        foot=fact.foot(words, facts.week.ticket_through, "weighbridge_ticket", words("flow.note")),
        empty=words("supply.none_reported"),
        total_rows=1,
        sources=sources,
    )
