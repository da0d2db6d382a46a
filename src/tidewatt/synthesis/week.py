"""Itineraries of a fleet over any horizon: usual days, with the deviations of real weeks."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.fleet import Dwells, Fleet, Trips
from tidewatt.domain.horizon import Horizon
from tidewatt.synthesis.diary import Diary
from tidewatt.synthesis.habits import Habits
from tidewatt.synthesis.layout import lay_out, start_min
from tidewatt.synthesis.places import FeederPlaces
from tidewatt.synthesis.statistics import PURPOSES

__all__ = ["synthesise"]

SHORTEST_STOP_MIN = 20.0
"""Shorter stops are not worth plugging in [min]."""

EARLY_MIN = 4 * 60.0
"""Time at which the night ends: trips before it belong to the previous day [min]."""

MAX_CHARGE_KW = 100.0
"""On-board limit; only fast chargers could reach it [kW]."""


def synthesise(
    places: FeederPlaces,
    vehicles: int,
    horizon: Horizon,
    *,
    seed: int = 0,
    habits: Habits | None = None,
    diary: Diary | None = None,
) -> tuple[Fleet, Dwells, Trips]:
    """Return itineraries of `vehicles` over `horizon`.

    Every vehicle has a home, a workplace if it commutes, a usual work day, a usual chain for every
    other day of the week, and usual places; `Habits.habit_strength` says how often a day is usual.
    Chains come from `diary`, or from embedded statistics. Dwells and trips alternate; the first
    dwell begins at 0, the last ends with the horizon. Vehicles start with what four days of driving
    and charging at once leave them with. One that would be short of energy gets more chargers:
    first at other places, then at home (see `chains.add_chargers`).

    Parameters
    ----------
    places : FeederPlaces
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

    Raises
    ------
    ScenarioError
        If no vehicle is asked for, or `diary` is empty.
    """
    # Compiled code: imported late, so that importing the package stays quick.
    from tidewatt.synthesis.chains import WARM_UP_DAYS, add_chargers

    habits = habits or Habits()
    laid = lay_out(
        places, vehicles, horizon, seed=seed, habits=habits, diary=diary, warm_up_days=WARM_UP_DAYS
    )
    t, d, initial_kwh, final_kwh = laid.trips, laid.dwells, laid.initial_kwh, np.zeros(vehicles)
    add_chargers(
        laid.rules,
        laid.traits,
        t,
        d,
        initial_kwh,
        final_kwh,
        _refill_until(horizon, habits),
        SHORTEST_STOP_MIN,
        np.zeros(vehicles, np.int8),
    )

    names = np.array(PURPOSES, dtype=object)
    dwells = Dwells(
        t.first + np.arange(vehicles + 1), d.arrive, d.depart, d.feeder, d.kw, {"place": names[d.place]}
    )
    trips = Trips(t.first, t.depart, t.arrive, t.energy, {"distance_km": t.km})
    capacity_kwh = np.array(habits.battery)[laid.battery, 0]
    return _fleet(capacity_kwh, initial_kwh, final_kwh, habits), dwells, trips


def _fleet(capacity_kwh: Array, initial_kwh: Array, final_kwh: Array, habits: Habits) -> Fleet:
    n = len(capacity_kwh)
    return Fleet(
        vehicle_id=np.arange(1, n + 1),
        battery_kwh=capacity_kwh,
        # Rounding of the quotient must not leave 0..1.
        soc_initial=np.clip(initial_kwh / capacity_kwh, habits.soc_min, habits.soc_max),
        soc_min=np.full(n, habits.soc_min),
        soc_max=np.full(n, habits.soc_max),
        soc_final_min=np.clip(final_kwh / capacity_kwh, habits.soc_min, habits.soc_max),
        charge_efficiency=np.full(n, habits.charge_efficiency),
        max_charge_kw=np.full(n, MAX_CHARGE_KW),
        weight=np.ones(n),
        discharge_efficiency=np.full(n, habits.charge_efficiency),
        max_discharge_kw=np.zeros(n),
    )


def _refill_until(horizon: Horizon, habits: Habits) -> float:
    """Return the minute from which energy driven may be recharged after the horizon."""
    if habits.refill_before_end:
        return float(horizon.minutes)
    end = start_min(horizon) + horizon.minutes
    return float(horizon.minutes - (end - EARLY_MIN) % 1440.0)
