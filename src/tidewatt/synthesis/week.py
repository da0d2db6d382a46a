"""Itineraries of a fleet over any horizon: usual days, with the deviations of real weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Fleet
from tidewatt.domain.horizon import Horizon
from tidewatt.domain.mobility import OFF_GRID, Dwells, Trips
from tidewatt.errors import Issue, ScenarioError
from tidewatt.synthesis import statistics as st
from tidewatt.synthesis.diary import WORK, Diary, embedded_diary
from tidewatt.synthesis.habits import Habits, pick
from tidewatt.synthesis.places import Places

__all__ = ["synthesise"]

CHUNK = 50_000
SHORTEST_STOP_MIN = 20.0


def synthesise(
    places: Places,
    vehicles: int,
    horizon: Horizon,
    *,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
) -> tuple[Fleet, Dwells, Trips]:
    """Itineraries of `vehicles` over `horizon`.

    Every vehicle has a home, a workplace if it commutes, a usual work day, a usual chain for every
    other day of the week, and usual places; `Habits.habit_strength` says how often a day is usual.
    Chains come from `diary`, or from embedded statistics. Dwells and trips alternate, the first
    dwell begins at 0, the last ends with the horizon. A vehicle that would be short of energy gets
    more chargers: first at other places, then at home (see `chains.add_chargers`).

    Parameters
    ----------
    places : Places
        Where homes, workplaces and public places are.
    vehicles : int
        Number of vehicles, > 0.
    horizon : Horizon
        Any start and length; the weekday of the start counts.
    seed : int
        Same seed, same itineraries, whatever the machine.
    habits : Habits, optional
        Assumptions; the defaults if not given.
    diary : Diary, optional
        Day chains to draw from.

    Returns
    -------
    fleet, dwells, trips
        Vehicle ids 1..vehicles; dwells carry ``place``, trips ``distance_km``.
    """
    from tidewatt.synthesis.chains import add_chargers, lay_weeks

    habits = habits or Habits()
    if vehicles < 1:
        raise ScenarioError([Issue("vehicles", "", f"{vehicles} vehicles asked for", "Ask for at least 1.")])
    traits = _traits(places, vehicles, habits, seed)
    chains = _chains(embedded_diary(seed=seed, habits=habits) if diary is None else diary)
    key = np.uint64(np.random.SeedSequence(seed, spawn_key=(2,)).generate_state(1, np.uint64)[0])
    start_min = horizon.start.hour * 60 + horizon.start.minute + horizon.start.second / 60.0
    public = np.array(habits.public_kw)
    table = places.choice(places.public, habits.public_distance_km)
    first = np.zeros(vehicles + 1, np.int64)
    empty, none = np.zeros(0), np.zeros(0, np.int32)

    def run(fill: bool, trips: tuple[Array, ...], dwells: tuple[Array, ...]) -> None:
        for begin in range(0, vehicles, CHUNK):
            lay_weeks(
                begin, min(begin + CHUNK, vehicles), key, float(start_min), horizon.start.weekday(),
                float(horizon.minutes), habits.habit_strength, habits.departure_spread_min,
                np.array([habits.still_weekday, habits.still_weekend]), habits.consumption_spread,
                places.off_grid_public, traits.public_share, public[:, 0], np.cumsum(public[:, 1]),
                traits.home, traits.work, traits.workdays, traits.home_kw, traits.work_kw, traits.work_km,
                traits.battery_kwh, traits.kwh_per_km, traits.longest_kwh,
                table, *chains,
                fill, first, *trips, *dwells,
            )  # fmt: skip

    run(False, (empty,) * 4, (empty, empty, none, empty, np.zeros(0, np.int8)))
    np.cumsum(first, out=first)
    n = int(first[-1])
    trip_columns = tuple(np.zeros(n) for _ in range(3)) + (np.zeros(n),)
    m = n + vehicles
    dwell_columns = (np.zeros(m), np.zeros(m), np.zeros(m, np.int32), np.zeros(m), np.zeros(m, np.int8))
    run(True, trip_columns, dwell_columns)
    depart, arrive, energy, km = trip_columns
    since, until, feeder, charger_kw, place = dwell_columns

    initial = traits.soc_initial
    remedy = np.zeros(vehicles, np.int8)
    capacity = traits.battery_kwh
    add_chargers(
        0, vehicles, first, energy, since, until, charger_kw, place, initial * capacity,
        habits.soc_min * capacity, habits.soc_max * capacity, habits.charge_efficiency, SHORTEST_STOP_MIN, remedy,
    )  # fmt: skip
    fleet = Fleet(
        vehicle_id=np.arange(1, vehicles + 1),
        battery_kwh=capacity,
        soc_initial=initial,
        soc_min=np.full(vehicles, habits.soc_min),
        soc_max=np.full(vehicles, habits.soc_max),
        soc_final_min=initial,
        charge_efficiency=np.full(vehicles, habits.charge_efficiency),
        max_charge_kw=np.full(vehicles, 100.0),
        weight=np.ones(vehicles),
        discharge_efficiency=np.full(vehicles, habits.charge_efficiency),
        max_discharge_kw=np.zeros(vehicles),
    )
    dwell_first = first + np.arange(vehicles + 1)
    names = np.array(st.PURPOSES, dtype=object)
    dwells = Dwells(dwell_first, since, until, feeder, charger_kw, {"place": names[place]})
    return fleet, dwells, Trips(first, depart, arrive, energy, {"distance_km": km})


@dataclass(frozen=True, slots=True)
class _Traits:
    """What stays the same for a vehicle all week; all of shape (vehicles,)."""

    home: Array
    work: Array
    workdays: Array
    home_kw: Array
    work_kw: Array
    work_km: Array
    public_share: Array
    battery_kwh: Array
    kwh_per_km: Array
    longest_kwh: Array
    soc_initial: Array


def _traits(places: Places, n: int, habits: Habits, seed: int) -> _Traits:
    streams = np.random.SeedSequence(seed, spawn_key=(0,)).spawn(6)
    where, when, what, power, level, far = (np.random.default_rng(s) for s in streams)
    home = np.searchsorted(np.cumsum(places.homes) / places.homes.sum(), where.random(n), side="right")
    home = np.minimum(home, places.feeders - 1).astype(np.int32)
    work = _work(places, home, where.random(n), habits)
    work[where.random(n) < places.off_grid_work] = OFF_GRID
    work_km = np.zeros(n)
    if places.x_km is not None and places.y_km is not None:
        on = work >= 0
        dx, dy = (v[home[on]] - v[work[on]] for v in (places.x_km, places.y_km))
        # Roads are a third longer than the line, and either end lies somewhere on its feeder.
        work_km[on] = 1.3 * np.hypot(dx, dy) + far.gamma(2.0, 1.5, int(on.sum()))

    commutes = when.random(n) < habits.commuters
    days = np.array([d for d, _ in habits.workdays])[pick(habits.workdays, when.random(n))]
    order = np.argsort(when.random((n, 5)), axis=1).astype(np.int8)
    workdays = ((order < days[:, None]) << np.arange(5)).sum(axis=1)
    workdays = np.where(commutes, workdays, 0).astype(np.int8)

    battery = np.array(habits.battery)[pick(habits.battery, what.random(n))]
    has_home = power.random(n) < habits.home_charging
    home_kw = np.array(habits.home_kw)[pick(habits.home_kw, power.random(n)), 0] * has_home
    work_kw = np.array(habits.work_kw)[pick(habits.work_kw, power.random(n)), 0]
    work_kw = work_kw * (power.random(n) < habits.work_charging)
    low, high = np.where(
        has_home, np.array([habits.soc_initial]).T, np.array([habits.soc_initial_without_home]).T
    )
    return _Traits(
        home, work, workdays, home_kw, work_kw, work_km,
        np.where(has_home, habits.public_charging, habits.public_charging_without_home),
        battery[:, 0].copy(), battery[:, 1] * np.exp(what.normal(0.0, 0.08, n)),
        # What a longer way takes beyond this is charged en route, away from the studied grid.
        0.5 * (habits.soc_max - habits.soc_min) * battery[:, 0],
        low + (high - low) * level.random(n),
    )  # fmt: skip


def _work(places: Places, home: Array, uniform: Array, habits: Habits) -> Array:
    """Feeder of every vehicle's workplace, by the home's row of the choice table."""
    table = places.choice(places.workplaces, habits.work_distance_km)
    # One sorted axis for all rows: row number plus cumulative probability.
    row = home % len(table)
    axis = (table + np.arange(len(table))[:, None]).ravel()
    found = (
        np.searchsorted(axis, row + uniform * (1 - 1e-12), side="right")
        - row.astype(np.int64) * table.shape[1]
    )
    return np.clip(found, 0, table.shape[1] - 1).astype(np.int32)


def _chains(diary: Diary) -> tuple[Array, ...]:
    """Chains as the kernel wants them: CSR columns, sorted by class, with cumulative weights by class.

    A chain that does not end at home gets a way home, as long as the way to its last place.
    """
    n = len(diary)
    if not n:
        raise ScenarioError([Issue("diary", "", "it has no trips", "Give a diary with car trips, or none.")])
    starts = np.flatnonzero(np.concatenate([[True], diary.person[1:] != diary.person[:-1]]))
    ends = np.append(starts[1:], n)
    chain = np.repeat(np.arange(len(starts)), ends - starts)
    works = np.bincount(chain, diary.purpose == WORK) > 0
    kind = np.where(diary.weekend[starts], 2, np.where(works, 0, 1))
    last = ends - 1
    open_end = last[diary.purpose[last] != 0]
    stay = 60.0
    columns = []
    way = diary.arrive_min[open_end] - diary.depart_min[open_end]
    for values, extra in (
        (diary.depart_min, diary.arrive_min[open_end] + stay),
        (diary.arrive_min, diary.arrive_min[open_end] + stay + way),
        (diary.distance_km, diary.distance_km[open_end]),
        (diary.purpose.astype(np.int64), np.zeros(len(open_end), np.int64)),
    ):
        columns.append(np.concatenate([values, extra]))
    owner = np.concatenate([chain, chain[open_end]])
    rank = np.empty(len(starts), np.int64)
    rank[np.argsort(kind, kind="stable")] = np.arange(len(starts))
    order = np.lexsort((columns[0], rank[owner]))
    first = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(np.bincount(rank[owner], minlength=len(starts)), out=first[1:])
    weight = np.empty(len(starts))
    weight[rank] = diary.weight[starts]
    class_first = np.concatenate([[0], np.cumsum(np.bincount(kind, minlength=3))])
    cumulative = np.zeros(len(starts))
    for c in range(3):
        part = slice(class_first[c], class_first[c + 1])
        if weight[part].sum() > 0:
            cumulative[part] = np.cumsum(weight[part]) / weight[part].sum()
    return (first, *(c[order] for c in columns), class_first, cumulative)
