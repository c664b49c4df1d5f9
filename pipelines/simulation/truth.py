"""Writes what is true in the simulated city, as tables that a test can compare with what the pipeline found."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import evidence, register, tables
from pipelines.simulation.cases import case_names, restart_second
from pipelines.simulation.city import SOURCES
from pipelines.simulation.exports import OUTCOMES
from pipelines.simulation.fleet import BODIES, DIRECTIONS
from pipelines.simulation.forms import NUMBERS
from pipelines.simulation.plan import iso_week
from pipelines.simulation.printing import file_name
from pipelines.simulation.tables import Story
from pipelines.simulation.tickets import BLANK, DAYBOOK, wordings
from pipelines.simulation.verdicts import MISSING, VERDICTS

if TYPE_CHECKING:
    import pyarrow as pa

Array = npt.NDArray[Any]
RELEASE_COLUMNS = (
    "source", "site_name", "printed_site", "ticket_no", "weighed_at", "plate", "direction", "product_id",
    "gross_kg", "tare_kg", "net_kg", "axle_count", "body", "drive_axle_count", "file", "line", "outcome",
    "case", "case_part", "pair_id", "reason_kind", "verdict", "limit_low_kg", "limit_high_kg", "limit_kg",
    "over_kg", "limit_basis", "missing_field", "replaced_by_file", "replaced_by_line", *evidence.COLUMNS,
)  # fmt: skip


def write(story: Story, folder: Path) -> tuple[Path, ...]:
    """Write all truth files into a folder and return their paths."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    lines = _lines(story)
    path = folder / "releases.parquet"
    pq.write_table(lines, path)
    planted = lines.filter(pc.or_(pc.not_equal(lines["case"], ""), pc.is_in(lines["outcome"], _texts(OUTCOMES[1:]))))
    breached = lines.filter(pc.equal(lines["verdict"], "breached"))
    # decoys look like a breach: a gross mass at or over a limit, or a copy of one, and must not be counted
    decoys = planted.filter(
        pc.and_(pc.not_equal(planted["verdict"], "breached"), pc.not_equal(planted["outcome"], "quarantined"))
    )
    paths = [path]
    for name, table in (("injections", planted), ("overloads", breached), ("not_overloads", decoys)):
        paths.append(
            _csv(
                folder / f"{name}.csv",
                RELEASE_COLUMNS,
                zip(*(column.to_pylist() for column in table.columns), strict=True),
            )
        )
    by_site = tables.dispatch(story)
    paths += [
        _dicts(folder / "files.csv", _files(story)),
        _dicts(folder / "dispatch_site_week.csv", by_site),
        _dicts(folder / "dispatch_county_week.csv", tables.by_county(by_site)),
        _dicts(folder / "prices.csv", tables.prices(story)),
        _dicts(folder / "filings.csv", story.filings.truth),
        _dicts(folder / "sites.csv", tables.sites(story)),
        _dicts(folder / "rail_cohort.csv", register.cohorts(story.plan, story.city)),
        _dicts(folder / "outages.csv", tables.outages(story)),
        _dicts(folder / "trucks.csv", tables.trucks(story)),
        _dicts(folder / "waybills.csv", story.papers.waybills.truth()),
        _dicts(folder / "tickets_without_form.csv", evidence.without_form(story)),
        _dicts(folder / "river_permits.csv", evidence.permits(story)),
        _dicts(folder / "penalty_subjects.csv", story.papers.penalties.truth),
        _dicts(folder / "platform_firms.csv", evidence.connections(story)),
        _dicts(folder / "supply_short.csv", story.papers.supply.truth),
    ]
    summary = folder / "truth.json"
    summary.write_text(json.dumps(_summary(story, lines), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return (*paths, summary)


def _csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def _dicts(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    return _csv(path, tuple(rows[0]), ([row[name] for name in rows[0]] for row in rows))


def _texts(texts: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(list(texts), pa.string())


def _choose(texts: Sequence[str], index: Array) -> pa.Array:
    import pyarrow as pa

    return _texts(texts).take(pa.array(np.asarray(index, dtype=np.int64)))


def _number_or_blank(values: Array, blank: Array) -> pa.Array:
    import pyarrow as pa

    return pa.array(values.astype(np.int32), mask=blank)


def ticket_numbers(rows: Array) -> list[str]:
    """Return the ticket numbers as printed."""
    return [
        NUMBERS[source].format(n) for source, n in zip(rows["source"].tolist(), rows["number"].tolist(), strict=True)
    ]


def _lines(story: Story) -> pa.Table:
    import pyarrow as pa

    lines, truth = story.exports.lines, story.truth
    row = lines["row"]
    rows = story.rows[row]
    accepted = lines["outcome"] == 0
    senders = story.city.senders
    names = [name for sender in senders for name in (sender.name, *sender.aliases)]
    labels = [file_name(story.plan, file)[1] for file in range(story.plan.weeks * len(SOURCES))]
    verdict = np.where(accepted, truth.verdict[row], 0)
    breached = verdict == 2
    line_of = np.full(len(story.rows), -1)
    line_of[row[accepted]] = np.flatnonzero(accepted)
    link = np.where(accepted & (truth.replaced_by[row] >= 0), line_of[truth.replaced_by[row]], -1)
    basis = np.where(breached, np.where(truth.low_kg[row] < truth.high_kg[row], 2, 1), 0)
    kinds = ["", *story.plan["files"]["broken_kinds"]]
    products = story.plan.product_ids
    columns = [
        _choose(SOURCES, rows["source"]), _choose([site.name for site in senders], rows["site"]),
        _choose(names, rows["site"].astype(int) * 4 + rows["site_alias"]), _texts(ticket_numbers(rows)),
        pa.array(rows["at"].astype("datetime64[s]")), _choose(story.fleet.printable, rows["printed"]),
        _choose(DIRECTIONS, rows["direction"]),
        _choose([*products, ""], np.where(rows["product"] < 0, len(products), rows["product"])),
        *(_number_or_blank(rows[name], rows[name] == BLANK) for name in ("gross", "tare", "net")),
        _number_or_blank(rows["axles"], rows["axles"] == 0), _choose(BODIES, rows["body"]),
        _number_or_blank(rows["drive"], rows["drive"] == 0),
        _choose(labels, lines["file"]), pa.array(lines["line"]), _choose(OUTCOMES, lines["outcome"]),
        _choose(case_names(story.plan), rows["case"]), pa.array(rows["part"]), pa.array(rows["pair"]),
        _choose(kinds, lines["broken"]), _choose(VERDICTS, verdict),
        pa.array(truth.low_kg[row]), pa.array(truth.high_kg[row]),
        _number_or_blank(truth.high_kg[row], ~breached), _number_or_blank(truth.over_kg[row], ~breached),
        _choose(("", "exact", "highest_possible"), basis),
        _choose(MISSING, np.where(verdict == 3, truth.missing[row], 0)),
        _choose([*labels, ""], np.where(link >= 0, lines["file"][link], len(labels))),
        _number_or_blank(lines["line"][link], link < 0),
        *evidence.columns(story, row, verdict),
    ]  # fmt: skip
    return pa.table(columns, names=list(RELEASE_COLUMNS))


def _files(story: Story) -> list[dict[str, Any]]:
    lines = story.exports.lines
    counts = np.zeros((story.plan.weeks * len(SOURCES), len(OUTCOMES)), dtype=int)
    np.add.at(counts, (lines["file"], lines["outcome"]), 1)
    outcomes = {file_name(story.plan, file): count for file, count in enumerate(counts.tolist())}
    rows = []
    for (feed, source, name), (content, data_lines) in story.files.items():
        voided = story.papers.waybills.voided(name) if feed == "waybill" else 0
        count = outcomes.get((source, name), [data_lines - voided, 0, 0, 0])
        rows.append(
            {
                "feed": feed, "source": source, "file": name, "data_lines": data_lines,
                **dict(zip(OUTCOMES, count, strict=True)), "voided": voided,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )  # fmt: skip
    return rows


def _summary(story: Story, lines: pa.Table) -> dict[str, Any]:
    import pyarrow.compute as pc

    def counted(column: str) -> dict[str, int]:
        pairs = ((pair["values"], pair["counts"]) for pair in pc.value_counts(lines[column]).to_pylist())
        return dict(sorted(pair for pair in pairs if pair[0]))

    plan, spike = story.plan, story.plan["prices"]["spike"]
    weeks = story.quotes.mondays
    return {
        "seed": plan.seed, "scale": plan.scale, "weeks": plan.weeks,
        "first_week": iso_week(plan.mondays[0]), "last_week": iso_week(plan.mondays[-1]),
        "site_count": len(story.city.sites), "sender_count": story.city.sender_count,
        "weighing_count": len(story.rows), "data_line_count": lines.num_rows,
        "lost_count": int(story.rows["is_lost"].sum()),
        "outcomes": counted("outcome"), "verdicts": counted("verdict"),
        "cases": counted("case"), "broken": counted("reason_kind"),
        "unregistered_site": story.city.role("unregistered").name,
        "unknown_products": [name for product, name, _ in wordings(plan) if not product],
        "number_restart": {
            "site_name": story.city.role("restart").name,
            "restarted_at": str(np.datetime64(restart_second(plan), "s")),
            "numbers_used_twice": story.numbers_used_twice,
        },
        "daybook_site_names": [site.name for site in story.city.senders if site.source == DAYBOOK],
        "price_spike": {
            "county_code": spike["county"], "product_id": spike["product"],
            "steps": [
                {"iso_week": iso_week(weeks[-1 - step["week"]]), "factor": step["factor"]}
                for step in spike["steps"]
            ],
        },
        "rail_cohort": register.cohorts(plan, story.city)[0],
    }  # fmt: skip
