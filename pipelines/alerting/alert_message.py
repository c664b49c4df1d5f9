"""Words of a price message: facts of the transitions in, title, body and HTML out, Chinese by default or English."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.alerting import alert_facts
from pipelines.alerting.alert_facts import Context
from pipelines.rules import levels
from pipelines.rules.lead_series import Kind, kind_of
from pipelines.rules.levels import NO_LEVEL, LevelRule, Row
from pipelines.settings import ROOT

if TYPE_CHECKING:
    import jinja2

    from pipelines.alerting.alert_log import Told

_DETAILED = 3  # places told in full; the others take a line each, so that a wide shock stays readable
_PLACES = {"zh": "\n波及 ", "en": "\nPlaces still under alert:"}  # the paragraph that evidence stands before
_EVENT_ORDER = {"raised": 0, "opened": 0, "lowered": 1, "closed": 2}
NOTHING_MORE = Context()


def render(
    events: Sequence[Row],
    alerts: Sequence[Row],
    data_through: dt.date,
    *,
    others: Sequence[Row] = (),
    language: str = "zh",
    message_id: str = "",
    context: Context = NOTHING_MORE,
) -> tuple[str, str]:
    """Return title (without its alarm prefix) and body of one message.

    Args:
        events: transitions of one product, direction and week, rows of mart.price_alert_event.
        alerts: rows of mart.price_alert, for the places hit so far.
        data_through: newest date of the price data.
        others: rows of mart.price_level_week of series that are not the lead and meet a clause, as evidence.
        language: zh or en.
        message_id: shown at the end, so that a reader can name the message.
        context: what else is known: stale data, what people said, why it comes late.
    """
    rule = levels.load("price_level")
    others = [alert_facts.plain(row) for row in others]
    known = _facts(events, alerts, data_through, language, context) | {"message_id": message_id}
    words = template(f"price.{language}").make_module(known)
    title, _, body = str(words).strip().partition("\n")
    evidence = "".join(_others_line(event, others, rule, words, language) for event in known["events"][:_DETAILED])
    if evidence:
        body = body.replace(_PLACES[language], f"\n{evidence}{_PLACES[language]}", 1)
    return title.strip(), body.strip()


def render_html(
    title: str, body: str, *, level: str | None = None, image: str | None = None, alt: str = "", language: str = "zh"
) -> str:
    """Return a message as HTML for e-mail: the words of `render`, its first lines large, and the chart.

    Nothing is loaded from anywhere; every word is escaped.

    Args:
        title: the title as it is sent.
        body: the body of `render`.
        level: level in force, which gives the colour of the head.
        image: name of the attached picture, shown by `cid:`.
        alt: what the picture shows, for those who do not see it.
        language: zh or en.
    """
    head, *blocks = [paragraph.split("\n") for paragraph in body.split("\n\n")]
    return template("price", "html").render(
        title=title, head=head, blocks=blocks, level=level, image=image, alt=alt, language=language
    )


def facts(
    events: Sequence[Row],
    alerts: Sequence[Row],
    data_through: dt.date,
    *,
    language: str = "zh",
    message_id: str = "",
    context: Context = NOTHING_MORE,
) -> Row:
    """Return what `render` tells as JSON types, for machines: the rows' own columns and what was added to them.

    The arguments are those of `render`.
    """
    found = _facts(events, alerts, data_through, language, context)
    lead = found["lead"]
    place = ("area_code", "area_name", "level", "opened_on", "episode_id")
    return dict(
        alert_facts.json_types(
            {
                "message_id": message_id,
                "kind": "price",
                "language": language,
                **{
                    name: lead[name] for name in ("product_id", "product_name", "direction", "iso_week", "week_start")
                },
                "level": found["top"],
                "data_through": data_through,
                "stale_days": context.stale_days,
                "held_since": context.held_since,
                "events": found["events"],
                "places": [{name: alert[name] for name in place} for alert in found["hit"]],
                "city_level": found["city"]["level"] if found["city"] else None,
                "action": found["action"],
                "document": found["document"]["number"],
                "clauses": [clause["clause"] for clause in found["clauses"]],
                "report": context.report or f"reports/{lead['iso_week']}/report.html",
                "query": found["query"],
            }
        )
    )


def _facts(
    events: Sequence[Row], alerts: Sequence[Row], data_through: dt.date, language: str, context: Context
) -> dict[str, Any]:
    rule = levels.load("price_level")
    events, alerts = ([alert_facts.plain(row) for row in rows] for rows in (events, alerts))
    ordered = sorted(_unbroken(events), key=lambda event: _weight(event, rule))
    lead = ordered[0]
    hit = [
        alert
        for alert in alerts
        if alert["closed_on"] is None
        and (alert["product_id"], alert["direction"]) == (lead["product_id"], lead["direction"])
    ]
    top = max((event["level"] for event in ordered), key=rule.rank)
    return {
        "events": [alert_facts.spoken(event, rule, data_through, language, context) for event in ordered],
        "detailed": _DETAILED,
        "lead": lead,
        "top": top,
        "week_end": lead["week_start"] + levels.WEEK - dt.timedelta(days=1),
        "city": next((alert for alert in hit if alert["county_count"] is not None), None),
        "hit": sorted(
            (alert for alert in hit if alert["county_count"] is None),
            key=lambda alert: (-rule.rank(alert["level"]), alert["area_code"]),
        ),
        "clauses": rule.raw["clauses"] if rule.rank(top) >= rule.rank("橙") else rule.raw["clauses"][:1],
        "action": rule.action.get(top, {}).get(language),
        "document": document(rule.document, data_through),
        "data_through": data_through,
        "context": context,
        "query": alert_facts.query(lead),
    }


def render_gone(
    gone: Sequence[Told], data_through: dt.date, *, language: str = "zh", message_id: str = ""
) -> tuple[str, str]:
    """Return title and body of the message that calls off episodes which corrected data took away.

    Args:
        gone: what was told last of them, of one product and direction.
        data_through: newest date of the price data.
        language: zh or en.
        message_id: shown at the end, so that a reader can name the message.
    """
    told = [alert_facts.plain(vars(episode)) for episode in gone]
    known = {"told": told, "lead": told[0], "data_through": data_through, "message_id": message_id}
    title, _, body = str(template(f"gone.{language}").make_module(known)).strip().partition("\n")
    return title.strip(), body.strip()


def _unbroken(events: Sequence[Row]) -> list[Row]:
    """Leave out the end of a series where another one goes on telling the same rise in the same week."""
    opened = {event["area_code"] for event in events if event["event"] == "opened"}
    return [event for event in events if event["event"] != "closed" or event["area_code"] not in opened]


def _others_line(event: Row, others: Sequence[Row], rule: LevelRule, words: Any, language: str) -> str:
    """The other ways the product is quoted in the area that met a clause of their own since the episode opened."""
    opened_week = event["opened_on"] - dt.timedelta(days=event["opened_on"].weekday())
    newest: dict[Kind, Row] = {}
    for row in sorted(others, key=lambda row: row["week_start"]):
        is_same = (row["area_code"], row["product_id"]) == (event["area_code"], event["product_id"])
        if is_same and opened_week <= row["week_start"] <= event["week_start"] and kind_of(row) != kind_of(event):
            newest[kind_of(row)] = row
    if not newest:
        return ""
    told = [_other(row, rule, words, language) for _, row in sorted(newest.items(), key=str)]
    if language == "zh":
        return f"其他口径（仅作印证） {event['area_name']}：{'；'.join(told)}\n"
    return f"Other quotations (evidence only), {event['area_name']}: {'; '.join(told)}\n"


def _other(row: Row, rule: LevelRule, words: Any, language: str) -> str:
    clause = rule.clause(row["rule"])
    basis, points = words.basis[row["basis"]], row["collection_point_count"]
    unit, figure = words.unit[row["unit"]], str(words.figure(row)).strip()
    if language == "zh":
        tax = words.tax.get(row["tax"], "含税与否未注明")
        said = f"{clause.text['zh']} {figure}（{row['rule_level']}，采价点{points}个）"
        return f"{basis}、{tax}（{unit}）{row['iso_week']} {said}"
    tax = words.tax.get(row["tax"], "VAT not stated")
    level = words.colour[row["rule_level"]]
    return f"{basis}, {tax} ({unit}), {row['iso_week']}: {clause.text['en']} {figure} ({level}, points: {points})"


def _weight(event: Row, rule: LevelRule) -> tuple[Any, ...]:
    """Highest first, the city before its counties, what rises before what ends."""
    is_county = event["county_count"] is None
    return (
        _EVENT_ORDER[event["event"]],
        -rule.rank(event["level"]),
        is_county,
        event["area_code"],
        event["event_id"],
    )


@cache
def _documents() -> Mapping[str, Any]:
    path = ROOT / "sql" / "policy" / "documents.yaml"
    register: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return register


def document(name: str, day: dt.date) -> Row:
    """Return a document of the register, with `is_due`: past its validity or not checked for too long on that day."""
    register = _documents()
    found = register["documents"][name]
    valid_until, checked_on = found.get("valid_until"), found.get("checked_on")
    is_lapsed = valid_until is not None and day > valid_until
    recheck = dt.timedelta(days=register["recheck_after_days"])
    is_unchecked = checked_on is not None and day > checked_on + recheck
    return {**found, "is_due": is_lapsed or is_unchecked}


@cache
def template(name: str, form: str = "txt") -> jinja2.Template:
    """Return a template of the messages by its name and language, such as `price.zh`, as txt or html."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "pipelines" / "alerting" / "messages"),
        autoescape=jinja2.select_autoescape(("html.j2",), default=False),  # the others are text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{share * 100:+.1f}%"
    environment.filters["bound"] = lambda share: f"{share * 100:g}%"
    environment.filters["yuan"] = lambda price: f"{price:,.2f}"
    environment.globals["no_level"] = NO_LEVEL
    return environment.get_template(f"{name}.{form}.j2")
