"""The sources of all feeds on a day: which are fresh, silent or late, since when, and whom to call."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipelines import contracts, workdays
from pipelines.alerting import silences
from pipelines.alerting.silences import DAY, RHYTHM_DAYS, Silence
from pipelines.contracts import Contract
from pipelines.errors import WrongCallError
from pipelines.rules.levels import Row
from pipelines.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    import duckdb

GAP_WINDOW_DAYS = 28  # a gap that ended before is for the completeness of the report, not for the phone
GIVEN_UP_DAYS = 366  # who sent nothing for a year has ended, whatever the register says
LATE_OF_DAYS = 7  # newest days with rows that tell whether a source is late
WHOLE = 3  # sources of one profile that stop together are one matter from here on; below, each is called
CHASED = ("silent", "gap", "late")  # worst first


@dataclass(frozen=True)
class Source:
    """A source on a day.

    `state` is silent (more expected days without a row than allowed, until now), gap (the same, but rows came
    since), late (rows arrive too long after the weighing), fresh, ended (silent for more than a year) or unasked
    (nothing is agreed that it would have to send). `silences` are the runs of missing days behind silent and gap,
    `lag_days` the lag behind late, median of daily means. `source_count` is above 1 where one entry stands for a
    whole feed or source profile. `source_id` is empty for a whole feed.
    """

    feed: str
    source_id: str
    profile: str
    place: str
    cadence: str
    allowed_days: int
    owner: str
    who_fixes: str
    contact_name: str = ""
    contact_phone: str = ""
    firm_name: str = ""
    state: str = "fresh"
    last_on: dt.date | None = None
    silences: tuple[Silence, ...] = ()
    lag_days: float | None = None
    source_count: int = 1

    @property
    def key(self) -> str:
        """Stable name among all sources."""
        return f"{self.feed}{'//' if self.source_count > 1 else '/'}{self.source_id}"

    @property
    def is_site(self) -> bool:
        """Whether it is a site of the register, and not a feed or a source profile."""
        return bool(self.place) and self.source_count == 1

    @property
    def missed_count(self) -> int:
        """Expected days without a row, over all its silences."""
        return sum(silence.day_count for silence in self.silences)

    @property
    def since_on(self) -> dt.date | None:
        """First missing day; None for a late source."""
        return self.silences[0].first_on if self.silences else None

    @property
    def weight(self) -> tuple[Any, ...]:
        """Sorts the worst first."""
        rank = CHASED.index(self.state) if self.state in CHASED else len(CHASED)
        return rank, -self.missed_count, -(self.lag_days or 0), self.feed, self.place, self.source_id


@dataclass(frozen=True)
class Standing:
    """All sources on a day, the worst first. `chased` joins those that stopped together into one entry each.

    `loaded_at` is when rows were last loaded into what was read; `unknown_years` are years without a calendar.
    """

    as_of: dt.date
    sources: tuple[Source, ...]
    chased: tuple[Source, ...]
    unknown_years: tuple[int, ...]
    loaded_at: dt.datetime | None

    @property
    def loaded(self) -> str:
        """That moment for people, local time to the minute; empty where nothing was loaded."""
        return f"{self.loaded_at.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%d %H:%M}" if self.loaded_at else ""


@dataclass(frozen=True)
class _Arrivals:
    """Days on which files came, none after the day looked at: what was loaded later cannot have been owed before."""

    of_file: Mapping[str, dt.date]
    last_of_source: Mapping[tuple[str, str], dt.date]
    first: dt.date


def standing(
    settings: Settings, as_of: dt.date | None = None, edition: duckdb.DuckDBPyConnection | Path | None = None
) -> Standing:
    """Return how all sources stand at the end of a day.

    Args:
        settings: where the edition lies, and whether it is a demo's.
        as_of: last day that counts; by default yesterday in Asia/Shanghai, the last day that is over. In a
            simulated home it is the last day that any source told of.
        edition: a published regulator edition or a connection to one; by default the one of the settings.

    Raises:
        WrongCallError: nothing is published yet, or by an older version.
    """
    import duckdb

    given = settings.editions / "regulator.duckdb" if edition is None else edition
    if isinstance(given, Path):
        if not given.exists():
            raise WrongCallError(f"no edition at {given.name}: run `sandwatch run` to publish one, then ask again")
        # The pointer is followed first: a path that is open in this process would be the old file.
        with duckdb.connect(str(given.resolve()), read_only=True) as con:
            return standing(settings, as_of, con)
    try:
        known = _rows(given, "SELECT * FROM mart.source_freshness")
    except duckdb.CatalogException as error:
        raise WrongCallError(f"the edition is of an older version ({error}); run `sandwatch run` first") from error
    accounts = _rows(given, "SELECT feed, source, snapshot_sha256, loaded_at FROM meta.load_account")
    day = as_of or _last_day(settings, known)
    days = _rows(
        given,
        "SELECT feed, source_id, day_on, mean_lag_days FROM mart.source_day WHERE day_on BETWEEN ? AND ?",
        [day - DAY * (GIVEN_UP_DAYS + GAP_WINDOW_DAYS), day],
    )
    return _standing(day, known, days, accounts)


def _last_day(settings: Settings, known: Iterable[Row]) -> dt.date:
    told: list[dt.date] = [row["last_on"] for row in known if row["last_on"]]
    if settings.simulated_mark.exists() and told:
        return max(told)
    return dt.datetime.now(ZoneInfo(TIME_ZONE)).date() - DAY


def _rows(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> list[Row]:
    result = con.execute(sql, values or [])
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _standing(as_of: dt.date, known: list[Row], days: list[Row], accounts: list[Row]) -> Standing:
    seen: dict[tuple[str, str], dict[dt.date, float | None]] = defaultdict(dict)
    for row in days:
        seen[row["feed"], row["source_id"]][row["day_on"]] = row["mean_lag_days"]
    came = _arrivals(accounts, as_of)
    agreed = contracts.contracts()
    entries = [
        _entry(row, agreed[row["feed"]], as_of, seen[row["feed"], row["source_id"]], came)
        for row in known
        if row["feed"] in agreed
    ]
    for feed in agreed.keys() - {row["feed"] for row in known}:
        entries.append(_entry({"feed": feed, "source_id": ""}, agreed[feed], as_of, {}, came))
    entries.sort(key=lambda source: source.weight)
    first = min((run.first_on for source in entries for run in source.silences), default=as_of)
    years = tuple(
        year for year in range(first.year, as_of.year + 1) if not workdays.of(dt.date(year, 1, 1)).is_known_year
    )
    loaded_at = max((row["loaded_at"] for row in accounts), default=None)
    return Standing(as_of, tuple(entries), _joined(entries, as_of, seen), years, loaded_at)


def _arrivals(accounts: list[Row], as_of: dt.date) -> _Arrivals:
    of_file: dict[str, dt.date] = {}
    last_of_source: dict[tuple[str, str], dt.date] = {}
    for row in sorted(accounts, key=lambda row: row["loaded_at"]):
        day = min(row["loaded_at"].astimezone(ZoneInfo(TIME_ZONE)).date(), as_of)
        of_file.setdefault(row["snapshot_sha256"], day)
        last_of_source[row["feed"], row["source"]] = day
    return _Arrivals(of_file, last_of_source, min(of_file.values(), default=as_of))


def _entry(
    row: Row, contract: Contract, as_of: dt.date, seen: Mapping[dt.date, float | None], came: _Arrivals
) -> Source:
    cadence = row.get("expected_cadence") or contract.cadence
    is_asked = cadence in RHYTHM_DAYS and contract.cadence in RHYTHM_DAYS
    last_on = max(seen, default=None)
    if last_on is None and row.get("last_on") and row["last_on"] < as_of:
        last_on = row["last_on"]
    source = Source(
        feed=contract.feed,
        source_id=row["source_id"],
        profile=row.get("source") or "",
        place=row.get("county_name") or row.get("county_code") or "",
        cadence=cadence,
        allowed_days=silences.allowed_days(cadence, contract.cadence, contract.max_age_days) if is_asked else 0,
        owner=contract.owner,
        who_fixes=contract.who_fixes,
        contact_name=row.get("contact_name") or "",
        contact_phone=row.get("contact_phone") or "",
        firm_name=row.get("firm_name") or "",
        last_on=last_on,
    )
    if not is_asked or (cadence == "irregular" and not row["source_id"]):
        return replace(source, state="unasked")  # what comes when there is something to tell may never come
    if cadence == "irregular":
        heard_on = came.last_of_source.get((contract.feed, row["source_id"]), as_of)
        return _judged(replace(source, last_on=heard_on), [heard_on], as_of)
    # Who never sent owes from the day after it was registered, or after anything was loaded here at all.
    owed_from = last_on or came.of_file.get(row.get("snapshot_sha256") or "", came.first)
    judged = _judged(source, [*seen, owed_from], as_of)
    return judged if judged.state != "fresh" else _late(source, seen)


def _judged(source: Source, seen: list[dt.date], as_of: dt.date) -> Source:
    """The source with its silences, and the state they mean."""
    if (as_of - max(seen)).days > GIVEN_UP_DAYS:
        return replace(source, state="ended")
    window_on = as_of - DAY * (GAP_WINDOW_DAYS - 1)
    runs = tuple(
        silences.found(seen, as_of, cadence=source.cadence, allowed=source.allowed_days, window_on=window_on)
    )
    if not runs:
        return source
    is_running = runs[-1].first_on > max(seen)
    return replace(source, state="silent" if is_running else "gap", silences=runs)


def _late(source: Source, seen: Mapping[dt.date, float | None]) -> Source:
    """Late where the newest days with known receptions were received, in the median, later than allowed."""
    lags = [float(lag) for _, lag in sorted(seen.items()) if lag is not None][-LATE_OF_DAYS:]
    if lags and median(lags) > source.allowed_days:
        return replace(source, state="late", lag_days=median(lags))
    return source


def _joined(
    entries: list[Source], as_of: dt.date, seen: Mapping[tuple[str, str], Mapping[dt.date, float | None]]
) -> tuple[Source, ...]:
    """The sources to chase, with one entry for a feed, or else a source profile, that stopped as a whole."""
    asked = [source for source in entries if source.state not in ("ended", "unasked")]
    chased = {source.key: source for source in asked if source.state in CHASED}
    groups: dict[tuple[str, str], list[Source]] = defaultdict(list)
    for source in asked:
        groups[source.feed, ""].append(source)
    for source in asked:
        if source.place and source.profile:
            groups[source.feed, source.profile].append(source)
    for (feed, profile), members in groups.items():  # whole feeds stand first
        if len(members) < WHOLE or any(member.key not in chased for member in members):
            continue
        days = {day for member in members for day in seen[feed, member.source_id]}
        contract = contracts.contracts()[feed]
        whole = replace(
            members[0], source_id=profile, profile=profile, place="", contact_name="", contact_phone="", firm_name="",
            cadence=contract.cadence, allowed_days=contract.max_age_days, state="fresh", silences=(), lag_days=None,
            last_on=max(days, default=None), source_count=len(members),
        )  # fmt: skip
        whole = _judged(whole, [*days], as_of) if days else whole
        if all(member.state == whole.state for member in members):
            for member in members:
                del chased[member.key]
            chased[whole.key] = whole
    return tuple(sorted(chased.values(), key=lambda source: source.weight))
