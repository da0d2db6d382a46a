"""Vehicles that drive exactly the trips of a table, parked on feeders in between."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array, offsets
from tidewatt.domain.fleet import OFF_GRID, Dwells, Fleet, Trips
from tidewatt.domain.horizon import Horizon
from tidewatt.io.importers.diary_formats import RawDiary
from tidewatt.synthesis.habits import Habits, pick
from tidewatt.synthesis.places import FeederPlaces

__all__ = ["lay_driven"]

_ON_BOARD_KW = 100.0


def lay_driven(
    raw: RawDiary,
    order: Array,
    horizon: Horizon,
    places: FeederPlaces,
    habits: Habits,
    seed: int,
    represent: float | None,
) -> tuple[Fleet, Dwells, Trips]:
    """Fleet, dwells and trips of the rows in `order`, sorted by owner and departure.

    A vehicle begins at home, dwells after each trip at a place of its purpose, and stays at its last
    place until the horizon ends. Home and workplace are one feeder each, other places are drawn at
    each visit.

    Parameters
    ----------
    raw : RawDiary
        Times are minutes since the start of the horizon.
    order : array of int64
        Rows to use.
    horizon : Horizon
        Time axis.
    places, habits : FeederPlaces, Habits
        Where places are, and who finds a charger.
    seed : int
        Seed of what is drawn.
    represent : float or None
        Real vehicles in all, spread by the rows' weights.
    """
    vehicle_id, owner = np.unique(raw.person[order].astype(str), return_inverse=True)
    n, trips = len(vehicle_id), len(order)
    depart, arrive = raw.depart_min[order], raw.arrive_min[order]
    first = offsets(owner, n)
    where, what, plug = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))

    home = np.searchsorted(np.cumsum(places.homes) / places.homes.sum(), where.random(n), side="right")
    home = np.minimum(home, places.feeders - 1)
    work = _drawn(places.choice(places.workplaces, habits.work_distance_km), home, where.random(n))
    work[where.random(n) < places.off_grid_work] = OFF_GRID
    # The dwell before the first trip, then one after each.
    dwell = np.arange(trips) + owner + 1
    vehicle = np.empty(trips + n, np.int64)
    vehicle[dwell], vehicle[first[:-1] + np.arange(n)] = owner, np.arange(n)
    place = np.full(trips + n, "home", object)
    place[dwell] = raw.purpose[order]
    since, until = np.zeros(trips + n), np.full(trips + n, horizon.minutes)
    since[dwell], until[dwell - 1] = arrive, depart

    public = places.choice(places.public, habits.public_distance_km)
    feeder = _drawn(public, home[vehicle], where.random(trips + n))
    feeder[where.random(trips + n) < places.off_grid_public] = OFF_GRID
    at_home, at_work = place == "home", place == "work"
    feeder = np.where(at_home, home[vehicle], np.where(at_work, work[vehicle], feeder))

    has_home = plug.random(n) < habits.home_charging
    home_kw = np.array(habits.home_kw)[pick(habits.home_kw, plug.random(n)), 0] * has_home
    work_kw = np.array(habits.work_kw)[pick(habits.work_kw, plug.random(n)), 0]
    work_kw *= plug.random(n) < habits.work_charging
    share = np.where(has_home, habits.public_charging, habits.public_charging_without_home)[vehicle]
    public_kw = np.array(habits.public_kw)[pick(habits.public_kw, plug.random(trips + n)), 0]
    public_kw *= plug.random(trips + n) < share
    charger_kw = np.where(at_home, home_kw[vehicle], np.where(at_work, work_kw[vehicle], public_kw))

    battery = np.array(habits.battery)[pick(habits.battery, what.random(n))]
    per_km = battery[owner, 1] * np.exp(what.normal(0.0, habits.consumption_spread, trips))
    soc_range = np.where(has_home[:, None], habits.soc_initial, habits.soc_initial_without_home)
    initial = soc_range[:, 0] + (soc_range[:, 1] - soc_range[:, 0]) * what.random(n)
    weight = raw.weight[order][first[:-1]]
    if represent is not None:
        weight = weight * (represent / weight.sum())
    fleet = Fleet(
        vehicle_id=vehicle_id.astype(object),
        battery_kwh=battery[:, 0],
        soc_initial=initial,
        soc_min=np.full(n, habits.soc_min),
        soc_max=np.full(n, habits.soc_max),
        soc_final_min=initial,
        charge_efficiency=np.full(n, habits.charge_efficiency),
        max_charge_kw=np.full(n, _ON_BOARD_KW),
        weight=weight,
        discharge_efficiency=np.full(n, habits.charge_efficiency),
        max_discharge_kw=np.zeros(n),
    )
    km = raw.distance_km[order]
    return (
        fleet,
        Dwells(first + np.arange(n + 1), since, until, feeder, charger_kw, {"place": place}),
        Trips(first, depart, arrive, km * per_km, {"distance_km": km}),
    )


def _drawn(cumulative: Array, row: Array, uniform: Array) -> Array:
    """A feeder for each uniform draw, from the cumulative probabilities of its row (or the only one)."""
    row = row % len(cumulative)
    drawn = np.empty(len(row), np.int64)
    for r in np.unique(row):
        mine = row == r
        drawn[mine] = np.searchsorted(cumulative[r], uniform[mine], side="right")
    return np.asarray(np.minimum(drawn, cumulative.shape[1] - 1))
