"""Life of a price alert: from the weekly measures of a product in an area to the episode that people hear of.

An episode opens when a clause is newly met, follows the highest clause up at once and down only after the clause
has stayed below a share of its bound, and closes when the price is back near its base or has found a new level.
It is opened, moved and closed by the lead series alone; what the other series meet is evidence. Only weeks with a
quote of their own decide anything, and a week sees nothing of later ones. Source: the project's alert life (methods,
section 1.5); its figures are in `sql/policy/price_level/rule.yaml`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pipelines.rules import rungs
from pipelines.rules.lead_series import Kind, LeadChooser, Series, kind_of
from pipelines.rules.levels import NO_LEVEL, WEEK, Clause, Ladder, LevelRule, Row, loudest
from pipelines.rules.policy import compare
from pipelines.rules.story import FACTS, SERIES, Story, said_of


@dataclass
class _Episode:
    episode_id: str
    series: Series
    opened: Row
    base: Row | None
    rank: int
    max_rank: int
    opened_rank: int
    spoken: Row
    last: Row
    calm_weeks: int = 0
    index_weeks: list[tuple[dt.date, float]] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def rise(self, row: Row) -> float | None:
        """Index of the week above the base, share; None across a break or without a base."""
        base = self.base and self.base["price_index"]
        index = row["price_index"]
        return round(index / base - 1, 6) if base and index else None


class Follower:
    """Follows one product in one area (direction up) week by week, in all the ways it is quoted."""

    def __init__(self, rule: LevelRule, *, is_city: bool = False) -> None:
        self.rule = rule
        self.is_city = is_city
        self.chooser = LeadChooser(rule)
        self.series: dict[Kind, Series] = {}
        self.story = Story()
        self.episode: _Episode | None = None
        self.spoke_on = dt.date.min  # last week a lead was quoted; the beginning of time where its watch goes on

    def follow(self, rows: Sequence[Row], data_week: dt.date) -> Story:
        """Return the story of a product and area.

        Args:
            rows: the weeks of all its series by week, as `sql/policy/price_level/measure.sql` gives them plus
                county_count, tight_count, supply_state, is_low_sample and the neighbour columns.
            data_week: newest week of all areas; a series that falls silent before it ends its episode.
        """
        for week, group in groupby(rows, key=lambda row: row["week_start"]):
            self._week(week, {kind_of(row): row for row in group})
        for series in self.series.values():
            if series.previous and series.previous["week_start"] < data_week:
                self._end_series(series, None)
        if self.episode:
            self._keep(self.episode, None, None)
        return self.story

    def _week(self, week: dt.date, rows: Mapping[Kind, Row]) -> None:
        for kind, series in self.series.items():
            if series.is_break(rows.get(kind)):
                self._end_series(series, rows.get(kind))
        before = self.chooser.lead
        lead = self.chooser.choose(week, rows, is_held=self.episode is not None)
        for kind, row in rows.items():
            if kind not in self.series:
                self.series[kind] = Series(Ladder(self.rule, is_city=self.is_city))
            series = self.series[kind]
            if kind == lead != before:
                series.untold_after = self.spoke_on
            self._take(series, row, is_lead=kind == lead)
            series.previous = row
            series.segment = row["segment"] or series.segment

    def _end_series(self, series: Series, row: Row | None) -> None:
        """End what cannot be measured any further: after a gap, or where no quote matches the ones before."""
        series.ladder.reset()
        before, series.previous, series.segment = series.previous, None, None
        episode = self.episode
        if before is None or episode is None or episode.series is not series:
            return
        week = before["week_start"] + WEEK
        follows_at_once = row is not None and row["week_start"] == week
        known_on = row["last_quoted_on"] if row is not None and follows_at_once else week
        stop = {**episode.last, "week_start": week, "iso_week": week.strftime("%G-W%V")}
        self._close(episode, "series_ended", stop, known_on, None)
        self.spoke_on = dt.date.min  # the rise was not seen to end: whatever the next lead meets is news

    def _take(self, series: Series, row: Row, *, is_lead: bool) -> None:
        if row["is_imputed"]:
            # A carried quote is no news: it neither opens, raises, lowers nor closes.
            self._note_week(series, row, None, [], is_lead=is_lead)
            return
        is_news, before, met = series.climb(row)
        spoken = series.ladder.spoken(row) if is_lead else loudest(met, row)
        if is_lead:
            self.spoke_on = row["week_start"]
            if self.episode:
                self._advance(self.episode, row, spoken, met)
            elif is_news:
                self._open(series, row, before, spoken, met)
        self._note_week(series, row, spoken, met, is_lead=is_lead)

    def _open(self, series: Series, row: Row, before: Row | None, spoken: Row, met: list[Clause]) -> None:
        rank = series.ladder.rank()
        self.episode = _Episode(
            episode_id="/".join((row["product_id"], row["area_code"], "up", row["iso_week"])),
            series=series,
            opened=row,
            base=before if before and before["price_index"] else None,
            rank=rank,
            max_rank=rank,
            opened_rank=rank,
            spoken=spoken,
            last=row,
        )
        self._see(self.episode, row)
        self._event(self.episode, "opened", row, row["last_quoted_on"], NO_LEVEL, spoken, met)

    def _see(self, episode: _Episode, row: Row) -> None:
        episode.last = row
        if row["price_index"]:
            episode.index_weeks.append((row["week_start"], row["price_index"]))

    def _advance(self, episode: _Episode, row: Row, spoken: Row, met: list[Clause]) -> None:
        rank = episode.series.ladder.rank()
        self._see(episode, row)
        is_calm = not met and compare(episode.rise(row), "at_most", self.rule.life["return_band_share"]) is True
        episode.calm_weeks = episode.calm_weeks + 1 if is_calm else 0
        reason = None
        if episode.calm_weeks >= self.rule.life["return_weeks"]:
            reason = "returned"
        elif compare(self._spread(episode, row["week_start"]), "at_most", self.rule.life["plateau_band_share"]):
            reason = "new_level"
        elif episode.base is None and rank == 0:
            reason = "spread_ended"
        if reason:
            self._close(episode, reason, row, row["last_quoted_on"], met)
            if reason == "returned":  # a later rise is a new one; after a plateau the old clauses stay spoken for
                episode.series.ladder.reset()
            return
        before = episode.rank
        said = spoken or self._left(episode, row)
        episode.rank, episode.spoken = rank, said
        episode.max_rank = max(episode.max_rank, rank)
        if rank != before:
            event = "raised" if rank > before else "lowered"
            self._event(episode, event, row, row["last_quoted_on"], self.rule.level(before), said, met)

    def _left(self, episode: _Episode, row: Row) -> Row:
        """The clause that was left, with its figure now."""
        rule = episode.spoken.get("rule")
        clause = self.rule.clause(rule) if rule else None
        return {"rule": rule} | clause.figure(row) if clause and not clause.reads_level else episode.spoken

    def _spread(self, episode: _Episode, week: dt.date) -> float | None:
        """Highest over lowest index of the last weeks, share; None while the episode is younger than that."""
        first = week - WEEK * (int(self.rule.life["plateau_weeks"]) - 1)
        seen = [index for at, index in episode.index_weeks if at >= first]
        if not seen or episode.index_weeks[0][0] > first:
            return None
        return round(max(seen) / min(seen) - 1, 6)

    def _close(self, episode: _Episode, reason: str, row: Row, closed_on: dt.date, met: list[Clause] | None) -> None:
        said: Row = {name: episode.spoken.get(name) for name in ("rule", "rung")}
        measured = {
            "returned": ("return_band_share", episode.rise(row)),
            "new_level": ("plateau_band_share", self._spread(episode, row["week_start"])),
        }
        if reason in measured:
            band, value = measured[reason]
            said |= {"value": value, "bound": self.rule.life[band], "must_be": "at_most", "value_unit": "share"}
            said |= {"is_system_default": True}
        level = self.rule.level(episode.rank)
        self._event(episode, "closed", row, closed_on, level, said, met or [], reason)
        self._keep(episode, closed_on, reason)
        self.episode = None

    def _event(
        self,
        episode: _Episode,
        event: str,
        row: Row,
        on: dt.date,
        from_level: str,
        said: Row,
        met: list[Clause],
        reason: str | None = None,
    ) -> None:
        level = NO_LEVEL if event == "closed" else self.rule.level(episode.rank)
        if event != "closed":
            episode.history.append(f"{level} {on.isoformat()}")
        self.story.events.append(
            _about(episode, row, self.rule)
            | said_of(said, met)
            | {
                "event_id": f"{episode.episode_id}#{event}:{level}@{row['iso_week']}",
                "event": event,
                "event_on": on,
                "week_start": row["week_start"],
                "level": level,
                "from_level": from_level,
                "close_reason": reason,
                "is_system_default": said.get("is_system_default"),
                "history": " → ".join(episode.history),
            }
        )

    def _keep(self, episode: _Episode, closed_on: dt.date | None, reason: str | None) -> None:
        row = episode.last
        self.story.alerts.append(
            _about(episode, row, self.rule)
            | said_of(episode.spoken, episode.series.ladder.met(row))
            | {
                "opened_week": episode.opened["iso_week"],
                "level": self.rule.level(episode.rank),
                "closed_on": closed_on,
                "close_reason": reason,
            }
        )

    def _note_week(self, series: Series, row: Row, spoken: Row | None, met: list[Clause], *, is_lead: bool) -> None:
        is_judged = spoken is not None and (bool(met) or row["week_share"] is not None or row["segment"] is None)
        episode = self.episode if is_lead else None
        fall = self.rule.bound("fall")
        self.story.weeks.append(
            {**row}
            | said_of(spoken or {}, met)
            | rungs.fall(row, self.rule)
            | {
                "is_lead": is_lead,
                "level": self.rule.level(episode.rank) if episode else NO_LEVEL,
                "rule_level": self.rule.level(max((c.rank for c in met), default=0)) if is_judged else None,
                "price_level": self.rule.level(series.ladder.price_rank()) if is_lead else NO_LEVEL,
                "is_fall_noted": not row["is_imputed"] and fall.is_met(row) is True,
                "episode_id": episode.episode_id if episode else None,
            }
        )


def _about(episode: _Episode, row: Row, rule: LevelRule) -> Row:
    """What an event and an alert both tell: the series, the base, the week's facts, how long it runs."""
    base = episode.base
    return {name: row[name] for name in (*SERIES, *FACTS)} | {
        "episode_id": episode.episode_id,
        "direction": "up",
        "iso_week": row["iso_week"],
        "base_price_yuan": base and base["price_yuan"],
        "base_index": base and base["price_index"],
        "base_on": base and base["last_quoted_on"],
        "rise_over_base_share": episode.rise(row),
        "opened_on": episode.opened["last_quoted_on"],
        "opened_level": rule.level(episode.opened_rank),
        "max_level": rule.level(episode.max_rank),
        "weeks_running": (row["week_start"] - episode.opened["week_start"]).days // 7 + 1,
    }
