"""Plants the weighings whose verdict or fate is decided beforehand, each under the name of its case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.simulation import stories
from pipelines.simulation.city import SOURCES, City
from pipelines.simulation.plan import Plan
from pipelines.simulation.tickets import BLANK, STEP_KG, local_seconds, wordings

Array = npt.NDArray[Any]
WEIGHSOFT, CLOUD, DAYBOOK = range(len(SOURCES))
HIGHEST_KG = 49_000  # written here once more: the truth needs the highest limit there is
MOST_RATE = 1.3


def case_names(plan: Plan) -> list[str]:
    """Return the names of all cases; a ticket's `case` counts in this list, 0 is an ordinary one."""
    return ["", *plan["cases"], "corrected", *stories.names(plan)]


def first_story(plan: Plan) -> int:
    """Return the place of the first story among the names of cases."""
    return 2 + len(plan["cases"])


class Planter:
    """Turns ordinary weighings into planted ones; each weighing carries one case at most."""

    def __init__(self, plan: Plan, city: City, rows: Array) -> None:
        self.plan = plan
        self.rows = rows
        self.rng = plan.rng("cases")
        self.names = case_names(plan)
        self.extra: list[Array] = []
        self.pairs = 0
        # what ticket and register tell together; which trucks the register knows was decided before
        axles, body, drive = rows["known_axles"], rows["known_body"], rows["known_drive"]
        known = (axles > 0) & (body > 0) & ((axles < 6) | (drive > 0))
        self.known = known
        self.blind = (axles == 0) & (body == 0) & (drive == 0)
        self.out = rows["direction"] == 0
        self.top = np.where(known, rows["limit"], HIGHEST_KG)  # what a weighing must pass to be breached
        self.scale_max = np.array([site.scale_max_kg for site in city.senders])[rows["site"]]
        self.restarted = rows["site"] == city.role("restart").number

    def pick(self, case: str, fits: Array, least: int | None = None) -> Array:
        """Return the weighings chosen for a case among those that fit, marked as taken."""
        rule = self.plan["cases"][case]
        open_rows = np.flatnonzero(fits & (self.rows["case"] == 0) & ~self.rows["is_lost"])
        wanted = max(rule["least"] if least is None else least, round(rule["share"] * len(open_rows)))
        chosen = np.sort(self.rng.choice(open_rows, size=min(wanted, len(open_rows)), replace=False))
        self.rows["case"][chosen] = self.names.index(case)
        self.rows["part"][chosen] = 1
        return chosen

    def weigh(self, chosen: Array, gross_kg: Any) -> None:
        """Set the gross mass of weighings, rounded to the scale's step, and their net mass."""
        gross = np.round(np.asarray(gross_kg, dtype=float) / STEP_KG).astype(int) * STEP_KG
        self.rows["gross"][chosen] = gross
        self.rows["net"][chosen] = gross - self.rows["tare"][chosen]

    def between(self, chosen: Array, low_kg: int, high_kg: int) -> None:
        """Set gross masses over `low_kg`, up to and including `high_kg`."""
        steps = (high_kg - low_kg) // STEP_KG
        self.weigh(chosen, low_kg + STEP_KG * self.rng.integers(1, steps + 1, len(chosen)))

    def again(
        self,
        case: str,
        least_after: int,
        grosses: list[Callable[[Array], Array]],
        *,
        minutes: int | None = None,
        new_tare: bool = False,
    ) -> None:
        """Plant trucks weighed several times: one gross mass of the limit `top` for each weighing."""
        chosen = self.pick(case, self.out & self.rows["is_last_round"] & (self.known | self.blind))
        top = self.top[chosen]
        self.rows["pair"][chosen] = self.pairs + 1 + np.arange(len(chosen))
        self.pairs += len(chosen)
        self.weigh(chosen, grosses[0](top))
        latest = self.rows[chosen]
        for part, gross in enumerate(grosses[1:], start=2):
            latest = latest.copy()
            wait = self.rng.integers(least_after, 50, len(latest)) if minutes is None else minutes
            latest["at"] += 60 * np.asarray(wait)
            if new_tare:
                latest["tare"] += STEP_KG * self.rng.integers(5, 15, len(latest))
                latest["other_at"] = latest["at"] - 900
            latest["gross"] = np.round(gross(top) / STEP_KG).astype(int) * STEP_KG
            latest["net"] = latest["gross"] - latest["tare"]
            latest["part"] = part
            self.extra.append(latest)


def plant(plan: Plan, city: City, rows: Array, told: Array) -> Array:
    """Return the weighings with all cases and those of the stories, sorted by site and time (not yet numbered)."""
    planter = Planter(plan, city, rows)
    _plant_pairs(planter)
    _plant_bounds(planter)
    _plant_without_facts(planter)
    _plant_not_released(planter)
    _plant_overloads(planter)
    everything = np.concatenate([rows, *planter.extra, told])
    return everything[np.lexsort((everything["part"], everything["at"], everything["site"]))]


def _plant_pairs(planter: Planter) -> None:
    def legal(top: Array) -> Array:
        return np.asarray(top - 400)

    def over(rate: float) -> Callable[[Array], Array]:
        return lambda top: np.asarray(top * (1 + rate))

    def above(kg: int) -> Callable[[Array], Array]:
        return lambda top: np.asarray(top + kg)

    planter.again("reweighed_at_120_min", 6, [over(0.08), legal], minutes=120)
    planter.again("reweighed_by_200_kg", 6, [above(200), above(0)])
    planter.again("reweighed_still_over", 6, [over(0.2), over(0.1)])
    planter.again("reweighed_twice", 6, [over(0.2), over(0.08), legal])
    planter.again("decoy_130_min", 6, [over(0.05), legal], minutes=130)
    planter.again("decoy_100_kg", 6, [above(1000), above(900)])
    planter.again("decoy_new_tare", 20, [over(0.05), legal], new_tare=True)
    planter.again("reweighed", 6, [over(0.07), legal])


def _plant_bounds(planter: Planter) -> None:
    rows, known, out = planter.rows, planter.known, planter.out
    limits = sorted({row["limit_kg"] for row in planter.plan["limits"]})
    each = -(-planter.plan["cases"]["exactly_at_limit"]["least"] // len(limits))
    for limit in limits:
        chosen = planter.pick("exactly_at_limit", out & known & (rows["limit"] == limit), each)
        planter.weigh(chosen, limit)
    chosen = planter.pick("overload_one_step", out & known)
    planter.weigh(chosen, rows["limit"][chosen] + STEP_KG)
    six, drive = out & (rows["known_axles"] == 6), rows["known_drive"]
    planter.between(planter.pick("single_drive_46_to_49", six & (drive == 1)), 46_000, HIGHEST_KG)
    planter.between(planter.pick("drive_unknown_46_to_49", six & (drive == 0)), 46_000, HIGHEST_KG)
    no_body = out & (rows["known_axles"] == 4) & (rows["known_body"] == 0)
    planter.between(planter.pick("body_unknown_between", no_body), 31_000, 36_000)
    planter.between(planter.pick("body_unknown_over", no_body), 36_000, 42_000)


def _plant_without_facts(planter: Planter) -> None:
    rows, out = planter.rows, planter.out
    weighsoft = out & (rows["source"] == WEIGHSOFT)
    large = rows["limit"] >= 43_000
    planter.between(
        planter.pick("hundred_tonnes", weighsoft & large & (planter.scale_max >= 120_000)), 100_000, 118_000
    )
    chosen = planter.pick("above_scale_max", out & large & (planter.scale_max <= 100_000))
    planter.weigh(chosen, planter.scale_max[chosen] + planter.rng.integers(20, 8_000, len(chosen)))
    planter.weigh(planter.pick("at_highest", weighsoft & planter.blind & (rows["limit"] == HIGHEST_KG)), HIGHEST_KG)
    blind = out & planter.blind & (rows["source"] != WEIGHSOFT)
    planter.between(planter.pick("facts_unknown_over", blind), HIGHEST_KG, 70_000)
    # a waybill states all three masses, so the sites that use them have whole tickets
    whole = np.isin(rows["site"], list(planter.plan["waybills"]["sites"]))
    chosen = planter.pick("gross_only", weighsoft & large & planter.blind & ~whole)
    rows["tare"][chosen] = rows["net"][chosen] = BLANK
    chosen = planter.pick("net_only", weighsoft & large & ~whole)
    rows["gross"][chosen] = rows["tare"][chosen] = BLANK
    planter.between(planter.pick("overload_highest", weighsoft & large), HIGHEST_KG, 75_000)


def _plant_not_released(planter: Planter) -> None:
    rows, rng = planter.rows, planter.rng
    for case, direction in (("inbound_over", 1), ("internal_over", 2)):
        chosen = planter.pick(case, rows["direction"] == direction)
        planter.weigh(chosen, planter.top[chosen] * rng.uniform(1.02, 1.4, len(chosen)))
    early = rows["week"] < planter.plan.weeks - 1
    chosen = planter.pick("over_corrected_later", planter.out & planter.known & early & ~planter.restarted)
    planter.weigh(chosen, rows["limit"][chosen] * 1.3)
    chosen = planter.pick("unknown_product", planter.out)
    words = wordings(planter.plan)
    unknown = [n for n, word in enumerate(words) if not word[0]]
    rows["wording"][chosen] = np.resize(unknown, len(chosen))
    rows["product"][chosen] = -1


def _plant_overloads(planter: Planter) -> None:
    rows, rng = planter.rows, planter.rng
    bands = np.array(planter.plan["overload_rates"], dtype=float)
    chosen = planter.pick("overload_axles", planter.out & planter.known & (planter.scale_max > 0))
    band = rng.choice(len(bands), size=len(chosen), p=bands[:, 2] / bands[:, 2].sum())
    band[: 2 * len(bands)] = np.resize(np.arange(len(bands)), len(band[: 2 * len(bands)]))
    rate = rng.uniform(bands[band, 0], bands[band, 1])
    limit = rows["limit"][chosen]
    gross = np.maximum(limit * (1 + rate), limit + STEP_KG)
    planter.weigh(chosen, np.minimum(gross, planter.scale_max[chosen]))


def number(plan: Plan, city: City, rows: Array) -> int:
    """Number the weighings as each export does, in place; return how many numbers the restarted scale used twice.

    weighsoft counts up over the year, cloud for ever over all sites, daybook from 1 each day.
    """
    rng = plan.rng("numbers")
    order = np.arange(len(rows))
    site = rows["site"]
    starts_site = np.append(True, site[1:] != site[:-1])
    since_site = order - np.maximum.accumulate(np.where(starts_site, order, 0))
    day = rows["at"] // 86400
    starts_day = starts_site | np.append(True, day[1:] != day[:-1])
    since_day = order - np.maximum.accumulate(np.where(starts_day, order, 0))
    begins = rng.integers(2_000, 9_000, city.sender_count)
    restarted = city.role("restart").number
    begins[restarted] = 0
    rows["number"] = np.where(rows["source"] == DAYBOOK, since_day, begins[site] + since_site) + 1
    cloud = np.flatnonzero(rows["source"] == CLOUD)
    rows["number"][cloud[np.argsort(rows["at"][cloud], kind="stable")]] = 100_200_001 + np.arange(len(cloud))

    here = np.flatnonzero(site == restarted)
    after = here[rows["at"][here] >= restart_second(plan)]
    rows["number"][after] = 1 + np.arange(len(after))
    return int(min(len(after), len(here) - len(after)))


def restart_second(plan: Plan) -> int:
    """Return when the restarted scale began at 1 again, in seconds of wall time: a Monday, or mid-history."""
    week = plan.weeks_back(plan["special_sites"]["restart"]["week"])
    days = 7 * week if week >= 1 else 7 * plan.weeks // 2
    return local_seconds(plan.mondays[0]) + 86400 * days


def correct(plan: Plan, city: City, rows: Array) -> Array:
    """Return the rows with corrected ones added, which stand in the next week's file and replace the first.

    A corrected row keeps site, number, plate and time; its gross and net mass change.
    """
    rng = plan.rng("corrections")
    names = case_names(plan)
    early = (rows["week"] < plan.weeks - 1) & ~rows["is_lost"] & (rows["site"] != city.role("restart").number)
    typed_wrong = np.flatnonzero(rows["case"] == names.index("over_corrected_later"))
    plain = early & (rows["case"] == 0) & (rows["gross"] - rows["tare"] > 6_000)
    chosen: list[Array] = [typed_wrong]
    for source in range(len(SOURCES)):
        for week in range(plan.weeks - 1):
            mine = np.flatnonzero(plain & (rows["source"] == source) & (rows["week"] == week))
            wanted = max(1, round(plan["files"]["corrected_share"] * len(mine)))
            chosen.append(rng.choice(mine, size=min(wanted, len(mine)), replace=False))
    first = np.concatenate(chosen)
    later = rows[first]
    wrong = np.arange(len(first)) < len(typed_wrong)
    lower = later["gross"] - STEP_KG * rng.integers(5, 100, len(first))
    later["gross"] = np.where(wrong, later["limit"] - 200, lower)
    later["net"] = later["gross"] - later["tare"]
    later["export"] += 1
    later["case"], later["part"] = names.index("corrected"), 2
    rows["case"][first[~wrong]], rows["part"][first[~wrong]] = names.index("corrected"), 1
    rows["is_superseded"][first] = True
    pairs = int(rows["pair"].max()) + 1 + np.arange(len(first))
    rows["pair"][first] = later["pair"] = pairs
    return np.concatenate([rows, later])
