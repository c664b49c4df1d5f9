"""Revisions: which printed figures differ from those of an earlier issue, and what was loaded or changed since."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.publishing.query_output import as_csv
from pipelines.report.blocks import Query
from pipelines.report.issuing.issued import Issued
from pipelines.report.issuing.made_from import MadeFrom
from pipelines.report.words import Words

WEEK = dt.timedelta(weeks=1)


@dataclass(frozen=True)
class Watched:
    """Figures of a listing that people read: the columns that name a row, the figures, the feed behind them."""

    key: tuple[str, ...]
    figures: tuple[str, ...]
    feed: str


WATCHED = {
    "supply_history": Watched(
        ("county_code", "week_start"),
        ("dispatch_t", "completeness_share", "utilisation_share", "level"),
        "weighbridge_ticket",
    ),
    "price_history": Watched(
        ("area_code", "product_id", "unit", "basis", "tax", "week_start"),
        ("price_yuan", "price_index", "level"),
        "price_quote",
    ),
    "public_supply_history": Watched(
        ("county_code", "week_start"),
        ("dispatch_t", "completeness_share", "utilisation_share"),
        "weighbridge_ticket",
    ),
    "public_price_history": Watched(
        ("area_code", "product_id", "unit", "basis", "tax", "week_start"), ("price_index",), "price_quote"
    ),
    "overload_history": Watched(
        ("county_code", "week_start"),
        ("breached_count", "over_rate_per_1000", "undetermined_share"),
        "weighbridge_ticket",
    ),
}


@dataclass(frozen=True)
class Change:
    """A printed figure that changed: in which week, of what, from what to what, and why as far as is known.

    `before` or `after` is empty where the row was not there. `reason` is loaded, earlier_weeks, rules, code or
    unknown; `files` counts the files loaded since that touch the week.
    """

    listing: str
    week_start: dt.date
    place: str
    subject: str
    figure: str
    before: str
    after: str
    reason: str
    files: int = 0


@dataclass(frozen=True)
class Revisions:
    """What changed since an issue, and the loads since."""

    since: Issued
    changes: tuple[Change, ...]
    loads: tuple[Mapping[str, Any], ...]
    is_rules_changed: bool
    is_code_changed: bool


def compare(
    since: Issued, queries: Mapping[str, Query], now: MadeFrom, words: Words, *, edition: str = "internal"
) -> Revisions:
    """Return what the figures of today say otherwise than those of an issue, as far as both print them.

    Args:
        since: the issue; figures of weeks after its own are new and no change.
        queries: the listings of today, by name.
        now: what they were made from.
        words: the language in which figures are printed; a difference that no reader sees is none.
        edition: internal or public.
    """
    known = {load["snapshot_sha256"] for load in since.about["inputs"]}
    loads = tuple(load for load in now.loads if load["snapshot_sha256"] not in known)
    found = Revisions(
        since,
        (),
        loads,
        since.about["rules_sha256"] != now.rules_sha256,
        since.about["code_version"] != now.code_version,
    )
    last = dt.date.fromisoformat(since.about["week_start"])
    changes = []
    for name, watched in WATCHED.items():
        before = _rows(since.folder / edition / "data" / f"{name}.csv")
        if name not in queries or before is None:
            continue
        after = list(csv.DictReader(io.StringIO(as_csv(queries[name].columns, queries[name].cells()))))
        changes += _changes(name, watched, before, after, last, words, found)
    changes.sort(key=lambda change: (change.week_start, change.listing, change.place, change.subject), reverse=True)
    return Revisions(since, tuple(changes), loads, found.is_rules_changed, found.is_code_changed)


def as_rows(changes: Iterable[Change]) -> str:
    """Return changes as CSV, for the file beside a correction."""
    columns = ("listing", "week_start", "place", "subject", "figure", "before", "after", "reason", "files")
    return as_csv(columns, [[getattr(change, name) for name in columns] for change in changes])


def loaded_by_feed(revisions: Revisions) -> Counter[str]:
    """Count the files loaded since, by feed."""
    return Counter(load["feed"] for load in revisions.loads)


def _rows(path: Path) -> list[dict[str, str]] | None:
    if not path.is_file():
        return None
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _changes(
    name: str,
    watched: Watched,
    before: Sequence[Mapping[str, str]],
    after: Sequence[Mapping[str, str]],
    last: dt.date,
    words: Words,
    since: Revisions,
) -> list[Change]:
    old = {tuple(row.get(column, "") for column in watched.key): row for row in before}
    new = {tuple(row[column] for column in watched.key): row for row in after}
    # Both listings reach back some weeks; what fell out of one at its far end is no change.
    weeks = [{row["week_start"] for row in rows} for rows in (before, after)]
    both = {week for week in weeks[0] | weeks[1] if week <= last.isoformat()}
    both = {week for week in both if all(not side or week >= min(side) for side in weeks)}
    found = []
    for key in sorted(old.keys() | new.keys()):
        row = new.get(key) or old[key]
        if row["week_start"] not in both:
            continue
        week = dt.date.fromisoformat(row["week_start"])
        for figure in watched.figures:
            told, tells = (_said(side.get(key), figure, words) for side in (old, new))
            if told != tells:
                reason, files = _reason(week, watched.feed, since)
                place = words.place(row.get("county_code") or row.get("area_code"), row.get("area_name"))
                product = words.product(row["product_id"], row.get("product_name")) if "product_id" in row else ""
                subject = f"{product}（{words.kind(row)}）" if product else ""
                found.append(Change(name, week, place, subject, figure, told, tells, reason, files))
    return found


def _said(row: Mapping[str, str] | None, figure: str, words: Words) -> str:
    """The figure as it is printed."""
    if row is None:
        return ""
    value = row.get(figure) or None
    if figure == "level":
        return words.level(value)
    if figure.endswith("_share"):
        return words.percent(value)
    return words.number(value, 1 if figure in ("price_index", "price_yuan", "over_rate_per_1000") else 0)


def _reason(week: dt.date, feed: str, since: Revisions) -> tuple[str, int]:
    of_feed = [load for load in since.loads if load["feed"] == feed]
    touching = [
        load
        for load in of_feed
        if load["first_period_on"] and load["first_period_on"] < week + WEEK and load["last_period_on"] >= week
    ]
    if touching:
        return "loaded", len(touching)
    if since.is_rules_changed:
        return "rules", 0
    # Medians, chained indices and levels look back: a file for an earlier week reaches this one.
    earlier = [load for load in of_feed if load["first_period_on"] and load["first_period_on"] < week]
    others = [load for load in since.loads if load["feed"] != feed]
    if earlier:
        return "earlier_weeks", len(earlier)
    if others:
        return "other_feeds", len(others)
    return ("code", 0) if since.is_code_changed else ("unknown", 0)
