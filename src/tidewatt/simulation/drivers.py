"""Vehicles and their drivers on one simulated day: what is drawn once for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import FleetTypes
from tidewatt.simulation.consumption import REFERENCE_KWH_PER_KM
from tidewatt.simulation.parameters import Parameters

if TYPE_CHECKING:
    from tidewatt.synthesis.plans import Plans

__all__ = ["Drivers", "draw_drivers"]


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
    plans: Plans, types: FleetTypes, parameters: Parameters, rng: np.random.Generator
) -> Drivers:
    """Batteries by type, first state of charge and thresholds as the parameters say."""
    n = len(plans.first) - 1
    battery = types.battery_kwh[plans.type]
    low, high = parameters.soc_initial
    least, most = parameters.threshold_soc
    return Drivers(
        battery_kwh=battery,
        stored_kwh=battery * rng.uniform(low, high, n),
        factor=types.kwh_per_km[plans.type] / REFERENCE_KWH_PER_KM,
        fast_kw=types.max_fast_kw[plans.type],
        normal_kw=types.max_normal_kw[plans.type],
        threshold_soc=rng.uniform(least, most, n),
    )
