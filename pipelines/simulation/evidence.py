"""What is true of a weighing as evidence: facts and their source, whose plate it is, what its scale can prove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import scales
from pipelines.simulation.fleet import BODIES
from pipelines.simulation.tickets import BLANK, local_seconds
from pipelines.simulation.verdicts import VERDICTS

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.simulation.tables import Story

Array = npt.NDArray[Any]
COLUMNS = (
    "true_plate", "plate_doubt", "is_plate_accusable", "is_plate_of_nobody", "true_axle_count", "true_body",
    "true_drive_axle_count", "known_axle_count", "axle_count_source", "known_body", "body_source",
    "known_drive_axle_count", "drive_axle_count_source", "is_single_tyre", "exemption", "max_error_kg",
    "is_enforcement_usable", "unusable_reasons", "over_licence_kg", "carrier_uscc",
)  # fmt: skip
DAY_S = 86400
PARTS = ("axles", "body", "drive")


def columns(story: Story, row: Array, verdict: Array) -> list[pa.Array]:
    """Return the columns of `COLUMNS` for lines that print the weighings `row`, with their verdicts.

    What a scale can prove is said of breached ones only. `over_licence_kg` is NULL where the licensed load is not
    passed or not known.
    """
    import pyarrow as pa

    rows, fleet, told = story.rows[row], story.fleet, story.papers.stories.told
    entries = story.papers.register.entries
    said = [told[n] if n >= 0 else None for n in rows["told"].tolist()]
    doubt = np.array([tale.doubt if tale else "" for tale in said], dtype=object)
    is_own = rows["printed"] == rows["truck"]
    entry = rows["register"]
    truck = rows["truck"]

    def text(values: Any) -> pa.Array:
        return pa.array(list(values), pa.string())

    def taken(values: list[Any], index: Array, blank: Any = None) -> pa.Array:
        return pa.array([*values, blank]).take(pa.array(index.astype(np.int64) % (len(values) + 1)))

    def count(values: Array) -> pa.Array:
        return pa.array(values.astype(np.int32), mask=values == 0)

    sources = np.array(["", "ticket", "register"], dtype=object)
    facts: list[pa.Array] = []
    for part in PARTS:
        known = rows[f"known_{part}"]
        facts.append(text(np.array(BODIES, dtype=object)[known]) if part == "body" else count(known))
        facts.append(text(sources[np.where(rows[part] > 0, 1, np.where(known > 0, 2, 0))]))
    released = np.isin(verdict, [VERDICTS.index(name) for name in ("met", "breached", "undetermined", "exempt")])
    load = np.array([item.load_kg for item in entries] + [0])[entry]
    excess = np.where((load > 0) & released & (rows["net"] != BLANK), rows["net"] - load, 0)
    error, reasons = _proof(story, rows, verdict, doubt)
    return [
        text(np.array(fleet.plates, dtype=object)[truck]), text(doubt),
        pa.array(is_own & (doubt == "")), pa.array(rows["printed"] >= len(fleet.plates)),
        count(fleet.axles[truck]), text(np.array(BODIES, dtype=object)[fleet.body[truck]]), count(fleet.drive[truck]),
        *facts, taken([item.is_single_tyre for item in entries], entry),
        text(tale.exemption if tale else "" for tale in said), count(error),
        pa.array([why == "" for why in reasons], mask=verdict != VERDICTS.index("breached")), text(reasons),
        count(np.maximum(excess, 0)),
        taken([item.carrier.uscc if item.carrier else "" for item in entries], entry, ""),
    ]  # fmt: skip


def _proof(story: Story, rows: Array, verdict: Array, doubt: Array) -> tuple[Array, list[str]]:
    """Return in-service error and the reasons against use, separated by blanks, of the breached weighings."""
    plan, city, held = story.plan, story.city, dict(story.papers.scales)
    error = np.zeros(len(rows), dtype=int)
    reasons = [""] * len(rows)
    limits = story.truth.high_kg
    place = {int(told): n for n, told in enumerate(story.rows["told"]) if told >= 0}
    for n in np.flatnonzero(verdict == VERDICTS.index("breached")).tolist():
        row = rows[n]
        error[n] = scales.max_error_kg(plan, city, held, row)
        found = scales.reasons(city, held, row)
        if doubt[n]:
            found.append("plate_doubt")
        if row["gross"] > city.senders[row["site"]].scale_max_kg and city.senders[row["site"]].is_registered:
            found.append("above_scale_max")
        limit = int(limits[place[int(row["told"])]]) if row["told"] >= 0 else int(_limit(story, row))
        if row["gross"] - limit <= error[n]:
            found.append("within_error")
        reasons[n] = " ".join(sorted(found))
    return error, reasons


def _limit(story: Story, row: Any) -> int:
    from pipelines.simulation.verdicts import possible_limits

    return possible_limits(story.plan, int(row["known_axles"]), int(row["known_body"]), int(row["known_drive"]))[-1]


def without_form(story: Story) -> list[dict[str, Any]]:
    """Return the tickets that left a site with waybills and have none."""
    return [{"site_name": site, "ticket_no": ticket} for site, ticket in story.papers.waybills.without_form] or [
        {"site_name": "", "ticket_no": ""}
    ]


def permits(story: Story) -> list[dict[str, Any]]:
    """Return the permits with the mass of all forms that name them, and whether it passes the permitted one."""
    return [
        {
            "permit_no": permit.permit_no, "zone": permit.zone, "site_name": permit.site_name,
            "valid_from": permit.valid_from, "valid_until": permit.valid_until,
            "permitted_t": permit.permitted_t, "used_t": permit.used_t, "is_passed": permit.is_passed,
        }
        for permit in story.papers.waybills.permits
    ]  # fmt: skip


def connections(story: Story) -> list[dict[str, Any]]:
    """Return, for each site that should send tickets daily, whether it does: never, silent, incomplete, complete."""
    spec, plan = story.plan["platform"], story.plan
    rows = story.rows[story.exports.accepted_rows(len(story.rows))]
    days = {(int(site), int(day)) for site, day in zip(rows["site"], rows["at"] // DAY_S, strict=True)}
    last = max(day for _, day in days)
    ends = local_seconds(plan.mondays[-1]) // DAY_S + 7
    window = range(ends - 7 * min(spec["window_weeks"], plan.weeks), ends)
    found = []
    for site in story.city.sites:
        if not site.is_registered or (site.source < 0 and "never" not in site.roles):
            continue
        seen = [day for sender, day in days if sender == site.number]
        share = sum(day in window for day in seen) / len(window)
        if not seen:
            state = "never"
        elif last - max(seen) > spec["silent_after_days"]:
            state = "silent"
        else:
            state = "complete" if share >= spec["complete_share"] else "incomplete"
        found.append(
            {
                "site_name": site.name, "firm_name": site.firm.name, "uscc": site.firm.uscc,
                "county_code": site.county_code, "state": state, "seen_day_count": sum(day in window for day in seen),
                "expected_day_count": len(window),
            }
        )  # fmt: skip
    return found
