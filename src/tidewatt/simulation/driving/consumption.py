"""What driving takes from the battery, by speed, road class and temperature."""

from __future__ import annotations

import numpy as np

from tidewatt.domain.arrays import Array
from tidewatt.domain.roads import Roads
from tidewatt.simulation.driving.speeds import speeds_kmh

__all__ = ["REFERENCE_KWH_PER_KM", "kwh_per_km", "link_kwh", "temperature_factor"]

REFERENCE_KWH_PER_KM = 0.16
"""Mean consumption of the vehicle that the formulas by speed describe: other types scale with theirs."""

_LEAST_KMH = 5.0
# Constant, per km/h of 1/V, per V, per V squared: expressway, arterial, branch; connectors as branches. (+)
_TERMS = np.array(
    [
        [0.247, 1.520, -0.004, 2.992e-5],
        [-0.179, 5.492, 0.004, 0.0],
        [0.210, 1.531, -0.001, 0.0],
        [0.210, 1.531, -0.001, 0.0],
    ]
)


def kwh_per_km(road_class: Array, speed_kmh: Array) -> Array:
    """Consumption of the reference vehicle at 20 degrees (sim-3) [kWh/km].

    The coefficients are common in the literature on Chinese cities and not verified against a primary
    source. Speeds count from 5 km/h on, and up to 130 km/h.
    """
    v = np.clip(speed_kmh, _LEAST_KMH, 130.0)
    constant, inverse, linear, square = _TERMS[road_class].T
    per_km: Array = constant + inverse / v + linear * v + square * v * v
    return np.maximum(per_km, 0.05)


def temperature_factor(temperature_c: float) -> float:
    """Consumption relative to 20 degrees (sim-4).

    Heating adds 1.2 % a degree below 20, cooling 0.6 % above 24; neither is
    verified against a primary source.
    """
    return 1.0 + 0.012 * max(20.0 - temperature_c, 0.0) + 0.006 * max(temperature_c - 24.0, 0.0)


def link_kwh(roads: Roads, time_min: Array, temperature_c: float) -> Array:
    """What the reference vehicle takes to pass each link [kWh], shape (links,)."""
    per_km = kwh_per_km(roads.road_class, speeds_kmh(roads, time_min))
    energy: Array = roads.length_km * per_km * temperature_factor(temperature_c)
    return energy
