"""Day chains laid out over a fleet's horizon: shared by weeks for `coordinate` and days for `simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import OFF_GRID
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.shown import Shown
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis.diary import HOME, WORK, Diary, embedded_diary
from tidewatt.synthesis.habits import Habits, pick
from tidewatt.synthesis.places import FeederPlaces

if TYPE_CHECKING:
    from tidewatt.synthesis.chains import Chains, DwellRows, LayoutRules, Traits, TripRows

__all__ = ["Layout", "lay_out", "start_min"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layout(Shown):
    """Rows of trips and dwells as the kernels wrote them, and what they were made from.

    Attributes
    ----------
    rules, traits, trips, dwells : NamedTuple
        See `chains`.
    initial_kwh : array, shape (vehicles,)
        Energy stored at minute 0 when every charger before was used at once.
    battery : array of int64, shape (vehicles,)
        Row of `Habits.battery`.
    """

    rules: LayoutRules
    traits: Traits
    trips: TripRows
    dwells: DwellRows
    initial_kwh: Array
    battery: Array


def lay_out(
    places: FeederPlaces,
    vehicles: int,
    horizon: Horizon,
    *,
    seed: int,
    habits: Habits,
    diary: Diary | None,
    warm_up_days: int,
    open_ends: bool = False,
) -> Layout:
    """Return trips and dwells of `vehicles` over `horizon`, after `warm_up_days` before it.

    With `open_ends` a trip only has to depart before the end, and first stays begin when they began, before
    minute 0; otherwise trips arrive before the end, and first stays begin at 0.

    Raises
    ------
    ScenarioError
        If no vehicle is asked for, or `diary` is empty.
    """
    # Compiled code: imported late, so that importing the package stays quick.
    from tidewatt.synthesis.chains import DwellRows, TripRows, lay_weeks

    if vehicles < 1:
        raise ScenarioError([Issue("vehicles", "", f"{vehicles} vehicles asked for", "Ask for at least 1")])
    if diary is None:
        diary = embedded_diary(part_time_share=habits.part_time_share)
    chains = _chains(diary)
    rules = _rules(places, horizon, habits, seed, warm_up_days, open_ends)
    traits, battery = _traits(places, vehicles, habits, chains, seed)

    def rows(trips: int, dwells: int) -> tuple[TripRows, DwellRows]:
        t = TripRows(first, *(np.zeros(trips) for _ in range(4)))
        feeder, place = np.zeros(dwells, np.int32), np.zeros(dwells, np.int8)
        return t, DwellRows(np.zeros(dwells), np.zeros(dwells), feeder, np.zeros(dwells), place)

    first = np.zeros(vehicles + 1, np.int64)
    initial_kwh = np.zeros(vehicles)
    # Draws wrap around in 64 bits on purpose; only interpreted kernels would warn of it.
    with np.errstate(over="ignore"):
        lay_weeks(0, vehicles, False, rules, traits, chains, *rows(0, 0), initial_kwh)
        np.cumsum(first, out=first)
        t, d = rows(int(first[-1]), int(first[-1]) + vehicles)
        lay_weeks(0, vehicles, True, rules, traits, chains, t, d, initial_kwh)
    return Layout(rules, traits, t, d, initial_kwh, battery)


def start_min(horizon: Horizon) -> float:
    """Return the minute of the day at which a horizon starts."""
    return horizon.start.hour * 60 + horizon.start.minute + horizon.start.second / 60.0


def _rules(
    places: FeederPlaces, horizon: Horizon, habits: Habits, seed: int, warm_up_days: int, open_ends: bool
) -> LayoutRules:
    from tidewatt.synthesis.chains import LayoutRules

    public = np.array(habits.public_kw)
    return LayoutRules(
        seed=np.random.SeedSequence(seed, spawn_key=(2,)).generate_state(1, np.uint64)[0],
        start_min=float(start_min(horizon)),
        first_weekday=horizon.start.weekday(),
        minutes=float(horizon.minutes),
        habit_strength=float(habits.habit_strength),
        departure_spread_min=float(habits.departure_spread_min),
        still=np.array([habits.still_weekday, habits.still_weekend], np.float64),
        consumption_spread=float(habits.consumption_spread),
        efficiency=float(habits.charge_efficiency),
        off_grid_public=float(places.off_grid_public),
        public_kw=np.ascontiguousarray(public[:, 0]),
        public_kw_cumulative=np.cumsum(public[:, 1]),
        place_cumulative=places.choice(places.public, habits.public_distance_km),
        warm_up_days=warm_up_days,
        open_ends=open_ends,
    )


def _traits(places: FeederPlaces, n: int, habits: Habits, chains: Chains, seed: int) -> tuple[Traits, Array]:
    """Return the traits of every vehicle, and its row of `Habits.battery`."""
    from tidewatt.synthesis.chains import Traits

    streams = np.random.SeedSequence(seed, spawn_key=(0,)).spawn(5)
    where, when, what, power, level = (np.random.default_rng(s) for s in streams)
    home = np.searchsorted(np.cumsum(places.homes) / places.homes.sum(), where.random(n), side="right")
    home = np.minimum(home, places.feeders - 1).astype(np.int32)
    work = _work(places, home, where.random(n), habits)
    work[where.random(n) < places.off_grid_work] = OFF_GRID
    work_km = _work_km(places, home, work, chains, where)

    commutes = when.random(n) < habits.commuters
    days = np.array([d for d, _ in habits.workdays])[pick(habits.workdays, when.random(n))]
    order = np.argsort(when.random((n, 5)), axis=1)
    workdays = ((order < days[:, None]) << np.arange(5)).sum(axis=1)

    kind = pick(habits.battery, what.random(n))
    battery = np.array(habits.battery)[kind]
    capacity = np.ascontiguousarray(battery[:, 0])
    has_home = power.random(n) < habits.home_charging
    home_kw = np.array(habits.home_kw)[pick(habits.home_kw, power.random(n)), 0]
    work_kw = np.array(habits.work_kw)[pick(habits.work_kw, power.random(n)), 0]
    has_work = power.random(n) < habits.work_charging
    soc = np.where(has_home[:, None], habits.soc_initial, habits.soc_initial_without_home)
    soc = soc[:, 0] + (soc[:, 1] - soc[:, 0]) * level.random(n)
    return Traits(
        home=home,
        work=work,
        workdays=np.where(commutes, workdays, 0).astype(np.int8),
        home_kw=home_kw * has_home,
        work_kw=work_kw * has_work,
        work_km=work_km,
        public_share=np.where(has_home, habits.public_charging, habits.public_charging_without_home),
        kwh_per_km=battery[:, 1] * np.exp(what.normal(0.0, 0.08, n)),
        # What a longer way takes beyond this is charged on the way, away from the studied grid.
        longest_kwh=0.5 * (habits.soc_max - habits.soc_min) * capacity,
        stored_kwh=soc * capacity,
        least_kwh=habits.soc_min * capacity,
        most_kwh=habits.soc_max * capacity,
    ), kind


def _work(places: FeederPlaces, home: Array, uniform: Array, habits: Habits) -> Array:
    """Return the feeder of every vehicle's workplace, by the home's row of the choice table."""
    from tidewatt.synthesis.chains import choose_by_row

    table = places.choice(places.workplaces, habits.work_distance_km)
    chosen = np.empty(len(home), np.int32)
    choose_by_row(table, home % len(table), uniform * (1 - 1e-9), chosen)
    return chosen


def _work_km(
    places: FeederPlaces, home: Array, work: Array, chains: Chains, rng: np.random.Generator
) -> Array:
    """Return the way to work [km]: by the map if both ends are on it, else as in the diary."""
    n = len(home)
    to_work = chains.km[chains.purpose == WORK]
    km: Array = rng.choice(to_work, n) if len(to_work) else np.full(n, 15.0)
    local = rng.gamma(2.0, 1.5, n)
    if places.x_km is not None and places.y_km is not None:
        on = work >= 0
        dx, dy = (v[home[on]] - v[work[on]] for v in (places.x_km, places.y_km))
        # Roads are a third longer than the line, and either end lies somewhere on its feeder.
        km[on] = 1.3 * np.hypot(dx, dy) + local[on]
    return km


@lru_cache(maxsize=4)
def _chains(diary: Diary) -> Chains:
    """Return chains for the kernel; one that ends elsewhere gets a way home as long as its last."""
    from tidewatt.synthesis.chains import Chains

    n = len(diary)
    if not n:
        raise ScenarioError([Issue("diary", "", "it has no trips", "Give a diary with car trips, or none")])
    starts = np.flatnonzero(np.concatenate([[True], diary.person[1:] != diary.person[:-1]]))
    chain = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n)))
    works = np.bincount(chain, diary.purpose == WORK) > 0
    kind = np.where(diary.weekend[starts], 2, np.where(works, 0, 1))

    last = np.append(starts[1:], n) - 1
    away = last[diary.purpose[last] != HOME]
    leave = diary.arrive_min[away] + 60.0
    back = leave + diary.arrive_min[away] - diary.depart_min[away]
    owner = np.concatenate([chain, chain[away]])
    depart = np.concatenate([diary.depart_min, leave])
    arrive = np.concatenate([diary.arrive_min, back])
    km = np.concatenate([diary.distance_km, diary.distance_km[away]])
    purpose = np.concatenate([diary.purpose, np.full(len(away), HOME, np.int8)])

    rank = np.empty(len(starts), np.int64)
    rank[np.argsort(kind, kind="stable")] = np.arange(len(starts))
    order = np.lexsort((depart, rank[owner]))
    first = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(np.bincount(rank[owner], minlength=len(starts)), out=first[1:])
    weight = np.empty(len(starts))
    weight[rank] = diary.weight[starts]
    class_first = np.concatenate([[0], np.cumsum(np.bincount(kind, minlength=3))]).astype(np.int64)
    cumulative = np.cumsum(weight)
    for c in range(3):
        part = slice(class_first[c], class_first[c + 1])
        total = weight[part].sum()
        cumulative[part] = np.cumsum(weight[part]) / total if total > 0 else 1.0
    return Chains(first, depart[order], arrive[order], km[order], purpose[order], class_first, cumulative)
