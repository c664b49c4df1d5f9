"""A simulated city with known truth: the feeds as people write them, and beside them what is true.

It knows nothing of the pipeline: limits and bounds are copied in `simulate.yaml` on purpose, so that the truth
cannot share an error with the rules it is compared with. All firms, sites and plates are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Summary:
    """What was written: the inbox files, the truth files, and how many weighing lines the files hold."""

    inbox: Path
    truth: Path
    seed: int
    scale: float
    first_week: str
    last_week: str
    tickets: int
    sites: int
    files: tuple[Path, ...]
    truth_files: tuple[Path, ...]


def write_city(inbox: Path, truth: Path, *, seed: int = 57, scale: float = 1.0, weeks: int | None = None) -> Summary:
    """Write the truth, then all feeds into the inbox, and return what was written.

    The same seed, scale and weeks give the same bytes. Scale 1 is about 300,000 weighings of 60 sites in 26
    weeks; a smaller scale keeps every special case while the weeks are all there. `weeks` keeps the last ones.

    Raises:
        WrongCallError: the seed, scale or number of weeks cannot be simulated.
    """
    from pipelines.simulation import (
        cases,
        city,
        exports,
        feeds,
        filings,
        plan,
        printing,
        quotes,
        register,
        stories,
        tables,
        tickets,
        vehicles,
        verdicts,
    )
    from pipelines.simulation import truth as truths

    asked = plan.load(seed, scale, weeks)
    firms = city.FirmRegistry(asked)
    town = city.build(asked, firms)
    rows, fleet = tickets.ordinary(asked, town)
    entries, carriers = vehicles.ordinary(asked, town, fleet)
    told = stories.build(asked, town, fleet, carriers, cases.first_story(asked))
    fleet = told.fleet
    known = vehicles.Register((*entries, *told.entries))
    known.tell(rows, fleet.printable)
    known.tell(told.rows, fleet.printable)
    stories.forget_doubtful(told.rows, told.told)
    rows = cases.plant(asked, town, rows, told.rows)
    used_twice = cases.number(asked, town, rows)
    rows = cases.correct(asked, town, rows)
    laid = exports.lay_out(asked, town, rows)
    verdict = verdicts.judge(asked, rows, laid.accepted_rows(len(rows)) | rows["is_lost"], told.told)
    projects = filings.build(asked, town, firms)
    market = quotes.build(asked)

    contents: dict[tuple[str, str, str], tuple[bytes, int]] = {}
    bounds = laid.bounds()
    for number, content in sorted(printing.files(asked, town, fleet, rows, laid).items()):
        source, name = printing.file_name(asked, number)
        contents["weighbridge_ticket", source, name] = (content, int(bounds[number + 1] - bounds[number]))
    contents["capacity_filing", "default", "filings.csv"] = (filings.to_bytes(projects), len(projects.rows))
    for name, content in market.files.items():
        contents["price_quote", "default", name] = (content, market.counts[name])
    contents["site_register", "default", "site_register.xlsx"] = (
        register.to_bytes(asked, town, projects.linked),
        len(register.registered(town)),
    )
    papers = feeds.build(asked, town, fleet, rows, laid, verdict, known, told, carriers)
    for (feed, name), (content, count) in papers.files.items():
        contents[feed, "default", name] = (content, count)
    story = tables.Story(asked, town, fleet, rows, laid, verdict, projects, market, used_twice, contents, papers)
    truth_files = truths.write(story, truth)
    files = tuple(
        _put(inbox / feed / source / name, content) for (feed, source, name), (content, _) in contents.items()
    )
    return Summary(
        inbox=inbox,
        truth=truth,
        seed=seed,
        scale=scale,
        first_week=plan.iso_week(asked.mondays[0]),
        last_week=plan.iso_week(asked.mondays[-1]),
        tickets=len(laid.lines),
        sites=len(town.sites),
        files=files,
        truth_files=truth_files,
    )


def _put(path: Path, content: bytes) -> Path:
    """Write a file under another name first: whoever watches the inbox never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    return part.replace(path)
