"""Vehicles and their drivers on one simulated day: what is drawn once for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import FleetTypes
from tidewatt.simulation.driving.consumption import REFERENCE_KWH_PER_KM
from tidewatt.simulation.parameters import Parameters

if TYPE_CHECKING:
    from tidewatt.synthesis.plans import DayPlans

__all__ = ["SLOW_KW", "Drivers", "draw_drivers"]


SLOW_KW = 22.0
"""Chargers up to this feed a vehicle's own charger, stronger ones its battery [kW]."""


class Drivers(NamedTuple):
    """Traits of vehicles and drivers, all of shape (vehicles,).

    Attributes
    ----------
    battery_kwh : array
        Usable capacity.
    stored_kwh : array
        Energy in the battery at minute 0.
    factor : array
        Consumption relative to the reference vehicle's.
    fast_kw, normal_kw : array
        What the vehicle takes at either kind of charger.
    threshold_soc : array
        Below this at the destination the driver charges on the way.
    """

    battery_kwh: Array
    stored_kwh: Array
    factor: Array
    fast_kw: Array
    normal_kw: Array
    threshold_soc: Array


def draw_drivers(
    plans: DayPlans, types: FleetTypes, parameters: Parameters, rng: np.random.Generator
) -> Drivers:
    """Batteries by type, first state of charge and thresholds as the parameters say.

    Where a vehicle stands at a charger at minute 0 it has charged since it came: a fleet that only then
    plugged in would make a peak at midnight that no grid sees.
    """
    n = plans.vehicles
    battery = types.battery_kwh[plans.type]
    low, high = parameters.soc_initial
    least, most = parameters.threshold_soc
    fast, normal = types.max_fast_kw[plans.type], types.max_normal_kw[plans.type]
    charger = plans.charger_kw[plans.first[:-1] + np.arange(n)]
    kw = np.minimum(charger, np.where(charger > SLOW_KW, fast, normal))
    before = kw * plans.standing_min / 60.0 * parameters.charge_efficiency
    return Drivers(
        battery_kwh=battery,
        stored_kwh=np.minimum(battery * rng.uniform(low, high, n) + before, battery),
        factor=types.kwh_per_km[plans.type] / REFERENCE_KWH_PER_KM,
        fast_kw=fast,
        normal_kw=normal,
        threshold_soc=rng.uniform(least, most, n),
    )
